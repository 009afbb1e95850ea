"""
How many requests at once are worth having. Pure, but for the clock that it is given.

Little's law: as many are under way as answers come per second, times the seconds that one takes. The rate is
what was reached lately, whoever bounds it: the pace, the tenant or this process. The seconds are those of
an answer that met no queue, the shortest seen; so where more at once only makes each slower, the product
stands still. Half as much again and two more leave room to grow, by which it finds a rate that rises.

Where answers take now long, now short, the shortest says too little. So while all that are allowed are under way,
which is when nothing else holds them back, half as many again are tried: kept when answers come quicker, given up
for a while when they do not.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable, Iterable

LEAST, MOST = 4, 128
"""Requests at once, whatever is learned."""

WINDOW_S = 3.0
"""Over which the rate is taken."""

BIN_S = 0.25
"""Answers so close together are counted as one lot."""

GROWTH, SPARE = 1.5, 2

NEAR = 1.25
"""Seconds up to so many times the shortest confirm it."""

KEEP_S = 60.0
"""So long a shortest time holds without one near it; then it is measured again."""

MEASURE_S = 1.0
"""So long the least are sent at once, to see how long an answer takes that meets no queue."""


PAYS = 1.1
"""Half as many again at once are kept when so many times the answers come. At the best it were 1.5."""

AGAIN_S = 15.0
"""After a try that did not pay. It may have been chance: the seconds of answers scatter."""

BINDING = 0.8
"""The part of those allowed that is under way on average when nothing but the width holds requests back."""


class _Lane:
    """The answers of one class of route: how many of late, and the seconds of the quickest."""

    def __init__(self, now: float) -> None:
        self.floor = math.inf
        self.measured = math.inf
        self.confirmed_at = now
        self._lots: deque[tuple[float, int, float]] = deque()

    def count(self, now: float, seconds: float, answers: int) -> None:
        if self._lots and now - self._lots[-1][0] < BIN_S:
            began, before, spent = self._lots.pop()
            self._lots.append((began, before + answers, spent + seconds))
        else:
            self._lots.append((now, answers, seconds))

    def take(self, seconds: float, now: float) -> None:
        self.measured = min(self.measured, seconds)
        self.floor = min(self.floor, seconds)
        if seconds <= self.floor * NEAR:
            self.confirmed_at = now

    def recent(self, now: float) -> int:
        while self._lots and now - self._lots[0][0] > WINDOW_S:
            self._lots.popleft()
        return sum(answers for _, answers, _ in self._lots)

    def spent(self) -> float:
        """Return the seconds that the recent answers took, all together."""
        return sum(seconds for _, _, seconds in self._lots)

    def is_stale(self, now: float) -> bool:
        return now - self.confirmed_at > KEEP_S and math.isfinite(self.floor)


class _Climb:
    """Tries whether more at once bring more answers."""

    def __init__(self) -> None:
        self.height = LEAST
        self._below: tuple[int, float] | None = None
        self._from = 0.0

    def look(self, now: float, width: int, rate: float, under_way: float) -> None:
        """
        Take a step, or judge the last one.

        :param width: what is allowed now
        :param rate: answers per second of late
        :param under_way: requests at once of late, on average
        """
        if now < self._from + WINDOW_S:
            return
        if self._below is not None:
            height, before = self._below
            self._below = None
            if rate < before * PAYS:
                self.height = height
                self._from = now + AGAIN_S - WINDOW_S
                return
        if under_way >= BINDING * width and width < MOST:
            self._below = width, rate
            self.height = min(MOST, math.ceil(width * GROWTH))
        self._from = now


class Width:
    """
    Learns from every answer. Safe for many threads.

    :param clock: monotonic seconds
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._lanes: dict[str, _Lane] = {}
        self._began: float | None = None
        self._measures_until: float | None = None
        self._climb = _Climb()

    def answered(self, lane: str, seconds: float, *, done: bool) -> None:
        """
        Take note of an answer.

        :param lane: its class of route: a read is quicker than a write
        :param seconds: from the request to its answer
        :param done: whether Auth0 did what was asked; a refusal is quick, and tells nothing of the work
        """
        with self._lock:
            now = self._clock()
            if self._began is None:
                self._began = now - seconds
            mine = self._lanes.setdefault(lane, _Lane(now))
            mine.count(now, seconds, 1)
            if done:
                mine.take(seconds, now)

    def spent(self, lane: str, seconds: float) -> None:
        """Take note of seconds that brought no answer: until a connection broke, and the rest before a repeat."""
        with self._lock:
            now = self._clock()
            self._lanes.setdefault(lane, _Lane(now)).count(now, seconds, 0)

    def value(self) -> int:
        """Return how many requests at once are worth having now, 4 to 128."""
        with self._lock:
            now = self._clock()
            busy = [each for each in self._lanes.values() if each.recent(now)]
            if self._is_measuring(busy, now) or self._began is None:
                return LEAST
            covered = min(WINDOW_S, max(now - self._began, BIN_S))
            at_once = sum(
                each.recent(now) / covered * each.floor for each in busy if math.isfinite(each.floor)
            )
            width = max(self._climb.height, min(MOST, math.ceil(GROWTH * at_once + SPARE)))
            rate = sum(each.recent(now) for each in busy) / covered
            self._climb.look(now, width, rate, self._under_way(now) / covered)
            return max(width, self._climb.height)

    def _under_way(self, now: float) -> float:
        """Return the seconds of all requests of late, those without an answer too."""
        for each in self._lanes.values():
            each.recent(now)  # drops what is older
        return sum(each.spent() for each in self._lanes.values())

    def _is_measuring(self, busy: Iterable[_Lane], now: float) -> bool:
        """Tell whether the least should be sent at once, since a shortest time has not been met for long."""
        if self._measures_until is None:
            stale = [each for each in busy if each.is_stale(now)]
            if not stale:
                return False
            self._measures_until = now + MEASURE_S
            for each in self._lanes.values():
                each.measured = math.inf
        if now < self._measures_until:
            return True
        self._measures_until = None
        for each in self._lanes.values():
            if each.is_stale(now) and math.isfinite(each.measured):
                each.floor, each.confirmed_at = each.measured, now
        return False
