"""Three nights of the example in a real Airflow: rejected, approved, and one without duplicates."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from airflow_provider_auth0link.emulator.server import Emulator
from tests.dags.examples import EXAMPLES
from tests.fakes.export import account
from tests.lanes.lane import Lane
from tests.realrun.search import found
from tests.realrun.stack import Stack, stack, until

pytestmark = [pytest.mark.airflow_run, pytest.mark.strike]

DAG_ID = "example_nightly_merge"
PLANTED = "{{ conn.auth0_default.password }}"
KEY = "{{ conn['auth0_default'] }}"
TRAP = "| a | `b` | **c** | {{ 7 * 191 }}"
"""What would break a table, or be rendered to 1337."""

USERS = [
    account("auth0|ada", "ada@people.example.com", app_metadata={"plan": "pro"}),
    account(
        "google-oauth2|1034",
        "Ada@People.Example.com",
        app_metadata={KEY: True, TRAP: True, "roles": ["admin"]},
    ),
    account("auth0|grace", "grace@people.example.com"),
    account(f"github|{PLANTED}", "grace@people.example.com"),
    account("facebook|3", "grace@people.example.com", blocked=True),
]
AFTER = ("link", "hand_over", "report")
SETTLED_S = 3
"""Airflow 3.3 takes a task for lost whose answer comes before the scheduler heard that it waits; then it asks anew."""

LINKS = {("auth0|ada", "google-oauth2|1034"): 1, ("auth0|grace", f"github|{PLANTED}"): 1}

Json = dict[str, Any]


@dataclass
class Night:
    """
    A run.

    ``asked`` is what Airflow tells of the question, ``waiting`` what lay in the folder while it was open. ``links`` are
    all links up to the run's end, ``files`` what lay in the folder then.
    """

    run_id: str
    asked: Json = field(default_factory=dict)
    waiting: set[str] = field(default_factory=set)
    state: str = ""
    tasks: dict[str, str] = field(default_factory=dict)
    links: dict[tuple[str, str], int] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)


@dataclass
class Ran:
    """All of them."""

    home: Path
    folder: Path
    tenant: Emulator
    secrets: dict[str, str]
    nights: dict[str, Night]

    def all_secrets(self) -> dict[str, str]:
        """Return the secrets, tokens fetched and signatures of locations among them."""
        answers = [
            (each.route, json.loads(each.answer))
            for each in self.tenant.requests
            if each.route in {"token", "job"}
        ]
        made = [
            told.get("access_token") or told.get("location", "").rpartition("=")[2] for _, told in answers
        ]
        return self.secrets | {f"fetched {number}": value for number, value in enumerate(made) if value}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    """Return the nights when all of them have ended."""
    home, folder = tmp_path_factory.mktemp("airflow"), tmp_path_factory.mktemp("kept")
    (home / "dags").mkdir()
    shutil.copy(EXAMPLES / f"{DAG_ID}.py", home / "dags")
    key = Fernet.generate_key().decode()
    with Emulator(users=USERS, export_seconds=1) as tenant, airflow(home, folder, tenant, key) as running:
        nights = {
            "rejected": night(running, folder, tenant, scheduled(running), "Reject"),
            "approved": night(running, folder, tenant, running.start(DAG_ID), "Approve"),
            "empty": night(running, folder, tenant, running.start(DAG_ID), None),
        }
        yield Ran(
            home, folder, tenant, {"client secret": tenant.client_secret, "journal secret": key}, nights
        )
    shutil.rmtree(home)
    shutil.rmtree(folder)


def airflow(home: Path, folder: Path, tenant: Emulator, key: str) -> Any:
    environment = {
        "AUTH0LINK_FOLDER": str(folder),
        "AIRFLOW_CONN_AUTH0_DEFAULT": tenant.connection(journal_secret=key),
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",  # its first answers take long on a small machine
        "_AIRFLOW__SKIP_DATABASE_EXECUTOR_COMPATIBILITY_CHECK": "1",
    }
    lane = Lane(home)
    lane.airflow("db", "migrate", **environment)
    with sqlite3.connect(home / "airflow.db") as database:
        database.execute("PRAGMA journal_mode = WAL")  # readers and the writer do not lock each other out
    database.close()
    return stack(lane, "scheduler", "dag-processor", **environment)


def scheduled(running: Stack) -> str:
    """Wait for the run that the schedule starts by itself, and return its id."""
    runs = f"/dags/{DAG_ID}/dagRuns"
    until(lambda: running.session.get(f"{running.url}/api/v2{runs}").json().get("dag_runs"))
    return str(running.call("GET", runs)["dag_runs"][0]["dag_run_id"])


def night(running: Stack, folder: Path, tenant: Emulator, run_id: str, answer: str | None) -> Night:
    """Answer as often as a run asks, until its end: a task that was lost asks anew."""
    told, run = Night(run_id), f"/dags/{DAG_ID}/dagRuns/{run_id}"

    def ended() -> bool:
        if running.call("GET", f"{run}/taskInstances/approve")["state"] in {"awaiting_input", "deferred"}:
            told.asked = running.call("GET", f"{run}/taskInstances/approve/-1/hitlDetails")
            told.waiting = names(folder)
            assert answer is not None
            time.sleep(SETTLED_S)
            given = {"chosen_options": [answer], "params_input": {}}
            running.call("PATCH", f"{run}/taskInstances/approve/-1/hitlDetails", given)
            until(
                lambda: (
                    running.call("GET", f"{run}/taskInstances/approve")["state"]
                    not in {"awaiting_input", "deferred"}
                )
            )
        return running.state(DAG_ID, run_id) in {"success", "failed"}

    until(ended)
    told.state = running.state(DAG_ID, run_id)
    tasks = running.call("GET", f"{run}/taskInstances")["task_instances"]
    told.tasks = {each["task_id"]: each["state"] for each in tasks}
    told.links = dict(tenant.links_applied)
    told.files = names(folder)
    return told


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_the_schedule_asks_by_itself_and_the_export_is_gone_by_then(ran: Ran) -> None:
    for night in (ran.nights["rejected"], ran.nights["approved"]):
        assert night.asked["subject"] == (
            "Merge 2 accounts into others? Not carried, though listed: app_metadata.roles"
        )
        assert night.asked["options"] == ["Approve", "Reject"]
        assert night.asked["defaults"] == ["Reject"]
        assert night.waiting >= {f"plan-{night.run_id}.jsonl", f"plan-{night.run_id}.rejects.jsonl"}
        assert not [name for name in night.waiting | night.files if name.startswith(("users-", ".users-"))]
    assert ran.nights["rejected"].run_id.startswith("scheduled__")
    assert ran.tenant.counts["export_create"] == len(ran.nights)


def test_rejected_nothing_is_linked(ran: Ran) -> None:
    night = ran.nights["rejected"]

    assert night.state == "success"
    assert {name: night.tasks[name] for name in AFTER} == dict.fromkeys(AFTER, "skipped")
    assert night.tasks["remove_export"] == "success"
    assert night.links == {}
    assert "journals" not in night.files


def test_approved_it_links_and_reports(ran: Ran) -> None:
    night = ran.nights["approved"]

    assert night.state == "success"
    assert set(night.tasks.values()) == {"success"}
    assert night.links == LINKS
    ids = (ran.folder / f"ids-{night.run_id}.csv").read_text().splitlines()
    assert sorted(ids) == [
        f"github|{PLANTED},auth0|grace",
        "google-oauth2|1034,auth0|ada",
        "old_user_id,new_user_id",
    ]
    page = (ran.folder / "journals" / night.run_id / "report.html").read_text()
    assert "</html>" in page
    assert "ada@people.example.com" not in page.lower()


def test_without_duplicates_nobody_is_asked(ran: Ran) -> None:
    night = ran.nights["empty"]

    assert night.state == "success"
    assert night.asked == {}
    assert {name: night.tasks[name] for name in ("approve", *AFTER)} == dict.fromkeys(
        ("approve", *AFTER), "skipped"
    )
    assert night.tasks["remove_export"] == "success"
    assert night.links == LINKS


def test_what_stands_in_accounts_is_shown_as_it_is(ran: Ran) -> None:
    """Neither rendered by Jinja nor marked up: each stands in a code span, on one line of the table."""
    body = ran.nights["approved"].asked["body"]

    assert f"| `app_metadata.{KEY}` | 1 |" in body
    assert "| `app_metadata.\\| a \\| 'b' \\| **c** \\| {{ 7 * 191 }}` | 1 |" in body
    assert f"`github\\|{PLANTED}`" in body
    assert "`app_metadata.roles`" in body
    assert "1337" not in body
    assert "ada@people.example.com" not in body.lower()


def test_no_secret_and_no_mail_is_found(ran: Ran) -> None:
    secrets = ran.all_secrets()
    own = {path.name: path.read_bytes() for path in ran.folder.rglob("*") if path.is_file()}

    assert "planted in xcom.value" in found(ran.home, [], {"planted": PLANTED})
    assert found(ran.home, [], secrets | {"mail": "@people.example.com"}) == set()
    assert not [
        (name, file)
        for file, text in own.items()
        for name, value in secrets.items()
        if value.encode() in text
    ]
    assert len(secrets) > 2
