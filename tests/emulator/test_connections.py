"""``GET /connections``."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_auth0link.emulator.server import Emulator
from tests.emulator.caller import Caller
from tests.emulator.conftest import MakeTenant

DATABASE = "Username-Password-Authentication"


@pytest.fixture
def tenant(make_tenant: MakeTenant) -> tuple[Emulator, Caller]:
    legacy = {"provider": "auth0", "user_id": "1", "connection": "legacy"}
    return make_tenant(
        {"user_id": "auth0|1", "identities": [legacy]}, {"user_id": "samlp|acme|2"}, {"user_id": "github|3"}
    )


def names(api: Caller, *params: tuple[str, Any]) -> list[str]:
    answer = api("GET", "connections", params=list(params))
    assert answer.status_code == 200, answer.text
    return [row["name"] for row in answer.json()]


def test_strategies_may_be_several(tenant: tuple[Emulator, Caller]) -> None:
    _, api = tenant

    assert names(api) == [DATABASE, "legacy", "acme", "github"]
    assert names(api, ("strategy", "auth0")) == [DATABASE, "legacy"]
    assert names(api, ("strategy", "samlp"), ("strategy", "github")) == ["acme", "github"]
    assert names(api, ("strategy", "auth0"), ("name", "legacy")) == ["legacy"]
    assert names(api, ("name", "none")) == []


def test_fields_and_pages(tenant: tuple[Emulator, Caller]) -> None:
    emulator, api = tenant
    options = {"fields": "id,name", "include_fields": "true", "strategy": "auth0", "per_page": 1}

    pages = [api("GET", "connections", params={**options, "page": page}).json() for page in range(3)]

    rows = [{"id": emulator.connection_id(name), "name": name} for name in (DATABASE, "legacy")]
    assert pages == [rows[:1], rows[1:], []]


def test_checkpoints(tenant: tuple[Emulator, Caller]) -> None:
    _, api = tenant
    first = api("GET", "connections", params={"take": 3}).json()
    last = api("GET", "connections", params={"take": 3, "from": first["next"]}).json()

    assert [len(each["connections"]) for each in (first, last)] == [3, 1]
    assert "next" not in last
    assert api("GET", "connections", params={"take": 3, "page": 0}).status_code == 400
    assert api("GET", "connections", params={"take": 101}).status_code == 400
