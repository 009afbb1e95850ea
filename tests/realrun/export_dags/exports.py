"""An export that waits in the triggerer."""

from __future__ import annotations

import os
from datetime import timedelta

import pendulum
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_auth0link.operators.export import ExportUsersOperator

with DAG("export", schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC")):
    ExportUsersOperator(
        task_id="export",
        path=os.environ["EXPORTS"] + "/{{ run_id }}.ndjson.gz",
        deferrable=True,
        poll_seconds=2.0,
        retries=2,
        retry_delay=timedelta(seconds=2),
    )
