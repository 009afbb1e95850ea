"""The client: tokens, waiting and retries around one transport, and the verbs that linking needs."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from airflow_provider_auth0link.api import wire
from airflow_provider_auth0link.api.pace import Pace
from airflow_provider_auth0link.api.retry import (
    PAIR_SECONDS,
    REAL_TIME,
    Budget,
    Timing,
    after_limit,
    backoff,
    server_time,
)
from airflow_provider_auth0link.api.token import StaticToken, Token, TokenFetcher, TokenSource
from airflow_provider_auth0link.api.wire import Request, Response
from airflow_provider_auth0link.errors import (
    AmbiguousError,
    Auth0LinkError,
    ForbiddenError,
    MissingAccountError,
    RateLimitedError,
    UnsentError,
)
from airflow_provider_auth0link.model import Account, Identity, UserId
from airflow_provider_auth0link.settings import Settings

log = logging.getLogger(__name__)

QUIET_S = 5.0
"""A wait longer than this is worth a line in the log."""

UNAUTHORIZED, TOO_MANY = 401, 429


class Transport(Protocol):
    """What opens the sockets."""

    def send(self, request: Request, headers: Mapping[str, str]) -> Response:
        """Send once."""


class Auth0Client:
    """
    A tenant's Management API for many threads: one token, one pace, one pool of connections.

    :param settings: the checked connection
    :param transport: what sends
    :param user_agent: names provider and version
    :param timing: clock, sleep and chance
    :param told: called with every token fetched, to register it with the secrets masker
    """

    def __init__(
        self,
        settings: Settings,
        transport: Transport,
        *,
        user_agent: str,
        told: Callable[[str], None],
        timing: Timing = REAL_TIME,
    ) -> None:
        self.settings = settings
        self._transport = transport
        self.timing = timing
        self._pace = Pace(settings.requests_per_second, clock=timing.clock, sleep=timing.sleep)
        self._user_agent = user_agent
        self._tokens = self._token_source(told)

    def _token_source(self, told: Callable[[str], None]) -> TokenSource:
        if self.settings.access_token:
            told(self.settings.access_token)
            return StaticToken(self.settings.access_token)
        fetch = TokenFetcher(
            self.settings,
            self._transport,
            timing=self.timing,
            unique=lambda: secrets.token_urlsafe(24),
            told=told,
            headers={"user-agent": self._user_agent},
        )
        return TokenSource(fetch, self.timing.clock)

    def work(self, *, correlation_id: str | None = None, seconds: float = PAIR_SECONDS) -> Work:
        """
        Begin a piece of work: its requests are counted, and share one budget of time.

        :param correlation_id: at most 64 characters, sent with every write to the tenant's log
        :param seconds: how long retries may go on
        """
        return Work(self, Budget(seconds, self.timing.clock), correlation_id)

    def send(
        self,
        request: Request,
        budget: Budget,
        correlation_id: str | None = None,
        before: float | None = None,
    ) -> Response:
        """
        Send until there is an answer that decides.

        429 is waited out (nothing was done), a 401 costs one renewal, reads are repeated after outages.
        A write that may have been done is not repeated here: whoever asked must look first.

        :param before: nothing is sent after this moment, monotonic seconds
        :raises Auth0LinkError: as ``wire.error_of`` says, when the answer is not 2xx
        """

        def allows(seconds: float) -> bool:
            ends = self.timing.clock() + seconds
            return ends < min(budget.ends, before if before is not None else budget.ends)

        attempt = 0
        renewed = False
        while True:
            attempt += 1
            token = None if request.bearer else self._tokens.current(budget)
            try:
                response = self._once(request, token, budget, correlation_id, before=before)
            except (UnsentError, AmbiguousError) as error:
                self._rest_or_raise(request, error, allows, backoff(attempt, self.timing.chance()))
                continue
            if response.ok:
                return response
            if response.status == UNAUTHORIZED and token is not None and not renewed:
                renewed = True
                self._tokens.after_refusal(token, budget)
                continue
            self._rest_or_raise(
                request, wire.error_of(request, response), allows, self._pause(request, attempt, response)
            )

    def _once(
        self,
        request: Request,
        token: Token | None,
        budget: Budget,
        correlation_id: str | None,
        *,
        before: float | None,
    ) -> Response:
        headers = {"user-agent": self._user_agent, "accept": "application/json"}
        headers["authorization"] = f"Bearer {request.bearer if token is None else token.value}"
        if correlation_id and not request.safe:
            headers["x-correlation-id"] = correlation_id
        if not self._pace.wait(lane(request), budget.ends):
            raise RateLimitedError(
                f"the tenant's rate limit holds {request.name} back for longer than there is time"
            )
        if before is not None and self.timing.clock() > before:
            raise UnsentError(f"the turn of {request.name} came too late: what was read before is old")
        budget.requests += 1
        return self._transport.send(request, headers)

    def _pause(self, request: Request, attempt: int, response: Response) -> float:
        if response.status != TOO_MANY:
            return backoff(attempt, self.timing.chance())
        now = server_time(response.headers, self.timing.epoch())
        seconds = after_limit(attempt, response.headers, now, self.timing.chance())
        self._pace.hold(lane(request), seconds)
        return seconds

    def _rest_or_raise(
        self, request: Request, error: Auth0LinkError, allows: Callable[[float], bool], seconds: float
    ) -> None:
        """Wait, when a repeat of this request can do no harm and there is time for it; else raise."""
        harmless = isinstance(error, UnsentError | RateLimitedError) or (
            isinstance(error, AmbiguousError) and request.safe
        )
        if not harmless or not allows(seconds):
            raise error
        if seconds > QUIET_S:
            log.warning("%s; trying again in %.0f s", error, seconds)
        self.timing.sleep(seconds)

    def token_scopes(self, budget: Budget) -> frozenset[str] | None:
        """Return the scopes of the Management token, None when the tenant does not tell."""
        return self._tokens.current(budget).scopes


def lane(request: Request) -> str:
    """Return the class of route: smaller plans keep a bucket for reads and one for writes."""
    return "read" if request.safe else "write"


class Work:
    """
    One piece of work at a tenant: the verbs, with a budget of time and a count of requests.

    It is what ``linking`` calls a tenant. Every verb raises the errors of ``errors.py``.
    """

    def __init__(self, client: Auth0Client, budget: Budget, correlation_id: str | None) -> None:
        self._client = client
        self._budget = budget
        self._correlation_id = correlation_id

    @property
    def requests(self) -> int:
        """How many API requests were sent so far, repeats included, the token's not."""
        return self._budget.requests

    def _send(self, request: Request, before: float | None = None) -> Response:
        return self._client.send(request, self._budget, self._correlation_id, before)

    def rest(self, attempt: int) -> bool:
        """Wait before a repeat that was decided elsewhere; False when there is no time for one."""
        seconds = backoff(attempt, self._client.timing.chance())
        if not self._budget.allows(seconds):
            return False
        self._client.timing.sleep(seconds)
        return True

    def now(self) -> float:
        """Monotonic seconds."""
        return self._budget.clock()

    def require(self, *scopes: str) -> None:
        """
        Check the token's scopes before a request is made.

        :raises ForbiddenError: naming those that are missing
        """
        if not self._client.settings.has_credentials:
            return  # the token source says so better, and a user's own token may do without
        held = self._client.token_scopes(self._budget)
        missing = sorted(set(scopes) - held) if held is not None else []
        if missing:
            raise ForbiddenError(
                f"the token of {self._client.settings.host} lacks {', '.join(missing)}. Grant it to the "
                "application (Auth0 dashboard: Applications, APIs, Auth0 Management API)"
            )

    def get_user(self, user_id: UserId) -> Account:
        """Read one account. MissingAccountError when it is not there."""
        return self._read(wire.get_user_request(user_id), wire.read_account)

    def _read(self, request: Request, reader: Callable[[Response], Account]) -> Account:
        attempt = 0
        while True:
            attempt += 1
            response = self._send(request)
            try:
                return reader(response)
            except AmbiguousError:  # a cut answer to a read: read again
                if not self.rest(attempt):
                    raise

    def update_user(self, user_id: UserId, body: Mapping[str, Any]) -> dict[str, Any]:
        """Change root attributes of an account. AmbiguousError when it may have been done."""
        return dict(wire.read_account(self._send(wire.update_user_request(user_id, body))).raw)

    def scopes(self) -> frozenset[str] | None:
        """Return the token's scopes, None when the tenant does not tell."""
        return self._client.token_scopes(self._budget)

    def link(
        self,
        primary: UserId,
        secondary: UserId,
        connection_id: str | None = None,
        *,
        before: float | None = None,
    ) -> list[Identity]:
        """Link once with the Management token, and not after *before* (monotonic seconds)."""
        request = wire.link_request(primary, secondary, connection_id)
        return wire.read_identities(self._send(request, before))

    def link_with(self, primary: UserId, id_token: str, bearer: str | None = None) -> list[Identity]:
        """Link once with the secondary's ID token, and the primary's own token when given."""
        return wire.read_identities(self._send(wire.link_with_request(primary, id_token, bearer)))

    def unlink(self, primary: UserId, secondary: UserId, connection: str | None = None) -> list[Identity]:
        """Unlink once."""
        return wire.read_identities(self._send(wire.unlink_request(primary, secondary, connection)))

    def connection_name(self, connection_id: str) -> str | None:
        """Return the name of a connection, None when there is none with this id."""
        try:
            row = wire.decoded(self._send(wire.get_connection_request(connection_id)))
        except MissingAccountError:
            return None
        return row.get("name") if isinstance(row, dict) else None

    def free(self, method: str, path: str, json: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 - decoded JSON
        """Send what a Dag author spells out; returns the decoded body, None when empty."""
        return wire.decoded(self._send(wire.free_request(method, path, json)))

    def probe(self) -> Mapping[str, str]:
        """Make the smallest read, and return the headers of its answer."""
        return self._send(wire.probe_request()).headers
