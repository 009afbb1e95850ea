from __future__ import annotations

import json
from typing import Any

import pytest
import requests

from airflow_provider_auth0link.emulator.server import Emulator
from tests.emulator.conftest import MakeTenant

USERS = ({"user_id": "auth0|1", "email": "a@example.com"}, {"user_id": "github|2"})


def control(tenant: Emulator, method: str, path: str, body: Any = None) -> requests.Response:
    return requests.request(method, f"{tenant.url}/_emulator/{path}", json=body, timeout=30)


def test_faults_are_armed_from_another_process(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant(*USERS)

    fault = {"kind": "status_after", "route": "link", "status": 503}
    assert control(tenant, "POST", "faults", fault).status_code == 204
    (armed,) = control(tenant, "GET", "faults").json()
    answer = api.link("auth0|1", provider="github", user_id="2")

    assert (armed["kind"], armed["route"], armed["status"], armed["count"]) == (
        "status_after",
        ["link"],
        503,
        1,
    )
    assert answer.status_code == 503
    assert control(tenant, "GET", "links").json() == [["auth0|1", "github|2", 1]]


def test_faults_are_disarmed(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant(*USERS)
    control(tenant, "POST", "faults", {"kind": "reset_before", "share": 1})

    assert control(tenant, "DELETE", "faults").status_code == 204
    assert api.get("auth0|1").status_code == 200


def test_a_fault_that_is_none_is_told(make_tenant: MakeTenant) -> None:
    tenant, _ = make_tenant()

    answers = [control(tenant, "POST", "faults", body) for body in ({"kind": "x"}, {"knd": "x"}, [1])]

    assert [answer.status_code for answer in answers] == [400] * 3
    assert "unknown fault 'x'" in answers[0].text


def test_requests_are_seen_and_forgotten(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant(*USERS)
    api.patch("auth0|1", {"blocked": True})
    api.get("auth0|9", fields="email")

    seen = control(tenant, "GET", "requests").json()

    assert seen["counts"] == {"token": 1, "user_update": 1, "user_get": 1}
    assert seen["statuses"] == {"200": 2, "404": 1}
    update, get = seen["requests"][1:]
    assert (update["method"], update["path"]) == ("PATCH", "/api/v2/users/auth0%7C1")
    assert update["body"] == {"blocked": True}
    assert update["headers"]["authorization"].startswith("Bearer ")
    assert (get["query"], get["status"], get["outcome"], get["fault"]) == ("fields=email", 404, 404, None)
    assert control(tenant, "DELETE", "requests").status_code == 204
    assert control(tenant, "GET", "requests").json() == {"counts": {}, "statuses": {}, "requests": []}


def test_reset_returns_to_the_start(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant(*USERS)
    before = tenant.users()
    api.link("auth0|1", provider="github", user_id="2")
    tenant.faults.add("reset_before", share=1.0)

    assert control(tenant, "POST", "reset").status_code == 204

    assert [user["identities"] for user in tenant.users()] == [user["identities"] for user in before]
    assert tenant.links_applied == {}
    assert tenant.requests == []
    assert api.get("auth0|1").status_code == 200


def test_tokens_are_issued_and_revoked(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant(*USERS)
    id_token = control(tenant, "POST", "tokens/id", {"user_id": "github|2"}).json()["id_token"]
    own = control(tenant, "POST", "tokens/user", {"user_id": "auth0|1"}).json()["access_token"]

    api.bear(own)
    assert api.link("auth0|1", link_with=id_token).status_code == 201
    assert control(tenant, "POST", "tokens/revoke").status_code == 204
    assert api.unlink("auth0|1", "github", "2").status_code == 401


def test_the_connection_is_told(make_tenant: MakeTenant) -> None:
    tenant, _ = make_tenant()

    assert control(tenant, "GET", "connection").text == tenant.connection()


def test_the_export_is_json_lines(make_tenant: MakeTenant) -> None:
    tenant, _ = make_tenant(*USERS)

    lines = control(tenant, "GET", "export").text.splitlines()

    assert [json.loads(line) for line in lines] == tenant.export()


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:80", "[::1", "", "10.0.0.1"])
def test_a_page_under_another_name_may_not_read_the_users(host: str, make_tenant: MakeTenant) -> None:
    tenant, _ = make_tenant(*USERS)
    answers = [
        requests.get(f"{tenant.url}/_emulator/{path}", headers={"host": host}, timeout=30)
        for path in ("export", "connection")
    ]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert control(tenant, "GET", "export").status_code == 200


@pytest.mark.parametrize("host", ["localhost:8080", "[::1]:80", "127.0.0.1"])
def test_this_machine_has_several_names(host: str, make_tenant: MakeTenant) -> None:
    tenant, _ = make_tenant(*USERS)
    answer = requests.get(f"{tenant.url}/_emulator/export", headers={"host": host}, timeout=30)

    assert answer.status_code == 200
