"""Folders of journals in memory: one that works, and one on a machine that dies."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Mapping, Sequence

from airflow_provider_auth0link.errors import StoreError
from airflow_provider_auth0link.linking.store import checked_name, is_name

STEPS_OF_A_WRITE, STEPS_OF_A_DELETE = 4, 2
"""At how many moments of each a machine can die. A write: not begun, opened, filled, named but not durable."""

UNFINISHED = ".unfinished-"
"""How the name of a file begins that a dead writer left behind. No store lists it."""


class Died(BaseException):
    """The machine is dead. No handler of errors goes on after this."""


class MemoryStore:
    """
    A store in a dict.

    :param files: what lies there from the beginning
    """

    def __init__(self, files: Mapping[str, bytes] | None = None, *, where: str = "memory") -> None:
        self.where = where
        self.files = dict(files or {})
        self.written: list[str] = []
        self._lock = threading.Lock()

    def names(self) -> list[str]:
        with self._lock:
            return [name for name in self.files if is_name(name)]

    def read(self, name: str) -> bytes:
        with self._lock:
            if checked_name(name) not in self.files:
                raise StoreError(f"{name} is not in {self.where}")
            return self.files[name]

    def read_many(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        for name in reversed(names):  # any order is allowed, so nobody may rely on the one that was asked for
            yield name, self.read(name)

    def write(self, name: str, data: bytes) -> None:
        with self._lock:
            if checked_name(name) in self.files:
                raise StoreError(f"{name} exists already in {self.where}")
            self.files[name] = bytes(data)
            self.written.append(name)

    def delete(self, name: str) -> None:
        with self._lock:
            self.files.pop(checked_name(name), None)


class DroppingStore(MemoryStore):
    """
    A store on a machine that dies after so many steps: a write has four, a delete two, in order; reads none.

    To die at every moment of a piece of work, do it once with ``steps=None``, then with every number of steps
    from 0 up to ``steps_taken``.

    From then on every call raises Died, from every thread. What was durable survives; of the write that was
    under way nothing, a part under a temporary name, or all of it, as chance has it: a file that is whole but
    not yet durable may be found or lost. So may a delete that was under way be done or not.

    :param steps: after how many steps the machine dies; None is never
    :param seed: of that chance
    """

    def __init__(
        self,
        steps: int | None = None,
        *,
        seed: int = 0,
        files: Mapping[str, bytes] | None = None,
        where: str = "memory",
    ) -> None:
        super().__init__(files, where=where)
        self.steps_taken = 0
        self.dead = False
        self._steps = steps
        self._chance = random.Random(f"{seed}-{steps}").random()
        self._at_stake: dict[str, list[bytes | None]] = {}

    def names(self) -> list[str]:
        self._live()
        return super().names()

    def read(self, name: str) -> bytes:
        self._live()
        return super().read(name)

    def write(self, name: str, data: bytes) -> None:
        self._live()
        with self._lock:
            if checked_name(name) in self.files:
                raise StoreError(f"{name} exists already in {self.where}")
            part = f"{UNFINISHED}{name}"
            self._step()
            self._at_stake = {part: [None, b""]}
            self._step()
            self._at_stake = {part: [None, b"", data[: len(data) // 2], data]}
            self._step()
            self._at_stake = {name: [None, data]}
            self._step()
            self._at_stake = {}
            self.files[name] = bytes(data)
            self.written.append(name)

    def delete(self, name: str) -> None:
        self._live()
        with self._lock:
            self._step()
            self._at_stake = {name: [None, self.files.get(checked_name(name))]}
            self._step()
            self._at_stake = {}
            self.files.pop(name, None)

    def survivors(self) -> MemoryStore:
        """Return the folder as it is found after the machine's death; the same one however often it is asked."""
        found = dict(self.files)
        for name, fates in self._at_stake.items():
            found.pop(name, None)
            if (fate := fates[int(self._chance * len(fates))]) is not None:
                found[name] = fate
        return MemoryStore(found, where=self.where)

    def _live(self) -> None:
        if self.dead:
            raise Died

    def _step(self) -> None:
        if self._steps is not None and self.steps_taken >= self._steps:
            self.dead = True
        self._live()
        self.steps_taken += 1
