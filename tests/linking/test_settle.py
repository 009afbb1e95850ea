from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_auth0link.errors import (
    AmbiguousError,
    Auth0LinkError,
    BadRequestError,
    ConflictError,
    ForbiddenError,
    LinkDelayedError,
    LinkFailedError,
    MissingAccountError,
    OutcomeUnknownError,
    RateLimitedError,
    SameIdentityError,
    SettingsError,
    UnauthorizedError,
    UnsentError,
)
from airflow_provider_auth0link.linking.outcome import Outcome
from airflow_provider_auth0link.linking.settle import Look, Wanted, look, settle_link, settle_unlink
from airflow_provider_auth0link.model import Identity, UserId
from tests.fakes.tenant import FakeTenant, Trouble, identity, user

PRIMARY, SECONDARY = UserId("auth0", "1"), UserId("google-oauth2", "2")
WANTED = Wanted(PRIMARY, SECONDARY, "google")
BOTH = (user("auth0|1"), user("google-oauth2|2", "google"))
HELD = user("auth0|1", "db", identity("google-oauth2|2", "google"))

LOST = Trouble(AmbiguousError("the connection broke"))
LOST_DONE = Trouble(AmbiguousError("the connection broke"), done=True)
CONFLICT = Trouble(ConflictError("409"))
SAME = Trouble(SameIdentityError("400"))
MISSING = Trouble(MissingAccountError("404"))


def settled(tenant: FakeTenant, **options: Any) -> Outcome:
    return settle_link(tenant, WANTED, lambda: tenant.link(PRIMARY, SECONDARY), **options)


def unsettled(tenant: FakeTenant, **options: Any) -> Outcome:
    return settle_unlink(tenant, WANTED, lambda: tenant.unlink(PRIMARY, SECONDARY, "google"), **options)


def is_linked(tenant: FakeTenant) -> bool:
    """Tell whether the link is applied exactly once, and the secondary gone."""
    rows = [f"{each['provider']}|{each['user_id']}" for each in tenant.users["auth0|1"]["identities"]]
    return rows.count("google-oauth2|2") == 1 and "google-oauth2|2" not in tenant.users


@pytest.mark.parametrize(
    ("troubles", "name", "posts"),
    [
        pytest.param([], "linked", 1, id="answered"),
        pytest.param([LOST_DONE], "linked", 1, id="lost after the change"),
        pytest.param([LOST], "linked", 2, id="lost before the change"),
        pytest.param([LOST, LOST, LOST], "linked", 4, id="lost again and again"),
        pytest.param([LOST, LOST_DONE], "linked", 2, id="lost before, then after"),
        pytest.param([CONFLICT], "linked", 2, id="a conflict that passes"),
        pytest.param([SAME], "linked", 2, id="the same identity, and it passes"),
        pytest.param([LOST, CONFLICT], "linked", 3, id="lost, then a conflict that passes"),
    ],
)
def test_a_link_ends_as_it_should(troubles: list[Trouble], name: str, posts: int) -> None:
    tenant = FakeTenant(*BOTH)
    tenant.meets("link", *troubles)
    outcome = settled(tenant)

    assert (outcome.name, tenant.count("link")) == (name, posts)
    assert is_linked(tenant)
    assert [str(each.user_id) for each in outcome.identities] == ["1", "2"]
    assert outcome.error is None


def test_an_answer_to_something_else_is_not_taken_for_this_link() -> None:
    tenant = FakeTenant(*BOTH)

    def elsewhere() -> list[Identity]:
        tenant.calls.append("link")
        return list(tenant.get_user(PRIMARY).identities)

    outcome = settle_link(tenant, WANTED, elsewhere)

    assert (outcome.name, type(outcome.error)) == ("failed", LinkDelayedError)
    assert not is_linked(tenant)


def test_a_link_that_is_answered_costs_no_reading() -> None:
    tenant = FakeTenant(*BOTH)
    settled(tenant)

    assert tenant.calls == ["link"]


@pytest.mark.parametrize("already", [ConflictError, SameIdentityError, MissingAccountError])
@pytest.mark.parametrize(
    ("tried_before", "name"),
    [
        pytest.param(False, "already_linked", id="by others"),
        pytest.param(True, "linked", id="by us, perhaps"),
    ],
)
def test_a_link_that_stands_is_told_as_such(
    already: type[Auth0LinkError], tried_before: bool, name: str
) -> None:
    tenant = FakeTenant(HELD, already=already)
    outcome = settled(tenant, tried_before=tried_before)

    assert outcome.name == name
    assert tenant.calls == ["link", "get_user"]


@pytest.mark.parametrize("already", [ConflictError, SameIdentityError])
def test_a_repeat_that_meets_our_own_link_made_it(already: type[Auth0LinkError]) -> None:
    tenant = FakeTenant(*BOTH, already=already)
    # The lost try is applied late: after the readings, before the repeat.
    tenant.meets("link", LOST, Trouble(before=lambda: tenant._link(PRIMARY, SECONDARY, None)))
    outcome = settled(tenant)

    assert (outcome.name, tenant.count("link")) == ("linked", 2)
    assert is_linked(tenant)


def test_a_link_applied_between_the_two_readings_is_seen() -> None:
    tenant = FakeTenant(*BOTH)
    tenant.meets("link", LOST)
    tenant.meets("get_user", Trouble(after=lambda: tenant._link(PRIMARY, SECONDARY, None)))
    outcome = settled(tenant)

    assert outcome.name == "linked"
    assert tenant.calls == ["link", "get_user", "get_user", "get_user"]
    assert is_linked(tenant)


def _drop(tenant: FakeTenant, user_id: str) -> Callable[[], object]:
    return lambda: tenant.users.pop(user_id, None)


@pytest.mark.parametrize(
    ("gone", "told"),
    [
        pytest.param(
            "google-oauth2|2", "the secondary account is not there: linked elsewhere", id="secondary"
        ),
        pytest.param("auth0|1", "the primary account is not there", id="primary"),
    ],
)
@pytest.mark.parametrize(
    "error",
    [
        pytest.param(AmbiguousError("lost"), id="lost"),
        pytest.param(ConflictError("409"), id="409"),
        pytest.param(SameIdentityError("400"), id="400 same"),
        pytest.param(MissingAccountError("404"), id="404"),
    ],
)
def test_an_account_that_is_gone_is_told_and_nothing_repeated(
    error: Auth0LinkError, gone: str, told: str
) -> None:
    tenant = FakeTenant(*BOTH)
    tenant.meets("link", Trouble(error, after=_drop(tenant, gone)))
    outcome = settled(tenant)

    assert outcome.name == "failed"
    assert type(outcome.error) is LinkFailedError
    assert told in str(outcome.reason)
    assert "'google-oauth2|2' into 'auth0|1'" in str(outcome.reason)
    assert tenant.count("link") == 1


def test_both_accounts_gone_is_told_of_the_primary() -> None:
    outcome = settled(FakeTenant())

    assert "the primary account is not there" in str(outcome.reason)


@pytest.mark.parametrize("trouble", [CONFLICT, SAME], ids=["409", "400 same"])
def test_a_conflict_is_repeated_at_most_once(trouble: Trouble) -> None:
    tenant = FakeTenant(*BOTH)
    tenant.meets("link", *[trouble] * 9)
    outcome = settled(tenant)

    assert (outcome.name, tenant.count("link")) == ("failed", 2)
    assert type(outcome.error) is LinkFailedError
    assert "conflict" in str(outcome.reason)
    assert not outcome.tried


def test_a_conflict_of_both_kinds_is_repeated_once_all_the_same() -> None:
    tenant = FakeTenant(*BOTH)
    tenant.meets("link", CONFLICT, SAME, CONFLICT)

    assert settled(tenant).name == "failed"
    assert tenant.count("link") == 2


def test_a_missing_account_that_is_there_is_never_repeated() -> None:
    tenant = FakeTenant(*BOTH)
    tenant.meets("link", MISSING)
    outcome = settled(tenant)

    assert (outcome.name, tenant.count("link")) == ("failed", 1)
    assert "yet both accounts are there" in str(outcome.reason)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(BadRequestError("400"), id="400"),
        pytest.param(UnauthorizedError("401"), id="401"),
        pytest.param(ForbiddenError("403"), id="403"),
        pytest.param(RateLimitedError("429"), id="429"),
        pytest.param(UnsentError("no connection"), id="no connection"),
        pytest.param(SettingsError("no credentials"), id="no credentials"),
    ],
)
def test_an_answer_that_decides_costs_no_reading(error: Auth0LinkError) -> None:
    tenant = FakeTenant(*BOTH)
    tenant.meets("link", Trouble(error))
    outcome = settled(tenant)

    assert (outcome.name, outcome.error, outcome.reason) == ("failed", error, str(error))
    assert tenant.calls == ["link"]
    assert not outcome.tried


def test_an_answer_that_decides_does_not_hide_a_lost_try() -> None:
    tenant = FakeTenant(*BOTH)
    forbidden = ForbiddenError("403")
    tenant.meets("link", LOST, Trouble(forbidden))
    outcome = settled(tenant)

    assert tenant.calls == ["link", "get_user", "get_user", "link", "get_user", "get_user"]
    assert (outcome.name, outcome.error, outcome.tried) == ("failed", forbidden, True)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(AmbiguousError("the reading broke"), id="lost"),
        pytest.param(RateLimitedError("the reading met 429"), id="429"),
        pytest.param(ForbiddenError("the reading met 403"), id="403"),
        pytest.param(SettingsError("no credentials for the reading"), id="no credentials"),
    ],
)
@pytest.mark.parametrize("answer", [LOST, LOST_DONE, CONFLICT, MISSING], ids=["lost", "done", "409", "404"])
@pytest.mark.parametrize("readings", [0, 1], ids=["primary", "secondary"])
def test_a_reading_that_fails_too_leaves_it_unknown(
    error: Auth0LinkError, answer: Trouble, readings: int
) -> None:
    tenant = FakeTenant(*BOTH)
    tenant.meets("link", answer)
    tenant.meets("get_user", *[None] * readings, Trouble(error))
    outcome = settled(tenant)

    if answer.done and readings:  # the first reading told it
        assert outcome.name == "linked"
    else:
        assert outcome.name == "unknown"
        assert type(outcome.error) is OutcomeUnknownError
        assert outcome.error.retryable
        for text in ("'google-oauth2|2' into 'auth0|1'", str(answer.error), str(error), "Look at both"):
            assert text in str(outcome.reason)
    assert tenant.count("link") == 1


@pytest.mark.parametrize(
    ("trouble", "tried"), [pytest.param(LOST, True, id="lost"), pytest.param(CONFLICT, False, id="409")]
)
def test_without_time_for_a_repeat_it_is_delayed(trouble: Trouble, tried: bool) -> None:
    tenant = FakeTenant(*BOTH, seconds=0.0)
    tenant.meets("link", trouble)
    outcome = settled(tenant)

    assert outcome.name == "failed"
    assert type(outcome.error) is LinkDelayedError
    assert outcome.error.retryable
    assert outcome.tried is tried
    assert tenant.count("link") == 1


def test_repeats_end_with_the_time() -> None:
    tenant = FakeTenant(*BOTH, seconds=60.0)
    tenant.meets("link", *[LOST] * 99)

    assert isinstance(settled(tenant).error, LinkDelayedError)
    assert 3 < tenant.count("link") < 99
    assert tenant.clock() < 160.0


def test_an_identity_of_another_connection_is_not_taken_for_ours() -> None:
    tenant = FakeTenant(user("auth0|1", "db", identity("google-oauth2|2", "other")), BOTH[1])
    tenant.meets("link", *[CONFLICT] * 2)

    assert settled(tenant).name == "failed"


def test_a_look_reads_no_more_than_it_must() -> None:
    assert look(tenant := FakeTenant(*BOTH), WANTED).linked is False
    assert tenant.requests == 2
    assert look(tenant := FakeTenant(HELD), WANTED).linked is True
    assert tenant.requests == 1


def test_a_look_tells_who_is_not_there() -> None:
    assert look(FakeTenant(), WANTED) == Look(None)
    assert look(FakeTenant(BOTH[1]), WANTED).secondary is not None
    seen = look(FakeTenant(BOTH[0]), WANTED)
    assert seen.primary is not None
    assert (seen.linked, seen.secondary) == (False, None)


def test_a_primary_that_goes_between_the_readings_is_told() -> None:
    tenant = FakeTenant(BOTH[0])
    tenant.meets("get_user", Trouble(after=_drop(tenant, "auth0|1")))

    assert look(tenant, WANTED) == Look(None)


@pytest.mark.parametrize(
    ("troubles", "deletes"),
    [
        pytest.param([], 1, id="answered"),
        pytest.param([LOST_DONE], 1, id="lost after the change"),
        pytest.param([LOST], 2, id="lost before the change"),
        pytest.param([LOST, LOST, LOST_DONE], 3, id="lost again and again"),
    ],
)
def test_an_unlink_ends_as_it_should(troubles: list[Trouble], deletes: int) -> None:
    tenant = FakeTenant(HELD)
    tenant.meets("unlink", *troubles)
    outcome = unsettled(tenant)

    assert (outcome.name, tenant.count("unlink")) == ("unlinked", deletes)
    assert set(tenant.users) == {"auth0|1", "google-oauth2|2"}
    assert [each.user_id for each in outcome.identities] == ["1"]


@pytest.mark.parametrize(
    ("error", "tried_before", "name"),
    [
        pytest.param(BadRequestError("400"), False, "not_linked", id="400"),
        pytest.param(MissingAccountError("404"), False, "not_linked", id="404"),
        pytest.param(ConflictError("409"), False, "not_linked", id="409"),
        pytest.param(BadRequestError("400"), True, "unlinked", id="400 after a try of ours"),
    ],
)
def test_what_is_not_linked_is_told_as_such(error: Auth0LinkError, tried_before: bool, name: str) -> None:
    tenant = FakeTenant(*BOTH)
    tenant.meets("unlink", Trouble(error))
    outcome = unsettled(tenant, tried_before=tried_before)

    assert (outcome.name, outcome.error) == (name, None)
    assert tenant.calls == ["unlink", "get_user"]


def test_an_unlink_repeated_after_a_late_change_made_it() -> None:
    tenant = FakeTenant(HELD)
    tenant.meets("unlink", LOST, Trouble(before=lambda: tenant._unlink(PRIMARY, SECONDARY, "google")))

    assert unsettled(tenant).name == "unlinked"
    assert tenant.count("unlink") == 2


@pytest.mark.parametrize(
    ("error", "calls"),
    [
        pytest.param(BadRequestError("400"), ["unlink", "get_user"], id="400 though it is linked"),
        pytest.param(ForbiddenError("403"), ["unlink"], id="403"),
        pytest.param(RateLimitedError("429"), ["unlink"], id="429"),
        pytest.param(UnsentError("no connection"), ["unlink"], id="no connection"),
    ],
)
def test_an_unlink_that_is_refused_is_told(error: Auth0LinkError, calls: list[str]) -> None:
    tenant = FakeTenant(HELD)
    tenant.meets("unlink", Trouble(error))
    outcome = unsettled(tenant)

    assert (outcome.name, outcome.error) == ("failed", error)
    assert tenant.calls == calls


def test_an_unlink_of_an_account_that_is_gone_is_told() -> None:
    tenant = FakeTenant()
    tenant.meets("unlink", MISSING)
    outcome = unsettled(tenant)

    assert type(outcome.error) is LinkFailedError
    assert "the primary account is not there" in str(outcome.reason)


def test_an_unlink_whose_reading_fails_is_unknown() -> None:
    tenant = FakeTenant(HELD)
    tenant.meets("unlink", LOST_DONE)
    tenant.meets("get_user", Trouble(AmbiguousError("the reading broke")))
    outcome = unsettled(tenant)

    assert outcome.name == "unknown"
    assert isinstance(outcome.error, OutcomeUnknownError)
    assert "the reading broke" in str(outcome.reason)


def test_an_unlink_without_time_for_a_repeat_is_delayed() -> None:
    tenant = FakeTenant(HELD, seconds=0.0)
    tenant.meets("unlink", LOST)
    outcome = unsettled(tenant)

    assert type(outcome.error) is LinkDelayedError
    assert tenant.count("unlink") == 1
