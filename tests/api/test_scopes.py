from __future__ import annotations

import pytest

from airflow_provider_auth0link.api.scopes import NEEDS, UNWANTED
from airflow_provider_auth0link.errors import ForbiddenError
from airflow_provider_auth0link.linking.apply import link_pair, unlink_pair
from airflow_provider_auth0link.linking.options import Options
from airflow_provider_auth0link.linking.outcome import Outcome
from airflow_provider_auth0link.model import Pair, UserId
from tests.fakes.tenant import FakeTenant, identity, user

PRIMARY, SECONDARY = UserId("auth0", "1"), UserId("google-oauth2", "2")


def _work(need: str, scopes: frozenset[str]) -> Outcome:
    """Do what a row of the list is about, with a token of these scopes."""
    if need.startswith("Unlink"):
        held = user("auth0|1", "db", identity("google-oauth2|2", "google"))
        return unlink_pair(FakeTenant(held, scopes=scopes), PRIMARY, SECONDARY)
    plain = "carry=()" in need or "connection_id" in need
    tenant = FakeTenant(
        user("auth0|1"),
        user("google-oauth2|2", "google", app_metadata={"old_id": 7}),
        scopes=scopes,
        connections={"con_1": "google"},
    )
    pair = Pair(PRIMARY, SECONDARY, "con_1" if "connection_id" in need else None)
    return link_pair(tenant, pair, Options(carry=(), guards=()) if plain else Options())


@pytest.mark.parametrize("need", NEEDS)
def test_the_scopes_told_are_enough(need: str) -> None:
    assert _work(need, frozenset(NEEDS[need])).error is None


@pytest.mark.parametrize(
    ("need", "scope"), [(need, scope) for need, scopes in NEEDS.items() for scope in scopes]
)
def test_no_scope_is_told_that_is_not_needed(need: str, scope: str) -> None:
    try:
        error: object = _work(need, frozenset(NEEDS[need]) - {scope}).error
    except ForbiddenError as refusal:
        error = refusal

    assert isinstance(error, ForbiddenError)
    assert scope in str(error)


def test_no_work_needs_the_tokens_of_identity_providers() -> None:
    assert UNWANTED == "read:user_idp_tokens"
    assert not any(UNWANTED in scopes for scopes in NEEDS.values())
