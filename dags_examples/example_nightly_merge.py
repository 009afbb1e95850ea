"""
Every night: export the tenant's users, plan which accounts are one person's, ask a person, link what was approved.

Who is asked sees the plan's summary under "Required Actions" in Airflow's UI: the counts, every key of
``app_metadata`` that somebody would gain, and a sample, e-mails masked. Approved is what was shown, by its sha256: a
plan that was made anew since is refused. Who does not answer within ``ANSWER_WITHIN`` has rejected it. Without any
duplicate nobody is asked.

``AUTH0LINK_FOLDER`` is where all files go, by default ``auth0link`` in the folder where Airflow runs. It has to be
there, and all workers have to reach it: ``s3://aws_default@audit/auth0`` is one. The export goes as soon as the plan is
made of it. The plan, its rejects, the id map, and the journal with its report stay.

``ApprovalOperator`` needs Airflow 3.1 or newer. On an older one the task ``approve`` fails and logs the summary: who
approves it marks this task as a success, and the link runs. Nothing is linked before.
"""

from __future__ import annotations

import logging
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pendulum
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    AirflowOptionalProviderFeatureException,
    AirflowSkipException,
    ObjectStoragePath,
    Param,
    XComArg,
    dag,
    task,
)

from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.hooks.report import write_report
from airflow_provider_auth0link.operators.batch import LinkIdentitiesOperator
from airflow_provider_auth0link.operators.export import ExportUsersOperator
from airflow_provider_auth0link.operators.plan import PlanLinksOperator

try:
    from airflow.providers.standard.operators.hitl import ApprovalOperator
except (ImportError, AirflowOptionalProviderFeatureException):  # before Airflow 3.1
    ApprovalOperator = None  # type: ignore[assignment,misc]  # looked at below

FOLDER = os.environ.get("AUTH0LINK_FOLDER", str(Path("auth0link").absolute()))
EXPORT = FOLDER + "/users-{{ run_id }}.ndjson.gz"
JOURNAL = FOLDER + "/journals/{{ run_id }}"
ID_MAP = FOLDER + "/ids-{{ run_id }}.csv"

ANSWER_WITHIN = timedelta(hours=20)
STAYS_BEHIND = ("app_metadata.roles",)  # rights do not move with an account

log = logging.getLogger(__name__)


@task
def remove_export(path: str) -> None:
    """Take the file away in which all users stand."""
    ObjectStoragePath(path).unlink(missing_ok=True)


@task.short_circuit
def to_approve(planned: int, digest: str) -> str:
    """Return the digest of the plan that is asked about; nothing, and the rest is skipped, when it is empty."""
    return digest if planned else ""


def approve(summary: XComArg) -> Any:  # noqa: ANN401 - two kinds of task
    """Ask a person. The summary is made of accounts' data: as an XCom it is not rendered as Jinja once more."""
    if ApprovalOperator is None:
        return approve_by_hand(summary)  # type: ignore[arg-type]  # Airflow hands over the XCom
    return ApprovalOperator(
        task_id="approve",
        subject="Merge {{ ti.xcom_pull(task_ids='plan', key='planned') }} accounts into others? "
        f"Not carried, though listed: {', '.join(STAYS_BEHIND)}",
        body=summary,
        defaults=ApprovalOperator.REJECT,
        response_timeout=ANSWER_WITHIN,
    )


@task(task_id="approve")
def approve_by_hand(summary: str) -> None:
    """Let nothing through until somebody marks this task as a success."""
    log.warning("%s", summary)
    raise AirflowFailException(
        "nobody approved this plan, and an Airflow before 3.1 has no task that asks. Look at the summary above and at "
        "the plan. Approve it by marking this task as a success: then the link runs"
    )


@task
def hand_over(id_map: str) -> int:
    """
    Return how many old ids have a new one. What tells your other systems of them belongs here.

    A link that failed keeps this from running, and makes the run red.
    """
    return len(ObjectStoragePath(id_map).read_text().splitlines()) - 1  # the first one is the header


@task(trigger_rule="none_skipped")  # after a link that failed above all
def report(journal: str, counts: dict[str, Any] | None) -> str:
    """Write a page for people beside the journal, and return its path."""
    if counts is None:
        raise AirflowSkipException("there is no plan")
    try:
        return write_report(journal, f"{journal}/report.html", plan_counts=counts)
    except InputError as error:  # no journal, for one: the link did not begin
        raise AirflowFailException(str(error)) from None


@dag(
    schedule="@daily",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=1)},
    params={
        "max_links": Param(default=5000, type="integer", minimum=0, title="More links than this are refused"),
    },
    tags=["auth0", "example"],
)
def example_nightly_merge() -> None:
    # [START howto_nightly_merge]
    export = ExportUsersOperator(task_id="export", path=EXPORT)
    plan = PlanLinksOperator(
        task_id="plan",
        source=EXPORT,
        plan_path=FOLDER + "/plan-{{ run_id }}.jsonl",
        rules=("verified_email",),
        primary=("most_logins", "latest_login", "oldest"),
    )
    export >> plan >> remove_export(EXPORT).as_teardown(setups=export)

    asked = to_approve(XComArg(plan, key="planned"), XComArg(plan, key="plan_digest"))  # type: ignore[arg-type]  # XComs
    approved = approve(XComArg(plan, key="summary_markdown"))
    link = LinkIdentitiesOperator(
        task_id="link",
        plan_path=XComArg(plan, key="plan_path"),  # type: ignore[arg-type]  # Airflow hands over the XCom
        plan_digest=asked,  # type: ignore[arg-type]  # as above
        journal_path=JOURNAL,
        id_map_path=ID_MAP,
        max_links="{{ params.max_links }}",
        max_failures=10,
        carry_except=STAYS_BEHIND,
    )
    told = report(JOURNAL, plan.output)  # type: ignore[arg-type]  # as above
    asked >> approved >> link >> [hand_over(ID_MAP), told]
    # [END howto_nightly_merge]


example_nightly_merge()
