"""The nightly example where nobody has to be asked, or nobody can be. With an approval: tests/realrun."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_auth0link.emulator.server import Emulator
from tests.dags.examples import example
from tests.fakes.export import account

pytestmark = pytest.mark.airflow_run

RunDag = Callable[..., Any]
AFTER = ("link", "hand_over", "report")


@pytest.fixture
def tenant(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Emulator]:
    monkeypatch.setenv("AUTH0LINK_FOLDER", str(tmp_path))
    with Emulator(users=[account("auth0|ada", "ada@example.com")], export_seconds=0.1) as running:
        monkeypatch.setenv("AIRFLOW_CONN_AUTH0_DEFAULT", running.connection())
        yield running


def states(run: Any) -> dict[str, str]:
    return {each.task_id: str(each.state) for each in run.get_task_instances()}


def test_without_duplicates_the_rest_is_skipped(run_dag: RunDag, tenant: Emulator, tmp_path: Path) -> None:
    run = run_dag(example("example_nightly_merge").example_nightly_merge())

    assert str(run.state) == "success"
    assert {states(run)[name] for name in ("approve", *AFTER)} == {"skipped"}
    assert sorted(path.name.partition("-")[0] for path in tmp_path.iterdir()) == ["plan", "plan"]


def test_where_airflow_cannot_ask_nothing_is_linked(
    run_dag: RunDag, tenant: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant.add_user(account("google-oauth2|1", "Ada@example.com"))
    monkeypatch.setitem(sys.modules, "airflow.providers.standard.operators.hitl", None)

    run = run_dag(example("example_nightly_merge").example_nightly_merge())

    assert str(run.state) == "failed"
    assert states(run)["approve"] == "failed"
    assert {states(run)[name] for name in ("link", "hand_over")} == {"upstream_failed"}
    assert tenant.links_applied == {}
    assert sorted(path.name.partition("-")[0] for path in tmp_path.iterdir()) == ["plan", "plan"]
