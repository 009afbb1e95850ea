"""
How fast a run of links goes on limited tenants, beside auth0-python with 1, 4 and 16 threads.

Each row has a tenant of its own in a process of its own. From the first API request to the last answer, the
token apart: wall time over the ideal ``(requests - burst) / rate``, and the 429s. Fails when ours takes more
than 1.03 x (1.10 x where the bucket holds 2), meets more 429s than the greater of 1 and 0.5 % (5 % where it holds
2), or loses a link.

    python benchmarks/pace.py [--quick] [--peers]
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import requests
from auth0.management import Auth0

from airflow_provider_auth0link.api.client import Auth0Client
from airflow_provider_auth0link.api.transport import HttpTransport
from airflow_provider_auth0link.linking.apply import link_pair
from airflow_provider_auth0link.linking.options import Options
from airflow_provider_auth0link.model import Pair, UserId
from airflow_provider_auth0link.settings import Settings

LATENCY_S = 0.14
TENANTS = [(2, 2), (2, 10), (3.33, 20), (16, 50), (50, 50), (250, 250)]
WIDTH = 64

SERVER = """
import json, sys
from airflow_provider_auth0link.emulator.server import Emulator
def user(provider, n):
    identity = {"connection": provider, "provider": provider, "user_id": str(n), "isSocial": provider != "auth0"}
    return {"user_id": f"{provider}|{n}", "email": f"u{n}@example.com", "identities": [identity]}
pairs, rate, burst, latency = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
users = [user(provider, n) for n in range(pairs) for provider in ("auth0", "google-oauth2")]
with Emulator(users=users, rate=rate, burst=burst, latency=latency) as tenant:
    print(json.dumps([tenant.url, tenant.client_id, tenant.client_secret]), flush=True)
    sys.stdin.readline()
    statuses = [record.status for record in tenant.requests if record.route == "link"]
    print(json.dumps([len(statuses), statuses.count(429), len(tenant.links_applied)]), flush=True)
"""


@dataclass(frozen=True)
class At:
    """A tenant to run against."""

    url: str
    client_id: str
    client_secret: str

    def token(self) -> str:
        """Fetch a Management token."""
        form = {"grant_type": "client_credentials", "audience": f"{self.url}/api/v2/"}
        form |= {"client_id": self.client_id, "client_secret": self.client_secret}
        return str(requests.post(f"{self.url}/oauth/token", data=form, timeout=15).json()["access_token"])


@contextmanager
def tenant(*arguments: float) -> Iterator[tuple[At, Callable[[], list[int]]]]:
    """Start a tenant; the second value ends it and counts its link requests, 429s and links."""
    command = [sys.executable, "-c", SERVER, *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None
        assert stdout is not None

        def end() -> list[int]:
            stdin.write("end\n")
            stdin.flush()
            return [int(number) for number in json.loads(stdout.readline())]

        try:
            yield At(*json.loads(stdout.readline())), end
        finally:
            process.kill()


def ours(at: At) -> Callable[[int], bool]:
    settings = Settings.from_connection(
        host=at.url, login=at.client_id, password=at.client_secret, extra={"rate_share": 1}
    )
    client = Auth0Client(settings, HttpTransport(settings), user_agent="benchmark", told=lambda _: None)
    client.work().scopes()
    options = Options(carry=(), guards=())

    def link(n: int) -> bool:
        pair = Pair(UserId("auth0", str(n)), UserId("google-oauth2", str(n)))
        return link_pair(client.work(), pair, options).name == "linked"

    return link


def sdk(at: At) -> Callable[[int], bool]:
    client = Auth0(base_url=f"{at.url}/api/v2", token=at.token())

    def link(n: int) -> bool:
        try:
            client.users.identities.link(id=f"auth0|{n}", provider="google-oauth2", user_id=str(n))
        except Exception:  # noqa: BLE001 - whatever it is, the link is lost
            return False
        return True

    return link


def row(name: str, make: Callable[[At], Callable[[int], bool]], width: int, rate: float, burst: int) -> bool:
    """Run one row, print it, and tell whether it keeps to the limits."""
    seconds = 60 if rate < 5 else 20
    if "--quick" in sys.argv:
        seconds //= 3
    count = int(burst + rate * seconds)
    with tenant(count, rate, burst, LATENCY_S) as (at, end):
        link = make(at)
        lock = threading.Lock()
        ends: list[float] = []

        def one(n: int) -> bool:
            done = link(n)
            with lock:
                ends.append(time.perf_counter())
            return done

        began = time.perf_counter()
        with ThreadPoolExecutor(width) as pool:
            done = sum(pool.map(one, range(count)))
        wall = max(ends) - began
        sent, limited, linked = end()
    ratio = wall / ((count - burst) / rate)
    tiny = burst <= 2
    held = ratio <= (1.10 if tiny else 1.03) and limited <= max(1, (0.05 if tiny else 0.005) * sent)
    print(
        f"({rate:g}/s, {burst:3}) {name:24} {count:5} links  {wall:6.1f} s  {ratio:5.3f} x  "
        f"429s {limited:4} ({100 * limited / sent:4.1f} %)  lost {count - linked:3}",
        flush=True,
    )
    return held and done == linked == count


def main() -> int:
    held = []
    for rate, burst in TENANTS:
        held.append(row("ours", ours, WIDTH, rate, burst))
        if "--peers" in sys.argv:
            for threads in (1, 4, 16):
                row(f"auth0-python, {threads} threads", sdk, threads, rate, burst)
    return int(not all(held))


if __name__ == "__main__":
    raise SystemExit(main())
