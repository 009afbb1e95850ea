"""The accounts of a tenant, found by id, by identity and by e-mail without a search."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from airflow_provider_auth0link.emulator.accounts import (
    DATABASE,
    Json,
    completed,
    connection_of,
    full_id,
    without_tokens,
)
from airflow_provider_auth0link.emulator.rights import Rights, made_id, take_given


def connection_id_of(name: str) -> str:
    """Make the id of a connection, ``con_`` and 16 letters or digits. The same name gives the same id."""
    return made_id("con_", name)


class State:
    """
    Accounts and connections.

    Two accounts may bear one id, on two connections (two databases hold imported users with the
    same ids). Every change and every read of several accounts holds ``lock``, as tests read and
    write from other threads than the server's.

    ``watchers`` are told of each account that is about to change or to go.

    :param now: the tenant's time as in ``created_at``
    """

    def __init__(self, now: Callable[[], str]) -> None:
        self.now = now
        self.lock = threading.RLock()
        self.rights = Rights()
        self.watchers: list[Callable[[Json], None]] = []
        self.clear()

    def clear(self) -> None:
        """Empty the tenant. One database connection stays, as in a new one."""
        self._accounts: dict[int, Json] = {}
        self._holders: dict[str, list[Json]] = {}
        self._by_email: dict[str, list[Json]] = {}
        self.connections: dict[str, str] = {}
        self.strategies: dict[str, str] = {}
        self.links: Counter[tuple[str, str]] = Counter()
        self.rights.clear()
        self.note_connection(DATABASE, "auth0")

    def load(self, rows: Iterable[Json]) -> None:
        """
        Add users.

        :param rows: users as in an export, what they hold beside; copied
        :raises ValueError: when one is no user, or is there already; says which
        """
        for number, row in enumerate(rows, 1):
            try:
                self.plant(json.loads(json.dumps(row)))
            except ValueError as error:
                raise ValueError(f"user {number}: {error}") from None

    def plant(self, row: Json) -> Json:
        """Add an account with the roles, permissions and organizations that its row names."""
        with self.lock:
            given = take_given(row)
            account = self.add(row)
            self.rights.give(account["user_id"], given)
            return account

    def add(self, row: Json) -> Json:
        """Add an account, taken over as it is. ValueError when it is none, or is there already."""
        account = completed(row, self.now())
        with self.lock:
            if self.root(account["user_id"], connection_of(account)) is not None:
                raise ValueError("there is an account of this id on this connection already")
            for identity in account["identities"]:
                self.note_connection(identity["connection"], identity["provider"])
            self._accounts[id(account)] = account
            self.index(account)
        return account

    def remove(self, account: Json) -> None:
        """Take an account away, its identities too, and what its id holds."""
        with self.lock:
            self.unindex(account)
            del self._accounts[id(account)]
            if not self.roots(account["user_id"]):
                self.rights.forget(account["user_id"])

    def index(self, account: Json) -> None:
        """Make an account findable. Once more after each change."""
        for name in {full_id(each) for each in account["identities"]}:
            self._holders.setdefault(name, []).append(account)
        if email := account.get("email"):
            self._by_email.setdefault(email, []).append(account)

    def unindex(self, account: Json) -> None:
        """Make an account unfindable, before anything of it changes."""
        for watcher in self.watchers:
            watcher(account)
        for name in {full_id(each) for each in account["identities"]}:
            _drop(self._holders, name, account)
        if email := account.get("email"):
            _drop(self._by_email, email, account)

    def account(self, user_id: str) -> Json | None:
        """Return the account of an id; of two, the first."""
        return next(iter(self.roots(user_id)), None)

    def roots(self, user_id: str) -> list[Json]:
        """Return all accounts of an id."""
        return [each for each in self._holders.get(user_id, ()) if each["user_id"] == user_id]

    def root(self, user_id: str, connection: str) -> Json | None:
        """Return the account of an id on one connection."""
        return next((each for each in self.roots(user_id) if connection_of(each) == connection), None)

    def holders(self, identity_id: str) -> list[Json]:
        """Return the accounts that hold an identity, as their own or linked."""
        return list(self._holders.get(identity_id, ()))

    def by_email(self, email: str) -> list[Json]:
        """Return the accounts of an e-mail, case and all."""
        return list(self._by_email.get(email, ()))

    def __iter__(self) -> Iterator[Json]:
        return iter(self._accounts.values())

    def note_connection(self, name: str, strategy: str) -> None:
        """Make a connection known; its first user tells its strategy."""
        if name not in self.strategies:
            self.connections[connection_id_of(name)] = name
            self.strategies[name] = strategy

    def copies(self, *, idp_tokens: bool) -> list[Json]:
        """Return all accounts, safe to keep."""
        with self.lock:
            return [copied(each, idp_tokens=idp_tokens) for each in self]


def copied(account: Json, *, idp_tokens: bool = True) -> Json:
    """Return a copy of an account that no later change reaches."""
    row: Json = json.loads(json.dumps(account))
    if not idp_tokens:
        row["identities"] = [without_tokens(each) for each in row["identities"]]
    return row


def _drop(index: dict[str, list[Json]], key: str, account: Json) -> None:
    left = [each for each in index[key] if each is not account]
    if left:
        index[key] = left
    else:
        del index[key]
