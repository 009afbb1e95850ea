"""
Roles, permissions, organizations and connections on the wire: requests out, rows of a page in. Pure.

Paths and bodies follow Auth0's Management API reference. Ids of roles and organizations, and names of
permissions, go out sorted, so that the same work makes the same request.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Any, TypeVar

from airflow_provider_auth0link.api.wire import API, Request, Response, decoded, segment, user_path
from airflow_provider_auth0link.errors import AmbiguousError, AnswerError, InputError
from airflow_provider_auth0link.model import UserId

Row = TypeVar("Row")
Thing = TypeVar("Thing", str, tuple[str, str])

PER_PAGE = 100
"""The most that the reference allows."""

MOST_PAGES = 1000
"""Of one list. The reference lets a page's number be 1000 at most."""

USER_ROLES = "/users/{id}/roles"
USER_PERMISSIONS = "/users/{id}/permissions"
USER_ORGANIZATIONS = "/users/{id}/organizations"
MEMBERS = "/organizations/{id}/members"
MEMBER_ROLES = "/organizations/{id}/members/{user_id}/roles"

READ_ROLES = ("read:users", "read:roles", "read:role_members")
"""All of them, the reference says."""

DIRECT = "DIRECT"


def roles_page(user_id: UserId, page: int) -> Request:
    """``GET /users/{id}/roles``: tenant-wide roles only."""
    return _page(f"{user_path(user_id)}/roles", USER_ROLES, page, READ_ROLES)


def permissions_page(user_id: UserId, page: int) -> Request:
    """``GET /users/{id}/permissions``: those that roles bring are among them."""
    return _page(f"{user_path(user_id)}/permissions", USER_PERMISSIONS, page, ("read:users",))


def organizations_page(user_id: UserId, page: int) -> Request:
    """``GET /users/{id}/organizations``."""
    return _page(f"{user_path(user_id)}/organizations", USER_ORGANIZATIONS, page, ("read:organizations",))


def member_roles_page(organization: str, user_id: UserId, page: int) -> Request:
    """``GET /organizations/{id}/members/{user_id}/roles``."""
    path = _member_roles_path(organization, user_id)
    return _page(path, MEMBER_ROLES, page, ("read:organization_member_roles",))


def connections_page(page: int) -> Request:
    """``GET /connections``, the database ones: their ids and names."""
    query = "strategy=auth0&fields=id,name&include_fields=true"
    return _page(f"{API}/connections?{query}", "/connections", page, ("read:connections",))


def _page(path: str, route: str, page: int, scopes: tuple[str, ...]) -> Request:
    joint = "&" if "?" in path else "?"
    return Request("GET", f"{path}{joint}per_page={PER_PAGE}&page={page}", f"GET {route}", scopes=scopes)


def change_roles(method: str, user_id: UserId, roles: Collection[str]) -> Request:
    """``POST`` or ``DELETE /users/{id}/roles``."""
    scopes = ("update:users", f"{_verb(method)}:role_members")
    body = {"roles": _listed(roles, "roles")}
    return Request(method, f"{user_path(user_id)}/roles", f"{method} {USER_ROLES}", body, scopes=scopes)


def change_permissions(method: str, user_id: UserId, permissions: Collection[tuple[str, str]]) -> Request:
    """``POST`` or ``DELETE /users/{id}/permissions``; each is (API identifier, permission name)."""
    rows = [
        {"resource_server_identifier": api, "permission_name": name}
        for api, name in _listed(permissions, "permissions")
    ]
    path = f"{user_path(user_id)}/permissions"
    return Request(
        method, path, f"{method} {USER_PERMISSIONS}", {"permissions": rows}, scopes=("update:users",)
    )


def change_member(method: str, organization: str, user_id: UserId) -> Request:
    """``POST`` or ``DELETE /organizations/{id}/members``, one member."""
    scope = f"{_verb(method)}:organization_members"
    path = f"{_organization_path(organization)}/members"
    return Request(method, path, f"{method} {MEMBERS}", {"members": [str(user_id)]}, scopes=(scope,))


def change_member_roles(method: str, organization: str, user_id: UserId, roles: Collection[str]) -> Request:
    """``POST`` or ``DELETE /organizations/{id}/members/{user_id}/roles``."""
    scope = f"{_verb(method)}:organization_member_roles"
    path = _member_roles_path(organization, user_id)
    body = {"roles": _listed(roles, "roles")}
    return Request(method, path, f"{method} {MEMBER_ROLES}", body, scopes=(scope,))


def _verb(method: str) -> str:
    return "create" if method == "POST" else "delete"


def _organization_path(organization: str) -> str:
    """
    ``/api/v2/organizations/{id}``.

    :raises InputError: when the id would leave its place in the path
    """
    if not organization or organization in {".", ".."}:
        raise InputError(f"organization: {organization!r} is no id. Give one such as 'org_...'")
    return f"{API}/organizations/{segment(organization)}"


def _member_roles_path(organization: str, user_id: UserId) -> str:
    return f"{_organization_path(organization)}/members/{segment(str(user_id))}/roles"


def _listed(things: Collection[Thing], what: str) -> list[Thing]:
    if not things:
        raise InputError(f"{what}: the list is empty, and Auth0 refuses an empty one")
    return sorted(set(things))


def rows_of(reader: Callable[[Any], Row], response: Response) -> list[Row]:
    """
    Read one page.

    :raises AmbiguousError: when it is no list of what *reader* reads
    """
    rows = decoded(response)
    with suppress(TypeError, KeyError, AttributeError, ValueError):
        if isinstance(rows, list):
            return [reader(row) for row in rows]
    raise AmbiguousError(f"Auth0 answered {response.status} without a list of what was asked for")


def id_of(row: Any) -> str:  # noqa: ANN401 - decoded JSON
    """Read the id of a role or an organization."""
    return _text(row["id"])


def permission_of(row: Any) -> tuple[tuple[str, str], bool]:  # noqa: ANN401 - decoded JSON
    """
    Read a permission as (API identifier, permission name), and whether it was granted directly.

    Where an answer names no sources, it counts as granted directly.
    """
    permission = _text(row["resource_server_identifier"]), _text(row["permission_name"])
    sources = row.get("sources")
    return permission, not sources or any(each["source_type"] == DIRECT for each in sources)


def connection_of(row: Any) -> tuple[str, str]:  # noqa: ANN401 - decoded JSON
    """Read a connection as (name, id)."""
    return _text(row["name"]), _text(row["id"])


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError("ids and names are text")
    return value


def all_pages(read: Callable[[int], list[Row]], name: str) -> list[Row]:
    """
    Read a list page by page, until one is short.

    :param read: reads page number so-and-so
    :param name: the route, for messages
    :raises AnswerError: when a page says nothing new, or there is no end
    """
    found: list[Row] = []
    seen: set[Row] = set()
    for page in range(MOST_PAGES + 1):
        rows = read(page)
        if len(rows) >= PER_PAGE and seen.issuperset(rows):
            raise AnswerError(f"Auth0 answered page {page} of {name} with what earlier pages held")
        found += rows
        seen.update(rows)
        if len(rows) < PER_PAGE:
            return found
    raise AnswerError(f"Auth0 answered {name} with more than {MOST_PAGES} pages")
