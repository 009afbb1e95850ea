from __future__ import annotations

import heapq
import math
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import pytest
from hypothesis import given, strategies as st

from airflow_provider_auth0link.api.blind import NEVER
from airflow_provider_auth0link.api.bucket import LONGEST_PAUSE_S, Bucket, Told

EPOCH = 1_800_000_000.37
Refill = Callable[[float, float, float], float]


def smooth(rate: float, last: float, now: float) -> float:
    return (now - last) * rate


def by_step(seconds: float) -> Refill:
    def gained(rate: float, last: float, now: float) -> float:
        steps = math.floor((now + EPOCH) / seconds) - math.floor((last + EPOCH) / seconds)
        return steps * rate * seconds

    return gained


@dataclass
class Tenant:
    """The other side: a token bucket that tells what Auth0 tells."""

    rate: float
    size: int
    refill: Refill = smooth
    step: float | None = None
    headers: bool = True
    clock_off: float = 0.0
    level: float = field(init=False)
    at: float = 0.0

    def free_at(self, now: float) -> float:
        return now

    def __post_init__(self) -> None:
        self.level = float(self.size)

    def take(self, now: float) -> tuple[bool, Told]:
        self.level = min(self.size, self.level + self.refill(self.rate, self.at, now))
        self.at = now
        allowed = self.level >= 1 - 1e-9
        self.level -= allowed
        left = max(0.0, self.level)
        if self.step is None:
            reset = now + EPOCH + (math.floor(left) + 1 - left) / self.rate
        else:
            reset = (math.floor((now + EPOCH) / self.step) + 1) * self.step
        if not self.headers:
            return allowed, Told()
        told = Told(
            limit=self.size,
            remaining=int(left),
            reset=math.floor(reset + 1e-6 + self.clock_off),
            date=math.floor(now + EPOCH + self.clock_off),
        )
        return allowed, told


class World:
    """Discrete events: requests on their way, at a latency, of several processes."""

    def __init__(self, seed: int = 1) -> None:
        self.now = 0.0
        self.chance = random.Random(seed)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = 0

    def at(self, moment: float, event: Callable[[], None]) -> None:
        self._count += 1
        heapq.heappush(self._events, (moment, self._count, event))

    def run(self, until: float) -> None:
        while self._events and self._events[0][0] <= until:
            moment, _, event = heapq.heappop(self._events)
            self.now = max(self.now, moment)
            event()


class Stalling(Tenant):
    """A tenant that decides nothing for half a second, every two seconds."""

    def free_at(self, now: float) -> float:
        return max(now, math.floor(now / 2) * 2 + 0.5)


class Process:
    """Sends as its bucket model lets it, at most *width* at once."""

    def __init__(
        self,
        world: World,
        tenant: Tenant,
        share: float,
        quota: int,
        *,
        start: float = 0.0,
        latency: float = 0.14,
    ) -> None:
        self.world, self.tenant, self.quota, self.latency = world, tenant, quota, latency
        self.bucket = Bucket(share)
        self.width = 64
        self.under_way = 0
        self.done: list[float] = []
        self.limited = 0
        self.began = start
        self.wake = NEVER
        world.at(start, self.go)

    def go(self) -> None:
        while self.quota > 0 and self.under_way < self.width:
            moment = self.bucket.ready_at(self.world.now)
            if moment > self.world.now:
                if moment < NEVER and not self.world.now < self.wake <= moment:
                    self.wake = moment
                    self.world.at(moment, partial(self.woken, moment))
                return
            self.send()

    def woken(self, moment: float) -> None:
        if moment == self.wake:
            self.wake = NEVER
            self.go()

    def send(self) -> None:
        sent_at = self.world.now
        self.quota -= 1
        self.under_way += 1
        self.bucket.sent(sent_at)
        latency = self.latency + self.world.chance.uniform(-0.02, 0.02)
        decided = self.tenant.free_at(sent_at + latency / 2)
        self.world.at(decided, lambda: self.arrive(sent_at, latency))

    def arrive(self, sent_at: float, latency: float) -> None:
        allowed, told = self.tenant.take(self.world.now)
        self.world.at(self.world.now + latency / 2, lambda: self.answer(sent_at, told, allowed=allowed))

    def answer(self, sent_at: float, told: Told, *, allowed: bool) -> None:
        self.under_way -= 1
        self.bucket.answered(self.world.now, sent_at, told, limited=not allowed)
        if allowed:
            self.done.append(self.world.now)
        else:
            self.limited += 1
            self.quota += 1
        self.go()


def alone(tenant: Tenant, seconds: float) -> tuple[float, Process, int]:
    """Run one process with all it may use; returns simulated time over the ideal, the process, its requests."""
    world = World()
    count = int(tenant.size + tenant.rate * seconds)
    process = Process(world, tenant, 1.0, count)
    world.run(seconds * 5)
    assert len(process.done) == count
    return process.done[-1] / ((count - tenant.size) / tenant.rate), process, count


SMOOTH = [
    pytest.param(2.0, 2, 60, 1.10, id="2/s, 2"),
    pytest.param(2.0, 10, 60, 1.03, id="2/s, 10"),
    pytest.param(3.33, 20, 60, 1.03, id="3.33/s, 20"),
    pytest.param(16.0, 50, 20, 1.03, id="16/s, 50"),
    pytest.param(50.0, 50, 20, 1.03, id="50/s, 50"),
    pytest.param(250.0, 250, 20, 1.03, id="250/s, 250"),
]


@pytest.mark.parametrize(("rate", "size", "seconds", "most"), SMOOTH)
@pytest.mark.parametrize("clock_off", [0.0, 300.0, -300.0])
def test_alone_the_whole_refill_is_used_and_no_429_met(
    rate: float, size: int, seconds: float, most: float, clock_off: float
) -> None:
    ratio, process, _ = alone(Tenant(rate, size, clock_off=clock_off), seconds)

    assert ratio <= most
    assert process.limited == 0


@pytest.mark.parametrize(
    ("rate", "size", "seconds", "most"),
    [
        pytest.param(2.0, 2, 60, 1.10, id="2/s, 2"),
        pytest.param(2.0, 10, 60, 1.03, id="2/s, 10"),
        pytest.param(16.0, 50, 20, 1.03, id="16/s, 50"),
        pytest.param(50.0, 50, 60, 1.03, id="50/s, 50"),
        pytest.param(250.0, 250, 60, 1.03, id="250/s, 250"),
    ],
)
def test_a_refill_by_whole_seconds_is_used_as_well(
    rate: float, size: int, seconds: float, most: float
) -> None:
    ratio, process, count = alone(Tenant(rate, size, by_step(1.0), step=1.0), seconds)

    assert ratio <= most
    assert process.limited <= max(1, 0.005 * count)


def test_a_refill_by_whole_minutes_is_used_as_well() -> None:
    ratio, process, count = alone(Tenant(2.0, 150, by_step(60.0), step=60.0), 180)

    assert ratio <= 1.03
    assert process.limited <= max(1, 0.005 * count)


@pytest.mark.parametrize(("rate", "size"), [(2.0, 2), (16.0, 50), (50.0, 50), (250.0, 250)])
def test_without_headers_everything_gets_done(rate: float, size: int) -> None:
    ratio, _, _ = alone(Tenant(rate, size, headers=False), 30)

    assert ratio <= 1.5


@pytest.mark.parametrize(("rate", "size"), [(16.0, 50), (50.0, 50), (250.0, 250)])
@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("apart", [0.3, 0.05])
@pytest.mark.parametrize("seed", [1, 2])
def test_processes_share_alike(rate: float, size: int, count: int, apart: float, seed: int) -> None:
    world = World(seed)
    tenant = Tenant(rate, size)
    processes = [Process(world, tenant, 0.8, 10**9, start=n * apart) for n in range(count)]
    world.run(30)

    second_half = [sum(moment > 15 for moment in each.done) for each in processes]
    everything = sum(len(each.done) for each in processes)
    assert max(second_half) <= 1.2 * min(second_half)
    assert everything >= 0.95 * (rate * 30 + 0.8 * size)
    assert sum(each.limited for each in processes) <= 0.02 * everything


@pytest.mark.parametrize(("rate", "size"), [(16.0, 50), (50.0, 50), (250.0, 250)])
@pytest.mark.parametrize("count", [2, 4])
def test_a_tenant_that_stalls_sets_nothing_swinging(rate: float, size: int, count: int) -> None:
    world = World()
    tenant = Stalling(rate, size)
    processes = [Process(world, tenant, 0.8, 10**9, start=n * 0.05) for n in range(count)]
    world.run(30)

    second_half = [sum(moment > 15 for moment in each.done) for each in processes]
    everything = sum(len(each.done) for each in processes)
    assert max(second_half) <= 1.25 * min(second_half)
    assert everything >= 0.9 * (rate * 30 + 0.8 * size)


@pytest.mark.parametrize(("rate", "size"), [(16.0, 50), (250.0, 250)])
def test_production_keeps_its_reserve(rate: float, size: int) -> None:
    world = World()
    tenant = Tenant(rate, size)
    ours = Process(world, tenant, 0.8, 10**9)
    burst = int(0.2 * size / 2)
    served = [0, 0]

    def production() -> None:
        for _ in range(burst):
            served[tenant.take(world.now)[0]] += 1
        world.at(world.now + world.chance.uniform(0.5, 1.5) * burst / (rate * 0.3), production)

    world.at(0.5, production)
    world.run(60)

    assert served[False] <= 0.005 * sum(served)
    assert len(ours.done) + served[True] >= 0.95 * (rate * 60 + 0.8 * size)


def test_a_retry_after_is_obeyed() -> None:
    bucket = Bucket(1.0)
    bucket.sent(0.0)
    bucket.answered(0.1, 0.0, Told(retry_after=7.0), limited=True)

    assert bucket.ready_at(0.1) == pytest.approx(7.1)


def test_a_lost_answer_keeps_its_token_spent() -> None:
    bucket = Bucket(1.0)
    bucket.sent(0.0)
    bucket.answered(0.1, 0.0, Told(limit=10, remaining=1), limited=False)
    bucket.sent(1.0)
    bucket.lost()

    assert bucket.known == 0
    assert bucket.pending == 0
    assert 1.0 < bucket.ready_at(1.0) < NEVER


NUMBERS = st.none() | st.sampled_from([0, 1, 2, 10, 50, 10**12])
SECONDS = st.none() | st.sampled_from([0.0, 5.0, EPOCH, EPOCH + 30, 1e12])
LIES = st.builds(Told, NUMBERS, NUMBERS, SECONDS, SECONDS, SECONDS)
EVENTS = st.lists(
    st.tuples(st.sampled_from(["lost", "answer", "429"]), LIES, st.sampled_from([0.0, 0.14, 3.0]))
)


@given(st.sampled_from([1.0, 0.8, 1e-9]), EVENTS)
def test_whatever_a_tenant_tells_a_request_may_leave_within_a_minute(
    share: float, events: list[tuple[str, Told, float]]
) -> None:
    bucket, now, under_way = Bucket(share), 0.0, deque[float]()
    for what, told, seconds in events:
        if not under_way:
            moment = bucket.ready_at(now)
            assert moment <= now + LONGEST_PAUSE_S + 0.001
            now = max(now, moment)
        if bucket.ready_at(now) <= now:
            bucket.sent(now)
            under_way.append(now)
        if under_way and (what != "lost" or len(under_way) > 1):
            now += seconds
            bucket.answered(now, under_way.popleft(), told, limited=what == "429")
        elif under_way:
            under_way.popleft()
            bucket.lost()
        assert bucket.pending == len(under_way)


def test_a_tenant_that_refuses_all_day_is_asked_once_a_minute() -> None:
    bucket, now = Bucket(1.0), 0.0
    for _ in range(1_200):
        now = bucket.ready_at(now)
        bucket.sent(now)
        bucket.answered(now, now, Told(limit=10, remaining=0), limited=True)

    assert now < bucket.ready_at(now) <= now + LONGEST_PAUSE_S


def test_a_reset_told_in_years_is_not_waited_for() -> None:
    bucket, now = Bucket(1.0), 0.0
    for _ in range(20):
        now = bucket.ready_at(now)
        bucket.sent(now)
        told = Told(limit=10, remaining=0, reset=(EPOCH + now) * 1000, date=math.floor(EPOCH + now))
        bucket.answered(now, now, told, limited=True)

    assert bucket.ready_at(now) <= now + LONGEST_PAUSE_S
