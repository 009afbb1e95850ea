"""Airflow's connections, for commands."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

CONTEXT = "_AIRFLOW_PROCESS_CONTEXT"
"""Airflow 3 looks a connection up in its database only where this says "server"; its own commands set it."""

LEVEL = "AIRFLOW__LOGGING__LOGGING_LEVEL"


@contextmanager
def as_airflow_commands_do() -> Iterator[None]:
    """
    Look connections up as Airflow's commands do, and like them without its informational log.

    Airflow 3 logs to standard output, and not by way of ``logging`` alone. What it prints here goes to standard error,
    so that a command's own output stays what the command says; that has to name its file.
    """
    added = {
        name: value for name, value in ((CONTEXT, "server"), (LEVEL, "WARNING")) if name not in os.environ
    }
    level = logging.root.manager.disable
    os.environ |= added
    logging.disable(logging.INFO)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        logging.disable(level)
        for name in added:
            del os.environ[name]
