from __future__ import annotations

import heapq
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, strategies as st

from airflow_provider_auth0link.api.width import LEAST, MOST, Width
from tests.fakes.clock import FakeClock


@dataclass
class World:
    """
    A tenant in simulated time, kept busy with as many requests at once as are said to be worth it.

    :param latency: seconds of an answer that meets no queue, by the number of the request
    :param pace: requests that may begin per second
    :param workers: answers that the tenant works on at once; the others queue
    """

    latency: Callable[[int], float] = lambda _: 0.14
    pace: float = 1e9
    workers: int = 10_000
    clock: FakeClock = field(default_factory=FakeClock)
    widths: list[tuple[float, int]] = field(default_factory=list)
    answers: int = 0

    def __post_init__(self) -> None:
        self.width = Width(self.clock)
        self._under_way: list[tuple[float, float, int]] = []
        self._free = [0.0] * self.workers
        self._turn = self.clock()
        self._sent = 0

    def run(self, seconds: float) -> None:
        ends = self.clock() + seconds
        while self.clock() < ends:
            while len(self._under_way) < self.width.value():
                self._send()
            done_at, sent_at, _ = heapq.heappop(self._under_way)
            self.clock.pass_by(max(done_at - self.clock(), 0.0))
            self.answers += 1
            self.width.answered("read", done_at - sent_at, done=True)
            self.widths.append((self.clock(), self.width.value()))

    def _send(self) -> None:
        self._turn = max(self._turn + 1 / self.pace, self.clock())
        self._sent += 1
        began = max(self._turn, heapq.heappop(self._free))
        done = began + self.latency(self._sent)
        heapq.heappush(self._free, done)
        heapq.heappush(self._under_way, (done, self._turn, self._sent))

    def since(self, seconds: float) -> list[int]:
        """Return the widths of the last so many seconds."""
        return [width for at, width in self.widths if at > self.clock() - seconds]


def jittered(seconds: float) -> Callable[[int], float]:
    chance = random.Random(7)
    return lambda _: seconds * (1 + chance.expovariate(10))


@pytest.mark.parametrize(
    ("pace", "least", "most"),
    [
        pytest.param(2.0, 4, 4, id="2/s"),
        pytest.param(16.0, 5, 8, id="16/s"),
        pytest.param(50.0, 11, 16, id="50/s"),
        pytest.param(250.0, 40, 60, id="250/s"),
        pytest.param(3000.0, 128, 128, id="more than there are connections for"),
    ],
)
@pytest.mark.parametrize(
    "latency",
    [
        pytest.param(lambda: lambda _: 0.14, id="even"),
        pytest.param(lambda: jittered(0.14), id="jittered"),
    ],
)
def test_the_width_finds_what_a_pace_and_a_latency_ask_for(
    pace: float, least: int, most: int, latency: Callable[[], Callable[[int], float]]
) -> None:
    world = World(latency(), pace)
    world.run(max(16.0, min(60.0, 5_000 / pace)))

    assert {least <= each <= most for each in world.since(3)} == {True}


@pytest.mark.parametrize("pace", [16.0, 50.0, 250.0])
def test_the_width_lets_the_pace_be_reached(pace: float) -> None:
    world = World(jittered(0.14), pace)
    world.run(20)
    before = world.answers
    world.run(10)

    assert world.answers - before > 0.97 * 10 * pace


@pytest.mark.parametrize("workers", [1, 2])
def test_a_server_that_is_no_quicker_for_more_at_once_gets_few(workers: int) -> None:
    world = World(lambda _: 0.01, workers=workers)
    world.run(200)

    assert max(world.since(190)) <= 3 * LEAST


def test_a_server_that_works_on_ten_at_once_gets_about_ten() -> None:
    world = World(lambda _: 0.1, workers=10)
    world.run(200)

    widths = world.since(150)
    about_ten = [each for each in widths if 10 <= each <= 20 or each == LEAST]
    assert len(about_ten) > 0.7 * len(widths)
    assert max(widths) <= 30  # tried now and then, and given up


def long_tailed(shortest: float, mean: float) -> Callable[[int], float]:
    chance = random.Random(3)
    return lambda _: shortest + chance.expovariate(1 / (mean - shortest))


def test_requests_without_an_answer_do_not_hold_a_run_back() -> None:
    clock = FakeClock()
    width = Width(clock)
    chance = random.Random(5)
    under_way: list[tuple[float, bool, float]] = []
    answers = [0, 0]
    while clock() < 240:
        while len(under_way) < width.value():
            lost = chance.random() < 0.3
            seconds = 2.0 if lost else 0.05
            heapq.heappush(under_way, (clock() + seconds, lost, seconds))
        done_at, lost, seconds = heapq.heappop(under_way)
        clock.pass_by(max(done_at - clock(), 0.0))
        if lost:
            width.spent("read", seconds)
        else:
            width.answered("read", seconds, done=True)
            answers[clock() > 120] += 1

    assert answers[1] / 120 > 10 * LEAST  # four at once, of which each takes 0.6 s, gave five in a second


@pytest.mark.parametrize(
    ("latency", "pace"),
    [
        pytest.param(long_tailed(0.05, 0.15), 50.0, id="three times the shortest on average, 50/s"),
        pytest.param(long_tailed(0.05, 0.15), 250.0, id="three times the shortest on average, 250/s"),
        pytest.param(long_tailed(0.02, 0.2), 100.0, id="ten times the shortest on average, 100/s"),
    ],
)
def test_answers_of_very_different_lengths_do_not_hold_a_run_back(
    latency: Callable[[int], float], pace: float
) -> None:
    world = World(latency, pace)
    world.run(120)
    before = world.answers
    world.run(60)

    assert world.answers - before > 0.9 * 60 * pace


def test_latency_that_rises_for_good_is_learned() -> None:
    world = World(lambda _: 0.02 if world.clock() < 150 else 0.2, pace=100)
    world.run(200)

    assert {28 <= each <= 36 for each in world.since(5)} == {True}


def test_one_answer_much_too_quick_is_forgotten() -> None:
    world = World(lambda number: 0.001 if number == 50 else 0.14, pace=100)
    world.run(120)

    assert {21 <= each <= 25 for each in world.since(20)} == {True}


def test_refusals_are_not_taken_for_quick_answers() -> None:
    clock = FakeClock()
    width = Width(clock)
    for number in range(400):
        clock.pass_by(0.01)
        width.answered("read", 0.2 if number % 2 else 0.001, done=bool(number % 2))

    assert width.value() == 32  # 1.5 * 100/s * 0.2 s + 2


def test_a_class_of_slow_routes_counts_for_itself() -> None:
    clock = FakeClock()
    width = Width(clock)
    for _ in range(400):
        clock.pass_by(0.02)
        width.answered("read", 0.1, done=True)
        width.answered("write", 0.5, done=True)

    assert 42 <= width.value() <= 49  # 1.5 * (50/s * 0.1 s + 50/s * 0.5 s) + 2


def test_nothing_known_and_nothing_done_lately_is_the_least() -> None:
    clock = FakeClock()
    width = Width(clock)
    assert width.value() == LEAST
    for _ in range(100):
        clock.pass_by(0.01)
        width.answered("read", 0.5, done=True)
    assert width.value() > LEAST
    clock.pass_by(10)

    assert width.value() == LEAST


@given(
    st.lists(
        st.tuples(
            st.sampled_from("abc"),
            st.floats(min_value=0, max_value=600),
            st.floats(min_value=0, max_value=600),
            st.booleans(),
        )
    )
)
def test_the_width_stays_within_its_bounds(answers: list[tuple[str, float, float, bool]]) -> None:
    clock = FakeClock()
    width = Width(clock)
    for lane, passes, seconds, done in answers:
        clock.pass_by(passes)
        width.answered(lane, seconds, done=done)
        assert LEAST <= width.value() <= MOST


def test_threads_may_tell_at_once() -> None:
    clock = FakeClock()
    width = Width(clock)

    def tell() -> None:
        for _ in range(500):
            width.answered("read", 0.1, done=True)
            width.value()

    threads = [threading.Thread(target=tell) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert width.value() == MOST  # 4,000 answers in a quarter of a second
