from __future__ import annotations

import math
import threading
import time

import pytest

from airflow_provider_auth0link.api.bucket import Told
from airflow_provider_auth0link.api.pace import Pace, Passage
from tests.fakes.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def _pace(clock: FakeClock, per_second: float | None = None, share: float = 1.0) -> Pace:
    return Pace(share, per_second, clock=clock, sleep=clock.sleep)


def _pass(pace: Pace, lane: str, told: Told | None = None) -> Passage:
    passage = pace.enter(lane)
    assert passage is not None
    pace.leave(passage, told or Told())
    return passage


def test_without_a_bound_and_without_headers_nothing_waits(clock: FakeClock) -> None:
    pace = _pace(clock)
    for _ in range(100):
        _pass(pace, "read")

    assert clock.naps == []


def test_a_bound_is_kept_over_all_classes(clock: FakeClock) -> None:
    pace = _pace(clock, 4.0)
    moments = [_pass(pace, lane).sent_at - 100 for lane in ("read", "write", "read", "write", "read")]

    assert moments == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_idle_time_is_not_saved_up(clock: FakeClock) -> None:
    pace = _pace(clock, 4.0)
    _pass(pace, "read")
    clock.pass_by(60)
    moments = [_pass(pace, "read").sent_at for _ in range(2)]

    assert moments == [160.0, 160.25]


def test_a_hold_is_for_its_own_class(clock: FakeClock) -> None:
    pace = _pace(clock)
    _pass(pace, "read")
    _pass(pace, "write")
    pace.hold("write", 5.0)

    assert _pass(pace, "read").sent_at == 100.0
    assert _pass(pace, "write").sent_at == 105.0


def test_a_bucket_that_tells_its_reset_is_held_no_longer(clock: FakeClock) -> None:
    pace = _pace(clock)
    for limited in (False, True):
        passage = pace.enter("read")
        assert passage is not None
        told = Told(limit=20, remaining=0, reset=clock() + 901, date=clock() + 900)
        pace.leave(passage, told, limited=limited)
    refused_at = clock()
    pace.hold("read", 30.0)

    assert refused_at < _pass(pace, "read").sent_at < refused_at + 3


def test_a_long_hold_is_kept_whatever_the_bucket_tells(clock: FakeClock) -> None:
    pace = _pace(clock)
    _pass(pace, "read", Told(limit=20, remaining=15))
    pace.hold("read", 300.0)

    assert _pass(pace, "read").sent_at == 400.0


def test_a_hold_without_end_ends(clock: FakeClock) -> None:
    pace = _pace(clock)
    pace.hold("read", 1e12)

    assert _pass(pace, "read").sent_at == 3_700.0


def test_a_wait_beyond_the_time_given_is_not_begun(clock: FakeClock) -> None:
    pace = _pace(clock)
    pace.hold("read", 5.0)

    assert pace.enter("read", until=104.0) is None
    assert clock.naps == []
    assert pace.enter("read", until=106.0) is not None


def test_a_request_without_an_answer_frees_its_place(clock: FakeClock) -> None:
    pace = _pace(clock)
    for _ in range(10):
        passage = pace.enter("read")
        assert passage is not None
        pace.leave(passage, None)

    assert pace.enter("read") is not None


class Tenant:
    """Token buckets by class of route, refilled smoothly, over the fake clock."""

    def __init__(self, clock: FakeClock, rate: float, size: int, **classes: str) -> None:
        self.clock, self.rate, self.size, self.classes = clock, rate, size, classes
        self.level: dict[str, float] = {}
        self.at: dict[str, float] = {}
        self.refused = 0

    def serve(self, pace: Pace, lane: str) -> None:
        while True:
            passage = pace.enter(lane)
            assert passage is not None
            told = self.take(self.classes.get(lane, lane))
            pace.leave(passage, told, limited=told is REFUSED)
            if told is not REFUSED:
                return
            self.refused += 1

    def take(self, bucket: str) -> Told:
        now = self.clock()
        level = self.level.get(bucket, float(self.size))
        level = min(self.size, level + (now - self.at.get(bucket, now)) * self.rate)
        self.at[bucket] = now
        self.clock.pass_by(0.001)
        if level < 1:
            self.level[bucket] = level
            return REFUSED
        self.level[bucket] = level - 1
        return Told(limit=self.size, remaining=int(level - 1))


REFUSED = Told()


def test_classes_of_one_bucket_become_one(clock: FakeClock) -> None:
    pace = _pace(clock)
    tenant = Tenant(clock, 10.0, 20, read="all", write="all")
    for n in range(400):
        tenant.serve(pace, "read" if n % 2 else "write")

    assert tenant.refused <= 3
    assert clock() - 100 < 1.03 * (400 - 20) / 10


def test_a_bucket_of_two_is_one_for_all_classes_at_once(clock: FakeClock) -> None:
    pace = _pace(clock)
    classes = ("read", "write", "link", "roles", "organizations")
    tenant = Tenant(clock, 2.0, 2, **dict.fromkeys(classes, "all"))
    for n in range(100):
        tenant.serve(pace, classes[n % len(classes)])

    assert tenant.refused <= 2
    assert clock() - 100 < 1.1 * (100 - 2) / 2


def test_classes_with_buckets_of_their_own_stay_apart(clock: FakeClock) -> None:
    pace = _pace(clock)
    tenant = Tenant(clock, 10.0, 20)
    for n in range(400):
        tenant.serve(pace, "read" if n % 4 else "write")  # the reads are what binds

    assert tenant.refused <= 3
    assert clock() - 100 < 1.03 * (300 - 20) / 10


def test_buckets_of_one_size_that_are_drawn_on_alike_stay_apart(clock: FakeClock) -> None:
    """Professional: writing users, deleting users, members and member roles have 200 a minute, and hold 20, each."""
    pace = _pace(clock)
    lanes = ("write users", "delete users", "members", "write member roles", "read member roles")
    tenant = Tenant(clock, 200 / 60, 20)
    for _ in range(100):
        for lane in lanes:
            tenant.serve(pace, lane)

    assert len({id(lane.bucket) for lane in pace._lanes.values()}) == len(lanes)
    assert tenant.refused <= 3
    assert clock() - 100 < 1.03 * (100 - 20) / (200 / 60)


def test_buckets_of_one_size_stay_apart_with_many_under_way(clock: FakeClock) -> None:
    pace = _pace(clock)
    lanes = ("write users", "members", "write member roles")
    tenant = Tenant(clock, 200 / 60, 20)
    for _ in range(200):
        passages = []
        for lane in lanes * 3:
            clock.pass_by(0.1)
            if pace._lane(lane).bucket.ready_at(clock()) <= clock():
                passage = pace.enter(lane)
                assert passage is not None
                passages.append((passage, tenant.take(lane)))
        clock.pass_by(0.1)
        for passage, told in reversed(passages):
            pace.leave(passage, told, limited=told is REFUSED)

    assert len({id(lane.bucket) for lane in pace._lanes.values()}) == len(lanes)


def test_the_one_bucket_of_two_classes_is_found_among_others_of_its_size(clock: FakeClock) -> None:
    pace = _pace(clock)
    tenant = Tenant(clock, 200 / 60, 20, identities="users", users="users")
    for _ in range(60):
        for lane in ("users", "members", "identities", "member roles"):
            tenant.serve(pace, lane)

    lanes = pace._lanes
    assert lanes["users"].bucket is lanes["identities"].bucket
    assert len({id(lane.bucket) for lane in lanes.values()}) == 3
    assert tenant.refused <= 5
    assert clock() - 100 < 1.03 * (120 - 20) / (200 / 60)


def test_a_429_of_one_class_leaves_the_others_of_its_size_alone(clock: FakeClock) -> None:
    pace = _pace(clock)
    for lane in ("users", "members"):
        _pass(pace, lane, Told(limit=20, remaining=15))
    passage = pace.enter("users")
    assert passage is not None
    pace.leave(passage, Told(limit=20, remaining=0), limited=True)
    pace.hold("users", 5.0)
    before = clock()
    _pass(pace, "members", Told(limit=20, remaining=14))

    assert clock() - before < 1


def test_classes_part_when_one_tells_of_another_size(clock: FakeClock) -> None:
    pace = _pace(clock)
    tenant = Tenant(clock, 10.0, 20, read="all", write="all")
    for n in range(100):
        tenant.serve(pace, "read" if n % 2 else "write")
    _pass(pace, "write", Told(limit=40, remaining=39))
    before = clock()
    for _ in range(20):
        _pass(pace, "write", Told(limit=40, remaining=39))

    assert clock() - before < 1


def test_what_was_begun_goes_first() -> None:
    """Threads wait in line by priority, not by who came first."""
    pace = Pace(1.0, None, clock=time.monotonic, sleep=time.sleep)
    first = pace.enter("read")
    assert first is not None
    pace.leave(first, Told(limit=5, remaining=0))
    blocker = pace.enter("read")  # the one token that is predicted; nobody passes until it is answered
    assert blocker is not None
    order: list[int] = []

    def wait(priority: int) -> None:
        passage = pace.enter("read", priority=priority)
        assert passage is not None
        order.append(priority)
        pace.leave(passage, Told(limit=5, remaining=1))

    threads = [threading.Thread(target=wait, args=(priority,)) for priority in (2, 1, 0)]
    for thread in threads:
        thread.start()
    while len(pace._lanes["read"].waiting) < 3:
        time.sleep(0.001)
    pace.leave(blocker, Told(limit=5, remaining=1))
    for thread in threads:
        thread.join(30)

    assert order == [0, 1, 2]


def test_the_end_of_time_is_no_error(clock: FakeClock) -> None:
    pace = _pace(clock)

    assert pace.enter("read", until=math.inf) is not None
