"""
How fast to go where a reserve is kept for others. Pure; times are arguments.

The rate follows from what is left above the reserve, by one law for every process: all see the same bucket, so
they settle at equal shares, whoever came first. Processes react to each other late, by a round trip, and swing
when they react hard. What keeps them calm:

- the law's slope grows with the rate, so that it fits one process as well as several;
- a process begins slowly: each answer allows one request more in a round trip;
- what is left is carried forward by what the bucket gained of late, less what the others took;
- while an answer is overdue, what was told is old, and few requests leave.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

FULL_PER_TOKEN_S = 2.0
"""Requests per second for each token above the reserve, when the bucket is full."""

STRAIGHT = 0.5
"""The part of the rate that is in proportion to what is left; the rest goes with its square."""

GAIN_AT_LEAST = 0.05
"""
The part of the bucket that is taken to come back in a second, whatever was seen of late.

All of Auth0's buckets gain more. Without it, whoever saw the others take everything once would look too late.
"""

FLOW_S = 0.3
OVERDUE_TRIPS = 2
OVERDUE_S = 0.5
LONGEST_SILENCE_S = 2.0
SILENCE_TOKENS_S = 50.0
"""Whoever saw the reserve touched asks again after this many seconds, over the bucket's size; 2 at the most."""

SHORTEST_TRIP_S = 0.02
TRIP_WEIGHT = 0.1
HALVINGS = 16


@dataclass(frozen=True, slots=True)
class View:
    """A bucket as one process sees it: its size, the reserve, and what was left when (monotonic seconds)."""

    limit: int
    reserve: float
    left: float
    at: float


@dataclass(slots=True)
class Sharing:
    """What one process knows of the others on a bucket, and how boldly it may go."""

    _flow: float = 0.0
    _told: tuple[int, int] | None = None
    _ceiling: float = 1.0
    _trip: float = 0.0
    _heard_at: float = -math.inf

    def began(self, now: float) -> None:
        """Take note of a request that leaves while none is under way."""
        self._heard_at = now

    def heard(self, now: float, sent_at: float) -> None:
        """Take note of an answer, whatever it says."""
        trip = now - sent_at
        self._ceiling += 1 / max(trip, SHORTEST_TRIP_S)
        self._trip += TRIP_WEIGHT * (trip - self._trip) if self._trip else trip
        self._heard_at = now

    def told(self, seconds: float, left: int, served: int) -> None:
        """
        Learn what the bucket gains of late, less what others take.

        :param seconds: since the answer before
        :param left: what is left in the bucket
        :param served: how many of our requests were served, all in all
        """
        if self._told is not None:
            gained = left - self._told[0] + served - self._told[1]
            faded = self._flow * math.exp(-max(0.0, seconds) / FLOW_S)
            self._flow = max(0.0, faded + gained / FLOW_S)
        self._told = left, served

    def due(self, view: View, last_sent: float, *, under_way: bool) -> float:
        """Return the moment when the next request may leave, if nothing is heard until then."""
        early, late = last_sent, last_sent + min(LONGEST_SILENCE_S, SILENCE_TOKENS_S / max(1, view.limit))
        for _ in range(HALVINGS):
            middle = (early + late) / 2
            goes = (middle - last_sent) * self._rate(view, middle) >= 1
            early, late = (early, middle) if goes else (middle, late)
        if under_way and late > self._heard_at + OVERDUE_TRIPS * self._trip:
            return max(late, last_sent + OVERDUE_S)
        return late

    def _rate(self, view: View, moment: float) -> float:
        """Requests per second. It grows with time, so whoever saw nothing left looks again."""
        gained = max(self._flow, GAIN_AT_LEAST * view.limit) * (moment - view.at)
        room = max(1.0, view.limit - view.reserve)
        above = min(max(0.0, view.left + gained - view.reserve), room) / room
        lawful = FULL_PER_TOKEN_S * room * (STRAIGHT * above + (1 - STRAIGHT) * above**2)
        return min(lawful, self._ceiling)
