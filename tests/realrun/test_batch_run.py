"""Batches struck half way in a real Airflow: they are tried again, finish, and link nothing twice."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from urllib.parse import unquote

import pytest

from airflow_provider_auth0link.emulator.records import RequestRecord
from tests.realrun.batch import Batch
from tests.realrun.batches import Batches, batches
from tests.realrun.people import links, plan
from tests.realrun.search import found
from tests.realrun.stack import AIRFLOW_2
from tests.realrun.strokes import STROKES

pytestmark = [pytest.mark.airflow_run, pytest.mark.strike]

MAIL = "@people.example.com"
TOLD = ("terminated", "supervisor_terminated", "cleared", "failed", "timed_out")
"""Those whose task was told to stop, and had time to."""

BESIDE = {"supervisor_killed", *(["cleared"] if AIRFLOW_2 else [])}
"""
Those whose task goes on beside its retry.

Airflow 2 takes a task that is cleared while it runs for a zombie, mostly before its supervisor hears of it: then it is
tried again, and nobody stops the first.
"""


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Batches]:
    """Return the batches when all of them have ended."""
    home, folder = tmp_path_factory.mktemp("batches"), tmp_path_factory.mktemp("kept")
    with batches(home, folder) as all_of_them:
        yield all_of_them
    shutil.rmtree(home)
    shutil.rmtree(folder)


@pytest.fixture(params=STROKES)
def batch(ran: Batches, request: pytest.FixtureRequest) -> Batch:
    """Return each of them."""
    return ran.batches[request.param]


def test_airflow_tries_it_again_and_it_succeeds(batch: Batch) -> None:
    states = [each["state"] for each in batch.tries]

    # Airflow 2's tasks tell their ends themselves: one that is left alone may be over before it is missed.
    assert len(states) > 1 or (AIRFLOW_2 and batch.name in BESIDE)
    assert states == ["failed"] * (len(states) - 1) + ["success"]
    assert len(linked_by_struck_try(batch)) < len(plan()) or batch.name in BESIDE


def test_every_pair_is_linked_once(batch: Batch) -> None:
    assert batch.tenant.links_applied == links()


def test_the_counts_add_up(batch: Batch) -> None:
    for summary in batch.summaries:
        rest = {key: summary[key] for key in ("would_link", "refused", "failed", "unknown")}
        assert set(rest.values()) == {0}
        assert summary["planned"] == summary["linked"] + summary["already_linked"] == len(plan())
        # A task beside which another goes on finds pairs linked that it did not link.
        assert not summary["already_linked"] or batch.name in BESIDE


@pytest.mark.parametrize("name", sorted(STROKES.keys() - BESIDE))
def test_what_is_linked_is_not_asked_about_again(ran: Batches, name: str) -> None:
    batch = ran.batches[name]
    done = linked_by_struck_try(batch)
    later = [each for each in batch.first if each.at >= batch.started(batch.struck + 1)]

    assert later
    assert done & {named for each in later for named in names(each)} == set()
    assert done or name == "timed_out"


@pytest.mark.parametrize("name", [name for name in TOLD if name not in BESIDE])
def test_a_task_told_to_stop_writes_down_what_was_answered(ran: Batches, name: str) -> None:
    batch = ran.batches[name]
    began, ended = batch.started(batch.struck), batch.started(batch.struck + 1)
    before = [each for each in batch.first if began <= each.at < ended]
    answered = [each for each in before if each.route == "link" and each.status == 201]

    linked = linked_by_struck_try(batch)
    assert len(linked) == len(answered)
    assert f"linked {len(linked)}," in batch.log(batch.struck)


@pytest.mark.parametrize("name", sorted(STROKES.keys() - BESIDE))
def test_cleared_by_hand_and_run_again_it_asks_nothing(ran: Batches, name: str) -> None:
    batch = ran.batches[name]

    assert {each.route for each in batch.again} <= {"token"}
    assert batch.summaries[1]["requests"] == 0


def test_taken_back_all_is_as_it_was(ran: Batches) -> None:
    batch = ran.batches["killed"]

    assert batch.undone["planned"] == batch.undone["undone"] == len(plan())
    assert batch.after == batch.before


def test_no_secret_and_no_mail_is_found(ran: Batches) -> None:
    secrets = ran.all_secrets()

    assert "journal in xcom.value" in found(ran.home, [], {"journal": str(ran.folder / "killed")})
    assert found(ran.home, [], secrets | {"mail": MAIL}) == set()
    assert len(secrets) >= 3 * len(STROKES)  # of each a client secret, a journal secret, tokens
    written = b"".join(path.read_bytes() for path in ran.folder.rglob("*") if path.is_file())
    assert b"person-000" in written
    assert not [name for name, value in (secrets | {"mail": MAIL}).items() if value.encode() in written]


def linked_by_struck_try(batch: Batch) -> set[str]:
    """Return the secondaries that the try that was struck wrote down as linked."""
    records = [
        json.loads(line)
        for path in batch.folder.glob(f"{batch.struck}--1-*.jsonl")
        for line in path.read_text().splitlines()
    ]
    return {each["secondary_user_id"] for each in records if each.get("outcome") == "linked"}


def names(request: RequestRecord) -> set[str]:
    """Return the ids that a request is about: the user in its path, the secondary that it links."""
    linked = request.body if request.route == "link" and isinstance(request.body, dict) else {}
    return {unquote(part) for part in request.path.split("/")} | {
        f"{linked.get('provider')}|{linked.get('user_id')}"
    }
