"""A journal read once: what each pair's records say, and beside it what only the report asks for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from sys import intern
from typing import Any

from airflow_provider_auth0link.linking.history import History
from airflow_provider_auth0link.linking.records import (
    OUTCOME,
    UNDO_OUTCOME,
    Key,
    key_of,
)
from airflow_provider_auth0link.linking.tries import LINKED, UNDONE
from airflow_provider_auth0link.report.timeline import Clock, Second

MOST_REQUESTS = 1_000_000
"""Of one pair: more were not sent, whatever stands there."""


@dataclass(slots=True)
class Gathered(History):
    """
    A history, with counts by the second and what primaries gained.

    ``requests`` are those of links, ``undo_requests`` those of undos.
    """

    clock: Clock = field(default_factory=Clock)
    requests: int = 0
    undo_requests: int = 0
    _carried: dict[Key, tuple[str, ...]] = field(default_factory=dict)
    _undone: set[Key] = field(default_factory=set)
    _paths: dict[tuple[str, ...], tuple[str, ...]] = field(default_factory=dict)

    def add(self, writer: str, records: Iterable[Mapping[str, Any]]) -> None:
        """Take in records of one writer."""
        taken = records if isinstance(records, list) else list(records)
        History.add(self, writer, taken)
        for record in taken:
            second = self.clock.second(record.get("at"))
            kind = record["kind"]
            if kind == OUTCOME:
                self._linked(record, second)
            elif kind == UNDO_OUTCOME:
                self._unlinked(record, second)

    def _linked(self, record: Mapping[str, Any], second: Second) -> None:
        requests = _requests(record)
        self.requests += requests
        second.requests += requests
        if "limit_used" in record:
            _read_limit(record["limit_used"], second)
        if record.get("outcome") == LINKED:
            second.linked += 1
            paths = record.get("carried")
            if isinstance(paths, list) and paths:
                told = tuple(intern(each) for each in paths if isinstance(each, str))
                self._carried[key_of(record)] = self._paths.setdefault(told, told)

    def _unlinked(self, record: Mapping[str, Any], second: Second) -> None:
        requests = _requests(record)
        self.undo_requests += requests
        second.requests += requests
        if "limit_used" in record:
            _read_limit(record["limit_used"], second)
        if record.get("outcome") == UNDONE:
            second.undone += 1
            self._undone.add(key_of(record))

    def accounts(self) -> int:
        """Count the ids that pairs name."""
        return len({each for key in self._entries for each in key[:2]})

    def gains(self) -> Counter[str]:
        """Count the links that brought a path to their primary, those that an undo took back left out."""
        counts = Counter(paths for key, paths in self._carried.items() if not self._is_undone(key))
        gained: Counter[str] = Counter()
        for paths, count in counts.items():
            for path in paths:
                gained[path] += count
        return gained

    def _is_undone(self, key: Key) -> bool:
        return key in self._undone and self.of(key).undone


def _requests(record: Mapping[str, Any]) -> int:
    requests = record.get("requests")
    return requests if type(requests) is int and 0 < requests <= MOST_REQUESTS else 0


def _read_limit(used: object, second: Second) -> None:
    """Several writers tell of one tenant: the one that was held back most counts."""
    if isinstance(used, int | float) and not isinstance(used, bool) and 0 <= used <= 1:
        second.limit_used = max(float(used), second.limit_used or 0.0)
