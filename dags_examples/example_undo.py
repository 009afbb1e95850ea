"""
Take back what a run linked, from its journal.

The path is the ``journal_path`` of that run: its log and the XCom ``journal`` of its task tell it. ``dry_run`` reads
what a real undo would read, and changes nothing. Each account that was linked comes back under its old id with its
metadata, roles, permissions and organizations; passwords, MFA and sessions cannot be brought back by anybody.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.providers.common.compat.sdk import Param, dag

from airflow_provider_auth0link.operators.undo import UndoLinksOperator


@dag(
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=1)},
    params={
        "journal": Param("/data/auth0/THE_RUN_ID", type="string", title="The run's journal_path"),
        "only": Param(
            default=None,
            type=["null", "array"],
            items={"type": "string"},
            title="Old ids; none: all that was linked",
        ),
        "dry_run": Param(default=True, type="boolean", title="Only look, change nothing"),
    },
    tags=["auth0", "example"],
)
def example_undo() -> None:
    # [START howto_operator_undo_links]
    UndoLinksOperator(
        task_id="undo",
        journal_path="{{ params.journal }}",
        only="{{ params.only | tojson }}",
        dry_run="{{ params.dry_run }}",
    )
    # [END howto_operator_undo_links]


example_undo()
