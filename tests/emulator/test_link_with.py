from __future__ import annotations

from typing import Any

import jwt
import pytest

from tests.emulator.caller import refusal
from tests.emulator.conftest import MakeTenant

ADA = {"user_id": "auth0|1"}
GOOGLE = {"user_id": "google-oauth2|103", "name": "Ada L"}


def test_an_id_token_names_the_secondary(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant(ADA, GOOGLE)

    answer = api.link("auth0|1", link_with=tenant.id_token("google-oauth2|103"))

    assert (answer.status_code, len(answer.json())) == (201, 2)
    assert tenant.links_applied == {("auth0|1", "google-oauth2|103"): 1}


def test_a_users_own_token_links_with_an_id_token(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant(ADA, GOOGLE, log_in=False)
    api.bear(tenant.user_access_token("auth0|1"))

    assert api.link("auth0|1", link_with=tenant.id_token("google-oauth2|103")).status_code == 201
    assert api.unlink("auth0|1", "google-oauth2", "103").status_code == 200


def test_a_users_own_token_acts_on_that_user_alone(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant(ADA, GOOGLE, {"user_id": "auth0|2"}, log_in=False)
    api.bear(tenant.user_access_token("auth0|2"))

    answer = api.link("auth0|1", link_with=tenant.id_token("google-oauth2|103"))

    assert refusal(answer) == (403, "User to be acted on does not match subject in bearer token.")
    assert tenant.links_applied == {}


def test_a_users_own_token_cannot_name_an_account(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant(ADA, GOOGLE, log_in=False)
    api.bear(tenant.user_access_token("auth0|1"))

    answer = api.link("auth0|1", provider="google-oauth2", user_id="103")

    assert (answer.status_code, answer.json()["errorCode"]) == (403, "insufficient_scope")
    assert tenant.links_applied == {}


@pytest.mark.parametrize(
    ("claims", "text"),
    [
        ({"iss": "https://acme.eu.auth0.com/"}, "must have the same issuer as the calling user."),
        ({"aud": None}, "contains an invalid aud claim."),
        ({"aud": []}, "contains an invalid aud claim."),
        ({"aud": "another"}, "must have an aud claim that matches that of the calling token's azp."),
        ({"sub": None}, "must contains sub claim."),
        ({"sub": "nobody"}, "contains an invalid sub claim."),
    ],
    ids=str,
)
def test_other_claims_get_the_documented_texts(
    make_tenant: MakeTenant, claims: dict[str, Any], text: str
) -> None:
    tenant, api = make_tenant(ADA, GOOGLE)

    answer = api.link("auth0|1", link_with=tenant.id_token("google-oauth2|103", **claims))

    assert refusal(answer) == (400, f"JWT (link_with) {text}")


def test_several_audiences_are_allowed(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant(ADA, GOOGLE)
    token = tenant.id_token("google-oauth2|103", aud=["another", tenant.client_id])

    assert api.link("auth0|1", link_with=token).status_code == 201


def test_only_the_tenants_rs256_signature_counts(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant(ADA, GOOGLE)
    claims = {
        "iss": f"{tenant.url}/",
        "aud": tenant.client_id,
        "sub": "google-oauth2|103",
        "exp": 9_999_999_999,
    }
    invalid = (400, "Invalid token (link_with).")

    by_secret = jwt.encode(claims, "s" * 32, "HS256")
    by_a_stranger = jwt.encode(claims, tenant.private_key, "RS256")

    assert refusal(api.link("auth0|1", link_with=by_secret)) == (
        400,
        "JWT (link_with) must have an alg of RS256.",
    )
    assert refusal(api.link("auth0|1", link_with=by_a_stranger)) == invalid
    assert refusal(api.link("auth0|1", link_with="no token")) == invalid
    assert refusal(api.link("auth0|1", link_with=tenant.id_token("google-oauth2|103", exp=1))) == invalid


def test_who_cannot_be_linked_is_told(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant(ADA, GOOGLE, {"user_id": "auth0|2"})
    link = tenant.id_token("google-oauth2|103")
    assert refusal(api.link("auth0|1", link_with=tenant.id_token("auth0|9"))) == (
        400,
        "Provided secondary account not found.",
    )
    assert api.link("auth0|1", link_with=tenant.id_token("auth0|1")).status_code == 400

    api.link("auth0|1", link_with=link)

    assert [api.link(primary, link_with=link).status_code for primary in ("auth0|1", "auth0|2")] == [409, 409]


def test_a_missing_secondary_has_two_readings(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant(ADA, missing_secondary_status=404)

    answer = api.link("auth0|1", link_with=tenant.id_token("auth0|9"))

    assert refusal(answer) == (404, "The user does not exist.")
