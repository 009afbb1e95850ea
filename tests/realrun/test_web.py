"""What the web server tells after the run: links out of tasks, connections without their secrets."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.fernet import Fernet

from airflow_provider_auth0link import provider_info
from tests.realrun.form import save_again
from tests.realrun.plant import DAG_ID, Planted
from tests.realrun.search import forms
from tests.realrun.stack import AIRFLOW_2, Stack, stack

pytestmark = pytest.mark.airflow_run

WANTED = (
    "create:organization_member_roles",
    "create:organization_members",
    "create:role_members",
    "delete:organization_member_roles",
    "delete:organization_members",
    "delete:role_members",
    "read:connections",
    "read:organization_member_roles",
    "read:organizations",
    "read:role_members",
    "read:roles",
    "read:users",
    "update:users",
    "update:users_app_metadata",
)
"""What the operators of this version need among them."""


def told(*held: str) -> str:
    """Return what the button says of a token that holds these."""
    missing = [each for each in WANTED if each not in held]
    return f"Scopes present: {', '.join(held)}. Scopes missing: {', '.join(missing) or 'none'}"


@pytest.fixture(scope="module")
def web(finished: Planted) -> Iterator[Stack]:
    """Return the web server of the Airflow that the run was in."""
    if AIRFLOW_2:  # whose "dags test" keeps the Dag to itself
        finished.lane.airflow("dags", "reserialize", **finished.environment)
    with stack(finished.lane, **finished.environment) as airflow:
        yield airflow


@pytest.mark.parametrize(
    ("task_id", "map_index", "name"),
    [
        ("by_secret", -1, "secret"),
        ("mapped_kwargs", 0, "kwargs0"),
        ("mapped_kwargs", 1, "kwargs1"),
        ("conflict", -1, "conflict"),
        ("unlinked", -1, "unlinked"),
    ],
)
def test_a_task_leads_to_its_user(
    finished: Planted, web: Stack, task_id: str, map_index: int, name: str
) -> None:
    run_id = web.call("GET", f"/dags/{DAG_ID}/dagRuns")["dag_runs"][0]["dag_run_id"]
    task = f"/dags/{DAG_ID}/dagRuns/{quote(run_id, safe='')}/taskInstances/{task_id}"

    answer = web.call("GET", f"{task}/links", map_index=map_index)

    links = answer if AIRFLOW_2 else answer["extra_links"]
    assert links == {"Auth0 user": f"{finished.tenant.url}/api/v2/users/auth0%7C{name}"}


@pytest.mark.parametrize(
    ("conn_id", "names"),
    [
        ("auth0_key", ["journal_secret", "private_key"]),
        ("auth0_token", ["access_token"]),
        ("auth0_proxy", ["proxy"]),
    ],
)
def test_a_connection_is_shown_without_its_secrets(
    finished: Planted, web: Stack, conn_id: str, names: list[str]
) -> None:
    shown = web.call("GET", f"/connections/{conn_id}")

    extra = json.loads(shown["extra"])
    assert [extra[name] for name in names] == ["***"] * len(names)
    assert leaks(json.dumps(shown), finished.secrets()) == set()


@pytest.mark.parametrize(
    ("conn_id", "good", "scopes"),
    [
        ("auth0_default", True, told(*WANTED)),
        ("auth0_key", True, told(*WANTED)),
        ("auth0_token", True, told("read:users", "update:users", "update:users_app_metadata")),
        ("auth0_narrow", False, told("update:users")),
    ],
)
def test_the_test_button_says_tenant_and_scopes(
    finished: Planted, web: Stack, conn_id: str, good: bool, scopes: str
) -> None:
    answer = web.call("POST", "/connections/test", as_the_form_sends(finished.plants.connections[conn_id]))

    tenant = finished.tenant.url.removeprefix("http://")
    assert answer == {"status": good, "message": f"Connected to {tenant}. {scopes}"}


@pytest.mark.parametrize("conn_id", ["auth0_wrong", "auth0_bad_key", "auth0_two_ways", "auth0_unknown_extra"])
def test_the_test_button_says_what_is_wrong_without_secrets(
    finished: Planted, web: Stack, conn_id: str
) -> None:
    answer = web.call("POST", "/connections/test", as_the_form_sends(finished.plants.connections[conn_id]))

    assert answer["status"] is False
    assert leaks(json.dumps(answer), finished.secrets()) == set()


def as_the_form_sends(fields: dict[str, Any]) -> dict[str, Any]:
    """Return what the form of Airflow 3.3 sends: every extra, those left empty as null."""
    extra = dict.fromkeys(provider_info.FIELDS) | fields["extra"]
    return {"connection_id": "tested", **fields, "extra": json.dumps(extra)}


def leaks(text: str, secrets: dict[str, str]) -> set[str]:
    return {name for name, value in secrets.items() if any(form in text for form in forms(value))}


def test_a_form_saved_again_keeps_the_key(finished: Planted, web: Stack) -> None:
    before = stored(finished, "auth0_key")

    save_again(web, "auth0_key", before["id"])

    after = stored(finished, "auth0_key")
    assert after["extra"] == before["extra"]
    assert after["extra"]["private_key"].startswith("-----BEGIN")


def stored(run: Planted, conn_id: str) -> dict[str, Any]:
    """Return what the database holds of a connection, the extra decrypted."""
    with sqlite3.connect(run.lane.home / "airflow.db") as database:
        number, extra = database.execute(
            "SELECT id, extra FROM connection WHERE conn_id = ?", (conn_id,)
        ).fetchone()
    database.close()
    fernet = Fernet(run.environment["AIRFLOW__CORE__FERNET_KEY"])
    return {"id": number, "extra": json.loads(fernet.decrypt(extra.encode()))}
