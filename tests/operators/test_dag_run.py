"""The operators and the hook in a run of Airflow itself: mapping, XComs, the extra link, skips and retries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pendulum
import pytest
from airflow.sdk import DAG, task

from airflow_provider_auth0link.hooks.auth0 import Auth0Hook
from airflow_provider_auth0link.operators.link import LinkIdentityOperator, UnlinkIdentityOperator
from tests.operators.rig import ADA, ADA_GOOGLE, MakeTenant, two_accounts

pytestmark = pytest.mark.airflow_run

EVIL = "samlp|i|{{ conn.auth0_default.password }}"
GRACE = "auth0|grace"
BLOCKED = "github|77"
RunDag = Callable[..., Any]


def xcoms(run: Any, task_id: str, key: str) -> dict[int, Any]:
    """Return what the task instances of a task have pushed, by map index."""
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session

    with create_session() as session:
        found = session.query(XComModel).filter_by(run_id=run.run_id, task_id=task_id, key=key).all()
        return {row.map_index: XComModel.deserialize_value(row) for row in found}


def states(run: Any, task_id: str) -> dict[int, str]:
    """Return how the task instances of a task ended, by map index."""
    return {each.map_index: str(each.state) for each in run.get_task_instances() if each.task_id == task_id}


def test_mapped_links_of_ids_from_xcom(run_dag: RunDag, make_tenant: MakeTenant) -> None:
    tenant = make_tenant(*two_accounts(), GRACE, EVIL, {"user_id": BLOCKED, "blocked": True})
    pairs: list[dict[str, Any]] = [
        {"primary_user_id": ADA, "secondary_user_id": ADA_GOOGLE, "evidence": {"email": "ada@example.com"}},
        {"primary_user_id": GRACE, "secondary_user_id": BLOCKED},
        {"primary_user_id": GRACE, "secondary_user_id": EVIL},
    ]
    with DAG("mapped_links", schedule=None, start_date=pendulum.datetime(2026, 1, 1)) as dag:

        @task
        def find() -> list[dict[str, Any]]:
            return pairs

        LinkIdentityOperator.partial(
            task_id="link", auth0_conn_id="{{ 'auth0_default' }}", on_refused="skip"
        ).expand_kwargs(find())

    run = run_dag(dag)

    assert states(run, "link") == {0: "success", 1: "skipped", 2: "success"}
    assert tenant.links_applied == {(ADA, ADA_GOOGLE): 1, (GRACE, EVIL): 1}
    assert {index: row["outcome"] for index, row in xcoms(run, "link", "link").items()} == {
        0: "linked", 1: "refused", 2: "linked"
    }  # fmt: skip
    assert [row["user_id"] for row in xcoms(run, "link", "return_value")[0]] == ["ada", "1034"]
    page = f"{tenant.url}/api/v2/users/auth0%7C"
    assert xcoms(run, "link", "_link_Auth0UserLink") == {
        0: f"{page}ada", 1: f"{page}grace", 2: f"{page}grace"
    }  # fmt: skip
    names = {each.headers["x-correlation-id"] for each in tenant.requests if each.route == "link"}
    assert {name.split("/")[1] for name in names} == {"link[0]", "link[2]"}
    assert all(name.startswith("mapped_links/") for name in names)


def test_a_hook_in_a_task_names_the_task(run_dag: RunDag, make_tenant: MakeTenant) -> None:
    tenant = make_tenant(*two_accounts())
    with DAG("a_hook_in_a_task", schedule=None, start_date=pendulum.datetime(2026, 1, 1)) as dag:

        @task
        def merge() -> list[dict[str, Any]]:
            return Auth0Hook().link_identity(ADA, ADA_GOOGLE)

        merge()

    run = run_dag(dag)

    assert [row["user_id"] for row in xcoms(run, "merge", "return_value")[-1]] == ["ada", "1034"]
    name = next(each.headers["x-correlation-id"] for each in tenant.requests if each.route == "link")
    assert name.startswith("a_hook_in_a_ta")
    assert name.split("/")[1] == "merge"


def test_a_permanent_error_is_not_tried_again(run_dag: RunDag, make_tenant: MakeTenant) -> None:
    tenant = make_tenant(ADA)
    with DAG("permanent", schedule=None, start_date=pendulum.datetime(2026, 1, 1)) as dag:
        UnlinkIdentityOperator(
            task_id="unlink",
            primary_user_id=ADA,
            secondary_user_id=ADA_GOOGLE,
            on_not_linked="fail",
            retries=3,
            retry_delay=pendulum.duration(seconds=0),
        )

    run = run_dag(dag)

    assert states(run, "unlink") == {-1: "failed"}
    assert tenant.counts["unlink"] == 1
    assert xcoms(run, "unlink", "unlink")[-1]["outcome"] == "not_linked"
