"""Arguments as Jinja leaves them: text for everything, or other types where the Dag renders native ones."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk import DAG

from airflow_provider_auth0link.emulator.server import Emulator
from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.operators.link import LinkIdentityOperator, UnlinkIdentityOperator
from tests.operators.rig import ADA, ADA_GOOGLE, PAIR, Json, MakeTenant, Ran, connect, run

OPTIONAL = (
    "provider",
    "connection_id",
    "secondary_id_token",
    "primary_access_token",
    "rule",
    "evidence",
    "journal_path",
)

UNSET = pytest.mark.parametrize("unset", ["", "None", None], ids=["empty", "the-word", "none"])


def link(**arguments: Any) -> Ran:
    return run(LinkIdentityOperator(task_id="link", **{**PAIR, **arguments}))


def rendered_and_run(native: bool, words: Json, **arguments: Any) -> Ran:
    """Render templates with *words* as a Dag's task does, then run."""
    with DAG("nightly", schedule=None, render_template_as_native_obj=native) as dag:
        operator = LinkIdentityOperator(task_id="link", **{**PAIR, **arguments})
    context: Any = {"dag": dag, "task": operator, **words}
    operator.render_template_fields(context)
    return run(operator)


@UNSET
@pytest.mark.parametrize("name", OPTIONAL)
def test_what_rendered_to_nothing_is_unset(name: str, unset: str | None, tenant: Emulator) -> None:
    assert link(**{name: unset}, dry_run=True).outcome == "would_link"


def test_all_that_rendered_to_nothing_at_once(tenant: Emulator) -> None:
    ran = rendered_and_run(False, {"nothing": None}, **dict.fromkeys(OPTIONAL, "{{ nothing }}"), dry_run=True)

    assert ran.outcome == "would_link"


@UNSET
def test_the_id_may_be_unset_for_the_token(unset: str | None, tenant: Emulator) -> None:
    ran = link(secondary_user_id=unset, secondary_id_token=tenant.id_token(ADA_GOOGLE))

    assert ran.identities == [ADA, ADA_GOOGLE]


@pytest.mark.parametrize("unset", ["", "None"], ids=["empty", "the-word"])
def test_an_unset_secondary_is_missing(unset: str, tenant: Emulator) -> None:
    ran = link(secondary_user_id=unset)

    assert isinstance(ran.error, InputError)
    assert tenant.requests == []


@pytest.mark.parametrize(
    ("value", "dry"),
    [
        pytest.param(True, True, id="bool"),
        pytest.param(False, False, id="bool-false"),
        pytest.param("True", True, id="python"),
        pytest.param("False", False, id="python-false"),
        pytest.param("true", True, id="json"),
        pytest.param(" FALSE ", False, id="shouted"),
    ],
)
def test_a_switch(value: Any, dry: bool, tenant: Emulator) -> None:
    assert link(dry_run=value).outcome == ("would_link" if dry else "linked")


@pytest.mark.parametrize("native", [False, True])
def test_a_switch_from_a_template(native: bool, tenant: Emulator) -> None:
    ran = rendered_and_run(native, {"params": {"dry_run": True}}, dry_run="{{ params.dry_run }}")

    assert ran.outcome == "would_link"


IDS = [
    pytest.param("github", 77, "github|77", id="integer"),
    pytest.param("github", "77", "github|77", id="digits"),
    pytest.param("google-oauth2", "google-oauth2|1034", "google-oauth2|1034", id="full-id-too"),
    pytest.param("samlp", "acme|emea|7", "samlp|acme|emea|7", id="pipes"),
    pytest.param("samlp", "samlp|acme|emea|7", "samlp|acme|emea|7", id="full-id-with-pipes"),
    pytest.param("oidc", "acme|auth0|7", "oidc|acme|auth0|7", id="another-providers-name-inside"),
    pytest.param(None, "samlp|acme|emea|7", "samlp|acme|emea|7", id="no-provider"),
]


@pytest.mark.parametrize(("provider", "user_id", "account"), IDS)
def test_ways_to_name_the_secondary(
    provider: str | None, user_id: str | int, account: str, make_tenant: MakeTenant
) -> None:
    tenant = make_tenant(ADA, account)

    linked = link(secondary_user_id=user_id, provider=provider)
    unlinked = run(
        UnlinkIdentityOperator(
            task_id="unlink", primary_user_id=ADA, secondary_user_id=user_id, provider=provider
        )
    )

    assert linked.identities == [ADA, account]
    assert linked.link["secondary_user_id"] == account
    assert unlinked.identities == [ADA]
    assert tenant.links_applied == {(ADA, account): 1}


def test_a_provider_that_is_not_known_is_let_through(monkeypatch: pytest.MonkeyPatch) -> None:
    # Auth0's list moves. The tenant is not one of make_tenant's: Auth0's description has no such provider.
    with Emulator(users=[{"user_id": ADA}, {"user_id": "brand-new|7"}]) as tenant:
        connect(tenant, monkeypatch)
        assert link(secondary_user_id="brand-new|7").identities == [ADA, "brand-new|7"]


@pytest.mark.parametrize("native", [False, True])
def test_ids_from_templates(native: bool, make_tenant: MakeTenant) -> None:
    make_tenant(ADA, "github|77")

    ran = rendered_and_run(
        native,
        {"primary": ADA, "number": 77},
        primary_user_id="{{ primary }}",
        secondary_user_id="{{ number }}",
        provider="{{ 'github' }}",
    )

    assert ran.identities == [ADA, "github|77"]


@pytest.mark.parametrize("text", ["1e5", "7.0", "True"])
def test_an_id_that_native_rendering_has_changed_is_refused(text: str, tenant: Emulator) -> None:
    ran = rendered_and_run(True, {"text": text}, secondary_user_id="{{ text }}", provider="github")

    assert isinstance(ran.error, InputError)
    assert "render_template_as_native_obj" in str(ran.error)
    assert tenant.requests == []


def test_an_optional_text_that_native_rendering_has_changed_is_refused(tenant: Emulator) -> None:
    ran = rendered_and_run(True, {}, connection_id="{{ ['con_0123456789abcdef'] }}")

    assert isinstance(ran.error, InputError)
    assert "connection_id: expected a string, got list" in str(ran.error)
    assert "render_template_as_native_obj" in str(ran.error)


def test_a_primary_is_named_by_its_full_id(tenant: Emulator) -> None:
    ran = link(primary_user_id=77)

    assert isinstance(ran.error, InputError)
    assert "Give the full id" in str(ran.error)
