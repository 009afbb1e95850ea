"""
A hundred thousand links at an unlimited tenant: requests per second beside a bare pool of requests.Session.

The pool sends the same requests (read the secondary, link it) from as many threads as ours had, writes nothing down
and checks nothing. Both go in slices, turn by turn, so that a busy machine slows both. Fails below 0.8 x.

    python benchmarks/bulk.py [--pairs 100000]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import requests

from airflow_provider_auth0link.api.client import Auth0Client
from airflow_provider_auth0link.api.transport import HttpTransport
from airflow_provider_auth0link.linking.options import Options
from airflow_provider_auth0link.linking.plan import Plan
from airflow_provider_auth0link.settings import Settings
from benchmarks.parts.batches import run_batch

LEAST = 0.8
SLICES = 10

SERVER = """
import json, sys
from airflow_provider_auth0link.emulator.server import Emulator
def user(provider, n):
    identity = {"connection": provider, "provider": provider, "user_id": str(n), "isSocial": provider != "auth0"}
    return {"user_id": f"{provider}|{n}", "email": f"u{n}@example.com", "identities": [identity]}
with Emulator(users=[user(p, n) for n in range(int(sys.argv[1])) for p in ("auth0", "google-oauth2")]) as tenant:
    print(json.dumps([tenant.url, tenant.client_id, tenant.client_secret]), flush=True)
    sys.stdin.readline()
    print(len(tenant.links_applied), flush=True)
"""


@contextmanager
def tenant(pairs: int) -> Iterator[tuple[Settings, Callable[[], int]]]:
    """Start a tenant in a process of its own; the second value ends it and counts its links."""
    command = [sys.executable, "-c", SERVER, str(pairs)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None
        assert stdout is not None

        def end() -> int:
            stdin.write("end\n")
            stdin.flush()
            return int(stdout.readline())

        url, login, secret = json.loads(stdout.readline())
        settings = Settings.from_connection(
            host=url, login=login, password=secret, port=None, schema=None, extra={}
        )
        yield settings, end


def ours(client: Auth0Client, folder: str, first: int, pairs: int) -> tuple[int, float, int]:
    """Link a slice with the journal on; returns requests, seconds and the width used at the end."""
    options = Options.checked(carry=(), carry_except=(), conflicts="primary", guards=(), snapshot="metadata")
    plan = Plan.from_rows([f"auth0|{n}", f"google-oauth2|{n}"] for n in range(first, first + pairs))
    counts, seconds = run_batch(client, plan, options, Path(folder) / str(first))
    if counts["linked"] != pairs:
        sys.exit(f"not all were linked: {counts}")
    return counts["requests"], seconds, client.width()


def bare(settings: Settings, token: str, first: int, pairs: int, width: int) -> tuple[int, float]:
    """Send the same requests from a thread pool; returns requests and seconds."""
    local = threading.local()
    base = f"{settings.base_url}/api/v2/users"

    def link(n: int) -> None:
        session = getattr(local, "session", None)
        if session is None:
            session = local.session = requests.Session()
            session.headers["authorization"] = f"Bearer {token}"
        session.get(f"{base}/{quote(f'google-oauth2|{n}', safe='')}", timeout=15).raise_for_status()
        body = {"provider": "google-oauth2", "user_id": str(n)}
        url = f"{base}/{quote(f'auth0|{n}', safe='')}/identities"
        session.post(url, json=body, timeout=15).raise_for_status()

    began = time.monotonic()
    with ThreadPoolExecutor(width) as pool:
        for _ in pool.map(link, range(first, first + pairs)):
            pass
    return 2 * pairs, time.monotonic() - began


def token_of(settings: Settings) -> str:
    """Fetch a Management token for the bare pool."""
    form = {"grant_type": "client_credentials", "audience": settings.audience}
    form |= {"client_id": str(settings.client_id), "client_secret": str(settings.client_secret)}
    return str(
        requests.post(f"{settings.base_url}/oauth/token", data=form, timeout=15).json()["access_token"]
    )


def main() -> int:
    """Run both, slice by slice, and compare."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=100_000)
    pairs = parser.parse_args().pairs
    each = pairs // SLICES
    sums = {"ours": [0.0, 0.0], "bare": [0.0, 0.0]}
    widths = []
    with (
        tempfile.TemporaryDirectory() as folder,
        tenant(pairs) as (here, end),
        tenant(pairs) as (there, stop),
    ):
        client = Auth0Client(here, HttpTransport(here), user_agent="benchmark", told=lambda _: None)
        token = token_of(there)
        for first in range(0, each * SLICES, each):
            sent, seconds, width = ours(client, folder, first, each)
            sums["ours"] = [sums["ours"][0] + sent, sums["ours"][1] + seconds]
            widths.append(width)
            sent, seconds = bare(there, token, first, each, width)
            sums["bare"] = [sums["bare"][0] + sent, sums["bare"][1] + seconds]
        linked, linked_bare = end(), stop()
    speeds = {name: sent / seconds for name, (sent, seconds) in sums.items()}
    ratio = speeds["ours"] / speeds["bare"]
    print(f"links: {linked} ours, {linked_bare} bare; threads {min(widths)} to {max(widths)}")
    print(f"requests per second: {speeds['ours']:.0f} ours, {speeds['bare']:.0f} bare pool")
    print(f"ratio {ratio:.2f} (at least {LEAST})")
    return 0 if ratio >= LEAST and linked == linked_bare == each * SLICES else 1


if __name__ == "__main__":
    sys.exit(main())
