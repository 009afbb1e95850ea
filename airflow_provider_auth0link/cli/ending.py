"""How a command ends that is told to, and what it says of an error."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from airflow_provider_auth0link.linking.words import escaped


@contextmanager
def terminated_like_interrupted() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does, so that what it started, and its temporary files, end too."""
    if threading.current_thread() is not threading.main_thread():  # others cannot be told
        yield
        return

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def complain(error: Exception | str) -> None:
    """Say what went wrong, on stderr and on one line: what accounts hold may stand in it."""
    print(f"auth0link: {escaped(str(error))}", file=sys.stderr)
