"""A tenant in memory, with the verbs that linking needs, and misbehaviour on demand."""

from __future__ import annotations

import copy
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from airflow_provider_auth0link.errors import (
    Auth0LinkError,
    BadRequestError,
    ConflictError,
    ForbiddenError,
    MissingAccountError,
    UnsentError,
)
from airflow_provider_auth0link.model import Account, Identity, Rights, UserId
from tests.fakes.clock import FakeClock

Result = TypeVar("Result")

ALL_SCOPES = frozenset(
    {
        "read:users",
        "update:users",
        "update:users_app_metadata",
        "read:connections",
        "read:roles",
        "read:role_members",
        "create:role_members",
        "delete:role_members",
        "read:organizations",
        "create:organization_members",
        "delete:organization_members",
        "read:organization_member_roles",
        "create:organization_member_roles",
        "delete:organization_member_roles",
    }
)

MOST_ROLES, MOST_PERMISSIONS, MOST_MEMBER_ROLES = 50, 1000, 50
"""Of a user, of a user, of a member: Auth0's entity limits."""

METADATA = ("user_metadata", "app_metadata")
OF_THE_ACCOUNT = frozenset({"user_id", "identities", "blocked", "created_at", "updated_at", *METADATA})
"""What belongs to an account, not to the identity that it began with."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """
    What one call meets.

    :param error: raised instead of the answer, if any
    :param done: whether the tenant has done what was asked all the same
    :param before: what others do just before the call
    :param after: what others do just after it
    """

    error: Auth0LinkError | None = None
    done: bool = False
    before: Callable[[], object] | None = None
    after: Callable[[], object] | None = None


class FakeTenant:
    """
    Accounts by id, as Auth0 would give them.

    :param users: each as ``user()`` builds it
    :param seconds: how long ``rest`` says that there is time
    :param connections: names by id
    :param already: what a link meets that stands already; Auth0's pages leave it open
    :param rights: roles, direct permissions and organizations, by user id

    ``users`` and ``rights`` may be read and changed by a test at any time. A link discards the secondary's
    metadata and rights, an unlink brings an account back that has neither.
    """

    def __init__(
        self,
        *users: dict[str, Any],
        seconds: float = 600.0,
        scopes: frozenset[str] = ALL_SCOPES,
        connections: Mapping[str, str] | None = None,
        already: type[Auth0LinkError] = ConflictError,
        rights: Mapping[str, Rights] | None = None,
    ) -> None:
        self.users = {each["user_id"]: copy.deepcopy(each) for each in users}
        self.rights = dict(rights or {})
        self.clock = FakeClock()
        self.calls: list[str] = []
        self._ends = self.clock() + seconds
        self._scopes = scopes
        self._connections = connections or {}
        self._already = already
        self._troubles: dict[str, deque[Trouble]] = defaultdict(deque)
        self._busy = 0.0
        self._lock = threading.Lock()

    def meets(self, verb: str, *troubles: Trouble | None) -> None:
        """Let the next calls of a verb meet these, one each; None is an undisturbed one."""
        self._troubles[verb].extend(each or Trouble() for each in troubles)

    def no_more_troubles(self) -> None:
        """Let all calls be undisturbed from now on."""
        self._troubles.clear()

    def is_busy(self, seconds: float) -> None:
        """Let the next link wait so long for its turn."""
        self._busy = seconds

    def count(self, verb: str) -> int:
        return self.calls.count(verb)

    @property
    def requests(self) -> int:
        return len(self.calls)

    def now(self) -> float:
        return self.clock()

    def rest(self, attempt: int) -> bool:
        if self.clock() + attempt >= self._ends:
            return False
        self.clock.sleep(attempt)
        return True

    def require(self, *scopes: str) -> None:
        if missing := sorted(each for each in scopes if not self._scopes & set(each.split("|"))):
            raise ForbiddenError(f"the token lacks {', '.join(missing)}")

    def get_user(self, user_id: UserId) -> Account:
        return self._answered("get_user", lambda: self._get(user_id))

    def update_user(self, user_id: UserId, body: Mapping[str, Any]) -> object:
        return self._answered("update_user", lambda: self._update(user_id, body))

    def link(
        self,
        primary: UserId,
        secondary: UserId,
        connection_id: str | None = None,
        *,
        before: float | None = None,
    ) -> list[Identity]:
        busy, self._busy = self._busy, 0.0
        self.clock.pass_by(busy)
        if before is not None and self.clock() > before:
            raise UnsentError("the turn of POST /users/{id}/identities came too late")
        return self._answered("link", lambda: self._link(primary, secondary, connection_id))

    def unlink(self, primary: UserId, secondary: UserId, connection: str | None = None) -> list[Identity]:
        return self._answered("unlink", lambda: self._unlink(primary, secondary, connection))

    def connection_name(self, connection_id: str) -> str | None:
        return self._answered("connection_name", lambda: self._connections.get(connection_id))

    def connection_ids(self) -> Mapping[str, str] | None:
        if "read:connections" not in self._scopes:
            return None
        return self._answered(
            "connection_ids", lambda: {name: id_ for id_, name in self._connections.items()}
        )

    def rights_of(self, user_id: UserId | str) -> Rights:
        return self.rights.get(str(user_id), Rights())

    def roles(self, user_id: UserId) -> frozenset[str]:
        return self._answered("roles", lambda: self._held(user_id).roles)

    def add_roles(self, user_id: UserId, roles: Collection[str]) -> None:
        self._answered(
            "add_roles", lambda: self._roles(user_id, self._held(user_id).roles | set(_some(roles)))
        )

    def remove_roles(self, user_id: UserId, roles: Collection[str]) -> None:
        self._answered(
            "remove_roles", lambda: self._roles(user_id, self._held(user_id).roles - set(_some(roles)))
        )

    def permissions(self, user_id: UserId) -> frozenset[tuple[str, str]]:
        return self._answered("permissions", lambda: self._held(user_id).permissions)

    def add_permissions(self, user_id: UserId, permissions: Collection[tuple[str, str]]) -> None:
        self._answered(
            "add_permissions",
            lambda: self._permissions(user_id, self._held(user_id).permissions | set(_some(permissions))),
        )

    def remove_permissions(self, user_id: UserId, permissions: Collection[tuple[str, str]]) -> None:
        self._answered(
            "remove_permissions",
            lambda: self._permissions(user_id, self._held(user_id).permissions - set(_some(permissions))),
        )

    def organizations(self, user_id: UserId) -> frozenset[str]:
        return self._answered("organizations", lambda: frozenset(self._held(user_id).organizations))

    def add_member(self, organization: str, user_id: UserId) -> None:
        self._answered(
            "add_member", lambda: self._member(organization, user_id, self._in(organization, user_id))
        )

    def remove_member(self, organization: str, user_id: UserId) -> None:
        self._answered("remove_member", lambda: self._member(organization, user_id, None))

    def member_roles(self, organization: str, user_id: UserId) -> frozenset[str]:
        return self._answered("member_roles", lambda: self._of_member(organization, user_id))

    def add_member_roles(self, organization: str, user_id: UserId, roles: Collection[str]) -> None:
        self._answered(
            "add_member_roles",
            lambda: self._as_member(
                organization, user_id, self._of_member(organization, user_id) | set(_some(roles))
            ),
        )

    def remove_member_roles(self, organization: str, user_id: UserId, roles: Collection[str]) -> None:
        self._answered(
            "remove_member_roles",
            lambda: self._as_member(
                organization, user_id, self._of_member(organization, user_id) - set(_some(roles))
            ),
        )

    def _answered(self, verb: str, act: Callable[[], Result]) -> Result:
        with self._lock:
            self.calls.append(verb)
            trouble = self._troubles[verb].popleft() if self._troubles[verb] else Trouble()
        if trouble.before:
            trouble.before()
        if trouble.error is not None:
            if trouble.done:
                self._alone(act)
            if trouble.after:
                trouble.after()
            raise trouble.error
        result = self._alone(act)
        if trouble.after:
            trouble.after()
        return result

    def _alone(self, act: Callable[[], Result]) -> Result:
        with self._lock:
            return act()

    def _get(self, user_id: UserId) -> Account:
        if str(user_id) not in self.users:
            raise MissingAccountError("Auth0 answered 404 to GET /users/{id}: not found")
        return Account.from_json(copy.deepcopy(self.users[str(user_id)]))

    def _update(self, user_id: UserId, body: Mapping[str, Any]) -> object:
        user = self.users[str(self._get(user_id).id)]
        for kind, changes in copy.deepcopy(dict(body)).items():
            if kind in METADATA and changes is not None:
                merged = {**user.get(kind, {}), **changes}
                user[kind] = {key: value for key, value in merged.items() if value is not None}
            elif changes is None:
                user.pop(kind, None)
            else:
                user[kind] = changes
        return user

    def _link(self, primary: UserId, secondary: UserId, connection_id: str | None) -> list[Identity]:
        if str(primary) not in self.users:
            raise MissingAccountError("Auth0 answered 404 to POST: not found")
        kept = self.users[str(primary)]
        if self._get(primary).holds(secondary, None):
            raise self._already("Auth0 answered that the identity already exists")
        gone = self.users.pop(str(secondary), None)
        if gone is None and connection_id is None:
            raise MissingAccountError("Auth0 answered 400 to POST: an account is not there")
        self.rights.pop(str(secondary), None)
        # With a connection id Auth0 may link an identity that nobody ever had: a typo becomes a login.
        invented = [identity(str(secondary), self._connections.get(connection_id or "", "typo"))]
        kept["identities"] += _with_profile(gone) if gone else invented
        return list(self._get(primary).identities)

    def _unlink(self, primary: UserId, secondary: UserId, connection: str | None) -> list[Identity]:
        found = self._get(primary).holds(secondary, connection)
        if found is None:
            raise BadRequestError("Auth0 answered 400 to DELETE: the request is not valid")
        kept = self.users[str(primary)]
        at = next(i for i, row in enumerate(kept["identities"]) if Identity.from_json(row) == found)
        row = kept["identities"].pop(at)
        profile = row.pop("profileData", {})
        self.users[str(secondary)] = {**profile, "user_id": str(secondary), "identities": [row]}
        return list(self._get(primary).identities)

    def _held(self, user_id: UserId) -> Rights:
        return self.rights_of(self._get(user_id).id)

    def _roles(self, user_id: UserId, roles: frozenset[str]) -> None:
        if len(roles) > MOST_ROLES:
            raise BadRequestError("Auth0 answered 400 to POST /users/{id}/roles: it can have no more roles")
        self.rights[str(user_id)] = replace(self._held(user_id), roles=roles)

    def _permissions(self, user_id: UserId, permissions: frozenset[tuple[str, str]]) -> None:
        if len(permissions) > MOST_PERMISSIONS:
            raise BadRequestError("Auth0 answered 400 to POST /users/{id}/permissions: it can have no more")
        self.rights[str(user_id)] = replace(self._held(user_id), permissions=permissions)

    def _in(self, organization: str, user_id: UserId) -> frozenset[str]:
        return self._held(user_id).organizations.get(organization, frozenset())

    def _member(self, organization: str, user_id: UserId, roles: frozenset[str] | None) -> None:
        """Set what a member may do in an organization, None to end the membership."""
        every = {**self._held(user_id).organizations, organization: roles}
        kept = {each: held for each, held in every.items() if held is not None}
        self.rights[str(user_id)] = replace(self._held(user_id), organizations=kept)

    def _of_member(self, organization: str, user_id: UserId) -> frozenset[str]:
        if organization not in self._held(user_id).organizations:
            raise BadRequestError("Auth0 answered 404: the account is no member of the organization")
        return self._in(organization, user_id)

    def _as_member(self, organization: str, user_id: UserId, roles: frozenset[str]) -> None:
        if len(roles) > MOST_MEMBER_ROLES:
            raise ConflictError("Auth0 answered 409: the member can have no more roles")
        self._member(organization, user_id, roles)


def _some(things: Collection[Result]) -> Collection[Result]:
    """Return what was asked for; Auth0 refuses an empty list."""
    assert things, "an empty list was sent"
    return things


def _with_profile(gone: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the identities of an account as they go on in another: its own bears its attributes."""
    profile = {key: value for key, value in gone.items() if key not in OF_THE_ACCOUNT}
    own, *others = sorted(
        gone["identities"], key=lambda row: f"{row['provider']}|{row['user_id']}" != gone["user_id"]
    )
    return [{**own, "profileData": {**own.get("profileData", {}), **profile}}, *others]


def identity(user_id: str, connection: str = "db", **more: Any) -> dict[str, Any]:
    """Build an identity as Auth0 sends it."""
    provider, _, rest = user_id.partition("|")
    return {"provider": provider, "user_id": rest, "connection": connection, "isSocial": False, **more}


def user(
    user_id: str, connection: str = "db", *more_identities: dict[str, Any], **fields: Any
) -> dict[str, Any]:
    """Build a user as Auth0 sends it; it can be logged in to by *more_identities* too."""
    identities = [identity(user_id, connection), *more_identities]
    return {"user_id": user_id, "identities": identities, **fields}


def account(user_id: str, connection: str = "db", *more_identities: dict[str, Any], **fields: Any) -> Account:
    """Build an account as the client reads it."""
    return Account.from_json(user(user_id, connection, *more_identities, **fields))
