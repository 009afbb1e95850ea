from __future__ import annotations

import contextlib
import gzip
import json
import shlex
import signal
import socket
import subprocess
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from airflow_provider_auth0link.api.scopes import UNWANTED
from airflow_provider_auth0link.cli import main
from tests.cli.commands import command, environment

USERS = [
    {"user_id": "auth0|1", "email": "ada@example.com", "email_verified": True},
    {"user_id": "google-oauth2|2", "email": "Ada@example.com", "email_verified": True},
]


@contextlib.contextmanager
def emulator(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """Run the command; give its process and the connection that its second line exports."""
    process = subprocess.Popen(
        command("emulator", *arguments),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("# A tenant with ")
            name, connection = shlex.split(process.stdout.readline())[1].split("=", 1)
            assert name == "AIRFLOW_CONN_AUTH0_DEFAULT"
            yield process, json.loads(connection)
        finally:
            process.kill()


def token(connection: dict[str, Any]) -> str:
    answer = requests.post(
        f"{connection['host']}/oauth/token",
        data={
            "grant_type": "client_credentials",
            "client_id": connection["login"],
            "client_secret": connection["password"],
            "audience": f"{connection['host']}/api/v2/",
        },
        timeout=15,
    )
    return str(answer.json()["access_token"])


def get(connection: dict[str, Any], user: str) -> requests.Response:
    bearer = {"authorization": f"Bearer {token(connection)}"}
    return requests.get(f"{connection['host']}/api/v2/users/{user}", headers=bearer, timeout=15)


def test_its_token_carries_nothing_that_is_noted_as_unwanted() -> None:
    with emulator() as (_, connection):
        body = token(connection).split(".")[1]

    scopes = json.loads(urlsafe_b64decode(f"{body}==="))["scope"].split()
    assert "read:users" in scopes
    assert UNWANTED not in scopes


@pytest.mark.parametrize("name", ["emulator", "plan"])
def test_no_line_of_help_is_wider_than_a_terminal(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")

    with pytest.raises(SystemExit):
        main([name, "--help"])

    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


@pytest.fixture
def export(tmp_path: Path) -> Path:
    path = tmp_path / "users.ndjson"
    path.write_text("".join(json.dumps(each) + "\n" for each in USERS))
    return path


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_the_users_until_a_signal_and_ends_well(export: Path, end: int) -> None:
    with emulator("--users", str(export), "--rate", "16", "--burst", "50") as (process, connection):
        answer = get(connection, "google-oauth2%7C2")
        process.send_signal(end)
        code = process.wait(timeout=60)
        assert process.stderr is not None
        errors = process.stderr.read()

    assert answer.json()["email"] == "Ada@example.com"
    assert answer.headers["x-ratelimit-limit"] == "50"
    assert (code, errors) == (0, "")


def test_a_plan_brings_its_limits(export: Path) -> None:
    options = ("--plan", "professional", "--refill", "minute", "--identities-group", "other")
    with emulator("--users", str(export), *options) as (_process, connection):
        bearer = {"authorization": f"Bearer {token(connection)}"}
        users = f"{connection['host']}/api/v2/users"
        reading = requests.get(f"{users}/auth0%7C1", headers=bearer, timeout=15)
        body = {"provider": "google-oauth2", "user_id": "2"}
        linking = requests.post(f"{users}/auth0%7C1/identities", headers=bearer, json=body, timeout=15)

    assert reading.headers["x-ratelimit-limit"] == "40"
    assert int(reading.headers["x-ratelimit-reset"]) % 60 == 0
    assert (linking.status_code, linking.headers["x-ratelimit-limit"]) == (201, "10")


def test_a_compressed_export_is_read(tmp_path: Path) -> None:
    path = tmp_path / "users.gz"
    path.write_bytes(gzip.compress(b"".join(json.dumps(each).encode() + b"\n" for each in USERS)))

    with emulator("--users", str(path)) as (_process, connection):
        assert get(connection, "auth0%7C1").status_code == 200


def test_without_users_there_are_believable_ones(tmp_path: Path) -> None:
    with emulator("--count", "40") as (_process, connection):
        rows = requests.get(
            f"{connection['host']}/api/v2/users?include_totals=true",
            headers={"authorization": f"Bearer {token(connection)}"},
            timeout=15,
        ).json()

    assert rows["total"] == 40
    assert {row["user_id"].partition("|")[0] for row in rows["users"]} >= {"auth0", "google-oauth2"}


def test_answers_take_the_latency() -> None:
    with (
        emulator("--count", "1", "--latency", "600") as (_process, connection),
        pytest.raises(requests.ReadTimeout),
    ):
        requests.get(f"{connection['host']}/api/v2/users/auth0%7C1", timeout=(15, 0.2))


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        pytest.param(["{}"], "line 1: user_id is missing", id="no-user"),
        pytest.param([json.dumps(USERS[0]), "not json"], "line 2: no JSON", id="no-json"),
        pytest.param([json.dumps(USERS[0])] * 2, "line 2: the same account as line 1", id="twice"),
        pytest.param(["[]"] * 12, "and 2 more", id="many"),
    ],
)
def test_bad_lines_are_named(
    lines: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "users.ndjson"
    path.write_text("\n".join(lines))

    assert main(["emulator", "--users", str(path)]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["--users", "x", "--count", "3"], "--count: is how many users are made up", id="both"),
        pytest.param(["--users", "not/there"], "not/there cannot be read: No such file", id="no-file"),
        pytest.param(["--users", str(Path(__file__).parent)], "cannot be read: Is a directory", id="folder"),
        pytest.param(["--burst", "5"], "--burst: needs --rate", id="burst-alone"),
        pytest.param(["--plan", "free", "--rate", "2"], "--plan: brings its rates", id="plan-and-rate"),
        pytest.param(["--refill", "minute"], "--refill: needs --plan or --rate", id="refill-alone"),
        pytest.param(
            ["--rate", "2", "--identities-group", "other"], "--identities-group: needs --plan", id="no-plan"
        ),
    ],
)
def test_what_cannot_be_is_said(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["emulator", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_a_port_that_is_taken_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        assert main(["emulator", "--count", "1", "--port", str(port)]) == 2
    assert f"--port: {port} cannot be used: Address already in use" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--rate", "0"), ("--rate", "-1"), ("--rate", "inf"), ("--rate", "nan"), ("--rate", "fast"),
        ("--burst", "0"), ("--burst", "1.5"), ("--latency", "-0.1"), ("--port", "65536"), ("--port", "-1"),
        ("--count", "0"), ("--plan", "gold"), ("--refill", "hour"), ("--identities-group", "users"),
    ],
)  # fmt: skip
def test_numbers_out_of_range_are_refused(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["emulator", f"{option}={value}"])

    assert end.value.code == 2
    assert f"argument {option}:" in capsys.readouterr().err
