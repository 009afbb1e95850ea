"""When what happened: records counted by the second, and brought to a chart's steps. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from math import ceil

IDLE_S = 600
"""No pair takes longer: where nothing is written for so long, nobody was at work, and the time is left out."""

STEPS_AT_MOST = 120
STEP_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200, 21_600, 86_400)

YEARS = range(2000, 3000)
"""Of a clock that may be right."""

AT_THE_LIMIT = 0.2
"""
So far the bucket is drawn down, or further, when the limit holds a run: the pace lets requests go by what is left.

Where it does not, only what is under way is missing from the bucket: as many as pass in the time of an answer, a
seventh of the bucket or so where it is refilled in a second and an answer takes 150 ms.
"""

WINDOW_S = (10, 300)
"""The least and the most seconds over which what the limit lets through is measured: links end in bursts."""

WINDOWS, SURE = 20, 3
"""So many windows a run is divided into, and so many at the limit are needed."""


@dataclass(slots=True)
class Second:
    """What was written down in one second; ``limit_used`` is how far the tenant's bucket was drawn down, 0 to 1."""

    linked: int = 0
    undone: int = 0
    requests: int = 0
    limit_used: float | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the chart: seconds at work when it begins and ends, and how many went in a second."""

    begins: float
    ends: float
    linked: float
    undone: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """
    Speed over the time at work.

    ``pauses`` are the moments, in seconds at work, at which time was left out. ``limit`` is in links a second, None
    where it is not known; ``measured`` when it is what went through at most while the limit held the run.
    ``at_limit``: the part of the time in which it did.
    """

    seconds: int
    steps: tuple[Step, ...]
    pauses: tuple[int, ...]
    limit: float | None
    measured: bool
    at_limit: float | None


@dataclass(slots=True)
class Clock:
    """Counts by the second. Records come in any order, most of them after one of the same second."""

    seconds: dict[int, Second] = field(default_factory=dict)
    _at: object = None
    _second: Second = field(default_factory=Second)

    def second(self, at: object) -> Second:
        """Return the second that a record belongs to; what bears no readable time is counted nowhere."""
        if at == self._at:
            return self._second
        self._at, self._second = at, Second()
        with suppress(ValueError, OverflowError, OSError, TypeError):
            moment = datetime.fromisoformat(at) if isinstance(at, str) else None
            if moment is not None and moment.year in YEARS:
                aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
                self._second = self.seconds.setdefault(int(aware.timestamp()), Second())
        return self._second

    @property
    def ends(self) -> tuple[datetime, datetime] | None:
        """The first and the last moment that records tell; None when none does."""
        if not self.seconds:
            return None
        first, last = min(self.seconds), max(self.seconds)
        return datetime.fromtimestamp(first, UTC), datetime.fromtimestamp(last, UTC)

    def timeline(self, limit: float | None) -> Timeline | None:
        """
        Return the chart's data, None when nothing was linked or undone at a time that is told.

        :param limit: links a second, where it is known
        """
        if not any(each.linked or each.undone for each in self.seconds.values()):
            return None
        elapsed = _elapsed(self.seconds)
        total = max(elapsed.values()) + 1
        told = [each for each in self.seconds.values() if each.limit_used is not None]
        held = [each for each in told if _is_held(each)]
        measured = limit is None
        if measured:
            limit = _through(self.seconds, elapsed)
        moments = sorted(self.seconds)
        pauses = tuple(elapsed[after] for before, after in pairwise(moments) if after - before > IDLE_S)
        return Timeline(
            total,
            tuple(_steps(self.seconds, elapsed, total)),
            pauses,
            limit,
            measured,
            len(held) / len(told) if told else None,
        )


def _elapsed(seconds: dict[int, Second]) -> dict[int, int]:
    """Return each second's place in the time at work."""
    places: dict[int, int] = {}
    before, place = None, 0
    for moment in sorted(seconds):
        if before is not None:
            gap = moment - before
            place += gap if gap <= IDLE_S else 1
        places[moment] = place
        before = moment
    return places


def _is_held(second: Second) -> bool:
    return second.limit_used is not None and second.limit_used >= AT_THE_LIMIT


def _through(seconds: dict[int, Second], elapsed: dict[int, int]) -> float | None:
    """
    Return how many links a second went through at most while the limit held the run; None when it hardly did.

    It is not the fastest window that counts but one that a tenth is faster than: a window may catch a burst more.
    Where it was less, something else held the run.
    """
    total = max(elapsed.values()) + 1
    width = min(max(total // WINDOWS, WINDOW_S[0]), WINDOW_S[1])
    windows = [[0, 0, 0] for _ in range(total // width)]  # the last part of one is left out
    for moment, second in seconds.items():
        place = elapsed[moment] // width
        if place < len(windows):
            window = windows[place]
            window[0] += second.linked
            window[1] += second.limit_used is not None
            window[2] += _is_held(second)
    rates = sorted(linked / width for linked, told, held in windows if linked and held * 2 > told)
    return rates[(len(rates) - 1) * 9 // 10] if len(rates) >= SURE else None


def _steps(seconds: dict[int, Second], elapsed: dict[int, int], total: int) -> Iterator[Step]:
    most = total / STEPS_AT_MOST
    width = next((each for each in STEP_SECONDS if each >= most), ceil(most))
    linked, undone = [0] * ceil(total / width), [0] * ceil(total / width)
    for moment, second in seconds.items():
        step = elapsed[moment] // width
        linked[step] += second.linked
        undone[step] += second.undone
    for number, (links, undos) in enumerate(zip(linked, undone, strict=True)):
        begins, ends = number * width, min((number + 1) * width, total)
        yield Step(begins, ends, links / (ends - begins), undos / (ends - begins))
