"""What a Dag author may choose: guards, evidence, what is carried, and how the task ends."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException

from airflow_provider_auth0link.emulator.server import Emulator
from airflow_provider_auth0link.errors import ForbiddenError, LinkFailedError, RefusedError
from airflow_provider_auth0link.operators.link import LinkIdentityOperator
from tests.operators.rig import ADA, ADA_GOOGLE, PAIR, PLAIN, Json, MakeTenant, Ran, run, two_accounts

LEGACY = {"connection": "legacy", "provider": "auth0", "user_id": "7"}


def link(**arguments: Any) -> Ran:
    return run(LinkIdentityOperator(task_id="link", **{**PAIR, **arguments}))


def people(primary: Json | None = None, secondary: Json | None = None, **ids: str) -> list[Json]:
    """Return two accounts with these attributes; None as a value leaves one out."""
    base = {"email": "ada@example.com", "email_verified": True}
    rows = []
    for user_id, more in ((ids.get("first", ADA), primary), (ids.get("second", ADA_GOOGLE), secondary)):
        row = {"user_id": user_id, **base, **(more or {})}
        rows.append({name: value for name, value in row.items() if value is not None})
    return rows


GUARDS = [
    pytest.param("not_blocked", people({"blocked": True}), "the primary is blocked", id="blocked-primary"),
    pytest.param("not_blocked", people(None, {"blocked": True}), "the secondary is blocked", id="blocked"),
    pytest.param(
        "verified_email",
        people({"email_verified": False}),
        "the primary's e-mail is not verified",
        id="unverified-primary",
    ),
    pytest.param(
        "verified_email",
        people(None, {"email_verified": None}),
        "the secondary's e-mail is not verified",
        id="verified-unsaid",
    ),
    pytest.param(
        "verified_email", people(None, {"email": None}), "the secondary has no e-mail", id="no-email"
    ),
    pytest.param(
        "same_email", people(None, {"email": "bob@example.com"}), "the e-mails differ", id="differs"
    ),
    pytest.param(
        "same_email", people({"email": None}), "one of the accounts has no e-mail", id="nothing-to-compare"
    ),
]
ALL_GUARDS = ("not_blocked", "verified_email", "same_email", "not_enterprise_secondary")


@pytest.mark.parametrize(("guard", "users", "reason"), GUARDS)
def test_a_guard_refuses(guard: str, users: list[Json], reason: str, make_tenant: MakeTenant) -> None:
    tenant = make_tenant(*users)
    before = tenant.users()

    ran = link(guards=[guard])

    assert ran.outcome == "refused"
    assert ran.link["reason"] == f"{guard}: {reason}"
    assert isinstance(ran.error, RefusedError)
    assert isinstance(ran.error, AirflowFailException)
    assert tenant.users() == before
    assert set(tenant.counts) == {"token", "user_get"}


@pytest.mark.parametrize(("guard", "users", "reason"), GUARDS)
def test_a_guard_that_is_not_asked_for_does_not_refuse(
    guard: str, users: list[Json], reason: str, make_tenant: MakeTenant
) -> None:
    make_tenant(*users)

    assert link(guards=()).outcome == "linked"


@pytest.mark.parametrize(
    ("guard", "secondary", "nested", "refused"),
    [
        pytest.param("not_enterprise_secondary", "samlp|acme|7", [], True, id="saml"),
        pytest.param("not_enterprise_secondary", "waad|7", [], True, id="entra"),
        pytest.param("not_enterprise_secondary", "okta|7", [], True, id="okta"),
        pytest.param("not_enterprise_secondary", "sms|7", [], False, id="sms"),
        pytest.param("not_enterprise_secondary", "sms|7", ["oidc"], True, id="linked-to-the-secondary"),
        pytest.param("verified_email", "waad|7", [], True, id="entra-proves-no-email"),
        pytest.param("verified_email", "google-oauth2|7", [], False, id="google-does"),
    ],
)
def test_guards_that_look_at_the_provider(
    guard: str, secondary: str, nested: list[str], refused: bool, make_tenant: MakeTenant
) -> None:
    provider, _, rest = secondary.partition("|")
    identities = [{"connection": each, "provider": each, "user_id": rest} for each in (provider, *nested)]
    make_tenant(*people(None, {"identities": identities}, second=secondary))

    ran = link(secondary_user_id=secondary, guards=[guard])

    assert ran.outcome == ("refused" if refused else "linked")


def test_an_enterprise_account_may_be_the_primary(make_tenant: MakeTenant) -> None:
    make_tenant(*people(first="samlp|acme|7"))

    ran = link(primary_user_id="samlp|acme|7", guards=["not_enterprise_secondary"])

    assert ran.outcome == "linked"


@pytest.mark.parametrize(
    "theirs",
    [
        pytest.param("ADA@Example.COM", id="case"),
        pytest.param("ada@example.com", id="equal"),
    ],
)
def test_all_guards_let_an_honest_pair_pass(theirs: str, make_tenant: MakeTenant) -> None:
    make_tenant(*people(None, {"email": theirs}))

    assert link(guards=ALL_GUARDS).outcome == "linked"


def test_same_email_takes_both_spellings_of_an_accent(make_tenant: MakeTenant) -> None:
    make_tenant(*people({"email": "zo\u00eb@example.com"}, {"email": "Zoe\u0308@example.com"}))

    assert link(guards=["same_email"]).outcome == "linked"


METADATA = {"app_metadata": {"legacy": {"id": 7}}}


@pytest.mark.parametrize(
    ("users", "evidence", "drifted"),
    [
        pytest.param(
            people(None, {"email": "Ada@Example.com"}), {"email": "ADA@example.com"}, None, id="email"
        ),
        pytest.param(
            people(None, {"email": "b@example.com"}), {"email": "ada@example.com"}, "email", id="changed"
        ),
        pytest.param(people({"email": None}), {"email": "ada@example.com"}, "email", id="no-email-any-more"),
        pytest.param(people(), {"email": "ada@example.com", "verified": True}, None, id="verified"),
        pytest.param(people(), {"verified": "true"}, None, id="verified-as-a-template-says-it"),
        pytest.param(people(), {"verified": "False"}, "verified", id="false-as-a-template-says-it"),
        pytest.param(people(), '{"verified": "True"}', None, id="verified-as-text-in-json-text"),
        pytest.param(
            people(None, {"email_verified": False}), {"verified": True}, "verified", id="unverified"
        ),
        pytest.param(
            people({"phone_number": "+15550001"}, {"phone_number": "+15550001"}),
            {"phone": "+1 555 0001"},
            None,
            id="phone",
        ),
        pytest.param(
            people({"phone_number": "+15550001"}, {"phone_number": "+15550002"}),
            {"phone": "+15550001", "verified": True},
            "phone, verified",
            id="another-phone",
        ),
        pytest.param(
            people(METADATA, {"app_metadata": {"legacy": {"id": "7"}}}),
            {"metadata:app_metadata.legacy.id": 7},
            None,
            id="metadata",
        ),
        pytest.param(
            people(METADATA, {}),
            {"metadata:app_metadata.legacy.id": "7"},
            "metadata:app_metadata.legacy.id",
            id="metadata-gone",
        ),
        pytest.param(
            people(METADATA, METADATA), '{"metadata:app_metadata.legacy.id": 7}', None, id="as-json-text"
        ),
    ],
)
def test_evidence_is_checked_again(
    users: list[Json], evidence: Any, drifted: str | None, make_tenant: MakeTenant
) -> None:
    tenant = make_tenant(*users)

    ran = link(evidence=evidence, on_refused="skip")

    assert ran.outcome == ("refused" if drifted else "linked")
    assert ran.link.get("reason") == (f"drifted: {drifted}" if drifted else None)
    assert tenant.links_applied == ({} if drifted else {(ADA, ADA_GOOGLE): 1})


def test_evidence_is_checked_without_carry_and_guards(make_tenant: MakeTenant) -> None:
    make_tenant(*people(None, {"email": "b@example.com"}))

    assert link(evidence={"email": "ada@example.com"}, **PLAIN).outcome == "refused"


def test_a_plan_line_is_exactly_the_arguments(tenant: Emulator) -> None:
    line = {
        **PAIR,
        "connection_id": tenant.connection_id("google-oauth2"),
        "rule": "same e-mail",
        "evidence": {"email": "ada@example.com", "verified": True},
    }

    assert run(LinkIdentityOperator(task_id="link", **line)).outcome == "linked"


@pytest.mark.parametrize(
    ("choice", "error"),
    [
        pytest.param("succeed", type(None), id="succeed"),
        pytest.param("skip", AirflowSkipException, id="skip"),
        pytest.param("fail", LinkFailedError, id="fail"),
    ],
)
@pytest.mark.parametrize("plain", [True, False])
def test_a_pair_that_is_linked_already(
    plain: bool, choice: str, error: type[Exception], tenant: Emulator
) -> None:
    link(**PLAIN)

    ran = link(on_already_linked=choice, **(PLAIN if plain else {}))

    assert isinstance(ran.error, error)
    assert isinstance(ran.error, AirflowFailException) is (choice == "fail")
    assert ran.outcome == "already_linked"
    assert tenant.links_applied == {(ADA, ADA_GOOGLE): 1}


@pytest.mark.parametrize("on_refused", ["fail", "skip"])
def test_a_failure_is_no_refusal(on_refused: str, make_tenant: MakeTenant) -> None:
    make_tenant(ADA)

    ran = link(on_refused=on_refused)

    assert ran.outcome == "failed"
    assert isinstance(ran.error, LinkFailedError)


@pytest.mark.parametrize(
    ("conflicts", "kept", "carried"),
    [
        pytest.param("primary", "en", ["user_metadata.newsletter"], id="primary"),
        pytest.param(
            "secondary", "fr", ["user_metadata.language", "user_metadata.newsletter"], id="secondary"
        ),
    ],
)
def test_whose_value_wins(conflicts: str, kept: str, carried: list[str], tenant: Emulator) -> None:
    ran = link(conflicts=conflicts, carry=("user_metadata",))

    assert ran.link["carried"] == carried
    assert (tenant.user(ADA) or {})["user_metadata"] == {"language": kept, "newsletter": True}


def test_conflicts_may_refuse_the_pair(tenant: Emulator) -> None:
    before = tenant.users()

    ran = link(conflicts="fail")

    assert ran.outcome == "refused"
    assert ran.link["reason"] == "conflicts: both accounts have a value at user_metadata.language"
    assert tenant.users() == before


@pytest.mark.parametrize(
    ("choice", "user", "app"),
    [
        pytest.param(
            {},
            {"language": "en", "newsletter": True},
            {"plan": "pro", "roles": ["reader", "writer"], "legacy": {"customer_number": 7}},
            id="both",
        ),
        pytest.param(
            {"carry": ["user_metadata"]},
            {"language": "en", "newsletter": True},
            {"plan": "pro", "roles": ["reader"]},
            id="user-metadata",
        ),
        pytest.param(
            {"carry": ["app_metadata"], "carry_except": ["app_metadata.roles"]},
            {"language": "en"},
            {"plan": "pro", "roles": ["reader"], "legacy": {"customer_number": 7}},
            id="without-roles",
        ),
        pytest.param(
            {"carry_except": ["user_metadata", "app_metadata.legacy.customer_number"]},
            {"language": "en"},
            {"plan": "pro", "roles": ["reader", "writer"]},
            id="without-subtrees",
        ),
        pytest.param({"carry": ()}, {"language": "en"}, {"plan": "pro", "roles": ["reader"]}, id="nothing"),
    ],
)
def test_what_is_carried(choice: Json, user: Json, app: Json, tenant: Emulator) -> None:
    ran = link(**choice)

    after = tenant.user(ADA) or {}
    assert ran.outcome == "linked"
    assert after["user_metadata"] == user
    assert after["app_metadata"] == app


def test_only_what_changes_at_the_first_level_is_sent(tenant: Emulator) -> None:
    link()

    assert [each.body for each in tenant.requests if each.route == "user_update"] == [
        {
            "user_metadata": {"newsletter": True},
            "app_metadata": {"roles": ["reader", "writer"], "legacy": {"customer_number": 7}},
        }
    ]


def test_nothing_to_carry_is_nothing_written(make_tenant: MakeTenant) -> None:
    tenant = make_tenant(*people())

    assert link().link["carried"] == []
    assert tenant.counts == {"token": 1, "user_get": 2, "link": 1}


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "status_before", "status_after", "cut_json"])
def test_a_lost_answer_to_the_carry_is_settled(kind: str, tenant: Emulator) -> None:
    tenant.faults.add(kind, route="user_update")

    ran = link()

    assert ran.outcome == "linked"
    assert (tenant.user(ADA) or {})["app_metadata"]["roles"] == ["reader", "writer"]
    assert tenant.links_applied == {(ADA, ADA_GOOGLE): 1}


@pytest.mark.parametrize(
    "kind", ["reset_before", "reset_after", "status_before", "status_after", "truncated"]
)
def test_a_lost_answer_to_the_link_keeps_the_carry(kind: str, tenant: Emulator) -> None:
    tenant.faults.add(kind, route="link")

    ran = link()

    assert ran.outcome == "linked"
    assert ran.link["carried"] == ["user_metadata.newsletter", "app_metadata.roles", "app_metadata.legacy"]
    assert (tenant.user(ADA) or {})["app_metadata"]["roles"] == ["reader", "writer"]
    assert tenant.links_applied == {(ADA, ADA_GOOGLE): 1}


def test_a_merge_beyond_the_profile_limit_is_refused(make_tenant: MakeTenant) -> None:
    tenant = make_tenant(
        *people({"user_metadata": {"a": "x" * 6000}}, {"user_metadata": {"b": "y" * 6000}}),
    )
    before = tenant.users()

    ran = link()

    assert ran.outcome == "refused"
    assert "10 KB" in ran.link["reason"]
    assert tenant.users() == before


def test_the_scope_for_app_metadata_is_named(make_tenant: MakeTenant) -> None:
    tenant = make_tenant(*two_accounts(), scopes="read:users update:users")
    before = tenant.users()

    ran = link()

    assert ran.outcome == "failed"
    assert isinstance(ran.error, ForbiddenError)
    assert isinstance(ran.error, AirflowFailException)
    assert "lacks update:users_app_metadata" in str(ran.error)
    assert tenant.users() == before


def test_the_scope_for_app_metadata_is_needed_for_that_alone(make_tenant: MakeTenant) -> None:
    make_tenant(*two_accounts(), scopes="read:users update:users")

    assert link(carry=["user_metadata"]).outcome == "linked"


@pytest.mark.parametrize("choice", [{}, PLAIN], ids=["defaults", "plain"])
def test_a_dry_run_changes_nothing(choice: Json, tenant: Emulator) -> None:
    before = tenant.users()

    ran = link(dry_run=True, **choice)

    assert (ran.outcome, ran.identities) == ("would_link", [ADA])
    assert tenant.users() == before
    assert tenant.counts == {"token": 1, "user_get": 2}


def test_a_dry_run_needs_no_right_to_write(make_tenant: MakeTenant) -> None:
    make_tenant(*two_accounts(), scopes="read:users")

    assert link(dry_run=True).outcome == "would_link"


def test_a_dry_run_refuses_what_a_real_run_would(make_tenant: MakeTenant) -> None:
    make_tenant(*people(None, {"blocked": True}))

    assert link(dry_run=True, on_refused="skip").outcome == "refused"


def test_with_a_connection_id_an_unknown_secondary_is_never_linked(make_tenant: MakeTenant) -> None:
    # Auth0 would link an identity that does not exist, and the typo would become a login.
    tenant = make_tenant(ADA, ADA_GOOGLE, link_inexistent=True)
    connection_id = tenant.connection_id("google-oauth2")

    ran = link(secondary_user_id="google-oauth2|9999", connection_id=connection_id, **PLAIN)

    assert ran.outcome == "failed"
    assert "link" not in tenant.counts
    assert len((tenant.user(ADA) or {})["identities"]) == 1


def test_with_a_connection_id_a_lost_answer_is_repeated_after_a_fresh_reading(tenant: Emulator) -> None:
    tenant.faults.add("status_before", route="link", status=503)

    ran = link(connection_id=tenant.connection_id("google-oauth2"), **PLAIN)

    routes = [each.route for each in tenant.requests if each.route != "token"]
    assert ran.outcome == "linked"
    assert routes == ["connection", "user_get", "user_get", "link", "user_get", "user_get", "link"]
    assert tenant.links_applied == {(ADA, ADA_GOOGLE): 1}


def test_a_connection_id_that_the_tenant_does_not_know(tenant: Emulator) -> None:
    ran = link(connection_id="con_0123456789abcdef")

    assert ran.outcome == "failed"
    assert "connection_id: the tenant has no connection 'con_0123456789abcdef'" in ran.link["reason"]
    assert "link" not in tenant.counts


def test_a_connection_id_of_another_connection_is_refused(make_tenant: MakeTenant) -> None:
    tenant = make_tenant(ADA, {"user_id": "auth0|7", "identities": [LEGACY]})

    ran = link(
        secondary_user_id="auth0|7", connection_id=tenant.connection_id("Username-Password-Authentication")
    )

    assert ran.outcome == "refused"
    assert ran.link["reason"].startswith("ambiguous: ")
    assert "link" not in tenant.counts


def test_two_accounts_under_one_id_are_told_apart_by_their_connection(make_tenant: MakeTenant) -> None:
    root = {"connection": "Username-Password-Authentication", "provider": "auth0", "user_id": "7"}
    tenant = make_tenant(
        ADA, {"user_id": "auth0|7", "identities": [LEGACY]}, {"user_id": "auth0|7", "identities": [root]}
    )

    other = link(secondary_user_id="auth0|7", connection_id=tenant.connection_id(root["connection"]))
    read = link(secondary_user_id="auth0|7", connection_id=tenant.connection_id("legacy"))

    assert other.outcome == "refused"
    assert read.outcome == "linked"
    assert read.value[1]["connection"] == "legacy"


def test_the_scope_for_connections_is_asked_for_first(make_tenant: MakeTenant) -> None:
    tenant = make_tenant(*two_accounts(), scopes="read:users update:users")

    ran = link(connection_id=tenant.connection_id("google-oauth2"))

    assert isinstance(ran.error, ForbiddenError)
    assert "lacks read:connections" in str(ran.error)
    assert tenant.counts == {"token": 1}
