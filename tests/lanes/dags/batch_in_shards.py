"""A batch by XCom, the same kind of plan by mapped shards, and the undo of both; ids look like Jinja."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pendulum
from airflow.providers.common.compat.sdk import Asset, dag, task

from airflow_provider_auth0link.operators.batch import LinkIdentitiesOperator
from airflow_provider_auth0link.operators.plan import SplitPlanOperator
from airflow_provider_auth0link.operators.undo import UndoLinksOperator

SECRET = "{{ conn.auth0_default.password }}"
ROOM = os.environ.get("AUTH0LINK_LANE_ROOM", "/nowhere")
GUARDS = ("not_blocked",)


@task
def pairs() -> list[list[str]]:
    return [["auth0|one", f"samlp|i|{SECRET}"], ["auth0|{{ run_id }}", "github|two"]]


@task
def plan() -> str:
    path = Path(ROOM) / "plan.jsonl"
    lines = [
        {"primary_user_id": f"auth0|p{n}", "secondary_user_id": f"github|{{{{ ti.task_id }}}}{n}"}
        for n in range(5)
    ]
    path.write_text("\n".join(map(json.dumps, lines)))
    return str(path)


@dag(schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC"), catchup=False)
def batch_in_shards() -> None:
    journal = f"{ROOM}/journal"
    found: Any = pairs()
    by_xcom = LinkIdentitiesOperator(
        task_id="by_xcom",
        pairs=found,
        journal_path=journal,
        guards=GUARDS,
        snapshot="metadata",
        outlets=[Asset("auth0_links")],
    )
    written: Any = plan()
    split = SplitPlanOperator(task_id="split", plan_path=written, shards=2)
    shards = LinkIdentitiesOperator.partial(
        task_id="shards", journal_path=journal, guards=GUARDS, max_links="{{ 1 + 9 }}"
    ).expand(plan_path=split.output)
    again = LinkIdentitiesOperator.partial(
        task_id="again", journal_path=journal, guards=GUARDS, max_links=0
    ).expand(plan_path=split.output)
    undo = UndoLinksOperator(task_id="undo", journal_path=journal)
    [by_xcom, shards] >> again >> undo


batch_in_shards()
