from __future__ import annotations

from typing import Any

import pytest

from tests.emulator.caller import Caller, refusal
from tests.emulator.conftest import MakeTenant

ADA: dict[str, Any] = {
    "user_id": "auth0|1",
    "email": "ada@example.com",
    "email_verified": True,
    "name": "Ada",
    "user_metadata": {"color": "red"},
}
GOOGLE: dict[str, Any] = {
    "user_id": "google-oauth2|103",
    "email": "Ada@example.com",
    "name": "Ada L",
    "blocked": True,
    "last_login": "2026-01-01T00:00:00.000Z",
    "user_metadata": {"color": "blue"},
    "app_metadata": {"plan": "pro"},
}
SAME = "Main identity and the new one are the same."


def test_the_secondary_becomes_an_identity_of_the_primary(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant(ADA, GOOGLE)

    answer = api.link("auth0|1", provider="google-oauth2", user_id="103")

    assert answer.status_code == 201
    assert answer.json() == [
        {
            "connection": "Username-Password-Authentication",
            "provider": "auth0",
            "user_id": "1",
            "isSocial": False,
            "profileData": {"email": "ada@example.com", "email_verified": True, "name": "Ada"},
        },
        {
            "connection": "google-oauth2",
            "provider": "google-oauth2",
            "user_id": "103",
            "isSocial": True,
            "profileData": {"email": "Ada@example.com", "name": "Ada L"},
        },
    ]
    (left,) = tenant.users()
    assert left["user_metadata"] == {"color": "red"}
    assert "app_metadata" not in left
    assert "blocked" not in left
    assert left["identities"][1] == answer.json()[1]
    assert tenant.links_applied == {("auth0|1", "google-oauth2|103"): 1}


def test_the_secondary_is_gone_by_id_and_by_email(make_tenant: MakeTenant) -> None:
    _, api = make_tenant(ADA, GOOGLE)
    api.link("auth0|1", provider="google-oauth2", user_id="103")

    assert api.get("google-oauth2|103").status_code == 404
    assert api("GET", "users-by-email", params={"email": "Ada@example.com"}).json() == []


@pytest.mark.parametrize(
    ("secondary", "body"),
    [
        ("google-oauth2|103", {"provider": "google-oauth2", "user_id": "google-oauth2|103"}),
        ("github|7", {"provider": "github", "user_id": 7}),
        ("github|7", {"provider": "github", "user_id": "7"}),
        ("samlp|acme|a|b/c", {"provider": "samlp", "user_id": "acme|a|b/c"}),
        ("samlp|acme|a|b/c", {"provider": "samlp", "user_id": "samlp|acme|a|b/c"}),
        ("samlp|samlp|1", {"provider": "samlp", "user_id": "samlp|1"}),
        ("newidp|1", {"provider": "newidp", "user_id": "1"}),
    ],
)
def test_bare_and_full_ids_are_taken(make_tenant: MakeTenant, secondary: str, body: dict[str, Any]) -> None:
    tenant, api = make_tenant(ADA, {"user_id": secondary})

    assert api("POST", "users/auth0%7C1/identities", json=body).status_code == 201
    assert tenant.links_applied == {("auth0|1", secondary): 1}


def test_numeric_ids_stay_numbers(make_tenant: MakeTenant) -> None:
    _, api = make_tenant(ADA, {"user_id": "github|7"})

    rows = api.link("auth0|1", provider="github", user_id="7").json()

    assert [row["user_id"] for row in rows] == ["1", 7]


def test_a_form_is_taken_too(make_tenant: MakeTenant) -> None:
    _, api = make_tenant(ADA, GOOGLE)

    form = {"provider": "google-oauth2", "user_id": "103"}

    assert api("POST", "users/auth0%7C1/identities", data=form).status_code == 201


def test_tokens_of_identity_providers_come_along(make_tenant: MakeTenant) -> None:
    identity = {"connection": "github", "provider": "github", "user_id": 7, "access_token": "planted"}
    tenant, api = make_tenant(ADA, {"user_id": "github|7", "identities": [identity]})

    assert "planted" in api.link("auth0|1", provider="github", user_id="7").text
    api.log_in(scope="update:users")
    assert "planted" not in api.unlink("auth0|1", "github", "7").text
    assert "planted" in str(tenant.user("github|7"))
    assert "planted" not in api.link("auth0|1", provider="github", user_id="7").text


def _with_a_linked_one(api: Caller) -> list[str]:
    api.link("google-oauth2|103", provider="github", user_id="7")
    rows = api.link("auth0|1", provider="google-oauth2", user_id="103").json()
    return [row["provider"] for row in rows]


@pytest.mark.parametrize(
    ("order", "providers"),
    [
        ("root_first", ["auth0", "google-oauth2", "github"]),
        ("root_last", ["auth0", "github", "google-oauth2"]),
    ],
)
def test_a_secondary_brings_its_own_identities(
    make_tenant: MakeTenant, order: str, providers: list[str]
) -> None:
    tenant, api = make_tenant(ADA, GOOGLE, {"user_id": "github|7", "name": "ada-gh"}, nested_order=order)

    assert _with_a_linked_one(api) == providers
    (left,) = tenant.users()
    by_provider = {each["provider"]: each for each in left["identities"]}
    assert by_provider["github"]["profileData"] == {"name": "ada-gh"}


def test_linking_with_itself_is_refused(make_tenant: MakeTenant) -> None:
    _, api = make_tenant(ADA)

    assert refusal(api.link("auth0|1", provider="auth0", user_id="1")) == (400, SAME)


@pytest.mark.parametrize(
    ("reading", "refused"),
    [
        (409, (409, "Specified identity already exists.")),
        (400, (400, SAME)),
        (404, (404, "The user does not exist.")),
        ("missing", (400, "Provided secondary account not found.")),
    ],
)
def test_linking_again_has_several_readings(
    make_tenant: MakeTenant, reading: int | str, refused: tuple[int, str]
) -> None:
    users = (ADA, GOOGLE, {"user_id": "auth0|2"})
    tenant, api = make_tenant(*users, relink_status=reading, elsewhere_status=reading)
    api.link("auth0|1", provider="google-oauth2", user_id="103")

    assert refusal(api.link("auth0|1", provider="google-oauth2", user_id="103")) == refused
    assert refusal(api.link("auth0|2", provider="google-oauth2", user_id="103")) == refused
    assert tenant.links_applied == {("auth0|1", "google-oauth2|103"): 1}


@pytest.mark.parametrize("status", [404, 400])
def test_a_missing_primary_has_two_readings(make_tenant: MakeTenant, status: int) -> None:
    _, api = make_tenant(GOOGLE, missing_status=status)

    answers = [
        api.link("auth0|1", provider="google-oauth2", user_id="103"),
        api.unlink("auth0|1", "google-oauth2", "103"),
    ]

    assert [refusal(answer) for answer in answers] == [(status, "The user does not exist.")] * 2


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "Too few properties"),
        ({"user_id": "103"}, "The provider/connection is not configured."),
        ({"provider": "google-oauth2"}, "Missing required property: user_id"),
        ({"provider": "google-oauth2", "user_id": ""}, "too short"),
        ({"provider": "google-oauth2", "user_id": 1.5}, "found type number"),
        ({"provider": "google-oauth2", "user_id": True}, "found type boolean"),
        ({"provider": "nonsense", "user_id": "1"}, "No enum match"),
        ({"provider": "google-oauth2", "user_id": "103", "connection_id": "acme"}, "does not match pattern"),
        (
            {"provider": "google-oauth2", "user_id": "103", "extra": 1},
            "Additional properties not allowed: extra",
        ),
        (
            {"provider": "google-oauth2", "user_id": "103", "link_with": "a.b.c"},
            "link_with must be sent alone",
        ),
        ({"provider": "facebook", "user_id": "1"}, "The provider/connection is not configured."),
        (
            {"provider": "google-oauth2", "user_id": "9"},
            "Linking to an inexistent identity requires a connection.",
        ),
        (
            {"provider": "auth0", "user_id": "1", "connection_id": "con_0000000000000000"},
            "The provider/connection is not configured.",
        ),
    ],
    ids=str,
)
def test_bodies_that_name_nobody_are_refused(
    make_tenant: MakeTenant, body: dict[str, Any], text: str
) -> None:
    tenant, api = make_tenant(ADA, GOOGLE)

    status, message = refusal(api("POST", "users/auth0%7C1/identities", json=body))

    assert status == 400
    assert text in message
    assert len(tenant.users()) == 2


def test_a_connection_of_another_provider_is_refused(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant(ADA, GOOGLE)
    connection_id = tenant.connection_id("Username-Password-Authentication")

    answer = api.link("auth0|1", provider="google-oauth2", user_id="103", connection_id=connection_id)

    assert answer.json()["errorCode"] == "inexistent_connection"


def test_an_identity_that_does_not_exist_may_be_linked(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant(ADA, {"user_id": "github|7"})
    connection_id = tenant.connection_id("github")

    rows = api.link("auth0|1", provider="github", user_id="8", connection_id=connection_id).json()

    assert rows[1] == {
        "connection": "github",
        "provider": "github",
        "user_id": 8,
        "isSocial": True,
        "profileData": {},
    }
    assert tenant.links_applied == {("auth0|1", "github|8"): 1}
    again = api.link("auth0|1", provider="github", user_id="8", connection_id=connection_id)
    assert again.status_code == 409


def test_or_it_may_be_refused(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant(ADA, {"user_id": "github|7"}, link_inexistent=False)

    answer = api.link("auth0|1", provider="github", user_id="8", connection_id=tenant.connection_id("github"))

    assert refusal(answer) == (400, "Linking to an inexistent identity is not allowed.")


def _in(connection: str, user_id: str, **more: Any) -> dict[str, Any]:
    rest = user_id.partition("|")[2]
    identity = {"connection": connection, "provider": "auth0", "user_id": rest, "isSocial": False}
    return {"user_id": user_id, "identities": [identity], **more}


def test_of_two_accounts_under_one_id_the_connection_decides(make_tenant: MakeTenant) -> None:
    users = (_in("new", "auth0|7", name="New"), _in("old", "auth0|7", name="Old"), ADA)
    tenant, api = make_tenant(*users)

    assert api.get("auth0|7").json()["name"] == "New"
    assert refusal(api.link("auth0|1", provider="auth0", user_id="7")) == (
        400,
        "Linking to an inexistent identity requires a connection.",
    )
    rows = api.link(
        "auth0|1", provider="auth0", user_id="7", connection_id=tenant.connection_id("old")
    ).json()

    assert (rows[1]["connection"], rows[1]["profileData"]["name"]) == ("old", "Old")
    assert api.get("auth0|7").json()["name"] == "New"


def test_two_accounts_under_one_id_can_be_linked_with_each_other(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant(_in("new", "auth0|7"), _in("old", "auth0|7"))
    assert refusal(api.link("auth0|7", provider="auth0", user_id="7")) == (400, SAME)

    old = tenant.connection_id("old")
    rows = api.link("auth0|7", provider="auth0", user_id="7", connection_id=old).json()

    assert [row["connection"] for row in rows] == ["new", "old"]
    assert refusal(api.unlink("auth0|7", "auth0", "7")) == (400, "Main identity cannot be removed.")
    assert [row["connection"] for row in api.unlink("auth0|7", "auth0", "old|7").json()] == ["new"]
    assert sorted(user["identities"][0]["connection"] for user in tenant.users()) == ["new", "old"]


def test_unlinking_brings_back_an_empty_account(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant(ADA, GOOGLE)
    api.link("auth0|1", provider="google-oauth2", user_id="103")

    answer = api.unlink("auth0|1", "google-oauth2", "103")

    assert (answer.status_code, [row["provider"] for row in answer.json()]) == (200, ["auth0"])
    back = tenant.user("google-oauth2|103") or {}
    assert back.pop("created_at") == back.pop("updated_at")
    assert back == {
        "user_id": "google-oauth2|103",
        "email": "Ada@example.com",
        "name": "Ada L",
        "identities": [
            {"connection": "google-oauth2", "provider": "google-oauth2", "user_id": "103", "isSocial": True}
        ],
    }
    assert api("GET", "users-by-email", params={"email": "Ada@example.com"}).json() != []
    assert api.link("auth0|1", provider="google-oauth2", user_id="103").status_code == 201


def test_unlinking_takes_the_part_after_the_first_pipe(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant(ADA, {"user_id": "samlp|acme|a/b|c"})
    api.link("auth0|1", provider="samlp", user_id="acme|a/b|c")

    assert api.unlink("auth0|1", "samlp", "acme|a/b|c").status_code == 200
    assert tenant.user("samlp|acme|a/b|c") is not None


@pytest.mark.parametrize("status", [400, 404])
def test_what_is_not_linked_cannot_be_unlinked(make_tenant: MakeTenant, status: int) -> None:
    _, api = make_tenant(ADA, GOOGLE, unlink_missing_status=status)

    assert api.unlink("auth0|1", "google-oauth2", "103").status_code == status
    assert refusal(api.unlink("auth0|1", "auth0", "1")) == (400, "Main identity cannot be removed.")


def test_an_account_that_came_meanwhile_is_left_alone(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant(ADA, GOOGLE)
    api.link("auth0|1", provider="google-oauth2", user_id="103")
    tenant.add_user({"user_id": "google-oauth2|103", "name": "another"})

    assert api.unlink("auth0|1", "google-oauth2", "103").status_code == 200
    assert (tenant.user("google-oauth2|103") or {})["name"] == "another"
