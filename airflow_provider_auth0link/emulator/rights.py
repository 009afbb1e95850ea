"""
Roles, permissions and organizations, and who holds them.

What a user holds hangs on the user id: it goes with the account (link, delete), and an account
that an unlink brings back has none of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from airflow_provider_auth0link.emulator.accounts import Json
from airflow_provider_auth0link.emulator.answers import utf8

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

MOST_ROLES = 50
"""Roles of a user ("Entity limit policy")."""
MOST_PERMISSIONS = 1000
"""Permissions of a user that are granted directly (same page)."""
MOST_MEMBER_ROLES = 50
"""Roles of an organization's member (same page)."""

Permission = tuple[str, str]
"""Identifier of the resource server (API), and name of the permission."""


def made_id(prefix: str, name: str) -> str:
    """Make an id: the prefix, and 16 letters or digits. The same name gives the same id."""
    digest = hashlib.sha256(utf8(name)).digest()
    return prefix + "".join(ALPHABET[each % len(ALPHABET)] for each in digest[:16])


@dataclass(slots=True)
class Held:
    """
    What one user id holds. The dicts are sets that keep their order.

    :param roles: role ids, tenant-wide
    :param permissions: granted directly
    :param organizations: organization id to the ids of the roles in it
    """

    roles: dict[str, None] = field(default_factory=dict)
    permissions: dict[Permission, None] = field(default_factory=dict)
    organizations: dict[str, dict[str, None]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Given:
    """What a user's row gives: ids or names, as they stand there."""

    roles: tuple[str, ...] = ()
    permissions: tuple[Permission, ...] = ()
    organizations: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def take_given(row: Json) -> Given:
    """
    Take what a user holds out of the row that seeds it.

    :param row: changed: loses ``roles`` (ids or names), ``permissions``
        (``{"resource_server_identifier", "permission_name"}``) and ``organizations``
        (``{organization: [role, ...]}``, or a list of organizations)
    :raises ValueError: when one has another form; the row is as it was
    """
    given = Given(
        _strings(row.get("roles", []), "roles"),
        _permissions(row.get("permissions", []), "permissions"),
        _memberships(row.get("organizations", {})),
    )
    for name in ("roles", "permissions", "organizations"):
        row.pop(name, None)
    return given


def _strings(value: object, name: str) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(each, str) and each for each in value):
        raise ValueError(f"{name} is no list of ids or names")
    return tuple(value)


def _permissions(value: object, name: str) -> tuple[Permission, ...]:
    rows = value if isinstance(value, list | tuple) else [None]
    found = []
    for each in rows:
        pair = tuple(each.get(key) for key in PERMISSION_KEYS) if isinstance(each, dict) else ()
        if not pair or not all(isinstance(part, str) and part for part in pair):
            raise ValueError(f"{name} is no list of objects of {' and '.join(PERMISSION_KEYS)}")
        found.append((str(pair[0]), str(pair[1])))
    return tuple(found)


def _memberships(value: object) -> dict[str, tuple[str, ...]]:
    if isinstance(value, dict):
        return {name: _strings(roles, f"organizations: {name}") for name, roles in value.items()}
    return dict.fromkeys(_strings(value, "organizations"), ())


PERMISSION_KEYS = ("resource_server_identifier", "permission_name")


class Rights:
    """The roles, resource servers and organizations of a tenant, and what its users hold."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget all."""
        self.roles: dict[str, Json] = {}
        self.role_permissions: dict[str, dict[Permission, None]] = {}
        self.servers: dict[str, str] = {}
        self.scopes: dict[Permission, str] = {}
        self.organizations: dict[str, Json] = {}
        self.members: dict[str, dict[str, None]] = {}
        self._held: dict[str, Held] = {}

    def add_role(self, row: Json) -> str:
        """Make a role known: ``{"id"?, "name", "description"?, "permissions"?}``. Returns its id."""
        name = _text(row, "name", "a role")
        role_id = str(row.get("id") or made_id("rol_", name))
        if role_id in self.roles:
            raise ValueError("there is a role of this id or name already")
        brought = _permissions(row.get("permissions", []), "permissions of a role")
        self.roles[role_id] = {"id": role_id, "name": name, "description": str(row.get("description", ""))}
        self.role_permissions[role_id] = dict.fromkeys(brought)
        self.note_permissions(brought)
        return role_id

    def add_server(self, row: Json) -> None:
        """Make an API known: ``{"identifier", "name"?, "scopes": [{"value", "description"?}]}``."""
        identifier = _text(row, "identifier", "a resource server")
        self.servers[identifier] = str(row.get("name", identifier))
        for scope in row.get("scopes", []):
            name = _text(scope, "value", "a scope")
            self.scopes[identifier, name] = str(scope.get("description", ""))

    def add_organization(self, row: Json) -> str:
        """Make an organization known: ``{"id"?, "name", "display_name"?}``. Returns its id."""
        name = _text(row, "name", "an organization")
        organization = str(row.get("id") or made_id("org_", name))
        if organization in self.organizations:
            raise ValueError("there is an organization of this id or name already")
        self.organizations[organization] = {"display_name": name, **row, "id": organization}
        self.members[organization] = {}
        return organization

    def note_permissions(self, permissions: Iterable[Permission]) -> None:
        """Make resource servers and their permissions known that are not yet."""
        for identifier, name in permissions:
            self.servers.setdefault(identifier, identifier)
            self.scopes.setdefault((identifier, name), "")

    def role_id(self, text: str) -> str:
        """Return the id of a role by its id or name; an unknown one is made."""
        if text in self.roles:
            return text
        for role_id, row in self.roles.items():
            if row["name"] == text:
                return role_id
        return self.add_role({"name": text, **({"id": text} if text.startswith("rol_") else {})})

    def organization_id(self, text: str) -> str:
        """Return the id of an organization by its id or name; an unknown one is made."""
        if text in self.organizations:
            return text
        for organization, row in self.organizations.items():
            if row["name"] == text:
                return organization
        name = text.lower().replace("_", "-")
        return self.add_organization({"name": name, **({"id": text} if text.startswith("org_") else {})})

    def give(self, user_id: str, given: Given) -> None:
        """Give a user what its row names. What is not known is made."""
        if given == Given():
            return
        held = self.held(user_id)
        held.roles.update(dict.fromkeys(map(self.role_id, given.roles)))
        self.note_permissions(given.permissions)
        held.permissions.update(dict.fromkeys(given.permissions))
        for name, roles in given.organizations.items():
            organization = self.organization_id(name)
            self.join(organization, user_id)
            held.organizations[organization].update(dict.fromkeys(map(self.role_id, roles)))

    def held(self, user_id: str) -> Held:
        """Return what a user holds, to be changed."""
        return self._held.setdefault(user_id, Held())

    def look(self, user_id: str) -> Held:
        """Return what a user holds, to be read."""
        return self._held.get(user_id) or Held()

    def join(self, organization: str, user_id: str) -> None:
        """Make a user a member. One who is keeps the roles."""
        self.held(user_id).organizations.setdefault(organization, {})
        self.members[organization][user_id] = None

    def leave(self, organization: str, user_id: str) -> None:
        """End a membership, and the roles in it."""
        self.look(user_id).organizations.pop(organization, None)
        self.members[organization].pop(user_id, None)

    def forget(self, user_id: str) -> None:
        """Take all away from a user id: its account is gone."""
        held = self._held.pop(user_id, None)
        for organization in held.organizations if held is not None else ():
            self.members[organization].pop(user_id, None)

    def sources(self, user_id: str) -> dict[Permission, list[Json]]:
        """Return all permissions of a user with where they come from, as ``sources`` has it."""
        held = self.look(user_id)
        found: dict[Permission, list[Json]] = {
            each: [{"source_id": "", "source_name": "", "source_type": "DIRECT"}] for each in held.permissions
        }
        for role_id in held.roles:
            source = {"source_id": role_id, "source_name": self.roles[role_id]["name"], "source_type": "ROLE"}
            for each in self.role_permissions[role_id]:
                found.setdefault(each, []).append(source)
        return found

    def permission_row(self, permission: Permission, sources: Collection[Json]) -> Json:
        """Return a permission as ``GET /users/{id}/permissions`` has it."""
        identifier, name = permission
        return {
            "permission_name": name,
            "description": self.scopes[permission],
            "resource_server_name": self.servers[identifier],
            "resource_server_identifier": identifier,
            "sources": list(sources),
        }

    def shown(self, user_id: str) -> Json:
        """Return what a user holds in the form of a row that seeds it, sorted."""
        held = self.look(user_id)
        return {
            "roles": sorted(held.roles),
            "permissions": [
                dict(zip(PERMISSION_KEYS, each, strict=True)) for each in sorted(held.permissions)
            ],
            "organizations": {name: sorted(held.organizations[name]) for name in sorted(held.organizations)},
        }


def _text(row: object, key: str, what: str) -> str:
    value = row.get(key) if isinstance(row, dict) else None
    if not isinstance(value, str) or not value:
        raise ValueError(f"{what} has no {key}")
    return value
