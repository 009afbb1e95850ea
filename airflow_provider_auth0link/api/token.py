"""
Management API tokens: one for a connection and process, whoever asks and however many.

Facts: Auth0 docs "Get Management API Access Tokens for Production" and "Authenticate with Private Key JWT".
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from airflow_provider_auth0link.api.retry import Budget, Timing, after_limit, backoff, server_time
from airflow_provider_auth0link.api.wire import UNREADABLE, Request, Response
from airflow_provider_auth0link.errors import (
    AmbiguousError,
    AnswerError,
    InputError,
    RateLimitedError,
    SettingsError,
    UnauthorizedError,
    UnsentError,
)
from airflow_provider_auth0link.model import UserId
from airflow_provider_auth0link.settings import Settings

ASSERTION_SECONDS = 60
"""Life of an assertion: Auth0 allows 5 minutes and recommends 1."""

DAY_S = 86_400.0
"""Life of a Management token, unless the answer says otherwise (Auth0's default)."""

CLOCK_SKEW_S = 5.0
"""A clock further off than this is corrected before an assertion is tried again. Auth0 allows 10 s."""

_JWT = re.compile(r"[\w-]+\.([\w-]+)\.[\w-]*", re.ASCII)
"""Header, claims and signature. What else a text holds would not pass the wire, and its error would show it."""

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class Sender(Protocol):
    """The part of a transport that is needed here."""

    def send(self, request: Request, headers: Mapping[str, str]) -> Response:
        """Send once."""


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token. ``scopes`` is None when the tenant did not tell. ``renew_at`` is monotonic seconds."""

    value: str = field(repr=False)
    scopes: frozenset[str] | None
    renew_at: float = float("inf")


class TokenSource:
    """
    Gives the current token, fetching it once however many threads wait.

    :param fetch: gets a new token within a budget
    :param clock: monotonic seconds
    """

    def __init__(self, fetch: Callable[[Budget], Token], clock: Callable[[], float]) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._token: Token | None = None

    def current(self, budget: Budget) -> Token:
        """Return the token, renewed before it expires."""
        token = self._token
        if token is not None and self._clock() < token.renew_at:
            return token
        with self._lock:
            token = self._token
            if token is None or self._clock() >= token.renew_at:
                token = self._token = self._fetch(budget)
            return token

    def after_refusal(self, refused: Token, budget: Budget) -> Token:
        """Return another token than the one that met a 401: one fetched meanwhile, or a new one."""
        with self._lock:
            if self._token is refused or self._token is None:
                self._token = self._fetch(budget)
            return self._token


class StaticToken(TokenSource):
    """A ready token from the connection. It is never refreshed."""

    def __init__(self, value: str) -> None:
        self._ready = Token(value, claimed_scopes(value))

    def current(self, budget: Budget) -> Token:  # noqa: ARG002 - the source's signature
        """Return the one token."""
        return self._ready

    def after_refusal(self, refused: Token, budget: Budget) -> Token:  # noqa: ARG002 - as above
        """Refuse: there is no other."""
        raise UnauthorizedError("Auth0 answered 401: extra access_token is expired, or not for this tenant")


class TokenFetcher:
    """
    ``POST /oauth/token`` with the client secret or a signed assertion, a fresh one for every attempt.

    :param timing: its epoch dates the assertions, corrected once by the answer's ``Date`` when it is off
    :param unique: gives each assertion its ``jti``
    :param told: called with each new token's value at once, to register it with the secrets masker
    """

    def __init__(
        self,
        settings: Settings,
        sender: Sender,
        *,
        timing: Timing,
        unique: Callable[[], str],
        told: Callable[[str], None],
        headers: Mapping[str, str],
    ) -> None:
        self._settings = settings
        self._sender = sender
        self._timing = timing
        self._unique = unique
        self._told = told
        self._headers = headers
        self._offset = 0.0

    def __call__(self, budget: Budget) -> Token:
        """
        Fetch a token, waiting out 429 and outages within the budget.

        :raises SettingsError: when the connection holds no credentials
        :raises UnauthorizedError: when Auth0 does not take them
        """
        if not self._settings.has_credentials:
            raise SettingsError(
                "the connection holds no credentials for the Management API. Set Login and Password "
                "(client id and secret), or extra private_key or access_token"
            )
        corrected = False
        attempt = 0
        while True:
            attempt += 1
            asked = self._timing.clock()
            try:
                response = self._sender.send(self._request(), self._headers)
                if response.ok:
                    return self._token(response, asked)
            except (UnsentError, AmbiguousError) as error:
                self._rest(budget, backoff(attempt, self._timing.chance()), error)
                continue
            if not corrected and self._clock_was_off(response):
                corrected = True
                continue
            self._rest(budget, self._pause(attempt, response), _refusal(response))

    def _request(self) -> Request:
        form = {"grant_type": "client_credentials", "audience": self._settings.audience}
        form["client_id"] = self._settings.client_id or ""
        if self._settings.private_key:
            form |= {"client_assertion_type": ASSERTION_TYPE, "client_assertion": self._assertion()}
        else:
            form["client_secret"] = self._settings.client_secret or ""
        return Request("POST", "/oauth/token", "POST /oauth/token", form=form)

    def _assertion(self) -> str:
        import jwt

        now = int(self._timing.epoch() + self._offset)
        claims = {
            "iss": self._settings.client_id,
            "sub": self._settings.client_id,
            "aud": f"{self._settings.base_url}/",
            "iat": now,
            "exp": now + ASSERTION_SECONDS,
            "jti": self._unique(),
        }
        key_id = self._settings.private_key_id
        return jwt.encode(
            claims,
            self._settings.private_key or "",
            algorithm=self._settings.signing_alg,
            headers={"kid": key_id} if key_id else None,
        )

    def _clock_was_off(self, response: Response) -> bool:
        """Learn the clock's offset from a refusal of an assertion; True when that may be the cause."""
        if not self._settings.private_key or response.status not in {400, 401}:
            return False
        now = self._timing.epoch()
        off = server_time(response.headers, now) - now
        if abs(off - self._offset) <= CLOCK_SKEW_S:
            return False
        self._offset = off
        return True

    def _pause(self, attempt: int, response: Response) -> float:
        now = server_time(response.headers, self._timing.epoch())
        told = None
        if response.status == 429:  # noqa: PLR2004 - HTTP's own number
            told = after_limit(attempt, response.headers, now, self._timing.chance())
        return backoff(attempt, self._timing.chance()) if told is None else told

    def _rest(self, budget: Budget, seconds: float, error: Exception) -> None:
        if not getattr(error, "retryable", False) or not budget.allows(seconds):
            raise error
        self._timing.sleep(seconds)

    def _token(self, response: Response, asked: float) -> Token:
        body: dict[str, Any] = {}
        value, lives = None, 0.0
        with suppress(KeyError, TypeError, OverflowError, *UNREADABLE):  # whose errors may hold the body
            body = json.loads(response.body)
            value, lives = body["access_token"], float(body.get("expires_in", DAY_S))
        if not (isinstance(value, str) and re.fullmatch(r"[\x21-\x7e]+", value)):
            raise AmbiguousError("Auth0 answered POST /oauth/token without a token")
        self._told(value)
        scope = body.get("scope")
        scopes = frozenset(scope.split()) if isinstance(scope, str) else claimed_scopes(value)
        lives = lives if 0 < lives < float("inf") else DAY_S  # nonsense: a 401 will tell when it is over
        # A tenth of its life, at most a minute, is left for the requests that are under way.
        return Token(value, scopes, asked + lives - min(60.0, lives / 10))


def _refusal(response: Response) -> AnswerError | AmbiguousError:
    said = f"Auth0 answered {response.status} to POST /oauth/token"
    if response.status == 429:  # noqa: PLR2004 - HTTP's own number
        return RateLimitedError(f"{said}: too many token requests")
    if response.status >= 500:  # noqa: PLR2004 - HTTP's own number
        return AmbiguousError(f"{said}: Auth0 failed")
    if response.status == 403:  # noqa: PLR2004 - HTTP's own number
        return UnauthorizedError(
            f"{said}: the application is not authorized for the Management API, or the audience is wrong. "
            "With a custom domain set extra audience to the canonical tenant's"
        )
    if response.status in {400, 401}:
        return UnauthorizedError(
            f"{said}: client id, secret or key is not accepted. Check Login and the credentials"
        )
    return UnauthorizedError(f"{said}, which no tenant does. Check Host, and a proxy on the way")


def claims_of(token: str, field_name: str) -> dict[str, Any]:
    """
    Read the claims of a JWT without verifying it: Auth0 does that; here they only guard against mix-ups.

    :raises InputError: naming *field_name*, never the token
    """
    claims = None
    parts = _JWT.fullmatch(token)
    if parts:
        with suppress(*UNREADABLE):
            claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    if not isinstance(claims, dict):
        raise InputError(f"{field_name}: is no JSON Web Token")
    return claims


def claimed_scopes(token: str) -> frozenset[str] | None:
    """Return the scopes that a token claims, or None when it is opaque or claims none."""
    try:
        scope = claims_of(token, "access_token").get("scope")
    except InputError:
        return None
    return frozenset(scope.split()) if isinstance(scope, str) else None


def subject_of(token: str, field_name: str) -> UserId:
    """Return the account that a user's token is about."""
    subject = claims_of(token, field_name).get("sub")
    if not isinstance(subject, str):
        raise InputError(f"{field_name}: has no sub, so it is no token of a user")
    return UserId.parse(subject, f"{field_name}: its sub")
