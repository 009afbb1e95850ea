"""
CPU of one link: our client beside a bare ``requests.Session`` loop doing the same POST, and auth0-python.

The tenant runs in a process of its own, so only the client's CPU is counted. Rows take turns; the least of
the rounds counts. Fails when ours takes more than 1.25 x the bare loop's.

    python benchmarks/one_link.py [links a round] [rounds]
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import quote

import requests
from auth0.management import Auth0

from airflow_provider_auth0link.api.client import Auth0Client
from airflow_provider_auth0link.api.transport import HttpTransport
from airflow_provider_auth0link.linking.apply import link_pair
from airflow_provider_auth0link.linking.options import Options
from airflow_provider_auth0link.model import Pair, UserId
from airflow_provider_auth0link.settings import Settings

LIMIT = 1.25

SERVER = """
import json, sys
from airflow_provider_auth0link.emulator.server import Emulator
def user(provider, n):
    identity = {"connection": provider, "provider": provider, "user_id": str(n), "isSocial": provider != "auth0"}
    return {"user_id": f"{provider}|{n}", "email": f"u{n}@example.com", "identities": [identity]}
users = [user(provider, n) for n in range(int(sys.argv[1])) for provider in ("auth0", "google-oauth2")]
with Emulator(users=users) as tenant:
    print(json.dumps([tenant.url, tenant.client_id, tenant.client_secret]), flush=True)
    for line in sys.stdin:
        tenant.reset()
        print("ready", flush=True)
"""


class Tenant:
    """The emulator in its own process."""

    def __init__(self, process: subprocess.Popen[str], url: str, client_id: str, client_secret: str) -> None:
        self.process, self.url, self.client_id, self.client_secret = process, url, client_id, client_secret
        form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
        form["audience"] = f"{url}/api/v2/"
        self.token = str(requests.post(f"{url}/oauth/token", data=form, timeout=15).json()["access_token"])

    def reset(self) -> None:
        """Unlink everything."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("reset\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "ready\n"


@contextmanager
def tenant(pairs: int) -> Iterator[Tenant]:
    import json

    command = [sys.executable, "-c", SERVER, str(pairs)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield Tenant(process, *json.loads(process.stdout.readline()))
        finally:
            process.kill()


def bare(at: Tenant) -> Callable[[int], None]:
    session = requests.Session()
    session.headers["authorization"] = f"Bearer {at.token}"

    def link(n: int) -> None:
        body = {"provider": "google-oauth2", "user_id": str(n)}
        url = f"{at.url}/api/v2/users/{quote(f'auth0|{n}', safe='')}/identities"
        answer = session.post(url, json=body, timeout=15)
        assert answer.status_code == 201
        answer.json()

    return link


def ours(at: Tenant) -> Callable[[int], None]:
    settings = Settings.from_connection(host=at.url, login=at.client_id, password=at.client_secret)
    client = Auth0Client(settings, HttpTransport(settings), user_agent="benchmark", told=lambda _: None)
    options = Options(carry=(), guards=())

    def link(n: int) -> None:
        pair = Pair(UserId("auth0", str(n)), UserId("google-oauth2", str(n)))
        assert link_pair(client.work(correlation_id="benchmark"), pair, options).name == "linked"

    return link


def sdk(at: Tenant) -> Callable[[int], None]:
    client = Auth0(base_url=f"{at.url}/api/v2", token=at.token)

    def link(n: int) -> None:
        assert client.users.identities.link(id=f"auth0|{n}", provider="google-oauth2", user_id=str(n))

    return link


def cpu_per_link(at: Tenant, make: Callable[[Tenant], Callable[[int], None]], count: int) -> float:
    at.reset()
    link = make(at)
    link(0)  # the connection and the token are not what is measured
    started = time.process_time()
    for n in range(1, count + 1):
        link(n)
    return (time.process_time() - started) / count * 1e3


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    rows = {"bare requests.Session": bare, "our client": ours, "auth0-python": sdk}
    least = dict.fromkeys(rows, float("inf"))
    with tenant(count + 1) as at:
        for _ in range(rounds):
            for name, make in rows.items():
                least[name] = min(least[name], cpu_per_link(at, make, count))
    base = least["bare requests.Session"]
    print(f"CPU a link, least of {rounds} rounds of {count} links")
    for name, ms in least.items():
        print(f"{name:24} {ms:7.3f} ms  {ms / base:5.2f} x")
    return int(least["our client"] > LIMIT * base)


if __name__ == "__main__":
    raise SystemExit(main())
