"""
A batch, the same with a short time to run in and with all that can be written down, and its undo.

A run's ``conf`` names the case.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import pendulum
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_auth0link.operators.batch import LinkIdentitiesOperator
from airflow_provider_auth0link.operators.undo import UndoLinksOperator

FOLDER = os.environ["BATCHES"]
CONN = "auth0_{{ dag_run.conf['case'] }}"
JOURNAL = FOLDER + "/{{ dag_run.conf['case'] }}"


def dag(dag_id: str) -> DAG:
    return DAG(
        dag_id,
        schedule=None,
        start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
        max_active_runs=16,
        max_active_tasks=16,
    )


def link(**how: Any) -> None:
    LinkIdentitiesOperator(
        task_id="link",
        plan_path=FOLDER + "/plan.jsonl",
        journal_path=JOURNAL,
        auth0_conn_id=CONN,
        retry_delay=timedelta(seconds=2),
        **{"retries": 4, "snapshot": "metadata", **how},
    )


with dag("batch"):
    link()

with dag("batch_in_short_time"):
    link(execution_timeout=timedelta(seconds=10), retries=99)

with dag("batch_in_full"):
    link(snapshot="full", carry=("user_metadata", "app_metadata", "roles"))

with dag("batch_undo"):
    UndoLinksOperator(task_id="undo", journal_path=JOURNAL, auth0_conn_id=CONN)
