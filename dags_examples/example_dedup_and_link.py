"""
Find accounts of one person by SQL in the warehouse, link them, and write down which id became which.

``AUTH0LINK_WAREHOUSE_URL`` is the warehouse, a SQLAlchemy URL. Without it: ``sqlite:///warehouse.db`` in the
folder where Airflow runs. It holds a copy of the tenant's users, made by an export for example::

    CREATE TABLE users (
        user_id VARCHAR(255) PRIMARY KEY,   -- 'auth0|64b1...'
        email VARCHAR(320),
        email_verified BOOLEAN NOT NULL,
        created_at VARCHAR(40) NOT NULL     -- ISO 8601 in UTC, as Auth0 writes it
    )

A person is all accounts with one verified e-mail, compared in lower case. The oldest one is the primary.
The copy may be a day old, so the operator's guards look at both accounts again before each link.

The downstream task waits for all links. After a failed one the run is red: see to it, clear it or mark it
as a success, and the ids of all that was linked are written.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pendulum
from airflow.providers.common.compat.sdk import AirflowFailException, Param, XComArg, dag, task
from sqlalchemy import create_engine, inspect, text

from airflow_provider_auth0link.operators.link import LinkIdentityOperator

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

ID_MAP = """
    CREATE TABLE IF NOT EXISTS auth0_id_map (
        old_user_id VARCHAR(255) PRIMARY KEY, new_user_id VARCHAR(255) NOT NULL
    )
"""
REFUSED = "CREATE TABLE IF NOT EXISTS auth0_refused (user_id VARCHAR(255) PRIMARY KEY, reason TEXT)"

# Airflow maps at most 1,024 tasks ([core] max_map_length), so the rest is found by the next run.
# What was refused before comes last: it must not keep the others out.
DUPLICATES = """
    WITH person AS (
        SELECT user_id, lower(email) AS email,
               first_value(user_id) OVER (PARTITION BY lower(email) ORDER BY created_at, user_id)
                   AS primary_user_id
        FROM users
        WHERE email_verified AND email <> '' AND user_id NOT IN (SELECT old_user_id FROM auth0_id_map)
    )
    SELECT primary_user_id, user_id AS secondary_user_id, email
    FROM person
    WHERE user_id <> primary_user_id
    ORDER BY user_id IN (SELECT user_id FROM auth0_refused), primary_user_id, secondary_user_id
    LIMIT 1024
"""


def warehouse() -> Engine:
    engine = create_engine(os.environ.get("AUTH0LINK_WAREHOUSE_URL", "sqlite:///warehouse.db"))
    if not inspect(engine).has_table("users"):
        raise AirflowFailException(
            "the warehouse has no table users: let AUTH0LINK_WAREHOUSE_URL name a database that has one, as the "
            "head of this example says (CREATE TABLE users (...)), and fill it from an export of the tenant's users"
        )
    return engine


# [START howto_find_duplicates]
@task.short_circuit
def find_duplicates() -> list[dict[str, Any]]:
    """Return plan lines; their keys are arguments of the operator. Without any, the rest is skipped."""
    with warehouse().begin() as connection:
        connection.execute(text(ID_MAP))
        connection.execute(text(REFUSED))
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


# [END howto_find_duplicates]


# [START howto_write_id_map]
MOVE = (
    # A primary of an earlier night may be tonight's secondary: its old ids move on with it.
    "UPDATE auth0_id_map SET new_user_id = :primary_user_id WHERE new_user_id = :secondary_user_id",
    "DELETE FROM auth0_id_map WHERE old_user_id = :secondary_user_id",
    "INSERT INTO auth0_id_map VALUES (:secondary_user_id, :primary_user_id)",
    "DELETE FROM auth0_refused WHERE user_id = :secondary_user_id",
)
REFUSE = (
    "DELETE FROM auth0_refused WHERE user_id = :secondary_user_id",
    "INSERT INTO auth0_refused VALUES (:secondary_user_id, :reason)",
)
WRITES = {"linked": MOVE, "already_linked": MOVE, "refused": REFUSE}


@task(trigger_rule="none_failed")
def write_id_map(links: Iterable[dict[str, Any]]) -> dict[str, int]:
    """Write old and new ids. Each link names its accounts, so one that was skipped shifts nothing."""
    outcomes: Counter[str] = Counter()
    with warehouse().begin() as connection:
        for link in links:
            outcomes[link["outcome"]] += 1
            for statement in WRITES.get(link["outcome"], ()):
                connection.execute(text(statement), link)
    return dict(outcomes)


# [END howto_write_id_map]


@dag(
    schedule="@daily",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=1)},
    params={"dry_run": Param(default=False, type="boolean", title="Only look, change nothing")},
    tags=["auth0", "example"],
)
def example_dedup_and_link() -> None:
    # [START howto_operator_link_identity_mapped]
    pairs = find_duplicates()
    link = LinkIdentityOperator.partial(
        task_id="link",
        carry_except=("app_metadata.roles",),  # rights do not move with an account
        guards=("not_blocked", "verified_email", "same_email", "not_enterprise_secondary"),
        on_refused="skip",
        dry_run="{{ params.dry_run }}",
        max_active_tis_per_dagrun=1,  # two links into one account must not overlap
    ).expand_kwargs(pairs)
    write_id_map(XComArg(link, key="link"))  # type: ignore[arg-type]  # Airflow hands over the XComs
    # [END howto_operator_link_identity_mapped]


example_dedup_and_link()
