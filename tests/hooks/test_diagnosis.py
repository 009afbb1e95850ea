"""What somebody sees who tests a connection."""

from __future__ import annotations

import pytest

from airflow_provider_auth0link.api.scopes import NEEDS
from airflow_provider_auth0link.emulator.server import Emulator
from airflow_provider_auth0link.errors import SettingsError
from airflow_provider_auth0link.hooks.auth0 import Auth0Hook
from tests.operators.rig import ADA, CONN, MakeTenant, connect
from tests.operators.scripted import Scripted

ALL = ", ".join(sorted({scope for scopes in NEEDS.values() for scope in scopes}))


def place(tenant: Emulator) -> str:
    return tenant.url.removeprefix("http://")


def test_all_scopes_are_there(tenant: Emulator) -> None:
    assert Auth0Hook().test_connection() == (
        True, f"Connected to {place(tenant)}. Scopes present: {ALL}. Scopes missing: none"
    )  # fmt: skip


def test_a_scope_is_missing(make_tenant: MakeTenant) -> None:
    tenant = make_tenant(ADA, scopes="read:users update:users create:users")

    good, said = Auth0Hook().test_connection()

    assert not good
    assert said.startswith(f"Connected to {place(tenant)}. Scopes present: read:users, update:users. ")
    missing = said.partition("Scopes missing: ")[2].split(", ")
    assert {"read:connections", "read:roles", "update:users_app_metadata"} <= set(missing)


def test_a_scope_for_a_choice_is_missing(make_tenant: MakeTenant) -> None:
    tenant = make_tenant(ADA, scopes="read:users update:users update:users_app_metadata")

    good, said = Auth0Hook().test_connection()

    assert good
    assert said.startswith(f"Connected to {place(tenant)}. Scopes present: read:users, update:users, ")
    missing = said.partition("Scopes missing: ")[2].split(", ")
    assert {"read:connections", "read:roles"} <= set(missing) <= set(ALL.split(", "))
    assert not {"read:users", "update:users", "update:users_app_metadata"} & set(missing)


def test_none_of_the_scopes_is_there(make_tenant: MakeTenant) -> None:
    make_tenant(ADA, scopes="read:logs")

    good, said = Auth0Hook().test_connection()

    assert not good
    assert "Scopes present: none of those needed." in said


def test_a_token_that_does_not_tell_its_scopes(monkeypatch: pytest.MonkeyPatch) -> None:
    limit = "/api/v2/users?per_page=1&page=0&fields=user_id&include_fields=true"
    with Scripted({f"GET {limit}": [(200, [])]}) as tenant:
        monkeypatch.setenv(CONN, tenant.connection())
        good, said = Auth0Hook().test_connection()

    assert good
    assert said.endswith("The token does not tell its scopes")


def test_a_secret_that_is_wrong(tenant: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(tenant, monkeypatch, password="planted-secret")

    good, said = Auth0Hook().test_connection()

    assert not good
    assert said.startswith("Auth0 answered 401 to POST /oauth/token")
    assert "Check Login and the credentials" in said
    assert "planted" not in said


def test_a_connection_that_is_wrong(tenant: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(tenant, monkeypatch, colour="blue")

    good, said = Auth0Hook().test_connection()

    assert not good
    assert said.startswith("unknown extras ['colour']; known are")
    assert tenant.requests == []


def test_a_connection_without_credentials(tenant: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(tenant, monkeypatch, login=None, password=None)

    good, said = Auth0Hook().test_connection()

    assert not good
    assert "Set Login and Password" in said


def test_a_tenant_that_is_not_there(tenant: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(tenant, monkeypatch, host="http://127.0.0.1:9")

    good, said = Auth0Hook().test_connection()

    assert not good
    assert "check Host, DNS and the network" in said


def test_a_diagnosis_tells_the_limit(make_tenant: MakeTenant) -> None:
    tenant = make_tenant(ADA, rate=16, burst=50)

    found = Auth0Hook().diagnose()

    assert (found.tenant, found.client_id) == (place(tenant), tenant.client_id)
    assert (found.rate_limit, found.rate_remaining) == (50, 49)
    assert found.notes == ("the token carries read:user_idp_tokens; nothing here needs it",)


def test_a_diagnosis_without_the_right_to_read(make_tenant: MakeTenant) -> None:
    make_tenant(ADA, scopes="update:users", rate=16, burst=50)

    found = Auth0Hook().diagnose()

    assert found.scopes == frozenset({"update:users"})
    assert (found.rate_limit, found.rate_remaining) == (None, None)
    assert found.notes == ("without read:users the tenant's limit is not shown",)


def test_a_diagnosis_raises_what_is_wrong(tenant: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(tenant, monkeypatch, rate_share=7)

    with pytest.raises(SettingsError, match="rate_share"):
        Auth0Hook().diagnose()
