"""Which operation a method and a raw path name. Segments are decoded one by one, after the split."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from airflow_provider_auth0link.emulator.answers import ApiError, invalid_uri

API = "/api/v2"
DOWNLOADS = "/exports"
"""Where the files of jobs lie: not in the API."""

OTHER = "other"
IDENTITIES_WRITE = "identities_write"
IDENTITIES_DELETE = "identities_delete"
USER_ORGANIZATIONS = "user_organizations_read"
MEMBERS_READ = "organization_members_read"
MEMBERS_WRITE = "organization_members_write"
MEMBER_ROLES_READ = "organization_member_roles_read"
MEMBER_ROLES_WRITE = "organization_member_roles_write"
"""Groups of endpoints that may have a bucket of their own."""


@dataclass(frozen=True, slots=True)
class Route:
    """
    One operation.

    :param name: as faults and recorded requests call it
    :param method: HTTP method
    :param segments: path below ``/api/v2``; None stands for any one segment
    :param scopes: any one of them opens it. One that says ``current_user`` opens it for the
        token's own subject alone
    :param group: whose bucket it draws on, where a plan has several
    :param every: whether all scopes are needed, not any one
    """

    name: str
    method: str
    segments: tuple[str | None, ...]
    scopes: tuple[str, ...] = ()
    group: str = OTHER
    every: bool = False


_USER = ("users", None)
_MEMBERS = ("organizations", None, "members")
_MEMBER_ROLES = (*_MEMBERS, None, "roles")
_JOB = ("jobs", None)
_IDENTITY_SCOPES = ("update:users", "update:current_user_identities")

ROUTES = (
    Route("users_search", "GET", ("users",), ("read:users",), "users_read"),
    Route("user_create", "POST", ("users",), ("create:users",), "users_write"),
    Route("users_by_email", "GET", ("users-by-email",), ("read:users",), "users_read"),
    Route(
        "user_get", "GET", _USER, ("read:users", "read:user_idp_tokens", "read:current_user"), "users_read"
    ),
    Route(
        "user_update",
        "PATCH",
        _USER,
        ("update:users", "update:users_app_metadata", "update:current_user_metadata"),
        "users_write",
    ),
    Route("user_delete", "DELETE", _USER, ("delete:users", "delete:current_user"), "users_delete"),
    Route("link", "POST", (*_USER, "identities"), _IDENTITY_SCOPES, IDENTITIES_WRITE),
    Route("unlink", "DELETE", (*_USER, "identities", None, None), _IDENTITY_SCOPES, IDENTITIES_DELETE),
    Route(
        "roles",
        "GET",
        (*_USER, "roles"),
        ("read:users", "read:roles", "read:role_members"),
        every=True,
    ),
    Route("roles_add", "POST", (*_USER, "roles"), ("update:users", "create:role_members"), every=True),
    Route("roles_remove", "DELETE", (*_USER, "roles"), ("update:users", "delete:role_members"), every=True),
    Route("permissions", "GET", (*_USER, "permissions"), ("read:users",)),
    Route("permissions_add", "POST", (*_USER, "permissions"), ("update:users",)),
    Route("permissions_remove", "DELETE", (*_USER, "permissions"), ("update:users",)),
    Route("organizations", "GET", (*_USER, "organizations"), ("read:organizations",), USER_ORGANIZATIONS),
    Route("members", "GET", _MEMBERS, ("read:organization_members",), MEMBERS_READ),
    Route("members_add", "POST", _MEMBERS, ("create:organization_members",), MEMBERS_WRITE),
    Route("members_remove", "DELETE", _MEMBERS, ("delete:organization_members",), MEMBERS_WRITE),
    Route(
        "member_roles",
        "GET",
        _MEMBER_ROLES,
        ("read:organization_member_roles",),
        MEMBER_ROLES_READ,
    ),
    Route(
        "member_roles_add",
        "POST",
        _MEMBER_ROLES,
        ("create:organization_member_roles",),
        MEMBER_ROLES_WRITE,
    ),
    Route(
        "member_roles_remove",
        "DELETE",
        _MEMBER_ROLES,
        ("delete:organization_member_roles",),
        MEMBER_ROLES_WRITE,
    ),
    Route("connections", "GET", ("connections",), ("read:connections",), "connections_read"),
    Route("connection", "GET", ("connections", None), ("read:connections",), "connections_read"),
    Route("export_create", "POST", ("jobs", "users-exports"), ("read:users",)),
    Route("job", "GET", _JOB, ("create:users", "read:users")),
    Route("job_errors", "GET", (*_JOB, "errors"), ("create:users", "read:users")),
)
TOKEN = Route("token", "POST", ())
JWKS = Route("jwks", "GET", ())
DOWNLOAD = Route("download", "GET", ())
UNKNOWN = Route("unknown", "", ())
NAMES = frozenset(each.name for each in (*ROUTES, TOKEN, JWKS, DOWNLOAD, UNKNOWN))

_BY_SHAPE = {(each.method, len(each.segments), each.segments[-1], each.segments[0]): each for each in ROUTES}


def route_of(method: str, raw_path: str) -> tuple[Route, list[str]]:
    """
    Find the operation of a request.

    :param method: HTTP method
    :param raw_path: path as it came, without the query
    :return: the route (``UNKNOWN`` when there is none) and its still encoded parameters
    """
    if (method, raw_path) == ("POST", "/oauth/token"):
        return TOKEN, []
    if (method, raw_path) == ("GET", "/.well-known/jwks.json"):
        return JWKS, []
    if method == "GET" and (file := re.fullmatch(f"{DOWNLOADS}/([^/]+)/([^/]+)", raw_path)):
        return DOWNLOAD, list(file.groups())
    prefix, _, rest = raw_path.partition(f"{API}/")
    if prefix or not rest:
        return UNKNOWN, []
    parts = rest.split("/")
    for last in (parts[-1], None):
        route = _BY_SHAPE.get((method, len(parts), last, parts[0]))
        if route is not None and _fits(route, parts):
            return route, [part for part, name in zip(parts, route.segments, strict=True) if name is None]
    return UNKNOWN, []


def _fits(route: Route, parts: list[str]) -> bool:
    return all(name is None or name == part for name, part in zip(route.segments, parts, strict=True))


def decoded(part: str) -> str:
    """Decode one path segment. 400 when it is empty or no UTF-8."""
    try:
        text = unquote(part, errors="strict")
    except UnicodeDecodeError:
        raise invalid_uri("a path segment is no UTF-8") from None
    if not text:
        raise invalid_uri("a path segment is empty")
    return text


def not_found() -> ApiError:
    """404 for a path that the API does not have."""
    return ApiError(404, "Not Found")
