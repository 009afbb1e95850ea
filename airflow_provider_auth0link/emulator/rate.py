"""
The tenant's request limits: token buckets, and the three ``x-ratelimit-*`` headers.

"Rate limit policy" and "Rate limit use cases" of Auth0: the bucket holds a burst, is refilled at
the sustained rate, and the headers tell bucket size, what is left, and an epoch second. The two
pages differ on when it is refilled: all the time, or at the top of each second or minute. Every request names its group
of endpoints; a plan may give groups buckets of their own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

SLACK = 1e-9
"""Requests: a wait computed to the digit must be enough."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a bucket says to one request. *reset_next* and *reset_full* are epoch seconds."""

    allowed: bool
    limit: int
    remaining: int
    reset_next: float
    reset_full: float
    name: str


@dataclass(slots=True)
class Bucket:
    """
    One token bucket.

    :param rate: requests per second that it gains
    :param burst: requests that it holds
    :param name: as the 429 body says it
    :param step: seconds from one refill to the next, at whole multiples of it; 0 for all the time
    """

    rate: float
    burst: int
    name: str = "Global limit"
    step: int = 0
    _level: float = field(init=False)
    _at: float | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if not (self.rate > 0 and math.isfinite(self.rate)):
            raise ValueError(f"rate must be over 0, got {self.rate}")
        if self.burst < 1:
            raise ValueError(f"burst must be at least 1, got {self.burst}")
        self._level = float(self.burst)

    def take(self, now: float) -> Verdict:
        """Take one request out, if one is there."""
        if self._at is not None:
            self._level = min(float(self.burst), self._level + self._gained(self._at, now))
        self._at = now
        allowed = self._level >= 1 - SLACK
        if allowed:
            self._level -= 1
        left = max(0.0, self._level)
        return Verdict(
            allowed=allowed,
            limit=self.burst,
            remaining=int(left + SLACK),
            reset_next=self._when(max(0.0, math.floor(left + SLACK) + 1 - left), now),
            reset_full=self._when(self.burst - left, now),
            name=self.name,
        )

    def _gained(self, last: float, now: float) -> float:
        if self.step:
            return max(0.0, now // self.step - last // self.step) * self.step * self.rate
        return max(0.0, now - last) * self.rate

    def _when(self, gain: float, now: float) -> float:
        """Return the time at which so many requests more are there."""
        if not self.step or gain <= SLACK:
            return now + gain / self.rate
        steps = math.ceil(gain / (self.step * self.rate) - SLACK)
        return (now // self.step + steps) * self.step


@dataclass(frozen=True, slots=True)
class Limits:
    """
    A tenant's buckets: one for all requests, asked first, and others for groups of endpoints.

    :param overall: the global bucket; None when there is none
    :param groups: group to bucket
    """

    overall: Bucket | None = None
    groups: Mapping[str, Bucket] = field(default_factory=dict)

    def take(self, group: str, now: float) -> Verdict | None:
        """
        Ask the buckets of a request, the global one first.

        :return: of the bucket that refused, else of the one that would refuse first; None when no limit
            holds the request
        """
        verdict = self.overall.take(now) if self.overall is not None else None
        if verdict is not None and not verdict.allowed:
            return verdict
        bucket = self.groups.get(group)
        narrower = bucket.take(now) if bucket is not None else None
        if verdict is None or narrower is None:
            return verdict or narrower
        return narrower if not narrower.allowed or narrower.remaining <= verdict.remaining else verdict


def rate_headers(verdict: Verdict, *, full: bool) -> tuple[tuple[str, str], ...]:
    """Write a verdict as headers. The reset is cut to whole seconds, as Auth0's is."""
    reset = verdict.reset_full if full else verdict.reset_next
    return (
        ("x-ratelimit-limit", str(verdict.limit)),
        ("x-ratelimit-remaining", str(verdict.remaining)),
        ("x-ratelimit-reset", str(int(reset))),
    )
