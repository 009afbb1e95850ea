"""Whatever stands in the accounts, and whatever is carried: after a run and its undo all is as it was."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given, settings, strategies as st

from airflow_provider_auth0link.linking.options import CARRIED, METADATA
from airflow_provider_auth0link.model import Rights
from tests.fakes.tenant import FakeTenant, identity, user
from tests.linking.rig import Rig

A = "auth0|a"
SECONDARIES = [f"google-oauth2|{number}" for number in range(4)]

_scalars = st.sampled_from([0, 1, True, 1.5, "x", "y"])
_values = st.recursive(
    _scalars,
    lambda inner: st.one_of(
        st.lists(st.one_of(inner, st.none()), max_size=3),
        st.dictionaries(st.sampled_from("abc"), st.one_of(inner, st.none()), max_size=3),
    ),
    max_leaves=6,
)
_metadata = st.dictionaries(st.sampled_from("pqr"), _values, max_size=3)
_members = st.dictionaries(
    st.sampled_from(["org_1", "org_2"]), st.frozensets(st.sampled_from(["rol_m", "rol_n"])), max_size=2
)
_rights = st.builds(
    Rights,
    roles=st.frozensets(st.sampled_from(["rol_1", "rol_2"])),
    permissions=st.frozensets(st.sampled_from([("api", "read"), ("api", "write")])),
    organizations=_members,
)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[FakeTenant, list[list[str]]]:
    """Draw a person of two to five accounts, and the plan that links them, some in a chain."""
    count = draw(st.integers(1, len(SECONDARIES)))
    names = [A, *SECONDARIES[:count]]
    users = [
        user(
            name,
            "db" if name == A else "google-oauth2",
            *([identity(f"twitter|{number}", "twitter", profileData={})] if draw(st.booleans()) else []),
            user_metadata=draw(_metadata),
            app_metadata=draw(_metadata),
        )
        for number, name in enumerate(names)
    ]
    tenant = FakeTenant(*users, rights={name: draw(_rights) for name in names})
    plan = [[names[draw(st.integers(0, number))], name] for number, name in enumerate(names[1:])]
    return tenant, plan


@settings(max_examples=25)
@given(worlds(), st.sampled_from(["primary", "secondary"]), st.sampled_from([CARRIED, METADATA, ()]))
def test_of_any_world_the_undo_brings_back_all(
    world: tuple[FakeTenant, list[list[str]]], conflicts: str, carry: tuple[str, ...]
) -> None:
    tenant, plan = world
    before = copy.deepcopy(Rig(tenant).state())
    rig = Rig(tenant)

    assert rig.link(plan, conflicts=conflicts, carry=carry) == counts(plan, "linked")
    assert rig.undo() == counts(plan, "undone")
    assert rig.state() == before
    assert [row["left"] for row in rig.records("undo_outcome") if row.get("left")] == []


@settings(max_examples=25)
@given(worlds(), st.permutations(SECONDARIES), st.sampled_from([CARRIED, METADATA]))
def test_of_any_world_the_undos_of_single_pairs_in_any_order_bring_back_all(
    world: tuple[FakeTenant, list[list[str]]], order: list[str], carry: tuple[str, ...]
) -> None:
    tenant, plan = world
    before = copy.deepcopy(Rig(tenant).state())
    rig = Rig(tenant)
    rig.link(plan, carry=carry)
    linked = [secondary for _, secondary in plan]
    for secondary in order:
        if secondary in linked:
            assert rig.undo(only=[secondary]) == {"planned": 1, "undone": 1}

    assert rig.state() == before
    assert [row["left"] for row in rig.records("undo_outcome") if row.get("left")] == []


@st.composite
def levels(draw: st.DrawFn) -> tuple[FakeTenant, list[list[list[str]]]]:
    """Draw accounts, and three runs that link some of those that are left by then, each into another."""
    tenant, _ = draw(worlds())
    alive, runs = list(tenant.users), []
    for _ in range(3):
        order = draw(st.permutations(alive))
        pairs = [list(pair) for pair in zip(order[::2], order[1::2], strict=False)][: draw(st.integers(1, 2))]
        alive = [each for each in alive if each not in {secondary for _, secondary in pairs}]
        runs.append(pairs)
    return tenant, runs


@settings(max_examples=40)
@given(
    levels(), st.sampled_from(["primary", "secondary"]), st.sampled_from([CARRIED, METADATA, ()]), st.data()
)
def test_one_undo_brings_back_what_several_runs_merged_on(
    world: tuple[FakeTenant, list[list[list[str]]]],
    conflicts: str,
    carry: tuple[str, ...],
    data: st.DataObject,
) -> None:
    tenant, runs = world
    before = copy.deepcopy(Rig(tenant).state())
    rig = Rig(tenant)
    for pairs in runs:
        rig.link(pairs, conflicts=conflicts, carry=carry)
    linked = [secondary for pairs in runs for _, secondary in pairs]
    some = data.draw(st.sets(st.sampled_from(linked)))
    undone = rig.undo(only=some).get("undone", 0)
    rest = rig.undo()

    assert rest.get("planned", 0) == rest.get("undone", 0) == len(linked) - undone
    assert rig.state() == before
    assert [row["left"] for row in rig.records("undo_outcome") if row.get("left")] == []


def counts(plan: list[list[str]], name: str) -> dict[str, Any]:
    """Return the counts of a run in which every pair ended alike."""
    return {"planned": len(plan), name: len(plan)}
