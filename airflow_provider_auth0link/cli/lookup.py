"""Airflow's connections, for commands."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

CONTEXT = "_AIRFLOW_PROCESS_CONTEXT"
"""Airflow 3 looks a connection up in its database only where this says "server"; its own commands set it."""


@contextmanager
def as_airflow_commands_do() -> Iterator[None]:
    """Look connections up as Airflow's commands do, and like them without its informational log."""
    before, level = os.environ.get(CONTEXT), logging.root.manager.disable
    os.environ.setdefault(CONTEXT, "server")
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(level)
        if before is None:
            del os.environ[CONTEXT]
