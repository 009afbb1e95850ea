"""Journals that somebody spoiled, and threads that come late: nothing hangs, and no other account is touched."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_auth0link.errors import InputError, StoreError
from airflow_provider_auth0link.keys import Seal
from airflow_provider_auth0link.linking.engine import Engine
from airflow_provider_auth0link.linking.journal import read_history
from airflow_provider_auth0link.linking.outcome import Outcome
from airflow_provider_auth0link.linking.units import Note
from tests.fakes.store import MemoryStore
from tests.fakes.tenant import FakeTenant, user
from tests.linking.rig import HOST, Rig

WRITER = f"1-0-{'a' * 32}"
HEADER = {"kind": "header", "n": 1, "format": 1, "tenant": HOST, "command": "link"}
INTENT = {"kind": "intent", "n": 2, "primary_user_id": "auth0|a", "secondary_user_id": "github|b"}
PAIRS = [["auth0|p", "github|b"], ["auth0|q", "github|c"]]


def segment(*rows: object) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


@pytest.mark.parametrize(
    "spoiled",
    [
        {"snapshot": {"file": f"{WRITER}-0.snapshots", "line": -1}},
        {"snapshot": {"file": f"{WRITER}-0.snapshots", "line": math.inf}},
        {"snapshot": {"file": f"{WRITER}-0.snapshots", "line": True}},
        {"snapshot": {"file": ["x"], "line": 0}},
        {"connection_id": ["con_1"]},
        {"reason": ["why"]},
        {"secondary_user_id": "github|\ud800"},
    ],
    ids=["before-the-file", "infinite", "flag", "no-file", "connection", "reason", "half-a-pair"],
)
def test_a_spoiled_record_is_refused(spoiled: dict[str, Any]) -> None:
    store = MemoryStore({f"{WRITER}-0.jsonl": segment(HEADER, {**INTENT, **spoiled})})
    with pytest.raises(InputError, match="journal: "):
        read_history(store, HOST)


def linked() -> Rig:
    """Return a tenant with two pairs linked by one run."""
    ids = [each for pair in PAIRS for each in pair]
    rig = Rig(FakeTenant(*(user(each, user_metadata={"of": each}) for each in ids)))
    assert rig.link(PAIRS)["linked"] == len(PAIRS)
    return rig


def test_the_snapshot_of_another_pair_is_never_restored() -> None:
    rig = linked()
    name = next(
        each for each in rig.store.files if each.endswith(".jsonl") and b'"intent"' in rig.store.files[each]
    )
    spoiled = rig.store.files[name].replace(b'"line":0', b'"line":1')
    assert spoiled != rig.store.files[name]
    rig.store.files[name] = spoiled
    before = rig.state()

    assert rig.undo(["github|b"]) == {"planned": 1, "failed": 1}
    assert "snapshot of another pair" in rig.records("undo_outcome")[0]["reason"]
    assert rig.state() == before


def test_a_snapshot_file_of_something_else_is_told() -> None:
    rig = linked()
    for name in [each for each in rig.store.files if each.endswith(".snapshots")]:
        rig.store.files[name] = Seal().seal(b"nonsense\n")
    before = rig.state()

    assert rig.undo() == {"planned": len(PAIRS), "failed": len(PAIRS)}
    assert all("holds no snapshots" in row["reason"] for row in rig.records("undo_outcome"))
    assert rig.state() == before


def test_a_writer_whose_first_group_was_lost_still_says_whose_it_is() -> None:
    class Away(MemoryStore):
        away = True

        def write(self, name: str, data: bytes) -> None:
            if self.away:
                raise StoreError("away")
            super().write(name, data)

    store = Away()
    journal = Rig(FakeTenant(), store).journal()
    journal.note("outcome", {**INTENT, "outcome": "refused"})
    with pytest.raises(StoreError):
        journal.commit()
    store.away = False
    journal.note("outcome", {**INTENT, "outcome": "already_linked"})
    journal.commit()

    with pytest.raises(InputError, match="belongs to the tenant"):
        read_history(store, "other.eu.auth0.com")


def test_an_intent_that_was_written_before_its_worker_could_wait_is_gone_on_with() -> None:
    rig = Rig(FakeTenant())
    journal = rig.journal()
    committed = threading.Event()
    after: list[str] = []

    class Late(Note):
        """Its worker is held up between noting it and waiting for it."""

        def __getattribute__(self, name: str) -> Any:
            if name == "wait":
                engine.commit()
                committed.set()
            return super().__getattribute__(name)

    class One:
        unfinished = False

        def steps(self) -> Iterator[Note]:
            yield Late("intent", {"primary_user_id": "auth0|a", "secondary_user_id": "github|b"}, wait=True)
            after.append("went on")

    engine = Engine(rig, journal, ended=lambda _: None, stops=lambda _: False, clock=time.monotonic)
    thread = threading.Thread(target=engine.run, args=(iter([One()]),), daemon=True)
    thread.start()
    thread.join(20)

    assert committed.is_set()
    assert not thread.is_alive()
    assert after == ["went on"]


def test_nothing_goes_on_once_the_run_has_told_its_end() -> None:
    """Tending the workers fails while they are at work: what is under way ends first, nothing new begins."""
    begun = threading.Event()
    ends: list[Outcome] = []

    class Failing(Rig):
        def width(self) -> int:
            if begun.is_set() and threading.current_thread() is run:
                raise RuntimeError("nobody foresaw this")
            return 4

    class Slow:
        unfinished = False

        def steps(self) -> Iterator[Note]:
            begun.set()
            time.sleep(0.3)
            yield Note("outcome", {}, outcome=Outcome("linked"))

    rig = Failing(FakeTenant(), width_=4)
    engine = Engine(
        rig,
        None,
        ended=lambda note: ends.append(note.outcome) if note.outcome else None,
        stops=lambda _: False,
        clock=time.monotonic,
    )
    run = threading.Thread(target=engine.run, args=(iter([Slow() for _ in range(40)]),), daemon=True)
    run.start()
    run.join(20)
    told = len(ends)

    assert str(engine.failure) == "nobody foresaw this"
    assert engine.stopping()
    assert engine.running == 0
    assert 0 < told < 40
    time.sleep(0.5)
    assert len(ends) == told
