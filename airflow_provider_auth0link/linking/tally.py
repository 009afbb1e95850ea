"""How a run stands: counts of outcomes, speed, and what is left. Pure, but for the clock that it is given."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_auth0link.errors import Auth0LinkError, StoppedError
from airflow_provider_auth0link.linking.outcome import Outcome
from airflow_provider_auth0link.linking.units import Note
from airflow_provider_auth0link.linking.words import pair_named

SPEED_S = 60.0
EXAMPLES = 10
"""So many are told in full; the journal has all."""


@dataclass(slots=True)
class Tally:
    """
    Counts by outcome.

    ``names`` are the outcomes that there are, ``planned`` how many pairs. ``refusals`` are by guard, ``warnings`` by
    text, ``examples`` are the first failures in full, and what an undo left as it is. ``gains`` are the keys of
    ``app_metadata`` that primaries would gain, by path: pairs of a dry run.
    """

    names: tuple[str, ...]
    planned: int
    clock: Callable[[], float]
    requests: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    passing: dict[str, int] = field(default_factory=dict)
    fresh: int = 0
    began: float = 0.0
    refusals: Counter[str] = field(default_factory=Counter)
    warnings: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    gains: Counter[str] = field(default_factory=Counter)
    _ends: deque[float] = field(default_factory=lambda: deque(maxlen=10_000))

    def __post_init__(self) -> None:
        self.began = self.clock()

    def earlier(self, name: str, count: int = 1) -> None:
        """Count pairs that an earlier try ended."""
        self.counts[name] += count

    def ended(self, note: Note) -> None:
        """Count a pair that ended now."""
        if note.outcome is None:
            return
        self.requests += note.outcome.requests
        if isinstance(note.outcome.error, StoppedError):  # it is among the rest, which was not reached
            return
        if note.instead is not None:
            self._count(note.instead.name, note.instead.error, -1)
            with suppress(ValueError):
                self.examples.remove(_told(note.instead))
        else:
            self.fresh += 1
            self._ends.append(self.clock())
        self._count(note.outcome.name, note.outcome.error, 1)
        self.warnings.update(note.outcome.warnings)
        if note.outcome.name == "would_link":
            self.gains.update(set(filter(_is_right, note.outcome.carried)))
        reason = note.outcome.reason
        if note.outcome.name == "refused" and reason:
            self.refusals[reason.partition(":")[0]] += 1
            if len(self.refused) < EXAMPLES:
                self.refused.append(f"{_pair(note.row)}: {reason}")
        elif reason and len(self.examples) < EXAMPLES:
            self.examples.append(_told(note.outcome))

    def _count(self, name: str, error: Auth0LinkError | None, step: int) -> None:
        self.counts[name] += step
        if error is not None and error.retryable:
            self.passing[name] = self.passing.get(name, 0) + step

    @property
    def done(self) -> int:
        """How many pairs have an outcome."""
        return sum(self.counts[name] for name in self.names)

    @property
    def passes(self) -> int:
        """How many failed in a way that may pass."""
        return sum(self.passing.values())

    def per_second(self) -> float:
        """Pairs ended per second, over the last minute."""
        now = self.clock()
        recent = sum(each > now - SPEED_S for each in self._ends)
        return recent / max(min(SPEED_S, now - self.began), 0.001)

    def seconds_left(self) -> float | None:
        """How long the rest will take at this speed; None when nothing ended yet."""
        speed = self.per_second()
        return (self.planned - self.done) / speed if speed else None

    def close(self, under_way: int) -> None:
        """
        Give an outcome to what was not reached, so that the counts add up.

        :param under_way: pairs whose answer was not awaited: whether they were done is not known
        """
        rest = self.planned - self.done
        unknown = min(under_way, rest)
        self.counts["unknown"] += unknown
        self.counts["failed"] += rest - unknown
        self.passing["failed"] = self.passing.get("failed", 0) + rest - unknown

    def summary(self) -> dict[str, Any]:
        """Return the counts, every name among them."""
        return {"planned": self.planned, **{name: self.counts[name] for name in self.names}}


def _is_right(path: str) -> bool:
    """Tell whether a path that is carried may grant rights: Actions and applications decide by what stands there."""
    return path.startswith("app_metadata.")


def _told(outcome: Outcome) -> str:
    return f"{outcome.name}: {outcome.reason}"


def _pair(row: Mapping[str, Any]) -> str:
    """Name the pair of a record."""
    return pair_named(row.get("secondary_user_id"), row.get("primary_user_id"))
