"""What leaves the operators, as Auth0's documentation of the two endpoints has it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from airflow_provider_auth0link import __version__
from airflow_provider_auth0link.emulator.records import RequestRecord
from airflow_provider_auth0link.emulator.server import Emulator
from airflow_provider_auth0link.operators.link import LinkIdentityOperator, UnlinkIdentityOperator
from tests.operators.rig import ADA, ADA_GOOGLE, PAIR, PLAIN, FakeTaskInstance, MakeTenant, run

ODD_IDS = [
    pytest.param("auth0|64b1", "auth0%7C64b1", id="plain"),
    pytest.param("samlp|acme|emea|7", "samlp%7Cacme%7Cemea%7C7", id="pipes"),
    pytest.param("samlp|acme|a/b?c#d", "samlp%7Cacme%7Ca%2Fb%3Fc%23d", id="signs-of-a-url"),
    pytest.param("oauth2|acme|50%41 off", "oauth2%7Cacme%7C50%2541%20off", id="percent-and-space"),
    pytest.param("oidc|acme|Zoë@例え", "oidc%7Cacme%7CZo%C3%AB%40%E4%BE%8B%E3%81%88", id="unicode"),
    pytest.param("waad|-_.~+=&;:'", "waad%7C-_.~%2B%3D%26%3B%3A%27", id="punctuation"),
]


def api(tenant: Emulator) -> list[RequestRecord]:
    """Return what was asked of the API, the token's request aside."""
    return [each for each in tenant.requests if each.route != "token"]


def writes(tenant: Emulator) -> list[RequestRecord]:
    return [each for each in api(tenant) if each.method != "GET"]


def test_without_carry_and_guards_a_link_is_one_request(make_tenant: MakeTenant) -> None:
    tenant = make_tenant(ADA, ADA_GOOGLE, scopes="update:users")

    ran = run(LinkIdentityOperator(task_id="link", **PAIR, **PLAIN))

    assert ran.identities == [ADA, ADA_GOOGLE]
    assert [each.route for each in tenant.requests] == ["token", "link"]
    assert ran.link["requests"] == 1


def test_a_link_by_id(tenant: Emulator) -> None:
    run(LinkIdentityOperator(task_id="link", **PAIR, **PLAIN))

    sent = api(tenant)[0]
    assert (sent.method, sent.path, sent.query) == ("POST", "/api/v2/users/auth0%7Cada/identities", "")
    assert sent.body == {"provider": "google-oauth2", "user_id": "1034"}
    assert sent.headers["content-type"] == "application/json"


def test_a_link_by_id_and_connection(make_tenant: MakeTenant) -> None:
    tenant = make_tenant(ADA, ADA_GOOGLE)
    connection_id = tenant.connection_id("google-oauth2")

    run(LinkIdentityOperator(task_id="link", **PAIR, **PLAIN, connection_id=connection_id))

    assert [each.body for each in writes(tenant)] == [
        {"provider": "google-oauth2", "user_id": "1034", "connection_id": connection_id}
    ]


def test_a_link_by_the_tokens_of_both(tenant: Emulator) -> None:
    id_token, own_token = tenant.id_token(ADA_GOOGLE), tenant.user_access_token(ADA)

    run(
        LinkIdentityOperator(
            task_id="link",
            primary_user_id=ADA,
            secondary_id_token=id_token,
            primary_access_token=own_token,
        )
    )

    assert [each.route for each in tenant.requests] == ["link"]
    sent = tenant.requests[0]
    assert (sent.method, sent.path, sent.query) == ("POST", "/api/v2/users/auth0%7Cada/identities", "")
    assert sent.body == {"link_with": id_token}
    assert sent.headers["authorization"] == f"Bearer {own_token}"


def test_a_link_by_id_token_with_the_management_token(tenant: Emulator) -> None:
    id_token = tenant.id_token(ADA_GOOGLE)

    run(LinkIdentityOperator(task_id="link", primary_user_id=ADA, secondary_id_token=id_token))

    assert [(each.route, each.body) for each in api(tenant)] == [("link", {"link_with": id_token})]


def test_an_unlink(make_tenant: MakeTenant) -> None:
    tenant = make_tenant(ADA, ADA_GOOGLE)
    run(LinkIdentityOperator(task_id="link", **PAIR, **PLAIN))
    tenant.clear_requests()

    run(UnlinkIdentityOperator(task_id="unlink", **PAIR))

    assert [(each.method, each.path, each.query, each.raw_body) for each in tenant.requests] == [
        ("DELETE", "/api/v2/users/auth0%7Cada/identities/google-oauth2/1034", "", b"")
    ]


def test_an_unlink_names_the_connection_before_the_id(make_tenant: MakeTenant) -> None:
    tenant = make_tenant(ADA, "samlp|acme|7")
    run(LinkIdentityOperator(task_id="link", primary_user_id=ADA, secondary_user_id="samlp|acme|7", **PLAIN))

    run(
        UnlinkIdentityOperator(
            task_id="unlink", primary_user_id=ADA, secondary_user_id="samlp|acme|7", connection="acme"
        )
    )

    assert writes(tenant)[-1].path == "/api/v2/users/auth0%7Cada/identities/samlp/acme%7Cacme%7C7"


@pytest.mark.parametrize(("user_id", "encoded"), ODD_IDS)
def test_ids_are_encoded_whole_in_the_path(user_id: str, encoded: str, make_tenant: MakeTenant) -> None:
    tenant = make_tenant(user_id, ADA_GOOGLE)

    linked = run(
        LinkIdentityOperator(task_id="link", primary_user_id=user_id, secondary_user_id=ADA_GOOGLE, **PLAIN)
    )

    assert linked.identities == [user_id, ADA_GOOGLE]
    assert api(tenant)[0].path == f"/api/v2/users/{encoded}/identities"


@pytest.mark.parametrize(("user_id", "encoded"), ODD_IDS)
def test_ids_stand_as_they_are_in_the_body(user_id: str, encoded: str, make_tenant: MakeTenant) -> None:
    tenant = make_tenant(ADA, user_id)
    pair: dict[str, Any] = {"primary_user_id": ADA, "secondary_user_id": user_id}
    provider, _, rest = user_id.partition("|")

    run(LinkIdentityOperator(task_id="link", **pair, **PLAIN))
    unlinked = run(UnlinkIdentityOperator(task_id="unlink", **pair))

    link, unlink = writes(tenant)
    assert link.body == {"provider": provider, "user_id": rest}
    assert unlink.path == f"/api/v2/users/auth0%7Cada/identities/{provider}/{quote(rest, safe='')}"
    assert unlinked.identities == [ADA]


def test_the_user_agent_names_provider_and_version(tenant: Emulator) -> None:
    run(LinkIdentityOperator(task_id="link", **PAIR))

    agents = {each.headers["user-agent"] for each in tenant.requests}
    assert len(agents) == 1
    assert agents.pop().startswith(f"airflow-provider-auth0link/{__version__} ")


def test_writes_bear_the_task_in_a_correlation_id(tenant: Emulator) -> None:
    run(LinkIdentityOperator(task_id="link", **PAIR), FakeTaskInstance(map_index=7))

    found = {each.route: each.headers.get("x-correlation-id") for each in tenant.requests}
    assert found == {
        "token": None,
        "user_get": None,
        "user_update": "nightly/link[7]/manual__2026-11-23",
        "link": "nightly/link[7]/manual__2026-11-23",
    }


def test_a_long_name_still_leads_back(tenant: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    instance = FakeTaskInstance("merge_the_accounts_of_each_person", map_index=1023)
    instance.dag_id = "customer_identity_nightly_maintenance"
    instance.run_id = "scheduled__2026-11-23T00:00:00+00:00"

    run(LinkIdentityOperator(task_id="link", **PAIR, **PLAIN), instance)

    sent = writes(tenant)[0].headers["x-correlation-id"]
    assert len(sent) <= 64
    assert sent.startswith("customer_ident/merge_the_ac[1023]/scheduled20261123")
    assert sent in capsys.readouterr().out


def test_outside_of_a_task_there_is_none(tenant: Emulator) -> None:
    from airflow_provider_auth0link.hooks.auth0 import Auth0Hook

    Auth0Hook().link_identity(ADA, ADA_GOOGLE)

    assert "x-correlation-id" not in writes(tenant)[0].headers


def test_a_plain_link_carries_nothing_else(tenant: Emulator) -> None:
    before = tenant.user(ADA) or {}

    run(LinkIdentityOperator(task_id="link", **PAIR, **PLAIN))

    after = tenant.user(ADA) or {}
    assert after["user_metadata"] == before["user_metadata"]
    assert after["app_metadata"] == before["app_metadata"]
    assert tenant.user(ADA_GOOGLE) is None


def test_a_task_without_a_name_sends_none(tenant: Emulator) -> None:
    instance = FakeTaskInstance()
    instance.run_id = None  # type: ignore[assignment]  # some runners have none

    ran = run(LinkIdentityOperator(task_id="link", **PAIR, **PLAIN), instance)

    assert ran.outcome == "linked"
    assert "x-correlation-id" not in writes(tenant)[0].headers
