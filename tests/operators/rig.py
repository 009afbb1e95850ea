"""A tenant that the default connection leads to, and a task's run of one operator against it."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_auth0link.emulator.server import Emulator
from tests.emulator.oracle import problems

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import BaseOperator

Json = dict[str, Any]
MakeTenant = Callable[..., Emulator]
CONN = "AIRFLOW_CONN_AUTH0_DEFAULT"

ADA = "auth0|ada"
ADA_GOOGLE = "google-oauth2|1034"
PAIR: Json = {"primary_user_id": ADA, "secondary_user_id": ADA_GOOGLE}
PLAIN: Json = {"carry": (), "guards": ()}
"""The one request that the endpoint itself is."""

TIMEOUT = 0.5
"""Seconds that the client waits where a fault is slow. Elsewhere no answer may be lost to a busy machine."""


@pytest.fixture
def make_tenant(monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeTenant]:
    """Return a function that serves a tenant and leads the default connection there."""
    tenants: list[Emulator] = []
    with ExitStack() as stack:

        def make(*users: Json | str, connection: Json | None = None, **options: Any) -> Emulator:
            rows = [{"user_id": each} if isinstance(each, str) else each for each in users]
            tenant = stack.enter_context(Emulator(users=rows, **options))
            tenants.append(tenant)
            connect(tenant, monkeypatch, **(connection or {}))
            return tenant

        yield make
        assert [text for tenant in tenants for text in problems(tenant)] == []


def connect(tenant: Emulator, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    """Lead the default connection to a tenant."""
    monkeypatch.setenv(CONN, tenant.connection(**changes))


def patience(fault: str) -> Json:
    """Return the timeout of a connection that is to meet a fault of this kind."""
    return {"timeout": TIMEOUT} if fault.startswith("slow") else {}


@pytest.fixture
def tenant(make_tenant: MakeTenant) -> Emulator:
    """A tenant with two accounts of one person, metadata on both."""
    return make_tenant(*two_accounts())


def two_accounts() -> list[Json]:
    """Return Ada by e-mail and password, and Ada by Google."""
    return [
        {
            "user_id": ADA,
            "email": "ada@example.com",
            "email_verified": True,
            "user_metadata": {"language": "en"},
            "app_metadata": {"plan": "pro", "roles": ["reader"]},
        },
        {
            "user_id": ADA_GOOGLE,
            "email": "Ada@Example.com",
            "email_verified": True,
            "user_metadata": {"language": "fr", "newsletter": True},
            "app_metadata": {"roles": ["writer"], "legacy": {"customer_number": 7}},
            "identities": [
                {
                    "connection": "google-oauth2",
                    "provider": "google-oauth2",
                    "user_id": "1034",
                    "isSocial": True,
                    "access_token": "idp-token-a",
                    "refresh_token": "idp-token-r",
                }
            ],
        },
    ]


class FakeTaskInstance:
    """What an operator asks of its task instance. XCom is JSON: what is none fails here."""

    def __init__(self, task_id: str = "link", map_index: int = -1) -> None:
        self.dag_id = "nightly"
        self.run_id = "manual__2026-11-23"
        self.task_id = task_id
        self.map_index = map_index
        self.pushed: Json = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = json.loads(json.dumps(value))


@dataclass
class Ran:
    """How a task ended: what it returned or raised, and what it pushed."""

    value: Any = None
    error: BaseException | None = None
    pushed: Json = field(default_factory=dict)

    @property
    def link(self) -> Json:
        """The XCom ``link``."""
        row: Json = self.pushed["link"]
        return row

    @property
    def outcome(self) -> str:
        """What became of the pair."""
        return str((self.pushed.get("link") or self.pushed.get("unlink") or {}).get("outcome"))

    def said(self) -> str:
        """All that the error tells, its traceback too."""
        return (
            "" if self.error is None else "".join([*traceback.format_exception(self.error), repr(self.error)])
        )

    @property
    def raised(self) -> BaseException:
        """The error. A task that ended well has none, and the test fails."""
        assert self.error is not None, f"no error, but {self.pushed}"
        return self.error

    @property
    def identities(self) -> list[str]:
        """The identities that were returned, as full ids."""
        assert self.error is None, self.said()
        return [f"{row['provider']}|{row['user_id']}" for row in self.value]


def run(operator: BaseOperator, instance: FakeTaskInstance | None = None, **context: Any) -> Ran:
    """Run a task to its end."""
    instance = instance or FakeTaskInstance(operator.task_id)
    ran = Ran(pushed=instance.pushed)
    try:
        ran.value = json.loads(json.dumps(operator.execute({"ti": instance, **context})))  # type: ignore[typeddict-item]  # a part of it is enough
    except Exception as error:
        ran.error = error
    return ran
