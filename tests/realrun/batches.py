"""Batches in a real Airflow, each struck half way in a way of its own, gone on with, and run once more."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography.fernet import Fernet

from airflow_provider_auth0link.emulator.server import Emulator
from tests.lanes.lane import Lane
from tests.realrun.batch import Batch
from tests.realrun.people import people, plan
from tests.realrun.stack import AIRFLOW_2, Stack, stack, until
from tests.realrun.strokes import DAGS, RATES, STROKES

RATE = 30
"""Requests per second of a tenant: 21 s for the whole plan."""

MISSED_AFTER_S = "25"
"""Seconds without a heartbeat after which Airflow gives a task up; 300 unless told otherwise."""


def settings() -> dict[str, str]:
    """Return settings of an Airflow that runs all batches at once, and soon misses a task that nobody stands for."""
    own = {"AIRFLOW__CORE__EXECUTOR": "LocalExecutor", "AIRFLOW__CORE__PARALLELISM": "10"}
    if AIRFLOW_2:
        return own | {
            "AIRFLOW__SCHEDULER__LOCAL_TASK_JOB_HEARTBEAT_SEC": "5",
            "AIRFLOW__SCHEDULER__SCHEDULER_ZOMBIE_TASK_THRESHOLD": MISSED_AFTER_S,
            "AIRFLOW__SCHEDULER__ZOMBIE_DETECTION_INTERVAL": "2",
            "_AIRFLOW__SKIP_DATABASE_EXECUTOR_COMPATIBILITY_CHECK": "1",  # for minutes, SQLite will do
        }
    return own | {
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": MISSED_AFTER_S,
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
    }


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
            name: Batch(
                name,
                tenants[name],
                folder / name,
                home,
                airflow,
                DAGS.get(name, "batch"),
                tenants[name].state(volatile=False),
            )
            for name in STROKES
        }
        for batch in ran.values():
            batch.run_id = airflow.start(batch.dag_id, {"case": batch.name})
        side_by_side(batch.steps(STROKES[name]) for name, batch in ran.items())
        yield Batches(home, folder, ran, secrets, airflow)
