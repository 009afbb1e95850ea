"""
How fast to go where answers tell nothing of the limit: only a 429 does. Pure; times are arguments.

At a 429 the bucket is empty. So what went through from one to a later one, over the time, is what the bucket gains,
exact to about one token: the longer the time, the better it is known.

- **Before the first**, what may be under way grows with what was served. Then the rate is guessed from the bucket's
  size, which is about what was served.
- **From one to the next**, the rate begins below what is known, by a token or two over that time, comes up to it
  slowly and rises ever faster beyond. The bucket takes up what is too little at first, so nothing is lost; the next
  429 comes four times as late; and a limit that was raised is found.
- **Sooner than that** others draw on the bucket, or the limit fell. The rate falls in proportion, and what was known
  is forgotten when it no longer fits; by this several processes come to similar shares.
- **A 429 after few requests** proves little: a tenant, or a proxy before it, may refuse at random. It is put to the
  test by the next three: at once, when something that was under way has passed, else one by one. An empty bucket
  refuses two. Else the 429 counts for nothing, and where that happens again the rate goes up.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

NEVER = math.inf

FIRST_FLIGHT = 2
"""Under way before the first answer has shown whether there are headers."""

GROWTH = 0.5
"""So many more may be under way for each that was served. More would be refused when the bucket runs out."""

LEAST_PER_S = 0.5
HALVINGS = 20

WINDOW_S = 1.0
"""What was served in less is too little to replace what is known."""

SHORTEST_S = 0.3
KEPT = 0.5
"""The part of what was known before that still counts at the next 429."""

FITS = 0.7
"""The part of the known rate that must have gone through, or what is known is forgotten."""

TOKENS, SECONDS = 2.0, 0.3
"""The error of what is known: tokens, and seconds of the refill, which may come in steps."""

LEAST_DROP, MOST_DROP = 0.01, 0.5
MOST_BEYOND = 0.2
"""The part of the known rate by which it begins lower, and by which it is exceeded as much later."""

RISE = 2.0
LEAST_RISE_S, MOST_RISE_S, MOST_RISE_REQUESTS = 1.0, 5.0, 40.0
"""The rise takes so many times as long as the rate was learned over; at most the greater of seconds and requests."""

GUESS_DROP = 0.8
"""The guess may be four times too high: a bucket's size is 1 to 6 times what it gains in a second."""

SOON = 0.5
"""A 429 in this part of the rise comes too early for one process alone."""

FALL = 0.85

FEW = 15
"""A 429 after fewer requests than this proves little; nor does one where the last was refuted."""

PROBES = 3
BELIEVED, REFUTED = 2, 2
"""So many refusals make sure of a 429, so many answers refute it."""

REFUTED_GAIN, MOST_PER_S = 1.25, 1000.0
"""Where 429s mean nothing again and again the bucket is not empty: there is room for more."""

LEAST_PAUSE_S, MOST_PAUSE_S = 0.5, 8.0
"""After 429s in a row, doubling. Then requests leave one by one."""


@dataclass(slots=True)
class _Rise:
    """The rate from one 429 to the next: below the limit at first, slow near it, ever faster beyond."""

    limit: float
    seconds: float = LEAST_RISE_S
    drop: float = GUESS_DROP
    beyond: float = MOST_BEYOND

    def rate(self, seconds: float) -> float:
        """Return the rate so long after a 429."""
        along = max(0.0, seconds) / self.seconds - 1
        return max(LEAST_PER_S, self.limit * (1 + (self.drop if along < 0 else self.beyond) * along**3))


@dataclass(slots=True)
class Blind:
    """What 429s teach of one bucket, as one process sees it."""

    _rise: _Rise | None = None
    _began_at: float = NEVER
    _all_served: int = 0
    _refused_at: float = -NEVER
    _flight_until: float = -NEVER
    _in_a_row: int = 0
    _empty_at: float = -NEVER
    _served: int = 0
    _known_served: float = 0.0
    _known_s: float = 0.0
    _doubts: int = 0
    _answers: int = 0
    _probes: int = 0
    _held: bool = False
    _refuted: bool = False

    def ready_at(self, now: float, last_sent: float, pending: int) -> float:
        """Return when the next request may leave; NEVER: an answer is awaited first."""
        if self._held:
            return NEVER if pending else now
        if self._probes:
            return now
        if self._rise is None:
            free = pending < FIRST_FLIGHT + GROWTH * self._all_served
            return now if free else NEVER
        if self._in_a_row > 1 and pending:
            return NEVER
        return max(now, self.due(last_sent))

    def due(self, last_sent: float) -> float:
        """Return when the next request may leave by the rate."""
        if self._rise is None:
            return -NEVER
        early, late = last_sent, last_sent + 1 / LEAST_PER_S
        for _ in range(HALVINGS):
            middle = (early + late) / 2
            goes = (middle - last_sent) * self._rise.rate(middle - self._refused_at) >= 1
            early, late = (early, middle) if goes else (middle, late)
        return late

    def sent(self, now: float) -> None:
        """Take note of a request that leaves now."""
        self._began_at = min(self._began_at, now)
        self._probes = max(0, self._probes - 1)

    def served(self, now: float, sent_at: float) -> None:
        """Take note of an answer that is no 429."""
        self._in_a_row = 0
        self._all_served += 1
        self._served += sent_at > self._empty_at
        if not self._doubts:
            return
        if sent_at < self._flight_until:
            self._held = False
            self._doubts = 1  # an empty bucket would refuse the whole flight
            return
        self._answers += 1
        if self._answers >= REFUTED:
            self._refute(now)

    def refused(self, now: float, sent_at: float) -> float:
        """
        Take note of a 429.

        :return: seconds in which nothing may leave
        """
        if sent_at < self._flight_until and not self._doubts:
            return 0.0  # of the same flight as an earlier one: the same empty bucket
        if self._is_doubtful(now):
            return 0.0
        early = self._rise is not None and now < self._refused_at + SOON * self._rise.seconds
        self._doubts = self._probes = 0
        self._held = self._refuted = False
        self._in_a_row += 1
        self._refused_at = now
        self._flight_until = now + (now - sent_at) / 2  # answers overtake each other
        self._learn(now, sent_at, early=early)
        if self._in_a_row == 1:
            return 0.0
        return min(LEAST_PAUSE_S * 2.0 ** min(self._in_a_row - 2, 16), MOST_PAUSE_S)

    def _is_doubtful(self, now: float) -> bool:
        """Put a 429 that proves little to the test, and tell whether that goes on."""
        if self._doubts:
            self._doubts += 1
            return self._doubts <= BELIEVED
        if self._in_a_row or (self._served >= FEW and not self._refuted):
            return False
        self._doubts, self._answers, self._probes = 1, 0, PROBES
        self._held, self._flight_until = True, now
        return True

    def _refute(self, now: float) -> None:
        """Take a 429 for nothing: go on as if it had not been, and faster where it is not the first."""
        self._doubts, self._held = 0, False
        if self._refuted and self._rise is not None:
            limit = max(self._rise.limit, self._rise.rate(now - self._refused_at)) * REFUTED_GAIN
            self._rise.limit = min(limit, MOST_PER_S)
            self._refused_at = now - self._rise.seconds
        self._refuted = True

    def _learn(self, now: float, sent_at: float, *, early: bool) -> None:
        """Learn what the bucket gains: it was empty when this request came."""
        if self._rise is None:
            # No bucket of Auth0's gains more than its size in a second.
            self._rise = _Rise(max(LEAST_PER_S, self._all_served / (1 + now - self._began_at)))
            self._empty_at, self._served = sent_at, 0
            return
        served, seconds = float(self._served), max(0.0, sent_at - self._empty_at)
        if not served:
            return
        if seconds < WINDOW_S:
            served, seconds = self._known_served + served, self._known_s + seconds
        else:
            kept = KEPT if served + 1 >= FITS * self._rise.limit * seconds else 0.0
            served, seconds = kept * self._known_served + served, kept * self._known_s + seconds
            self._known_served, self._known_s = served, seconds
            self._empty_at, self._served = sent_at, 0
        seconds = max(seconds, SHORTEST_S)
        limit = max(LEAST_PER_S, (served + 0.5) / seconds * (FALL if early else 1.0))
        drop = min(max(TOKENS / served + SECONDS / seconds, LEAST_DROP), MOST_DROP)
        rise_s = min(RISE * seconds, max(MOST_RISE_S, MOST_RISE_REQUESTS / limit))
        self._rise = _Rise(limit, max(LEAST_RISE_S, rise_s), drop, min(drop, MOST_BEYOND))
