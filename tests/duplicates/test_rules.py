"""Rules and choices as a Dag author writes them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from airflow_provider_auth0link.duplicates.rules import (
    NamedChoice,
    PreferConnections,
    SameMetadata,
    SqlRule,
    VerifiedEmail,
    VerifiedPhone,
    choice_of,
    rule_of,
)
from airflow_provider_auth0link.errors import InputError


@pytest.mark.parametrize(
    ("written", "rule"),
    [
        ("verified_email", VerifiedEmail()),
        ("verified_phone", VerifiedPhone()),
        ("metadata:app_metadata.legacy_id", SameMetadata("app_metadata.legacy_id")),
        (VerifiedEmail(gmail=True), VerifiedEmail(gmail=True)),
    ],
    ids=str,
)
def test_a_rule_is_a_name_or_a_value(written: object, rule: object) -> None:
    assert rule_of(written) == rule


@pytest.mark.parametrize("written", ["verified_mail", "", None, 7, VerifiedEmail, "metadata:"], ids=repr)
def test_another_rule_is_refused(written: object) -> None:
    with pytest.raises(InputError, match="metadata"):
        rule_of(written)


@pytest.mark.parametrize(
    ("written", "choice"),
    [
        ("most_logins", NamedChoice("most_logins")),
        (NamedChoice("oldest"), NamedChoice("oldest")),
        ("connections:db, github", PreferConnections(("db", "github"))),
        (PreferConnections(("db",)), PreferConnections(("db",))),
    ],
    ids=str,
)
def test_a_choice_is_a_name_or_a_value(written: object, choice: object) -> None:
    assert choice_of(written) == choice


@pytest.mark.parametrize("written", ["newest", NamedChoice("newest"), "connections:", None], ids=repr)
def test_another_choice_is_refused(written: object) -> None:
    with pytest.raises(InputError):
        choice_of(written)


@pytest.mark.parametrize(
    "path",
    ["legacy_id", "app_metadata", "app_metadata.", "app_metadata..a", 'app_metadata."a', "name.a", None],
    ids=repr,
)
def test_a_path_leads_into_the_metadata(path: str) -> None:
    with pytest.raises(InputError, match="is no path into the metadata"):
        SameMetadata(path)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " "},
        {"key_sql": ""},
        {"verified_sql": None},
        {"evidence": ("name",)},
        {"evidence": "email"},
        {"evidence": ("metadata:name.first",)},
        {"columns": ("",)},
    ],
    ids=str,
)
def test_a_rule_of_ones_own_is_checked(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError):
        SqlRule(**{"name": "own", "key_sql": "email", **wrong})  # type: ignore[arg-type]  # that is the point


def test_a_repr_is_the_same_in_every_process_and_can_be_read_back() -> None:
    values = [
        VerifiedEmail(subaddresses=True, unproven=("waad", "oidc")),
        VerifiedPhone(),
        SameMetadata("app_metadata.legacy_id", verified=False),
        SqlRule("own", "lower(username)", evidence=("verified",)),
        PreferConnections(("db", "github")),
    ]

    assert [eval(repr(value)) for value in values] == values


def test_a_list_becomes_a_tuple() -> None:
    rule = VerifiedEmail(unproven=["waad"])  # type: ignore[arg-type]  # as a Dag author may write it

    assert hash(rule) == hash(VerifiedEmail())


def test_what_a_dag_file_imports_brings_no_duckdb() -> None:
    code = (
        "import sys; import airflow_provider_auth0link.duplicates.search, airflow_provider_auth0link.duplicates.rules, "
        "airflow_provider_auth0link.duplicates.sources; print('duckdb' in sys.modules)"
    )

    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False\n"
