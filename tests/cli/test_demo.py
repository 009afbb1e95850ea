from __future__ import annotations

import contextlib
import io
import os
import re
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil  # type: ignore[import-untyped]  # its stubs are not installed
import pytest
from rich.console import Console

from airflow_provider_auth0link.cli import main
from airflow_provider_auth0link.cli.demo import DAGS, example, kept
from airflow_provider_auth0link.cli.demo.play import Scene, play
from airflow_provider_auth0link.emulator.server import Emulator
from airflow_provider_auth0link.emulator.users import believable_users
from tests.cli.commands import auth0link, command, environment, gone


@pytest.fixture
def outside(tmp_path: Path) -> dict[str, str]:
    """Return the environment of a user who has an Airflow of their own, and folders that must stay empty."""
    for name in ("home", "tmp", "cwd"):
        (tmp_path / name).mkdir()
    return environment(
        HOME=str(tmp_path / "home"),
        TMPDIR=str(tmp_path / "tmp"),
        AIRFLOW_HOME=str(tmp_path / "home" / "airflow"),
        AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=f"sqlite:///{tmp_path}/home/theirs.db",
        AIRFLOW_CONN_AUTH0_DEFAULT="auth0://id:secret@acme.eu.auth0.com",
        AUTH0LINK_WAREHOUSE_URL=f"sqlite:///{tmp_path}/home/warehouse.db",
        COLUMNS="100",
    )


def left(folder: Path) -> list[str]:
    return [
        str(path.relative_to(folder))
        for name in ("home", "tmp", "cwd")
        for path in (folder / name).rglob("*")
    ]


@pytest.mark.airflow_run
def test_the_demo_shows_what_airflow_did_and_leaves_nothing(tmp_path: Path, outside: dict[str, str]) -> None:
    answer = auth0link("demo", cwd=tmp_path / "cwd", env=outside)

    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert answer.stderr == ""
    count = {
        name: int(re.search(rf"^ *{name} +(\d+) *$", answer.stdout, re.MULTILINE)[1])  # type: ignore[index]  # else it fails
        for name in (
            "duplicates found by SQL",
            "linked",
            "already linked, by hand overnight",
            "refused by a check",
        )
    }
    found, linked, already, refused = count.values()
    assert found == linked + already + refused
    assert min(linked, already, refused) >= 3
    runs = {
        name: re.search(rf"^ *{name} +(.+?) *$", answer.stdout, re.MULTILINE)[1].split()  # type: ignore[index]  # else it fails
        for name in ("linked", "taken back", "not as they were at first")
    }
    assert runs["linked"] == [str(linked)] * 2
    assert runs["taken back"] == [str(linked)]
    assert runs["not as they were at first"][1] == "0"
    reasons = answer.stdout.partition("Refused, and why")[2]
    assert [guard for guard in GUARDS if guard not in reasons] == []
    assert left(tmp_path) == []


GUARDS = ("not_blocked", "verified_email", "not_enterprise_secondary", "drifted: email", "drifted: verified")


@pytest.mark.airflow_run
def test_the_tenant_is_as_the_warehouse_says_and_no_file_holds_the_secret(tmp_path: Path) -> None:
    users = believable_users(80, 3)
    text = io.StringIO()

    with Emulator(users=users) as tenant:
        code = play(Scene(tmp_path, [example(DAGS[-1])], users, tenant), Console(file=text, width=100))
        with closing(sqlite3.connect(tmp_path / "warehouse.db")) as warehouse:
            moved = list(warehouse.execute("SELECT old_user_id, new_user_id FROM auth0_id_map"))
        held = {new: logins(tenant, new) for _, new in moved}
        alive = {each["user_id"] for each in tenant.users()}
        secret = tenant.client_secret

    assert code == 0, text.getvalue()
    assert len(moved) == len(users) - len(alive) > 0
    assert [(old, new) for old, new in moved if old in alive or old not in held[new]] == []
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert tmp_path / "airflow.log" in files
    assert [path for path in files if secret.encode() in path.read_bytes()] == []


def logins(tenant: Emulator, user_id: str) -> set[str]:
    account = tenant.user(user_id)
    assert account is not None
    return {f"{each['provider']}|{each['user_id']}" for each in account["identities"]}


def test_what_is_asked_for_is_kept_even_when_interrupted(tmp_path: Path, outside: dict[str, str]) -> None:
    folder = tmp_path / "deep" / "kept"

    with running(["--keep", str(folder)], tmp_path / "cwd", outside) as (process, _child):
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)

    assert {"warehouse.db", "airflow", "airflow.log"} == {path.name for path in folder.iterdir()}
    assert folder.stat().st_mode & 0o077 == 0


def test_what_was_kept_is_told_with_what_to_try(tmp_path: Path) -> None:
    assert kept(tmp_path) == f"\nKept in {tmp_path}:"

    (tmp_path / "airflow.log").touch()
    (tmp_path / "auth0link" / "journals" / "a run+00:00").mkdir(parents=True)
    told = kept(tmp_path).splitlines()

    assert [line.split()[0] for line in told if line.startswith("  ")] == [
        "auth0link",
        "airflow.log",
        "auth0link",
        "auth0link",
    ]
    assert f"  auth0link journal '{tmp_path}/auth0link/journals/a run+00:00'" in told


def test_a_folder_that_is_there_is_not_written_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--keep", str(tmp_path)]) == 2
    assert f"--keep: {tmp_path} cannot be made (File exists)" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@contextlib.contextmanager
def running(
    arguments: list[str], cwd: Path, env: dict[str, str]
) -> Iterator[tuple[subprocess.Popen[str], psutil.Process]]:
    """Start the demo and give it, with Airflow's process, when Airflow is at work."""
    process = subprocess.Popen(
        command("demo", *arguments),
        cwd=cwd,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            while not process.stdout.readline().startswith("Airflow "):
                assert process.poll() is None
            (child,) = psutil.Process(process.pid).children()
            yield process, child
        finally:
            process.kill()


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_nothing(end: int, tmp_path: Path, outside: dict[str, str]) -> None:
    with running([], tmp_path / "cwd", outside) as (process, child):
        process.send_signal(end)
        code = process.wait(timeout=60)
        assert process.stderr is not None
        errors = process.stderr.read()

    assert (code, errors) == (130, "auth0link: interrupted\n")
    assert gone(child)
    assert left(tmp_path) == []


def test_even_killed_it_leaves_no_airflow_running(tmp_path: Path, outside: dict[str, str]) -> None:
    with running([], tmp_path / "cwd", outside) as (process, child):
        os.kill(process.pid, signal.SIGKILL)
        process.wait(timeout=60)

    assert gone(child)


def test_what_went_wrong_is_shown_without_the_secret(tmp_path: Path) -> None:
    dag = tmp_path / "example_broken.py"
    dag.write_text("import os\nraise RuntimeError('broken: ' + os.environ['AIRFLOW_CONN_AUTH0_DEFAULT'])\n")
    text = io.StringIO()
    (tmp_path / "scene").mkdir()

    with Emulator() as tenant:
        code = play(Scene(tmp_path / "scene", [dag], [], tenant), Console(file=text, width=200))

        assert tenant.client_secret not in text.getvalue()
    assert code == 1
    assert "The run failed. The end of Airflow's log:" in text.getvalue()
    assert "example_broken" in text.getvalue().partition("The end of Airflow's log:")[2]
