"""
Link many pairs in one task, at the tenant's own speed, each written down before it happens.

The warehouse is the one of ``example_dedup_and_link``, under ``AUTH0LINK_WAREHOUSE_URL``, a SQLAlchemy URL, by default
``sqlite:///warehouse.db`` in the folder where Airflow runs. It holds a copy of the tenant's users::

    CREATE TABLE users (
        user_id VARCHAR(255) PRIMARY KEY, email VARCHAR(320),
        email_verified BOOLEAN NOT NULL, created_at VARCHAR(40) NOT NULL
    )

``AUTH0LINK_FOLDER`` is where journals and id maps go, by default ``auth0link`` in the folder where Airflow runs. With
several workers it has to be one that all of them reach, such as ``s3://aws_default@audit/auth0``. A retry, and a run
that was cleared, find there what is done already. ``example_undo`` takes a run back from its journal.
"""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pendulum
from airflow.providers.common.compat.sdk import AirflowFailException, Param, dag, task
from sqlalchemy import create_engine, inspect, text

from airflow_provider_auth0link.operators.batch import LinkIdentitiesOperator

FOLDER = os.environ.get("AUTH0LINK_FOLDER", str(Path("auth0link").absolute()))

# XCom takes 10,000 pairs. More of them belong in a file: see example_batch_shards.
DUPLICATES = """
    WITH person AS (
        SELECT user_id, lower(email) AS email,
               first_value(user_id) OVER (PARTITION BY lower(email) ORDER BY created_at, user_id)
                   AS primary_user_id
        FROM users
        WHERE email_verified AND email <> ''
    )
    SELECT primary_user_id, user_id AS secondary_user_id, email
    FROM person
    WHERE user_id <> primary_user_id
    ORDER BY primary_user_id, secondary_user_id
    LIMIT 10000
"""


@task(show_return_value_in_logs=False)  # e-mails stand in it
def find_pairs() -> list[dict[str, Any]]:
    """Return plan lines. Without any, the link is a success that sends nothing."""
    if "://" not in FOLDER:
        Path(FOLDER).mkdir(parents=True, exist_ok=True)
    engine = create_engine(os.environ.get("AUTH0LINK_WAREHOUSE_URL", "sqlite:///warehouse.db"))
    if not inspect(engine).has_table("users"):
        raise AirflowFailException(
            "the warehouse has no table users: let AUTH0LINK_WAREHOUSE_URL name a database that has one, as the "
            "head of this example says (CREATE TABLE users (...)), and fill it from an export of the tenant's users"
        )
    with engine.connect() as connection:
        rows = connection.execute(text(DUPLICATES)).mappings().all()
    return [
        {
            "primary_user_id": row["primary_user_id"],
            "secondary_user_id": row["secondary_user_id"],
            "rule": "same verified e-mail",
            "evidence": {"email": row["email"], "verified": True},
        }
        for row in rows
    ]


@dag(
    schedule="@daily",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=1)},
    params={
        "dry_run": Param(default=False, type="boolean", title="Only look, change nothing"),
        "max_links": Param(default=5000, type="integer", minimum=0, title="More links than this are refused"),
    },
    tags=["auth0", "example"],
)
def example_batch() -> None:
    # [START howto_operator_link_identities]
    LinkIdentitiesOperator(
        task_id="link",
        pairs=find_pairs(),  # type: ignore[arg-type]  # Airflow hands over the XCom
        journal_path=FOLDER + "/journals/{{ run_id }}",
        id_map_path=FOLDER + "/ids-{{ run_id }}.csv",
        max_links="{{ params.max_links }}",
        max_failures=10,
        carry_except=("app_metadata.roles",),  # rights do not move with an account
        guards=("not_blocked", "verified_email", "same_email", "not_enterprise_secondary"),
        dry_run="{{ params.dry_run }}",
    )
    # [END howto_operator_link_identities]


example_batch()
