"""The example that finds duplicates, run by Airflow over HTTP."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_auth0link.emulator.server import Emulator
from tests.dags.examples import example
from tests.dags.test_batch_runs import counts, summary
from tests.fakes.export import ACCOUNTS, PLANNED, REASONS, ndjson, rows

pytestmark = pytest.mark.airflow_run

RunDag = Callable[..., Any]


@pytest.fixture
def tenant(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    users = [{name: value for name, value in each.items() if name != "logins_count"} for each in ACCOUNTS]
    with Emulator(users=users) as running:
        monkeypatch.setenv("AIRFLOW_CONN_AUTH0_DEFAULT", running.connection())
        yield running


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "users.ndjson.gz").write_bytes(gzip.compress(ndjson()))
    monkeypatch.setenv("AUTH0LINK_FOLDER", str(tmp_path))
    return tmp_path


def test_duplicates_are_planned_and_linked(run_dag: RunDag, tenant: Emulator, folder: Path) -> None:
    before = tenant.users()

    looked = run_dag(example("example_plan").example_plan())

    assert str(looked.state) == "success"
    assert counts(summary(looked)) == {"planned": 1, "would_link": 1}
    assert tenant.users() == before
    assert not (folder / "journals").exists()

    whole_path = {"source": str(folder / "users.ndjson.gz"), "dry_run": False}
    linked = run_dag(example("example_plan").example_plan(), run_conf=whole_path)

    assert counts(summary(linked)) == {"planned": 1, "linked": 1}
    assert tenant.links_applied == {("auth0|ada", "google-oauth2|1034"): 1}
    plan = folder / f"plan-{linked.run_id}.jsonl"
    assert rows(plan.read_bytes()) == PLANNED
    rejects = rows(plan.with_name(f"{plan.stem}.rejects.jsonl").read_bytes())
    assert {row["user_id"]: row["reason"] for row in rejects if "user_id" in row} == REASONS


def test_an_export_without_duplicates_links_nothing(run_dag: RunDag, tenant: Emulator, folder: Path) -> None:
    (folder / "users.csv").write_text("user_id,email,email_verified\nauth0|ada,ada@example.com,true\n")

    ran = run_dag(example("example_plan").example_plan(), run_conf={"source": "users.csv", "dry_run": False})

    assert str(ran.state) == "success"
    assert counts(summary(ran)) == {}
    assert tenant.links_applied == {}
