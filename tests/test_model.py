from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.model import (
    IDP_TOKENS,
    Account,
    Identity,
    Pair,
    UserId,
    id_text,
    root_first,
    without_tokens,
)
from tests.fakes.tenant import account, identity, user

ADA = UserId("auth0", "64b1")
ADA_GOOGLE = UserId("google-oauth2", "1034")


@pytest.mark.parametrize(
    ("value", "provider", "rest"),
    [
        pytest.param("auth0|64b1", "auth0", "64b1", id="plain"),
        pytest.param("samlp|acme|ada@acme", "samlp", "acme|ada@acme", id="more pipes"),
        pytest.param("oidc|c||x|", "oidc", "c||x|", id="empty parts behind"),
        pytest.param("ad|corp/ada\\x", "ad", "corp/ada\\x", id="slashes"),
        pytest.param("custom|a b", "custom", "a b", id="space"),
        pytest.param("sms|+49 151", "sms", "+49 151", id="plus"),
        pytest.param("oauth2|Zoë 名前 🦊", "oauth2", "Zoë 名前 🦊", id="Unicode"),
        pytest.param("custom|50%2F1", "custom", "50%2F1", id="percent"),
        pytest.param("custom|...", "custom", "...", id="three dots"),
        pytest.param("custom|../x", "custom", "../x", id="dots and more"),
        pytest.param("custom|{{ conn.x.password }}", "custom", "{{ conn.x.password }}", id="Jinja"),
        pytest.param("nobody-knows-me|1", "nobody-knows-me", "1", id="unknown provider"),
        pytest.param(" auth0|1 ", " auth0", "1 ", id="white space is part of it"),
    ],
)
def test_an_id_is_split_on_its_first_pipe(value: str, provider: str, rest: str) -> None:
    parsed = UserId.parse(value, "primary_user_id")

    assert (parsed.provider, parsed.rest) == (provider, rest)
    assert str(parsed) == value


@pytest.mark.parametrize(
    ("value", "told"),
    [
        pytest.param("", "is empty", id="empty"),
        pytest.param("64b1", "has no '|'", id="bare"),
        pytest.param(64, "has no '|'", id="bare integer"),
        pytest.param(10**5_000, "the number is too long", id="integer without end"),
        pytest.param("|64b1", "the provider is empty", id="no provider"),
        pytest.param("auth0|", "the part after the first '|' is empty", id="no rest"),
        pytest.param("|", "is empty", id="pipe alone"),
        pytest.param("auth0|.", "would leave the user's place", id="dot"),
        pytest.param("auth0|..", "would leave the user's place", id="two dots"),
        pytest.param("..|1", "would leave the user's place", id="provider of dots"),
        pytest.param("auth0|a\nb", "control character", id="newline"),
        pytest.param("auth0|a\x00", "control character", id="null"),
        pytest.param("auth0|a\x7f", "control character", id="delete"),
        pytest.param("auth0|a\x85", "control character", id="control of Latin-1"),
        pytest.param("au\tth0|a", "control character", id="tab in the provider"),
        pytest.param("auth0|\ud83e", "surrogate", id="half a surrogate pair"),
        pytest.param(None, "got NoneType", id="none"),
        pytest.param(1.5, "got float", id="float"),
        pytest.param(1e22, "got float", id="float with digits lost"),
        pytest.param(True, "got bool", id="bool"),
        pytest.param(b"auth0|1", "got bytes", id="bytes"),
        pytest.param(["auth0|1"], "got list", id="list"),
    ],
)
def test_what_is_no_id_is_refused_by_its_field(value: object, told: str) -> None:
    with pytest.raises(InputError, match=r"^secondary_user_id: ") as caught:
        UserId.parse(value, "secondary_user_id")

    assert told in str(caught.value)


@pytest.mark.parametrize("value", [pytest.param(12.0, id="float"), pytest.param(False, id="bool")])
def test_a_number_made_by_native_rendering_is_told_as_such(value: object) -> None:
    with pytest.raises(InputError, match="render_template_as_native_obj"):
        id_text(value, "secondary_user_id")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param("0012", "0012", id="leading zeros"),
        pytest.param(1034, "1034", id="integer"),
        pytest.param(103456789012345678901234, "103456789012345678901234", id="integer beyond floats"),
    ],
)
def test_an_id_keeps_every_digit(value: object, text: str) -> None:
    assert id_text(value, "secondary_user_id") == text


@given(st.text(min_size=1), st.text(min_size=1))
def test_every_id_comes_back_as_it_went_or_is_refused(provider: str, rest: str) -> None:
    try:
        parsed = UserId.parse(f"{provider}|{rest}", "id")
    except InputError:
        return
    assert str(parsed) == f"{provider}|{rest}"
    assert "|" not in parsed.provider


def test_an_identity_is_read_as_auth0_sends_it() -> None:
    row = {
        "connection": "github",
        "provider": "github",
        "user_id": 1034,
        "isSocial": True,
        "profileData": {"email": "ada@acme.example"},
        "access_token": "gho_x",
    }

    read = Identity.from_json(row)

    assert read == Identity("github", "1034", "github", is_social=True)
    assert read.profile == {"email": "ada@acme.example"}
    assert "gho_x" not in repr(read)


@pytest.mark.parametrize(
    "row",
    [
        pytest.param({}, id="empty"),
        pytest.param({"provider": "auth0", "user_id": "1"}, id="no connection"),
        pytest.param({"provider": "auth0", "connection": "db"}, id="no user id"),
        pytest.param({"user_id": "1", "connection": "db"}, id="no provider"),
        pytest.param("auth0|1", id="text"),
        pytest.param(None, id="none"),
        pytest.param([], id="list"),
    ],
)
def test_what_is_no_identity_is_told(row: Any) -> None:
    with pytest.raises((KeyError, TypeError)):
        Identity.from_json(row)


def test_the_public_row_holds_five_keys_at_most() -> None:
    read = Identity.from_json(identity("github|1034", "github", isSocial=True, profileData={"name": "Ada"}))

    plain = {"connection": "github", "provider": "github", "user_id": "1034", "isSocial": True}
    assert read.to_xcom() == plain
    assert read.to_xcom(include_profile_data=True) == {**plain, "profileData": {"name": "Ada"}}
    assert list(read.to_xcom()) == ["connection", "provider", "user_id", "isSocial"]


@pytest.mark.parametrize("token", sorted(IDP_TOKENS))
@pytest.mark.parametrize(
    "place",
    [
        pytest.param(lambda inner: inner, id="top"),
        pytest.param(lambda inner: {"a": {"b": inner}}, id="deep"),
        pytest.param(lambda inner: {"a": [1, [inner]]}, id="in lists"),
    ],
)
def test_tokens_are_dropped_however_deep(token: str, place: Any) -> None:
    assert without_tokens(place({token: "ya29.x", "kept": 1})) == place({"kept": 1})


def test_no_token_of_an_identity_provider_outlives_the_reading() -> None:
    row = user("auth0|64b1")
    row["identities"].append(
        identity(
            "google-oauth2|1034",
            "google-oauth2",
            access_token="ya29.x",
            refresh_token="ya29.y",
            access_token_secret="ya29.z",
            profileData={"name": "Ada", "refresh_token": "ya29.w", "more": [{"access_token": "ya29.v"}]},
        )
    )

    read = Account.from_json(row)

    assert "ya29" not in repr((read, read.raw, read.identities))
    assert "ya29" not in repr([each.to_xcom(include_profile_data=True) for each in read.identities])
    assert read.raw["identities"][1]["profileData"] == {"name": "Ada", "more": [{}]}
    assert "ya29" in repr(row)


def test_an_account_is_read_as_auth0_sends_it() -> None:
    read = account("auth0|64b1", user_metadata={"a": 1}, app_metadata=None, blocked=True)

    assert read.id == ADA
    assert read.blocked
    assert read.metadata("user_metadata") == {"a": 1}
    assert read.metadata("app_metadata") == {}


@pytest.mark.parametrize(
    ("fields", "blocked"),
    [
        pytest.param({}, False, id="not told"),
        pytest.param({"blocked": None}, False, id="null"),
        pytest.param({"blocked": False}, False, id="false"),
        pytest.param({"blocked": True}, True, id="true"),
    ],
)
def test_blocked_is_false_where_nothing_is_told(fields: dict[str, Any], blocked: bool) -> None:
    assert account("auth0|64b1", **fields).blocked is blocked


@pytest.mark.parametrize(
    "row",
    [
        pytest.param({}, id="empty"),
        pytest.param({"user_id": "64b1"}, id="bare id"),
        pytest.param({"user_id": "auth0|1", "identities": [{}]}, id="no identity"),
        pytest.param({"user_id": "auth0|1", "identities": 7}, id="identities no list"),
        pytest.param([], id="list"),
        pytest.param(None, id="none"),
    ],
)
def test_what_is_no_account_is_told(row: Any) -> None:
    with pytest.raises((KeyError, TypeError, InputError)):
        Account.from_json(row)


def test_repr_of_an_account_shows_no_profile() -> None:
    assert "ada@acme.example" not in repr(account("auth0|64b1", email="ada@acme.example"))


ROOT_SECOND = {
    "user_id": "auth0|64b1",
    "identities": [identity("google-oauth2|1034", "google-oauth2"), identity("auth0|64b1")],
}


def test_the_root_identity_need_not_be_the_first() -> None:
    read = Account.from_json(ROOT_SECOND)

    assert read.root == Identity("auth0", "64b1", "db")
    assert [each.provider for each in root_first(read.identities, read.id)] == ["auth0", "google-oauth2"]


def test_the_root_identity_is_found_by_its_whole_id() -> None:
    read = account("samlp|acme|ada|x", "acme")

    assert read.root is read.identities[0]
    assert Account.from_json({"user_id": "auth0|64b1"}).root is None


def test_the_others_keep_auth0_s_order() -> None:
    names = ["c", "a", "b"]
    read = Account.from_json(
        {
            "user_id": "auth0|64b1",
            "identities": [*(identity(f"oauth2|{each}") for each in names), identity("auth0|64b1")],
        }
    )

    assert [each.user_id for each in root_first(read.identities, read.id)] == ["64b1", *names]


LINKED = account(
    "auth0|64b1", "db", identity("google-oauth2|1034", "google-oauth2"), identity("github|77", "g")
)


@pytest.mark.parametrize(
    ("secondary", "connection", "held"),
    [
        pytest.param("google-oauth2|1034", None, True, id="held"),
        pytest.param("google-oauth2|1034", "google-oauth2", True, id="held by that connection"),
        pytest.param("google-oauth2|1034", "other", False, id="held by another connection"),
        pytest.param("github|1034", None, False, id="another provider"),
        pytest.param("google-oauth2|103", None, False, id="the start of an id"),
        pytest.param("google-oauth2|01034", None, False, id="leading zero"),
        pytest.param("auth0|64b1", None, False, id="its own identity"),
        pytest.param("auth0|64b1", "db", False, id="its own identity and connection"),
    ],
)
def test_an_account_holds_what_was_linked_to_it(secondary: str, connection: str | None, held: bool) -> None:
    found = LINKED.holds(UserId.parse(secondary, "secondary"), connection)

    assert (found is not None) is held


def test_a_numeric_identity_is_held_under_its_text() -> None:
    row = user("auth0|64b1")
    row["identities"].append({"provider": "github", "user_id": 77, "connection": "github"})

    assert Account.from_json(row).holds(UserId("github", "77"), "github") is not None


def test_identities_are_told_apart_by_provider_id_and_connection() -> None:
    one = Identity("auth0", "1", "db", profile={"a": 1})

    assert one == Identity("auth0", "1", "db", profile={"b": 2})
    assert one != Identity("auth0", "1", "old-db")
    assert one != Identity("custom", "1", "db")


def test_a_pair_of_one_account_is_refused() -> None:
    with pytest.raises(InputError, match=r"the same account, 'auth0\|64b1'"):
        Pair(ADA, UserId.parse("auth0|64b1", "secondary_user_id"))


def test_a_pair_hands_out_its_two_ids() -> None:
    primary, secondary = Pair(ADA, ADA_GOOGLE, evidence={"email": "ada@acme.example"})

    assert (primary, secondary) == (ADA, ADA_GOOGLE)


def test_repr_of_a_pair_shows_no_evidence() -> None:
    assert "ada@" not in repr(Pair(ADA, ADA_GOOGLE, evidence={"email": "ada@acme.example"}))
