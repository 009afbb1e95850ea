"""What other tasks read: public formats, word for word."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import AirflowSkipException

from airflow_provider_auth0link.emulator.server import Emulator
from airflow_provider_auth0link.errors import ForbiddenError, OutcomeUnknownError, RefusedError
from airflow_provider_auth0link.operators.link import LinkIdentityOperator, UnlinkIdentityOperator
from tests.operators.rig import (
    ADA,
    ADA_GOOGLE,
    PAIR,
    PLAIN,
    MakeTenant,
    Ran,
    connect,
    run,
    two_accounts,
)

DATABASE = "Username-Password-Authentication"
ROOT = {"connection": DATABASE, "provider": "auth0", "user_id": "ada", "isSocial": False}
GOOGLE = {"connection": "google-oauth2", "provider": "google-oauth2", "user_id": "1034", "isSocial": True}
IDP_TOKENS = ("idp-token-a", "idp-token-r")


def link(**changes: object) -> Ran:
    return run(LinkIdentityOperator(task_id="link", **{**PAIR, **changes}))


def test_a_link_with_all_defaults(tenant: Emulator) -> None:
    ran = link()

    assert ran.value == [ROOT, GOOGLE]
    assert ran.pushed == {
        "link": {
            "outcome": "linked",
            "primary_user_id": ADA,
            "secondary_user_id": ADA_GOOGLE,
            "carried": ["user_metadata.newsletter", "app_metadata.roles", "app_metadata.legacy"],
            "requests": 4,
        },
        "auth0_user_url": f"{tenant.url}/api/v2/users/auth0%7Cada",
    }


def test_a_pair_that_is_linked_already(tenant: Emulator) -> None:
    link(**PLAIN)

    ran = link()

    assert ran.value == [ROOT, GOOGLE]
    assert ran.link == {
        "outcome": "already_linked",
        "primary_user_id": ADA,
        "secondary_user_id": ADA_GOOGLE,
        "carried": [],
        "requests": 1,
    }


def test_a_dry_run(tenant: Emulator) -> None:
    ran = link(dry_run=True)

    assert ran.value == [ROOT]
    assert ran.link == {
        "outcome": "would_link",
        "primary_user_id": ADA,
        "secondary_user_id": ADA_GOOGLE,
        "carried": ["user_metadata.newsletter", "app_metadata.roles", "app_metadata.legacy"],
        "requests": 2,
    }


@pytest.mark.parametrize(
    ("dry_run", "said"), [(True, "2 requests, would carry user_metadata"), (False, ", carried user_metadata")]
)
def test_the_log_says_what_was_carried_or_would_be(
    *, dry_run: bool, said: str, tenant: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    link(dry_run=dry_run)

    told = capsys.readouterr().out
    assert said in told
    assert dry_run == (", carried" not in told)


@pytest.mark.parametrize(
    ("on_refused", "error"),
    [
        pytest.param("fail", RefusedError, id="fail"),
        pytest.param("skip", AirflowSkipException, id="skip"),
    ],
)
def test_a_refusal_is_pushed_before_the_task_ends(
    on_refused: str, error: type[Exception], make_tenant: MakeTenant
) -> None:
    make_tenant(ADA, {"user_id": ADA_GOOGLE, "blocked": True})

    ran = link(on_refused=on_refused)

    assert isinstance(ran.error, error)
    assert ran.link == {
        "outcome": "refused",
        "reason": "not_blocked: the secondary is blocked",
        "primary_user_id": ADA,
        "secondary_user_id": ADA_GOOGLE,
        "carried": [],
        "requests": 2,
    }
    assert ran.pushed["auth0_user_url"].endswith("/users/auth0%7Cada")


def test_a_failure_is_pushed_before_the_task_ends(make_tenant: MakeTenant) -> None:
    make_tenant(ADA)

    ran = link()

    assert ran.error is not None
    assert ran.link == {
        "outcome": "failed",
        "reason": f"{ADA_GOOGLE!r} into {ADA!r}: the secondary account is not there: linked elsewhere or deleted",
        "primary_user_id": ADA,
        "secondary_user_id": ADA_GOOGLE,
        "carried": [],
        "requests": 3,
    }


@pytest.mark.parametrize(
    ("operator", "key"),
    [
        pytest.param(LinkIdentityOperator, "link", id="link"),
        pytest.param(UnlinkIdentityOperator, "unlink", id="unlink"),
    ],
)
def test_a_refused_token_is_pushed_before_the_task_ends(
    operator: type[LinkIdentityOperator], key: str, make_tenant: MakeTenant
) -> None:
    make_tenant(*two_accounts(), scopes="read:users")
    ran = run(operator(task_id="link", **PAIR))

    assert isinstance(ran.raised, ForbiddenError)
    assert ran.pushed[key] | {"reason": ""} == {
        "outcome": "failed",
        "reason": "",
        "primary_user_id": ADA,
        "secondary_user_id": ADA_GOOGLE,
        "carried": [],
        "requests": 0,
    }
    assert "update:users" in ran.pushed[key]["reason"]


def test_an_unlink(tenant: Emulator) -> None:
    link(**PLAIN)

    ran = run(UnlinkIdentityOperator(task_id="unlink", **PAIR))

    assert ran.value == [ROOT]
    assert ran.pushed == {
        "unlink": {
            "outcome": "unlinked",
            "primary_user_id": ADA,
            "secondary_user_id": ADA_GOOGLE,
            "carried": [],
            "requests": 1,
        },
        "auth0_user_url": f"{tenant.url}/api/v2/users/auth0%7Cada",
    }


def test_numbers_become_text_and_the_order_is_auth0s_with_the_primary_first(make_tenant: MakeTenant) -> None:
    github = {"connection": "github", "provider": "github", "user_id": 77, "isSocial": True}
    own = {"connection": "google-oauth2", "provider": "google-oauth2", "user_id": "1", "isSocial": True}
    make_tenant(
        {"user_id": "google-oauth2|1", "identities": [github, own]},
        {"user_id": "github|4242"},
        {"user_id": "sms|5"},
    )

    first = link(primary_user_id="google-oauth2|1", secondary_user_id="github|4242", **PLAIN)
    second = link(primary_user_id="google-oauth2|1", secondary_user_id="sms|5", **PLAIN)

    assert first.value == [
        own,
        {**github, "user_id": "77"},
        {"connection": "github", "provider": "github", "user_id": "4242", "isSocial": True},
    ]
    assert second.value[3:] == [
        {"connection": "sms", "provider": "sms", "user_id": "5", "isSocial": False},
    ]


@pytest.mark.parametrize("nested_order", ["root_first", "root_last"])
def test_identities_that_the_secondary_had_come_along(nested_order: str, make_tenant: MakeTenant) -> None:
    sms = {"connection": "sms", "provider": "sms", "user_id": "5", "isSocial": False}
    make_tenant(ADA, {"user_id": ADA_GOOGLE, "identities": [GOOGLE, sms]}, nested_order=nested_order)

    ran = link()

    moved = [GOOGLE, sms] if nested_order == "root_first" else [sms, GOOGLE]
    assert ran.value == [ROOT, *moved]


def test_profile_data_comes_on_request(tenant: Emulator) -> None:
    ran = link(include_profile_data=True)

    assert ran.value == [
        {**ROOT, "profileData": {"email": "ada@example.com", "email_verified": True}},
        {**GOOGLE, "profileData": {"email": "Ada@Example.com", "email_verified": True}},
    ]


def test_no_token_of_an_identity_provider_gets_out(
    tenant: Emulator, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")

    ends = [link(dry_run=True), link(include_profile_data=True), link(include_profile_data=True)]
    ends.append(run(UnlinkIdentityOperator(task_id="unlink", **PAIR)))

    answers = b"".join(each.answer for each in tenant.requests).decode()
    told = f"{ends!r} {capsys.readouterr()} {caplog.text}"
    assert [each.outcome for each in ends] == ["would_link", "linked", "already_linked", "unlinked"]
    assert all(token in answers for token in IDP_TOKENS)
    assert not any(token in told for token in IDP_TOKENS)


@pytest.mark.parametrize("fault", ["cut_json", "truncated", "reset_after", "status_after"])
def test_an_error_holds_no_token_either(
    fault: str,
    make_tenant: MakeTenant,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    root = {**ROOT, "access_token": "idp-token-a", "refresh_token": "idp-token-r"}
    tenant = make_tenant(
        {"user_id": ADA, "identities": [root]},
        {"user_id": ADA_GOOGLE, "name": "Ada" * 99},
        connection={"login": None, "password": None},
    )
    tenant.faults.add(fault, route="link")
    scope = "update:current_user_identities read:user_idp_tokens"
    tokens = [tenant.id_token(ADA_GOOGLE), tenant.user_access_token(ADA, scope)]

    ran = link(secondary_user_id=None, secondary_id_token=tokens[0], primary_access_token=tokens[1])

    answer = tenant.requests[0].answer
    told = f"{ran!r} {ran.said()} {capsys.readouterr()} {caplog.text}"
    assert isinstance(ran.error, OutcomeUnknownError)
    assert all(token in answer[: len(answer) // 2].decode() for token in IDP_TOKENS)
    assert [secret for secret in [*IDP_TOKENS, *tokens, "eyJhbGciOi"] if secret in told] == []


def test_the_connections_secrets_get_out_nowhere(
    tenant: Emulator,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    ends = [link(dry_run=True)]
    connect(tenant, monkeypatch, password="planted-secret")
    ends.append(link())
    connect(tenant, monkeypatch, password=None, private_key=tenant.private_key, private_key_id="unknown")
    ends.append(link())
    connect(tenant, monkeypatch, login=None, password=None, access_token="planted-token")
    ends.append(link())

    told = " ".join([repr(ends), *(each.said() for each in ends), str(capsys.readouterr()), caplog.text])
    secrets = [tenant.client_secret, "planted-secret", "planted-token", "PRIVATE KEY", "eyJhbGciOi"]
    assert [type(each.error).__name__ for each in ends] == [
        "NoneType", "UnauthorizedError", "UnauthorizedError", "UnauthorizedError"
    ]  # fmt: skip
    assert [secret for secret in secrets if secret in told] == []
