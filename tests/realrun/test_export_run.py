"""Exports in a real Airflow whose triggerer is killed, and whose tasks are: one job each, one whole file each."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_auth0link.emulator.server import Emulator
from tests.fakes.exports import ExportSite
from tests.fakes.secrets import SECRET
from tests.realrun.export_runs import Exports, at_once, exports, kill_triggerer
from tests.realrun.search import found
from tests.realrun.stack import until

pytestmark = [pytest.mark.airflow_run, pytest.mark.strike]

USERS = 200_000
LINES = b"".join(
    b'{"user_id": "auth0|%d", "email": "%d@people.example.com"}\n' % (n, n) for n in range(20_000)
)


@dataclass
class Deferred:
    """
    How the one in the triggerer went.

    ``looks`` are those at the job when the task had deferred, when the triggerer was killed, and when the second one
    had looked. ``triggers`` are what Airflow's database held of the trigger meanwhile.
    """

    file: Path
    state: str
    tries: int
    looks: list[int]
    triggers: list[str]


@dataclass
class Waiting:
    """How the one on its worker went; ``left`` is what lay there at the second death."""

    file: Path
    state: str
    tries: int
    left: set[str]


@dataclass
class Ran:
    """Both."""

    site: ExportSite
    tenant: Emulator
    home: Path
    deferred: Deferred
    waiting: Waiting


def people() -> Iterator[dict[str, Any]]:
    for number in range(USERS):
        yield {
            "user_id": f"auth0|{number:024x}",
            "email": f"person{number}@people.example.com",
            "email_verified": number % 9 > 0,
            "user_metadata": {"theme": "dark", "address": f"{number} Long Street"},
            "app_metadata": {"legacy_id": number, "plan": "gold"},
            "logins_count": number % 40,
        }


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    """Return both when they have ended."""
    home, folder = tmp_path_factory.mktemp("airflow"), tmp_path_factory.mktemp("exports")
    with (
        ExportSite(LINES, looks=None, cuts=(0,)) as site,
        Emulator(users=people(), export_seconds=15) as tenant,
        exports(home, folder, deferred=site.connection(), waiting=tenant.connection()) as running,
    ):
        yield Ran(site, tenant, home, deferred(running, site), waiting(running, tenant))
    shutil.rmtree(home)
    shutil.rmtree(folder)


def deferred(running: Exports, site: ExportSite) -> Deferred:
    """Run the Dag, kill the triggerer while the task waits in it, and let the job end under another."""
    run_id = running.airflow.start("deferred")
    with running.triggerer():
        until(lambda: running.instance("deferred", run_id)["state"] == "deferred")
        looks = [site.looked]
        until(lambda: site.looked > looks[0] + 1)
        triggers = running.in_database()
        kill_triggerer()
    looks.append(site.looked)
    with running.triggerer():
        until(lambda: site.looked > looks[1] + 1)
        looks.append(site.looked)
        site.open()
        state = running.airflow.end("deferred", run_id)
    tries = int(running.instance("deferred", run_id)["try_number"])
    return Deferred(running.folder / "deferred" / f"{run_id}.ndjson.gz", state, tries, looks, triggers)


def waiting(running: Exports, tenant: Emulator) -> Waiting:
    """Run the Dag, kill its task while it waits and while it downloads, and let the first location expire."""
    tenant.faults.add("location_expired", count=1)
    run_id = running.airflow.start("waiting")
    file = running.folder / "waiting" / f"{run_id}.jsonl"
    until(lambda: tenant.counts.get("job", 0) >= 2)
    running.kill_task("waiting", run_id)
    at_once(lambda: any(each.stat().st_size > 10**7 for each in file.parent.glob(f".{file.name}.*")))
    running.kill_task("waiting", run_id)
    until(lambda: running.instance("waiting", run_id)["state"] != "running")
    left = {each.name for each in file.parent.iterdir()}
    state = running.airflow.end("waiting", run_id)
    return Waiting(file, state, int(running.instance("waiting", run_id)["try_number"]), left)


def test_under_a_new_triggerer_it_is_one_job_and_one_whole_file(ran: Ran) -> None:
    assert (ran.deferred.state, ran.deferred.tries) == ("success", 1)
    assert (ran.site.jobs, ran.site.served) == (1, 2)
    assert gzip.decompress(ran.deferred.file.read_bytes()) == LINES
    assert [each.name for each in ran.deferred.file.parent.iterdir()] == [ran.deferred.file.name]


def test_both_triggerers_looked_at_it(ran: Ran) -> None:
    deferred, killed, taken_over = ran.deferred.looks

    assert deferred < killed < taken_over


def test_of_a_killed_task_it_is_one_job_and_one_whole_file(ran: Ran) -> None:
    told = ran.waiting
    downloads = [each.status for each in ran.tenant.requests if each.route == "download"]

    assert (told.state, told.tries) == ("success", 3)
    assert ran.tenant.counts["export_create"] == 1
    assert downloads == [403, 200, 200]
    assert told.file.name not in told.left
    assert f"{told.file.name}.job" in told.left
    assert [each.name for each in told.file.parent.iterdir()] == [told.file.name]
    with told.file.open() as lines:
        ids = [json.loads(line)["user_id"] for line in lines]
    assert sorted(ids) == [f"auth0|{number:024x}" for number in range(USERS)]


def test_no_secret_is_kept(ran: Ran) -> None:
    assert any("ExportTrigger" in each for each in ran.deferred.triggers)
    assert not [each for each in ran.deferred.triggers if SECRET in each]
    tokens = {
        f"token {number}": json.loads(each.answer)["access_token"]
        for number, each in enumerate(ran.tenant.requests)
        if each.route == "token"
    }
    signatures = {
        f"location {number}": json.loads(each.answer)["location"].rpartition("=")[2]
        for number, each in enumerate(ran.tenant.requests)
        if each.route == "job" and b"location" in each.answer
    }
    assert len(tokens) >= 3
    assert len(signatures) >= 2
    wanted = {"a token's and a location's": SECRET, "client secret": ran.tenant.client_secret}
    assert found(ran.home, [], wanted | tokens | signatures) == set()
