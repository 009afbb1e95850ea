"""The hook's verbs, for those who write tasks of their own."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_auth0link.emulator.server import Emulator
from airflow_provider_auth0link.errors import (
    AmbiguousError,
    Auth0LinkError,
    BadRequestError,
    ForbiddenError,
    InputError,
    LinkFailedError,
    MissingAccountError,
    OutcomeUnknownError,
    RateLimitedError,
    UnsentError,
)
from airflow_provider_auth0link.hooks.auth0 import Auth0Hook
from tests.operators.rig import ADA, ADA_GOOGLE, CONN, MakeTenant, connect, patience, two_accounts

ROOT = {
    "connection": "Username-Password-Authentication",
    "provider": "auth0",
    "user_id": "ada",
    "isSocial": False,
}
GOOGLE = {"connection": "google-oauth2", "provider": "google-oauth2", "user_id": "1034", "isSocial": True}


def test_link_and_unlink(tenant: Emulator) -> None:
    hook = Auth0Hook()

    assert hook.link_identity(ADA, ADA_GOOGLE) == [ROOT, GOOGLE]
    assert hook.unlink_identity(ADA, ADA_GOOGLE) == [ROOT]
    assert [each.route for each in tenant.requests] == ["token", "link", "unlink"]


def test_a_link_with_a_connection_id_is_read_first(tenant: Emulator) -> None:
    Auth0Hook().link_identity(ADA, ADA_GOOGLE, connection_id=tenant.connection_id("google-oauth2"))

    assert [each.route for each in tenant.requests] == [
        "token", "connection", "user_get", "user_get", "link"
    ]  # fmt: skip


def test_a_link_with_a_connection_id_needs_the_secondary(make_tenant: MakeTenant) -> None:
    tenant = make_tenant(ADA, "google-oauth2|1")
    hook, connection_id = Auth0Hook(), tenant.connection_id("google-oauth2")

    with pytest.raises(LinkFailedError, match="the secondary account is not there"):
        hook.link_identity(ADA, ADA_GOOGLE, connection_id=connection_id)
    assert "link" not in tenant.counts


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "status_before", "status_after", "cut_json"])
def test_link_and_unlink_settle_a_lost_answer(kind: str, tenant: Emulator) -> None:
    tenant.faults.add(kind, route="link")
    tenant.faults.add(kind, route="unlink")
    hook = Auth0Hook()

    assert hook.link_identity(ADA, ADA_GOOGLE) == [ROOT, GOOGLE]
    assert tenant.links_applied == {(ADA, ADA_GOOGLE): 1}
    assert hook.unlink_identity(ADA, ADA_GOOGLE) == [ROOT]


def test_linking_twice_gives_the_same(tenant: Emulator) -> None:
    hook = Auth0Hook()

    assert hook.link_identity(ADA, ADA_GOOGLE) == hook.link_identity(ADA, ADA_GOOGLE)
    assert tenant.links_applied == {(ADA, ADA_GOOGLE): 1}


def test_an_unknown_outcome_is_raised_and_may_be_retried(make_tenant: MakeTenant) -> None:
    tenant = make_tenant(ADA, ADA_GOOGLE, scopes="update:users")
    tenant.faults.add("reset_after", route="link")

    with pytest.raises(OutcomeUnknownError) as caught:
        Auth0Hook().link_identity(ADA, ADA_GOOGLE)
    assert not isinstance(caught.value, AirflowFailException)


def test_a_user_comes_without_tokens(tenant: Emulator) -> None:
    user = Auth0Hook().get_user(ADA_GOOGLE)

    assert user["app_metadata"] == {"roles": ["writer"], "legacy": {"customer_number": 7}}
    assert user["identities"] == [GOOGLE]
    assert "idp-token" in tenant.requests[-1].answer.decode()


def test_identities_come_with_the_primary_first(make_tenant: MakeTenant) -> None:
    github = {"connection": "github", "provider": "github", "user_id": 77, "isSocial": True}
    make_tenant({"user_id": ADA, "identities": [github, ROOT]})

    assert Auth0Hook().get_identities(ADA) == [ROOT, {**github, "user_id": "77"}]


def test_a_user_is_updated(tenant: Emulator) -> None:
    user = Auth0Hook().update_user(ADA_GOOGLE, {"user_metadata": {"language": None}, "blocked": True})

    assert user["user_metadata"] == {"newsletter": True}
    assert user["blocked"] is True
    assert "idp-token" not in str(user)
    assert tenant.requests[-1].body == {"user_metadata": {"language": None}, "blocked": True}


def test_an_update_of_which_the_answer_is_lost_is_not_repeated(tenant: Emulator) -> None:
    tenant.faults.add("reset_after", route="user_update")

    with pytest.raises(AmbiguousError) as caught:
        Auth0Hook().update_user(ADA, {"blocked": True})
    assert not isinstance(caught.value, AirflowFailException)
    assert tenant.counts["user_update"] == 1


def test_a_reading_of_which_the_answer_is_lost_is_repeated(tenant: Emulator) -> None:
    tenant.faults.add("reset_before", route="user_get")

    assert Auth0Hook().get_user(ADA)["user_id"] == ADA
    assert tenant.counts["user_get"] == 2


@pytest.mark.parametrize("path", ["/users/auth0%7Cada", "users/auth0%7Cada", "/api/v2/users/auth0%7Cada"])
def test_any_request_below_the_api(path: str, tenant: Emulator) -> None:
    assert Auth0Hook().request("GET", path)["email"] == "ada@example.com"
    assert tenant.requests[-1].path == "/api/v2/users/auth0%7Cada"


def test_a_request_with_a_query_and_one_with_a_body(tenant: Emulator) -> None:
    hook = Auth0Hook()

    found = hook.request("get", "/users-by-email?email=Ada%40Example.com")
    changed = hook.request("PATCH", "/users/auth0%7Cada", {"blocked": True})

    assert [each["identities"] for each in found] == [[GOOGLE]]
    assert changed["blocked"] is True
    assert tenant.requests[-1].body == {"blocked": True}


def test_a_request_that_is_answered_with_nothing(tenant: Emulator) -> None:
    assert Auth0Hook().request("DELETE", "/users/auth0%7Cada") is None
    assert tenant.user(ADA) is None


@pytest.mark.parametrize(
    ("method", "path"),
    [
        pytest.param("GET", "https://evil.example/users", id="another-host"),
        pytest.param("GET", "//evil.example/users", id="another-host-without-scheme"),
        pytest.param("GET", "/users/../../oauth/token", id="climbs"),
        pytest.param("GET", "/users/%2e%2E/%2e./oauth/token", id="climbs-encoded"),
        pytest.param("GET", "/users/..\\..\\x", id="climbs-backwards"),
        pytest.param("GET", "/users/a b", id="space"),
        pytest.param("GET", "/users#x", id="fragment"),
        pytest.param("GET", "/users\r\nX-Evil: 1", id="header"),
        pytest.param("BREW", "/users", id="method"),
    ],
)
def test_a_request_that_leads_elsewhere_is_refused(method: str, path: str, tenant: Emulator) -> None:
    with pytest.raises(InputError) as caught:
        Auth0Hook().request(method, path)
    assert isinstance(caught.value, AirflowFailException)
    assert tenant.requests == []


@pytest.mark.parametrize(
    ("verb", "arguments"),
    [
        pytest.param("link_identity", ("auth0", ADA_GOOGLE), id="no-id"),
        pytest.param("link_identity", (ADA, ADA), id="self-link"),
        pytest.param("link_identity", (ADA, "auth0|.."), id="dots"),
        pytest.param("unlink_identity", (ADA, ADA), id="self-unlink"),
        pytest.param("unlink_identity", ("", ADA), id="empty"),
        pytest.param("get_user", ("auth0|a\n",), id="control-character"),
        pytest.param("get_identities", ("..|..",), id="all-dots"),
        pytest.param("update_user", ("auth0", {}), id="update-no-id"),
    ],
)
def test_an_id_that_is_none(verb: str, arguments: tuple[Any, ...], tenant: Emulator) -> None:
    with pytest.raises(InputError) as caught:
        getattr(Auth0Hook(), verb)(*arguments)
    assert isinstance(caught.value, AirflowFailException)
    assert tenant.requests == []


@pytest.mark.parametrize("connection_id", ["..", "google-oauth2", "", "con_", "con_../x", 7])
def test_a_connection_id_that_is_none(connection_id: Any, tenant: Emulator) -> None:
    with pytest.raises(InputError, match="connection_id: is no id of an Auth0 connection"):
        Auth0Hook().link_identity(ADA, ADA_GOOGLE, connection_id=connection_id)
    assert tenant.requests == []


@pytest.mark.parametrize(
    ("verb", "arguments", "error", "said"),
    [
        pytest.param("get_user", ("auth0|nobody",), MissingAccountError, r"404.*'auth0\|nobody'", id="404"),
        pytest.param(
            "update_user", ("auth0|nobody", {}), MissingAccountError, r"'auth0\|nobody'", id="404-update"
        ),
        pytest.param(
            "update_user",
            (ADA, {"user_metadata": {"at": dt.date(2027, 1, 15)}}),
            InputError,
            "body: holds something that JSON does not know",
            id="no-json",
        ),
        pytest.param("update_user", (ADA, ["x"]), InputError, "body: expected a mapping", id="no-mapping"),
        pytest.param(
            "request",
            ("POST", "/users", {"a": {1}}),
            InputError,
            "json: holds something",
            id="no-json-request",
        ),
        pytest.param(
            "link_identity", (ADA, "google-oauth2|9"), LinkFailedError, "secondary", id="no-secondary"
        ),
        pytest.param("update_user", (ADA, {"nonsense": 1}), BadRequestError, "invalid_body", id="400"),
        pytest.param("request", ("GET", "/connections"), ForbiddenError, "scope", id="403"),
    ],
)
def test_a_permanent_answer_is_final(
    verb: str, arguments: tuple[Any, ...], error: type[Exception], said: str, make_tenant: MakeTenant
) -> None:
    make_tenant(*two_accounts(), scopes="read:users update:users")

    with pytest.raises(error, match=said) as caught:
        getattr(Auth0Hook(), verb)(*arguments)
    assert isinstance(caught.value, AirflowFailException)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        pytest.param({"kind": "rate_limited"}, RateLimitedError, id="429"),
        pytest.param({"kind": "status_before", "status": 503}, AmbiguousError, id="503"),
        pytest.param({"kind": "reset_before"}, AmbiguousError, id="reset"),
        pytest.param({"kind": "slow_before"}, AmbiguousError, id="timeout"),
        pytest.param({"kind": "truncated"}, AmbiguousError, id="truncated"),
    ],
)
@pytest.mark.parametrize("route", ["user_get", "token"])
def test_trouble_on_the_way_is_left_to_airflows_retries(
    route: str, fault: dict[str, Any], error: type[Auth0LinkError], make_tenant: MakeTenant
) -> None:
    tenant = make_tenant(ADA, connection=patience(fault["kind"]))
    tenant.faults.add(**fault, route=route, count=None)

    with pytest.raises(error) as caught:
        Auth0Hook().work(seconds=0.2).free("GET", "/users/auth0%7Cada")
    assert caught.value.retryable
    assert not isinstance(caught.value, AirflowFailException)


def test_a_tenant_that_is_not_there_is_left_to_airflows_retries(
    tenant: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(tenant, monkeypatch, host="http://127.0.0.1:9")

    with pytest.raises(UnsentError, match="check Host, DNS and the network") as caught:
        Auth0Hook().work(seconds=0.2).free("GET", "/users/auth0%7Cada")
    assert caught.value.retryable


def test_hooks_of_one_connection_share_a_client(tenant: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SLOWER", tenant.connection(requests_per_second=5))

    assert Auth0Hook().get_conn() is Auth0Hook("auth0_default").get_conn()
    assert Auth0Hook("slower").get_conn() is not Auth0Hook().get_conn()


def test_nothing_is_read_before_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CONN, raising=False)

    assert Auth0Hook("nowhere").auth0_conn_id == "nowhere"


def test_a_correlation_id_of_ones_own(tenant: Emulator) -> None:
    hook = Auth0Hook(correlation_id="repair-2026-11")
    hook.update_user(ADA, {"blocked": True})

    assert tenant.requests[-1].headers["x-correlation-id"] == "repair-2026-11"
