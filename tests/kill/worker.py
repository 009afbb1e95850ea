"""The worker that is killed: a process of its own that links a plan, or takes it back, and writes its counts down."""

from __future__ import annotations

import json
import os
import signal
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow_provider_auth0link.api.client import Auth0Client, Transport
from airflow_provider_auth0link.api.transport import HttpTransport
from airflow_provider_auth0link.api.work import Work
from airflow_provider_auth0link.hooks.local_store import LocalStore
from airflow_provider_auth0link.keys import Seal
from airflow_provider_auth0link.linking.batch import Batch, link_batch
from airflow_provider_auth0link.linking.journal import Journal
from airflow_provider_auth0link.linking.options import CARRIED, Options
from airflow_provider_auth0link.linking.plan import Plan
from airflow_provider_auth0link.linking.undoing import undo_batch
from airflow_provider_auth0link.settings import Settings
from tests.kill.disk import FatalDisk, Point
from tests.kill.line import LineTransport

HOST = "tenant.under.test"
OPTIONS = Options.checked(
    carry=CARRIED,
    carry_except=(),
    conflicts="primary",
    guards=("not_blocked", "verified_email"),
    snapshot="full",
)
LONGEST_S = 300.0
"""No run takes so long: one that does hangs."""


@dataclass(frozen=True)
class Death:
    """A worker's own death, at one moment of one write of its journal."""

    write: int
    point: Point
    drops: bool = False


@dataclass(frozen=True)
class Order:
    """
    What a worker is to do.

    :param command: "link" or "undo"
    :param plan: plan lines
    :param url: where the tenant is
    :param line: path of the tenant's own line; None: over HTTP
    """

    name: str
    command: str
    plan: tuple[dict[str, Any], ...]
    url: str
    client: tuple[str, str]
    line: str | None
    journal: str
    result: str
    number: int = 1
    death: Death | None = None


class _Tenants:
    def __init__(self, client: Auth0Client) -> None:
        self._client = client

    def work(self) -> Work:
        return self._client.work()

    def width(self) -> int:
        return self._client.width()

    @property
    def throttled(self) -> int:
        return self._client.pace.limited


def work(order: Order) -> None:
    """Do it. The counts are written whole or not at all."""
    batch = _batch(order)
    batch.start()
    ended = batch.wait(LONGEST_S)
    told = {"ended": ended, "failure": repr(batch.failure) if batch.failure else None, **batch.close()}
    part = Path(f"{order.result}.part")
    part.write_text(json.dumps(told | {"examples": batch.tally.examples}))
    part.rename(order.result)
    if not ended:
        os.kill(os.getpid(), signal.SIGKILL)


def journal_in(folder: str, command: str, number: int = 1, death: Death | None = None) -> Journal:
    """Open the journal as a new writer."""
    path = Path(folder)
    store = (
        LocalStore(path, FatalDisk(death.write, death.point, drops=death.drops))
        if death
        else LocalStore(path)
    )
    return Journal(
        store,
        writer=f"{number}-0-{uuid.uuid4().hex}",
        tenant=HOST,
        header={"command": command, "options": {}},
        seal=Seal(),
        at=lambda: datetime.now(UTC).isoformat(),
    )


def _batch(order: Order) -> Batch:
    login, password = order.client
    settings = Settings.from_connection(
        host=order.url, login=login, password=password, port=None, schema=None, extra={}
    )
    transport: Transport = LineTransport(order.line, order.name) if order.line else HttpTransport(settings)
    tenants = _Tenants(Auth0Client(settings, transport, user_agent="kill", told=lambda _: None))
    journal = journal_in(order.journal, order.command, order.number, order.death)
    if order.command == "undo":
        return undo_batch(journal, tenants, time.monotonic, only=None, dry_run=False)
    return link_batch(Plan.from_rows(order.plan), OPTIONS, tenants, journal, time.monotonic)
