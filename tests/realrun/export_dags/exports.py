"""An export that waits in the triggerer, and one that waits on its worker."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import pendulum
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_auth0link.operators.export import ExportUsersOperator


def export(name: str, path: str, **how: Any) -> None:
    with DAG(name, schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC")):
        ExportUsersOperator(
            task_id="export",
            path=f"{os.environ['EXPORTS']}/{name}/{path}",
            auth0_conn_id=f"auth0_{name}",
            poll_seconds=2.0,
            retries=4,
            retry_delay=timedelta(seconds=2),
            **how,
        )


export("deferred", "{{ run_id }}.ndjson.gz", deferrable=True)
export("waiting", "{{ run_id }}.jsonl")
