"""What was carried and taken back, by a run or by an undo: it is not remembered, and nobody else's is taken."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from copy import deepcopy
from typing import Any

import pytest

from airflow_provider_auth0link.errors import (
    AmbiguousError,
    BadRequestError,
    RateLimitedError,
    UnsentError,
)
from airflow_provider_auth0link.model import Rights
from tests.fakes.store import Died
from tests.fakes.tenant import FakeTenant, Trouble, user
from tests.linking.rig import NOTHING, Rig

A, B, C = "auth0|a", "google-oauth2|b", "facebook|c"
ROLE = Rights(roles=frozenset({"rol_x"}))
NO_TIME = 0.5


def die() -> None:
    raise Died


def no() -> Trouble:
    return Trouble(BadRequestError("Auth0 answered 400: Unable to link with the secondary account"))


def alike(metadata: Mapping[str, Any], **options: Any) -> FakeTenant:
    """Return a tenant in which B and C hold the same."""
    return FakeTenant(
        user(A),
        user(B, app_metadata=metadata),
        user(C, app_metadata=metadata),
        rights={B: ROLE, C: ROLE},
        **options,
    )


def plans(*values: str) -> FakeTenant:
    users = [user(name, app_metadata={"plan": value}) for name, value in zip((A, B, C), values, strict=True)]
    return FakeTenant(*users, seconds=NO_TIME)


def left(rig: Rig) -> list[Any]:
    return [row["left"] for row in rig.records("undo_outcome") if row.get("left")]


def given_by_hand(tenant: FakeTenant) -> None:
    tenant.users[A]["app_metadata"] = {"plan": "gold"}
    tenant.rights[A] = ROLE


def refused_once() -> Rig:
    """Return a rig where B's link was refused, and somebody gave A since what B would have brought."""
    tenant = FakeTenant(user(A), user(B, app_metadata={"plan": "gold"}), rights={B: ROLE})
    rig = Rig(tenant)
    tenant.meets("link", no())
    assert rig.link([[A, B]]) == {"planned": 1, "failed": 1}
    assert rig.records("outcome")[-1]["taken_back"] is True
    given_by_hand(tenant)
    return rig


def test_a_later_run_that_refuses_the_pair_takes_nothing_that_was_given_by_hand() -> None:
    rig = refused_once()
    rig.tenant.users[B]["blocked"] = True
    before = deepcopy(rig.state())

    assert rig.link([[A, B]], guards=("not_blocked",)) == {"planned": 1, "refused": 1}

    assert rig.state() == before


def test_an_undo_of_a_later_link_takes_nothing_that_was_given_by_hand() -> None:
    rig = refused_once()
    before = deepcopy(rig.state())

    assert rig.link([[A, B]]) == {"planned": 1, "linked": 1}
    assert rig.undo() == {"planned": 1, "undone": 1}

    assert rig.state() == before


def test_a_pair_that_is_refused_every_night_takes_nothing_of_a_linked_one() -> None:
    tenant = alike({"plan": "gold"})
    rig = Rig(tenant)
    for _ in range(3):
        tenant.meets("link", no())
        assert rig.link([[A, B], [A, C]]) == {"planned": 2, "linked": 1, "failed": 1}

        assert tenant.users[A]["app_metadata"] == {"plan": "gold"}
        assert tenant.rights[A] == ROLE


def test_what_a_linked_account_brought_too_stays_when_another_is_refused_and_goes_with_its_undo() -> None:
    tenant = alike({"plan": "gold", "tags": [1, 2]}, seconds=NO_TIME)
    rig = Rig(tenant)
    before = deepcopy(rig.state())

    def block() -> None:
        tenant.users[B]["blocked"] = True

    tenant.meets("link", Trouble(RateLimitedError("429")), Trouble(after=block))
    assert rig.link([[A, B], [A, C]], guards=("not_blocked",)) == {"planned": 2, "linked": 1, "refused": 1}
    assert tenant.users[A]["app_metadata"] == {"plan": "gold", "tags": [1, 2]}
    assert tenant.rights[A] == ROLE

    assert rig.undo() == {"planned": 1, "undone": 1}
    del tenant.users[B]["blocked"]
    assert rig.state() == before


def test_what_was_noted_and_never_sent_is_not_taken_from_a_linked_account() -> None:
    tenant = alike({"k": 1}, seconds=NO_TIME)
    tenant.users[B]["user_metadata"], tenant.users[C]["user_metadata"] = {"c": 1}, {"c": 2}
    rig = Rig(tenant)
    tenant.meets("update_user", Trouble(UnsentError("no connection")))

    counts = rig.link([[A, B], [A, C]], conflicts="fail")

    assert counts == {"planned": 2, "linked": 1, "refused": 1}
    assert tenant.rights[A] == ROLE
    assert tenant.users[A]["app_metadata"] == {"k": 1}


@pytest.mark.parametrize("dies", [True, False])
def test_a_pair_that_is_cut_off_does_not_forget_what_it_carried(*, dies: bool) -> None:
    tenant = FakeTenant(
        user(A), user(B), user(C, app_metadata={"plan": "gold"}), rights={C: ROLE}, seconds=NO_TIME
    )
    rig = Rig(tenant)
    before = deepcopy(rig.state())
    late = [Trouble(RateLimitedError("429"))] * 2
    tenant.meets("link", None, *([Trouble(before=die)] if dies else late))
    with suppress(Died):
        rig.link([[A, B], [B, C]], guards=("not_blocked",))
    assert tenant.rights[A] == ROLE
    rig.undo([B])
    tenant.users[B]["blocked"] = True

    counts = rig.link([[A, B], [B, C]], guards=("not_blocked",))

    assert counts == {"planned": 2, "refused": 2}
    assert tenant.rights.get(A, Rights()) == (ROLE if dies else Rights()), (
        "what may be linked is left to an undo"
    )
    rig.undo()
    del tenant.users[B]["blocked"]
    assert rig.state() == before


@pytest.mark.parametrize("conflicts", ["primary", "secondary"])
def test_the_order_of_undo_is_that_of_the_first_tries(conflicts: str) -> None:
    tenant = alike({"k": 1, "t": [2]}, seconds=NO_TIME)
    rig = Rig(tenant)
    before = deepcopy(rig.state())
    tenant.meets("link", Trouble(RateLimitedError("429")))
    assert rig.link([[A, B], [A, C]], conflicts=conflicts) == {"planned": 2, "linked": 2}

    assert rig.undo() == {"planned": 2, "undone": 2}

    assert rig.state() == before
    assert left(rig) == []


def test_a_pair_that_was_merged_twice_counts_from_its_last_merge() -> None:
    rig = Rig(plans("free", "gold", "free"))
    before = deepcopy(rig.state())
    for _ in range(2):
        rig.link([[A, B], [A, C]], conflicts="secondary")
        only = rig.undo([C])
        assert (only, rig.undo()) == ({"planned": 1, "undone": 1}, {"planned": 1, "undone": 1})

        assert rig.state() == before
    assert left(rig) == []


@pytest.mark.parametrize("one_by_one", [True, False])
def test_a_pair_that_was_resumed_counts_from_its_first_try(*, one_by_one: bool) -> None:
    tenant = plans("free", "gold", "free")
    rig = Rig(tenant)
    before = deepcopy(rig.state())
    tenant.meets("link", Trouble(before=die))
    with suppress(Died):
        rig.link([[A, B], [A, C]], conflicts="secondary")
    rig.link([[A, B], [A, C]], conflicts="secondary")

    if one_by_one:
        rig.undo([C])
    rig.undo()

    assert rig.state() == before
    assert left(rig) == []


def test_what_was_undone_long_ago_says_nothing_of_a_later_link() -> None:
    tenant = alike({"plan": "gold"})
    rig = Rig(tenant)
    rig.link([[A, B]])
    rig.undo()
    given_by_hand(tenant)
    before = deepcopy(rig.state())

    rig.link([[A, C]])
    assert rig.undo() == {"planned": 1, "undone": 1}

    assert rig.state() == before


LOST = AmbiguousError("lost")


@pytest.mark.parametrize(
    "troubles",
    [
        {"link": [Trouble(LOST)]},
        {"get_user": [Trouble(RateLimitedError("429"))], "link": [Trouble(RateLimitedError("429"))]},
        {"link": [Trouble(LOST)], "get_user": [None, None, Trouble(LOST)]},
    ],
    ids=["its link was lost", "an earlier one failed before it carried", "it is unknown"],
)
def test_where_secondaries_win_all_wait_for_what_may_stand(troubles: dict[str, list[Any]]) -> None:
    tenant = plans("free", "gold", "silver")
    rig = Rig(tenant)
    before = deepcopy(rig.state())
    for verb, meets in troubles.items():
        tenant.meets(verb, *meets)

    assert rig.link([[A, B], [A, C]], conflicts="secondary") == {"planned": 2, "linked": 2}
    assert rig.undo() == {"planned": 2, "undone": 2}

    assert rig.state() == before
    assert left(rig) == []


def test_an_account_that_was_taken_back_is_not_linked_again_by_the_undo_above_it() -> None:
    tenant = FakeTenant(
        user(A),
        user(B, user_metadata={"b": 1}),
        user(C, user_metadata={"c": 1}),
        rights={C: ROLE},
    )
    rig = Rig(tenant)
    before = deepcopy(rig.state())
    rig.link([[B, C]])
    rig.link([[A, B]])
    tenant.meets("update_user", Trouble(before=die))
    with suppress(Died):
        rig.undo()
    assert C not in tenant.users

    assert rig.undo([C]) == {"planned": 2, "undone": 2}, "what was begun above it is ended first"

    assert rig.state() == before
    assert rig.undo() == {}
    assert rig.state() == before


def test_an_account_below_is_taken_back_though_the_undo_above_it_failed() -> None:
    tenant = FakeTenant(user(A), user(B, user_metadata={"b": 1}), user(C), seconds=NO_TIME)
    rig = Rig(tenant)
    before = deepcopy(rig.state())
    rig.link([[B, C]])
    rig.link([[A, B]])
    tenant.meets("update_user", *[Trouble(RateLimitedError("429"))] * 2)
    assert rig.undo([B]) == {"planned": 1, "failed": 1}

    assert rig.undo([C]) == {"planned": 2, "undone": 2}
    assert rig.state() == before


def test_what_was_left_out_of_the_carry_was_not_brought() -> None:
    tenant = FakeTenant(
        user(A),
        user(B, app_metadata={"q": {"a": 1, "b": 2}}),
        user(C, app_metadata={"q": {"a": 1, "c": 3}}),
    )
    rig = Rig(tenant)
    rig.link([[A, B], [A, C]], carry_except=("app_metadata.q.a",))

    rig.undo([B])

    assert tenant.users[A]["app_metadata"] == {"q": {"c": 3}}
    assert left(rig) == []


def test_an_account_that_was_linked_without_carry_keeps_nothing_of_another() -> None:
    tenant = alike({"admin": True})
    rig = Rig(tenant)
    rig.link([[A, B]])
    rig.link([[A, C]], **{**NOTHING, "snapshot": "full"})

    rig.undo([B])

    assert tenant.rights.get(A, Rights()) == Rights()
    assert tenant.users[A].get("app_metadata", {}) == {}


D = "github|d"


@pytest.mark.parametrize(
    ("values", "order"),
    [
        (([1], 2, [2], [2]), (B, C, D)),
        (({"y": 1}, 2, {"y": 1}, {"x": 2}), (C, B, D)),
        (({"x": 2}, 1, {"x": 1}, {"y": 1}), (C, B, D)),
        (([2], {"x": 1}, [], [1]), (B, C, D)),
        ((None, 2, {"y": 1}, {"x": 1}), (B, C, D)),
    ],
)
def test_values_of_mixed_kinds_are_taken_back_one_by_one(
    values: tuple[Any, ...], order: tuple[str, ...]
) -> None:
    users = [
        user(name, user_metadata={} if value is None else {"k": value})
        for name, value in zip((A, B, C, D), values, strict=True)
    ]
    rig = Rig(FakeTenant(*users))
    before = deepcopy(rig.state())
    rig.link([[A, B], [A, C], [A, D]], conflicts="secondary")

    for secondary in order:
        assert rig.undo([secondary]) == {"planned": 1, "undone": 1}

    assert rig.state() == before
    assert left(rig) == []


def standing() -> Rig:
    """Return a rig where B is carried and not linked, since Auth0 answered 429."""
    tenant = FakeTenant(user(A), user(B, app_metadata={"plan": "gold"}), rights={B: ROLE}, seconds=NO_TIME)
    rig = Rig(tenant)
    tenant.meets("link", *[Trouble(RateLimitedError("429"))] * 2)
    assert rig.link([[A, B]]) == {"planned": 1, "failed": 1}
    assert tenant.rights[A] == ROLE
    return rig


def test_a_dry_run_takes_nothing_back() -> None:
    rig = standing()
    rig.tenant.users[B]["blocked"] = True
    before, files = deepcopy(rig.state()), dict(rig.store.files)

    assert rig.link([[A, B]], guards=("not_blocked",), dry_run=True) == {"planned": 1, "refused": 1}

    assert rig.state() == before
    assert rig.store.files == files
    rig.link([[A, B]], guards=("not_blocked",))
    assert rig.tenant.rights.get(A, Rights()) == Rights()


def test_a_dry_run_takes_nothing_back_of_a_pair_that_is_cut_off() -> None:
    tenant = FakeTenant(user(A), user(B), user(C, app_metadata={"plan": "gold"}), seconds=NO_TIME)
    rig = Rig(tenant)
    tenant.meets("link", None, *[Trouble(RateLimitedError("429"))] * 2)
    rig.link([[A, B], [B, C]], guards=("not_blocked",))
    rig.undo([B])
    tenant.users[B]["blocked"] = True
    before = deepcopy(rig.state())

    rig.link([[A, B], [B, C]], guards=("not_blocked",), dry_run=True)

    assert rig.state() == before
    assert tenant.users[A]["app_metadata"] == {"plan": "gold"}


@pytest.mark.parametrize("conflicts", ["primary", "secondary"])
@pytest.mark.parametrize("dies", [True, False])
def test_a_chain_goes_on_after_an_undo_of_its_middle(*, dies: bool, conflicts: str) -> None:
    tenant = plans("free", "gold", "silver")
    rig = Rig(tenant)
    before = deepcopy(rig.state())
    tenant.meets("link", None, *([Trouble(before=die)] if dies else [Trouble(RateLimitedError("429"))] * 2))
    with suppress(Died):
        rig.link([[A, B], [B, C]], conflicts=conflicts)
    assert rig.undo([B]) == {"planned": 1, "undone": 1}

    assert rig.link([[A, B], [B, C]], conflicts=conflicts) == {"planned": 2, "linked": 2}

    if not dies:
        rig.undo()
        assert rig.state() == before
        assert left(rig) == []


def standing_after_an_undo(plan: list[list[str]]) -> tuple[Rig, dict[str, Any]]:
    """Return a rig where C is carried and not linked, after B that is undone again, and the state before it all."""
    rig = Rig(plans("free", "gold", "silver"))
    before = deepcopy(rig.state())
    rig.tenant.meets("link", None, *[Trouble(RateLimitedError("429"))] * 2)
    rig.link(plan, conflicts="secondary")
    rig.undo([B])
    return rig, before


def test_what_cannot_be_taken_back_yet_holds_the_chain_up() -> None:
    rig, before = standing_after_an_undo([[A, B], [B, C]])
    rig.tenant.meets("update_user", Trouble(RateLimitedError("429")))

    assert rig.link([[A, B], [B, C]], conflicts="secondary") == {"planned": 2, "linked": 1, "failed": 1}
    assert rig.link([[A, B], [B, C]], conflicts="secondary") == {"planned": 2, "linked": 2}

    rig.undo()
    assert rig.state() == before


def test_what_stood_there_is_not_of_an_account_that_was_undone() -> None:
    rig, before = standing_after_an_undo([[A, B], [A, C]])
    rig.tenant.users[C]["blocked"] = True

    assert rig.link([[A, C]], conflicts="secondary", guards=("not_blocked",)) == {"planned": 1, "refused": 1}

    del rig.tenant.users[C]["blocked"]
    assert rig.state() == before


def test_what_was_left_for_a_pair_goes_when_that_is_refused() -> None:
    tenant = alike({"plan": "gold"}, seconds=NO_TIME)
    tenant.users[C]["user_metadata"] = {"c": 1}
    rig = Rig(tenant)
    before = deepcopy(rig.state())
    tenant.meets("link", None, *[Trouble(RateLimitedError("429"))] * 2)
    rig.link([[A, B], [A, C]])
    rig.undo([B])
    assert tenant.rights[A] == ROLE, "C stands there, and has it too"
    tenant.users[C]["blocked"] = True

    assert rig.link([[A, C]], guards=("not_blocked",)) == {"planned": 1, "refused": 1}

    del tenant.users[C]["blocked"]
    assert rig.state() == before


@pytest.mark.parametrize("snapshot", ["full", "metadata"])
def test_rights_of_an_account_that_stays_linked_stay_whatever_is_written_down(snapshot: str) -> None:
    rig = Rig(alike({}))
    rig.link([[A, B], [A, C]], carry=("roles",), snapshot=snapshot)

    rig.undo([B])
    assert rig.tenant.rights[A] == ROLE

    rig.undo()
    assert rig.tenant.rights.get(A, Rights()) == Rights()


@pytest.mark.parametrize("snapshot", ["full", "metadata"])
def test_rights_of_a_linked_account_stay_when_another_is_refused(snapshot: str) -> None:
    tenant = alike({}, seconds=NO_TIME)
    rig = Rig(tenant)

    def block() -> None:
        tenant.users[B]["blocked"] = True

    tenant.meets("link", Trouble(RateLimitedError("429")), Trouble(after=block))
    counts = rig.link([[A, B], [A, C]], carry=("roles",), snapshot=snapshot, guards=("not_blocked",))

    assert counts == {"planned": 2, "linked": 1, "refused": 1}
    assert tenant.rights[A] == ROLE


@pytest.mark.parametrize("verb", ["unlink", "update_user"])
def test_a_pair_whose_undo_did_not_end_is_refused_until_it_has(verb: str) -> None:
    tenant = FakeTenant(user(A), user(B, app_metadata={"plan": "gold"}), rights={B: ROLE})
    rig = Rig(tenant)
    before = deepcopy(rig.state())
    rig.link([[A, B]])
    tenant.meets(verb, Trouble(before=die))
    with suppress(Died):
        rig.undo()
    half, calls = deepcopy(rig.state()), len(tenant.calls)

    assert rig.link([[A, B]]) == {"planned": 1, "refused": 1}

    assert (rig.state(), len(tenant.calls)) == (half, calls)
    assert "an undo of 'google-oauth2|b' began and did not end" in rig.records("outcome")[-1]["reason"]
    assert rig.undo() == {"planned": 1, "undone": 1}
    assert rig.state() == before
    assert rig.link([[A, B]]) == {"planned": 1, "linked": 1}
