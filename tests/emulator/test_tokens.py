from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jwt
import pytest
import requests

from airflow_provider_auth0link.emulator.keys import once
from tests.emulator.caller import refusal
from tests.emulator.conftest import FakeClock, MakeTenant

EXPIRED = "Expired token received for JSON Web Token validation"


def test_a_secret_gets_a_signed_token(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant(log_in=False)

    answer = api.token()

    payload = answer.json()
    assert answer.status_code == 200
    assert (payload["expires_in"], payload["token_type"]) == (86400, "Bearer")
    assert {"read:users", "update:users", "read:user_idp_tokens"} <= set(payload["scope"].split())
    keys = requests.get(f"{tenant.url}/.well-known/jwks.json", timeout=30).json()["keys"]
    claims = jwt.decode(
        payload["access_token"], jwt.PyJWK(keys[0]), algorithms=["RS256"], audience=f"{tenant.url}/api/v2/"
    )
    assert claims["iss"] == f"{tenant.url}/"
    assert claims["azp"] == tenant.client_id
    assert claims["sub"] == f"{tenant.client_id}@clients"
    assert claims["exp"] - claims["iat"] == 86400
    assert claims["scope"] == payload["scope"]


def test_the_request_may_be_json(make_tenant: MakeTenant) -> None:
    tenant, _ = make_tenant(log_in=False)
    body = {
        "grant_type": "client_credentials",
        "client_id": tenant.client_id,
        "client_secret": tenant.client_secret,
        "audience": tenant.url.replace("http", "https") + "/api/v2/",
    }

    assert requests.post(f"{tenant.url}/oauth/token", json=body, timeout=30).status_code == 200


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"grant_type": None}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"client_id": None}, 400, "invalid_request"),
        ({"client_id": "somebody"}, 401, "access_denied"),
        ({"client_secret": "wrong"}, 401, "access_denied"),
        ({"client_secret": None}, 401, "access_denied"),
        ({"client_assertion": "a.b.c"}, 400, "invalid_request"),
        ({"audience": None}, 403, "access_denied"),
        ({"audience": "https://127.0.0.1/api/v2/"}, 403, "access_denied"),
        ({"audience": "https://acme.eu.auth0.com/api/v2/"}, 403, "access_denied"),
    ],
    ids=str,
)
def test_bad_requests_get_the_errors_of_oauth(
    make_tenant: MakeTenant, changes: dict[str, Any], status: int, error: str
) -> None:
    _, api = make_tenant(log_in=False)

    answer = api.token(**changes)

    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_an_audience_without_the_slash_is_another(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant(log_in=False)

    assert api.token(audience=f"{tenant.url}/api/v2").status_code == 403


@pytest.mark.parametrize("body", ["{", "[]", "grant_type"])
def test_a_body_that_cannot_be_read_is_an_invalid_request(make_tenant: MakeTenant, body: str) -> None:
    tenant, _ = make_tenant(log_in=False)

    answer = requests.post(
        f"{tenant.url}/oauth/token", data=body, headers={"Content-Type": "application/json"}, timeout=30
    )

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_fewer_scopes_may_be_asked_for(make_tenant: MakeTenant) -> None:
    _, api = make_tenant(log_in=False, scopes="read:users update:users")

    assert api.token(scope="read:users read:roles").json()["scope"] == "read:users"
    assert api.token().json()["scope"] == "read:users update:users"


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (None, "Missing authentication"),
        ("Basic abc", "Missing authentication"),
        ("Bearer", "Missing authentication"),
        ("Bearer abc", "Invalid token"),
    ],
)
def test_a_call_without_a_token_is_refused(make_tenant: MakeTenant, header: str | None, message: str) -> None:
    _, api = make_tenant({"user_id": "auth0|1"}, log_in=False)
    if header is not None:
        api.session.headers["Authorization"] = header

    answer = api.get("auth0|1")

    assert refusal(answer) == (401, message)
    assert answer.json()["attributes"] == {"error": message}
    assert "errorCode" not in answer.json()


def test_a_token_with_another_signature_is_refused(make_tenant: MakeTenant) -> None:
    _, api = make_tenant({"user_id": "auth0|1"}, log_in=False)
    head, claims, signature = api.token().json()["access_token"].split(".")
    api.bear(f"{head}.{claims}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}")

    assert refusal(api.get("auth0|1")) == (401, "Invalid signature received for JSON Web Token validation")


def test_an_id_token_opens_nothing(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant({"user_id": "auth0|1"}, log_in=False)
    api.bear(tenant.id_token("auth0|1"))

    assert api.get("auth0|1").status_code == 401


def test_tokens_end_by_time_and_on_demand(make_tenant: MakeTenant, clock: FakeClock) -> None:
    tenant, api = make_tenant({"user_id": "auth0|1"}, token_lifetime=60, clock=clock)
    assert api.get("auth0|1").status_code == 200

    clock.now += 61
    assert refusal(api.get("auth0|1")) == (401, EXPIRED)

    api.log_in()
    assert api.get("auth0|1").status_code == 200
    tenant.revoke_tokens()
    assert refusal(api.get("auth0|1")) == (401, EXPIRED)


def test_every_token_is_another(make_tenant: MakeTenant) -> None:
    _, api = make_tenant(log_in=False)

    assert len({api.token().json()["access_token"] for _ in range(3)}) == 3


@pytest.mark.parametrize(
    ("method", "path", "scopes"),
    [
        ("GET", "users/auth0%7C1", "read:users,read:user_idp_tokens,read:current_user"),
        ("PATCH", "users/auth0%7C1", "update:users,update:users_app_metadata,update:current_user_metadata"),
        ("DELETE", "users/auth0%7C1", "delete:users,delete:current_user"),
        ("POST", "users/auth0%7C1/identities", "update:users,update:current_user_identities"),
        ("DELETE", "users/auth0%7C1/identities/github/2", "update:users,update:current_user_identities"),
        ("GET", "users", "read:users"),
        ("POST", "users", "create:users"),
        ("GET", "users-by-email?email=a", "read:users"),
        ("GET", "connections", "read:connections"),
        ("GET", "connections/con_0000000000000000", "read:connections"),
    ],
)
def test_each_route_names_the_scopes_that_open_it(
    make_tenant: MakeTenant, method: str, path: str, scopes: str
) -> None:
    _, api = make_tenant({"user_id": "auth0|1"}, scopes="read:roles")

    answer = api(method, path, json={})

    assert refusal(answer) == (403, f"Insufficient scope, expected any of: {scopes}")
    assert answer.json()["errorCode"] == "insufficient_scope"


def test_a_token_of_another_audience_is_refused(make_tenant: MakeTenant) -> None:
    first, _ = make_tenant({"user_id": "auth0|1"})
    _, second = make_tenant({"user_id": "auth0|1"}, log_in=False)
    second.bear(first.user_access_token("auth0|1"))

    assert second.get("auth0|1").status_code == 401


def test_tenants_that_begin_at_once_have_one_key() -> None:
    asked = threading.Barrier(8)
    made: list[object] = []

    @once
    def key() -> object:
        time.sleep(0.02)  # in which all ask
        made.append(object())
        return made[-1]

    def ask() -> object:
        asked.wait()
        return key()

    with ThreadPoolExecutor(8) as threads:
        keys = {id(each.result()) for each in [threads.submit(ask) for _ in range(8)]}

    assert (len(keys), len(made)) == (1, 1)
