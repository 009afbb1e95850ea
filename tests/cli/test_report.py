"""``auth0link report`` on journals of real runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_provider_auth0link.cli import main
from tests.cli.commands import auth0link
from tests.fakes.tenant import FakeTenant, user
from tests.linking.rig import Rig

A, B, C = "auth0|a", "google-oauth2|b", "samlp|x|e@example.com"

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the journal of a run that linked one and refused one."""
    rig = Rig(FakeTenant(user(A), user(B), user(C, blocked=True)))
    rig.link([[A, B], [A, C]], guards=("not_blocked",))
    made = tmp_path / "journal"
    made.mkdir()
    for name, data in rig.store.files.items():
        (made / name).write_bytes(data)
    return made


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Return a function that runs the command and gives exit code, output and errors."""

    def run(*arguments: object) -> tuple[int, str, str]:
        code = main(["report", *map(str, arguments)])
        written = capsys.readouterr()
        return code, written.out, written.err

    return run


def test_the_page_is_written_and_named(folder: Path, command: Command, tmp_path: Path) -> None:
    page = tmp_path / "report.html"

    code, out, err = command(folder, "-o", page)

    assert (code, out, err) == (0, f"Report {page}\n", "")
    text = page.read_text(encoding="utf-8")
    assert "<h1>Account links: acme.eu.auth0.com</h1>" in text
    assert "not_blocked: the secondary is blocked" in text
    assert "e@example.com" not in text


def test_e_mails_title_counts_and_limit_as_asked(folder: Path, command: Command, tmp_path: Path) -> None:
    page, counts = tmp_path / "report.html", tmp_path / "counts.json"
    counts.write_text(json.dumps({"accounts": 5_678, "candidates": 9, "planned": 2, "plan": "p.jsonl"}))
    more = ("--plan-counts", counts, "--limit-per-second", "16", "--title", "Friday", "--show-emails")

    code, _, _ = command(folder, "-o", page, *more)

    text = page.read_text(encoding="utf-8")
    assert code == 0
    assert [
        part
        for part in ("Friday: acme", "5,678", C, "The dashed line: 16 requests a second were given")
        if part not in text
    ] == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param(["--limit-per-second", "0"], "--limit-per-second: must be over 0", id="limit of 0"),
        pytest.param(["--limit-per-second", "nan"], "--limit-per-second: must be over 0", id="limit of nan"),
        pytest.param(["--plan-counts", "{counts}"], "is no JSON object", id="counts are no object"),
        pytest.param(["--plan-counts", "{folder}/none"], "is not there", id="no counts"),
    ],
)
def test_what_is_given_wrong_ends_with_2(
    arguments: list[str], told: str, folder: Path, command: Command, tmp_path: Path
) -> None:
    counts, page = tmp_path / "counts.json", tmp_path / "report.html"
    counts.write_text("[1, 2]")
    filled = [each.format(counts=counts, folder=folder) for each in arguments]

    code, out, err = command(folder, "-o", page, *filled)

    assert (code, out, page.exists()) == (2, "", False)
    assert told in err


def test_no_journal_is_said_and_nothing_written(command: Command, tmp_path: Path) -> None:
    code, _, err = command(tmp_path / "none", "-o", tmp_path / "report.html")

    assert code == 2
    assert "there is no journal" in err
    assert list(tmp_path.iterdir()) == []


def test_a_page_needs_a_place(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["report", str(folder)])

    assert end.value.code == 2
    assert "-o/--output" in capsys.readouterr().err


def test_as_a_command_of_its_own_it_needs_no_airflow(folder: Path, tmp_path: Path) -> None:
    done = auth0link(
        "report",
        str(folder),
        "-o",
        "page.html",
        cwd=tmp_path,
        before="import sys; sys.modules['airflow'] = None",
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "Report page.html\n", "")
    assert (tmp_path / "page.html").read_text(encoding="utf-8").startswith("<!doctype html>")
