"""Taking one link back, settled by reading as the link is."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException

from airflow_provider_auth0link.emulator.server import Emulator
from airflow_provider_auth0link.errors import LinkDelayedError, LinkFailedError, OutcomeUnknownError
from airflow_provider_auth0link.hooks.auth0 import Auth0Hook
from airflow_provider_auth0link.linking.apply import unlink_pair
from airflow_provider_auth0link.model import UserId
from airflow_provider_auth0link.operators.link import UnlinkIdentityOperator
from tests.operators.rig import ADA, ADA_GOOGLE, PAIR, TIMEOUT, Json, MakeTenant, Ran, patience, run

ROOT = {"connection": "Username-Password-Authentication", "provider": "auth0", "user_id": "ada"}
GOOGLE = {"connection": "google-oauth2", "provider": "google-oauth2", "user_id": "1034"}
GITHUB = {"connection": "github", "provider": "github", "user_id": 77}
LINKED = {"user_id": ADA, "identities": [ROOT, GITHUB, GOOGLE]}


@pytest.fixture
def tenant(make_tenant: MakeTenant) -> Emulator:
    """A tenant where Ada holds her Google identity."""
    return make_tenant(LINKED)


def unlink(**arguments: Any) -> Ran:
    return run(UnlinkIdentityOperator(task_id="unlink", **{**PAIR, **arguments}))


def assert_unlinked(tenant: Emulator) -> None:
    assert len((tenant.user(ADA) or {})["identities"]) == 2
    assert tenant.user(ADA_GOOGLE) is not None


def test_the_identity_gets_an_empty_account_of_its_own(tenant: Emulator) -> None:
    ran = unlink()

    assert (ran.outcome, ran.identities) == ("unlinked", [ADA, "github|77"])
    assert tenant.counts == {"token": 1, "unlink": 1}
    assert_unlinked(tenant)


def test_a_number_is_an_id_too(tenant: Emulator) -> None:
    assert unlink(secondary_user_id=77, provider="github").identities == [ADA, ADA_GOOGLE]


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"kind": "reset_after"}, id="reset"),
        pytest.param({"kind": "status_after", "status": 502}, id="502"),
        pytest.param({"kind": "slow_after"}, id="timeout"),
        pytest.param({"kind": "truncated"}, id="truncated"),
        pytest.param({"kind": "cut_json"}, id="unreadable"),
    ],
)
def test_a_lost_answer_after_the_change(fault: Json, make_tenant: MakeTenant) -> None:
    tenant = make_tenant(LINKED, connection=patience(fault["kind"]))
    tenant.faults.add(**fault, route="unlink")

    ran = unlink()

    assert (ran.outcome, ran.identities) == ("unlinked", [ADA, "github|77"])
    assert tenant.counts["unlink"] == 1
    assert_unlinked(tenant)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"kind": "reset_before"}, id="reset"),
        pytest.param({"kind": "status_before", "status": 503}, id="503"),
        pytest.param({"kind": "slow_before", "delay": TIMEOUT + 0.3}, id="timeout"),
        pytest.param({"kind": "rate_limited", "reset_in": 0}, id="429"),
    ],
)
def test_a_lost_answer_before_the_change(fault: Json, make_tenant: MakeTenant) -> None:
    tenant = make_tenant(LINKED, connection=patience(fault["kind"]))
    tenant.faults.add(**fault, route="unlink")

    ran = unlink()

    assert (ran.outcome, ran.identities) == ("unlinked", [ADA, "github|77"])
    assert tenant.counts["unlink"] == 2
    assert_unlinked(tenant)


def test_an_unlink_that_is_applied_after_the_client_has_given_up(make_tenant: MakeTenant) -> None:
    tenant = make_tenant(LINKED, connection=patience("slow_before"))
    tenant.faults.add("slow_before", route="unlink", delay=TIMEOUT + 0.3, late=True)

    ran = unlink()

    assert ran.outcome == "unlinked"
    assert_unlinked(tenant)


@pytest.mark.parametrize("status", [400, 404])
@pytest.mark.parametrize(
    ("choice", "error"),
    [
        pytest.param("succeed", type(None), id="succeed"),
        pytest.param("skip", AirflowSkipException, id="skip"),
        pytest.param("fail", LinkFailedError, id="fail"),
    ],
)
def test_what_is_not_linked(
    choice: str, error: type[Exception], status: int, make_tenant: MakeTenant
) -> None:
    make_tenant(ADA, ADA_GOOGLE, unlink_missing_status=status)

    ran = unlink(on_not_linked=choice)

    assert ran.outcome == "not_linked"
    assert isinstance(ran.error, error)
    assert isinstance(ran.error, AirflowFailException) is (choice == "fail")


@pytest.mark.parametrize("choice", ["skip", "fail"])
def test_what_is_linked_is_unlinked_whatever_the_choice_for_the_rest(choice: str, tenant: Emulator) -> None:
    assert unlink(on_not_linked=choice, dry_run=True).identities == [ADA, "github|77", ADA_GOOGLE]
    assert unlink(on_not_linked=choice).identities == [ADA, "github|77"]


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize("status", [400, 404])
def test_a_primary_that_is_not_there(status: int, dry_run: bool, make_tenant: MakeTenant) -> None:
    make_tenant(ADA_GOOGLE, missing_status=status)

    ran = unlink(dry_run=dry_run)

    assert ran.outcome == "failed"
    assert isinstance(ran.error, LinkFailedError)
    assert isinstance(ran.error, AirflowFailException)
    assert "the primary account is not there" in ran.pushed["unlink"]["reason"]


@pytest.mark.parametrize("applied", [True, False])
def test_unknown_when_the_token_may_not_read(applied: bool, make_tenant: MakeTenant) -> None:
    tenant = make_tenant(LINKED, scopes="update:users")
    tenant.faults.add("reset_after" if applied else "reset_before", route="unlink")

    ran = unlink()

    assert ran.outcome == "unknown"
    assert isinstance(ran.error, OutcomeUnknownError)
    assert not isinstance(ran.error, AirflowFailException)
    assert ADA in str(ran.error)
    assert ADA_GOOGLE in str(ran.error)
    assert (tenant.user(ADA_GOOGLE) is not None) is applied


def test_failed_when_no_time_is_left_for_a_repeat(tenant: Emulator) -> None:
    tenant.faults.add("status_before", route="unlink", status=503, count=None)

    outcome = unlink_pair(Auth0Hook().work(seconds=0.2), UserId.parse(ADA, ""), UserId.parse(ADA_GOOGLE, ""))

    assert outcome.name == "failed"
    assert isinstance(outcome.error, LinkDelayedError)
    assert tenant.user(ADA_GOOGLE) is None


@pytest.mark.parametrize(
    ("secondary", "outcome"),
    [(ADA_GOOGLE, "would_unlink"), ("sms|1", "not_linked")],
    ids=["held", "not-held"],
)
def test_a_dry_run_changes_nothing(secondary: str, outcome: str, tenant: Emulator) -> None:
    before = tenant.users()

    ran = unlink(secondary_user_id=secondary, dry_run="true")

    assert (ran.outcome, ran.identities) == (outcome, [ADA, "github|77", ADA_GOOGLE])
    assert tenant.users() == before
    assert tenant.counts == {"token": 1, "user_get": 1}


def test_a_connection_tells_two_identities_of_one_id_apart(make_tenant: MakeTenant) -> None:
    mine = {"connection": "acme", "provider": "samlp", "user_id": "7"}
    legacy = {**mine, "connection": "legacy"}
    tenant = make_tenant({"user_id": ADA, "identities": [ROOT, mine, legacy]})

    ran = unlink(secondary_user_id="samlp|7", connection="legacy")

    assert ran.outcome == "unlinked"
    assert [each["connection"] for each in ran.value] == [ROOT["connection"], "acme"]
    assert (tenant.user("samlp|7") or {})["identities"][0]["connection"] == "legacy"


def test_a_lost_answer_with_a_connection_looks_for_that_one(make_tenant: MakeTenant) -> None:
    mine = {"connection": "acme", "provider": "samlp", "user_id": "7"}
    tenant = make_tenant({"user_id": ADA, "identities": [ROOT, mine, {**mine, "connection": "legacy"}]})
    tenant.faults.add("reset_after", route="unlink")

    ran = unlink(secondary_user_id="samlp|7", connection="legacy")

    assert ran.outcome == "unlinked"
    assert tenant.counts["unlink"] == 1


def test_it_writes_the_task_into_the_tenants_log(tenant: Emulator) -> None:
    unlink()

    assert tenant.requests[-1].headers["x-correlation-id"] == "nightly/unlink/manual__2026-11-23"
