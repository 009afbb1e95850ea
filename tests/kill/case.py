"""One case: a worker that dies, or falls asleep, at one moment; another that goes on; and what has to hold then."""

from __future__ import annotations

import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from airflow_provider_auth0link.emulator.server import Emulator
from tests.kill import checks
from tests.kill.scene import Moment, Scene, Told
from tests.kill.worker import Death
from tests.kill.world import Json, World, world

VARIANTS: tuple[dict[str, Any], ...] = (
    {"relink_status": 409, "missing_status": 404},
    {"relink_status": 400, "missing_status": 400},
    {"relink_status": "missing", "elsewhere_status": "missing", "missing_status": 404},
    {"relink_status": 409, "missing_status": 400, "unlink_missing_status": 404},
)
"""How tenants answer a repeated link, and a missing account."""

NESTED_ORDERS = ("root_first", "root_last")
DRAIN_S = 60.0

Wake = Literal["after", "beside", "between"]
"""When a stopped worker goes on: after its retry's end, beside it, or while the retry is stopped in its turn."""


@dataclass(frozen=True)
class Case:
    """
    One case.

    :param seed: of the world
    :param variant: which of the tenant's readings
    :param death: in a write of the journal; or
    :param moment: at a request; None of both: it is not struck
    :param over_http: whether the workers come over HTTP; then only the moment's number counts
    :param wake: not None: the worker is not killed but stopped, and goes on beside its retry
    :param turn: at which of the retry's requests it does
    """

    command: Literal["link", "undo"]
    seed: int
    variant: int
    pairs: int = 500
    death: Death | None = None
    moment: Moment | None = None
    over_http: bool = False
    wake: Wake | None = None
    turn: Moment | None = None


@dataclass(frozen=True)
class Reference:
    """The undisturbed run and its undo: the tenant between and after, and a copy of the link's journal."""

    linked: list[Json]
    undone: list[Json]
    links: dict[tuple[str, str], int]
    told: dict[str, Told]
    requests: dict[str, int]
    writes: dict[str, int]
    journal: str
    wrong: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """What became of a case: whether the worker was struck, and everything that does not hold."""

    case: Case
    struck: bool
    wrong: tuple[str, ...]
    seconds: float


def tenant_of(case: Case, users: list[Json]) -> Emulator:
    """Build the tenant of a case."""
    options = VARIANTS[case.variant % len(VARIANTS)]
    nested = NESTED_ORDERS[case.seed % len(NESTED_ORDERS)]
    return Emulator(users=users, keep_requests=200_000, nested_order=nested, **options)


def reference(seed: int, pairs: int, folder: str) -> Reference:
    """Link a world and take it back, undisturbed."""
    here = world(seed, pairs)
    with tenant_of(Case("link", seed, 0), here.users) as tenant, Scene(tenant, here.plan) as scene:
        before = tenant.state(volatile=False)
        told, writes = {}, {}
        told["link"] = scene.run("link", "link")
        linked, links = tenant.state(volatile=False), tenant.links_applied
        wrong = checks.counts_hold("link", told["link"]) + checks.nothing_lost(here, scene)
        journal = str(Path(folder) / f"journal-{seed}")
        shutil.copytree(scene.journal, journal)
        writes["link"] = len(list(Path(journal).iterdir()))
        told["undo"] = scene.run("undo", "undo")
        writes["undo"] = len(list(Path(scene.journal).iterdir())) - writes["link"]
        wrong += checks.counts_hold("undo", told["undo"]) + checks.same_tenant(scene, before)
        return Reference(
            linked,
            tenant.state(volatile=False),
            links,
            {name: each or {} for name, each in told.items()},
            {name: scene.line.requests_of(name) for name in told},
            writes,
            journal,
            tuple(wrong),
        )


def run(case: Case, expected: Reference) -> Report:
    """Run a case. What goes wrong is reported, never raised: the case is its name."""
    began = time.monotonic()
    here = world(case.seed, case.pairs)
    users = here.users if case.command == "link" else expected.linked
    try:
        with tenant_of(case, users) as tenant, Scene(tenant, here.plan) as scene:
            if case.command == "undo":
                shutil.copytree(expected.journal, scene.journal)
            struck, wrong = (_slept if case.wake else _killed)(case, scene, here, expected)
    except Exception as error:
        struck, wrong = False, [f"{type(error).__name__}: {error}"]
    return Report(case, struck, tuple(wrong), time.monotonic() - began)


def _killed(case: Case, scene: Scene, here: World, expected: Reference) -> tuple[bool, list[str]]:
    first = scene.worker(
        "first", case.command, death=case.death, moment=case.moment, over_http=case.over_http
    )
    code = first.ended()
    wrong = [] if first.is_killed or code == 0 else [f"the worker ended with {code}"]
    if not scene.line.drained(DRAIN_S):
        wrong.append("requests of the killed worker are still going on")
    wrong += checks.nothing_lost(here, scene)
    wrong += _resumed(case, scene, here, expected, ("first", "second"))
    return first.is_killed, wrong


def _resumed(
    case: Case, scene: Scene, here: World, expected: Reference, workers: tuple[str, ...]
) -> list[str]:
    """Let another worker go on, and look at the end."""
    done = checks.done_pairs(scene, case.command)
    scene.tenant.clear_requests()
    told = scene.run(workers[-1], case.command, over_http=case.over_http, number=len(workers))
    wrong = checks.counts_hold(case.command, told)
    if told is not None:
        wrong += checks.counts_equal(case.command, told, expected.told[case.command], len(done))
    wrong += checks.nothing_asked_about(done, here.plan, scene.asked_by(workers[-1]))
    wrong += checks.nothing_lost(here, scene)
    wanted = expected.linked if case.command == "link" else expected.undone
    wrong += checks.same_tenant(scene, wanted, in_order=case.wake is None)
    if case.command == "link":
        wrong += checks.links_applied(scene, expected.links)
    elif not case.over_http:
        wrong += checks.unlinks_applied(scene, expected.links, workers)
    return wrong


def _slept(case: Case, scene: Scene, here: World, expected: Reference) -> tuple[bool, list[str]]:
    first = scene.worker("first", case.command, moment=case.moment, stroke=signal.SIGSTOP)
    if not first.until_struck():
        return False, _resumed(case, scene, here, expected, ("first", "second"))
    turn = None if case.wake == "after" else case.turn
    second = scene.worker("second", case.command, moment=turn, stroke=signal.SIGSTOP, number=2)
    if case.wake == "after":
        second.ended()
    else:
        second.until_struck()
    if case.wake == "beside":
        second.wake()
    first.wake()
    first.ended()
    second.wake()
    second.ended()
    wrong = [*checks.counts_hold(case.command, first.told), *checks.counts_hold(case.command, second.told)]
    wrong += _resumed(case, scene, here, expected, ("first", "second", "third"))
    if case.command == "link":  # what both carried is taken back, whose numbers tell no common order
        wrong += checks.counts_hold("undo", scene.run("undo", "undo"))
        wrong += checks.same_tenant(scene, expected.undone, in_order=False)
    return True, wrong
