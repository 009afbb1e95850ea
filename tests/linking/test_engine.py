"""Many units at once: order within a primary, how much is under way, and how a run dies."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import Any

import pytest

from airflow_provider_auth0link.errors import AmbiguousError
from airflow_provider_auth0link.linking.outcome import Outcome
from airflow_provider_auth0link.linking.tally import Tally
from airflow_provider_auth0link.linking.units import Note
from tests.fakes.clock import FakeClock
from tests.fakes.tenant import FakeTenant, Trouble, user
from tests.linking.rig import EVERYTHING, NOTHING, Rig

PRIMARIES, EACH = 40, 5


def crowd() -> tuple[FakeTenant, list[list[str]]]:
    """Return people with several accounts each, and the plan that makes them one."""
    users, pairs = [], []
    for n in range(PRIMARIES):
        users.append(user(f"auth0|{n}", user_metadata={"v": [n]}))
        for m in range(EACH):
            users.append(user(f"github|{n}-{m}", "github", user_metadata={"v": [f"{n}-{m}"]}))
            pairs.append([f"auth0|{n}", f"github|{n}-{m}"])
    return FakeTenant(*users), pairs


def test_pairs_of_one_primary_at_once_lose_nothing_of_each_other() -> None:
    tenant, pairs = crowd()
    rig = Rig(tenant, width_=16)

    assert rig.link(pairs) == {"planned": PRIMARIES * EACH, "linked": PRIMARIES * EACH}
    for n in range(PRIMARIES):
        kept = tenant.users[f"auth0|{n}"]
        assert kept["user_metadata"]["v"] == [n, *(f"{n}-{m}" for m in range(EACH))]
        assert len(kept["identities"]) == EACH + 1
    assert rig.undo() == {"planned": PRIMARIES * EACH, "undone": PRIMARIES * EACH}
    assert rig.state() == Rig(crowd()[0]).state()


def test_no_two_pairs_of_one_primary_are_under_way_together() -> None:
    tenant, pairs = crowd()
    inside: Counter[str] = Counter()
    worst: list[int] = []
    lock = threading.Lock()
    link = tenant.link

    class Watched(FakeTenant):
        def link(self, primary: Any, *rest: Any, **more: Any) -> Any:
            with lock:
                inside[str(primary)] += 1
                worst.append(max(inside.values()))
            try:
                return link(primary, *rest, **more)
            finally:
                with lock:
                    inside[str(primary)] -= 1

    watched = Watched()
    watched.users, watched.rights = tenant.users, tenant.rights
    Rig(watched, width_=16).link(pairs, **NOTHING)

    assert set(worst) == {1}


def test_intents_of_many_units_are_written_together() -> None:
    tenant, pairs = crowd()
    rig = Rig(tenant, width_=8)
    rig.link(pairs, **NOTHING)

    segments = [name for name in rig.store.written if name.endswith(".jsonl")]
    assert len(segments) < len(pairs)


def test_snapshots_are_durable_before_the_index_that_names_them() -> None:
    tenant, pairs = crowd()
    rig = Rig(tenant, width_=8)
    rig.link(pairs, **NOTHING)
    there: set[str] = set()

    for name in rig.store.written:
        there.add(name)
        if name.endswith(".jsonl"):
            rows = [
                row
                for row in rig.records("intent")
                if row["snapshot"]["file"].split(".")[0] == name.split(".")[0]
            ]
            assert all(row["snapshot"]["file"] in there for row in rows)


def test_an_error_that_nobody_foresaw_ends_the_run_and_is_told() -> None:
    tenant, pairs = crowd()

    def fail() -> None:
        raise ZeroDivisionError

    tenant.meets("link", Trouble(before=fail))
    with pytest.raises(ZeroDivisionError):
        Rig(tenant, width_=4).link(pairs)


def test_what_never_passes_is_left_after_one_further_pass() -> None:
    tenant = FakeTenant(user("auth0|a"), user("github|b"), seconds=0)
    tenant.meets("link", *[Trouble(AmbiguousError("the connection broke"))] * 9)
    rig = Rig(tenant)
    batch = rig.batch([["auth0|a", "github|b"]], **{**EVERYTHING, "carry": ()})
    batch.start()

    assert batch.wait(20)
    assert batch.close()["failed"] == 1
    assert tenant.count("link") == 2
    assert batch.tally.passes == 1
    assert [row["open"] for row in rig.records("outcome")] == [True, True]


def test_the_tally_tells_speed_and_rest() -> None:
    clock = FakeClock()
    tally = Tally(("linked", "refused", "failed", "unknown"), 10, clock)
    assert tally.seconds_left() is None
    tally.earlier("linked")
    for _ in range(4):
        clock.pass_by(1.0)
        tally.ended(Note("outcome", {}, outcome=Outcome("linked", requests=3)))
    tally.ended(Note("outcome", {}, outcome=Outcome("refused", reason="not_blocked: the primary is blocked")))

    assert (tally.done, tally.fresh, tally.requests) == (6, 5, 12)
    assert tally.per_second() == pytest.approx(5 / 4)
    assert tally.seconds_left() == pytest.approx(4 / (5 / 4))
    assert tally.refusals == {"not_blocked": 1}
    tally.close(under_way=1)
    assert tally.summary() == {"planned": 10, "linked": 5, "refused": 1, "failed": 3, "unknown": 1}


def test_a_batch_that_was_not_started_can_be_stopped() -> None:
    batch = Rig(FakeTenant()).batch([])
    assert batch.stop(0)
    assert batch.stopped


def test_a_stop_waits_no_longer_than_it_is_told_and_writes_down_what_is_known() -> None:
    tenant, pairs = crowd()
    release = threading.Event()
    rig = Rig(tenant, width_=2)
    tenant.meets("link", None, Trouble(before=lambda: release.wait(20)))
    batch = rig.batch(pairs[:1] + pairs[-1:], **NOTHING)
    batch.start()
    until = time.monotonic() + 20
    while not rig.tenant.count("link") > 1 and time.monotonic() < until:
        time.sleep(0.01)

    assert batch.stop(within=0.2) is False
    assert [row["outcome"] for row in rig.records("outcome")] == ["linked"]
    counts = batch.close()
    assert (counts["linked"], counts["unknown"]) == (1, 1)
    release.set()
    assert batch.wait(20)


def test_slow_units_are_as_many_at_once_as_are_worth_having() -> None:
    users, pairs = [], []
    for n in range(24):
        users += [user(f"auth0|{n}"), user(f"github|{n}", "github")]
        pairs.append([f"auth0|{n}", f"github|{n}"])
    together = threading.Barrier(12, timeout=60)

    class Slow(FakeTenant):
        def link(self, primary: Any, *rest: Any, **more: Any) -> Any:
            together.wait()  # lets nobody on before a dozen are here
            return super().link(primary, *rest, **more)

    assert Rig(Slow(*users), width_=12).link(pairs, **NOTHING) == {"planned": 24, "linked": 24}
