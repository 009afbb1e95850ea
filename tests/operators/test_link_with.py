"""The other way of the endpoint: the secondary's ID token, alone or with the primary's own access token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jwt
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_auth0link.emulator.server import Emulator
from airflow_provider_auth0link.errors import (
    BadRequestError,
    ForbiddenError,
    InputError,
    OutcomeUnknownError,
    SettingsError,
    UnauthorizedError,
)
from airflow_provider_auth0link.operators.link import LinkIdentityOperator
from tests.operators.rig import ADA, ADA_GOOGLE, MakeTenant, Ran, connect, run, two_accounts

NO_CREDENTIALS = {"login": None, "password": None}


def link(**arguments: Any) -> Ran:
    return run(LinkIdentityOperator(task_id="link", **{"primary_user_id": ADA, **arguments}))


def tokens(tenant: Emulator) -> dict[str, Any]:
    return {
        "secondary_id_token": tenant.id_token(ADA_GOOGLE),
        "primary_access_token": tenant.user_access_token(ADA),
    }


def unsigned(claims: dict[str, Any]) -> str:
    """Return a token that says what it likes."""
    return jwt.encode(claims, "k" * 32, algorithm="HS256")


def test_with_both_tokens_the_connection_needs_its_host_alone(make_tenant: MakeTenant) -> None:
    tenant = make_tenant(ADA, ADA_GOOGLE, connection=NO_CREDENTIALS)

    ran = link(**tokens(tenant))

    assert (ran.outcome, ran.identities) == ("linked", [ADA, ADA_GOOGLE])
    assert ran.link == {
        "outcome": "linked",
        "primary_user_id": ADA,
        "secondary_user_id": ADA_GOOGLE,
        "carried": [],
        "requests": 1,
    }
    assert [each.route for each in tenant.requests] == ["link"]


@pytest.mark.parametrize("applied", [True, False])
def test_without_credentials_a_lost_answer_stays_unknown(applied: bool, make_tenant: MakeTenant) -> None:
    tenant = make_tenant(ADA, ADA_GOOGLE, connection=NO_CREDENTIALS)
    tenant.faults.add("reset_after" if applied else "reset_before", route="link")
    given = tokens(tenant)

    ran = link(**given)

    assert ran.outcome == "unknown"
    assert isinstance(ran.error, OutcomeUnknownError)
    assert not isinstance(ran.error, AirflowFailException)
    assert ADA in str(ran.error)
    assert ADA_GOOGLE in str(ran.error)
    assert "no credentials" in str(ran.error)
    assert not any(token in ran.said() for token in given.values())
    assert tenant.links_applied == ({(ADA, ADA_GOOGLE): 1} if applied else {})
    assert tenant.counts == {"link": 1}


def test_an_id_token_alone_needs_a_management_token(make_tenant: MakeTenant) -> None:
    tenant = make_tenant(ADA, ADA_GOOGLE, connection=NO_CREDENTIALS)

    ran = link(secondary_id_token=tenant.id_token(ADA_GOOGLE))

    assert isinstance(ran.error, SettingsError)
    assert isinstance(ran.error, AirflowFailException)
    assert "Login and Password" in str(ran.error)
    assert tenant.requests == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(
            lambda _: {"secondary_id_token": unsigned({"sub": ADA})},
            "the same account",
            id="id-token-of-primary",
        ),
        pytest.param(
            lambda tenant: {**tokens(tenant), "primary_access_token": tenant.user_access_token(ADA_GOOGLE)},
            "primary_access_token: its sub is not primary_user_id",
            id="access-token-of-another",
        ),
        pytest.param(
            lambda _: {"secondary_id_token": "planted.token"},
            "secondary_id_token: is no JSON Web Token",
            id="no-jwt",
        ),
        pytest.param(
            lambda tenant: {**tokens(tenant), "primary_access_token": "planted-opaque"},
            "primary_access_token: is no JSON Web Token",
            id="opaque-access-token",
        ),
        pytest.param(
            lambda _: {"secondary_id_token": unsigned({"planted": 1})},
            "secondary_id_token: has no sub",
            id="no-sub",
        ),
        pytest.param(
            lambda _: {"secondary_id_token": unsigned({"sub": "nobody"})},
            "secondary_id_token: its sub",
            id="odd-sub",
        ),
        pytest.param(
            lambda tenant: {
                "primary_access_token": tenant.user_access_token(ADA),
                "secondary_user_id": ADA_GOOGLE,
            },
            "primary_access_token: goes with secondary_id_token only",
            id="own-token-and-an-id",
        ),
        pytest.param(
            lambda tenant: {**tokens(tenant), "secondary_user_id": ADA_GOOGLE},
            "secondary: named by secondary_user_id and by secondary_id_token",
            id="both-ways",
        ),
        pytest.param(
            lambda tenant: {**tokens(tenant), "provider": "sms"}, "provider: must not", id="provider"
        ),
        pytest.param(
            lambda tenant: {**tokens(tenant), "connection_id": "con_0123456789abcdef"},
            "connection_id: must not",
            id="connection-id",
        ),
        pytest.param(
            lambda tenant: {**tokens(tenant), "carry": ("user_metadata",)},
            "carry: does not apply with secondary_id_token",
            id="carry",
        ),
        pytest.param(
            lambda tenant: {**tokens(tenant), "carry": ["user_metadata", "app_metadata"]},
            "carry: does not apply with secondary_id_token",
            id="carry-as-by-default",
        ),
        pytest.param(
            lambda tenant: {**tokens(tenant), "guards": ["same_email"]},
            "guards: does not apply with secondary_id_token",
            id="guards",
        ),
        pytest.param(
            lambda tenant: {**tokens(tenant), "evidence": {"email": "ada@example.com"}},
            "evidence: does not apply with secondary_id_token",
            id="evidence",
        ),
        pytest.param(
            lambda tenant: {**tokens(tenant), "carry_except": ["app_metadata.roles"]},
            "carry_except: does not apply with secondary_id_token",
            id="carry-except",
        ),
        pytest.param(
            lambda tenant: {**tokens(tenant), "conflicts": "secondary"},
            "conflicts: does not apply with secondary_id_token",
            id="conflicts-secondary",
        ),
        pytest.param(
            lambda tenant: {**tokens(tenant), "conflicts": "fail"},
            "conflicts: does not apply with secondary_id_token",
            id="conflicts-fail",
        ),
    ],
)
def test_what_does_not_fit_is_said_before_any_request(
    arguments: Callable[[Emulator], dict[str, Any]], said: str, tenant: Emulator
) -> None:
    given = arguments(tenant)

    ran = link(**given)

    assert isinstance(ran.error, InputError)
    assert isinstance(ran.error, AirflowFailException)
    assert said in str(ran.error)
    assert tenant.requests == []
    secret = [given[name] for name in ("secondary_id_token", "primary_access_token") if name in given]
    assert not any(token in ran.said() for token in secret)


@pytest.mark.parametrize(
    ("token", "said"),
    [
        pytest.param({"aud": "another-client"}, "the ID token's aud is not the client that calls", id="aud"),
        pytest.param({"aud": None}, "the ID token's aud is not the client that calls", id="no-aud"),
        pytest.param({"iss": "https://other.auth0.com/"}, "comes from another issuer", id="issuer"),
        pytest.param({"lifetime": -10}, "not accepted: expired, or from elsewhere", id="expired"),
    ],
)
def test_the_documented_refusals_of_an_id_token(token: dict[str, Any], said: str, tenant: Emulator) -> None:
    id_token = tenant.id_token(ADA_GOOGLE, **token)

    ran = link(**{**tokens(tenant), "secondary_id_token": id_token})

    assert ran.outcome == "failed"
    assert isinstance(ran.error, BadRequestError)
    assert isinstance(ran.error, AirflowFailException)
    assert said in str(ran.error)
    assert id_token not in ran.said()
    assert tenant.counts == {"link": 1}
    assert tenant.links_applied == {}


def test_an_id_token_with_another_algorithm(tenant: Emulator) -> None:
    ran = link(secondary_id_token=unsigned({"sub": ADA_GOOGLE}))

    assert isinstance(ran.error, BadRequestError)
    assert "must be signed with RS256" in str(ran.error)


def test_an_own_token_without_the_scope(tenant: Emulator) -> None:
    own = tenant.user_access_token(ADA, "read:current_user")

    ran = link(**{**tokens(tenant), "primary_access_token": own})

    assert isinstance(ran.error, ForbiddenError)
    assert isinstance(ran.error, AirflowFailException)
    assert "lacks update:current_user_identities" in str(ran.error)
    assert tenant.counts == {"link": 1}


def test_an_own_token_that_is_not_accepted_costs_no_renewal(tenant: Emulator) -> None:
    given = tokens(tenant)
    tenant.revoke_tokens()

    ran = link(**given)

    assert isinstance(ran.error, UnauthorizedError)
    assert "primary_access_token is not accepted" in str(ran.error)
    assert tenant.counts == {"link": 1}


def test_the_scope_for_an_id_token_alone_is_asked_for_first(make_tenant: MakeTenant) -> None:
    tenant = make_tenant(ADA, ADA_GOOGLE, scopes="read:users")

    ran = link(secondary_id_token=tenant.id_token(ADA_GOOGLE))

    assert isinstance(ran.error, ForbiddenError)
    assert "lacks update:users" in str(ran.error)
    assert tenant.counts == {"token": 1}


def test_that_metadata_is_discarded_is_a_warning(
    tenant: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = link(**tokens(tenant))

    warnings = [line for line in capsys.readouterr().out.splitlines() if "discards the secondary's" in line]
    assert ran.outcome == "linked"
    assert len(warnings) == 1
    assert "warning" in warnings[0]
    assert (tenant.user(ADA) or {})["user_metadata"] == {"language": "en"}


def test_the_default_of_conflicts_passes_though_it_is_spelt_out(tenant: Emulator) -> None:
    assert link(**tokens(tenant), conflicts="primary").outcome == "linked"


def test_who_asks_for_no_carry_is_not_warned(tenant: Emulator, capsys: pytest.CaptureFixture[str]) -> None:
    ran = link(**tokens(tenant), carry=[], guards=[])

    assert ran.outcome == "linked"
    assert "discards the secondary's" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("users", "outcome"),
    [
        pytest.param(two_accounts(), "would_link", id="both-there"),
        pytest.param(two_accounts()[:1], "failed", id="no-secondary"),
        pytest.param(two_accounts()[1:], "failed", id="no-primary"),
    ],
)
def test_a_dry_run_reads_and_changes_nothing(
    users: list[dict[str, Any]], outcome: str, make_tenant: MakeTenant
) -> None:
    tenant = make_tenant(*users)
    before = tenant.users()

    ran = link(secondary_id_token=tenant.id_token(ADA_GOOGLE), dry_run=True)

    assert ran.outcome == outcome
    assert tenant.users() == before
    assert set(tenant.counts) == {"token", "user_get"}


def test_a_dry_run_of_a_linked_pair(tenant: Emulator) -> None:
    link(**tokens(tenant))

    ran = link(secondary_id_token=tenant.id_token(ADA_GOOGLE), dry_run=True, on_already_linked="skip")

    assert ran.outcome == "already_linked"
    assert type(ran.raised).__name__ == "AirflowSkipException"


def test_a_dry_run_without_credentials_cannot_read(tenant: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(tenant, monkeypatch, **NO_CREDENTIALS)

    ran = link(**tokens(tenant), dry_run=True)

    assert isinstance(ran.error, SettingsError)
    assert tenant.requests == []
