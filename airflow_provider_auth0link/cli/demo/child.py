"""The process that Airflow runs in: settings of its own, nothing of the user's, gone when we are."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

TICK = 0.2
"""Seconds between two looks at the tenant while the child says nothing."""

OURS = ("AIRFLOW", "_AIRFLOW", "AUTH0LINK", "PYTHONWARNINGS")


def settings(
    outside: Mapping[str, str], *, home: Path, dags: Path, connection: str, warehouse: Path, kept: Path
) -> dict[str, str]:
    """
    Return the child's environment: that of the user without any setting of Airflow, and the demo's.

    :param outside: the user's environment
    :param home: a folder for all that Airflow writes
    :param dags: the folder with the example Dags
    :param connection: the value of ``AIRFLOW_CONN_AUTH0_DEFAULT``
    :param warehouse: the SQLite file with the users
    :param kept: the folder for journals and id maps
    """
    theirs = {name: value for name, value in outside.items() if not name.upper().startswith(OURS)}
    return theirs | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "AIRFLOW_CONN_AUTH0_DEFAULT": connection,
        "AUTH0LINK_FOLDER": str(kept),
        "AUTH0LINK_WAREHOUSE_URL": f"sqlite:///{warehouse}",
        "NO_PROXY": "127.0.0.1,localhost",  # a proxy of the user's would be asked for the tenant
        "no_proxy": "127.0.0.1,localhost",
        "PYTHONPATH": os.pathsep.join(str(Path(each).resolve()) for each in sys.path),
    }


class Child:
    """
    A Python module run in a session of its own; a context manager.

    Its standard output is read as JSON Lines. Leaving the block kills it with all that it started.
    It can do so itself when this process is gone, for its standard input closes then. Before, orders come through it.

    :param arguments: the module's name and its arguments
    :param environment: all of its environment
    :param folder: where it works
    :param log: a file for what it writes to standard error
    """

    def __init__(
        self, arguments: Sequence[str], *, environment: Mapping[str, str], folder: Path, log: Path
    ) -> None:
        self._command = [sys.executable, "-m", *arguments]
        self._environment = environment
        self._folder = folder
        self._log = log
        self._events: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()

    def __enter__(self) -> Self:
        with self._log.open("wb") as sink:
            self._process = subprocess.Popen(  # noqa: S603 - our own module
                self._command,
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=sink,
                start_new_session=True,
            )
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *_error: object) -> None:
        with suppress(
            ProcessLookupError, PermissionError
        ):  # some systems refuse where only the dead are left
            os.killpg(self._process.pid, signal.SIGKILL)  # not waited for yet, so the number is still its own
        self._reader.join()
        self._process.communicate()

    def order(self, row: Mapping[str, Any] | None) -> None:
        """Send a line to the child; one that has ended takes none."""
        assert self._process.stdin is not None  # noqa: S101 - it was asked for
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(row).encode() + b"\n")
            self._process.stdin.flush()

    def events(self, tick: Callable[[], None], *, seconds: float) -> Iterator[dict[str, Any]]:
        """
        Yield what the child tells, until it ends or its time is up.

        :param tick: called whenever it has told nothing for a moment
        :param seconds: how long it may take
        """
        deadline = time.monotonic() + seconds
        while True:
            try:
                event = self._events.get(timeout=TICK)
            except queue.Empty:
                if time.monotonic() > deadline:
                    return
                tick()
                continue
            if event is None:
                return
            yield event

    def _read(self, lines: Iterable[bytes]) -> None:
        for line in lines:
            if line.endswith(b"\n"):  # else it was killed in the middle
                self._events.put(json.loads(line))
        self._events.put(None)
