"""A tenant whose answers tell nothing of the limit: only 429s do."""

from __future__ import annotations

import random

import pytest

from airflow_provider_auth0link.api.blind import NEVER
from airflow_provider_auth0link.api.bucket import Bucket, Told
from tests.api.test_bucket import Process, Tenant, World, alone, by_step


class Lying(Tenant):
    """A tenant that refuses a part of all requests, which means nothing."""

    def __init__(self, part: float, seed: int) -> None:
        super().__init__(1e6, 10**6, headers=False)
        self.part, self.chance = part, random.Random(seed)

    def take(self, now: float) -> tuple[bool, Told]:
        if self.chance.random() < self.part:
            return False, Told()
        return super().take(now)


def rate(process: Process, since: float, until: float) -> float:
    return sum(since < moment <= until for moment in process.done) / (until - since)


@pytest.mark.parametrize(
    ("tokens_per_s", "size", "seconds", "most", "limited"),
    [
        pytest.param(2.0, 2, 60, 1.10, 12, id="2/s, 2"),
        pytest.param(2.0, 10, 60, 1.03, 24, id="2/s, 10"),
        pytest.param(3.33, 20, 60, 1.03, 32, id="3.33/s, 20"),
        pytest.param(16.0, 50, 60, 1.02, 60, id="16/s, 50"),
        pytest.param(50.0, 50, 60, 1.02, 70, id="50/s, 50"),
        pytest.param(250.0, 250, 60, 1.03, 110, id="250/s, 250"),
    ],
)
def test_the_refill_is_used_and_few_429s_are_met(
    tokens_per_s: float, size: int, seconds: float, most: float, limited: int
) -> None:
    ratio, process, _ = alone(Tenant(tokens_per_s, size, headers=False), seconds)

    assert ratio <= most
    assert process.limited <= limited


@pytest.mark.parametrize(("tokens_per_s", "size"), [(2.0, 10), (16.0, 50), (50.0, 50), (250.0, 250)])
def test_429s_become_ever_rarer(tokens_per_s: float, size: int) -> None:
    world = World()
    process = Process(world, Tenant(tokens_per_s, size, headers=False), 1.0, 10**9)
    world.run(60)
    before, served = process.limited, len(process.done)
    world.run(200)

    assert process.limited - before <= 0.015 * (len(process.done) - served)
    assert rate(process, 60, 200) >= 0.98 * tokens_per_s


@pytest.mark.parametrize(("tokens_per_s", "size"), [(2.0, 10), (16.0, 50)])
def test_a_refill_by_whole_seconds_is_used_as_well(tokens_per_s: float, size: int) -> None:
    ratio, process, count = alone(Tenant(tokens_per_s, size, by_step(1.0), headers=False), 60)

    assert ratio <= 1.05
    assert process.limited <= 0.2 * count


def test_a_refill_by_whole_minutes_is_found_by_asking_one_by_one() -> None:
    world = World()
    process = Process(world, Tenant(2.0, 150, by_step(60.0), headers=False), 1.0, 10**9)
    world.run(600)

    assert len(process.done) >= 0.7 * (150 + 2.0 * 600)
    assert process.limited <= 0.25 * len(process.done)


@pytest.mark.parametrize(("tokens_per_s", "size"), [(2.0, 10), (16.0, 50), (250.0, 250)])
@pytest.mark.parametrize("times", [0.5, 0.25])
def test_a_limit_that_falls_is_followed_at_once(tokens_per_s: float, size: int, times: float) -> None:
    world = World()
    tenant = Tenant(tokens_per_s, size, headers=False)
    process = Process(world, tenant, 1.0, 10**9)
    world.run(60)
    before = process.limited
    tenant.take(world.now)
    tenant.rate *= times
    world.run(90)

    assert rate(process, 65, 90) >= 0.85 * tenant.rate
    assert process.limited - before <= max(30, tokens_per_s)


@pytest.mark.parametrize(("tokens_per_s", "size"), [(2.0, 10), (16.0, 50), (50.0, 50)])
def test_a_limit_that_rises_is_found_again(tokens_per_s: float, size: int) -> None:
    world = World()
    tenant = Tenant(tokens_per_s, size, headers=False)
    process = Process(world, tenant, 1.0, 10**9)
    world.run(60)
    tenant.take(world.now)
    tenant.rate *= 2
    world.run(240)

    assert rate(process, 180, 240) >= 0.7 * tenant.rate


@pytest.mark.parametrize(("tokens_per_s", "size"), [(2.0, 10), (16.0, 50), (50.0, 50), (250.0, 250)])
@pytest.mark.parametrize("apart", [0.3, 10.0])
def test_two_processes_come_to_similar_shares(tokens_per_s: float, size: int, apart: float) -> None:
    world = World()
    tenant = Tenant(tokens_per_s, size, headers=False)
    processes = [Process(world, tenant, 1.0, 10**9, start=n * apart) for n in range(2)]
    world.run(240)

    shares = [rate(each, 120, 240) for each in processes]
    assert max(shares) <= 3 * min(shares)
    assert sum(shares) >= 0.93 * tokens_per_s
    assert sum(each.limited for each in processes) <= 0.1 * sum(len(each.done) for each in processes)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("part", "width", "least"),
    [
        pytest.param(0.02, 4, 24.0, id="2 %, 4 threads"),
        pytest.param(0.033, 4, 21.0, id="3.3 %, 4 threads"),
        pytest.param(0.1, 4, 13.0, id="10 %, 4 threads"),
        pytest.param(0.3, 4, 1.5, id="30 %, 4 threads"),
        pytest.param(0.02, 64, 60.0, id="2 %, 64 threads"),
        pytest.param(0.033, 64, 46.0, id="3.3 %, 64 threads"),
        pytest.param(0.1, 64, 25.0, id="10 %, 64 threads"),
        pytest.param(0.3, 64, 1.5, id="30 %, 64 threads"),
    ],
)
def test_429s_that_mean_nothing_hardly_slow_a_process_down(
    part: float, width: int, least: float, seed: int
) -> None:
    world = World(seed)
    process = Process(world, Lying(part, seed), 1.0, 10**9)
    process.width = width
    world.run(120)

    assert rate(process, 10, 120) >= least


def test_what_a_limit_gains_is_used_though_a_tenant_refuses_at_random() -> None:
    world = World()
    tenant = Lying(0.02, 1)
    tenant.rate, tenant.size, tenant.level = 50.0, 50, 50.0
    process = Process(world, tenant, 1.0, 10**9)
    world.run(120)

    assert rate(process, 10, 120) >= 25.0
    assert process.limited <= 0.1 * len(process.done)


class Script:
    """A bucket, and the answers to what it sent, one by one."""

    def __init__(self) -> None:
        self.bucket = Bucket(1.0)

    def send(self, *moments: float) -> None:
        for moment in moments:
            assert self.bucket.ready_at(moment) == moment
            self.bucket.sent(moment)

    def answer(self, now: float, sent_at: float, *, limited: bool = False) -> None:
        self.bucket.answered(now, sent_at, Told(), limited=limited)

    def with_a_rate(self) -> Script:
        """Four were served, and an empty bucket refused three in a row."""
        for moment in (0.0, 0.2, 0.4, 0.6):
            self.send(moment)
            self.answer(moment + 0.1, moment)
        for moment in (0.8, 0.9, 1.0):
            self.send(moment)
            self.answer(moment + 0.1, moment, limited=True)
        assert self.bucket.ready_at(1.1) > 1.1
        return self


def test_after_a_429_nothing_leaves_until_something_has_passed() -> None:
    script = Script()
    script.send(0.0, 0.01)
    script.answer(0.1, 0.0, limited=True)

    assert script.bucket.ready_at(0.105) == NEVER
    script.answer(0.11, 0.01)
    assert script.bucket.ready_at(0.11) == 0.11


def test_where_nothing_is_under_way_one_request_asks_whether_something_passes() -> None:
    script = Script()
    script.send(0.0)
    script.answer(0.1, 0.0, limited=True)
    script.send(0.1)

    assert script.bucket.ready_at(0.15) == NEVER


def in_doubt() -> tuple[Script, float]:
    """Return a script with a rate where one of two under way was refused, the other served, and when that was."""
    script = Script().with_a_rate()
    first = script.bucket.ready_at(1.1)
    script.send(first)
    script.answer(first + 0.1, first)
    first = script.bucket.ready_at(first + 0.1)
    script.send(first)
    second = script.bucket.ready_at(first)
    script.send(second)
    script.answer(second + 0.1, first, limited=True)
    assert script.bucket.ready_at(second + 0.1) == NEVER
    script.answer(second + 0.2, second)
    return script, second + 0.2


def test_a_429_that_proves_little_is_tested_by_three_that_leave_at_once_whatever_the_rate() -> None:
    script, now = in_doubt()
    script.send(now, now, now)

    assert script.bucket.ready_at(now) > now


def test_two_of_the_three_decide() -> None:
    ends: list[float] = []
    for limited in (False, True):
        script, now = in_doubt()
        script.send(now, now, now)
        script.answer(now + 0.1, now, limited=not limited)
        script.answer(now + 0.1, now, limited=limited)
        script.answer(now + 0.1, now, limited=limited)
        ends.append(script.bucket.ready_at(now + 0.1))

    refuted, believed = ends
    assert believed > refuted


def test_a_tenant_that_refuses_for_long_is_asked_now_and_then() -> None:
    bucket, now, asked = Bucket(1.0), 0.0, 0
    while now < 600:
        now = bucket.ready_at(now)
        bucket.sent(now)
        now += 0.1
        bucket.answered(now, now - 0.1, Told(), limited=True)
        asked += 1

    assert 70 <= asked <= 100
