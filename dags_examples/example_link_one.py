"""
Link one Auth0 account into another, with the ids typed into the trigger form.

The primary keeps its id and profile; the secondary becomes one more way to log in to it. ``dry_run`` reads
and checks all that a real run would, and changes nothing. Needs the connection ``auth0_default``.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.providers.common.compat.sdk import Param, dag

from airflow_provider_auth0link.operators.link import LinkIdentityOperator


@dag(
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=1)},
    params={
        "primary_user_id": Param("auth0|primary", type="string", title="Keeps its id"),
        "secondary_user_id": Param("google-oauth2|secondary", type="string", title="Is merged into it"),
        "dry_run": Param(default=True, type="boolean", title="Only look, change nothing"),
    },
    tags=["auth0", "example"],
)
def example_link_one() -> None:
    # [START howto_operator_link_identity]
    LinkIdentityOperator(
        task_id="link",
        primary_user_id="{{ params.primary_user_id }}",
        secondary_user_id="{{ params.secondary_user_id }}",
        carry_except=("app_metadata.roles",),  # rights do not move with an account
        guards=("not_blocked", "verified_email"),
        dry_run="{{ params.dry_run }}",
    )
    # [END howto_operator_link_identity]


example_link_one()
