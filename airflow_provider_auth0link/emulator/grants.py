"""``POST /oauth/token``: client credentials by secret or by a signed assertion."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any

import jwt

from airflow_provider_auth0link.emulator.answers import Answer, TokenError, answer, utf8
from airflow_provider_auth0link.emulator.keys import CLIENT_KEY_ID, claims_of, client_key
from airflow_provider_auth0link.emulator.tokens import Tokens

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALGORITHMS = ("RS256", "RS384", "PS256")
LONGEST_ASSERTION = 300
"""Seconds: "exp at most 5 minutes ahead" (Authenticate with Private Key JWT)."""
SKEW = 10
"""Seconds by which ``iat`` and ``nbf`` may lie ahead of the tenant's clock (same page)."""


class TokenDesk:
    """
    Hands out Management API tokens to one client.

    :param tokens: what issues them
    :param client_secret: of the client
    :param scopes: what the client was granted, separated by spaces
    :param lifetime: of a token, seconds
    """

    def __init__(self, tokens: Tokens, client_secret: str, scopes: str, lifetime: int) -> None:
        self.tokens = tokens
        self.client_secret = client_secret
        self.scopes = scopes
        self.lifetime = lifetime
        self._used: set[str] = set()

    def exchange(self, form: Mapping[str, Any]) -> Answer:
        """
        Answer a token request.

        :param form: the decoded body
        :raises TokenError: when it is refused
        """
        kind = form.get("grant_type")
        if not kind:
            raise TokenError(400, "invalid_request", "Missing required parameter: grant_type")
        if kind != "client_credentials":
            raise TokenError(400, "unsupported_grant_type", f"Unsupported grant type: {kind}")
        self._authenticate(form)
        self._check_audience(form.get("audience"))
        scopes = self._granted(form.get("scope"))
        token = self.tokens.access_token(
            f"{self.tokens.client_id}@clients", scopes, self.lifetime, gty="client-credentials"
        )
        payload = {
            "access_token": token,
            "expires_in": self.lifetime,
            "scope": scopes,
            "token_type": "Bearer",
        }
        return answer(payload, 200, ("cache-control", "no-store"), ("pragma", "no-cache"))

    def _granted(self, asked: str | None) -> str:
        if not asked:
            return self.scopes
        return " ".join(each for each in self.scopes.split() if each in asked.split())

    def _check_audience(self, audience: object) -> None:
        if not audience:
            text = "No audience parameter was provided, and no default audience has been configured"
            raise TokenError(403, "access_denied", text)
        if not self.tokens.is_own_url(audience, "api/v2/"):
            raise TokenError(403, "access_denied", f"Service not enabled within domain: {audience}")

    def _authenticate(self, form: Mapping[str, Any]) -> None:
        secret, assertion = form.get("client_secret"), form.get("client_assertion")
        if secret and assertion:
            raise TokenError(400, "invalid_request", "Use one way of client authentication, not two")
        if assertion:
            self._check_assertion(form, str(assertion))
        elif not form.get("client_id"):
            raise TokenError(400, "invalid_request", "Missing required parameter: client_id")
        elif form["client_id"] != self.tokens.client_id or not _same(str(secret or ""), self.client_secret):
            raise TokenError(401, "access_denied", "Unauthorized")

    def _check_assertion(self, form: Mapping[str, Any], assertion: str) -> None:
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            raise TokenError(400, "invalid_request", "client_assertion_type is missing or unknown")
        if form.get("client_id") not in (None, "", self.tokens.client_id):
            raise _refused("client_id is not the assertion's")
        claims = _verified(assertion)
        own = self.tokens.client_id
        if claims.get("iss") != own or claims.get("sub") != own:
            raise _refused("iss and sub must be the client_id")
        audiences = claims.get("aud")
        if not any(map(self.tokens.is_own_url, audiences if isinstance(audiences, list) else [audiences])):
            raise _refused("aud must be the tenant's URL with a trailing slash")
        self._check_times(claims)
        self._use_once(claims.get("jti"))

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now = self.tokens.now()
        expires = claims.get("exp")
        if not isinstance(expires, int | float) or expires <= now:
            raise _refused("exp is missing or past")
        if expires > now + LONGEST_ASSERTION:
            raise _refused("exp is more than 5 minutes ahead")
        for claim in ("iat", "nbf"):
            value = claims.get(claim, now)
            if not isinstance(value, int | float) or value > now + SKEW:
                raise _refused(f"{claim} lies in the future")

    def _use_once(self, token_id: object) -> None:
        if not isinstance(token_id, str) or not token_id:
            raise _refused("jti is missing")
        if token_id in self._used:
            raise _refused("jti was used before")
        self._used.add(token_id)


def _verified(assertion: str) -> dict[str, Any]:
    try:
        if jwt.get_unverified_header(assertion).get("kid") not in (None, CLIENT_KEY_ID):
            raise _refused("kid names no registered key")
        return claims_of(assertion, client_key().public_key(), ALGORITHMS)
    except jwt.InvalidTokenError:
        raise _refused("signature or form") from None


def _refused(problem: str) -> TokenError:
    return TokenError(401, "invalid_client", f"Invalid client assertion: {problem}")


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(utf8(one), utf8(other))
