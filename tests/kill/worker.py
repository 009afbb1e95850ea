"""The worker that is killed: links a plan, or undoes it, in a process of its own. It imports no Airflow."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from airflow_provider_auth0link.api.client import Auth0Client
from airflow_provider_auth0link.api.transport import HttpTransport
from airflow_provider_auth0link.hooks.local_store import LocalStore
from airflow_provider_auth0link.keys import Seal
from airflow_provider_auth0link.linking.batch import Batch, link_batch
from airflow_provider_auth0link.linking.journal import Journal
from airflow_provider_auth0link.linking.options import CARRIED, Options
from airflow_provider_auth0link.linking.plan import Plan
from airflow_provider_auth0link.linking.tenant import Tenant
from airflow_provider_auth0link.linking.undoing import undo_batch
from airflow_provider_auth0link.settings import Settings
from tests.kill.disk import DeadlyDisk, DiesAt
from tests.kill.world import GUARDS

TENANT = "acme.eu.auth0.com"
LONGEST_S = 300.0


@dataclass(frozen=True)
class Task:
    """
    One run of the worker.

    ``agent`` is its user agent, by which its requests are known. ``number`` is the try. ``dies_at`` and ``ledger`` are
    the disk's.
    """

    command: str
    pairs: list[list[str]]
    url: str
    login: str
    password: str
    folder: str
    number: int
    agent: str
    dies_at: DiesAt | None = None
    ledger: str | None = None


class Tenants:
    """What begins work at the tenant."""

    def __init__(self, client: Auth0Client) -> None:
        self._client = client

    def work(self) -> Tenant:
        return self._client.work(correlation_id="kill")

    def width(self) -> int:
        return self._client.width()

    @property
    def throttled(self) -> int:
        return self._client.pace.limited


def run(task: Task, told: Connection) -> None:
    """Do the task, and tell the counts."""
    told.send(summary_of(task))
    told.close()


def summary_of(task: Task) -> dict[str, Any]:
    """Do the task in this process. Returns the counts, and under ``failure`` what ended it before its end."""
    settings = Settings.from_connection(
        host=task.url, login=task.login, password=task.password, port=None, schema=None, extra={}
    )
    client = Auth0Client(settings, HttpTransport(settings), user_agent=task.agent, told=lambda _: None)
    disk = DeadlyDisk(task.dies_at, Path(task.ledger) if task.ledger else None)
    journal = Journal(
        LocalStore(Path(task.folder), disk),
        writer=f"{task.number}-0-{uuid.uuid4().hex}",
        tenant=TENANT,
        header={"command": task.command, "options": {}},
        seal=Seal(),
        at=lambda: datetime.now(UTC).isoformat(),
    )
    batch = COMMANDS[task.command](task, Tenants(client), journal)
    batch.start()
    ended = batch.wait(LONGEST_S)
    failure = None if ended else f"not ended within {LONGEST_S:.0f} s"
    return {**batch.close(), "failure": str(batch.failure) if batch.failure else failure}


def _link(task: Task, tenants: Tenants, journal: Journal) -> Batch:
    options = Options.checked(
        carry=CARRIED, carry_except=(), conflicts="primary", guards=GUARDS, snapshot="full"
    )
    return link_batch(Plan.from_rows(task.pairs), options, tenants, journal, time.monotonic)


def _undo(task: Task, tenants: Tenants, journal: Journal) -> Batch:
    return undo_batch(journal, tenants, time.monotonic, only=None, dry_run=False)


COMMANDS: dict[str, Callable[[Task, Tenants, Journal], Batch]] = {"link": _link, "undo": _undo}
