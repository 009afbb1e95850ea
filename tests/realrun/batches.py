"""Batches in a real Airflow, each struck half way in a way of its own, gone on with, and run once more."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]  # it has none
from cryptography.fernet import Fernet

from airflow_provider_auth0link.emulator.records import RequestRecord
from airflow_provider_auth0link.emulator.server import Emulator
from tests.lanes.lane import Lane
from tests.realrun.people import Json, links, people, plan
from tests.realrun.stack import AIRFLOW_2, Stack, stack, until

RATE = 30
"""Requests per second of a tenant: 21 s for the whole plan."""

MISSED_AFTER_S = "20"
"""Seconds without a heartbeat after which Airflow gives a task up; 300 unless told otherwise."""


def settings() -> dict[str, str]:
    """Return settings of an Airflow that runs all batches at once, and soon misses a task that nobody stands for."""
    own = {
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "10",
    }
    if AIRFLOW_2:
        return own | {
            "AIRFLOW__SCHEDULER__LOCAL_TASK_JOB_HEARTBEAT_SEC": "1",
            "AIRFLOW__SCHEDULER__SCHEDULER_ZOMBIE_TASK_THRESHOLD": MISSED_AFTER_S,
            "AIRFLOW__SCHEDULER__ZOMBIE_DETECTION_INTERVAL": "2",
            "_AIRFLOW__SKIP_DATABASE_EXECUTOR_COMPATIBILITY_CHECK": "1",  # for minutes, SQLite will do
        }
    return own | {
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": MISSED_AFTER_S,
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
    }


@dataclass
class Batch:
    """
    One Dag run.

    ``first`` are the requests of all tries until the first success, ``again`` those after it was cleared.
    ``tries`` are the tries as Airflow tells them, ``summaries`` the XComs after each success.
    """

    name: str
    tenant: Emulator
    folder: Path
    home: Path
    airflow: Stack
    dag_id: str
    run_id: str = ""
    first: list[RequestRecord] = field(default_factory=list)
    again: list[RequestRecord] = field(default_factory=list)
    tries: list[Json] = field(default_factory=list)
    summaries: list[Json] = field(default_factory=list)

    def steps(self, stroke: Stroke | None) -> Iterator[Callable[[], bool]]:
        """
        Go from one thing that has to be waited for to the next.

        The run is struck when half of the plan is done; when it has failed, as it was told to, it is cleared; when it
        has succeeded, it is cleared and runs once more.
        """
        if stroke is not None:
            yield lambda: sum(self.tenant.links_applied.values()) >= len(links()) // 2
            stroke(self)
        yield self.ended
        if self.airflow.state(self.dag_id, self.run_id) == "failed":
            self.clear(only_running=False)
            yield self.ended
        self._note()
        self.tries = sorted(self._task("/tries")["task_instances"], key=lambda each: int(each["try_number"]))
        self.first = self.tenant.requests
        self.tenant.clear_requests()
        self.clear(only_running=False)
        yield self.ended
        self._note()
        self.again = self.tenant.requests

    def ended(self) -> bool:
        """Tell whether the run has ended."""
        return self.airflow.state(self.dag_id, self.run_id) in {"success", "failed"}

    def instance(self) -> Json:
        """Return the task as it is now: ``pid``, ``state``, ..."""
        instance: Json = self._task()
        return instance

    def process(self) -> psutil.Process:
        """Return the process that executes the task."""
        return psutil.Process(self.instance()["pid"])

    def clear(self, *, only_running: bool) -> None:
        """Clear the task, as the button of the web page does."""
        body = {"dry_run": False, "dag_run_id": self.run_id, "task_ids": ["link"], "only_failed": False}
        told = self.airflow.call(
            "POST", f"/dags/{self.dag_id}/clearTaskInstances", body | {"only_running": only_running}
        )
        assert len(told["task_instances"]) == 1

    def mark(self, state: str) -> None:
        """Mark the task, as the button does."""
        self._task(
            method="PATCH", json={"dry_run": False, "new_state": state} if AIRFLOW_2 else {"new_state": state}
        )

    def log(self, number: int) -> str:
        """Return the log of a try."""
        (path,) = self.home.glob(
            f"logs/dag_id={self.dag_id}/run_id={self.run_id}/task_id=*/attempt={number}.log"
        )
        return path.read_text()

    def started(self, number: int) -> float:
        """Return when a try began, in epoch seconds."""
        (start,) = (each["start_date"] for each in self.tries if int(each["try_number"]) == number)
        return datetime.fromisoformat(start).timestamp()

    def _note(self) -> None:
        assert self.airflow.state(self.dag_id, self.run_id) == "success"
        told = self._task("/xcomEntries/summary", stringify="false")["value"]
        assert isinstance(told, dict)
        self.summaries.append(told)

    def _task(self, below: str = "", *, method: str = "GET", json: Any = None, **params: Any) -> Any:
        task = f"/dags/{self.dag_id}/dagRuns/{self.run_id}/taskInstances/link{below}"
        return self.airflow.call(method, task, json, **params)


Stroke = Callable[[Batch], None]


def kill(batch: Batch) -> None:
    """Kill the task's process, as a machine without memory does."""
    batch.process().kill()


def kill_both(batch: Batch) -> None:
    """Kill it and its supervisor, as the loss of a machine does. Nobody is left to say so."""
    process = batch.process()
    process.parent().kill()
    process.kill()


def kill_supervisor(batch: Batch) -> None:
    """Kill the supervisor alone: the task goes on, unseen, beside its retry."""
    batch.process().parent().kill()


def terminate(batch: Batch) -> None:
    """Tell the task's process to end."""
    os.kill(batch.process().pid, signal.SIGTERM)


def terminate_supervisor(batch: Batch) -> None:
    """Tell the supervisor to end, as a worker that is shut down does."""
    batch.process().parent().terminate()


def clear(batch: Batch) -> None:
    """Clear the task while it runs."""
    batch.clear(only_running=True)


def fail(batch: Batch) -> None:
    """Mark the task as failed while it runs."""
    batch.mark("failed")


STROKES: dict[str, Stroke | None] = {
    "killed": kill,
    "both_killed": kill_both,
    "supervisor_killed": kill_supervisor,
    "terminated": terminate,
    "supervisor_terminated": terminate_supervisor,
    "cleared": clear,
    "failed": fail,
    "timed_out": None,
}
"""What happens to the batches half way. The last one's Dag has too short a timeout."""

DAGS = {"both_killed": "batch_in_full", "timed_out": "batch_in_short_time"}
RATES = {"both_killed": 60}
"""Where they are not ``batch`` and ``RATE``."""


@dataclass(frozen=True)
class Batches:
    """
    All that ran.

    ``home`` is AIRFLOW_HOME, ``folder`` holds the plan and the journals by name, ``secrets`` are values by name.
    """

    home: Path
    folder: Path
    batches: dict[str, Batch]
    secrets: dict[str, str]
    airflow: Stack

    def all_secrets(self) -> dict[str, str]:
        """Return the secrets, tokens fetched among them."""
        fetched = {
            f"token {number} of {name}": json.loads(record.answer)["access_token"]
            for name, batch in self.batches.items()
            for number, record in enumerate(batch.first)
            if record.route == "token"
        }
        return self.secrets | fetched


def side_by_side(all_steps: Iterable[Iterator[Callable[[], bool]]]) -> None:
    """Advance each as soon as what it waits for is true, until all are at their ends."""
    waits = {steps: next(steps, None) for steps in all_steps}

    def over() -> bool:
        for steps, is_true in waits.items():
            if is_true is not None and is_true():
                waits[steps] = next(steps, None)
        return not any(waits.values())

    until(over)


@contextmanager
def batches(home: Path, folder: Path) -> Iterator[Batches]:
    """
    Run all of them at once, each with a tenant of its own, to their ends.

    :param home: an empty folder, which becomes AIRFLOW_HOME
    :param folder: an empty folder for the plan and the journals
    """
    shutil.copytree(
        Path(__file__).parent / "batch_dags", home / "dags", ignore=shutil.ignore_patterns("__pycache__")
    )
    (folder / "plan.jsonl").write_text("".join(json.dumps(line) + "\n" for line in plan()))
    environment, secrets = settings() | {"BATCHES": str(folder)}, dict[str, str]()
    with ExitStack() as running:
        tenants = {}
        for name in STROKES:
            tenant = running.enter_context(Emulator(users=people(), rate=RATES.get(name, RATE)))
            tenants[name] = tenant
            key = Fernet.generate_key().decode()
            environment[f"AIRFLOW_CONN_AUTH0_{name.upper()}"] = tenant.connection(journal_secret=key)
            secrets |= {f"client secret of {name}": tenant.client_secret, f"journal secret of {name}": key}
        lane = Lane(home)
        lane.airflow("db", "migrate", **environment)
        with sqlite3.connect(home / "airflow.db") as database:
            database.execute(
                "PRAGMA journal_mode = WAL"
            )  # stays: readers and the writer do not lock each other out
        database.close()
        programs = ["scheduler"] if AIRFLOW_2 else ["scheduler", "dag-processor"]
        airflow = running.enter_context(stack(lane, *programs, **environment))
        ran = {
            name: Batch(name, tenants[name], folder / name, home, airflow, DAGS.get(name, "batch"))
            for name in STROKES
        }
        for batch in ran.values():
            batch.run_id = airflow.start(batch.dag_id, {"case": batch.name})
        side_by_side(batch.steps(STROKES[name]) for name, batch in ran.items())
        yield Batches(home, folder, ran, secrets, airflow)
