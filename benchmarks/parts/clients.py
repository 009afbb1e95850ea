"""Clients of a tenant, each in a process of its own: runs of links, and the production that shares the tenant."""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection

import requests
from auth0.management import Auth0
from requests.adapters import HTTPAdapter

from airflow_provider_auth0link.api.client import Auth0Client
from airflow_provider_auth0link.api.transport import HttpTransport
from airflow_provider_auth0link.linking.apply import link_pair
from airflow_provider_auth0link.linking.options import Options
from airflow_provider_auth0link.model import Pair, UserId
from airflow_provider_auth0link.settings import Settings
from benchmarks.parts.tenants import LONGEST_S, PROCESSES, At, answer_of

WIDTH = 64
SHARE = 0.8
OWN_NUMBERS = 100_000
"""Every run of links has numbers of its own for its pairs, this far apart."""

Link = Callable[[int], bool]


def ours(at: At, share: float = 1.0, carry: tuple[str, ...] = ()) -> Link:
    """Return what links the pair of a number by our client; the token is fetched already."""
    settings = Settings.from_connection(
        host=at.url, login=at.client_id, password=at.client_secret, extra={"rate_share": share}
    )
    client = Auth0Client(settings, HttpTransport(settings), user_agent="benchmark", told=lambda _: None)
    client.work().scopes()
    options = Options(carry=carry, guards=())

    def link(n: int) -> bool:
        pair = Pair(UserId("auth0", str(n)), UserId("google-oauth2", str(n)))
        return link_pair(client.work(seconds=LONGEST_S), pair, options).name == "linked"

    return link


def sdk(at: At) -> Link:
    """Return what links the pair of a number by auth0-python."""
    client = Auth0(base_url=f"{at.url}/api/v2", token=at.token())

    def link(n: int) -> bool:
        try:
            client.users.identities.link(id=f"auth0|{n}", provider="google-oauth2", user_id=str(n))
        except Exception:  # noqa: BLE001 - whatever it is, the link is lost
            return False
        return True

    return link


def linked(link: Link, numbers: Iterator[int], width: int, until: float = float("inf")) -> tuple[int, float]:
    """
    Link with so many threads until the numbers or the time are used up.

    :param until: monotonic seconds; what was begun is finished
    :return: how many were linked, and the seconds from the start to the last answer
    """
    lock = threading.Lock()
    ends: list[float] = []

    def one_after_another(_: int) -> int:
        done = 0
        while time.monotonic() < until:
            with lock:
                n = next(numbers, None)
            if n is None:
                break
            done += link(n)
            with lock:
                ends.append(time.monotonic())
        return done

    began = time.monotonic()
    with ThreadPoolExecutor(width) as pool:
        done = sum(pool.map(one_after_another, range(width)))
    return done, max(ends, default=began) - began


def links(pipe: Connection, at: At, first: int, seconds: float, width: int) -> None:
    """Be a run of links, with pairs from a number on. Sends how many were begun, and how many were linked."""
    link = ours(at, SHARE)
    begun = itertools.count(first)
    pipe.send("ready")
    answer_of(pipe)
    done, _ = linked(link, begun, width, time.monotonic() + seconds)
    pipe.send((next(begun) - first, done))


def production(pipe: Connection, at: At, rate: float, burst: int, seconds: float) -> None:
    """
    Be the production: reads accounts in bursts, at random moments.

    :param rate: requests per second, over a while
    :param burst: requests that leave at once
    """
    session = requests.Session()
    session.mount("http://", HTTPAdapter(pool_maxsize=burst * 4))
    session.headers["authorization"] = f"Bearer {at.token()}"
    chance = random.Random(1)
    pipe.send("ready")
    answer_of(pipe)
    until = moment = time.monotonic()
    until += seconds
    with ThreadPoolExecutor(burst * 4) as pool:
        while (moment := moment + chance.uniform(0.5, 1.5) * burst / rate) < until:
            time.sleep(max(0.0, moment - time.monotonic()))
            for _ in range(burst):
                pool.submit(session.get, f"{at.url}/api/v2/users/auth0%7C0", timeout=15)
    pipe.send(None)


@contextmanager
def started(what: Callable[..., None], *arguments: object) -> Iterator[Connection]:
    """Start a client and wait until it is ready to begin; it begins at the first word."""
    here, there = PROCESSES.Pipe()
    process = PROCESSES.Process(target=what, args=(there, *arguments), daemon=True)
    process.start()
    try:
        answer_of(here)
        yield here
    finally:
        process.terminate()
        process.join()
