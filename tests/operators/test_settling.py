"""
Every answer to the link, over real HTTP, by each way of naming the secondary.

What the task tells is compared with what became of the tenant: the pair is linked once or not at all.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_auth0link.emulator.server import Emulator
from airflow_provider_auth0link.errors import LinkDelayedError, LinkFailedError, OutcomeUnknownError
from airflow_provider_auth0link.hooks.auth0 import Auth0Hook
from airflow_provider_auth0link.linking.apply import link_by_token, link_pair
from airflow_provider_auth0link.linking.options import Options
from airflow_provider_auth0link.linking.outcome import Outcome
from airflow_provider_auth0link.model import Pair, UserId
from airflow_provider_auth0link.operators.link import LinkIdentityOperator
from tests.operators.rig import ADA, ADA_GOOGLE, PLAIN, TIMEOUT, MakeTenant, Ran, connect, patience, run

GRACE = "auth0|grace"
LATE = TIMEOUT + 0.3
"""Seconds: the client has given up by then."""


def by_id(tenant: Emulator) -> dict[str, Any]:
    return {"secondary_user_id": ADA_GOOGLE, **PLAIN}


def by_id_token(tenant: Emulator) -> dict[str, Any]:
    return {"secondary_id_token": tenant.id_token(ADA_GOOGLE)}


def by_both_tokens(tenant: Emulator) -> dict[str, Any]:
    return {**by_id_token(tenant), "primary_access_token": tenant.user_access_token(ADA)}


Way = Callable[[Emulator], dict[str, Any]]
WAYS = pytest.mark.parametrize("way", [by_id, by_id_token, by_both_tokens])


def link(tenant: Emulator, way: Way) -> Ran:
    return run(LinkIdentityOperator(task_id="link", primary_user_id=ADA, **way(tenant)))


def linked_already(holder: str) -> list[dict[str, Any]]:
    """Return users of whom *holder* holds Ada's Google identity."""
    google = {"connection": "google-oauth2", "provider": "google-oauth2", "user_id": "1034"}
    root = {"connection": "Username-Password-Authentication", "provider": "auth0"}
    return [
        {
            "user_id": each,
            "identities": [
                {**root, "user_id": each.partition("|")[2]},
                *([google] if each == holder else []),
            ],
        }
        for each in (ADA, GRACE)
    ]


def assert_linked_once(tenant: Emulator) -> None:
    assert tenant.links_applied == {(ADA, ADA_GOOGLE): 1}
    assert tenant.user(ADA_GOOGLE) is None
    assert len((tenant.user(ADA) or {})["identities"]) == 2


def assert_not_linked(tenant: Emulator) -> None:
    assert tenant.links_applied == {}
    assert tenant.user(ADA_GOOGLE) is not None
    assert len((tenant.user(ADA) or {})["identities"]) == 1


@WAYS
def test_201(way: Way, make_tenant: MakeTenant) -> None:
    tenant = make_tenant(ADA, ADA_GOOGLE)

    ran = link(tenant, way)

    assert (ran.outcome, ran.identities) == ("linked", [ADA, ADA_GOOGLE])
    assert [each.route for each in tenant.requests if each.route != "token"] == ["link"]
    assert_linked_once(tenant)


@WAYS
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"kind": "reset_after"}, id="reset"),
        pytest.param({"kind": "reset_after", "graceful": True}, id="closed"),
        pytest.param({"kind": "status_after", "status": 500}, id="500"),
        pytest.param({"kind": "status_after", "status": 502}, id="502"),
        pytest.param({"kind": "status_after", "status": 503}, id="503"),
        pytest.param({"kind": "slow_after"}, id="timeout"),
        pytest.param({"kind": "truncated"}, id="truncated-201"),
        pytest.param({"kind": "cut_json"}, id="unreadable-201"),
    ],
)
def test_a_lost_answer_after_the_change(fault: dict[str, Any], way: Way, make_tenant: MakeTenant) -> None:
    tenant = make_tenant(ADA, ADA_GOOGLE, connection=patience(fault["kind"]))
    tenant.faults.add(**fault, route="link")

    ran = link(tenant, way)

    assert (ran.outcome, ran.identities) == ("linked", [ADA, ADA_GOOGLE])
    assert tenant.counts["link"] == 1
    assert_linked_once(tenant)


@WAYS
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"kind": "reset_before"}, id="reset"),
        pytest.param({"kind": "reset_before", "graceful": True}, id="closed"),
        pytest.param({"kind": "status_before", "status": 500}, id="500"),
        pytest.param({"kind": "status_before", "status": 502}, id="502"),
        pytest.param({"kind": "status_before", "status": 503}, id="503"),
        pytest.param({"kind": "slow_before", "delay": LATE}, id="timeout"),
    ],
)
def test_a_lost_answer_before_the_change(fault: dict[str, Any], way: Way, make_tenant: MakeTenant) -> None:
    tenant = make_tenant(ADA, ADA_GOOGLE, connection=patience(fault["kind"]))
    tenant.faults.add(**fault, route="link")

    ran = link(tenant, way)

    assert (ran.outcome, ran.identities) == ("linked", [ADA, ADA_GOOGLE])
    assert tenant.counts["link"] == 2
    assert_linked_once(tenant)


@WAYS
def test_a_link_that_is_applied_after_the_client_has_given_up(way: Way, make_tenant: MakeTenant) -> None:
    tenant = make_tenant(ADA, ADA_GOOGLE, connection=patience("slow_before"))
    tenant.faults.add("slow_before", route="link", delay=LATE, late=True)

    ran = link(tenant, way)

    assert (ran.outcome, ran.identities) == ("linked", [ADA, ADA_GOOGLE])
    assert_linked_once(tenant)


def test_faults_one_after_another(make_tenant: MakeTenant) -> None:
    tenant = make_tenant(ADA, ADA_GOOGLE)
    tenant.faults.add("status_before", route="link", status=503)
    tenant.faults.add("reset_after", route="link")
    tenant.faults.add("truncated", route="user_get")

    ran = link(tenant, by_id)

    assert (ran.outcome, ran.identities) == ("linked", [ADA, ADA_GOOGLE])
    assert tenant.counts["link"] == 2
    assert_linked_once(tenant)


@WAYS
@pytest.mark.parametrize("reading", [409, 400, 404, "missing"])
def test_linked_to_this_primary_already(reading: int | str, way: Way, make_tenant: MakeTenant) -> None:
    tenant = make_tenant(*linked_already(ADA), relink_status=reading)

    ran = link(tenant, way)

    assert (ran.outcome, ran.identities) == ("already_linked", [ADA, ADA_GOOGLE])
    assert tenant.counts["link"] == 1
    assert tenant.links_applied == {}


@WAYS
@pytest.mark.parametrize("reading", [409, 400, 404, "missing"])
def test_linked_to_another_primary(reading: int | str, way: Way, make_tenant: MakeTenant) -> None:
    tenant = make_tenant(*linked_already(GRACE), elsewhere_status=reading)

    ran = link(tenant, way)

    assert ran.outcome == "failed"
    assert ran.link["reason"].endswith("the secondary account is not there: linked elsewhere or deleted")
    assert isinstance(ran.error, LinkFailedError)
    assert isinstance(ran.error, AirflowFailException)
    assert tenant.counts["link"] == 1
    assert tenant.links_applied == {}


@WAYS
@pytest.mark.parametrize("status", [404, 400])
def test_a_primary_that_is_not_there(status: int, way: Way, make_tenant: MakeTenant) -> None:
    tenant = make_tenant(ADA_GOOGLE, missing_status=status)

    ran = link(tenant, way)

    assert ran.outcome == "failed"
    assert ran.link["reason"].endswith("the primary account is not there. Deleted, or linked elsewhere?")
    assert isinstance(ran.error, AirflowFailException)
    assert tenant.counts["link"] == 1
    assert tenant.user(ADA_GOOGLE) is not None


@WAYS
@pytest.mark.parametrize("status", [404, 400])
def test_a_secondary_that_is_not_there(status: int, way: Way, make_tenant: MakeTenant) -> None:
    tenant = make_tenant(ADA, "google-oauth2|2045", missing_secondary_status=status)

    ran = link(tenant, way)

    assert ran.outcome == "failed"
    assert ran.link["reason"].endswith("the secondary account is not there: linked elsewhere or deleted")
    assert isinstance(ran.error, AirflowFailException)
    assert tenant.counts["link"] == 1
    assert tenant.links_applied == {}


READING_FAILS = pytest.mark.parametrize(
    "reading",
    [
        pytest.param({"kind": "reset_before"}, id="reset"),
        pytest.param({"kind": "status_before", "status": 503}, id="503"),
        pytest.param({"kind": "slow_before"}, id="timeout"),
        pytest.param({"kind": "rate_limited"}, id="429"),
        pytest.param({"kind": "truncated"}, id="truncated"),
        pytest.param({"kind": "cut_json"}, id="unreadable"),
    ],
)


def without_time(tenant: Emulator, way: Way) -> Outcome:
    """Link with too little time for a repeat, instead of the ten minutes that a task gives."""
    work, pair = Auth0Hook().work(seconds=0.2), Pair(UserId.parse(ADA, ""), UserId.parse(ADA_GOOGLE, ""))
    named = way(tenant)
    if "secondary_user_id" in named:
        return link_pair(work, pair, Options(carry=(), guards=()))
    id_token, own_token = named["secondary_id_token"], named.get("primary_access_token")
    return link_by_token(
        work, pair, lambda: work.link_with(pair.primary, id_token, own_token), own_token=own_token is not None
    )


@WAYS
@READING_FAILS
def test_unknown_when_the_settling_read_fails_too(
    reading: dict[str, Any], way: Way, make_tenant: MakeTenant
) -> None:
    tenant = make_tenant(ADA, ADA_GOOGLE, connection=patience(reading["kind"]))
    tenant.faults.add("reset_after", route="link")
    tenant.faults.add(**reading, route="user_get", count=None)

    outcome = without_time(tenant, way)

    assert outcome.name == "unknown"
    assert isinstance(outcome.error, OutcomeUnknownError)
    assert ADA in str(outcome.error)
    assert ADA_GOOGLE in str(outcome.error)
    assert tenant.counts["link"] == 1
    assert_linked_once(tenant)


@WAYS
@pytest.mark.parametrize("kind", ["slow_after", "slow_before"])
def test_the_settling_read_is_made_though_the_time_is_over(
    kind: str, way: Way, make_tenant: MakeTenant
) -> None:
    tenant = make_tenant(ADA, ADA_GOOGLE, connection=patience(kind))
    tenant.faults.add(kind, route="link")

    outcome = without_time(tenant, way)

    assert outcome.name == ("linked" if kind == "slow_after" else "failed")
    assert tenant.counts["link"] == 1
    assert tenant.links_applied == ({(ADA, ADA_GOOGLE): 1} if kind == "slow_after" else {})


@WAYS
def test_failed_when_no_time_is_left_for_a_repeat(way: Way, make_tenant: MakeTenant) -> None:
    tenant = make_tenant(ADA, ADA_GOOGLE)
    tenant.faults.add("status_before", route="link", status=503, count=None)

    outcome = without_time(tenant, way)

    assert outcome.name == "failed"
    assert isinstance(outcome.error, LinkDelayedError)
    assert not isinstance(outcome.error, AirflowFailException)
    assert_not_linked(tenant)


@pytest.mark.parametrize("applied", [True, False])
def test_unknown_when_the_token_may_not_read(applied: bool, make_tenant: MakeTenant) -> None:
    tenant = make_tenant(ADA, ADA_GOOGLE, scopes="update:users")
    tenant.faults.add("reset_after" if applied else "reset_before", route="link")

    ran = link(tenant, by_id)

    assert ran.outcome == "unknown"
    assert isinstance(ran.error, OutcomeUnknownError)
    assert not isinstance(ran.error, AirflowFailException)
    assert "read:users" in str(ran.error)
    assert ran.link["reason"] == str(ran.error)
    assert tenant.counts["link"] == 1
    assert tenant.links_applied == ({(ADA, ADA_GOOGLE): 1} if applied else {})


def revoked_while_waiting(tenant: Emulator) -> Ran:
    """Link while the answer is lost, and every token so far is revoked once the link is applied."""
    tenant.faults.add("slow_after", route="link")
    applied = threading.Event()

    def revoke() -> None:
        while not tenant.links_applied:
            applied.wait(0.005)
        tenant.revoke_tokens()
        applied.set()

    watcher = threading.Thread(target=revoke, daemon=True)
    watcher.start()
    ran = link(tenant, by_id)
    watcher.join(10)
    assert applied.is_set()
    return ran


def test_a_token_revoked_in_between_is_renewed(make_tenant: MakeTenant) -> None:
    tenant = make_tenant(ADA, ADA_GOOGLE, connection={"timeout": 1})

    ran = revoked_while_waiting(tenant)

    assert (ran.outcome, ran.identities) == ("linked", [ADA, ADA_GOOGLE])
    assert [each.status for each in tenant.requests if each.route == "user_get"] == [401, 200]
    assert tenant.counts["token"] == 2
    assert_linked_once(tenant)


def test_a_ready_token_revoked_in_between_leaves_it_unknown(
    make_tenant: MakeTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = make_tenant(ADA, ADA_GOOGLE)
    ready = tenant.user_access_token("machine@clients", "update:users read:users")
    connect(tenant, monkeypatch, timeout=1, login=None, password=None, access_token=ready)

    ran = revoked_while_waiting(tenant)

    assert isinstance(ran.error, OutcomeUnknownError)
    assert "access_token is expired" in str(ran.error)
    assert ready not in ran.said()
    assert_linked_once(tenant)


def test_the_renewal_of_a_token_does_not_repeat_the_link(make_tenant: MakeTenant) -> None:
    tenant = make_tenant(ADA, ADA_GOOGLE)
    Auth0Hook().get_user(ADA)
    tenant.revoke_tokens()

    ran = link(tenant, by_id)

    assert ran.outcome == "linked"
    assert [each.status for each in tenant.requests if each.route == "link"] == [401, 201]
    assert_linked_once(tenant)


@WAYS
def test_429_is_waited_out(way: Way, make_tenant: MakeTenant) -> None:
    tenant = make_tenant(ADA, ADA_GOOGLE)
    tenant.faults.add("rate_limited", route="link", reset_in=0)

    ran = link(tenant, way)

    assert ran.outcome == "linked"
    assert [(each.route, each.status) for each in tenant.requests if each.route != "token"] == [
        ("link", 429),
        ("link", 201),
    ]
    assert_linked_once(tenant)


def test_429_without_headers_is_waited_out(make_tenant: MakeTenant) -> None:
    tenant = make_tenant(ADA, ADA_GOOGLE)
    tenant.faults.add("rate_limited", route="link", headers=False)

    ran = link(tenant, by_id)

    assert ran.outcome == "linked"
    assert [each.status for each in tenant.requests if each.route == "link"] == [429, 201]
    assert_linked_once(tenant)
