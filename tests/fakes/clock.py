"""A clock that only sleep and the test move."""

from __future__ import annotations

import threading

from airflow_provider_auth0link.api.retry import Timing

START = 1_800_000_000.0
"""The wall clock's first moment, an epoch in seconds: 2027-01-15 08:00 UTC."""


class FakeClock:
    """
    Monotonic seconds from 100, a wall clock beside it, and a sleep that moves both.

    :param epoch: the wall clock's first moment; another one makes a clock that is off
    :param chance: what chance gives, always
    """

    def __init__(self, *, epoch: float = START, chance: float = 0.0) -> None:
        self.now = 100.0
        self.naps: list[float] = []
        self._epoch_ahead = epoch - self.now
        self._chance = chance
        self._lock = threading.Lock()

    def __call__(self) -> float:
        return self.now

    def epoch(self) -> float:
        return self.now + self._epoch_ahead

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.naps.append(seconds)
            self.now += seconds

    def pass_by(self, seconds: float) -> None:
        """Let time go by without anybody sleeping."""
        with self._lock:
            self.now += seconds

    def timing(self) -> Timing:
        return Timing(clock=self, sleep=self.sleep, chance=lambda: self._chance, epoch=self.epoch)
