"""Many real threads that do one thing at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Result = TypeVar("Result")

THREADS = 16
LIMIT_S = 30.0
"""A test that hangs ends after so long."""


def at_once(act: Callable[[], Result]) -> list[Result]:
    """Let all threads do it, none before every one is there; return what each got."""
    line = threading.Barrier(THREADS)

    def run() -> Result:
        line.wait(LIMIT_S)
        return act()

    with ThreadPoolExecutor(THREADS) as pool:
        return [each.result(LIMIT_S) for each in [pool.submit(run) for _ in range(THREADS)]]


class Crowd:
    """Tells when every thread has come as far as some point."""

    def __init__(self) -> None:
        self._come = threading.Semaphore(0)

    def come(self) -> None:
        self._come.release()

    def is_whole(self) -> bool:
        return all(self._come.acquire(timeout=LIMIT_S) for _ in range(THREADS))
