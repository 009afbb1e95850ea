"""The examples that the demo does not play, run by Airflow over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_auth0link.emulator.server import Emulator
from tests.dags.examples import Warehouse, documented_table, example

pytestmark = pytest.mark.airflow_run

ADA: dict[str, Any] = {
    "user_id": "auth0|ada",
    "email": "ada@example.com",
    "email_verified": True,
    "user_metadata": {"a": 1},
}
ADA_OAUTH: dict[str, Any] = {
    "user_id": "oauth2|acme|ada {{ 7 * 7 }}",
    "email": "Ada@example.com",
    "email_verified": True,
    "user_metadata": {"a": 2, "b": 2},
}
BOB: dict[str, Any] = {"user_id": "auth0|bob", "email": "bob@example.com", "email_verified": True}
BOB_GITHUB: dict[str, Any] = {"user_id": "github|17", "email": "bob@example.com", "email_verified": False}
USERS = (ADA, ADA_OAUTH, BOB, BOB_GITHUB)

RunDag = Callable[..., Any]


@pytest.fixture
def tenant(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    with Emulator(users=USERS) as running:
        monkeypatch.setenv("AIRFLOW_CONN_AUTH0_DEFAULT", running.connection())
        yield running


@pytest.fixture
def warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    ddl = documented_table(example("example_dedup_and_link"))
    made = Warehouse(tmp_path / "warehouse.db", ddl)
    made.add(
        (each["user_id"], each["email"], True, f"202{number}-01-01") for number, each in enumerate(USERS)
    )
    monkeypatch.setenv("AUTH0LINK_WAREHOUSE_URL", made.url)
    return made


def logins(tenant: Emulator, user_id: str) -> list[str]:
    account = tenant.user(user_id)
    assert account is not None
    return [f"{each['provider']}|{each['user_id']}" for each in account["identities"]]


def test_taskflow_links_carries_and_writes_the_ids(
    run_dag: RunDag, tenant: Emulator, warehouse: Warehouse
) -> None:
    module = example("example_taskflow")

    run = run_dag(module.example_taskflow())

    assert str(run.state) == "success"
    assert logins(tenant, "auth0|ada") == ["auth0|ada", "oauth2|acme|ada {{ 7 * 7 }}"]
    assert (tenant.user("auth0|ada") or {})["user_metadata"] == {"a": 1, "b": 2}
    assert logins(tenant, "auth0|bob") == ["auth0|bob"]
    assert warehouse.run("SELECT * FROM auth0_id_map") == [("oauth2|acme|ada {{ 7 * 7 }}", "auth0|ada")]


def test_taskflow_takes_up_what_an_earlier_try_did(
    run_dag: RunDag, tenant: Emulator, warehouse: Warehouse
) -> None:
    module = example("example_taskflow")
    run_dag(module.example_taskflow())
    warehouse.run("DELETE FROM auth0_id_map")

    run = run_dag(module.example_taskflow())

    assert str(run.state) == "success"
    assert warehouse.run("SELECT * FROM auth0_id_map") == [("oauth2|acme|ada {{ 7 * 7 }}", "auth0|ada")]
    assert list(tenant.links_applied.values()) == [1]


def test_taskflow_leaves_out_an_account_that_is_gone(
    run_dag: RunDag, tenant: Emulator, warehouse: Warehouse
) -> None:
    warehouse.add([("github|gone", "bob@example.com", True, "2019-01-01")])

    run = run_dag(example("example_taskflow").example_taskflow())

    assert str(run.state) == "success"
    assert warehouse.run("SELECT * FROM auth0_id_map") == [("oauth2|acme|ada {{ 7 * 7 }}", "auth0|ada")]


@pytest.mark.parametrize("user_id", ["samlp|acme|bob", "waad|17"])
def test_taskflow_leaves_out_an_enterprise_secondary(
    user_id: str, run_dag: RunDag, tenant: Emulator, warehouse: Warehouse
) -> None:
    tenant.add_user({"user_id": user_id, "email": "bob@example.com", "email_verified": True})
    warehouse.add([(user_id, "bob@example.com", True, "2026-01-01")])

    run = run_dag(example("example_taskflow").example_taskflow())

    assert str(run.state) == "success"
    assert tenant.user(user_id) is not None
    assert logins(tenant, "auth0|bob") == ["auth0|bob"]


@pytest.mark.parametrize("name", ["example_taskflow", "example_dedup_and_link"])
def test_a_dry_run_changes_nothing(
    name: str, run_dag: RunDag, tenant: Emulator, warehouse: Warehouse
) -> None:
    before = tenant.users()

    run = run_dag(getattr(example(name), name)(), run_conf={"dry_run": True})

    assert str(run.state) == "success"
    assert tenant.users() == before
    assert {each.method for each in tenant.requests if each.path.startswith("/api/")} == {"GET"}
    assert warehouse.run("SELECT * FROM auth0_id_map") == []


@pytest.mark.parametrize("dry_run", [True, False])
def test_one_link_by_ids_of_the_trigger_form(dry_run: bool, run_dag: RunDag, tenant: Emulator) -> None:
    conf = {"primary_user_id": "auth0|ada", "secondary_user_id": ADA_OAUTH["user_id"], "dry_run": dry_run}

    run = run_dag(example("example_link_one").example_link_one(), run_conf=conf)

    assert str(run.state) == "success"
    link = run.get_task_instance("link").xcom_pull(task_ids="link", key="link")
    assert link["outcome"] == ("would_link" if dry_run else "linked")
    assert (tenant.user(ADA_OAUTH["user_id"]) is None) is not dry_run


def test_the_trigger_form_offers_a_dry_run() -> None:
    for name in ("example_link_one", "example_dedup_and_link", "example_taskflow"):
        dag = getattr(example(name), name)()

        assert (
            json.loads(json.dumps(dag.params.get_param("dry_run").serialize()))["schema"]["type"] == "boolean"
        )


@pytest.mark.parametrize("name", ["example_taskflow", "example_dedup_and_link"])
def test_a_night_without_duplicates_is_a_success(
    name: str, run_dag: RunDag, tenant: Emulator, warehouse: Warehouse
) -> None:
    warehouse.run("DELETE FROM users")

    run = run_dag(getattr(example(name), name)())

    assert str(run.state) == "success"
    assert {str(each.state) for each in run.get_task_instances()} <= {"success", "skipped"}
    assert tenant.requests == []
