"""
A batch at a tenant whose answers take now long, now short: how near it comes to the limit.

Batches of the same length at a tenant of (250/s, 250): one where each answer takes 0.15 s, one where they take
0.05 s and 0.1 s more on average, most less and a few much more. Each is compared with the ideal,
``(requests - burst) / rate``. How many requests at once are worth having is learned in the first half minute, so
that a run lasts two. Fails above 1.15 x.

    python benchmarks/long_tail.py [--links 15000]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from typing import Any

from airflow_provider_auth0link.api.client import Auth0Client
from airflow_provider_auth0link.api.transport import HttpTransport
from airflow_provider_auth0link.settings import Settings
from benchmarks.bulk import ours
from benchmarks.parts.tenants import tenant

RATE, BURST = 250.0, 250
MOST = 1.15


def main() -> int:
    """Run both, and compare each with the ideal."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--links", type=int, default=15_000)
    links = parser.parse_args().links
    ratios = []
    for name, latency, tail in (("always 0.15 s", 0.15, 0.0), ("0.05 s and a tail of 0.1 s", 0.05, 0.1)):
        options: dict[str, Any] = {"rate": RATE, "burst": BURST, "latency": latency, "latency_tail": tail}
        with tenant(range(links), **options) as served, tempfile.TemporaryDirectory() as folder:
            at = served.at
            settings = Settings.from_connection(
                host=at.url, login=at.client_id, password=at.client_secret, extra={"rate_share": 1.0}
            )
            client = Auth0Client(
                settings, HttpTransport(settings), user_agent="benchmark", told=lambda _: None
            )
            began = time.monotonic()
            requests, _, width = ours(client, folder, 0, links)
            wall = time.monotonic() - began
        ratios.append(wall / ((requests - BURST) / RATE))
        print(
            f"{name:28} {links} links  {requests} requests  {wall:6.1f} s  {ratios[-1]:5.3f} x  "
            f"{width} at once at the end  429s {client.pace.limited}",
            flush=True,
        )
    return int(max(ratios) > MOST)


if __name__ == "__main__":
    sys.exit(main())
