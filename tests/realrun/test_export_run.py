"""An export that waits in a real triggerer, which is killed meanwhile and started again."""

from __future__ import annotations

import gzip
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]  # it has none
import pytest

from tests.fakes.exports import ExportSite
from tests.fakes.secrets import SECRET
from tests.lanes.lane import Lane
from tests.realrun.search import found
from tests.realrun.stack import AIRFLOW_2, Stack, process, settings_of, stack, until

pytestmark = [pytest.mark.airflow_run, pytest.mark.strike]

LINES = b"".join(
    b'{"user_id": "auth0|%d", "email": "%d@people.example.com"}\n' % (n, n) for n in range(20_000)
)
MISSED_AFTER_S = "10"
"""Seconds without a heartbeat after which Airflow gives a triggerer's work to another."""


@dataclass
class Export:
    """
    How it went.

    ``looks`` are those at the job when the task had deferred, when the triggerer was killed, and when the second one
    had looked. ``triggers`` are what Airflow's database held of the trigger meanwhile.
    """

    site: ExportSite
    home: Path
    file: Path
    state: str
    instance: dict[str, Any]
    looks: list[int]
    triggers: list[str]


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Export]:
    """Return an export that has ended."""
    home, folder = tmp_path_factory.mktemp("export"), tmp_path_factory.mktemp("exports")
    shutil.copytree(
        Path(__file__).parent / "export_dags", home / "dags", ignore=shutil.ignore_patterns("__pycache__")
    )
    with ExportSite(LINES, looks=None, cuts=(0,)) as site:
        environment = {
            "EXPORTS": str(folder),
            "AIRFLOW_CONN_AUTH0_DEFAULT": site.connection(),
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__TRIGGERER__JOB_HEARTBEAT_SEC": "2",
            "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": MISSED_AFTER_S,
            "_AIRFLOW__SKIP_DATABASE_EXECUTOR_COMPATIBILITY_CHECK": "1",
        }
        lane = Lane(home)
        lane.airflow("db", "migrate", **environment)
        with sqlite3.connect(home / "airflow.db") as database:
            database.execute("PRAGMA journal_mode = WAL")
        database.close()
        programs = ["scheduler"] if AIRFLOW_2 else ["scheduler", "dag-processor"]
        with stack(lane, *programs, **environment) as airflow:
            yield exported(airflow, lane, environment, site)
    shutil.rmtree(home)
    shutil.rmtree(folder)


def exported(airflow: Stack, lane: Lane, environment: dict[str, str], site: ExportSite) -> Export:
    """Run the Dag, kill the triggerer half way, and let the job end under another."""
    settings = settings_of(lane, airflow.url) | environment
    run_id = airflow.start("export")
    task = f"/dags/export/dagRuns/{run_id}/taskInstances/export"

    def is_deferred() -> bool:
        return bool(airflow.call("GET", task)["state"] == "deferred")

    looks = []
    with process(lane, ["triggerer"], settings):
        until(is_deferred)
        looks.append(site.looked)
        until(lambda: site.looked > looks[0] + 1)
        triggers = held(lane.home)
        kill_triggerer()
    looks.append(site.looked)
    with process(lane, ["triggerer"], settings):
        until(lambda: site.looked > looks[1] + 1)
        looks.append(site.looked)
        site.open()
        state = airflow.end("export", run_id)
    file = Path(environment["EXPORTS"]) / f"{run_id}.ndjson.gz"
    return Export(site, lane.home, file, state, airflow.call("GET", task), looks, triggers)


def kill_triggerer() -> None:
    """Kill the triggerer and its children at once, as the loss of their machine does."""
    ours = psutil.Process().children(recursive=True)
    (parent, *_) = [each for each in ours if "triggerer" in " ".join(cmdline(each))]
    for each in (*parent.children(recursive=True), parent):
        each.kill()


def cmdline(of: psutil.Process) -> list[str]:
    """Return the command line of a process, nothing of one that has ended."""
    try:
        return list(of.cmdline())
    except psutil.Error:
        return []


def held(home: Path) -> list[str]:
    """Return what the database holds of triggers and of the tasks that wait for them."""
    with sqlite3.connect(home / "airflow.db") as database:
        rows = database.execute("SELECT * FROM trigger").fetchall()
        rows += database.execute("SELECT next_method, next_kwargs FROM task_instance").fetchall()
    database.close()
    return [repr(row) for row in rows]


def test_one_job_and_one_whole_file(export: Export) -> None:
    assert export.state == "success"
    assert int(export.instance["try_number"]) == 1
    assert (export.site.jobs, export.site.served) == (1, 2)
    assert gzip.decompress(export.file.read_bytes()) == LINES
    assert [each.name for each in export.file.parent.iterdir()] == [export.file.name]


def test_both_triggerers_looked_at_it(export: Export) -> None:
    deferred, killed, taken_over = export.looks

    assert deferred < killed < taken_over


def test_no_secret_is_kept(export: Export) -> None:
    assert any("ExportTrigger" in each for each in export.triggers)
    assert not [each for each in export.triggers if SECRET in each]
    assert found(export.home, [], {"a token's and a location's": SECRET}) == set()
