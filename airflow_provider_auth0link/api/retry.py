"""
How long to wait between tries. Pure, but for the clock that it is given.

Retrying is bounded by time, not by count: a tenant that is busy for a minute is no reason to lose a link,
and one that is down for an hour is a matter for Airflow's own retries.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import pendulum

PAIR_SECONDS = 600.0
"""What one pair may take, retries included."""

BACKOFF_FIRST_S = 0.5
BACKOFF_MOST_S = 30.0
RESET_LEAST_S = 0.5
RESET_MOST_S = 60.0


@dataclass(frozen=True, slots=True)
class Timing:
    """
    Time and chance, as arguments: tests give their own.

    ``clock`` is monotonic seconds, ``epoch`` wall-clock seconds, ``sleep`` takes seconds,
    ``chance`` gives 0 to 1.
    """

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random
    epoch: Callable[[], float] = lambda: pendulum.now("UTC").timestamp()


REAL_TIME = Timing()


@dataclass(slots=True)
class Budget:
    """
    The time that one piece of work has, and the requests that it made.

    :param seconds: from now on
    :param clock: monotonic seconds
    """

    seconds: float
    clock: Callable[[], float]
    ends: float = 0.0
    requests: int = 0

    def __post_init__(self) -> None:
        self.ends = self.clock() + self.seconds

    def allows(self, wait: float) -> bool:
        """Tell whether there is time left after waiting so long."""
        return self.clock() + wait < self.ends


def backoff(attempt: int, chance: float) -> float:
    """
    Seconds before try *attempt* + 1, doubling, with jitter so that many clients do not return at once.

    :param attempt: 1 after the first failure
    :param chance: 0 to 1
    """
    ceiling: float = min(BACKOFF_MOST_S, BACKOFF_FIRST_S * 2.0 ** min(attempt - 1, 16))
    return ceiling * (0.5 + chance / 2)


def after_limit(attempt: int, headers: Mapping[str, str], now: float, chance: float) -> float | None:
    """
    Seconds to wait after a 429; None where it does not tell.

    ``Retry-After`` is obeyed. ``x-ratelimit-reset`` is an epoch in whole seconds that Auth0's own pages read
    in two ways, as the next request's time or as the full bucket's; so it is neither taken as zero nor
    waited for without end.

    :param now: the server's time as an epoch, by the answer's ``Date``; own clocks may be off by minutes
    """
    told = _float(headers.get("retry-after"))
    if told is not None:
        return max(told, RESET_LEAST_S) + chance * 0.5
    reset = _float(headers.get("x-ratelimit-reset"))
    if reset is None:
        return None
    return min(max(reset - now, RESET_LEAST_S), RESET_MOST_S, 2.0 ** min(attempt, 16)) + chance * 0.5


def server_time(headers: Mapping[str, str], fallback: float) -> float:
    """Return the epoch that the answer's ``Date`` tells, or *fallback* when it tells none."""
    told = told_time(headers)
    return fallback if told is None else told


def told_time(headers: Mapping[str, str]) -> float | None:
    """Return the epoch that the answer's ``Date`` tells."""
    try:
        return parsedate_to_datetime(headers["date"]).timestamp()
    except (KeyError, ValueError, TypeError, OverflowError):
        return None


def _float(text: str | None) -> float | None:
    try:
        number = float(text) if text is not None else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None
