from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.console import Console

from airflow_provider_auth0link.api.scopes import NEEDS as SCOPES
from airflow_provider_auth0link.cli import main
from airflow_provider_auth0link.cli.check import show
from airflow_provider_auth0link.cli.lookup import CONTEXT
from airflow_provider_auth0link.emulator.server import Emulator
from airflow_provider_auth0link.hooks.auth0 import Diagnosis
from tests.cli.commands import auth0link, environment

NEEDS = {"LinkIdentityOperator": ("update:users", "read:users"), "UnlinkIdentityOperator": ("update:users",)}


@pytest.fixture
def tenant() -> Iterator[Emulator]:
    with Emulator(users=[{"user_id": "auth0|1"}], rate=16, burst=50) as running:
        yield running


Check = Callable[..., tuple[int, str]]


@pytest.fixture
def check(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Check:
    """Return a function that runs the command on a connection and gives exit code and all its output."""

    def run(connection: str, conn_id: str = "auth0_default") -> tuple[int, str]:
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", connection)
        code = main(["check", conn_id])
        written = capsys.readouterr()
        return code, written.out + written.err

    return run


def shown(*, verbose: bool = False, **fields: object) -> tuple[int, str]:
    """Show a diagnosis made of *fields*; return exit code and text."""
    values = {
        "tenant": "acme.eu.auth0.com", "client_id": "abc", "scopes": frozenset({"update:users", "read:users"}),
        "needs": NEEDS, "rate_limit": 50, "rate_remaining": 49, "notes": (), **fields,
    }  # fmt: skip
    text = io.StringIO()
    code = show(Diagnosis(**values), Console(file=text, width=100), verbose=verbose)  # type: ignore[arg-type]  # as given
    return code, text.getvalue()


def row(text: str, start: str) -> str:
    return next(line for line in text.splitlines() if line.strip().startswith(start))


def test_a_tenant_where_all_is_well(tenant: Emulator, check: Check) -> None:
    code, text = check(tenant.connection())

    assert code == 0
    assert row(text, "Tenant").endswith(tenant.url.removeprefix("http://"))
    assert "LinkIdentityOperator has all that it needs." in text
    assert "a bucket of 50 requests, 49 left" in text
    assert row(text, ">   Enterprise, production, 16/s").split()[-4:] == ["1.7", "h", "12.2", "h"]
    assert tenant.client_secret not in text


def test_another_connection_is_asked_by_its_id(tenant: Emulator, check: Check) -> None:
    assert check(tenant.connection(), "other")[0] == 0


def test_a_missing_scope_is_named_with_what_to_do(check: Check) -> None:
    with Emulator(users=[{"user_id": "auth0|1"}], scopes="read:users update:users") as tenant:
        code, text = check(tenant.connection())

    assert code == 1
    assert "LinkIdentityOperator lacks update:users_app_metadata. Grant it" in text
    assert "No answer told the tenant's limit." in text


def test_a_tenant_that_refuses(tenant: Emulator, check: Check) -> None:
    code, text = check(tenant.connection(password="not-the-secret"))

    assert code == 1
    assert text.startswith("auth0link: Auth0 answered 401 to POST /oauth/token")
    assert "not-the-secret" not in text


def test_a_tenant_that_is_not_there(tenant: Emulator, check: Check) -> None:
    code, text = check(tenant.connection(host="http://127.0.0.1:9"))

    assert code == 1
    assert "check Host, DNS and the network. Host is 127.0.0.1:9" in text


@pytest.mark.parametrize(
    ("override", "said"),
    [
        pytest.param({"colour": "blue"}, "unknown extras ['colour']", id="unknown-extra"),
        pytest.param({"host": "http://example.com"}, "http", id="plain-http"),
        pytest.param({"rate_share": 2}, "rate_share", id="out-of-range"),
    ],
)
def test_a_bad_connection_is_said_without_its_secret(
    override: dict[str, object], said: str, tenant: Emulator, check: Check
) -> None:
    code, text = check(tenant.connection(**override))

    assert code == 2
    assert said in text
    assert tenant.client_secret not in text
    assert tenant.requests == []


def test_a_connection_that_does_not_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "nowhere"]) == 2
    assert "there is no connection 'nowhere'. Add it in Airflow, or set AIRFLOW_CONN_NOWHERE" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize("text", ["{'conn_type': 'auth0'}", "auth0://id:secret@http://127.0.0.1:9/"])
def test_a_connection_that_airflow_cannot_read(text: str, check: Check) -> None:
    code, said = check(text, "garbled")

    assert code == 2
    assert "AIRFLOW_CONN_GARBLED is set, but Airflow cannot read it. Give one JSON object" in said
    assert "secret" not in said


def test_the_process_is_left_as_it_was(
    tenant: Emulator, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(CONTEXT, raising=False)
    check(tenant.connection())
    assert CONTEXT not in os.environ
    assert logging.root.manager.disable == logging.NOTSET

    monkeypatch.setenv(CONTEXT, "client")
    check(tenant.connection())
    assert os.environ[CONTEXT] == "client"


@pytest.mark.airflow_run
def test_a_connection_of_the_metadata_database(tenant: Emulator, tmp_path: Path) -> None:
    settings = environment(
        AIRFLOW_HOME=str(tmp_path), AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{tmp_path}/airflow.db"
    )
    code = (
        "import sys; from airflow.utils.db import initdb; initdb(); from airflow.__main__ import main; main()"
    )
    add = ["connections", "add", "stored", "--conn-json", tenant.connection()]
    subprocess.run(
        [sys.executable, "-c", code, *add], env=settings, cwd=tmp_path, check=True, capture_output=True
    )

    answer = auth0link("check", "stored", cwd=tmp_path, env=settings)

    assert answer.returncode == 0, answer.stderr
    assert "LinkIdentityOperator has all that it needs." in answer.stdout
    assert tenant.client_secret not in answer.stdout + answer.stderr


def test_what_an_operator_has_and_lacks_stands_in_its_row() -> None:
    code, text = shown(scopes=frozenset({"update:users"}))

    assert code == 1
    assert "Of the 2 scopes that anything here needs the token carries 1: update:users." in text
    assert row(text, "LinkIdentityOperator").split()[1:] == ["1", "of", "2", "read:users"]
    assert row(text, "UnlinkIdentityOperator").split()[1:] == ["1", "of", "1", "none"]
    _, text = shown(scopes=frozenset({"update:users"}), verbose=True)
    assert row(text, "LinkIdentityOperator").split()[1:] == ["update:users", "read:users"]
    code, text = shown(scopes=frozenset())
    assert "the token carries 0." in text


def test_what_is_carried_is_named_once_and_by_operator_where_asked_for() -> None:
    code, text = shown()

    assert code == 0
    assert "anything here needs the token carries 2: read:users, update:users." in text
    assert row(text, "LinkIdentityOperator").split()[1:] == ["2", "of", "2", "none"]
    assert [line for line in text.splitlines() if line != line.rstrip()] == []
    assert row(shown(verbose=True)[1], "UnlinkIdentityOperator").split()[1:] == ["update:users", "none"]


def test_only_what_linking_needs_decides() -> None:
    needs = {**NEEDS, "UnlinkIdentityOperator": ("delete:everything",)}

    code, text = shown(needs=needs)

    assert code == 0
    assert (
        "LinkIdentityOperator has all that it needs; UnlinkIdentityOperator lacks 1 scope: see above." in text
    )


def test_what_cannot_be_done_yet_is_said_at_the_end() -> None:
    _, text = shown(needs=SCOPES, scopes=frozenset(SCOPES["LinkIdentityOperator"]))

    assert " ".join(text.split()).endswith(
        "LinkIdentityOperator has all that it needs; LinkIdentitiesOperator lacks 4 scopes, UndoLinksOperator 7: "
        "see above."
    )


def test_a_token_that_does_not_say_is_not_taken_for_enough() -> None:
    code, text = shown(scopes=None)

    assert code == 1
    assert "The token does not say what it carries: LinkIdentityOperator may lack a scope." in text


def test_notes_and_a_ready_token_are_shown() -> None:
    _, text = shown(client_id=None, notes=("the [odd] note",))

    assert "Client  none: a ready access token" in text
    assert "Note    the [odd] note" in text


def test_a_limit_of_no_plan_comes_first() -> None:
    _, text = shown(rate_limit=7)

    assert row(text, ">").split()[1:5] == ["bucket", "of", "7,", "if"]
