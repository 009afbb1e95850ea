"""
Requests out, answers in. Pure: nothing here opens a socket, waits or remembers.

Paths and bodies follow Auth0's Management API reference for ``POST /users/{id}/identities`` and its
neighbours.
"""

from __future__ import annotations

import json as jsonlib
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

from airflow_provider_auth0link.errors import (
    AmbiguousError,
    AnswerError,
    InputError,
)
from airflow_provider_auth0link.model import Account, Identity, UserId

API = "/api/v2"
METHODS = ("GET", "POST", "PATCH", "PUT", "DELETE")

UNREADABLE = (ValueError, RecursionError)
"""What the JSON library raises for a body: no JSON, or nested too deep."""


@dataclass(frozen=True, slots=True)
class Request:
    """
    One request to the tenant, without its token.

    ``name`` is the route as the API reference writes it, for messages; it holds no ids. ``scopes`` are
    those of which the route needs one. ``bearer`` is a user's own token, where they are the one who calls.
    """

    method: str
    path: str
    name: str
    json: Mapping[str, Any] | None = field(default=None, repr=False)
    form: Mapping[str, str] | None = field(default=None, repr=False)
    scopes: tuple[str, ...] = ()
    bearer: str | None = field(default=None, repr=False)

    @property
    def safe(self) -> bool:
        """Whether a repeat can change nothing: a read."""
        return self.method == "GET"


@dataclass(frozen=True, slots=True)
class Response:
    """An answer: status, headers in lower case, the body as bytes."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)

    @property
    def ok(self) -> bool:
        """Whether Auth0 did what was asked."""
        return 200 <= self.status < 300  # noqa: PLR2004 - HTTP's own classes


def segment(part: str) -> str:
    """Percent-encode one whole path segment: pipes, slashes and spaces too."""
    return quote(part, safe="")


def user_path(user_id: UserId) -> str:
    """``/api/v2/users/{id}``."""
    return f"{API}/users/{segment(str(user_id))}"


def link_request(primary: UserId, secondary: UserId, connection_id: str | None = None) -> Request:
    """``POST /users/{id}/identities`` with a Management token; the bare part of the id, as documented."""
    body = {"provider": secondary.provider, "user_id": secondary.rest}
    if connection_id is not None:
        body["connection_id"] = connection_id
    return _link(primary, body, ("update:users",), None)


def link_with_request(primary: UserId, id_token: str, bearer: str | None = None) -> Request:
    """``POST /users/{id}/identities`` with the secondary's ID token, which must stand alone in the body."""
    scope = "update:users" if bearer is None else "update:current_user_identities"
    return _link(primary, {"link_with": id_token}, (scope,), bearer)


def _link(primary: UserId, body: Mapping[str, str], scopes: tuple[str, ...], bearer: str | None) -> Request:
    path = f"{user_path(primary)}/identities"
    return Request("POST", path, "POST /users/{id}/identities", body, scopes=scopes, bearer=bearer)


def unlink_request(primary: UserId, secondary: UserId, connection: str | None = None) -> Request:
    """``DELETE /users/{id}/identities/{provider}/{user_id}``; a connection's name may stand before the id."""
    rest = secondary.rest if connection is None else f"{connection}|{secondary.rest}"
    path = f"{user_path(primary)}/identities/{segment(secondary.provider)}/{segment(rest)}"
    return Request(
        "DELETE", path, "DELETE /users/{id}/identities/{provider}/{user_id}", scopes=("update:users",)
    )


def get_user_request(user_id: UserId) -> Request:
    """``GET /users/{id}``: immediately consistent, fit for account linking."""
    return Request("GET", user_path(user_id), "GET /users/{id}", scopes=("read:users",))


def update_user_request(user_id: UserId, body: Mapping[str, Any]) -> Request:
    """``PATCH /users/{id}``: metadata is merged at the first level only, null unsets."""
    scopes = ("update:users_app_metadata",) if set(body) == {"app_metadata"} else ("update:users",)
    return Request("PATCH", user_path(user_id), "PATCH /users/{id}", body, scopes=scopes)


def get_connection_request(connection_id: str) -> Request:
    """``GET /connections/{id}``, the name alone."""
    path = f"{API}/connections/{segment(connection_id)}?fields=name&include_fields=true"
    return Request("GET", path, "GET /connections/{id}", scopes=("read:connections",))


def probe_request() -> Request:
    """The smallest read that shows the tenant's limit: one user's id."""
    path = f"{API}/users?per_page=1&page=0&fields=user_id&include_fields=true"
    return Request("GET", path, "GET /users", scopes=("read:users",))


def free_request(method: str, path: str, json: Mapping[str, Any] | None) -> Request:
    """
    Build a request that a Dag author spells out.

    :param path: below ``/api/v2``, with or without that prefix; percent-encoded by the caller
    :raises InputError: for an unknown method, another host, a path that climbs, or white space in it
    """
    verb = method.upper()
    if verb not in METHODS:
        raise InputError(f"method: must be one of {', '.join(METHODS)}")
    place = f"/{path.removeprefix('/')}"
    if place.startswith(f"{API}/"):
        place = place.removeprefix(API)
    # Dots are looked for behind their percent signs too: the HTTP library decodes them and climbs.
    segments = re.split(r"[/\\]", unquote(place.split("?", 1)[0]))
    if "://" in place or place.startswith("//") or {".", ".."} & set(segments):
        raise InputError("path: must lie below /api/v2 of the tenant, such as '/users/auth0%7C1'")
    if re.search(r"[\x00-\x20\x7f#]", place):
        raise InputError("path: holds white space, '#' or a control character. Percent-encode it")
    return Request(verb, f"{API}{place}", f"{verb} request", json)


def decoded(response: Response) -> Any:  # noqa: ANN401 - decoded JSON
    """
    Decode a 2xx body; None when there is none.

    :raises AmbiguousError: when it cannot be read: the work may have been done all the same
    """
    if not response.body:
        return None
    with suppress(*UNREADABLE):  # raised outside the block: the error inside may hold the body
        return jsonlib.loads(response.body)
    raise AmbiguousError(f"Auth0 answered {response.status} with a body that is no JSON")


def read_identities(response: Response) -> list[Identity]:
    """Read the identities that a link or unlink answers with. There is one at least: the account's own."""
    rows = decoded(response)
    with suppress(TypeError, KeyError, AttributeError, InputError, RecursionError):
        if isinstance(rows, list) and rows:
            return [Identity.from_json(row) for row in rows]
    raise AmbiguousError(f"Auth0 answered {response.status} without a list of identities")


def read_account(response: Response) -> Account:
    """Read a user."""
    row = decoded(response)
    with suppress(TypeError, KeyError, AttributeError, InputError, RecursionError):
        return Account.from_json(row)
    raise AmbiguousError(f"Auth0 answered {response.status} without a user")


def read_account_of(user_id: UserId, response: Response) -> Account:
    """
    Read the user that was asked for: guards and merge must not work on another's.

    :raises AnswerError: when it is another
    :raises AmbiguousError: when it has no identities: every account has its own at least
    """
    account = read_account(response)
    if account.id != user_id:
        raise AnswerError(
            "Auth0 answered GET /users/{id} with another account than was asked for. Check how the id is "
            "spelled, and a proxy on the way"
        )
    if not account.identities:
        raise AmbiguousError(f"Auth0 answered {response.status} with a user without identities")
    return account
