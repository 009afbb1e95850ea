"""All accounts as they are at one moment, written out bit by bit while the tenant goes on."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable

from airflow_provider_auth0link.emulator.accounts import Json
from airflow_provider_auth0link.emulator.state import State

BATCH = 200
"""Accounts that are written while the tenant's lock is held: some milliseconds."""


class Snapshot:
    """
    The accounts of one moment.

    An account that is about to change is written before it does, so that no second copy of all is needed.

    :param state: the tenant's, whose lock the caller holds
    :param accounts: those wanted, in order
    :param write: an account as it stands in a file
    """

    def __init__(self, state: State, accounts: Iterable[Json], write: Callable[[Json], bytes]) -> None:
        self._state = state
        self._write = write
        self._left = list(accounts)
        self._left.reverse()
        self._waiting = {id(each) for each in self._left}
        self._early: dict[int, bytes] = {}
        state.watchers.append(self._before_change)

    def batches(self) -> Generator[bytes, None, None]:
        """Write all, some at a time. Another thread than the tenant's may do this; closing it is enough to stop."""
        try:
            while self._left:
                with self._state.lock:
                    batch = b"".join(self._next() for _ in range(min(BATCH, len(self._left))))
                yield batch
        finally:
            with self._state.lock:
                self._state.watchers.remove(self._before_change)

    def _next(self) -> bytes:
        account = self._left.pop()
        self._waiting.discard(id(account))  # once it is let go, another may get its id
        early = self._early.pop(id(account), None)
        return self._write(account) if early is None else early

    def _before_change(self, account: Json) -> None:
        if id(account) in self._waiting and id(account) not in self._early:
            self._early[id(account)] = self._write(account)
