from __future__ import annotations

from typing import Any

import pytest
import requests

from airflow_provider_auth0link.emulator.faults import KINDS, Faults
from tests.emulator.caller import Caller, eventually
from tests.emulator.conftest import FakeClock, MakeTenant

USERS = ({"user_id": "auth0|1"}, {"user_id": "github|2"})
ONCE = {("auth0|1", "github|2"): 1}


def link(api: Caller, timeout: float = 30) -> requests.Response:
    body = {"provider": "github", "user_id": "2"}
    return api("POST", "users/auth0%7C1/identities", json=body, timeout=timeout)


@pytest.mark.parametrize("graceful", [False, True])
@pytest.mark.parametrize(("kind", "applied"), [("reset_before", {}), ("reset_after", ONCE)])
def test_a_reset_leaves_no_answer(
    make_tenant: MakeTenant, kind: str, applied: dict[tuple[str, str], int], graceful: bool
) -> None:
    tenant, api = make_tenant(*USERS)
    tenant.faults.add(kind, route="link", graceful=graceful)

    with pytest.raises(requests.ConnectionError) as caught:
        link(api)

    assert ("ConnectionResetError" in repr(caught.value)) is not graceful
    assert tenant.links_applied == applied
    record = tenant.requests[-1]
    assert (record.fault, record.status, record.outcome) == (kind, 0, 201 if applied else 0)


@pytest.mark.parametrize("status", [500, 502, 503])
@pytest.mark.parametrize(("kind", "applied"), [("status_before", {}), ("status_after", ONCE)])
def test_a_status_comes_instead(
    make_tenant: MakeTenant, kind: str, applied: dict[tuple[str, str], int], status: int
) -> None:
    tenant, api = make_tenant(*USERS)
    tenant.faults.add(kind, route="link", status=status)

    assert link(api).status_code == status
    assert tenant.links_applied == applied
    assert tenant.requests[-1].status == status


@pytest.mark.parametrize(
    ("options", "headers"),
    [
        ({}, {"x-ratelimit-limit": "10", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1800000001"}),
        ({"headers": False}, {}),
        ({"headers": False, "retry_after": 3}, {"retry-after": "3"}),
        ({"headers": False, "retry_after": "soon"}, {"retry-after": "soon"}),
    ],
    ids=str,
)
@pytest.mark.parametrize("route", ["link", "token"])
def test_429_comes_with_and_without_headers(
    make_tenant: MakeTenant, clock: FakeClock, route: str, options: dict[str, Any], headers: dict[str, str]
) -> None:
    tenant, api = make_tenant(*USERS, clock=clock)
    tenant.faults.add("rate_limited", route=route, **options)

    answer = link(api) if route == "link" else api.token()

    assert answer.status_code == 429
    told = {name: value for name, value in answer.headers.items() if "ratelimit" in name or "retry" in name}
    assert told == headers
    assert ("error_description" in answer.json()) is (route == "token")
    assert tenant.links_applied == {}


def test_an_answer_ends_before_its_length(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant(*USERS)
    tenant.faults.add("truncated", route="link")

    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        link(api)

    assert tenant.links_applied == ONCE


def test_an_answer_without_a_body_cannot_be_halved(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant(*USERS)
    tenant.faults.add("truncated", route="user_delete")

    with pytest.raises(requests.ConnectionError):
        api("DELETE", "users/github%7C2")

    assert tenant.user("github|2") is None


def test_an_answer_is_no_whole_json(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant(*USERS)
    tenant.faults.add("cut_json", route="link")

    answer = link(api)

    assert answer.status_code == 201
    with pytest.raises(requests.exceptions.JSONDecodeError):
        answer.json()
    assert tenant.links_applied == ONCE


@pytest.mark.parametrize(("kind", "applied"), [("slow_before", {}), ("slow_after", ONCE)])
def test_a_client_may_leave_a_slow_tenant(
    make_tenant: MakeTenant, kind: str, applied: dict[tuple[str, str], int]
) -> None:
    tenant, api = make_tenant(*USERS)
    tenant.faults.add(kind, route="link")

    with pytest.raises(requests.exceptions.ReadTimeout):
        link(api, timeout=0.3)

    assert eventually(lambda: tenant.links_applied == applied)
    assert tenant.requests[-1].status == 0


@pytest.mark.parametrize("kind", ["slow_before", "slow_after"])
def test_a_patient_client_gets_its_answer(make_tenant: MakeTenant, kind: str) -> None:
    tenant, api = make_tenant(*USERS)
    tenant.faults.add(kind, route="link", delay=0.05)

    assert link(api).status_code == 201
    assert tenant.links_applied == ONCE
    assert tenant.requests[-1].status == 201


def test_a_slow_change_may_still_come_when_the_client_has_left(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant(*USERS)
    tenant.faults.add("slow_before", route="link", delay=0.5, late=True)
    with pytest.raises(requests.exceptions.ReadTimeout):
        link(api, timeout=0.1)

    assert eventually(lambda: tenant.links_applied == ONCE)


def test_a_fault_strikes_where_and_as_often_as_it_is_told(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant(*USERS)
    tenant.faults.add("status_before", route=["user_get", "user_update"], count=2)
    tenant.faults.add("status_before", method="GET", path=r"github%7C2$", status=502)

    statuses = [
        api("GET", "connections").status_code,
        api.get("auth0|1").status_code,
        api.patch("auth0|1", {"blocked": True}).status_code,
        api.get("auth0|1").status_code,
        api("DELETE", "users/github%7C2").status_code,
        api.get("github|2").status_code,
        api.get("github|2").status_code,
    ]

    assert statuses == [200, 500, 500, 200, 204, 502, 404]


def test_cleared_faults_strike_no_more(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant(*USERS)
    tenant.faults.add("reset_before", share=1.0)
    tenant.faults.clear()

    assert link(api).status_code == 201


def drawn(seed: int, *shares: float) -> list[str | None]:
    faults = Faults(seed)
    for kind, share in zip(KINDS, shares, strict=False):
        faults.add(kind, route="link", share=share)
    found = [faults.draw("link", "POST", "/api/v2/users/a/identities") for _ in range(1000)]
    return [None if fault is None else fault.kind for fault in found]


def test_a_share_is_drawn_from_the_seed() -> None:
    assert drawn(1, 0.3) == drawn(1, 0.3)
    assert drawn(1, 0.3) != drawn(2, 0.3)
    assert 250 < 1000 - drawn(1, 0.3).count(None) < 350


def test_several_shares_do_not_shadow_each_other() -> None:
    found = drawn(1, 0.1, 0.1, 0.1)

    assert {kind for kind in found if kind} == set(list(KINDS)[:3])


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"kind": "explode"}, "unknown fault"),
        ({"kind": "reset_after", "route": "links"}, "unknown routes"),
        ({"kind": "reset_after", "share": 0}, "share must be"),
        ({"kind": "reset_after", "share": 1.1}, "share must be"),
        ({"kind": "reset_after", "count": 0}, "count must be"),
        ({"kind": "status_before", "status": 200}, "status must be"),
        ({"kind": "slow_after", "delay": -1}, "delay must"),
        ({"kind": "truncated", "after": -1}, "after must"),
    ],
    ids=str,
)
def test_faults_that_make_no_sense_are_refused(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Faults(0).add(**options)
