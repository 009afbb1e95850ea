from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.linking.guards import GUARDS, check_evidence_keys, drift, refusal
from airflow_provider_auth0link.model import ENTERPRISE_PROVIDERS, same_email
from tests.fakes.tenant import account, identity

VERIFIED = {"email": "ada@acme.example", "email_verified": True}


def _verdict(
    guard: str,
    primary: dict[str, Any],
    secondary: dict[str, Any],
    ids: tuple[str, str] = ("auth0|1", "google-oauth2|2"),
) -> str | None:
    return refusal([guard], account(ids[0], **primary), account(ids[1], **secondary))


def test_the_guards_are_those_of_the_contract() -> None:
    assert set(GUARDS) == {"not_blocked", "verified_email", "same_email", "not_enterprise_secondary"}


@pytest.mark.parametrize(
    ("primary", "secondary", "reason"),
    [
        pytest.param({}, {}, None, id="neither told"),
        pytest.param({"blocked": False}, {"blocked": False}, None, id="neither"),
        pytest.param({"blocked": True}, {}, "not_blocked: the primary is blocked", id="primary"),
        pytest.param({}, {"blocked": True}, "not_blocked: the secondary is blocked", id="secondary"),
    ],
)
def test_blocked_accounts_are_not_linked(
    primary: dict[str, Any], secondary: dict[str, Any], reason: str | None
) -> None:
    assert _verdict("not_blocked", primary, secondary) == reason


@pytest.mark.parametrize(
    ("primary", "secondary", "reason"),
    [
        pytest.param(VERIFIED, VERIFIED, None, id="both"),
        pytest.param({}, VERIFIED, "the primary has no e-mail", id="primary without"),
        pytest.param(
            VERIFIED, {"email_verified": True}, "the secondary has no e-mail", id="secondary without"
        ),
        pytest.param({**VERIFIED, "email": ""}, VERIFIED, "the primary has no e-mail", id="empty"),
        pytest.param(
            {**VERIFIED, "email_verified": False},
            VERIFIED,
            "the primary's e-mail is not verified",
            id="primary not",
        ),
        pytest.param(
            VERIFIED,
            {"email": "a@b.example"},
            "the secondary's e-mail is not verified",
            id="secondary not told",
        ),
        pytest.param(
            {**VERIFIED, "email_verified": "false"},
            VERIFIED,
            "the primary's e-mail is not verified",
            id="a word",
        ),
        pytest.param(
            {**VERIFIED, "email_verified": 1}, VERIFIED, "the primary's e-mail is not verified", id="a number"
        ),
    ],
)
def test_an_email_counts_when_it_is_verified(
    primary: dict[str, Any], secondary: dict[str, Any], reason: str | None
) -> None:
    assert _verdict("verified_email", primary, secondary) == (reason and f"verified_email: {reason}")


@pytest.mark.parametrize(
    ("ids", "role"),
    [
        pytest.param(("waad|1", "auth0|2"), "primary", id="primary"),
        pytest.param(("auth0|1", "waad|2"), "secondary", id="secondary"),
    ],
)
def test_an_email_of_entra_is_no_proof(ids: tuple[str, str], role: str) -> None:
    reason = _verdict("verified_email", VERIFIED, VERIFIED, ids)

    assert reason == f"verified_email: the {role}'s provider waad is no proof of an e-mail"


@pytest.mark.parametrize(
    ("mine", "theirs", "same"),
    [
        pytest.param("ada@acme.example", "ada@acme.example", True, id="same"),
        pytest.param("Ada@ACME.example", "ada@acme.EXAMPLE", True, id="case"),
        pytest.param(" ada@acme.example", "ada@acme.example\n", True, id="white space around"),
        pytest.param("zoe\u0308@acme.example", "zo\u00eb@acme.example", True, id="Unicode form"),
        pytest.param("ZOË@acme.example", "zoe\u0308@acme.example", True, id="Unicode form and case"),
        pytest.param("ada@acme.example", "ada+x@acme.example", False, id="plus"),
        pytest.param("a.da@gmail.com", "ada@gmail.com", False, id="dots"),
        pytest.param("\u0430da@acme.example", "ada@acme.example", False, id="Cyrillic letter"),
        pytest.param("ada@acme.example", None, False, id="none"),
        pytest.param(None, None, False, id="neither"),
        pytest.param("", "", False, id="empty"),
        pytest.param(7, 7, False, id="no text"),
    ],
)
def test_emails_are_compared_without_case(mine: object, theirs: object, same: bool) -> None:
    verdict = _verdict("same_email", {"email": mine}, {"email": theirs})

    assert (verdict is None) is same
    assert same or (verdict or "").startswith("same_email: ")


def test_no_verdict_quotes_an_email() -> None:
    verdict = _verdict("same_email", {"email": "ada@acme.example"}, {"email": "bob@acme.example"})

    assert "@" not in (verdict or "")


def test_folding_is_idempotent() -> None:
    for text in ("Straße", "Straße@Straße.de", "İstanbul", "ﬁ", "\u0345\u0300", "ΟΔΟΣ"):
        assert same_email(same_email(text)) == same_email(text)


@pytest.mark.parametrize("provider", sorted(ENTERPRISE_PROVIDERS))
def test_an_enterprise_account_may_be_the_primary_only(provider: str) -> None:
    ids = (f"{provider}|1", f"{provider}|2")

    assert _verdict("not_enterprise_secondary", {}, {}, (ids[0], "auth0|2")) is None
    reason = _verdict("not_enterprise_secondary", {}, {}, ("auth0|1", ids[1]))
    assert reason == f"not_enterprise_secondary: the secondary is an enterprise account ({provider})"


@pytest.mark.parametrize(
    "provider", ["samlp", "waad", "oidc", "okta", "adfs", "ad", "google-apps", "pingfederate"]
)
def test_the_enterprise_providers_are_known(provider: str) -> None:
    assert provider in ENTERPRISE_PROVIDERS


@pytest.mark.parametrize("provider", ["auth0", "google-oauth2", "github", "sms", "email", "apple", "oauth2"])
def test_others_are_no_enterprise_accounts(provider: str) -> None:
    assert _verdict("not_enterprise_secondary", {}, {}, ("auth0|1", f"{provider}|2")) is None


def test_an_enterprise_identity_within_the_secondary_counts() -> None:
    secondary = account("auth0|2", "db", identity("samlp|acme|ada", "acme"))

    assert refusal(["not_enterprise_secondary"], account("auth0|1"), secondary) is not None


def test_the_first_guard_that_refuses_is_told() -> None:
    primary, secondary = account("auth0|1", blocked=True), account("samlp|acme|2", "acme")

    assert refusal([], primary, secondary) is None
    assert (refusal(["not_enterprise_secondary", "not_blocked"], primary, secondary) or "").startswith(
        "not_ent"
    )
    assert (refusal(["not_blocked", "verified_email"], primary, secondary) or "").startswith("not_blocked")


@pytest.mark.parametrize(
    "key",
    [
        "email",
        "verified",
        "phone",
        "metadata:app_metadata.legacy_id",
        "metadata:user_metadata.a.b c.Ö",
    ],
)
def test_evidence_that_can_be_checked_again_is_known(key: str) -> None:
    check_evidence_keys({key: 1})


@pytest.mark.parametrize(
    "key",
    [
        pytest.param("name", id="another field"),
        pytest.param("Email", id="another case"),
        pytest.param("", id="empty"),
        pytest.param("metadata:", id="no path"),
        pytest.param("metadata:app_metadata", id="no key"),
        pytest.param("metadata:legacy_id", id="neither metadata"),
        pytest.param("metadata:app_metadata.", id="empty key"),
        pytest.param("metadata:app_metadata..a", id="empty step"),
        pytest.param("app_metadata.legacy_id", id="no prefix"),
        pytest.param(7, id="no text"),
    ],
)
def test_unknown_evidence_is_refused_by_its_key(key: Any) -> None:
    with pytest.raises(InputError, match=r"^evidence: unknown keys") as caught:
        check_evidence_keys({"email": "x", key: 1})

    assert repr(str(key)) in str(caught.value)
    assert "'email', 'verified', 'phone'" in str(caught.value)


def both(**fields: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give both accounts the same fields."""
    return fields, fields


@pytest.mark.parametrize(
    ("evidence", "fields", "holds"),
    [
        pytest.param({}, both(), True, id="none"),
        pytest.param({"email": "Ada@x"}, both(email="ada@X"), True, id="email"),
        pytest.param({"email": "ada@x"}, ({"email": "ada@x"}, {"email": "b@x"}), False, id="email of one"),
        pytest.param({"email": "ada@x"}, both(email="b@x"), False, id="email of neither"),
        pytest.param({"email": ""}, both(), False, id="email empty is no evidence"),
        pytest.param({"email": None}, both(), False, id="email none is no evidence"),
        pytest.param({"email": 7}, both(email=7), False, id="email no text"),
        pytest.param({"phone": "+49 (151) 23"}, both(phone_number="+4915123"), True, id="phone"),
        pytest.param({"phone": "4915123"}, both(phone_number="+4915123"), False, id="phone without plus"),
        pytest.param({"phone": ""}, both(), False, id="phone empty"),
        pytest.param({"phone": "none"}, both(phone_number="-"), False, id="phone without digits"),
        pytest.param({"verified": True}, both(**VERIFIED), True, id="verified"),
        pytest.param({"verified": True}, (VERIFIED, {}), False, id="verified, one not told"),
        pytest.param({"verified": True}, both(email_verified="true"), False, id="verified, a word"),
        pytest.param({"verified": True}, both(email_verified="false"), False, id="verified, the word false"),
        pytest.param({"verified": True}, both(email_verified=1), False, id="verified, a number"),
        pytest.param({"verified": "true"}, both(**VERIFIED), False, id="evidence a word"),
        pytest.param({"verified": "true"}, both(), False, id="evidence a word, unverified"),
        pytest.param({"verified": None}, both(), False, id="evidence none"),
        pytest.param({"verified": False}, both(), True, id="known to be unverified"),
        pytest.param({"verified": False}, (VERIFIED, {}), False, id="verified since"),
        pytest.param(
            {"verified": True, "phone": "+1"},
            both(phone_number="+1", phone_verified=True),
            True,
            id="phone verified",
        ),
        pytest.param(
            {"verified": True, "phone": "+1"},
            both(phone_number="+1", email_verified=True),
            False,
            id="phone not",
        ),
        pytest.param(
            {"verified": True, "phone": "+1", "email": "a@x"},
            both(email="a@x", phone_number="+1", phone_verified=True),
            False,
            id="both to be verified",
        ),
        pytest.param(
            {"metadata:app_metadata.legacy.id": 7},
            both(app_metadata={"legacy": {"id": 7}}),
            True,
            id="metadata",
        ),
        pytest.param(
            {"metadata:app_metadata.id": "7"},
            ({"app_metadata": {"id": 7}}, {"app_metadata": {"id": "7"}}),
            True,
            id="number and text",
        ),
        pytest.param(
            {"metadata:app_metadata.id": "07"}, both(app_metadata={"id": 7}), False, id="leading zero"
        ),
        pytest.param({"metadata:app_metadata.id": None}, both(), False, id="metadata absent on both"),
        pytest.param(
            {"metadata:app_metadata.a.b": "x"}, both(app_metadata={"a": "x"}), False, id="no such depth"
        ),
        pytest.param(
            {"metadata:user_metadata.id": 7}, both(app_metadata={"id": 7}), False, id="the other metadata"
        ),
        pytest.param(
            {"metadata:app_metadata.id": {"a": 1, "b": 2}},
            both(app_metadata={"id": {"b": 2, "a": 1}}),
            True,
            id="objects",
        ),
    ],
)
def test_evidence_is_checked_on_both_accounts(
    evidence: dict[str, Any], fields: tuple[dict[str, Any], dict[str, Any]], holds: bool
) -> None:
    verdict = drift(evidence, account("auth0|1", **fields[0]), account("google-oauth2|2", **fields[1]))

    assert (verdict is None) is holds


def test_drift_names_what_no_longer_holds_and_no_value() -> None:
    evidence = {"email": "ada@x", "phone": "+1", "metadata:app_metadata.id": "secret"}
    accounts = account("auth0|1", phone_number="+1"), account("google-oauth2|2", phone_number="+1")

    assert drift(evidence, *accounts) == "drifted: email, metadata:app_metadata.id"


@pytest.mark.parametrize(
    ("guard", "ids", "connections", "reason"),
    [
        pytest.param(
            "verified_email:okta",
            ("auth0|1", "okta|2"),
            {},
            "the secondary's provider okta is",
            id="provider",
        ),
        pytest.param(
            "verified_email:okta", ("okta|1", "auth0|2"), {}, "the primary's provider okta is", id="primary"
        ),
        pytest.param("verified_email:okta", ("auth0|1", "oidc|2"), {}, None, id="another"),
        pytest.param(
            "verified_email:okta", ("auth0|1", "waad|2"), {}, "the secondary's provider waad is", id="waad"
        ),
        pytest.param(
            "verified_email: okta , my-entra",
            ("auth0|1", "oidc|2"),
            {"oidc|2": "my-entra"},
            "the secondary's connection my-entra is",
            id="connection",
        ),
        pytest.param(
            "verified_email:my-entra",
            ("auth0|1", "oidc|2"),
            {"oidc|2": "my-entra-2"},
            None,
            id="whole names alone",
        ),
    ],
)
def test_more_providers_and_connections_may_be_named_that_prove_no_email(
    guard: str, ids: tuple[str, str], connections: dict[str, str], reason: str | None
) -> None:
    both = [account(each, connections.get(each, "db"), **VERIFIED) for each in ids]
    told = refusal([guard], *both)

    assert told == (reason and f"verified_email: {reason} no proof of an e-mail")


def test_only_the_root_identity_tells_an_accounts_connection() -> None:
    own = account("oidc|2", "db", identity("github|7", "my-entra"), **VERIFIED)

    assert refusal(["verified_email:my-entra"], account("auth0|1", "db", **VERIFIED), own) is None
    assert refusal(["verified_email:my-entra"], account("auth0|1"), own) is not None
