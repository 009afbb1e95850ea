"""The examples for many pairs, run by Airflow over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_auth0link.emulator.server import Emulator
from airflow_provider_auth0link.hooks.journal import open_store
from airflow_provider_auth0link.linking.journal import read_history
from airflow_provider_auth0link.linking.report import report
from tests.dags.examples import Warehouse, documented_table, example

pytestmark = pytest.mark.airflow_run

JINJA = "google-oauth2|{{ 7 * 7 }}"
USERS: list[dict[str, Any]] = [
    {"user_id": "auth0|ada", "email": "ada@example.com", "email_verified": True, "user_metadata": {"a": 1}},
    {
        "user_id": "github|1",
        "email": "Ada@example.com",
        "email_verified": True,
        "user_metadata": {"a": 2, "b": 2},
        "app_metadata": {"roles": ["admin"]},
    },
    {"user_id": "auth0|bob", "email": "bob@example.com", "email_verified": True},
    {"user_id": "google-oauth2|2", "email": "bob@example.com", "email_verified": True},
    {"user_id": "facebook|3", "email": "bob@example.com", "email_verified": True, "blocked": True},
]

RunDag = Callable[..., Any]


@pytest.fixture
def tenant(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    with Emulator(users=USERS) as running:
        monkeypatch.setenv("AIRFLOW_CONN_AUTH0_DEFAULT", running.connection())
        yield running


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    warehouse = Warehouse(tmp_path / "warehouse.db", documented_table(example("example_dedup_and_link")))
    warehouse.add(
        (each["user_id"], each["email"], True, f"202{number}-01-01") for number, each in enumerate(USERS)
    )
    monkeypatch.setenv("AUTH0LINK_WAREHOUSE_URL", warehouse.url)
    monkeypatch.setenv("AUTH0LINK_FOLDER", str(tmp_path / "kept"))
    return tmp_path / "kept"


def summary(run: Any, task_id: str = "link", map_index: int = -1) -> dict[str, Any]:
    told = run.get_task_instance(task_id, map_index=map_index).xcom_pull(
        task_ids=task_id, key="summary", map_indexes=map_index
    )
    assert isinstance(told, dict)
    return told


def counts(told: dict[str, Any]) -> dict[str, int]:
    names = ("planned", "linked", "would_link", "refused", "undone", "would_undo")
    return {name: told[name] for name in names if told.get(name)}


def test_a_batch_is_linked_written_down_and_taken_back(
    run_dag: RunDag, tenant: Emulator, folder: Path
) -> None:
    before = tenant.state(volatile=False)

    run = run_dag(example("example_batch").example_batch())

    assert str(run.state) == "success"
    told = summary(run)
    assert counts(told) == {"planned": 3, "linked": 2, "refused": 1}
    assert (tenant.user("auth0|ada") or {})["user_metadata"] == {"a": 1, "b": 2}
    assert "app_metadata" not in (tenant.user("auth0|ada") or {})
    (ids,) = folder.glob("ids-*.csv")
    header, *rows = ids.read_text().splitlines()
    assert header == "old_user_id,new_user_id"
    assert sorted(rows) == ["github|1,auth0|ada", "google-oauth2|2,auth0|bob"]  # linked side by side

    module = example("example_undo")
    only = run_dag(
        module.example_undo(), run_conf={"journal": told["journal"], "only": ["github|1"], "dry_run": False}
    )

    assert counts(summary(only, "undo")) == {"planned": 1, "undone": 1}
    assert tenant.user("google-oauth2|2") is None

    rest = run_dag(module.example_undo(), run_conf={"journal": told["journal"], "dry_run": False})

    assert counts(summary(rest, "undo")) == {"planned": 1, "undone": 1}
    assert tenant.state(volatile=False) == before
    store = open_store(told["journal"])
    assert report(read_history(store, None), store.names()).states == {"undone": 2, "refused": 1}


def test_dry_runs_change_nothing_and_write_no_journal(
    run_dag: RunDag, tenant: Emulator, folder: Path
) -> None:
    before = tenant.users()

    run = run_dag(example("example_batch").example_batch(), run_conf={"dry_run": True})

    assert counts(summary(run)) == {"planned": 3, "would_link": 2, "refused": 1}
    assert tenant.users() == before
    assert list(folder.iterdir()) == []


def test_an_undo_is_a_dry_run_unless_told(run_dag: RunDag, tenant: Emulator, folder: Path) -> None:
    told = summary(run_dag(example("example_batch").example_batch()))
    linked = tenant.users()

    run = run_dag(example("example_undo").example_undo(), run_conf={"journal": told["journal"]})

    assert counts(summary(run, "undo")) == {"planned": 2, "would_undo": 2}
    assert tenant.users() == linked


def test_more_links_than_allowed_are_refused(run_dag: RunDag, tenant: Emulator, folder: Path) -> None:
    run = run_dag(example("example_batch").example_batch(), run_conf={"max_links": 2})

    assert str(run.state) == "failed"
    assert [each for each in tenant.requests if each.path.startswith("/api/")] == []


@pytest.mark.parametrize("whole_path", [True, False])
def test_a_plan_is_divided_and_its_parts_share_a_journal(
    run_dag: RunDag, tenant: Emulator, folder: Path, tmp_path: Path, *, whole_path: bool
) -> None:
    plan = tmp_path / "elsewhere.jsonl" if whole_path else folder / "plan.jsonl"
    folder.mkdir(exist_ok=True)
    pairs = [("auth0|ada", "github|1"), ("auth0|bob", "google-oauth2|2"), ("auth0|bob", "facebook|3")]
    plan.write_text(
        "".join(
            json.dumps({"primary_user_id": one, "secondary_user_id": other}) + "\n" for one, other in pairs
        )
    )

    run = run_dag(
        example("example_batch_shards").example_batch_shards(),
        run_conf={"shards": 2, "dry_run": False} | ({"plan": str(plan)} if whole_path else {}),
    )

    assert str(run.state) == "success"
    parts = [summary(run, map_index=index) for index in range(2)]
    assert sorted(part["planned"] for part in parts) == [1, 2]
    (journal,) = {part["journal"] for part in parts}
    store = open_store(journal)
    told = report(read_history(store, None), store.names())
    assert told.states == {"linked": 2, "refused": 1}
    assert sorted(each.map_index for each in told.writers) == [0, 1]


@pytest.mark.parametrize("name", ["example_batch_shards", "example_undo"])
def test_what_is_started_by_hand_offers_a_dry_run_first(name: str) -> None:
    dag = getattr(example(name), name)()

    assert dag.params["dry_run"] is True


def test_a_jinja_in_an_id_is_an_id(run_dag: RunDag, tenant: Emulator, folder: Path, tmp_path: Path) -> None:
    tenant.add_user({"user_id": JINJA, "email": "ada@example.com", "email_verified": True})
    Warehouse(tmp_path / "warehouse.db", "DELETE FROM users WHERE user_id <> 'auth0|ada'").add(
        [(JINJA, "ada@example.com", True, "2029-01-01")]
    )

    run = run_dag(example("example_batch").example_batch())

    assert counts(summary(run)) == {"planned": 1, "linked": 1}
    assert tenant.links_applied == {("auth0|ada", JINJA): 1}
