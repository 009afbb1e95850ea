"""A served tenant, a client with real sockets, and a journal in a folder: runs that link and undo there."""

from __future__ import annotations

import itertools
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airflow_provider_auth0link.api.client import Auth0Client
from airflow_provider_auth0link.api.retry import PAIR_SECONDS, Timing
from airflow_provider_auth0link.api.transport import HttpTransport
from airflow_provider_auth0link.api.work import Work
from airflow_provider_auth0link.emulator.server import Emulator
from airflow_provider_auth0link.hooks.journal import open_store
from airflow_provider_auth0link.keys import Seal
from airflow_provider_auth0link.linking.apply import link_pair
from airflow_provider_auth0link.linking.batch import Batch, link_batch
from airflow_provider_auth0link.linking.journal import Journal
from airflow_provider_auth0link.linking.options import CARRIED, Options
from airflow_provider_auth0link.linking.outcome import Outcome
from airflow_provider_auth0link.linking.plan import Plan
from airflow_provider_auth0link.linking.records import decoded
from airflow_provider_auth0link.linking.undoing import undo_batch
from airflow_provider_auth0link.model import Pair, UserId
from airflow_provider_auth0link.settings import Settings

BATCH_GUARDS = ("not_blocked", "verified_email", "not_enterprise_secondary")
EVERYTHING: dict[str, Any] = {
    "carry": CARRIED,
    "carry_except": (),
    "conflicts": "primary",
    "guards": BATCH_GUARDS,
    "snapshot": "full",
}
BARE: dict[str, Any] = {**EVERYTHING, "carry": (), "guards": (), "snapshot": "metadata"}

_writers = itertools.count(1)


@dataclass
class Site:
    """
    One tenant and one journal's folder.

    :param client: with real sockets
    :param folder: of the journal
    :param clock: monotonic seconds; may run faster than time does
    :param at_once: how many requests at once; None: what the client learned
    :param patience: seconds that one pair may take
    """

    tenant: Emulator
    client: Auth0Client
    folder: Path
    clock: Any = time.monotonic
    at_once: int | None = None
    patience: float = PAIR_SECONDS

    def work(self) -> Work:
        return self.client.work(correlation_id="tests", seconds=self.patience)

    def width(self) -> int:
        return self.at_once or self.client.width()

    @property
    def throttled(self) -> int:
        return self.client.pace.limited

    def journal(self, command: str = "link") -> Journal:
        """Open the journal as a new writer."""
        return Journal(
            open_store(str(self.folder)),
            writer=f"1-0-{next(_writers):032x}",
            tenant=self.client.settings.host,
            header={"command": command},
            seal=Seal(),
            at=lambda: "2026-01-01T00:00:00+00:00",
        )

    def link(self, pairs: Iterable[object], **options: Any) -> dict[str, Any]:
        """Run to the end; returns the counts that are not zero."""
        chosen = Options.checked(**{**EVERYTHING, **options})
        return ended(link_batch(Plan.from_rows(pairs), chosen, self, self.journal(), self.clock))

    def undo(self, only: Collection[str] | None = None) -> dict[str, Any]:
        """Undo to the end; returns the counts that are not zero."""
        return ended(undo_batch(self.journal("undo"), self, self.clock, only=only, dry_run=False))

    def pair(self, primary: str, secondary: str, connection_id: str | None = None, **options: Any) -> Outcome:
        """Link one pair without a journal, as a task of one pair does."""
        chosen = Options.checked(**{**EVERYTHING, "snapshot": None, **options})
        pair = Pair(
            UserId.parse(primary, "primary_user_id"),
            UserId.parse(secondary, "secondary_user_id"),
            connection_id=connection_id,
        )
        return link_pair(self.work(), pair, chosen)

    def state(self) -> list[dict[str, Any]]:
        """Return all accounts with all that they hold, but for dates and counts."""
        return self.tenant.state(volatile=False)

    def records(self, kind: str) -> list[dict[str, Any]]:
        """Return what the journal holds of one kind, in the order written."""
        rows = [
            row
            for path in self.folder.glob("*.jsonl")
            for row in decoded(path.name, path.read_bytes())
            if row["kind"] == kind
        ]
        return sorted(rows, key=lambda row: int(row["n"]))

    def reports(self) -> dict[str, tuple[str, str | None, list[str]]]:
        """Return the last end of each undone pair by secondary: outcome, reason, what is left."""
        return {
            row["secondary_user_id"]: (row["outcome"], row.get("reason"), row.get("left", []))
            for row in self.records("undo_outcome")
        }


@contextmanager
def site(
    folder: Path,
    users: Iterable[dict[str, Any]],
    *,
    timeout: float = 15.0,
    speed: float = 10.0,
    naps: float = 0.02,
    at_once: int | None = None,
    **options: Any,
) -> Iterator[Site]:
    """
    Serve a tenant, and lead a client there.

    :param timeout: of the client, seconds
    :param speed: how much faster the client's clock runs: its deadlines and turns are as much shorter
    :param naps: what part of a wait before a repeat is really waited
    :param options: the tenant's
    """
    timing = Timing(clock=lambda: time.monotonic() * speed, sleep=lambda seconds: time.sleep(seconds * naps))
    with Emulator(users=users, **options) as tenant:
        settings = Settings.from_connection(
            host=tenant.url,
            login=tenant.client_id,
            password=tenant.client_secret,
            port=None,
            schema=None,
            extra={"timeout": timeout},
        )
        transport = HttpTransport(settings)
        client = Auth0Client(settings, transport, user_agent="tests", told=lambda _: None, timing=timing)
        try:
            yield Site(tenant, client, folder, timing.clock, at_once)
        finally:
            transport.close()


def ended(batch: Batch) -> dict[str, Any]:
    """Run to the end, which must come; a failure apart from single pairs is raised."""
    batch.start()
    assert batch.wait(21_600)
    if batch.failure is not None:
        raise batch.failure
    counts = batch.close()
    return {name: count for name, count in counts.items() if count and name not in {"throttled", "repeats"}}
