"""A real Airflow with two Dags that export, and what can be done to their processes."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]  # it has none

from tests.lanes.lane import Lane
from tests.realrun.stack import AIRFLOW_2, PATIENCE_S, Stack, process, settings_of, stack

MISSED_AFTER_S = "10"
"""Seconds without a heartbeat after which Airflow gives a triggerer's work to another."""


@dataclass(frozen=True)
class Exports:
    """``home`` is AIRFLOW_HOME; below ``folder`` there is one for each Dag's files."""

    airflow: Stack
    lane: Lane
    folder: Path
    environment: dict[str, str]

    @contextmanager
    def triggerer(self) -> Iterator[None]:
        """Run one."""
        with process(self.lane, ["triggerer"], settings_of(self.lane, self.airflow.url) | self.environment):
            yield

    def instance(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """Return the task as Airflow tells it: ``pid``, ``state``, ``try_number``, ..."""
        told = self.airflow.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/export")
        assert isinstance(told, dict)
        return told

    def kill_task(self, dag_id: str, run_id: str) -> None:
        """Kill the task's process, as a machine without memory does."""
        psutil.Process(self.instance(dag_id, run_id)["pid"]).kill()

    def in_database(self) -> list[str]:
        """Return what the database holds of triggers and of the tasks that wait for them."""
        with sqlite3.connect(self.lane.home / "airflow.db") as database:
            rows = database.execute("SELECT * FROM trigger").fetchall()
            rows += database.execute("SELECT next_method, next_kwargs FROM task_instance").fetchall()
        database.close()
        return [repr(row) for row in rows]


@contextmanager
def exports(home: Path, folder: Path, **connections: str) -> Iterator[Exports]:
    """
    Start it, without a triggerer.

    :param home: an empty folder, which becomes AIRFLOW_HOME
    :param folder: an empty folder for the files
    :param connections: by the name of the Dag
    """
    shutil.copytree(
        Path(__file__).parent / "export_dags", home / "dags", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in connections:
        (folder / name).mkdir()
    environment = {
        "EXPORTS": str(folder),
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
        "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": MISSED_AFTER_S,
        "_AIRFLOW__SKIP_DATABASE_EXECUTOR_COMPATIBILITY_CHECK": "1",
        **{f"AIRFLOW_CONN_AUTH0_{name.upper()}": value for name, value in connections.items()},
    }
    lane = Lane(home)
    lane.airflow("db", "migrate", **environment)
    with sqlite3.connect(home / "airflow.db") as database:
        database.execute("PRAGMA journal_mode = WAL")  # readers and the writer do not lock each other out
    database.close()
    programs = ["scheduler"] if AIRFLOW_2 else ["scheduler", "dag-processor"]
    with stack(lane, *programs, **environment) as airflow:
        yield Exports(airflow, lane, folder, environment)


def kill_triggerer() -> None:
    """Kill the triggerer and its children at once, as the loss of their machine does."""
    ours = psutil.Process().children(recursive=True)
    (parent, *_) = [each for each in ours if "triggerer" in " ".join(_cmdline(each))]
    for each in (*parent.children(recursive=True), parent):
        each.kill()


def _cmdline(of: psutil.Process) -> list[str]:
    """Return the command line of a process, nothing of one that has ended."""
    try:
        return list(of.cmdline())
    except psutil.Error:
        return []


def at_once(true: Callable[[], bool]) -> None:
    """Wait until something is true that does not stay so for long."""
    ends = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.002)
