"""
Find the accounts that are one person's in an export of the tenant's users, and look at what linking them would do.

``AUTH0LINK_FOLDER`` is where the export lies and the plan goes, by default ``auth0link`` in the folder where Airflow
runs. It may be on object storage, such as ``s3://aws_default@audit/auth0``. The run's parameter ``source`` names the
export: newline-delimited JSON as Auth0's export job gives it, a CSV or a Parquet file, by its name in that folder or by
its whole path.

Beside the plan stands ``plan-....rejects.jsonl``: who shared an e-mail with somebody and was not planned, and why. The
summary is an XCom, ``summary_markdown``. A dry run is the default: the plan is read against the tenant, nothing is
changed.

With the users in a warehouse, the source is a query over an Airflow connection instead::

    source = SqlQuery("warehouse", "SELECT user_id, email, email_verified, created_at FROM users")
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pendulum
from airflow.providers.common.compat.sdk import Param, XComArg, dag

from airflow_provider_auth0link.operators.batch import LinkIdentitiesOperator
from airflow_provider_auth0link.operators.plan import PlanLinksOperator

FOLDER = os.environ.get("AUTH0LINK_FOLDER", str(Path("auth0link").absolute()))


@dag(
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=1)},
    params={
        "source": Param(
            "users.ndjson.gz", type="string", title="The export: a name in AUTH0LINK_FOLDER, or a whole path"
        ),
        "max_links": Param(default=5000, type="integer", minimum=0, title="More links than this are refused"),
        "dry_run": Param(default=True, type="boolean", title="Only look, change nothing"),
    },
    user_defined_macros={"folder": FOLDER},
    tags=["auth0", "example"],
)
def example_plan() -> None:
    # [START howto_operator_plan_links]
    plan = PlanLinksOperator(
        task_id="plan",
        source="{{ params.source if '/' in params.source else folder ~ '/' ~ params.source }}",
        plan_path=FOLDER + "/plan-{{ run_id }}.jsonl",
        rules=("verified_email", "metadata:app_metadata.legacy_id"),
        primary=("most_logins", "latest_login", "oldest"),
    )
    LinkIdentitiesOperator(
        task_id="link",
        plan_path=XComArg(plan, key="plan_path"),  # type: ignore[arg-type]  # Airflow hands over the XCom
        plan_digest=XComArg(plan, key="plan_digest"),  # type: ignore[arg-type]  # as above
        journal_path=FOLDER + "/journals/{{ run_id }}",
        max_links="{{ params.max_links }}",
        carry_except=("app_metadata.roles",),  # rights do not move with an account
        dry_run="{{ params.dry_run }}",
    )
    # [END howto_operator_plan_links]


example_plan()
