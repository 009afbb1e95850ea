"""A worker that is thought dead and its retry, both at work: what one did beside the other is settled."""

from __future__ import annotations

import pytest

from airflow_provider_auth0link.errors import (
    AmbiguousError,
    Auth0LinkError,
    BadRequestError,
    ConflictError,
    MissingAccountError,
    SameIdentityError,
)
from airflow_provider_auth0link.model import Rights
from tests.fakes.tenant import FakeTenant, Trouble, identity, user
from tests.linking.rig import Rig, ended

P, S1, S2, S3 = "auth0|p", "google-oauth2|1", "facebook|2", "github|3"
PAIRS = [[P, S1], [P, S2], [P, S3]]


def people() -> FakeTenant:
    return FakeTenant(
        user(P, "db", user_metadata={"tags": ["p"]}),
        user(S1, "google-oauth2", user_metadata={"tags": ["one"], "deep": {"one": 1}}),
        user(S2, "facebook", user_metadata={"tags": ["two"], "deep": {"two": 2}}, app_metadata={"k": [2]}),
        user(S3, "github", user_metadata={"deep": {"one": 3, "three": 3}}, app_metadata={"k": [3]}),
    )


@pytest.mark.parametrize("conflicts", ["primary", "secondary"])
@pytest.mark.parametrize("already", [ConflictError, SameIdentityError], ids=["409", "400"])
@pytest.mark.parametrize("slept", [0, 1, 2])
def test_a_write_on_old_readings_takes_nothing_from_what_the_retry_carried(
    slept: int, already: type[Auth0LinkError], conflicts: str
) -> None:
    undisturbed = Rig(people())
    undisturbed.link(PAIRS, conflicts=conflicts)
    tenant = people()
    tenant._already = already
    zombie = Rig(tenant)
    retry = Rig(tenant, zombie.store)
    sleeps = Trouble(before=lambda: retry.link(PAIRS, conflicts=conflicts))
    tenant.meets("update_user", *[None] * slept, sleeps)

    assert sum(zombie.link(PAIRS, conflicts=conflicts).values()) == 6
    assert zombie.state() == undisturbed.state()
    assert zombie.link(PAIRS, conflicts=conflicts) == {"planned": 3, "linked": 3}


def test_what_could_not_be_mended_is_mended_by_the_further_pass() -> None:
    undisturbed = Rig(people())
    undisturbed.link(PAIRS)
    tenant = people()
    zombie = Rig(tenant)
    retry = Rig(tenant, zombie.store)
    lost = Trouble(AmbiguousError("the connection broke"))
    tenant.meets("update_user", Trouble(before=lambda: retry.link(PAIRS)), None, None, None, lost)

    zombie.link(PAIRS)
    assert zombie.state() == undisturbed.state()


def test_alone_nothing_is_mended() -> None:
    tenant = people()
    tenant.meets("link", Trouble(AmbiguousError("the connection broke"), done=True))
    rig = Rig(tenant)

    assert rig.link(PAIRS) == {"planned": 3, "linked": 3}
    assert tenant.count("update_user") == 3


GONE = (
    MissingAccountError("Auth0 answered 404 to GET: not found"),
    BadRequestError("Auth0 answered 404 to GET: the account is no member of the organization"),
)


@pytest.mark.parametrize("gone", GONE, ids=["no account", "no member"])
@pytest.mark.parametrize("verb", ["roles", "organizations"])
def test_an_account_that_goes_while_its_rights_are_read_was_linked_by_the_retry(
    verb: str, gone: BadRequestError
) -> None:
    tenant = people()
    zombie = Rig(tenant)
    retry = Rig(tenant, zombie.store)
    tenant.meets(verb, Trouble(gone, before=lambda: retry.link(PAIRS)))

    assert zombie.link(PAIRS) == {"planned": 3, "already_linked": 3}


def test_rights_that_cannot_be_read_though_the_account_is_there_fail_the_pair() -> None:
    tenant = people()
    tenant.meets("roles", Trouble(GONE[0]))

    assert Rig(tenant).link(PAIRS) == {"planned": 3, "linked": 2, "failed": 1}


def test_the_middle_of_a_chain_that_the_retry_links_meanwhile_cuts_nothing_off() -> None:
    tenant = people()
    zombie = Rig(tenant)
    retry = Rig(tenant, zombie.store)
    tenant.meets("get_user", None, Trouble(before=lambda: retry.link([[P, S1]])))

    chain = [[P, S1], [S1, S2], [P, S3]]
    assert zombie.link(chain, guards=("not_blocked",)) == {"planned": 3, "already_linked": 1, "linked": 2}


def test_what_two_writers_carried_is_taken_back_whatever_their_numbers_say() -> None:
    tenant = people()
    tenant.users[S3]["user_metadata"] = {"tags": ["two", "three"], "deep": {"two": 2}}
    rig = Rig(tenant)
    before = rig.state()
    late = rig.batch([[P, S3]])  # opened first: its numbers begin below those of the other
    Rig(tenant, rig.store).link([[P, S1], [P, S2]])
    ended(late)

    assert rig.undo() == {"planned": 3, "undone": 3}
    assert rig.state() == before


VERBS = (
    "get_user",
    "unlink",
    "update_user",
    "link",
    "add_roles",
    "remove_roles",
    "organizations",
    "member_roles",
)


def crowd_undone() -> Rig:
    """Link and undo without disturbance; the requests told are those of the undo."""
    rig = Rig(crowd())
    rig.link(PAIRS)
    rig.tenant.calls.clear()
    assert rig.undo() == {"planned": 3, "undone": 3}
    return rig


def crowd() -> FakeTenant:
    """Three become one: each with rights, one with an identity of its own, all with metadata at the same places."""
    tenant = people()
    tenant.users[S2]["identities"].append(identity("twitter|t", "twitter"))
    member = {"org_1": frozenset({"rol_m"})}
    tenant.rights = {each: Rights(roles=frozenset({"rol_r"}), organizations=member) for each in (S1, S2, S3)}
    return tenant


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("verb", VERBS)
def test_an_undo_that_another_one_overtakes_tells_what_both_did(verb: str, moment: str) -> None:
    undisturbed = crowd_undone()
    for number in range(undisturbed.tenant.count(verb)):
        tenant = crowd()
        zombie = Rig(tenant)
        zombie.link(PAIRS)
        retry = Rig(tenant, zombie.store)
        trouble = Trouble(before=retry.undo) if moment == "before" else Trouble(after=retry.undo)
        tenant.meets(verb, *[None] * number, trouble)

        assert zombie.undo() == {"planned": 3, "undone": 3}, f"{verb} {number}"
        assert zombie.state() == undisturbed.state(), f"{verb} {number}"
        assert [row["reason"] for row in zombie.records("undo_outcome") if "reason" in row] == []
        assert zombie.undo() == {}
