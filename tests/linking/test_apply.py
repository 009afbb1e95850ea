from __future__ import annotations

import copy
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
    RefusedError,
    SettingsError,
    UnsentError,
)
from airflow_provider_auth0link.linking.apply import link_by_token, link_pair, unlink_pair
from airflow_provider_auth0link.linking.carry import computed
from airflow_provider_auth0link.linking.options import Options
from airflow_provider_auth0link.linking.outcome import Outcome
from airflow_provider_auth0link.model import Pair, UserId
from tests.fakes.tenant import ALL_SCOPES, FakeTenant, Trouble, account, identity, user

PRIMARY, SECONDARY = UserId("auth0", "1"), UserId("google-oauth2", "2")
PAIR = Pair(PRIMARY, SECONDARY)
PLAIN = Options(carry=(), guards=())
CARRY = Options(guards=())

MINE: dict[str, Any] = {"user_metadata": {"lang": "de", "tags": ["a"]}, "app_metadata": {"plan": "pro"}}
THEIRS: dict[str, Any] = {
    "user_metadata": {"lang": "en", "tags": ["b"], "size": 7},
    "app_metadata": {"old_id": 9},
}
UNITED = {
    "user_metadata": {"lang": "de", "tags": ["a", "b"], "size": 7},
    "app_metadata": {"plan": "pro", "old_id": 9},
}
CARRIED = ("user_metadata.tags", "user_metadata.size", "app_metadata.old_id")

LOST = Trouble(AmbiguousError("the connection broke"))
LOST_DONE = Trouble(AmbiguousError("the connection broke"), done=True)
REFUSED = Trouble(BadRequestError("400: unable to link"))


def tenant_of_two(mine: dict[str, Any] = MINE, theirs: dict[str, Any] = THEIRS, **options: Any) -> FakeTenant:
    return FakeTenant(user("auth0|1", **mine), user("google-oauth2|2", "google", **theirs), **options)


def metadata(tenant: FakeTenant, user_id: str = "auth0|1") -> dict[str, Any]:
    kept = tenant.users[user_id]
    return {kind: kept[kind] for kind in ("user_metadata", "app_metadata") if kept.get(kind)}


def ids(tenant: FakeTenant, user_id: str = "auth0|1") -> list[str]:
    return [f"{each['provider']}|{each['user_id']}" for each in tenant.users[user_id]["identities"]]


def untouched(tenant: FakeTenant, before: dict[str, Any]) -> bool:
    return tenant.users == before and not {"update_user", "link", "unlink"} & set(tenant.calls)


def test_with_nothing_to_read_for_it_is_one_request_with_one_scope() -> None:
    tenant = tenant_of_two(scopes=frozenset({"update:users"}))
    outcome = link_pair(tenant, PAIR, PLAIN)

    assert (outcome.name, outcome.requests, outcome.carried) == ("linked", 1, ())
    assert tenant.calls == ["link"]
    assert metadata(tenant) == MINE


def test_metadata_is_carried_before_the_link() -> None:
    tenant = tenant_of_two()
    outcome = link_pair(tenant, PAIR, CARRY)

    assert (outcome.name, outcome.carried, outcome.warnings) == ("linked", CARRIED, ())
    assert tenant.calls == ["get_user", "get_user", "update_user", "link"]
    assert outcome.requests == 4
    assert metadata(tenant) == UNITED
    assert ids(tenant) == ["auth0|1", "google-oauth2|2"]
    assert set(tenant.users) == {"auth0|1"}


def test_where_nothing_changes_nothing_is_written() -> None:
    tenant = tenant_of_two(mine=UNITED)
    outcome = link_pair(tenant, PAIR, CARRY)

    assert (outcome.name, outcome.carried) == ("linked", ())
    assert tenant.count("update_user") == 0


def test_what_is_excepted_never_arrives() -> None:
    tenant = tenant_of_two()
    options = Options(guards=(), carry_except=("app_metadata", "user_metadata.size"))

    assert link_pair(tenant, PAIR, options).carried == ("user_metadata.tags",)
    assert metadata(tenant) == {**MINE, "user_metadata": {"lang": "de", "tags": ["a", "b"]}}


def test_an_outcome_goes_to_xcom_as_published() -> None:
    outcome = link_pair(tenant_of_two(), PAIR, CARRY)

    assert outcome.to_xcom(PRIMARY, SECONDARY) == {
        "outcome": "linked",
        "primary_user_id": "auth0|1",
        "secondary_user_id": "google-oauth2|2",
        "carried": list(CARRIED),
        "requests": 4,
    }
    failed = Outcome.ended("failed", LinkFailedError("why")).with_(requests=2)
    assert failed.to_xcom(PRIMARY, SECONDARY) == {
        "outcome": "failed",
        "reason": "why",
        "primary_user_id": "auth0|1",
        "secondary_user_id": "google-oauth2|2",
        "carried": [],
        "requests": 2,
    }


@pytest.mark.parametrize(
    ("missing", "pair", "options"),
    [
        pytest.param("update:users", PAIR, PLAIN, id="to link"),
        pytest.param("read:users", PAIR, CARRY, id="to read"),
        pytest.param("read:users", PAIR, Options(carry=()), id="to guard"),
        pytest.param("read:connections", Pair(PRIMARY, SECONDARY, "con_1"), PLAIN, id="to name a connection"),
        pytest.param("read:users", PAIR, Options(dry_run=True), id="to rehearse"),
    ],
)
def test_a_scope_that_is_needed_is_asked_for_first(missing: str, pair: Pair, options: Options) -> None:
    tenant = tenant_of_two(scopes=ALL_SCOPES - {missing})

    with pytest.raises(ForbiddenError, match=missing):
        link_pair(tenant, pair, options)
    assert tenant.calls == []


def test_the_scope_for_app_metadata_is_asked_for_when_there_is_some() -> None:
    tenant = tenant_of_two(scopes=ALL_SCOPES - {"update:users_app_metadata"})
    before = copy.deepcopy(tenant.users)
    outcome = link_pair(tenant, PAIR, CARRY)

    assert (outcome.name, type(outcome.error)) == ("failed", ForbiddenError)
    assert untouched(tenant, before)

    tenant = tenant_of_two(
        theirs={"user_metadata": {"size": 7}}, scopes=ALL_SCOPES - {"update:users_app_metadata"}
    )
    assert link_pair(tenant, PAIR, CARRY).name == "linked"


HOLDING = user("auth0|1", "db", identity("google-oauth2|2", "google"))


def test_what_is_linked_already_is_seen_on_the_first_reading() -> None:
    tenant = FakeTenant(HOLDING)
    outcome = link_pair(tenant, PAIR, CARRY)

    assert (outcome.name, outcome.error, tenant.calls) == ("already_linked", None, ["get_user"])
    assert [each.user_id for each in outcome.identities] == ["1", "2"]


@pytest.mark.parametrize(
    ("gone", "told"),
    [
        pytest.param("auth0|1", "the primary account is not there", id="primary"),
        pytest.param("google-oauth2|2", "the secondary account is not there", id="secondary"),
    ],
)
@pytest.mark.parametrize("dry_run", [False, True], ids=["real", "dry"])
def test_an_account_that_is_not_there_is_told(gone: str, told: str, dry_run: bool) -> None:
    tenant = tenant_of_two()
    del tenant.users[gone]
    before = copy.deepcopy(tenant.users)
    outcome = link_pair(tenant, PAIR, Options(guards=(), dry_run=dry_run))

    assert (outcome.name, type(outcome.error)) == ("failed", LinkFailedError)
    assert told in str(outcome.reason)
    assert "'google-oauth2|2' into 'auth0|1'" in str(outcome.reason)
    assert untouched(tenant, before)


LARGE = {"user_metadata": {"blob": "x" * 10_500}}

REFUSALS = [
    pytest.param({}, {"blocked": True}, Options(), {}, "not_blocked: the secondary is blocked", id="guard"),
    pytest.param(
        {},
        {},
        Options(guards=("same_email",)),
        {},
        "same_email: one of the accounts has no e-mail",
        id="another guard",
    ),
    pytest.param(
        {"email": "a@x"}, {"email": "b@x"}, PLAIN, {"email": "a@x"}, "drifted: email", id="evidence alone"
    ),
    pytest.param(
        {"user_metadata": {"lang": "de"}},
        {"user_metadata": {"lang": "en"}},
        Options(guards=(), conflicts="fail"),
        {},
        "conflicts: both accounts have a value at user_metadata.lang",
        id="conflict",
    ),
    pytest.param({}, LARGE, CARRY, {}, "limit: ", id="profile limit"),
]


@pytest.mark.parametrize(("mine", "theirs", "options", "evidence", "reason"), REFUSALS)
@pytest.mark.parametrize("dry_run", [False, True], ids=["real", "dry"])
def test_a_refusal_comes_before_any_change(
    mine: dict[str, Any],
    theirs: dict[str, Any],
    options: Options,
    evidence: dict[str, Any],
    reason: str,
    dry_run: bool,
) -> None:
    tenant = tenant_of_two(mine, theirs)
    before = copy.deepcopy(tenant.users)
    chosen = Options(options.carry, options.carry_except, options.conflicts, options.guards, dry_run)
    outcome = link_pair(tenant, Pair(PRIMARY, SECONDARY, evidence=evidence), chosen)

    assert (outcome.name, type(outcome.error)) == ("refused", RefusedError)
    assert str(outcome.reason).startswith(reason)
    assert [each.user_id for each in outcome.identities] == ["1"]
    assert untouched(tenant, before)


def test_ten_conflicts_are_named_at_most() -> None:
    tenant = tenant_of_two(
        {"user_metadata": {f"k{n:02}": 1 for n in range(30)}},
        {"user_metadata": {f"k{n:02}": 2 for n in range(30)}},
    )
    outcome = link_pair(tenant, PAIR, Options(guards=(), conflicts="fail"))

    assert str(outcome.reason).count("user_metadata.k") == 10


def test_a_dry_run_tells_what_would_be_done_and_changes_nothing() -> None:
    tenant = tenant_of_two(scopes=frozenset({"read:users"}))
    before = copy.deepcopy(tenant.users)
    outcome = link_pair(tenant, PAIR, Options(dry_run=True))

    assert (outcome.name, outcome.carried, outcome.error) == ("would_link", CARRIED, None)
    assert [each.user_id for each in outcome.identities] == ["1"]
    assert (outcome.requests, untouched(tenant, before)) == (2, True)


def test_a_dry_run_without_guards_and_carry_reads_all_the_same() -> None:
    tenant = tenant_of_two()

    assert link_pair(tenant, PAIR, Options(carry=(), guards=(), dry_run=True)).name == "would_link"
    assert tenant.calls == ["get_user", "get_user"]
    assert link_pair(FakeTenant(HOLDING), PAIR, Options(dry_run=True)).name == "already_linked"


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param([REFUSED], id="400"),
        pytest.param([Trouble(ForbiddenError("403"))], id="403"),
        pytest.param([Trouble(ConflictError("409"))] * 2, id="409 twice"),
        pytest.param([Trouble(MissingAccountError("404"))], id="404"),
    ],
)
def test_what_was_carried_is_taken_back_when_the_link_is_refused(refusal: list[Trouble]) -> None:
    tenant = tenant_of_two()
    tenant.meets("link", *refusal)
    outcome = link_pair(tenant, PAIR, CARRY)

    assert outcome.name == "failed"
    assert str(outcome.reason).endswith("; what was carried is taken back")
    assert outcome.carried == ()
    assert (metadata(tenant), metadata(tenant, "google-oauth2|2")) == (MINE, THEIRS)
    assert tenant.count("update_user") == 2


def test_a_refusal_with_nothing_carried_takes_nothing_back() -> None:
    tenant = tenant_of_two(theirs={})
    tenant.meets("link", REFUSED)
    outcome = link_pair(tenant, PAIR, CARRY)

    assert outcome.reason == "400: unable to link"
    assert tenant.count("update_user") == 0


def test_a_carry_that_is_refused_leaves_nothing_to_take_back() -> None:
    tenant = tenant_of_two()
    tenant.meets("update_user", Trouble(BadRequestError("400: not valid")))
    outcome = link_pair(tenant, PAIR, CARRY)

    assert (outcome.name, outcome.reason) == ("failed", "400: not valid")
    assert metadata(tenant) == MINE
    assert tenant.count("link") == 0


def _writes(tenant: FakeTenant, kind: str, **values: Any) -> Any:
    """Return what somebody else does meanwhile."""
    return lambda: tenant.users["auth0|1"].setdefault(kind, {}).update(values)


def test_what_others_changed_since_is_left_and_told() -> None:
    tenant = tenant_of_two()
    tenant.meets("link", Trouble(REFUSED.error, before=_writes(tenant, "user_metadata", size=8)))
    outcome = link_pair(tenant, PAIR, CARRY)

    assert metadata(tenant) == {**MINE, "user_metadata": {**MINE["user_metadata"], "size": 8}}
    assert str(outcome.reason).endswith(
        "; what was carried is taken back; what was carried was changed since and is left: user_metadata.size"
    )


def test_all_that_others_changed_is_left_without_a_write() -> None:
    tenant = tenant_of_two(theirs={"user_metadata": {"size": 7}})
    tenant.meets("link", Trouble(REFUSED.error, before=_writes(tenant, "user_metadata", size=8)))
    outcome = link_pair(tenant, PAIR, CARRY)

    assert str(outcome.reason).endswith(
        "; what was carried was changed since and is left: user_metadata.size"
    )
    assert "taken back" not in str(outcome.reason)
    assert tenant.count("update_user") == 1


@pytest.mark.parametrize("lost", [LOST, LOST_DONE], ids=["not done", "done"])
def test_a_taking_back_whose_answer_is_lost_is_looked_into(lost: Trouble) -> None:
    tenant = tenant_of_two()
    tenant.meets("link", REFUSED)
    tenant.meets("update_user", None, lost, None if lost.done else lost)
    outcome = link_pair(tenant, PAIR, CARRY)

    assert metadata(tenant) == MINE
    assert outcome.reason == "400: unable to link; what was carried is taken back"


@pytest.mark.parametrize(
    ("verb", "seconds"),
    [
        pytest.param("get_user", 600.0, id="reading fails"),
        pytest.param("update_user", 600.0, id="writing fails"),
        pytest.param("update_user", 0.0, id="no time to look again"),
    ],
)
def test_what_cannot_be_taken_back_is_told(verb: str, seconds: float) -> None:
    tenant = tenant_of_two(seconds=seconds)
    error = LOST.error if seconds == 0 else ForbiddenError("403: no more")
    tenant.meets("link", REFUSED)
    tenant.meets(verb, *[None] * (2 if verb == "get_user" else 1), Trouble(error))
    outcome = link_pair(tenant, PAIR, CARRY)

    assert (outcome.name, outcome.error) == ("failed", REFUSED.error)
    assert f"still on the primary, since taking it back failed: {error}" in str(outcome.reason)


@pytest.mark.parametrize(
    ("troubles", "kind"),
    [
        pytest.param([Trouble(UnsentError("no connection"))], UnsentError, id="no connection"),
        pytest.param([Trouble(RateLimitedError("429"))], RateLimitedError, id="429"),
        pytest.param([LOST], LinkDelayedError, id="lost"),
    ],
)
def test_what_was_carried_stays_for_a_later_try(troubles: list[Trouble], kind: type[Auth0LinkError]) -> None:
    tenant = tenant_of_two(seconds=0.0)
    tenant.meets("link", *troubles)
    outcome = link_pair(tenant, PAIR, CARRY)

    assert (outcome.name, type(outcome.error)) == ("failed", kind)
    assert outcome.error is not None
    assert outcome.error.retryable
    assert metadata(tenant) == UNITED
    assert "google-oauth2|2" in tenant.users


def test_what_was_carried_stays_while_the_outcome_is_unknown() -> None:
    tenant = tenant_of_two()
    tenant.meets("link", LOST_DONE)
    tenant.meets("get_user", None, None, Trouble(ForbiddenError("403")))
    outcome = link_pair(tenant, PAIR, CARRY)

    assert (outcome.name, type(outcome.error)) == ("unknown", OutcomeUnknownError)
    assert metadata(tenant) == UNITED
    assert tenant.count("link") == 1


@pytest.mark.parametrize(
    ("lost", "writes"),
    [pytest.param([LOST_DONE], 1, id="done"), pytest.param([LOST, LOST], 3, id="not done")],
)
def test_a_carry_whose_answer_is_lost_is_looked_into(lost: list[Trouble], writes: int) -> None:
    tenant = tenant_of_two()
    tenant.meets("update_user", *lost)
    outcome = link_pair(tenant, PAIR, CARRY)

    assert (outcome.name, outcome.carried) == ("linked", CARRIED)
    assert tenant.count("update_user") == writes
    assert metadata(tenant) == UNITED


def test_a_carry_whose_answer_was_lost_is_taken_back_whole() -> None:
    tenant = tenant_of_two()
    tenant.meets("update_user", LOST_DONE)
    tenant.meets("link", REFUSED)
    outcome = link_pair(tenant, PAIR, CARRY)

    assert str(outcome.reason).endswith("what was carried is taken back")
    assert metadata(tenant) == MINE


def test_a_carry_without_time_for_a_look_is_delayed() -> None:
    tenant = tenant_of_two(seconds=0.0)
    tenant.meets("update_user", LOST)
    outcome = link_pair(tenant, PAIR, CARRY)

    assert (outcome.name, type(outcome.error)) == ("failed", LinkDelayedError)
    assert "the metadata could not be carried" in str(outcome.reason)
    assert tenant.count("link") == 0


@pytest.mark.parametrize(
    "slow",
    [
        pytest.param(lambda tenant: tenant.is_busy(70.0), id="the link waits for its turn"),
        pytest.param(
            lambda tenant: tenant.meets("update_user", Trouble(after=lambda: tenant.clock.pass_by(61.0))),
            id="the carry is slow",
        ),
        pytest.param(
            lambda tenant: tenant.meets("get_user", None, Trouble(after=lambda: tenant.clock.pass_by(61.0))),
            id="the reading is slow",
        ),
        pytest.param(
            lambda tenant: tenant.meets("link", Trouble(RateLimitedError("429"))),
            id="the link meets a long 429",
        ),
    ],
)
def test_readings_that_grew_old_are_made_again(slow: Any) -> None:
    tenant = tenant_of_two()
    slow(tenant)
    outcome = link_pair(tenant, PAIR, Options())

    assert (outcome.name, outcome.carried) == ("linked", CARRIED)
    assert tenant.count("get_user") == 4
    assert tenant.count("update_user") == 1
    assert metadata(tenant) == UNITED
    assert ids(tenant) == ["auth0|1", "google-oauth2|2"]


def test_guards_see_what_changed_while_readings_grew_old() -> None:
    tenant = tenant_of_two()
    tenant.meets("update_user", Trouble(after=lambda: tenant.clock.pass_by(61.0)))
    tenant.meets(
        "get_user", None, None, Trouble(before=lambda: tenant.users["google-oauth2|2"].update(blocked=True))
    )
    outcome = link_pair(tenant, PAIR, Options())

    assert outcome.name == "refused"
    assert outcome.reason == "not_blocked: the secondary is blocked; what was carried is taken back"
    assert metadata(tenant) == MINE
    assert tenant.count("link") == 0


def test_taking_back_keeps_what_others_wrote_between_two_rounds() -> None:
    tenant = tenant_of_two()

    def meanwhile() -> None:
        tenant.users["auth0|1"]["user_metadata"]["tags"] = ["other"]
        tenant.clock.pass_by(61.0)

    tenant.meets("update_user", Trouble(after=meanwhile))
    tenant.meets("link", REFUSED)
    outcome = link_pair(tenant, PAIR, CARRY)

    assert outcome.name == "failed"
    assert tenant.count("update_user") == 3
    assert metadata(tenant) == {**MINE, "user_metadata": {"lang": "de", "tags": ["other"]}}


def test_what_the_secondary_gains_between_two_rounds_is_carried_and_taken_back_too() -> None:
    tenant = tenant_of_two()

    def meanwhile() -> None:
        tenant.users["google-oauth2|2"]["user_metadata"]["tags"].append("c")
        tenant.clock.pass_by(61.0)

    tenant.meets("update_user", Trouble(after=meanwhile))
    tenant.meets("link", Trouble(REFUSED.error, before=lambda: seen.append(copy.deepcopy(metadata(tenant)))))
    seen: list[dict[str, Any]] = []
    outcome = link_pair(tenant, PAIR, CARRY)

    assert [each["user_metadata"]["tags"] for each in seen] == [["a", "b", "c"]]
    assert str(outcome.reason).endswith("what was carried is taken back")
    assert metadata(tenant) == MINE


def test_a_lost_link_found_in_a_later_round_is_ours_with_what_it_carried() -> None:
    tenant = tenant_of_two()
    # Lost and not there yet; the repeat comes too late; meanwhile the first is applied.
    tenant.meets("link", LOST, Trouble(RateLimitedError("429")))
    tenant.meets("get_user", *[None] * 6, Trouble(before=lambda: tenant._link(PRIMARY, SECONDARY, None)))
    outcome = link_pair(tenant, PAIR, CARRY)

    assert (outcome.name, outcome.carried) == ("linked", CARRIED)
    assert tenant.count("link") == 2
    assert ids(tenant) == ["auth0|1", "google-oauth2|2"]


def test_rounds_end_with_the_time() -> None:
    tenant = tenant_of_two(seconds=60.0)
    tenant.meets("link", *[Trouble(RateLimitedError("429"))] * 99)
    outcome = link_pair(tenant, PAIR, CARRY)

    assert (outcome.name, type(outcome.error)) == ("failed", RateLimitedError)
    assert 3 < tenant.count("link") < 99
    assert tenant.count("update_user") == 1


def test_a_first_reading_that_fails_is_told_as_it_is() -> None:
    tenant = tenant_of_two()
    tenant.meets("get_user", Trouble(AmbiguousError("the reading broke")))
    outcome = link_pair(tenant, PAIR, CARRY)

    assert (outcome.name, outcome.reason) == ("failed", "the reading broke")
    assert tenant.calls == ["get_user"]


NAMED = Pair(PRIMARY, SECONDARY, "con_1")


def connected(**connections: str) -> FakeTenant:
    return tenant_of_two(connections=connections)


def test_a_connection_is_named_once_and_the_secondary_read_for_it() -> None:
    tenant = connected(con_1="google")
    outcome = link_pair(tenant, NAMED, PLAIN)

    assert outcome.name == "linked"
    assert tenant.calls == ["connection_name", "get_user", "get_user", "link"]


def test_a_connection_that_is_not_there_is_told() -> None:
    tenant = connected()
    outcome = link_pair(tenant, NAMED, PLAIN)

    assert (outcome.name, type(outcome.error)) == ("failed", LinkFailedError)
    assert "connection_id: the tenant has no connection 'con_1'" in str(outcome.reason)
    assert tenant.calls == ["connection_name"]


def test_two_accounts_under_one_id_are_refused() -> None:
    tenant = connected(con_1="old-google")
    before = copy.deepcopy(tenant.users)
    outcome = link_pair(tenant, NAMED, PLAIN)

    assert outcome.name == "refused"
    assert str(outcome.reason).startswith("ambiguous: ")
    assert "'old-google'" in str(outcome.reason)
    assert untouched(tenant, before)


@pytest.mark.parametrize("options", [PLAIN, CARRY], ids=["plain", "carrying"])
def test_a_typo_never_becomes_a_login(options: Options) -> None:
    tenant = connected(con_1="google")
    del tenant.users["google-oauth2|2"]
    before = copy.deepcopy(tenant.users)
    outcome = link_pair(tenant, NAMED, options)

    assert outcome.name == "failed"
    assert untouched(tenant, before)


def test_with_a_connection_no_link_is_repeated_for_a_secondary_that_is_gone() -> None:
    tenant = connected(con_1="google")
    tenant.meets("link", Trouble(LOST.error, after=lambda: tenant.users.pop("google-oauth2|2")))
    outcome = link_pair(tenant, NAMED, PLAIN)

    assert (outcome.name, tenant.count("link")) == ("failed", 1)
    assert ids(tenant) == ["auth0|1"]


def test_an_identity_of_another_connection_does_not_count_as_linked() -> None:
    tenant = FakeTenant(
        user("auth0|1", "db", identity("google-oauth2|2", "old-google")),
        user("google-oauth2|2", "google"),
        connections={"con_1": "google"},
    )
    tenant.meets("link", *[Trouble(ConflictError("409"))] * 2)

    assert link_pair(tenant, NAMED, PLAIN).name == "failed"
    tenant = FakeTenant(HOLDING, connections={"con_1": "google"})
    assert link_pair(tenant, NAMED, PLAIN).name == "already_linked"


def test_a_name_that_cannot_be_read_fails_before_any_change() -> None:
    tenant = connected(con_1="google")
    tenant.meets("connection_name", Trouble(AmbiguousError("lost")))
    outcome = link_pair(tenant, NAMED, PLAIN)

    assert (outcome.name, type(outcome.error)) == ("failed", AmbiguousError)
    assert tenant.calls == ["connection_name"]


NESTED = {
    **user("google-oauth2|2", "google"),
    "identities": [identity("github|3", "github"), identity("google-oauth2|2", "google")],
}


def test_a_secondary_brings_its_own_identities_along() -> None:
    tenant = FakeTenant(user("auth0|1"), NESTED)
    outcome = link_pair(tenant, PAIR, CARRY)

    assert (outcome.name, outcome.warnings) == ("linked", ())
    assert set(ids(tenant)) == {"auth0|1", "google-oauth2|2", "github|3"}


@pytest.mark.parametrize(
    "left",
    [
        pytest.param([], id="gone"),
        pytest.param([identity("github|3", "github-old")], id="of another connection"),
    ],
)
def test_an_identity_that_did_not_arrive_is_told(left: list[dict[str, Any]]) -> None:
    tenant = FakeTenant(user("auth0|1"), NESTED)

    def meanwhile() -> None:
        secondary = tenant.users["google-oauth2|2"]
        secondary["identities"] = [*left, secondary["identities"][-1]]

    tenant.meets("link", Trouble(before=meanwhile))
    outcome = link_pair(tenant, PAIR, CARRY)

    assert outcome.name == "linked"
    assert outcome.warnings == ("1 of the secondary's identities did not arrive at the primary",)


def test_the_primary_s_root_identity_comes_first() -> None:
    tenant = FakeTenant(
        {"user_id": "auth0|1", "identities": [identity("github|3", "github"), identity("auth0|1")]},
        user("google-oauth2|2", "google"),
    )

    for outcome in (link_pair(tenant, PAIR, CARRY), link_pair(tenant, PAIR, CARRY)):
        assert [each.provider for each in outcome.identities] == ["auth0", "github", "google-oauth2"]


def test_an_account_without_identities_is_linked_by_its_id() -> None:
    tenant = FakeTenant(user("auth0|1"), {"user_id": "google-oauth2|2"})
    theirs = tenant.users["google-oauth2|2"]["identities"] = []
    tenant.meets("link", Trouble(before=lambda: theirs.append(identity("google-oauth2|2", "google"))))

    assert link_pair(tenant, PAIR, CARRY).name == "linked"


def test_metadata_nested_too_deep_is_a_failure_of_its_pair() -> None:
    deep: dict[str, Any] = {}
    for _ in range(5_000):
        deep = {"a": deep}
    primary, secondary = (account(each, user_metadata=deep) for each in ("auth0|1", "google-oauth2|2"))

    with pytest.raises(LinkFailedError, match="nested too deep"):
        computed(primary, secondary, CARRY)


def test_a_lost_try_is_not_called_a_failure_when_the_next_round_cannot_read() -> None:
    tenant = FakeTenant(user("auth0|1"), user("google-oauth2|2", "google"))
    tenant.meets("link", Trouble(AmbiguousError("lost")), Trouble(UnsentError("too late")))
    readings: list[Trouble | None] = [None] * 6
    tenant.meets("get_user", *readings, Trouble(ForbiddenError("403")))
    outcome = link_pair(tenant, PAIR, CARRY)

    assert outcome.name == "unknown"
    assert isinstance(outcome.error, OutcomeUnknownError)


def by_token(tenant: FakeTenant, *, own_token: bool = False, dry_run: bool = False) -> Outcome:
    return link_by_token(
        tenant, PAIR, lambda: tenant.link(PRIMARY, SECONDARY), own_token=own_token, dry_run=dry_run
    )


def test_by_token_nothing_is_read_first() -> None:
    tenant = tenant_of_two()
    outcome = by_token(tenant)

    assert (outcome.name, outcome.requests) == ("linked", 1)
    assert metadata(tenant) == MINE


def test_by_token_the_scope_is_asked_of_our_token_only() -> None:
    with pytest.raises(ForbiddenError, match="update:users"):
        by_token(tenant_of_two(scopes=frozenset()))
    assert by_token(tenant_of_two(scopes=frozenset()), own_token=True).name == "linked"


@pytest.mark.parametrize("lost", [LOST, LOST_DONE], ids=["not done", "done"])
def test_by_token_a_lost_answer_is_settled(lost: Trouble) -> None:
    tenant = tenant_of_two()
    tenant.meets("link", lost)

    assert by_token(tenant, own_token=True).name == "linked"
    assert ids(tenant) == ["auth0|1", "google-oauth2|2"]


def test_by_token_without_credentials_a_lost_answer_leaves_it_unknown() -> None:
    tenant = tenant_of_two()
    tenant.meets("link", LOST_DONE)
    tenant.meets("get_user", Trouble(SettingsError("the connection holds no credentials")))
    outcome = by_token(tenant, own_token=True)

    assert (outcome.name, type(outcome.error)) == ("unknown", OutcomeUnknownError)
    assert "no credentials" in str(outcome.reason)


@pytest.mark.parametrize(
    ("users", "name"),
    [
        pytest.param([user("auth0|1"), user("google-oauth2|2")], "would_link", id="both there"),
        pytest.param([HOLDING], "already_linked", id="linked"),
        pytest.param([user("auth0|1")], "failed", id="no secondary"),
        pytest.param([user("google-oauth2|2")], "failed", id="no primary"),
    ],
)
def test_by_token_a_dry_run_reads(users: list[dict[str, Any]], name: str) -> None:
    tenant = FakeTenant(*users, scopes=frozenset({"read:users"}))
    before = copy.deepcopy(tenant.users)

    assert by_token(tenant, dry_run=True).name == name
    assert untouched(tenant, before)
    with pytest.raises(ForbiddenError, match="read:users"):
        by_token(FakeTenant(*users, scopes=frozenset({"update:users"})), dry_run=True)


def test_unlinking_is_one_request_with_one_scope() -> None:
    tenant = FakeTenant(HOLDING, scopes=frozenset({"update:users"}))
    outcome = unlink_pair(tenant, PRIMARY, SECONDARY)

    assert (outcome.name, outcome.requests) == ("unlinked", 1)
    assert [each.user_id for each in outcome.identities] == ["1"]
    with pytest.raises(ForbiddenError, match="update:users"):
        unlink_pair(FakeTenant(HOLDING, scopes=frozenset()), PRIMARY, SECONDARY)


@pytest.mark.parametrize(
    ("connection", "name"),
    [
        pytest.param(None, "unlinked", id="any"),
        pytest.param("google", "unlinked", id="that one"),
        pytest.param("other", "not_linked", id="another"),
    ],
)
def test_unlinking_may_name_a_connection(connection: str | None, name: str) -> None:
    assert unlink_pair(FakeTenant(HOLDING), PRIMARY, SECONDARY, connection=connection).name == name


@pytest.mark.parametrize(
    ("users", "name"),
    [
        pytest.param([HOLDING], "would_unlink", id="linked"),
        pytest.param([user("auth0|1")], "not_linked", id="not linked"),
        pytest.param([], "failed", id="no primary"),
    ],
)
def test_a_dry_unlink_reads(users: list[dict[str, Any]], name: str) -> None:
    tenant = FakeTenant(*users, scopes=frozenset({"read:users"}))
    before = copy.deepcopy(tenant.users)
    outcome = unlink_pair(tenant, PRIMARY, SECONDARY, dry_run=True)

    assert (outcome.name, outcome.requests) == (name, 1)
    assert untouched(tenant, before)
