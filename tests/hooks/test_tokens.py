"""One token a connection and process, whoever asks; and ways to get it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jwt
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_auth0link.emulator.server import Emulator
from airflow_provider_auth0link.errors import UnauthorizedError
from airflow_provider_auth0link.hooks.auth0 import Auth0Hook
from tests.operators.rig import ADA, ADA_GOOGLE, CONN, MakeTenant, connect, patience

KEY = {"password": None}


class Clock:
    """A tenant's clock, that a test turns."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def assertions(tenant: Emulator) -> list[dict[str, Any]]:
    """Return the claims of the client assertions that were sent."""
    return [
        jwt.decode(each.body["client_assertion"], options={"verify_signature": False})
        for each in tenant.requests
        if each.route == "token"
    ]


def test_sixteen_threads_with_a_hook_each_ask_for_one_token(make_tenant: MakeTenant) -> None:
    tenant = make_tenant(ADA, latency=0.05)
    together = threading.Barrier(16)
    read: list[str] = []

    def work() -> None:
        hook = Auth0Hook()
        together.wait()
        read.append(hook.get_user(ADA)["user_id"])

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert read == [ADA] * 16
    assert tenant.counts == {"token": 1, "user_get": 16}


def test_an_expired_token_costs_one_renewal(make_tenant: MakeTenant) -> None:
    clock = Clock()
    tenant = make_tenant(ADA, clock=clock)
    hook = Auth0Hook()
    hook.get_user(ADA)
    clock.now += 86_401

    assert hook.get_user(ADA)["user_id"] == ADA
    assert [(each.route, each.status) for each in tenant.requests] == [
        ("token", 200), ("user_get", 200), ("user_get", 401), ("token", 200), ("user_get", 200)
    ]  # fmt: skip


def test_a_token_is_renewed_before_it_expires(make_tenant: MakeTenant) -> None:
    # With a life of one second it is renewed after nine tenths of it. The tenant's clock stands still and
    # it refuses nothing, so a second token is the client's own doing.
    tenant = make_tenant(ADA, token_lifetime=1, clock=Clock())
    hook = Auth0Hook()
    hook.get_user(ADA)
    threading.Event().wait(1)

    hook.get_user(ADA)

    assert [each.status for each in tenant.requests if each.route == "user_get"] == [200, 200]
    assert tenant.counts["token"] == 2


def test_threads_that_meet_a_revoked_token_together_ask_for_one(make_tenant: MakeTenant) -> None:
    tenant = make_tenant(ADA, latency=0.05)
    Auth0Hook().get_user(ADA)
    tenant.revoke_tokens()
    together = threading.Barrier(8)
    read: list[str] = []

    def work() -> None:
        together.wait()
        read.append(Auth0Hook().get_user(ADA)["user_id"])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert read == [ADA] * 8
    assert tenant.counts["token"] == 2


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"kind": "rate_limited", "reset_in": 0}, id="429"),
        pytest.param({"kind": "rate_limited", "headers": False, "retry_after": 0}, id="429-retry-after"),
        pytest.param({"kind": "rate_limited", "headers": False}, id="429-without-headers"),
        pytest.param({"kind": "status_before", "status": 503}, id="503"),
        pytest.param({"kind": "reset_before"}, id="reset"),
        pytest.param({"kind": "slow_before"}, id="timeout"),
        pytest.param({"kind": "truncated"}, id="truncated"),
        pytest.param({"kind": "cut_json"}, id="unreadable"),
    ],
)
def test_trouble_at_the_token_endpoint_is_waited_out(fault: dict[str, Any], make_tenant: MakeTenant) -> None:
    tenant = make_tenant(ADA, connection=patience(fault["kind"]))
    tenant.faults.add(**fault, route="token")

    assert Auth0Hook().get_user(ADA)["user_id"] == ADA
    assert tenant.counts == {"token": 2, "user_get": 1}


def test_each_assertion_is_its_own_and_lives_a_minute(
    tenant: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(tenant, monkeypatch, **KEY, private_key=tenant.private_key, private_key_id=tenant.private_key_id)
    tenant.faults.add("rate_limited", route="token", reset_in=0)
    tenant.faults.add("reset_after", route="token")
    hook = Auth0Hook()
    hook.get_user(ADA)
    tenant.revoke_tokens()
    hook.get_user(ADA)

    claims = assertions(tenant)
    assert len(claims) == 4
    assert len({each["jti"] for each in claims}) == 4
    assert all(0 < each["exp"] - each["iat"] <= 60 for each in claims)
    assert {each["aud"] for each in claims} == {f"{tenant.url}/"}
    assert {(each["iss"], each["sub"]) for each in claims} == {(tenant.client_id, tenant.client_id)}


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "PS256"])
def test_an_assertion_may_be_signed_in_three_ways(
    algorithm: str, tenant: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(tenant, monkeypatch, **KEY, private_key=tenant.private_key, signing_alg=algorithm)
    Auth0Hook().get_user(ADA)

    header = jwt.get_unverified_header(tenant.requests[0].body["client_assertion"])
    assert header == {"alg": algorithm, "typ": "JWT"}


def test_the_key_is_named_when_its_id_is_known(tenant: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(tenant, monkeypatch, **KEY, private_key=tenant.private_key, private_key_id=tenant.private_key_id)
    Auth0Hook().get_user(ADA)

    header = jwt.get_unverified_header(tenant.requests[0].body["client_assertion"])
    assert header["kid"] == tenant.private_key_id


@pytest.mark.parametrize("offset", [300, -300])
def test_a_clock_that_is_off_is_corrected_once(
    offset: int, make_tenant: MakeTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = make_tenant(ADA, clock_offset=offset)
    connect(tenant, monkeypatch, **KEY, private_key=tenant.private_key)
    hook = Auth0Hook()
    hook.get_user(ADA)
    tenant.revoke_tokens()
    hook.get_user(ADA)

    assert [each.status for each in tenant.requests if each.route == "token"] == [401, 200, 200]


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda pem: pem, id="as-it-is"),
        pytest.param(lambda pem: pem.replace("\n", " "), id="newlines-became-spaces"),
        pytest.param(lambda pem: pem.strip().replace("\n", "\\n"), id="newlines-written-out"),
        pytest.param(lambda pem: pem.replace("\n", "\r\n"), id="from-windows"),
    ],
)
def test_a_key_as_people_paste_it(
    spoil: Callable[[str], str], tenant: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(tenant, monkeypatch, **KEY, private_key=spoil(tenant.private_key))

    assert Auth0Hook().get_user(ADA)["user_id"] == ADA


def test_a_key_from_a_file(tenant: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_text(tenant.private_key)
    connect(tenant, monkeypatch, **KEY, private_key_path=str(path))

    assert Auth0Hook().get_user(ADA)["user_id"] == ADA


def test_a_ready_token_is_used_and_never_renewed(tenant: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    ready = tenant.user_access_token("machine@clients", "read:users update:users")
    connect(tenant, monkeypatch, login=None, password=None, access_token=ready)
    hook = Auth0Hook()
    assert len(hook.link_identity(ADA, ADA_GOOGLE)) == 2

    tenant.revoke_tokens()
    with pytest.raises(UnauthorizedError, match="extra access_token is expired") as caught:
        hook.get_user(ADA)

    assert isinstance(caught.value, AirflowFailException)
    assert ready not in str(caught.value)
    assert "token" not in tenant.counts


def test_a_connection_from_a_uri_holds_text_alone(tenant: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    host, secret = quote(tenant.url, safe=""), quote(tenant.client_secret, safe="")
    extra = "timeout=2&rate_share=0.5&requests_per_second=100&verify=true&audience=&proxy="
    monkeypatch.setenv(CONN, f"auth0://{tenant.client_id}:{secret}@{host}/?{extra}")
    hook = Auth0Hook()

    assert hook.get_user(ADA)["user_id"] == ADA
    assert (hook.settings.timeout, hook.settings.rate_share, hook.settings.verify) == (2.0, 0.5, True)


def test_the_port_may_stand_in_its_own_field(tenant: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    host, _, port = tenant.url.rpartition(":")
    connect(tenant, monkeypatch, host=host, port=int(port))

    assert Auth0Hook().get_user(ADA)["user_id"] == ADA


def test_the_token_is_masked_as_soon_as_it_is_there(tenant: Emulator) -> None:
    from airflow.sdk._shared.secrets_masker import redact

    Auth0Hook().get_user(ADA)

    token = tenant.requests[-1].headers["authorization"].removeprefix("Bearer ")
    assert redact(f"the token is {token}") == "the token is ***"


def test_the_users_secrets_are_in_no_repr(tenant: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(
        tenant, monkeypatch, proxy="http://u:planted-proxy@127.0.0.1:9", journal_secret="", login="planted"
    )
    settings = Auth0Hook().settings

    assert tenant.client_secret not in repr(settings)
    assert "planted-proxy" not in repr(settings)
