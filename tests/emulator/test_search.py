from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_auth0link.emulator.state import connection_id_of
from tests.emulator.caller import Caller
from tests.emulator.conftest import MakeTenant

USERS: list[dict[str, Any]] = [
    {"user_id": "auth0|1", "email": "ada@example.com", "name": 'Ada "A" L', "email_verified": True},
    {"user_id": "google-oauth2|2", "email": "Ada@Example.com", "name": "Ada"},
    {"user_id": "samlp|acme|3", "email": "alan@example.com"},
]


def found(api: Caller, **params: Any) -> list[str]:
    return [row["user_id"] for row in api("GET", "users", params=params).json()]


@pytest.mark.parametrize(
    ("params", "ids"),
    [
        ({}, ["auth0|1", "google-oauth2|2", "samlp|acme|3"]),
        ({"q": 'email:"ADA@example.com"'}, ["auth0|1", "google-oauth2|2"]),
        ({"q": "email:ada@example.com AND email_verified:true"}, ["auth0|1"]),
        ({"q": 'user_id:"samlp|acme|3"'}, ["samlp|acme|3"]),
        ({"q": 'identities.provider:"google-oauth2"'}, ["google-oauth2|2"]),
        ({"q": 'name:"Ada \\"A\\" L"'}, ["auth0|1"]),
        ({"q": 'email:"nobody"'}, []),
        ({"connection": "acme"}, ["samlp|acme|3"]),
        ({"sort": "email:-1"}, ["samlp|acme|3", "auth0|1", "google-oauth2|2"]),
        ({"per_page": 1, "page": 1}, ["google-oauth2|2"]),
        ({"per_page": 0}, []),
    ],
    ids=str,
)
def test_a_search_finds(make_tenant: MakeTenant, params: dict[str, Any], ids: list[str]) -> None:
    _, api = make_tenant(*USERS)

    assert found(api, **params) == ids


def test_totals_count_all_that_was_found(make_tenant: MakeTenant) -> None:
    _, api = make_tenant(*USERS)

    params = {"include_totals": "true", "per_page": 2, "page": 1, "fields": "user_id"}
    answer = api("GET", "users", params=params)

    assert answer.json() == {
        "start": 2,
        "limit": 2,
        "length": 1,
        "total": 3,
        "users": [{"user_id": "samlp|acme|3"}],
    }


def test_paging_ends_at_1000(make_tenant: MakeTenant) -> None:
    _, api = make_tenant()

    assert api("GET", "users", params={"per_page": 100, "page": 9}).status_code == 200
    answer = api("GET", "users", params={"per_page": 100, "page": 10})

    assert answer.status_code == 400
    assert answer.json()["message"].startswith("You can only page through the first 1000 records.")


@pytest.mark.parametrize(
    "params",
    [
        {"q": "ada"},
        {"q": 'email:"a" OR email:"b"'},
        {"q": "email:ada*"},
        {"per_page": 101},
        {"page": -1},
        {"page": "one"},
        {"include_totals": "yes"},
        {"sort": "email"},
    ],
    ids=str,
)
def test_what_is_not_understood_is_refused(make_tenant: MakeTenant, params: dict[str, Any]) -> None:
    _, api = make_tenant(*USERS)

    answer = api("GET", "users", params=params)

    assert (answer.status_code, answer.json()["errorCode"]) == (400, "invalid_query_string")


def test_connections_are_those_of_the_users(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant(*USERS)

    rows = api("GET", "connections").json()

    assert {row["id"]: row["name"] for row in rows} == tenant.connections
    assert {row["name"]: row["strategy"] for row in rows} == {
        "Username-Password-Authentication": "auth0",
        "google-oauth2": "google-oauth2",
        "acme": "samlp",
    }
    assert all(len(row["id"]) == 20 and row["id"].startswith("con_") for row in rows)


def test_connections_are_filtered_and_paged(make_tenant: MakeTenant) -> None:
    _, api = make_tenant(*USERS)

    by_name = api("GET", "connections", params={"name": "acme", "fields": "id"}).json()
    by_strategy = api("GET", "connections", params={"strategy": "auth0"}).json()
    page = api("GET", "connections", params={"per_page": 2, "page": 1, "include_totals": "true"}).json()

    assert by_name == [{"id": connection_id_of("acme")}]
    assert [row["name"] for row in by_strategy] == ["Username-Password-Authentication"]
    assert (page["start"], page["total"], len(page["connections"])) == (2, 3, 1)


def test_one_connection_is_read_by_its_id(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant(*USERS)

    row = api("GET", f"connections/{tenant.connection_id('acme')}").json()

    assert (row["name"], row["strategy"]) == ("acme", "samlp")
    assert api("GET", "connections/con_0000000000000000").status_code == 404
