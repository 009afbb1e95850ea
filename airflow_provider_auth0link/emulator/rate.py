"""
The tenant's request limits: token buckets, and the three ``x-ratelimit-*`` headers.

"Rate limit policy" and "Rate limit use cases" of Auth0: the bucket holds a burst, is refilled at
the sustained rate, and the headers tell bucket size, what is left, and an epoch second. The two
pages differ on what is refilled when, so refilling is an argument. Every request names its group
of endpoints; a plan may give groups buckets of their own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Refill = Callable[[float, float, float], float]
"""(rate per second, last time, this time) to requests gained."""


def smooth(rate: float, last: float, now: float) -> float:
    """Refill all the time."""
    return max(0.0, now - last) * rate


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
    """

    rate: float
    burst: int
    name: str = "Global limit"
    refill: Refill = smooth
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
            self._level = min(float(self.burst), self._level + self.refill(self.rate, self._at, now))
        self._at = now
        allowed = self._level >= 1 - 1e-9  # a wait computed to the digit must be enough
        if allowed:
            self._level -= 1
        left = max(0.0, self._level)
        return Verdict(
            allowed=allowed,
            limit=self.burst,
            remaining=int(left),
            reset_next=now + max(0.0, math.floor(left) + 1 - left) / self.rate,
            reset_full=now + (self.burst - left) / self.rate,
            name=self.name,
        )


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
        """Ask the buckets of a request. None when no limit holds it."""
        verdict = self.overall.take(now) if self.overall is not None else None
        if verdict is not None and not verdict.allowed:
            return verdict
        narrower = self.groups.get(group)
        return verdict if narrower is None else narrower.take(now)


def limits_of(rate: float | None, burst: int | None) -> Limits:
    """
    Build the limits of a tenant with one bucket.

    :param rate: requests per second; None for no limit
    :param burst: bucket size; what a second brings when not given
    """
    if rate is None:
        if burst is not None:
            raise ValueError("burst needs a rate")
        return Limits()
    return Limits(Bucket(rate, max(1, math.ceil(rate)) if burst is None else burst))


def rate_headers(verdict: Verdict, *, full: bool) -> tuple[tuple[str, str], ...]:
    """Write a verdict as headers. The reset is cut to whole seconds, as Auth0's is."""
    reset = verdict.reset_full if full else verdict.reset_next
    return (
        ("x-ratelimit-limit", str(verdict.limit)),
        ("x-ratelimit-remaining", str(verdict.remaining)),
        ("x-ratelimit-reset", str(int(reset))),
    )
