"""
Answers that are no, told for what they mean. Pure.

An answer is classified by its status first, its message second and its ``errorCode`` last, since real bodies
often lack the code.
"""

from __future__ import annotations

import json as jsonlib
import re

from airflow_provider_auth0link.api.wire import UNREADABLE, Request, Response
from airflow_provider_auth0link.errors import (
    AmbiguousError,
    AnswerError,
    Auth0LinkError,
    BadRequestError,
    ConflictError,
    ForbiddenError,
    MissingAccountError,
    RateLimitedError,
    SameIdentityError,
    UnauthorizedError,
)

_SAME = re.compile(r"are the same", re.IGNORECASE)
_MISSING = re.compile(r"not found|inexistent identity|(user|account) does not exist", re.IGNORECASE)
_KNOWN_400 = (
    (
        re.compile(r"not configured", re.IGNORECASE),
        "the provider or connection is not configured in the tenant",
    ),
    (
        re.compile(r"main identity cannot be removed", re.IGNORECASE),
        "an account's main identity stays with it",
    ),
    (re.compile(r"aud claim", re.IGNORECASE), "the ID token's aud is not the client that calls"),
    (re.compile(r"issuer", re.IGNORECASE), "the ID token comes from another issuer than this tenant"),
    (re.compile(r"RS256", re.IGNORECASE), "the ID token must be signed with RS256"),
    (re.compile(r"link_with", re.IGNORECASE), "the ID token is not accepted: expired, or from elsewhere"),
    (re.compile(r"secondary account", re.IGNORECASE), "Auth0 is unable to link with this secondary account"),
    (re.compile(r"no more permissions", re.IGNORECASE), "the user can be given no more permissions"),
    (re.compile(r"no more roles", re.IGNORECASE), "the user can be given no more roles"),
)


def error_of(request: Request, response: Response) -> Auth0LinkError:
    """
    Turn an answer that is no 2xx into the error that it means.

    The message of the body is matched, never quoted: bodies hold personal data.
    """
    said = f"Auth0 answered {response.status} to {request.name}"
    message, code = _boom(response)
    error: Auth0LinkError
    match response.status:
        case 400:
            error = _bad_request(said, message, code)
        case 401:
            whose = "primary_access_token" if request.bearer else "the Management token"
            error = UnauthorizedError(f"{said}: {whose} is not accepted: expired, or not for this tenant")
        case 403:
            error = _forbidden(said, request, message)
        case 404:
            error = _not_found(said, message)
        case 409:
            full = re.search(r"no more roles", message, re.IGNORECASE)
            why = "the member can be given no more roles" if full else "the identity already exists"
            error = ConflictError(f"{said}: {why}")
        case 429:
            error = RateLimitedError(f"{said}: the tenant's rate limit is used up")
        case status if status >= 500:  # noqa: PLR2004 - HTTP's own number
            error = AmbiguousError(f"{said}: Auth0 failed, and may have done it all the same")
        case _:
            error = AnswerError(f"{said}, which is not documented for it")
    return error


def _bad_request(said: str, message: str, code: str) -> BadRequestError:
    if _SAME.search(message):
        return SameIdentityError(f"{said}: main identity and the new one are the same")
    if _MISSING.search(message) or code == "inexistent_user":
        return MissingAccountError(f"{said}: an account is not there")
    why = next((ours for pattern, ours in _KNOWN_400 if pattern.search(message)), None)
    return BadRequestError(f"{said}: {why or 'the request is not valid'}" + (f" ({code})" if code else ""))


def _not_found(said: str, message: str) -> BadRequestError:
    """Tell an account that is not there from something else that a path or a body names."""
    if re.search(r"not a member", message, re.IGNORECASE):
        return BadRequestError(f"{said}: the account is no member of the organization")
    if other := re.search(r"organization|resource server|permission|\brole", message, re.IGNORECASE):
        return BadRequestError(f"{said}: the {other[0].lower()} is not there")
    return MissingAccountError(f"{said}: not found")


def _forbidden(said: str, request: Request, message: str) -> ForbiddenError:
    if re.search(r"does not match subject", message, re.IGNORECASE):
        return ForbiddenError(f"{said}: the access token belongs to another user than the primary")
    several = len(request.scopes) > 1 and "all of" in message
    wanted = f"one of {', '.join(request.scopes)}" if several else " or ".join(request.scopes)
    wanted = wanted or "the endpoint's scope"
    return ForbiddenError(
        f"{said}: the token lacks {wanted}. Grant it to the application "
        "(Auth0 dashboard: Applications, APIs, Auth0 Management API)"
    )


def _boom(response: Response) -> tuple[str, str]:
    """Return the message and the ``errorCode`` of an error body, '' where there is none."""
    try:
        body = jsonlib.loads(response.body)
    except UNREADABLE:
        return "", ""
    if not isinstance(body, dict):
        return "", ""
    code = body.get("errorCode") or ""
    return str(body.get("message") or ""), code if re.fullmatch(r"[a-z_]{1,64}", str(code)) else ""
