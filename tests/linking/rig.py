"""A tenant and a journal in memory, and the runs that link and undo there."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_auth0link.keys import Seal
from airflow_provider_auth0link.linking.batch import Batch, link_batch
from airflow_provider_auth0link.linking.journal import Journal
from airflow_provider_auth0link.linking.options import CARRIED, Options
from airflow_provider_auth0link.linking.plan import Plan
from airflow_provider_auth0link.linking.tenant import Tenant
from airflow_provider_auth0link.linking.undoing import undo_batch
from airflow_provider_auth0link.model import Rights
from tests.fakes.store import MemoryStore
from tests.fakes.tenant import FakeTenant

HOST = "acme.eu.auth0.com"
EVERYTHING: dict[str, Any] = {
    "carry": CARRIED,
    "carry_except": (),
    "conflicts": "primary",
    "guards": (),
    "snapshot": "full",
}
NOTHING: dict[str, Any] = {**EVERYTHING, "carry": (), "snapshot": "metadata"}

_writers = itertools.count(1)


@dataclass
class Rig:
    """
    One tenant and one journal's folder.

    :param width: how many workers; one makes the order of requests certain
    """

    tenant: FakeTenant
    store: MemoryStore = field(default_factory=MemoryStore)
    width_: int = 1
    before_work: Callable[[], object] = lambda: None
    host: str = HOST

    def work(self) -> Tenant:
        self.before_work()
        return self.tenant

    def width(self) -> int:
        return self.width_

    @property
    def throttled(self) -> int:
        return 0

    def journal(self, command: str = "link", **changes: Any) -> Journal:
        """Open the journal as a new writer."""
        given: dict[str, Any] = {
            "writer": f"1-0-{next(_writers):032x}",
            "tenant": self.host,
            "header": {"command": command},
            "seal": Seal(),
            "at": lambda: "2026-01-01T00:00:00+00:00",
        }
        return Journal(self.store, **{**given, **changes})

    def batch(self, pairs: Iterable[object], **options: Any) -> Batch:
        """Prepare a run."""
        chosen = Options.checked(**{**EVERYTHING, **options})
        header = {"command": "link", "options": chosen.to_json()}
        return link_batch(Plan.from_rows(pairs), chosen, self, self.journal(header=header), time.monotonic)

    def link(self, pairs: Iterable[object], **options: Any) -> dict[str, Any]:
        """Run to the end; returns the counts that are not zero."""
        return ended(self.batch(pairs, **options))

    def undo(self, only: Collection[str] | None = None, *, dry_run: bool = False) -> dict[str, Any]:
        """Undo to the end; returns the counts that are not zero."""
        return ended(undo_batch(self.journal("undo"), self, time.monotonic, only=only, dry_run=dry_run))

    def state(self) -> dict[str, tuple[Mapping[str, Any], Rights]]:
        """Return all accounts, as an export would show them."""
        return {
            name: (_tidy(user), self.tenant.rights.get(name, Rights()))
            for name, user in sorted(self.tenant.users.items())
        }

    def records(self, kind: str) -> list[dict[str, Any]]:
        """Return what the journal holds of one kind, in the order written."""
        from airflow_provider_auth0link.linking.records import decoded

        rows = [
            row
            for name in self.store.written
            if name.endswith(".jsonl")
            for row in decoded(name, self.store.files[name])
        ]
        return [row for row in rows if row["kind"] == kind]


def _tidy(user: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out metadata that are empty: absent and empty are the same."""
    return {key: value for key, value in user.items() if value != {} or not key.endswith("_metadata")}


def ended(batch: Batch) -> dict[str, Any]:
    """Run to the end, which must come; a failure apart from single pairs is raised."""
    batch.start()
    assert batch.wait(60)
    if batch.failure is not None:
        raise batch.failure
    counts = batch.close()
    return {
        name: count
        for name, count in counts.items()
        if count and name not in {"requests", "throttled", "repeats"}
    }
