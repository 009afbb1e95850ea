"""Whatever goes wrong, whenever a worker dies, in several runs and undos: each link once, and all comes back."""

from __future__ import annotations

import copy
import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from airflow_provider_auth0link.errors import (
    AmbiguousError,
    Auth0LinkError,
    BadRequestError,
    RateLimitedError,
    UnsentError,
)
from airflow_provider_auth0link.linking import engine
from airflow_provider_auth0link.linking.options import CARRIED, METADATA
from airflow_provider_auth0link.model import UserId
from tests.fakes.store import Died, DroppingStore
from tests.fakes.tenant import FakeTenant, Trouble
from tests.linking.rig import Rig
from tests.undo.test_any_world import worlds

VERBS = ("get_user", "update_user", "link", "unlink")
RIGHTS = ("add_roles", "remove_roles", "add_permissions", "add_member", "remove_member", "add_member_roles")
MOST_STEPS = 40


def die() -> None:
    raise Died


def trouble(chance: random.Random, verb: str, *, refusals: bool) -> Trouble:
    """Return something that goes wrong with a request."""
    kinds: list[Trouble] = [
        Trouble(AmbiguousError("lost"), done=True),
        Trouble(AmbiguousError("lost"), done=False),
        Trouble(RateLimitedError("429")),
        Trouble(UnsentError("unsent")),
        Trouble(before=die),
        Trouble(after=die),
    ]
    if refusals and verb == "link":
        kinds.append(Trouble(BadRequestError("Auth0 answered 400: Unable to link")))
    return chance.choice(kinds)


class Rough(FakeTenant):
    """A tenant that counts the links that it made, and at which there is time for another try or none."""

    applied: Counter[tuple[str, str]]
    patient = True

    def rest(self, attempt: int) -> bool:
        self.clock.sleep(attempt)
        return self.patient

    def _link(self, primary: UserId, secondary: UserId, connection_id: str | None) -> Any:
        done = super()._link(primary, secondary, connection_id)
        self.applied[str(primary), str(secondary)] += 1
        return done


def roughly(rig: Rig, chance: random.Random, run: Callable[[], object], *, refusals: bool) -> None:
    """Run something while troubles strike, at times on a machine that dies; then they are over."""
    tenant = rig.tenant
    assert isinstance(tenant, Rough)
    tenant.patient = chance.random() < 0.4
    for _ in range(chance.randint(1, 4)):
        verb = chance.choice(VERBS * 3 + RIGHTS)
        tenant.meets(verb, *[None] * chance.randint(0, 6), trouble(chance, verb, refusals=refusals))
    dying = None
    if chance.random() < 0.4:
        steps, seed = chance.randint(0, MOST_STEPS), chance.randint(0, 99)
        dying = DroppingStore(steps, seed=seed, files=rig.store.files)
        dying.written, rig.store = list(rig.store.written), dying
    with suppress(Died, Auth0LinkError):
        run()
    if dying is not None:
        left = dying.survivors()
        left.written = [*dying.written, *(each for each in left.names() if each not in dying.written)]
        rig.store = left
    tenant.no_more_troubles()
    tenant.patient = True


@settings(max_examples=40)
@given(
    worlds(),
    st.sampled_from(["primary", "secondary", "secondary", "fail"]),
    st.sampled_from([CARRIED, METADATA]),
    st.integers(0, 2**32),
)
def test_of_any_world_all_comes_back_whatever_went_wrong(
    world: tuple[FakeTenant, list[list[str]]], conflicts: str, carry: tuple[str, ...], seed: int
) -> None:
    found, plan = world
    tenant = Rough(*found.users.values(), rights=found.rights)
    tenant.applied = Counter()
    before = copy.deepcopy(Rig(tenant).state())
    rig, chance = Rig(tenant), random.Random(seed)

    def link() -> dict[str, Any]:
        return rig.link(plan, conflicts=conflicts, carry=carry)

    with pytest.MonkeyPatch.context() as quick:
        quick.setattr(engine, "GATHER_S", 0.005)
        quick.setattr(engine, "TICK_S", 0.005)
        for _ in range(2):
            done = Counter(tenant.applied)
            for _ in range(chance.randint(0, 2)):
                roughly(rig, chance, link, refusals=True)
            counts = link()

            assert not {"failed", "unknown"} & counts.keys()
            assert all(times <= 1 for times in (tenant.applied - done).values())
            linked = copy.deepcopy(rig.state())
            assert link() == counts
            assert rig.state() == linked

            for _ in range(chance.randint(0, 2)):
                some = chance.choice([None, [chance.choice(plan)[1]]])
                roughly(rig, chance, partial(rig.undo, some), refusals=False)
            undone = rig.undo()
            assert undone.get("planned", 0) == undone.get("undone", 0)
            assert rig.state() == before
            if conflicts != "secondary":  # there an undo that was stopped may call its own work another's
                assert [row["left"] for row in rig.records("undo_outcome") if row.get("left")] == []
