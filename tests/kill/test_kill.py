"""
A run that is killed at any moment is gone on with by the next one, as if nothing had been.

The worker is a process of its own, killed by SIGKILL: at every write of its journal in turn, and at moments drawn by
seed, on tenants that answer a repeated link with 409 and with 400. Then another one resumes. Or it only sleeps, and
wakes up beside the one that took its place. A few of these cases run with all other tests; the whole is
``make test-kill``.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from tests.kill.case import Case, Report
from tests.kill.cases import SURE_WRITES, Command, Lanes, asleep, at_every_write, at_random, lanes, over_http
from tests.kill.worker import Death

PAIRS, FEW_PAIRS = 500, 150
SEEDS, SEED = (0, 1), 0
MOMENTS, UNDO_MOMENTS, HTTP_MOMENTS, SLEEPS = 100, 20, 6, 24


def drawn(all_: Lanes) -> list[Case]:
    """A few cases of all kinds."""
    links = list(at_random("link", range(5), FEW_PAIRS, all_.references))
    undos = list(at_random("undo", range(3), FEW_PAIRS, all_.references))
    sleeps = [
        *asleep("link", range(2), FEW_PAIRS, all_.references),
        *asleep("undo", range(2, 5), FEW_PAIRS, all_.references),
    ]
    http = list(over_http("link", range(1), FEW_PAIRS, all_.references))
    deaths = [
        Case("link", 0, 0, FEW_PAIRS, death=Death(0, "named", drops=True)),
        Case("link", 1, 1, FEW_PAIRS, death=Death(3, "filled")),
        Case("link", 0, 2, FEW_PAIRS, death=Death(4, "named", drops=True)),
        Case("undo", 1, 3, FEW_PAIRS, death=Death(2, "named")),
    ]
    return [*links, *undos, *sleeps, *http, *deaths]


@pytest.fixture(scope="module")
def some(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Future[Report]]]:
    with lanes(SEEDS, FEW_PAIRS, str(tmp_path_factory.mktemp("some"))) as opened:
        yield opened.begin(drawn(opened))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lanes]:
    with lanes(SEEDS, PAIRS, str(tmp_path_factory.mktemp("whole"))) as opened:
        yield opened


@pytest.mark.parametrize("number", range(18))
def test_a_run_struck_at_a_drawn_moment_is_gone_on_with(some: list[Future[Report]], number: int) -> None:
    report = some[number].result()

    assert report.wrong == (), report.case
    assert report.struck, report.case


@pytest.mark.kill
def test_an_undisturbed_run_holds_and_its_undo_restores_the_tenant(whole: Lanes) -> None:
    assert {seed: each.wrong for seed, each in whole.references.items()} == dict.fromkeys(SEEDS, ())


@pytest.mark.kill
def test_a_link_run_killed_at_every_write_is_gone_on_with(whole: Lanes) -> None:
    writes = whole.references[SEED].writes["link"]
    reports = ended(whole, list(at_every_write("link", SEED, PAIRS, writes)), "every write, link")

    assert {each.case for each in reports if not each.struck and is_sure(each.case)} == set()


@pytest.mark.kill
def test_an_undo_killed_at_every_write_is_gone_on_with(whole: Lanes) -> None:
    writes = whole.references[SEED].writes["undo"]
    reports = ended(whole, list(at_every_write("undo", SEED, PAIRS, writes)), "every write, undo")

    assert {each.case for each in reports if not each.struck and is_sure(each.case)} == set()


@pytest.mark.kill
def test_a_link_run_killed_at_a_hundred_moments_is_gone_on_with(whole: Lanes) -> None:
    cases = list(at_random("link", range(MOMENTS), PAIRS, whole.references))

    assert all(each.struck for each in ended(whole, cases, "moments, link"))


@pytest.mark.kill
def test_an_undo_killed_at_drawn_moments_is_gone_on_with(whole: Lanes) -> None:
    cases = list(at_random("undo", range(UNDO_MOMENTS), PAIRS, whole.references))

    assert all(each.struck for each in ended(whole, cases, "moments, undo"))


@pytest.mark.kill
def test_a_run_over_http_killed_at_drawn_moments_is_gone_on_with(whole: Lanes) -> None:
    cases = list(over_http("link", range(HTTP_MOMENTS), PAIRS, whole.references))

    assert all(each.struck for each in ended(whole, cases, "moments over HTTP, link"))


@pytest.mark.kill
@pytest.mark.parametrize("command", ["link", "undo"])
def test_a_worker_that_sleeps_and_its_retry_do_no_harm_to_each_other(whole: Lanes, command: Command) -> None:
    cases = list(asleep(command, range(SLEEPS), PAIRS, whole.references))

    assert all(each.struck for each in ended(whole, cases, f"two workers alive, {command}"))


def is_sure(case: Case) -> bool:
    """Tell whether a run writes so often in any case."""
    return case.death is not None and case.death.write < SURE_WRITES


def ended(whole: Lanes, cases: list[Case], name: str) -> list[Report]:
    """Run cases to their end. What does not hold is told with the case, which says how to meet it again."""
    reports = [each.result() for each in whole.begin(cases)]
    wrong = [f"{each.case}\n    " + "\n    ".join(each.wrong) for each in reports if each.wrong]
    seconds = sum(each.seconds for each in reports)
    struck = sum(each.struck for each in reports)
    print(f"\n{name}: {len(reports)} runs, {struck} struck, {len(wrong)} wrong, {seconds:.0f} s of work")
    assert not wrong, "\n".join(wrong[:10])
    return reports
