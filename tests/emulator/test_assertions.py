from __future__ import annotations

from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from airflow_provider_auth0link.emulator.grants import ASSERTION_TYPE
from airflow_provider_auth0link.emulator.server import Emulator
from tests.emulator.caller import Caller
from tests.emulator.conftest import FakeClock, MakeTenant


def assertion(tenant: Emulator, now: float, **changes: Any) -> str:
    key, algorithm, kid = (
        changes.pop("key", None),
        changes.pop("algorithm", "RS256"),
        changes.pop("kid", None),
    )
    claims = {
        "iss": tenant.client_id,
        "sub": tenant.client_id,
        "aud": f"{tenant.url}/",
        "iat": int(now),
        "exp": int(now) + 60,
        "jti": "1",
        **changes,
    }
    given = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(given, key or tenant.private_key, algorithm, headers={"kid": kid} if kid else None)


def send(api: Caller, text: str, **changes: Any) -> tuple[int, str | None]:
    form = {"client_assertion": text, "client_assertion_type": ASSERTION_TYPE, **changes}
    answer = api.token(client_secret=None, **form)
    return answer.status_code, answer.json().get("error_description")


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "PS256"])
def test_a_signed_assertion_gets_a_token(make_tenant: MakeTenant, clock: FakeClock, algorithm: str) -> None:
    tenant, api = make_tenant(log_in=False, clock=clock)

    assert send(api, assertion(tenant, clock.now, algorithm=algorithm)) == (200, None)


def test_what_auth0_allows_is_allowed(make_tenant: MakeTenant, clock: FakeClock) -> None:
    tenant, api = make_tenant(log_in=False, clock=clock)
    secure = tenant.url.replace("http:", "https:")
    texts = [
        assertion(tenant, clock.now, jti="1", kid=tenant.private_key_id),
        assertion(tenant, clock.now, jti="2", aud=["https://other.example.com/", f"{tenant.url}/"]),
        assertion(tenant, clock.now, jti="3", aud=f"{secure}/"),
        assertion(tenant, clock.now, jti="4", nbf=int(clock.now) + 5, iat=int(clock.now) + 5),
        assertion(tenant, clock.now, jti="5", exp=int(clock.now) + 300),
    ]

    assert [send(api, text) for text in texts] == [(200, None)] * len(texts)
    assert send(api, assertion(tenant, clock.now, jti="6"), client_id=None) == (200, None)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"iss": "somebody"}, "iss and sub must be the client_id"),
        ({"sub": None}, "iss and sub must be the client_id"),
        ({"aud": "https://acme.eu.auth0.com/"}, "aud must be the tenant's URL with a trailing slash"),
        ({"aud": None}, "aud must be the tenant's URL with a trailing slash"),
        ({"exp": None}, "exp is missing or past"),
        ({"jti": None}, "jti is missing"),
        ({"jti": ""}, "jti is missing"),
        ({"kid": "another"}, "kid names no registered key"),
    ],
    ids=str,
)
def test_other_claims_are_refused(
    make_tenant: MakeTenant, clock: FakeClock, changes: dict[str, Any], text: str
) -> None:
    tenant, api = make_tenant(log_in=False, clock=clock)

    status, description = send(api, assertion(tenant, clock.now, **changes))

    assert (status, description) == (401, f"Invalid client assertion: {text}")


@pytest.mark.parametrize(
    ("claim", "ahead", "text"),
    [
        ("exp", 0, "exp is missing or past"),
        ("exp", 302, "exp is more than 5 minutes ahead"),
        ("iat", 12, "iat lies in the future"),
        ("nbf", 12, "nbf lies in the future"),
    ],
)
def test_times_are_judged_by_the_tenants_clock(
    make_tenant: MakeTenant, clock: FakeClock, claim: str, ahead: int, text: str
) -> None:
    tenant, api = make_tenant(log_in=False, clock=clock, clock_offset=-900)
    now = clock.now - 900

    status, description = send(api, assertion(tenant, now, **{claim: int(now) + ahead}))

    assert (status, description) == (401, f"Invalid client assertion: {text}")
    assert send(api, assertion(tenant, now))[0] == 200


def test_an_assertion_is_taken_once(make_tenant: MakeTenant, clock: FakeClock) -> None:
    tenant, api = make_tenant(log_in=False, clock=clock)
    text = assertion(tenant, clock.now)

    assert send(api, text)[0] == 200
    assert send(api, text) == (401, "Invalid client assertion: jti was used before")
    assert send(api, assertion(tenant, clock.now, jti="2"))[0] == 200


def test_only_the_registered_key_signs(make_tenant: MakeTenant, clock: FakeClock) -> None:
    tenant, api = make_tenant(log_in=False, clock=clock)
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    curve = ec.generate_private_key(ec.SECP256R1())

    texts = [
        assertion(tenant, clock.now, key=stranger),
        assertion(tenant, clock.now, key=curve, algorithm="ES256"),
        assertion(tenant, clock.now, algorithm="RS512"),
        assertion(tenant, clock.now, key="s" * 32, algorithm="HS256"),
        "no token at all",
    ]

    assert {send(api, text) for text in texts} == {(401, "Invalid client assertion: signature or form")}


def test_the_form_must_say_what_it_sends(make_tenant: MakeTenant, clock: FakeClock) -> None:
    tenant, api = make_tenant(log_in=False, clock=clock)
    text = assertion(tenant, clock.now)

    assert send(api, text, client_assertion_type=None)[0] == 400
    assert send(api, text, client_id="somebody")[0] == 401
