"""
Roles, permissions and organizations: what the primary gains of them, and how it is written and taken back.

Auth0 does not say what a link does to them; all that is known points to their being lost with the secondary, since
they hang on its id. Every write here is settled: after a lost answer what stands is read, and only what is
still missing is written again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from airflow_provider_auth0link.errors import AmbiguousError, BadRequestError, LinkDelayedError
from airflow_provider_auth0link.linking.tenant import Tenant
from airflow_provider_auth0link.model import Rights, UserId

T = TypeVar("T", str, tuple[str, str])

MOST_ROLES = 50
MOST_PERMISSIONS = 1000
MOST_MEMBER_ROLES = 50
"""Auth0's entity limits, per user or member (docs: entity limit policy)."""


@dataclass(slots=True)
class Gain:
    """
    What one account gains from another.

    ``joined`` are organizations that it becomes a member of, ``member_roles`` by organization.
    """

    roles: set[str] = field(default_factory=set)
    permissions: set[tuple[str, str]] = field(default_factory=set)
    joined: set[str] = field(default_factory=set)
    member_roles: dict[str, set[str]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.roles or self.permissions or self.joined or self.member_roles)

    @property
    def paths(self) -> list[str]:
        """Name all of it, sorted, as ``carry_except`` and the journal write it."""
        members = [
            path_of_member_role(org, role) for org, roles in self.member_roles.items() for role in roles
        ]
        return [
            *sorted(path_of_role(role) for role in self.roles),
            *sorted(path_of_permission(each) for each in self.permissions),
            *sorted([*(path_of_organization(org) for org in self.joined), *members]),
        ]

    def add(self, other: Gain) -> None:
        """Take in another gain."""
        self.roles |= other.roles
        self.permissions |= other.permissions
        self.joined |= other.joined
        for org, roles in other.member_roles.items():
            self.member_roles.setdefault(org, set()).update(roles)

    def as_rights(self) -> Rights:
        """Return it as the rights of an account that had none before."""
        joined = {*self.joined, *self.member_roles}
        organizations = {org: frozenset(self.member_roles.get(org, ())) for org in sorted(joined)}
        return Rights(frozenset(self.roles), frozenset(self.permissions), organizations)

    def to_json(self) -> dict[str, Any]:
        """Return it for a snapshot."""
        return {
            "roles": sorted(self.roles),
            "permissions": sorted(list(each) for each in self.permissions),
            "joined": sorted(self.joined),
            "member_roles": {org: sorted(roles) for org, roles in sorted(self.member_roles.items())},
        }

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Gain:
        """Read it from a snapshot."""
        return cls(
            set(row.get("roles", ())),
            {(api, name) for api, name in row.get("permissions", ())},
            set(row.get("joined", ())),
            {org: set(roles) for org, roles in row.get("member_roles", {}).items()},
        )


def path_of_role(role: str) -> str:
    """``roles.rol_...``."""
    return f"roles.{role}"


def path_of_permission(permission: tuple[str, str]) -> str:
    """``permissions.<name>@<API identifier>``."""
    return f"permissions.{permission[1]}@{permission[0]}"


def path_of_organization(organization: str) -> str:
    """``organizations.org_...``."""
    return f"organizations.{organization}"


def path_of_member_role(organization: str, role: str) -> str:
    """``organizations.org_....rol_...``."""
    return f"organizations.{organization}.{role}"


def read_rights(tenant: Tenant, account: UserId, kinds: Collection[str]) -> Rights:
    """
    Read the rights of an account.

    :param kinds: any of roles, permissions, organizations
    """
    organizations = tenant.organizations(account) if "organizations" in kinds else ()
    return Rights(
        roles=tenant.roles(account) if "roles" in kinds else frozenset(),
        permissions=tenant.permissions(account) if "permissions" in kinds else frozenset(),
        organizations={org: tenant.member_roles(org, account) for org in sorted(organizations)},
    )


def gained(primary: Rights, secondary: Rights, kinds: Collection[str], never: Collection[str] = ()) -> Gain:
    """
    Compute what the primary gains.

    :param kinds: what is carried
    :param never: paths that are never carried, such as ``roles.rol_1`` or ``organizations.org_1``
    """
    gain = Gain()
    if "roles" in kinds and "roles" not in never:
        gain.roles = {role for role in secondary.roles - primary.roles if path_of_role(role) not in never}
    if "permissions" in kinds and "permissions" not in never:
        new = secondary.permissions - primary.permissions
        gain.permissions = {each for each in new if path_of_permission(each) not in never}
    if "organizations" in kinds and "organizations" not in never:
        for org, theirs in secondary.organizations.items():
            if path_of_organization(org) in never:
                continue
            if org not in primary.organizations:
                gain.joined.add(org)
            more = theirs - primary.organizations.get(org, frozenset())
            roles = {role for role in more if path_of_member_role(org, role) not in never}
            if roles:
                gain.member_roles[org] = roles
    return gain


def over_limit(primary: Rights, gain: Gain) -> str | None:
    """Return which of Auth0's limits the primary would cross, None when it would cross none."""
    if gain.roles and len(primary.roles) + len(gain.roles) > MOST_ROLES:
        return f"limit: with what is carried the primary would have more than {MOST_ROLES} roles"
    if gain.permissions and len(primary.permissions) + len(gain.permissions) > MOST_PERMISSIONS:
        return f"limit: with what is carried the primary would have more than {MOST_PERMISSIONS} permissions"
    for org, roles in gain.member_roles.items():
        if len(primary.organizations.get(org, ())) + len(roles) > MOST_MEMBER_ROLES:
            return f"limit: with what is carried the primary would have more than {MOST_MEMBER_ROLES} roles in {org}"
    return None


def give(tenant: Tenant, account: UserId, gain: Gain) -> None:
    """
    Give an account what it gains: roles, permissions, then memberships with their roles. Idempotent.

    :raises LinkDelayedError: when no answer came in the time given
    """
    t = tenant
    _written(t, partial(t.add_roles, account), partial(t.roles, account), gain.roles)
    _written(t, partial(t.add_permissions, account), partial(t.permissions, account), gain.permissions)
    for org in sorted(gain.joined):
        _written(t, partial(_join, t, account), partial(t.organizations, account), {org})
    for org, roles in sorted(gain.member_roles.items()):
        _written(t, partial(t.add_member_roles, org, account), partial(t.member_roles, org, account), roles)


def _join(tenant: Tenant, account: UserId, organizations: Iterable[str]) -> None:
    for org in organizations:
        tenant.add_member(org, account)


def take(tenant: Tenant, account: UserId, gain: Gain) -> tuple[bool, list[str]]:
    """
    Take what was gained from an account again; what is gone already is no error. Idempotent.

    :return: whether there was something to take, and the paths of memberships that are left, since somebody gave
        them roles meanwhile
    :raises AmbiguousError: when no answer came in the time given
    """
    left: list[str] = []
    taken = [
        _take_organization(tenant, account, org, gain, left)
        for org in sorted({*gain.joined, *gain.member_roles})
    ]
    t = tenant
    taken.append(
        _removed(t, partial(t.remove_permissions, account), partial(t.permissions, account), gain.permissions)
    )
    taken.append(_removed(t, partial(t.remove_roles, account), partial(t.roles, account), gain.roles))
    return any(taken), left


def _take_organization(tenant: Tenant, account: UserId, org: str, gain: Gain, left: list[str]) -> bool:
    if org not in tenant.organizations(account):
        return False
    try:
        return _leave_organization(tenant, account, org, gain, left)
    except BadRequestError:  # is it a member no more, since it was read?
        if org in tenant.organizations(account):
            raise
        return False


def _leave_organization(tenant: Tenant, account: UserId, org: str, gain: Gain, left: list[str]) -> bool:
    t = tenant
    given = gain.member_roles.get(org, set())
    if org in gain.joined:
        if not t.member_roles(org, account) - given:
            return _removed(t, partial(_leave, t, account), partial(t.organizations, account), {org})
        left.append(path_of_organization(org))
    return _removed(
        t, partial(t.remove_member_roles, org, account), partial(t.member_roles, org, account), given
    )


def _leave(tenant: Tenant, account: UserId, organizations: Iterable[str]) -> None:
    for org in organizations:
        tenant.remove_member(org, account)


def _written(
    tenant: Tenant,
    write: Callable[[set[T]], None],
    read: Callable[[], frozenset[T]],
    wanted: set[T],
) -> None:
    """Write what is wanted; after a lost answer read, and write what is still missing."""
    attempt, missing = 0, set(wanted)
    while missing:
        attempt += 1
        try:
            write(missing)
        except AmbiguousError as error:
            if not tenant.rest(attempt):
                raise LinkDelayedError(f"not linked: what is carried could not be written. {error}") from None
            missing = wanted - read()
        else:
            return


def _removed(
    tenant: Tenant,
    remove: Callable[[set[T]], None],
    read: Callable[[], frozenset[T]],
    unwanted: set[T],
) -> bool:
    """Remove what stands of what is unwanted; after a lost answer read again. Tells whether anything stood."""
    there = unwanted & read() if unwanted else set()
    taken, attempt = bool(there), 0
    while there:
        attempt += 1
        try:
            remove(there)
        except AmbiguousError:
            if not tenant.rest(attempt):
                raise
            there = unwanted & read()
        else:
            break
    return taken
