"""
What a rehearsal predicts beside a run of the same plan, over HTTP, on tenants with the limits of Auth0's plans.

Each row rehearses the plan in this process, without limits, and then runs it on a tenant in a process of its own,
with limits and 0.14 s to each answer. Requests are all that the tenant saw, 429s among them, the token's apart. Fails
when the requests differ by more than 1 %, or the time by more than 10 %. The last row is printed and not held to that:
on a bucket of 2 a run that sends five classes of requests meets 429s, and a rehearsal does not tell them.

    python benchmarks/rehearse.py [--only "ROW"]
"""

from __future__ import annotations

import gzip
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from airflow_provider_auth0link.api.client import Auth0Client
from airflow_provider_auth0link.api.transport import HttpTransport
from airflow_provider_auth0link.cli.rehearse import CARRY, GUARDS
from airflow_provider_auth0link.cli.rehearse.store import MemoryStore
from airflow_provider_auth0link.cli.rehearse.times import LATENCY_S, time_on
from airflow_provider_auth0link.cli.rehearse.told import load_of, rehearse
from airflow_provider_auth0link.emulator.export import read_export
from airflow_provider_auth0link.emulator.plans import IdentitiesGroup
from airflow_provider_auth0link.emulator.server import Emulator
from airflow_provider_auth0link.linking.options import Options
from airflow_provider_auth0link.linking.plan import Plan
from airflow_provider_auth0link.settings import Settings
from benchmarks.parts.batches import run_batch
from benchmarks.parts.tenants import PROCESSES, answer_of

REQUESTS_WITHIN, TIME_WITHIN = 0.01, 0.10


class Row(NamedTuple):
    """A tenant, and how many pairs are linked on it."""

    name: str
    plan: str
    pairs: int
    share: float = 0.8
    identities: IdentitiesGroup = "write_users"


ROWS = (
    Row("professional, links with users", "professional", 60),
    Row("professional, links with other", "professional", 45, identities="other"),
    Row("enterprise, production", "enterprise", 100),
    Row("enterprise, production, alone", "enterprise", 100, 1.0),
    Row("private 1x", "private-1x", 300),
    Row("private 1x, alone", "private-1x", 300, 1.0),
    Row("enterprise, non-production", "enterprise-nonprod", 16),
    Row("free", "free", 12),
)


def write_export(path: Path, pairs: int) -> None:
    """Write pairs of accounts: some not verified, some with metadata to carry, some with values that conflict."""
    with gzip.open(path, "wt", encoding="utf-8") as file:
        for n in range(pairs):
            mine = {"app_metadata": {"plan": "pro"}, "user_metadata": {"theme": "dark"}}
            theirs = {"app_metadata": {"legacy_id": n} if n % 3 else {}, "user_metadata": {"theme": "light"}}
            for provider, metadata in (("auth0", mine), ("google-oauth2", theirs)):
                print(json.dumps(_user(provider, n) | metadata), file=file)


def _user(provider: str, n: int) -> dict[str, Any]:
    identity = {
        "connection": provider,
        "provider": provider,
        "user_id": str(n),
        "isSocial": provider != "auth0",
    }
    mail = {"email": f"u{n}@example.com", "email_verified": n % 20 != 7}
    return {"user_id": f"{provider}|{n}", **mail, "identities": [identity]}


def _serve(pipe: Connection, path: str, options: dict[str, Any]) -> None:
    with Emulator(users=read_export(path).users, latency=LATENCY_S, **options) as running:
        pipe.send((running.url, running.client_id, running.client_secret))
        pipe.recv()
        pipe.send((running.counts, running.core.log.statuses[429], len(running.links_applied)))


@contextmanager
def tenant(path: Path, row: Row) -> Iterator[tuple[Connection, Settings]]:
    """Serve an export with a plan's limits."""
    here, there = PROCESSES.Pipe()
    options = {"plan": row.plan}
    if row.plan == "professional":
        options["identities_group"] = row.identities
    process = PROCESSES.Process(target=_serve, args=(there, str(path), options), daemon=True)
    process.start()
    try:
        url, login, secret = answer_of(here)
        extra = {"rate_share": row.share}
        yield here, Settings.from_connection(host=url, login=login, password=secret, extra=extra)
    finally:
        process.terminate()
        process.join()


def really(settings: Settings, plan: Plan, options: Options, folder: Path) -> float:
    """Link a plan as the operator does; returns the seconds from the first request to the last answer."""
    client = Auth0Client(settings, HttpTransport(settings), user_agent="benchmark", told=lambda _: None)
    return run_batch(client, plan, options, folder)[1]


def run(row: Row, folder: Path) -> bool:
    """Rehearse and run one row, print both, and tell whether they agree."""
    path = folder / "users.ndjson.gz"
    write_export(path, row.pairs)
    plan = Plan.from_rows([f"auth0|{n}", f"google-oauth2|{n}"] for n in range(row.pairs))
    options = Options.checked(
        carry=CARRY, carry_except=(), conflicts="primary", guards=GUARDS, snapshot="full"
    )
    rehearsal = rehearse(str(path), plan, options, MemoryStore(), share=row.share)
    time_told = time_on(row.name, row.plan, row.identities, load_of(plan, rehearsal.played, row.share))
    with tenant(path, row) as (pipe, settings):
        took = really(settings, plan, options, folder / row.name)
        pipe.send("seen")
        counts, limited, links = answer_of(pipe)
    sent = sum(count for route, count in counts.items() if route != "token")
    told = rehearsal.played.routes.total()
    linked = rehearsal.played.summary["linked"]
    print(
        f"{row.name:31} {row.pairs:4} pairs  requests {told:5} told {sent:5} sent ({limited} 429s) {told / sent:6.4f}  "
        f"time {time_told.seconds:5.1f} s told {took:5.1f} s taken {time_told.seconds / took:5.3f}  "
        f"links {linked} told {links} made",
        flush=True,
    )
    agree = abs(told / sent - 1) <= REQUESTS_WITHIN and abs(time_told.seconds / took - 1) <= TIME_WITHIN
    return linked == links and agree


def main() -> int:
    """Run the rows that were asked for."""
    only = sys.argv[sys.argv.index("--only") + 1] if "--only" in sys.argv else ""
    held = []
    for row in ROWS:
        if only in row.name:
            with tempfile.TemporaryDirectory() as folder:
                held.append(run(row, Path(folder)))
    return int(not all(held))


if __name__ == "__main__":
    raise SystemExit(main())
