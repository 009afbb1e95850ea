"""The real batch on the rehearsal's tenant."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pendulum

from airflow_provider_auth0link import __version__
from airflow_provider_auth0link.api.client import Auth0Client
from airflow_provider_auth0link.api.work import Work
from airflow_provider_auth0link.cli.rehearse.transport import Inside
from airflow_provider_auth0link.cli.rehearse.world import World
from airflow_provider_auth0link.keys import Seal
from airflow_provider_auth0link.linking.batch import link_batch
from airflow_provider_auth0link.linking.journal import Journal
from airflow_provider_auth0link.linking.options import Options
from airflow_provider_auth0link.linking.plan import Plan
from airflow_provider_auth0link.linking.report import REHEARSAL
from airflow_provider_auth0link.linking.store import Store

LOOK_EVERY_S = 0.1
STOP_S = 4.0

NOT_LIMITED = frozenset({"token", "jwks", "unknown"})
"""Routes that are not the Management API's."""


@dataclass(frozen=True, slots=True)
class Inner:
    """The tenant, as linking asks for it."""

    client: Auth0Client

    def work(self) -> Work:
        """Begin one piece of work."""
        return self.client.work()

    def width(self) -> int:
        """How many requests at once are worth having."""
        return self.client.width()

    @property
    def throttled(self) -> int:
        """How many requests met a 429 so far."""
        return self.client.pace.limited


@dataclass(frozen=True, slots=True)
class Played:
    """
    How it went: ``summary`` as the operator would give it, and Management API requests by route.

    ``warnings`` are by text. ``seconds`` are the rehearsal's own.
    """

    summary: Mapping[str, Any]
    routes: Counter[str]
    warnings: Counter[str]
    seconds: float


def play(
    world: World, plan: Plan, options: Options, store: Store, told: Callable[[int, int], None] | None = None
) -> Played:
    """
    Link a plan at the rehearsal's tenant.

    :param store: where the journal is written
    :param told: called with pairs done and planned, ten times a second
    :raises Auth0LinkError: what ended the run, such as a journal that cannot be written
    """
    client = Auth0Client(
        world.settings,
        Inside(world.tenant),
        user_agent=f"airflow-provider-auth0link/{__version__} rehearsal",
        told=lambda _token: None,
    )
    journal = Journal(
        store,
        writer=f"1-0-{uuid.uuid4().hex}",
        tenant=REHEARSAL,
        header={"command": "link", "plan_digest": plan.digest, "options": options.to_json()},
        seal=Seal(),
        at=lambda: pendulum.now("UTC").isoformat(timespec="seconds"),
    )
    batch = link_batch(plan, options, Inner(client), journal, time.monotonic)
    began = time.monotonic()
    batch.start()
    try:
        while not batch.wait(LOOK_EVERY_S):
            if told is not None:
                told(batch.tally.done, plan.planned)
    finally:
        if not batch.wait(0):
            batch.stop(STOP_S)
    if batch.failure is not None:
        raise batch.failure
    journal.begin()
    journal.commit()
    counts = {route: count for route, count in world.tenant.log.counts.items() if route not in NOT_LIMITED}
    return Played(batch.close(), Counter(counts), batch.tally.warnings, time.monotonic() - began)
