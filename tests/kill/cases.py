"""The cases of the kill test: every write of the journal, and moments drawn by seed."""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Literal

from tests.kill.case import Case, Reference, Report, Wake, reference, run
from tests.kill.disk import Point
from tests.kill.scene import FORKS, Moment
from tests.kill.worker import Death

Command = Literal["link", "undo"]
DEATHS: tuple[tuple[Point, bool], ...] = (
    ("begun", False),
    ("filled", False),
    ("named", False),
    ("named", True),
)
"""Before a write, with the temporary file, with the file's name; and that name lost, since it was not synced."""

WAKES: tuple[Wake, ...] = ("after", "beside", "between")
LANES = 2
SURE_WRITES = 5
"""Groups are committed by the clock: how often a run writes depends on its speed, but so often it always does."""


@dataclass(frozen=True)
class Lanes:
    """Processes that run cases, and the undisturbed runs of the worlds, by seed."""

    pool: ProcessPoolExecutor
    references: Mapping[int, Reference]

    def begin(self, cases: Iterable[Case]) -> list[Future[Report]]:
        """Begin cases."""
        return [self.pool.submit(run, case, self.references[case.seed]) for case in cases]


@contextmanager
def lanes(seeds: Iterable[int], pairs: int, folder: str) -> Iterator[Lanes]:
    """Open the lanes, and run the worlds undisturbed."""
    numbers = list(seeds)
    measured = {
        name: os.environ.pop(name) for name in list(os.environ) if name.startswith("COVERAGE_PROCESS")
    }
    with ProcessPoolExecutor(LANES, mp_context=FORKS) as pool:
        begun = [pool.submit(reference, seed, pairs, folder) for seed in numbers]
        os.environ.update(measured)  # killed processes measure nothing, only more slowly
        try:
            yield Lanes(pool, {seed: each.result() for seed, each in zip(numbers, begun, strict=True)})
        finally:
            pool.shutdown(cancel_futures=True)


def at_every_write(command: Command, seed: int, pairs: int, writes: int) -> Iterator[Case]:
    """Every write in turn, and some more than the undisturbed run made."""
    variants = count()
    for write in range(writes + 2):
        for point, drops in DEATHS:
            yield Case(command, seed, next(variants), pairs, death=Death(write, point, drops))


def at_random(
    command: Command, numbers: Iterable[int], pairs: int, all_: Mapping[int, Reference]
) -> Iterator[Case]:
    """Moments of a run, each drawn from its number."""
    for number in numbers:
        seed = sorted(all_)[number % len(all_)]
        chance = random.Random(f"moment {number}")
        moment = Moment.of(chance, all_[seed].requests[command])
        yield Case(command, seed, number, pairs, moment=moment)


def over_http(
    command: Command, numbers: Iterable[int], pairs: int, all_: Mapping[int, Reference]
) -> Iterator[Case]:
    """The same over HTTP."""
    for case in at_random(command, numbers, pairs, all_):
        yield Case(command, case.seed, case.variant, pairs, moment=case.moment, over_http=True)


def asleep(
    command: Command, numbers: Iterable[int], pairs: int, all_: Mapping[int, Reference]
) -> Iterator[Case]:
    """A worker that sleeps while its retry begins, and goes on after, beside or between it."""
    for number in numbers:
        seed = sorted(all_)[number % len(all_)]
        chance = random.Random(f"sleep {number}")
        requests = all_[seed].requests[command]
        moment, turn = Moment.of(chance, requests), Moment.of(chance, requests // 3)
        yield Case(command, seed, number, pairs, moment=moment, wake=WAKES[number % len(WAKES)], turn=turn)
