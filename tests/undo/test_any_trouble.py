"""Whatever goes wrong, whenever a worker dies, in several runs and undos: each link once, and all comes back."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
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
from airflow_provider_auth0link.model import Rights, UserId
from tests.fakes.store import Died, DroppingStore
from tests.fakes.tenant import FakeTenant, Trouble
from tests.linking.rig import Rig
from tests.undo.test_any_world import SECONDARIES, worlds

VERBS = ("link", "update_user", "unlink", "get_user")
RIGHTS = ("add_roles", "remove_roles", "add_permissions", "add_member", "remove_member", "add_member_roles")
MOST_STEPS = 40


def die() -> None:
    raise Died


TROUBLES: dict[str, Callable[[], Trouble]] = {
    "429": lambda: Trouble(RateLimitedError("429")),
    "unsent": lambda: Trouble(UnsentError("unsent")),
    "lost, done": lambda: Trouble(AmbiguousError("lost"), done=True),
    "lost, not done": lambda: Trouble(AmbiguousError("lost"), done=False),
    "dies before": lambda: Trouble(before=die),
    "dies after": lambda: Trouble(after=die),
    "400": lambda: Trouble(BadRequestError("Auth0 answered 400: Unable to link")),
}


@dataclass(frozen=True)
class Rough:
    """
    A run or an undo that goes wrong.

    ``only``: the secondary that is undone; None: a run, "" an undo of all. ``troubles``: what a call of a verb meets,
    after so many undisturbed ones. ``dying``: after how many steps the machine dies, and a seed of what is left.
    """

    only: str | None
    troubles: tuple[tuple[str, int, str], ...]
    dying: tuple[int, int] | None
    patient: bool


def roughs(*only: str | None) -> st.SearchStrategy[list[Rough]]:
    """Draw such runs. A link is refused by Auth0 itself in runs that a clean one follows."""
    kinds = [each for each in TROUBLES if each != "400" or only == (None,)]
    trouble = st.one_of(
        st.tuples(st.sampled_from(VERBS), st.integers(0, 6), st.sampled_from(kinds)),
        st.tuples(st.sampled_from(RIGHTS), st.integers(0, 2), st.sampled_from(kinds)),
    ).filter(lambda each: each[2] != "400" or each[0] == "link")
    return st.lists(
        st.builds(
            Rough,
            st.sampled_from(only),
            st.lists(trouble, max_size=4).map(tuple),
            st.none() | st.tuples(st.integers(0, MOST_STEPS), st.integers(0, 99)),
            st.booleans(),
        ),
        max_size=3,
    )


class Troubled(FakeTenant):
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


@dataclass
class Story:
    """What happens to a person, from the accounts as they were."""

    rig: Rig
    tenant: Troubled
    plan: list[list[str]]
    options: dict[str, Any]

    def state(self) -> dict[str, Any]:
        """Return all accounts; rights that are not written down do not come back."""
        lost = {each for _, each in self.plan} if self.options["snapshot"] == "metadata" else set()
        return {
            name: (account, Rights() if name in lost else rights)
            for name, (account, rights) in copy.deepcopy(self.rig.state()).items()
        }

    def link(self) -> dict[str, Any]:
        return self.rig.link(self.plan, **self.options)

    def roughly(self, rough: Rough) -> None:
        """Let something go wrong; then the troubles are over."""
        for verb, undisturbed, kind in rough.troubles:
            self.tenant.meets(verb, *[None] * undisturbed, TROUBLES[kind]())
        self.tenant.patient = rough.patient
        dying = None
        if rough.dying is not None:
            steps, seed = rough.dying
            dying = DroppingStore(steps, seed=seed, files=self.rig.store.files)
            dying.written, self.rig.store = list(self.rig.store.written), dying
        with suppress(Died, Auth0LinkError):
            if rough.only is None:
                self.link()
            elif not rough.only or rough.only in {each for _, each in self.plan}:
                self.rig.undo([rough.only] if rough.only else None)
        if dying is not None:
            left = dying.survivors()
            left.written = [*dying.written, *(each for each in left.names() if each not in dying.written)]
            self.rig.store = left
        self.tenant.no_more_troubles()
        self.tenant.patient = True

    def all_is_linked(self) -> None:
        """Run to the end, and once more."""
        done = Counter(self.tenant.applied)
        counts = self.link()
        assert not {"failed", "unknown"} & counts.keys()
        assert all(times <= 1 for times in (self.tenant.applied - done).values())
        linked = self.state()
        assert self.link() == counts
        assert self.state() == linked


@settings(max_examples=60)
@given(
    worlds(),
    st.sampled_from(["primary", "secondary", "fail"]),
    st.sampled_from([METADATA, CARRIED]),
    st.sampled_from(["full", "metadata"]),
    st.lists(st.tuples(roughs(None), roughs(None, "", *SECONDARIES)), min_size=1, max_size=2),
)
def test_of_any_world_all_comes_back_whatever_went_wrong(
    world: tuple[FakeTenant, list[list[str]]],
    conflicts: str,
    carry: tuple[str, ...],
    snapshot: str,
    nights: list[tuple[list[Rough], list[Rough]]],
) -> None:
    found, plan = world
    tenant = Troubled(*found.users.values(), rights=found.rights)
    tenant.applied = Counter()
    story = Story(Rig(tenant), tenant, plan, {"conflicts": conflicts, "carry": carry, "snapshot": snapshot})
    before = story.state()

    with pytest.MonkeyPatch.context() as quick:
        quick.setattr(engine, "GATHER_S", 0.005)
        quick.setattr(engine, "TICK_S", 0.005)
        for runs, undos in nights:
            for each in runs:
                story.roughly(each)
            story.all_is_linked()
            for each in undos:
                if each.only is not None or conflicts != "secondary":  # docs/undo.md: unlike kinds
                    story.roughly(each)
            undone = story.rig.undo()

            assert undone.get("planned", 0) == undone.get("undone", 0)
            assert story.state() == before
            if not any(each.troubles or each.dying for _, undos in nights for each in undos):
                # an undo that was stopped may call its own work another's
                assert [row["left"] for row in story.rig.records("undo_outcome") if row.get("left")] == []
