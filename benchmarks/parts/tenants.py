"""Tenants for the benchmarks: the emulator in a process of its own, and what it saw."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

import requests

from airflow_provider_auth0link.emulator.server import Emulator

LATENCY_S = 0.14
LONGEST_S = 300.0
"""Seconds that a process may take to answer."""

KEPT = 200_000
TOO_MANY = 429

RIGHTS: dict[str, Any] = {
    "user_metadata": {"theme": "dark"},
    "app_metadata": {"level": 7},
    "roles": ["reader"],
    "permissions": [
        {"resource_server_identifier": "https://api.example.com", "permission_name": "read:books"}
    ],
    "organizations": {"org_books": ["member"]},
}

PROCESSES = get_context("spawn")


@dataclass(frozen=True, slots=True)
class At:
    """Where a tenant is, and who may ask it."""

    url: str
    client_id: str
    client_secret: str

    def token(self) -> str:
        """Fetch a Management token."""
        form = {"grant_type": "client_credentials", "audience": f"{self.url}/api/v2/"}
        form |= {"client_id": self.client_id, "client_secret": self.client_secret}
        return str(requests.post(f"{self.url}/oauth/token", data=form, timeout=15).json()["access_token"])


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, as the tenant saw it: when it was decided (seconds), what was said, and whose bucket it drew on."""

    group: str
    route: str
    path: str
    at: float
    status: int


@dataclass(frozen=True, slots=True)
class Seen:
    """All Management requests of a run, in the order in which they were decided, and the links that were made."""

    requests: list[Asked]
    links: int

    @property
    def limited(self) -> int:
        """How many 429s."""
        return sum(each.status == TOO_MANY for each in self.requests)

    def of(self, route: str) -> list[Asked]:
        """Return the requests of one route."""
        return [each for each in self.requests if each.route == route]


class Tenant:
    """
    A tenant that runs.

    :param pipe: to its process
    """

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self.at = At(*answer_of(pipe))

    def seen(self) -> Seen:
        """Return what was asked so far."""
        self._pipe.send("seen")
        rows, links = answer_of(self._pipe)
        return Seen(sorted((Asked(*row) for row in rows), key=lambda each: each.at), links)


@contextmanager
def tenant(pairs: Iterable[int], *, rights: bool = False, **options: Any) -> Iterator[Tenant]:  # noqa: ANN401 - the emulator checks them
    """
    Serve a tenant.

    :param pairs: numbers of the pairs to link, ``auth0|n`` and ``google-oauth2|n``
    :param rights: whether the secondaries hold metadata, a role, a permission and a membership
    :param options: as ``Emulator`` takes them
    """
    here, there = PROCESSES.Pipe()
    process = PROCESSES.Process(
        target=_serve, args=(there, list(pairs), options), kwargs={"rights": rights}, daemon=True
    )
    process.start()
    try:
        yield Tenant(here)
    finally:
        process.terminate()
        process.join()


def answer_of(pipe: Connection) -> Any:  # noqa: ANN401 - whatever the other side sends
    """Wait for the other side's word."""
    if not pipe.poll(LONGEST_S):
        raise TimeoutError("a process of the benchmark did not answer")
    return pipe.recv()


def _serve(pipe: Connection, pairs: list[int], options: dict[str, Any], *, rights: bool) -> None:
    users = [_user("auth0", n) for n in pairs]
    users += [_user("google-oauth2", n) | (RIGHTS if rights else {}) for n in pairs]
    with Emulator(users=users, keep_requests=KEPT, **{"latency": LATENCY_S, **options}) as running:
        pipe.send((running.url, running.client_id, running.client_secret))
        while pipe.recv() == "seen":
            asked = [each for each in running.requests if each.route != "token" and each.at]
            rows = [(each.operation.group, each.route, each.path, each.at, each.status) for each in asked]
            pipe.send((rows, len(running.links_applied)))


def _user(provider: str, n: int) -> dict[str, Any]:
    identity = {
        "connection": provider,
        "provider": provider,
        "user_id": str(n),
        "isSocial": provider != "auth0",
    }
    return {"user_id": f"{provider}|{n}", "email": f"u{n}@example.com", "identities": [identity]}
