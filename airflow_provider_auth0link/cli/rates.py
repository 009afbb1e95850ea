"""How long links take on the rates that Auth0 publishes (Auth0 rate limit policy, Management API)."""

from __future__ import annotations

from dataclasses import dataclass

MINUTE, HOUR, DAY = 60, 3_600, 86_400


@dataclass(frozen=True, slots=True)
class Rate:
    """
    A published limit that links run into.

    :param plan: its name
    :param per_second: requests that are refilled in a second
    :param buckets: the bucket sizes that ``x-ratelimit-limit`` may show for users on this plan
    :param carrying: how many of the four requests of a link that carries metadata (two reads, one update,
        the link) draw on this limit
    """

    plan: str
    per_second: float
    buckets: frozenset[int]
    carrying: int = 4

    def seconds(self, links: int, *, carrying: bool) -> float:
        """Return the time that *links* take when nobody else uses the tenant."""
        return links * (self.carrying if carrying else 1) / self.per_second


SMALL = frozenset({5, 10, 20, 40})

PUBLISHED = (
    Rate("Free, 2/s", 2, frozenset({2})),
    Rate("Essentials, Professional: 150/min", 150 / MINUTE, SMALL, carrying=1),
    Rate("Essentials, Professional: 200/min", 200 / MINUTE, SMALL, carrying=2),
    Rate("Enterprise, non-production, 2/s", 2, frozenset({10})),
    Rate("Enterprise, production, 16/s", 16, frozenset({50})),
    Rate("Private Cloud, dev, 20/s", 20, frozenset({20})),
    Rate("Private Cloud, 1x, 50/s", 50, frozenset({50})),
    Rate("Private Cloud, 5x, 250/s", 250, frozenset({250})),
    Rate("Private Cloud, 15x, 750/s", 750, frozenset({750})),
)
"""
The limits by plan. On Essentials and Professional each group of endpoints has a bucket of its own; which one
a link draws on is not published, so both candidates stand here.
"""


def on_bucket(size: int | None) -> tuple[Rate, ...]:
    """
    Return the limits that a tenant with a bucket of *size* may have.

    Auth0's headers tell the size of the bucket, not its refill. A size that no plan has is taken
    to be refilled in a second, as it is on the plans without a burst.
    """
    if size is None:
        return ()
    known = tuple(rate for rate in PUBLISHED if size in rate.buckets)
    return known or (Rate(f"bucket of {size}, if refilled every second", size, frozenset({size})),)


def in_words(seconds: float) -> str:
    """Return a duration with two digits or so: ``33 min``, ``1.7 h``, ``2.3 d``."""
    if seconds < MINUTE:
        return f"{seconds:.0f} s"
    if seconds < HOUR:
        return f"{seconds / MINUTE:.0f} min"
    if seconds < DAY:
        return f"{seconds / HOUR:.1f} h"
    return f"{seconds / DAY:.1f} d"
