"""Ids that look like Jinja, out of an XCom, by both ways into the operator: mapped and not."""

from __future__ import annotations

from typing import Any

import pendulum
from airflow.providers.common.compat.sdk import dag, task

from airflow_provider_auth0link.operators.link import LinkIdentityOperator

SECRET = "{{ conn.auth0_default.password }}"


@task
def pairs() -> list[dict[str, str]]:
    return [
        {"primary_user_id": "auth0|mapped", "secondary_user_id": f"samlp|i|{SECRET}"},
        {"primary_user_id": "auth0|{{ ti.task_id }}", "secondary_user_id": "google-oauth2|1034"},
    ]


@task
def primary() -> str:
    return "auth0|{{ run_id }}"


@task
def secondary() -> str:
    return f"samlp|j|{SECRET}"


@dag(schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC"), catchup=False)
def ids_from_xcom() -> None:
    LinkIdentityOperator.partial(task_id="mapped").expand_kwargs(pairs())
    late: dict[str, Any] = {"primary_user_id": primary(), "secondary_user_id": secondary()}
    LinkIdentityOperator(task_id="unmapped", **late)


ids_from_xcom()
