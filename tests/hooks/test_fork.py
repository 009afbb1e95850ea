"""Airflow forks its workers: a child must not talk through its parent's sockets, nor wait for its locks."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_auth0link.emulator.server import Emulator
from airflow_provider_auth0link.hooks import auth0
from airflow_provider_auth0link.hooks.auth0 import Auth0Hook
from tests.operators.rig import ADA

pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")

CHILD_SECONDS = 30
"""After these a child that hangs is ended."""


def in_a_child(work: Callable[[], Any]) -> Any:
    """Run in a forked process; return what it returned, or the text of its error."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            signal.alarm(CHILD_SECONDS)
            os.write(writing, json.dumps(work()).encode())
        except BaseException as error:
            os.write(writing, json.dumps(repr(error)).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return json.loads(text)


def test_a_child_has_a_client_of_its_own(tenant: Emulator) -> None:
    hook = Auth0Hook()
    mine = hook.get_conn()
    hook.get_user(ADA)

    other, user_id = in_a_child(lambda: [hook.get_conn() is not mine, hook.get_user(ADA)["user_id"]])

    assert (other, user_id) == (True, ADA)
    assert tenant.counts == {"token": 2, "user_get": 2}


def test_the_parents_client_lives_on(tenant: Emulator) -> None:
    hook = Auth0Hook()
    hook.get_user(ADA)
    mine = hook.get_conn()

    in_a_child(lambda: hook.get_user(ADA)["user_id"])

    assert hook.get_conn() is mine
    assert hook.get_user(ADA)["user_id"] == ADA
    assert tenant.counts["token"] == 2


def test_a_lock_that_was_held_at_the_fork_does_not_bind_the_child(tenant: Emulator) -> None:
    hook = Auth0Hook()

    with auth0._lock:
        user_id = in_a_child(lambda: hook.get_user(ADA)["user_id"])

    assert user_id == ADA
