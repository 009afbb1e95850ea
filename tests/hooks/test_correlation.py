"""The name of a task in the tenant's log."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_auth0link.hooks.correlation import correlation_id, of_context, of_current_task

RUN = "scheduled__2026-11-23T00:00:00+00:00"
LONG = "customer_identity_nightly_maintenance"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        pytest.param(("d", "r", "t"), "d/t/r", id="short"),
        pytest.param(("d", "r", "t", 0), "d/t[0]/r", id="mapped"),
        pytest.param(("nightly", RUN, "link"), f"nightly/link/{RUN}", id="scheduled"),
        pytest.param(("näch/tlich", "r", "t"), "n%C3%A4ch%2Ftlich/t/r", id="letters-that-no-header-has"),
        pytest.param(("d", "r\r\nX: 1", "group.t"), "d/group.t/r%0D%0AX: 1", id="no-second-header"),
    ],
)
def test_a_name_that_fits(names: tuple[Any, ...], expected: str) -> None:
    assert correlation_id(*names) == expected


@pytest.mark.parametrize(
    "names",
    [
        pytest.param((LONG, RUN, "link"), id="long-dag"),
        pytest.param(("nightly", RUN, "merge_the_accounts_of_each_person", 1023), id="long-task-mapped"),
        pytest.param((LONG * 6, RUN * 6, LONG * 6, 99_999_999), id="all-too-long"),
        pytest.param(("例え" * 40, "例え" * 40, "例え" * 40), id="unicode"),
    ],
)
def test_a_name_that_is_too_long_is_cut(names: tuple[Any, ...]) -> None:
    name = correlation_id(*names)

    assert len(name) <= 64
    assert name.isascii()
    assert name.isprintable()
    assert name == correlation_id(*names)


def test_long_names_stay_apart() -> None:
    runs = [f"manual__2026-11-23T00:00:00.{number:06d}+00:00" for number in range(50)]
    names = {correlation_id(LONG, run, LONG, index) for run in runs for index in range(-1, 20)}

    assert len(names) == 50 * 21


def test_a_cut_name_leads_back_to_its_dag_task_and_run() -> None:
    dag, task, run = correlation_id(LONG, RUN, "merge_the_accounts", 12).split("/")

    assert LONG.startswith(dag)
    assert task == "merge_the_ac[12]"
    assert run.startswith("scheduled20261123")


INSTANCE = SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=-1)


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        pytest.param({"ti": INSTANCE}, "d/t/r", id="ti"),
        pytest.param({"task_instance": INSTANCE}, "d/t/r", id="task-instance"),
        pytest.param(
            {"ti": SimpleNamespace(dag_id="d", run_id="r", task_id="t")}, "d/t/r", id="no-map-index"
        ),
        pytest.param({"ti": SimpleNamespace(dag_id="d", task_id="t")}, None, id="no-run"),
        pytest.param({}, None, id="nothing"),
    ],
)
def test_a_context(context: dict[str, Any], expected: str | None) -> None:
    assert of_context(context) == expected


def test_outside_of_a_task_there_is_none() -> None:
    assert of_current_task() is None
