"""
How fast to go: every request passes here, one by one, when its bucket has a token for it.

Buckets belong to groups of endpoints on the smaller plans and to the whole tenant on the others (rate limit
policy). Which of them share one is not told, so each class of route has a model of its own until two plainly
are one bucket: the same size, what is left moving as one, and more of it going than the class took itself.
Size and level alone do not tell: several groups have buckets of 20, and a run draws on all of them alike.
"""

from __future__ import annotations

import heapq
import itertools
import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from airflow_provider_auth0link.api.blind import NEVER
from airflow_provider_auth0link.api.bucket import LONGEST_PAUSE_S, Bucket, Told

SURE = 4
"""So many answers more must speak for one bucket than against it before two models are made one, or parted."""

MISSING = 3
"""So many tokens more than a class took itself must have gone from its bucket to show that others draw on it."""

TINY = 4
"""A bucket of so few is the whole tenant's: the least of a group of endpoints is 5 (rate limit policy)."""

CLOSE_S = 0.5
LOST_WAKE_S = 1.0

LONGEST_HOLD_S = 3_600.0
"""A class is held back no longer, whatever a 429 says: one request a while finds out whether that was meant."""


@dataclass(order=True, slots=True)
class _Waiter:
    priority: int
    turn: int
    called: threading.Event = field(compare=False, default_factory=threading.Event)


@dataclass(slots=True)
class _Lane:
    """One class of route: its bucket's model, who waits, and how well it agrees with other classes."""

    bucket: Bucket
    waiting: list[_Waiter] = field(default_factory=list)
    under_way: int = 0
    left: int | None = None
    left_at: float = -math.inf
    gained: int = 0
    gained_most: int = 0
    agreement: dict[str, int] = field(default_factory=dict)

    def read(self, limit: int, left: int, now: float, *, served: bool) -> None:
        """
        Take note of what an answer of this class says is left.

        Had the class a bucket to itself, that would gain from answer to answer, but for the order in which those
        under way are answered. It is taken to have been full before the first.
        """
        self.gained += left + served - (limit if self.left is None else self.left)
        self.gained_most = max(self.gained_most, self.gained)
        self.left, self.left_at = left, now

    @property
    def tapped(self) -> bool:
        """Whether others draw on its bucket."""
        return self.gained_most - self.gained >= self.under_way + MISSING


@dataclass(frozen=True, slots=True)
class Passage:
    """A request that may leave now."""

    lane: str
    sent_at: float


class Pace:
    """
    Lets requests of all threads of a process pass at the tenant's own speed.

    :param share: how far the tenant's buckets may be drawn down, over 0 to 1
    :param per_second: an upper bound over all requests of this process, or None
    :param clock: monotonic seconds
    :param sleep: takes seconds; used where no answer can cut the wait short
    """

    def __init__(
        self,
        share: float,
        per_second: float | None,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self._share = share
        self._gap = 1 / per_second if per_second else 0.0
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        self._turns = itertools.count()
        self._next = -math.inf
        self._lanes: dict[str, _Lane] = {}
        self.limited = 0

    def enter(self, lane: str, *, priority: int = 0, until: float = math.inf) -> Passage | None:
        """
        Wait for a token.

        :param lane: the class of route
        :param priority: lower goes first: what was begun is finished before more is begun
        :param until: monotonic seconds; None is returned when the wait is known to end later
        """
        with self._lock:
            me = _Waiter(priority, next(self._turns))
            heapq.heappush(self._lane(lane).waiting, me)
        try:
            while True:
                with self._lock:
                    now = self._clock()
                    moment, alone = self._moment(lane, me, now)
                    if moment <= now:
                        self._sent(lane, now)
                        return Passage(lane, now)
                if now > until or until < moment < NEVER:
                    return None
                if alone:
                    self._sleep(moment - now)
                else:
                    me.called.wait(min(moment - now, LOST_WAKE_S))
                    me.called.clear()
        finally:
            with self._lock:
                waiting = self._lanes[lane].waiting
                waiting.remove(me)
                heapq.heapify(waiting)
                self._call_first()

    def _moment(self, lane: str, me: _Waiter, now: float) -> tuple[float, bool]:
        """Return when this waiter may go, and whether no answer can change that."""
        here = self._lanes[lane]
        if here.waiting[0] is not me:
            return NEVER, False
        moment = max(here.bucket.ready_at(now), self._next, now)
        return moment, here.bucket.pending == 0 and moment < NEVER

    def leave(self, passage: Passage, told: Told | None, *, limited: bool = False) -> None:
        """
        Take note of an answer.

        :param told: what its headers said; None when there was no answer
        :param limited: it was a 429
        """
        with self._lock:
            now = self._clock()
            lane = self._lanes[passage.lane]
            if told is None:
                lane.bucket.lost()
            else:
                self.limited += limited
                if told.limit is not None and lane.bucket.limit not in {None, told.limit}:
                    self._part(lane)
                lane.bucket.answered(now, passage.sent_at, told, limited=limited)
            lane.under_way -= 1
            if told is not None:
                self._compare(passage.lane, told, now, served=not limited)
            self._call_first()

    def drawn(self) -> float | None:
        """Return how far the emptiest of the tenant's buckets is drawn down, 0 to 1; None while none told its size."""
        with self._lock:
            buckets = [lane.bucket for lane in self._lanes.values()]
            shares = [1 - max(each.known, 0.0) / each.limit for each in buckets if each.limit]
        return max((max(each, 0.0) for each in shares), default=None)

    def hold(self, lane: str, seconds: float) -> None:
        """
        Let no request of this class leave for so long: it met a 429, and the others would too.

        Where answers tell of the bucket, its model has waited for the reset by the tenant's own clock already, and
        only what is longer than it ever waits counts.
        """
        with self._lock:
            bucket = self._lane(lane).bucket
            if bucket.limit is None or seconds > LONGEST_PAUSE_S:
                bucket.pause(self._clock() + min(seconds, LONGEST_HOLD_S))

    def _lane(self, name: str) -> _Lane:
        if name not in self._lanes:
            whole = (each.bucket for each in self._lanes.values() if (each.bucket.limit or NEVER) <= TINY)
            self._lanes[name] = _Lane(next(whole, None) or Bucket(self._share))
        return self._lanes[name]

    def _sent(self, lane: str, now: float) -> None:
        self._lanes[lane].bucket.sent(now)
        self._lanes[lane].under_way += 1
        if self._gap:
            self._next = now + self._gap

    def _call_first(self) -> None:
        for lane in self._lanes.values():
            if lane.waiting:
                lane.waiting[0].called.set()

    def _compare(self, name: str, told: Told, now: float, *, served: bool) -> None:
        """Make two models one when they plainly are one bucket, and part them when they plainly are not."""
        mine = self._lanes[name]
        if told.limit is None or told.remaining is None:
            return
        mine.read(told.limit, told.remaining, now, served=served)
        for other_name, other in self._lanes.items():
            if other is mine or other.bucket.limit != told.limit:
                continue
            if told.limit <= TINY:
                if mine.bucket is not other.bucket:
                    self._join(mine, other)
                continue
            if now - other.left_at > CLOSE_S:
                continue
            score = mine.agreement.get(other_name, 0) + self._evidence(mine, other, told.limit, now)
            mine.agreement[other_name] = other.agreement[name] = max(-SURE, min(SURE, score))
            if score >= SURE and mine.bucket is not other.bucket:
                self._join(mine, other)
            elif score <= -SURE and mine.bucket is other.bucket:
                self._part(mine)

    def _evidence(self, mine: _Lane, other: _Lane, limit: int, now: float) -> int:
        """
        Tell what an answer says of two classes: 1 for one bucket, -2 against it, 0 nothing.

        It must continue what the other's last answer said, and somebody must draw on both.
        """
        left, before = mine.left or 0, other.left or 0
        if min(left, before) >= max(limit - 2, 3):
            return 0  # two full buckets look alike
        under_way = mine.under_way + other.under_way + 2
        grown = mine.bucket.gain * (now - other.left_at) + 2
        if not before - under_way <= left <= before + grown:
            return -2
        return int(mine.tapped or other.tapped)

    def _join(self, mine: _Lane, other: _Lane) -> None:
        """Let both classes use one model; what is under way of either counts for both."""
        old = other.bucket
        mine.bucket.take_over(old)
        for lane in self._lanes.values():
            if lane.bucket is old:
                lane.bucket = mine.bucket

    def _part(self, lane: _Lane) -> None:
        """Give a class a model of its own again, with what it has under way."""
        if any(other.bucket is lane.bucket for other in self._lanes.values() if other is not lane):
            lane.bucket.pending -= lane.under_way
            lane.bucket = Bucket(self._share, pending=lane.under_way)
            lane.agreement.clear()
