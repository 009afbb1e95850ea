"""``auth0link plan``, as a process of its own and on a terminal."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import subprocess
import time
from pathlib import Path

import pytest

from airflow_provider_auth0link.cli import main
from tests.cli.commands import auth0link, command, environment
from tests.fakes.export import PLANNED, REASONS, account, ndjson, rows

NO_AIRFLOW = """
import atexit, sys
atexit.register(lambda: print(sorted(
    name for name in sys.modules if name == "airflow" or name.startswith("airflow.")
)))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "users.ndjson").write_bytes(ndjson())
    return tmp_path


def test_a_plan_is_written_without_airflow(folder: Path) -> None:
    done = auth0link("plan", "users.ndjson", "-o", "plan.jsonl", cwd=folder, before=NO_AIRFLOW)

    assert done.returncode == 0, done.stderr
    *said, imported = done.stdout.splitlines()
    assert imported == "[]"
    assert done.stderr == ""
    plan = (folder / "plan.jsonl").read_bytes()
    assert rows(plan) == PLANNED
    assert said[:3] == [
        "Plan     plan.jsonl",
        f"sha256   {hashlib.sha256(plan).hexdigest()}",
        "Rejects  plan.rejects.jsonl",
    ]
    rejects = rows((folder / "plan.rejects.jsonl").read_bytes())
    assert {row["user_id"]: row["reason"] for row in rejects if "user_id" in row} == REASONS


def said(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str) -> tuple[int, str, str]:
    code = main(["plan", str(folder / "users.ndjson"), "-o", str(folder / "plan.jsonl"), *arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_the_tables_name_rules_reasons_and_gained_keys(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = said(capsys, folder)

    assert code == 0
    words = [" ".join(line.split()) for line in out.splitlines()]
    assert "1 pair planned" in words
    assert "accounts 7 read" in words
    assert "unreadable 1 records that are no account; the rejects say which" in words
    assert "verified_email 1" in words
    assert "unverified 1 its e-mail or phone is not verified" in words
    assert "nobody_left 1 the others of its group were left out" in words
    assert "roles 1" in words or "app_metadata.roles 1" in words
    assert "example.com" not in out


def test_one_json_object(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(capsys, folder, "--json", "--rejects", str(folder / "left.jsonl"))

    told = json.loads(out)
    assert (code, err) == (0, "")
    assert (told["accounts"], told["planned"], told["unreadable"]) == (7, 1, 1)
    assert told["plan_digest"] == hashlib.sha256((folder / "plan.jsonl").read_bytes()).hexdigest()
    assert told["rejects"] == str(folder / "left.jsonl")
    assert len(rows((folder / "left.jsonl").read_bytes())) == 1 + len(REASONS)


def test_nothing_found_is_a_success(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "users.ndjson").write_bytes(b"")

    code, out, _ = said(capsys, folder)

    assert code == 0
    assert "0 pairs planned" in out
    assert (folder / "plan.jsonl").read_bytes() == b""


def test_a_file_without_an_account_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "users.ndjson").write_bytes(b'{"id": 1}\n{"id": 2}\n')

    code, out, err = said(capsys, folder)

    assert code == 0
    assert "0 pairs planned" in out
    assert err == "auth0link: no record of the source is an account. Is it a users export?\n"


def test_what_is_met_nowhere_is_a_note(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mistyped = ("--rule", "verified_email", "--rule", "metadata:app_metadata.legcy", "--connections", "auht0")

    code, out, err = said(capsys, folder, "--json", *mistyped)

    assert code == 0
    assert json.loads(out)["planned"] == 0
    assert err.splitlines() == [
        "auth0link: note: no account has a text or a number at app_metadata.legcy",
        "auth0link: note: no account that shares a key with another is of connection 'auht0'",
    ]


def test_options_reach_the_search(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    accounts = [
        account("auth0|1", "a@x.org", logins_count=5),
        account("google-oauth2|2", "a@x.org", app_metadata={"legacy_id": 7}),
        account("samlp|acme|3", "c@x.org", app_metadata={"legacy_id": "7"}),
        account("github|4", "a@x.org"),
    ]
    (folder / "users.ndjson").write_bytes(ndjson(accounts, b""))

    code, out, _ = said(
        capsys,
        folder,
        *("--rule", "verified_email", "--rule", "metadata:app_metadata.legacy_id"),
        *("--primary", "connections:google-oauth2", "--primary", "oldest"),
        *("--connections", "db, google-oauth2,acme", "--enterprise-secondaries", "--max-group", "4"),
        *("--memory-limit", "200MB", "--threads", "1", "--json"),
    )

    assert code == 0
    pairs = {
        (row["primary_user_id"], row["secondary_user_id"]): row["rule"]
        for row in rows((folder / "plan.jsonl").read_bytes())
    }
    assert pairs == {
        ("google-oauth2|2", "auth0|1"): "verified_email",
        ("google-oauth2|2", "samlp|acme|3"): "metadata:app_metadata.legacy_id",
    }
    assert json.loads(out)["per_reason"] == {"connection_not_allowed": 1}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--rule", "verified_mail"), "verified_mail"),
        (("--primary", "newest"), "newest"),
        (("--connections", ""), "connections"),
        (("--max-group", "1"), "max_group"),
        (("--memory-limit", "much"), "memory_limit"),
        (("--threads", "0"), "threads"),
        (("--rejects", "rejects.csv"), "rejects"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_wrong_is_said(
    arguments: tuple[str, ...], told: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = said(capsys, folder, *arguments)

    assert (code, out) == (2, "")
    assert err.startswith("auth0link: ")
    assert told in err
    assert [path.name for path in folder.iterdir()] == ["users.ndjson"]


def test_an_export_that_is_not_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["plan", str(folder / "no.ndjson"), "-o", str(folder / "plan.jsonl")])

    assert code == 2
    assert "no.ndjson: is not there" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "known"),
    [
        (
            "--rule",
            "verified_email, verified_phone, and metadata:PATH such as metadata:app_metadata.legacy_id",
        ),
        ("--primary", "most_logins, latest_login, oldest, has_metadata, and connections:NAME,NAME"),
    ],
)
def test_a_name_that_is_not_known_is_answered_with_what_can_be_typed(
    option: str, known: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "users.ndjson", "-o", str(tmp_path / "plan.jsonl"), option, "foo"]) == 2
    error = capsys.readouterr().err

    assert error.startswith(f"auth0link: {option}: 'foo' is no ")
    assert error.endswith(f"Known are {known}\n")


def test_help_says_rules_and_choices(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["plan", "--help"])

    out = capsys.readouterr().out
    assert ended.value.code == 0
    for word in (
        "verified_email",
        "verified_phone",
        "metadata:PATH",
        "most_logins",
        "connections:NAME",
        "example:",
    ):
        assert word in out


def test_a_bar_is_shown_to_who_looks_on(folder: Path) -> None:
    """On a terminal, the bar stands on standard error, and is wiped away at the end."""
    looking, shown = pty.openpty()
    process = subprocess.Popen(
        command("plan", "users.ndjson", "-o", "plan.jsonl"),
        cwd=folder,
        env=environment(TERM="xterm", COLUMNS="80"),
        stdout=subprocess.PIPE,
        stderr=shown,
        text=True,
    )
    out, _ = process.communicate(timeout=120)
    os.close(shown)
    drawn = os.read(looking, 1 << 16).decode()
    os.close(looking)

    assert process.returncode == 0
    assert "1 pair planned" in out
    assert "100%" in drawn
    assert "\x1b" not in out


def test_terminated_it_leaves_nothing(folder: Path) -> None:
    temporary = folder / "temporary"
    temporary.mkdir()
    source = folder / "users.ndjson"
    row = json.dumps(account("auth0|1", "x@x.org")).encode() + b"\n"
    source.write_bytes(row * 200_000)
    process = subprocess.Popen(
        command("plan", "users.ndjson", "-o", "plan.jsonl"),
        cwd=folder,
        env=environment(TMPDIR=str(temporary)),
        stderr=subprocess.PIPE,
        text=True,
    )
    while process.poll() is None and not list(temporary.iterdir()):
        time.sleep(0.01)
    process.terminate()

    assert process.communicate(timeout=60)[1] == "auth0link: interrupted\n"
    assert process.returncode == 130
    assert sorted(path.name for path in folder.iterdir()) == ["temporary", "users.ndjson"]
    assert list(temporary.iterdir()) == []


def test_a_place_that_takes_no_file_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["plan", str(folder / "users.ndjson"), "-o", str(folder / "users.ndjson" / "plan.jsonl")])

    assert code == 2
    assert capsys.readouterr().err.startswith("auth0link: ")


def test_whoever_reads_no_further_gets_no_traceback(folder: Path) -> None:
    asked = subprocess.run(
        ["sh", "-c", '"$@" | true', "sh", *command("plan", "users.ndjson", "-o", "plan.jsonl", "--json")],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )

    assert "Traceback" not in asked.stderr
