"""Access tokens and ID tokens: signed when issued, verified on every call."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import jwt

from airflow_provider_auth0link.emulator.accounts import split
from airflow_provider_auth0link.emulator.answers import ApiError, unauthorized
from airflow_provider_auth0link.emulator.keys import TENANT_KEY_ID, claims_of, tenant_key

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
USER_SCOPE = "update:current_user_identities"
EXPIRED = "Expired token received for JSON Web Token validation"
BAD_SIGNATURE = "Invalid signature received for JSON Web Token validation"


@dataclass(frozen=True, slots=True)
class Grant:
    """What a verified access token allows."""

    subject: str
    client: str
    scopes: frozenset[str]
    expires: float
    token_id: str

    @property
    def idp_tokens(self) -> bool:
        """Whether tokens of identity providers are shown."""
        return "read:user_idp_tokens" in self.scopes


class Tokens:
    """
    Issues and verifies a tenant's tokens.

    A signature is verified when a token is first seen; later calls find the result by the token's
    text, so that a verified call costs a look-up.

    :param url: the tenant's, without a slash at the end
    :param client_id: the client that tokens are for
    :param now: the tenant's clock, epoch seconds
    """

    def __init__(self, url: str, client_id: str, now: Callable[[], float]) -> None:
        self.issuer = f"{url}/"
        own, port = urlsplit(url).netloc, urlsplit(url).port
        self.client_id = client_id
        self.now = now
        hosts = {own, *(f"{name}:{port}" for name in LOOPBACK_NAMES)}
        self._own_names = {f"{way}://{host}/" for way in ("http", "https") for host in hosts}
        self._grants: dict[str, Grant] = {}
        self._live: set[str] = set()

    def is_own_url(self, url: object, path: str = "") -> bool:
        """Tell whether a URL names this tenant: http or https, any loopback name, the path as given."""
        return isinstance(url, str) and url.endswith(path) and url.removesuffix(path) in self._own_names

    def access_token(self, subject: str, scopes: str, lifetime: float, **claims: Any) -> str:  # noqa: ANN401 - JSON
        """Issue an access token for the Management API."""
        token_id = secrets.token_hex(8)
        self._live.add(token_id)
        return self._signed(
            subject,
            lifetime,
            aud=f"{self.issuer}api/v2/",
            azp=self.client_id,
            scope=scopes,
            jti=token_id,
            **claims,
        )

    def id_token(self, user_id: str, lifetime: float = 36000, **claims: Any) -> str:  # noqa: ANN401 - JSON
        """Issue an ID token of a user. *claims* replace its own; None leaves one out."""
        return self._signed(user_id, lifetime, **{"aud": self.client_id, **claims})

    def _signed(self, subject: str, lifetime: float, **claims: Any) -> str:  # noqa: ANN401 - JSON
        now = int(self.now())
        payload = {"iss": self.issuer, "sub": subject, "iat": now, "exp": int(now + lifetime), **claims}
        given = {key: value for key, value in payload.items() if value is not None}
        return jwt.encode(given, tenant_key(), algorithm="RS256", headers={"kid": TENANT_KEY_ID})

    def revoke(self) -> None:
        """End every access token issued so far. Auth0 cannot do this; time can."""
        self._live.clear()

    def verified(self, authorization: str | None) -> Grant:
        """
        Return what a bearer token allows.

        :param authorization: the ``Authorization`` header
        :raises ApiError: 401
        """
        way, _, token = (authorization or "").partition(" ")
        if way.lower() != "bearer" or not token:
            raise unauthorized("Missing authentication")
        grant = self._grants.get(token) or self._grants.setdefault(token, self._read(token))
        if grant.token_id not in self._live or grant.expires <= self.now():
            raise unauthorized(EXPIRED)
        return grant

    def _read(self, token: str) -> Grant:
        try:
            claims = _decoded(token)
        except jwt.InvalidSignatureError:
            raise unauthorized(BAD_SIGNATURE) from None
        except jwt.InvalidTokenError:
            raise unauthorized("Invalid token") from None
        if claims.get("iss") != self.issuer or not self.is_own_url(claims.get("aud"), "api/v2/"):
            raise unauthorized("Bad audience: " + str(claims.get("aud")))
        return Grant(
            subject=claims["sub"],
            client=claims["azp"],
            scopes=frozenset(claims["scope"].split()),
            expires=claims["exp"],
            token_id=claims["jti"],
        )

    def linked_subject(self, token: str, caller: Grant) -> str:
        """
        Return the user of an ID token sent as ``link_with``, checked as Auth0 documents it.

        :raises ApiError: 400 with the documented text
        """
        try:
            algorithm = jwt.get_unverified_header(token).get("alg")
        except jwt.InvalidTokenError:
            raise ApiError(400, "Invalid token (link_with).") from None
        if algorithm != "RS256":
            raise _link_with("must have an alg of RS256.")
        try:
            claims = _decoded(token)
        except jwt.InvalidTokenError:
            raise ApiError(400, "Invalid token (link_with).") from None
        self._check_id_token(claims, caller)
        return str(claims["sub"])

    def _check_id_token(self, claims: Mapping[str, Any], caller: Grant) -> None:
        if claims.get("exp", 0) <= self.now():
            raise ApiError(400, "Invalid token (link_with).")
        if claims.get("iss") != self.issuer:
            raise _link_with("must have the same issuer as the calling user.")
        audiences = claims.get("aud")
        audiences = [audiences] if isinstance(audiences, str) else audiences
        if not isinstance(audiences, list) or not audiences:
            raise _link_with("contains an invalid aud claim.")
        if caller.client not in audiences:
            raise _link_with("must have an aud claim that matches that of the calling token's azp.")
        if "sub" not in claims:
            raise _link_with("must contains sub claim.")
        try:
            split(claims["sub"])
        except (ValueError, AttributeError):
            raise _link_with("contains an invalid sub claim.") from None


def _decoded(token: str) -> dict[str, Any]:
    return claims_of(token, tenant_key().public_key(), ["RS256"])


def _link_with(problem: str) -> ApiError:
    return ApiError(400, f"JWT (link_with) {problem}")
