from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.caller import refusal
from tests.emulator.conftest import FakeClock, MakeTenant

ADA: dict[str, Any] = {
    "user_id": "auth0|1",
    "email": "ada@example.com",
    "email_verified": True,
    "name": "Ada",
    "user_metadata": {"color": "red", "address": {"home": "1 Main St", "work": "2 High St"}},
    "app_metadata": {"roles": ["reader"]},
}


@pytest.mark.parametrize(
    "user_id",
    [
        "auth0|1",
        "samlp|acme-saml|emea|7",
        "samlp|acme|a/b c",
        "oidc|conn|auth0|xyz",
        "waad|Ж%2F?#&=+",
        "custom|..",
        "email|é",
        "email|e\u0301",
    ],
)
def test_ids_are_exact(make_tenant: MakeTenant, user_id: str) -> None:
    _, api = make_tenant({"user_id": user_id}, {"user_id": "auth0|other"})

    assert api.get(user_id).json()["user_id"] == user_id
    assert api.patch(user_id, {"user_metadata": {"seen": True}}).status_code == 200
    assert api.get(user_id).json()["user_metadata"] == {"seen": True}


def test_a_missing_user_is_told(make_tenant: MakeTenant) -> None:
    _, api = make_tenant()

    for answer in (api.get("auth0|1"), api.patch("auth0|1", {"blocked": True})):
        assert refusal(answer) == (404, "The user does not exist.")
        assert answer.json()["errorCode"] == "inexistent_user"


@pytest.mark.parametrize("path", ["users/", "users/auth0", "users/%7C1", "users/auth0%7C", "users/%FF%7C1"])
def test_an_id_that_is_none_is_refused(make_tenant: MakeTenant, path: str) -> None:
    _, api = make_tenant()

    answer = api("GET", path)

    assert (answer.status_code, answer.json()["errorCode"]) == (400, "invalid_uri")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "nothing"),
        ("PUT", "users/auth0%7C1"),
        ("GET", "users/auth0%7C1/identities"),
        ("GET", "users/auth0%7C1/logs"),
        ("PUT", "users/auth0%7C1/roles"),
        ("GET", "organizations/org_1"),
        ("GET", "others/org_1/members"),
        ("GET", "users/auth0%7C1/"),
        ("GET", ""),
        ("GET", "users/auth0%7C1%2Fidentities/x"),
        ("POST", "users/auth0%7C1/identities/github/2"),
        ("DELETE", "users/auth0%7C1/others/github/2"),
    ],
)
def test_an_unknown_path_is_not_found(make_tenant: MakeTenant, method: str, path: str) -> None:
    _, api = make_tenant(ADA)

    assert refusal(api(method, path)) == (404, "Not Found")


def test_nothing_is_served_beside_the_api(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant()

    assert api.session.get(f"{tenant.url}/users/auth0%7C1", timeout=30).status_code == 404
    assert tenant.requests[-1].route == "unknown"


def test_fields_are_kept_or_left_out(make_tenant: MakeTenant) -> None:
    _, api = make_tenant(ADA)

    assert api.get("auth0|1", fields="user_id,email").json() == {
        "user_id": "auth0|1",
        "email": "ada@example.com",
    }
    assert "email" not in api.get("auth0|1", fields="email", include_fields="false").json()
    assert refusal(api.get("auth0|1", fields="email", include_fields="maybe"))[0] == 400


def test_tokens_of_identity_providers_need_their_scope(make_tenant: MakeTenant) -> None:
    identity = {
        "connection": "google-oauth2",
        "provider": "google-oauth2",
        "user_id": "1",
        "access_token": "planted-a",
        "refresh_token": "planted-r",
    }
    tenant, api = make_tenant({"user_id": "google-oauth2|1", "email": "a@b.c", "identities": [identity]})
    assert "planted-a" in api.get("google-oauth2|1").text
    assert "planted-a" in str(tenant.user("google-oauth2|1"))
    assert "planted" not in str(tenant.export())

    api.log_in(scope="read:users update:users")

    answers = [
        api.get("google-oauth2|1"),
        api.patch("google-oauth2|1", {"user_metadata": {"x": 1}}),
        api("GET", "users-by-email", params={"email": "a@b.c"}),
        api("GET", "users"),
    ]
    assert [answer.status_code for answer in answers] == [200] * 4
    assert "planted" not in "".join(answer.text for answer in answers)


def test_metadata_is_merged_at_its_first_level(make_tenant: MakeTenant, clock: FakeClock) -> None:
    tenant, api = make_tenant(ADA, clock=clock)
    clock.now += 3600

    body = {"user_metadata": {"color": None, "address": {"home": "3 New St"}, "size": 4}, "blocked": True}
    answer = api.patch("auth0|1", body)

    assert answer.status_code == 200
    assert answer.json()["user_metadata"] == {"address": {"home": "3 New St"}, "size": 4}
    assert answer.json()["app_metadata"] == {"roles": ["reader"]}
    assert answer.json()["blocked"] is True
    stored = tenant.user("auth0|1") or {}
    assert stored == answer.json()
    assert stored["updated_at"] > stored["created_at"]


def test_an_empty_object_takes_all_metadata_away(make_tenant: MakeTenant) -> None:
    _, api = make_tenant(ADA)

    assert "user_metadata" not in api.patch("auth0|1", {"user_metadata": {}}).json()


def test_null_takes_an_attribute_away(make_tenant: MakeTenant) -> None:
    _, api = make_tenant({"user_id": "auth0|1", "email": "a@example.com", "username": "ada"})

    assert "username" not in api.patch("auth0|1", {"username": None}).json()


def test_a_database_user_gets_a_new_name(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant(ADA)

    assert api.patch("auth0|1", {"name": "Ada L", "nickname": "ada"}).status_code == 200
    assert (tenant.user("auth0|1") or {})["name"] == "Ada L"


def test_a_new_email_is_found_and_the_old_one_is_not(make_tenant: MakeTenant) -> None:
    _, api = make_tenant(ADA)

    api.patch("auth0|1", {"email": "Countess@Example.com"})

    found = [
        [each["user_id"] for each in api("GET", "users-by-email", params={"email": email}).json()]
        for email in ("countess@example.com", "ada@example.com")
    ]
    assert found == [["auth0|1"], []]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ([], "Expected type object but found type array"),
        (None, "Expected type object but found type null"),
        ({"blocked": "yes"}, "on property blocked"),
        ({"user_metadata": None}, "on property user_metadata"),
        ({"name": ""}, "too short"),
        ({"nickname": "n" * 301}, "too long"),
        ({"phone_number": "555"}, "does not match pattern"),
        ({"user_id": "auth0|2"}, "Additional properties not allowed: user_id"),
        ({"identities": []}, "Additional properties not allowed: identities"),
        ({"app_metadata": {"email": "x"}}, "must not contain email"),
        ({"app_metadata": {"a": [{"b.c": 1}]}}, "hold no"),
        ({"user_metadata": {"$set": 1}}, "hold no"),
    ],
    ids=str,
)
def test_a_bad_body_is_refused_and_changes_nothing(make_tenant: MakeTenant, body: Any, text: str) -> None:
    tenant, api = make_tenant(ADA)
    before = tenant.users()

    answer = api.patch("auth0|1", body)

    assert (answer.status_code, answer.json()["errorCode"]) == (400, "invalid_body")
    assert text in answer.json()["message"]
    assert tenant.users() == before


def test_broken_json_and_large_bodies_are_refused(make_tenant: MakeTenant) -> None:
    _, api = make_tenant(ADA)

    assert api("PATCH", "users/auth0%7C1", data="{").status_code == 400
    assert api.patch("auth0|1", {"user_metadata": {"a": "x" * 1_000_001}}).status_code == 413


@pytest.mark.parametrize(
    ("user", "body", "text"),
    [
        (
            "auth0|1",
            {"password": "x", "email": "b@example.com"},
            "Cannot update password and email simultaneously.",
        ),
        (
            "auth0|1",
            {"username": "x", "password": "y"},
            "Cannot update username and password simultaneously.",
        ),
        ("auth0|1", {"connection": "nowhere"}, "The connection does not exist."),
        ("auth0|1", {"connection": "acme"}, "The user has no identity on this connection."),
        ("auth0|1", {"name": None}, "The following user attributes cannot be removed: name."),
        ("samlp|acme|2", {"email": "b@example.com"}, "Cannot update email for non-database user."),
        ("samlp|acme|2", {"verify_email": True}, "Email verification is not supported for enterprise users."),
        ("samlp|acme|2", {"password": "x"}, "Connection is not supported for this operation."),
        (
            "samlp|acme|2",
            {"name": "B"},
            "The following user attributes cannot be updated: name. The connection must",
        ),
    ],
    ids=str,
)
def test_what_auth0_documents_as_refused_is_refused(
    make_tenant: MakeTenant, user: str, body: dict[str, Any], text: str
) -> None:
    _, api = make_tenant(ADA, {"user_id": "samlp|acme|2"})

    status, message = refusal(api.patch(user, body))

    assert status == 400
    assert message.startswith(text)


def test_a_secondary_identity_is_changed_by_its_connection(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant({"user_id": "google-oauth2|1"}, ADA)
    api.link("google-oauth2|1", provider="auth0", user_id="1")
    connection = "Username-Password-Authentication"

    answer = api.patch("google-oauth2|1", {"connection": connection, "email": "new@example.com"})

    assert answer.json()["identities"][1]["profileData"]["email"] == "new@example.com"
    assert "email" not in answer.json()
    status, message = refusal(api.patch("google-oauth2|1", {"connection": connection, "name": "B"}))
    assert (status, message[-50:]) == (400, "specified connection belongs to a secondary identity."[-50:])
    assert tenant.user("auth0|1") is None


@pytest.mark.parametrize(
    ("scope", "body", "status"),
    [
        ("update:users_app_metadata", {"app_metadata": {"a": 1}}, 200),
        ("update:users_app_metadata", {"app_metadata": {"a": 1}, "blocked": True}, 403),
        ("update:users", {"app_metadata": {"a": 1}, "blocked": True}, 200),
    ],
)
def test_a_narrow_scope_changes_what_it_names(
    make_tenant: MakeTenant, scope: str, body: dict[str, Any], status: int
) -> None:
    _, api = make_tenant(ADA, scopes=scope)

    assert api.patch("auth0|1", body).status_code == status


def test_a_users_own_token_acts_on_that_user_alone(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant(ADA, {"user_id": "auth0|2"}, log_in=False)
    api.bear(tenant.user_access_token("auth0|1", "read:current_user update:current_user_metadata"))

    assert api.get("auth0|1").status_code == 200
    assert api.patch("auth0|1", {"user_metadata": {"a": 1}}).status_code == 200
    assert api.patch("auth0|1", {"app_metadata": {"a": 1}}).status_code == 403
    assert refusal(api.get("auth0|2")) == (403, "User to be acted on does not match subject in bearer token.")


def test_delete_says_204_always(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant(ADA)

    assert [api("DELETE", "users/auth0%7C1").status_code for _ in range(2)] == [204, 204]
    assert tenant.users() == []
    assert api("GET", "users-by-email", params={"email": "ada@example.com"}).json() == []


def test_deleting_a_primary_takes_its_identities_along(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant(ADA, {"user_id": "github|2"})
    api.link("auth0|1", provider="github", user_id="2")

    api("DELETE", "users/github%7C2")
    assert len(tenant.users()[0]["identities"]) == 2
    api("DELETE", "users/auth0%7C1")

    assert tenant.users() == []


def test_by_email_minds_the_case(make_tenant: MakeTenant) -> None:
    _, api = make_tenant(ADA, {"user_id": "samlp|acme|2", "email": "Ada@example.com"})

    def found(email: str) -> list[str]:
        return [row["user_id"] for row in api("GET", "users-by-email", params={"email": email}).json()]

    assert found("ada@example.com") == ["auth0|1"]
    assert found("Ada@example.com") == ["samlp|acme|2"]
    assert api("GET", "users-by-email").status_code == 400


def test_a_user_is_created_once(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant()
    body = {
        "connection": "Username-Password-Authentication",
        "email": "New@Example.com",
        "password": "not kept",
        "user_metadata": {"a": 1},
    }

    answers = [api("POST", "users", json=body) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 409]
    created = answers[0].json()
    assert created["email"] == "new@example.com"
    assert tenant.user(created["user_id"]) == created
    assert "not kept" not in str(tenant.users())


def test_a_linked_identity_still_holds_its_id_and_name(make_tenant: MakeTenant) -> None:
    _, api = make_tenant(ADA, {"user_id": "github|2"}, {"user_id": "email|3", "email": "c@example.com"})
    api.link("github|2", provider="auth0", user_id="1")

    connection = "Username-Password-Authentication"
    by_id = {"connection": connection, "email": "other@example.com", "user_id": "1"}
    by_email = {"connection": "email", "email": "c@example.com"}

    assert api("POST", "users", json=by_id).status_code == 409
    assert api("POST", "users", json=by_email).status_code == 409


def test_an_id_is_taken_in_its_connection_alone(make_tenant: MakeTenant) -> None:
    legacy = {"connection": "legacy", "provider": "auth0", "user_id": "1"}
    tenant, api = make_tenant({"user_id": "auth0|1", "email": "a@example.com", "identities": [legacy]})
    body = {"connection": "Username-Password-Authentication", "email": "a@example.com", "user_id": "1"}

    assert api("POST", "users", json=body).status_code == 201
    assert [user["user_id"] for user in tenant.users()] == ["auth0|1"] * 2


def test_a_phone_number_makes_an_sms_user(make_tenant: MakeTenant) -> None:
    _, api = make_tenant({"user_id": "sms|1", "phone_number": "+15550001"})

    numbers = [
        api("POST", "users", json={"connection": "sms", "phone_number": number}).status_code
        for number in ("+15550001", "+15550002")
    ]

    assert numbers == [409, 201]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"email": "a@example.com"}, "Missing required property: connection"),
        ({"connection": "nowhere", "email": "a@example.com"}, "The connection does not exist."),
        ({"connection": "acme", "email": "a@example.com"}, "Connection does not support user creation"),
        ({"connection": "Username-Password-Authentication"}, "Missing required property: email"),
        ({"connection": "x", "nonsense": 1}, "Additional properties not allowed: nonsense"),
    ],
    ids=str,
)
def test_a_user_that_cannot_be_is_refused(make_tenant: MakeTenant, body: dict[str, Any], text: str) -> None:
    _, api = make_tenant({"user_id": "samlp|acme|2"})

    status, message = refusal(api("POST", "users", json=body))

    assert status == 400
    assert text in message
