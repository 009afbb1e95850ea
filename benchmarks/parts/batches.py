"""Batches as the operator runs them, with a journal in a local folder."""

from __future__ import annotations

import time
import uuid
from pathlib import Path
from typing import Any

from airflow_provider_auth0link.api.client import Auth0Client
from airflow_provider_auth0link.cli.rehearse.play import Inner
from airflow_provider_auth0link.hooks.local_store import LocalStore
from airflow_provider_auth0link.keys import Seal
from airflow_provider_auth0link.linking.batch import link_batch
from airflow_provider_auth0link.linking.journal import Journal
from airflow_provider_auth0link.linking.options import Options
from airflow_provider_auth0link.linking.plan import Plan


def run_batch(
    client: Auth0Client, plan: Plan, options: Options, folder: Path
) -> tuple[dict[str, Any], float]:
    """Link a plan; returns the counts, and the seconds from the first request to the last answer."""
    journal = Journal(
        LocalStore(folder),
        writer=f"1-0-{uuid.uuid4().hex}",
        tenant=client.settings.host,
        header={"command": "link"},
        seal=Seal(),
        at=lambda: "2026-01-01T00:00:00+00:00",
    )
    batch = link_batch(plan, options, Inner(client), journal, time.monotonic)
    began = time.monotonic()
    batch.start()
    while not batch.wait(0.05):
        pass
    seconds = time.monotonic() - began
    counts = batch.close()
    if batch.failure:
        raise batch.failure
    return counts, seconds
