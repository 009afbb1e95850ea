"""One link at a time for each primary, within a process: two would overwrite each other's metadata."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakValueDictionary


class _Turn:
    """A lock that is forgotten once nobody holds it or waits for it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


_turns: WeakValueDictionary[tuple[str, str], _Turn] = WeakValueDictionary()
_guard = threading.Lock()


@contextmanager
def turn(host: str, primary: str) -> Iterator[None]:
    """Wait until no other thread links into this primary, then let none begin."""
    with _guard:
        mine = _turns.get((host, primary))
        if mine is None:
            mine = _turns[host, primary] = _Turn()
    with mine.lock:
        yield


def _forget_turns() -> None:
    """A forked child must not wait for a thread that only its parent has."""
    global _guard  # noqa: PLW0603 - a lock cannot be reset
    _guard = threading.Lock()
    _turns.clear()


os.register_at_fork(after_in_child=_forget_turns)
