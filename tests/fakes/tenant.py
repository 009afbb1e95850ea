"""A tenant in memory, with the verbs that linking needs, and misbehaviour on demand."""

from __future__ import annotations

import copy
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from airflow_provider_auth0link.errors import (
    Auth0LinkError,
    BadRequestError,
    ConflictError,
    ForbiddenError,
    MissingAccountError,
    UnsentError,
)
from airflow_provider_auth0link.model import Account, Identity, UserId
from tests.fakes.clock import FakeClock

Result = TypeVar("Result")

ALL_SCOPES = frozenset({"read:users", "update:users", "update:users_app_metadata", "read:connections"})


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
    """

    def __init__(
        self,
        *users: dict[str, Any],
        seconds: float = 600.0,
        scopes: frozenset[str] = ALL_SCOPES,
        connections: Mapping[str, str] | None = None,
        already: type[Auth0LinkError] = ConflictError,
    ) -> None:
        self.users = {each["user_id"]: copy.deepcopy(each) for each in users}
        self.clock = FakeClock()
        self.calls: list[str] = []
        self._ends = self.clock() + seconds
        self._scopes = scopes
        self._connections = connections or {}
        self._already = already
        self._troubles: dict[str, deque[Trouble]] = defaultdict(deque)
        self._busy = 0.0

    def meets(self, verb: str, *troubles: Trouble | None) -> None:
        """Let the next calls of a verb meet these, one each; None is an undisturbed one."""
        self._troubles[verb].extend(each or Trouble() for each in troubles)

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
        if missing := sorted(set(scopes) - self._scopes):
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

    def _answered(self, verb: str, act: Callable[[], Result]) -> Result:
        self.calls.append(verb)
        trouble = self._troubles[verb].popleft() if self._troubles[verb] else Trouble()
        if trouble.before:
            trouble.before()
        if trouble.error is not None:
            if trouble.done:
                act()
            if trouble.after:
                trouble.after()
            raise trouble.error
        result = act()
        if trouble.after:
            trouble.after()
        return result

    def _get(self, user_id: UserId) -> Account:
        if str(user_id) not in self.users:
            raise MissingAccountError("Auth0 answered 404 to GET /users/{id}: not found")
        return Account.from_json(copy.deepcopy(self.users[str(user_id)]))

    def _update(self, user_id: UserId, body: Mapping[str, Any]) -> object:
        user = self.users[str(self._get(user_id).id)]
        for kind, changes in copy.deepcopy(dict(body)).items():
            merged = {**user.get(kind, {}), **changes}
            user[kind] = {key: value for key, value in merged.items() if value is not None}
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
        # With a connection id Auth0 may link an identity that nobody ever had: a typo becomes a login.
        invented = [identity(str(secondary), self._connections.get(connection_id or "", "typo"))]
        kept["identities"] += gone["identities"] if gone else invented
        return list(self._get(primary).identities)

    def _unlink(self, primary: UserId, secondary: UserId, connection: str | None) -> list[Identity]:
        found = self._get(primary).holds(secondary, connection)
        if found is None:
            raise BadRequestError("Auth0 answered 400 to DELETE: the request is not valid")
        kept = self.users[str(primary)]
        kept["identities"] = [
            each for each in kept["identities"] if f"{each['provider']}|{each['user_id']}" != str(secondary)
        ]
        self.users[str(secondary)] = user(str(secondary), found.connection)
        return list(self._get(primary).identities)


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
