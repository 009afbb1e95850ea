"""Users in a table of a database, by a connection that is the tests' own; the query is a template."""

from __future__ import annotations

import pendulum
from airflow.providers.common.compat.sdk import dag

from airflow_provider_auth0link.operators.plan import PlanLinksOperator, SqlQuery


@dag(schedule=None, start_date=pendulum.datetime(2026, 1, 1), catchup=False)
def plan_from_table() -> None:
    PlanLinksOperator(
        task_id="plan",
        source=SqlQuery(
            "warehouse", "SELECT * FROM {{ params.table }} WHERE user_id <> ?", ["{{ params.but }}"]
        ),
        plan_path="{{ params.folder }}/plan.jsonl",
        params={"table": "users", "but": "github|77", "folder": "plans"},
    )


plan_from_table()
