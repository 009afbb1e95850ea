"""
Link duplicates with the hook's verbs alone, in functions of your own.

For when you want to decide yourself what is carried over and what is refused. The warehouse is the one of
``example_dedup_and_link``, under ``AUTH0LINK_WAREHOUSE_URL``, a SQLAlchemy URL, by default ``sqlite:///warehouse.db``
in the folder where Airflow runs. It holds a copy of the tenant's users::

    CREATE TABLE users (
        user_id VARCHAR(255) PRIMARY KEY, email VARCHAR(320),
        email_verified BOOLEAN NOT NULL, created_at VARCHAR(40) NOT NULL
    )
"""

from __future__ import annotations

import logging
import os
from datetime import timedelta
from typing import TYPE_CHECKING

import pendulum
from airflow.providers.common.compat.sdk import AirflowFailException, Param, dag, get_current_context, task
from sqlalchemy import create_engine, inspect, text

from airflow_provider_auth0link.errors import MissingAccountError
from airflow_provider_auth0link.hooks.auth0 import Auth0Hook
from airflow_provider_auth0link.model import ENTERPRISE_PROVIDERS

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

log = logging.getLogger(__name__)

DUPLICATES = """
    WITH person AS (
        SELECT user_id,
               first_value(user_id) OVER (PARTITION BY lower(email) ORDER BY created_at, user_id)
                   AS primary_user_id
        FROM users
        WHERE email_verified AND email <> ''
    )
    SELECT primary_user_id, user_id AS secondary_user_id
    FROM person
    WHERE user_id <> primary_user_id
    ORDER BY primary_user_id, secondary_user_id
"""


def warehouse() -> Engine:
    engine = create_engine(os.environ.get("AUTH0LINK_WAREHOUSE_URL", "sqlite:///warehouse.db"))
    if not inspect(engine).has_table("users"):
        raise AirflowFailException(
            "the warehouse has no table users: let AUTH0LINK_WAREHOUSE_URL name a database that has one, as the "
            "head of this example says (CREATE TABLE users (...)), and fill it from an export of the tenant's users"
        )
    return engine


@task
def find_duplicates() -> list[dict[str, str]]:
    with warehouse().connect() as connection:
        return [dict(row) for row in connection.execute(text(DUPLICATES)).mappings()]


# [START howto_hook_auth0]
def link_pair(hook: Auth0Hook, pair: dict[str, str], *, dry_run: bool) -> bool:
    """Link a pair unless something speaks against it, and tell whether it is linked now."""
    try:
        primary = hook.get_user(pair["primary_user_id"])
        logins = {f"{login['provider']}|{login['user_id']}" for login in primary["identities"]}
        if pair["secondary_user_id"] in logins:  # by an earlier try of this task
            return True
        secondary = hook.get_user(pair["secondary_user_id"])
    except MissingAccountError:  # since the copy was made; the other pairs go on
        log.warning("left out, since one of the two accounts is gone: %s", pair)
        return False
    if not all(user.get("email_verified") and not user.get("blocked") for user in (primary, secondary)):
        return False
    if any(login["provider"] in ENTERPRISE_PROVIDERS for login in secondary["identities"]):
        return False  # its directory would find it no more
    if dry_run:
        return False
    if lost := secondary.get("user_metadata"):  # Auth0 discards it; what the primary has of its own wins
        kept = {**lost, **primary.get("user_metadata", {})}
        hook.update_user(primary["user_id"], {"user_metadata": kept})
    hook.link_identity(primary["user_id"], secondary["user_id"])
    return True


@task
def link_all(pairs: list[dict[str, str]]) -> list[dict[str, str]]:
    """Link pair after pair with one token, and return those that are linked now."""
    hook = Auth0Hook("auth0_default")
    dry_run = get_current_context()["params"]["dry_run"]
    return [pair for pair in pairs if link_pair(hook, pair, dry_run=dry_run)]


# [END howto_hook_auth0]


ID_MAP = """
    CREATE TABLE IF NOT EXISTS auth0_id_map (
        old_user_id VARCHAR(255) PRIMARY KEY, new_user_id VARCHAR(255) NOT NULL
    )
"""


@task
def write_id_map(moved: list[dict[str, str]]) -> int:
    with warehouse().begin() as connection:
        connection.execute(text(ID_MAP))
        for pair in moved:
            connection.execute(text("DELETE FROM auth0_id_map WHERE old_user_id = :secondary_user_id"), pair)
            connection.execute(
                text("INSERT INTO auth0_id_map VALUES (:secondary_user_id, :primary_user_id)"), pair
            )
    return len(moved)


@dag(
    schedule="@daily",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=1)},
    params={"dry_run": Param(default=False, type="boolean", title="Only look, change nothing")},
    tags=["auth0", "example"],
)
def example_taskflow() -> None:
    pairs = find_duplicates()
    moved = link_all(pairs)  # type: ignore[arg-type]  # Airflow hands over the XCom
    write_id_map(moved)  # type: ignore[arg-type]  # likewise


example_taskflow()
