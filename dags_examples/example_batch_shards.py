"""
Link a plan of any size on several workers: the plan is divided, each part is linked by a mapped task.

A plan is JSON Lines (``.jsonl``, ``.jsonl.gz``) or CSV, one pair a line. The run's parameter ``plan`` names it, in
``AUTH0LINK_FOLDER`` (by default ``auth0link`` in the folder where Airflow runs) or by its whole path::

    {
        "primary_user_id": "auth0|64b1",
        "secondary_user_id": "google-oauth2|1034",
        "evidence": {"email": "ada@acme.org"},
    }

Accounts that become one stay in one part. The parts share one journal; one that fails is retried alone. More workers
are no faster where the tenant's limit is what holds: they share it. They help where one machine is too slow.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pendulum
from airflow.providers.common.compat.sdk import Param, dag

from airflow_provider_auth0link.operators.batch import LinkIdentitiesOperator
from airflow_provider_auth0link.operators.plan import SplitPlanOperator

FOLDER = os.environ.get("AUTH0LINK_FOLDER", str(Path("auth0link").absolute()))


@dag(
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=1)},
    params={
        "plan": Param(
            "plan.jsonl", type="string", title="The plan: a name in AUTH0LINK_FOLDER, or a whole path"
        ),
        "shards": Param(default=4, type="integer", minimum=1, maximum=1024, title="Into how many parts"),
        "dry_run": Param(default=True, type="boolean", title="Only look, change nothing"),
    },
    user_defined_macros={"folder": FOLDER},
    tags=["auth0", "example"],
)
def example_batch_shards() -> None:
    # [START howto_operator_split_plan]
    split = SplitPlanOperator(
        task_id="split",
        plan_path="{{ params.plan if '/' in params.plan else folder ~ '/' ~ params.plan }}",
        shards="{{ params.shards }}",
    )
    LinkIdentitiesOperator.partial(
        task_id="link",
        journal_path=FOLDER + "/journals/{{ run_id }}",  # one for all parts
        carry_except=("app_metadata.roles",),
        dry_run="{{ params.dry_run }}",
    ).expand(plan_path=split.output)
    # [END howto_operator_split_plan]


example_batch_shards()
