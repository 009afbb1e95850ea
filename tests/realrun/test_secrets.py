"""Secrets planted in a real run are nowhere to be found after it."""

from __future__ import annotations

import sqlite3

import pytest

from tests.realrun.plant import Planted
from tests.realrun.search import found

pytestmark = pytest.mark.airflow_run

CANARIES = {
    "what a task prints": "printed-canary-planted",
    "what a task logs": "logged-canary-planted",
    "a return value": "returned-canary-planted",
    "a rendered template": "rendered-canary-planted",
}


def test_the_tasks_ended_as_they_were_meant_to(finished: Planted) -> None:
    with sqlite3.connect(finished.lane.home / "airflow.db") as connection:
        rows = connection.execute("SELECT task_id, state, try_number FROM task_instance").fetchall()
    connection.close()

    assert {state for _, state, _ in rows} == {"success", "failed"}
    assert sorted(task for task, state, _ in rows if state == "failed") == [
        "bad_key",
        "by_proxy",
        "conflict",
        "forbidden",
        "hook_forbidden",
        "hook_missing",
        "hook_two_ways",
        "hook_unknown_extra",
        "mapped_ids",
        "mapped_partial_token",
        "not_a_token",
        "unknown",
        "wrong_bearer",
        "wrong_secret",
    ]
    assert {task for task, _, tries in rows if tries == 2} == {"hook_forbidden", "hook_missing", "unknown"}


def test_what_may_be_seen_is_found(finished: Planted) -> None:
    seen = found(finished.lane.home, finished.printed, CANARIES)

    assert seen >= {
        "what a task prints in what was printed",
        "what a task logs in what was printed",
        "a return value in xcom.value",
        "a rendered template in rendered_task_instance_fields.rendered_fields",
    }


def test_every_kind_of_secret_was_in_use(finished: Planted) -> None:
    kinds = {_kind(name) for name in finished.secrets()}

    # Keys stay where they are; what is no JWT is refused before it is sent.
    idle = kinds - {_kind(name) for name in finished.in_use()}
    assert idle == {"journal secret", "private key", "variable no_jwt"}
    assert kinds >= {"access_token", "refresh_token", "assertion", "fetched token", "proxy password"}


def test_no_secret_is_found(finished: Planted) -> None:
    assert finished.leaks() == set()


def _kind(name: str) -> str:
    return name.partition(" of ")[0].rstrip("0123456789 ")
