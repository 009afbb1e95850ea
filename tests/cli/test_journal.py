"""``auth0link journal`` on journals of real runs."""

from __future__ import annotations

import io
import json
import os
import pty
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer
from rich.console import Console

from airflow_provider_auth0link.cli import main
from airflow_provider_auth0link.cli.journal_tables import show
from airflow_provider_auth0link.errors import BadRequestError, RateLimitedError
from airflow_provider_auth0link.hooks.journal import open_store
from airflow_provider_auth0link.linking.journal import read_history
from airflow_provider_auth0link.linking.report import REHEARSAL, Look, Report, Writer, report
from tests.cli.commands import auth0link, environment
from tests.fakes.tenant import FakeTenant, Trouble, user
from tests.linking.rig import Rig

A, B, C, D, E = "auth0|a", "google-oauth2|b", "facebook|c", "github|4", "samlp|x|e@example.com"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the journal of a run that linked two, refused one and failed at one, and of an undo of one."""
    rig = Rig(FakeTenant(user(A), user(B), user(C, blocked=True), user(D), user(E)))
    rig.tenant.meets("link", Trouble(BadRequestError("Auth0 says no")))
    rig.link([[A, B], [A, C], [A, D], [A, E]], guards=("not_blocked",))
    rig.undo([D])
    return laid_out(rig, tmp_path / "journal")


def laid_out(rig: Rig, folder: Path) -> Path:
    folder.mkdir()
    for name, data in rig.store.files.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture
def bucket() -> Iterator[str]:
    """Give the address of a server that speaks S3."""
    server = ThreadedMotoServer("127.0.0.1", port=0)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


Journal = Callable[..., tuple[int, str, str]]


@pytest.fixture
def journal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Journal:
    """Return a function that runs the command and gives exit code, output and errors."""
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments: object) -> tuple[int, str, str]:
        code = main(["journal", *map(str, arguments)])
        written = capsys.readouterr()
        return code, written.out, written.err

    return run


def row(text: str, start: str) -> list[str]:
    return next(line.split() for line in text.splitlines() if line.strip().startswith(start))


def test_a_journal_in_words(folder: Path, journal: Journal) -> None:
    code, out, err = journal(folder)

    assert (code, err) == (0, "")
    assert row(out, "Journal") == ["Journal", str(folder)]
    assert row(out, "Tenant") == ["Tenant", "acme.eu.auth0.com"]
    assert "4 pairs" in out
    assert [row(out, state)[1] for state in ("linked ", "undone ", "refused ", "failed ")] == ["1"] * 4
    assert row(out, "not_blocked") == ["not_blocked", "1"]
    assert row(out, B) == [B, "failed", "Auth0", "says", "no"]
    assert row(out, C)[:2] == [C, "not_blocked:"]
    assert out.index("Refused pairs") < out.index(C) < out.index("Pairs to look at") < out.index(B)
    assert "Auth0 says no" in out
    assert [line.split()[2] for line in out.splitlines() if line.startswith(" 2026-")] == ["link", "undo"]
    assert "Can be undone: 1 linked pair." in out
    assert [line for line in out.splitlines() if line != line.rstrip()] == []
    assert max(map(len, out.splitlines())) <= 80 + len(str(folder))


def test_as_json_it_is_one_object(folder: Path, journal: Journal) -> None:
    code, out, _ = journal(folder, "--json")

    told = json.loads(out)
    assert code == 0
    assert told["journal"] == str(folder)
    assert (told["pairs"], told["states"]["linked"], told["refused"]) == (4, 1, {"not_blocked": 1})
    assert [each["secondary_user_id"] for each in told["look_at"]] == [B]
    (refused,) = told["refused_pairs"]
    assert (refused["secondary_user_id"], refused["state"]) == (C, "refused")
    assert refused["reason"].startswith("not_blocked: ")


def test_it_only_reads(folder: Path, journal: Journal) -> None:
    before = {each.name: each.read_bytes() for each in folder.iterdir()}

    journal(folder)

    assert {each.name: each.read_bytes() for each in folder.iterdir()} == before


NAME, NAME_SEEN = (
    "\x1b]0;title\x07\x1b[2J\u202e\nlinked 1,138",
    r"\x1b]0;title\x07\x1b[2J\u202e\nlinked 1,138",
)
EVIL, SEEN = f"{NAME}\ud800", rf"{NAME_SEEN}\ud800"


@pytest.fixture
def evil(tmp_path: Path) -> Path:
    """Return a journal whose every text holds what is not to reach a terminal."""
    pair = {"primary_user_id": f"auth0|{NAME}", "secondary_user_id": f"github|{NAME}"}
    at = f"2026-01-01T00:00:00+00:00{EVIL}"
    told = {"tenant": EVIL, "command": f"link{EVIL}", "plan_digest": EVIL, "options": {EVIL: [EVIL]}}
    records: list[dict[str, object]] = [
        {"kind": "header", "format": 1, **told},
        {"kind": "outcome", **pair, "outcome": "refused", "reason": f"{EVIL}: {EVIL}"},
        {"kind": "outcome", **pair, "secondary_user_id": "github|2", "outcome": "failed", "reason": EVIL},
    ]
    lines = [json.dumps({"at": at, "n": n, **each}) for n, each in enumerate(records, 1)]
    folder = tmp_path / "evil"
    folder.mkdir()
    (folder / f"1-0-{'a' * 32}-0.jsonl").write_text("".join(f"{line}\n" for line in lines), "ascii")
    return folder


def test_what_a_journal_holds_does_not_move_the_terminal(evil: Path) -> None:
    done = auth0link("journal", str(evil), cwd=evil, env=environment(COLUMNS="400"))

    assert (done.returncode, done.stderr) == (0, "")
    assert [each for each in done.stdout if not each.isprintable() and each != "\n"] == []
    assert [line for line in done.stdout.splitlines() if line.startswith("linked 1,138")] == []
    assert row(done.stdout, "Tenant") == ["Tenant", *SEEN.split()]
    assert row(done.stdout, "2026-01-01") == [
        *f"2026-01-01 00:00:00Z{SEEN} link{SEEN} 1 0".split(),
        r"\x1b]0;title\x07\x1b[",
    ]
    assert f"github|{NAME_SEEN}" in done.stdout
    assert f"link{SEEN}: {SEEN} {SEEN}" in done.stdout
    assert f" failed   {SEEN}\n" in done.stdout


def test_half_a_surrogate_is_json_too(evil: Path) -> None:
    done = auth0link("journal", str(evil), "--json", cwd=evil)

    told = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    assert (told["tenant"], told["refused_pairs"][0]["reason"]) == (EVIL, f"{EVIL}: {EVIL}")


def test_an_error_does_not_move_the_terminal_either(folder: Path, tmp_path: Path, journal: Journal) -> None:
    code, _, err = journal(folder, "--id-map", tmp_path / "map", "--earlier", f"{tmp_path}/\x1b[2J\n")

    assert (code, err[:11], err.count("\n")) == (2, "auth0link: ", 1)
    assert "\x1b" not in err


def test_an_id_map_goes_on_where_earlier_ones_ended(folder: Path, tmp_path: Path, journal: Journal) -> None:
    first, second, out = tmp_path / "1.csv", tmp_path / "2.csv", tmp_path / "map.csv"
    first.write_text(f"old_user_id,new_user_id\ngithub|0,{E}\ngithub|1,auth0|x\n")
    second.write_text("old_user_id,new_user_id\ngithub|1,auth0|y\n")

    code, said, _ = journal(folder, "--id-map", out, "--earlier", first, "--earlier", second)

    assert code == 0
    assert f"3 ids written to {out}" in said
    assert out.read_text() == f"old_user_id,new_user_id\ngithub|0,{A}\ngithub|1,auth0|y\n{E},{A}\n"


def test_an_earlier_map_that_is_not_there_is_named(folder: Path, tmp_path: Path, journal: Journal) -> None:
    missing = tmp_path / "missing.csv"
    code, _, err = journal(folder, "--id-map", tmp_path / "map.csv", "--earlier", missing)

    assert code == 2
    assert f"--earlier: {missing}: is not there" in err


def test_a_map_may_be_written_over_the_earlier_one(folder: Path, tmp_path: Path, journal: Journal) -> None:
    out = tmp_path / "map.csv"
    out.write_text(f"old_user_id,new_user_id\ngithub|0,{E}\n")

    for _ in range(2):
        assert (
            json.loads(journal(folder, "--json", "--id-map", out, "--earlier", out)[1])["id_map"]["rows"] == 2
        )
    assert out.read_text() == f"old_user_id,new_user_id\ngithub|0,{A}\n{E},{A}\n"


def test_a_map_that_is_wrong_leaves_no_file(folder: Path, tmp_path: Path, journal: Journal) -> None:
    earlier, out = tmp_path / "1.csv", tmp_path / "map.csv"
    earlier.write_text("old,new\n")

    code, _, err = journal(folder, "--id-map", out, "--earlier", earlier)

    assert code == 2
    assert "the first line must name the columns" in err
    assert not out.exists()


def test_an_earlier_map_needs_one_to_go_into(folder: Path) -> None:
    answer = auth0link("journal", str(folder), "--earlier", "x.csv", cwd=folder)

    assert (answer.returncode, answer.stdout) == (2, "")
    assert "--earlier: there is no id map" in answer.stderr


def test_where_nobody_can_be_asked_snapshots_are_deleted(folder: Path) -> None:
    answer = auth0link("journal", str(folder), "--forget-snapshots", cwd=folder, stdin=-3)  # /dev/null

    assert answer.returncode == 0, answer.stderr
    assert "3 snapshot files deleted" in answer.stdout
    assert "Not finished: 1 pair." in answer.stderr
    assert "[y/N]" not in answer.stderr
    assert not list(folder.glob("*.snapshots"))


def test_snapshots_are_deleted_when_that_is_said(folder: Path, journal: Journal) -> None:
    code, out, _ = journal(folder, "--forget-snapshots", "--yes")

    assert code == 0
    assert out.index("0 snapshot files. Can be undone: 0 linked pairs.") < out.index(
        f"3 snapshot files deleted in {folder}. What is lost with them: 1 linked pair can no longer be undone."
    )
    assert not list(folder.glob("*.snapshots"))
    assert "Cannot, for the snapshots were deleted: 1 pair." in " ".join(journal(folder)[1].split())
    assert json.loads(journal(folder, "--forget-snapshots", "--yes", "--json")[1])["deleted"] == 0


@pytest.mark.parametrize(("answer", "code", "left"), [("y\n", 0, 0), ("no\n", 1, 3), ("\n", 1, 3)])
def test_whoever_sits_there_is_asked(answer: str, code: int, left: int, folder: Path) -> None:
    keyboard, terminal = pty.openpty()
    try:
        os.write(keyboard, answer.encode())
        ended = auth0link("journal", str(folder), "--forget-snapshots", cwd=folder, stdin=terminal)
    finally:
        os.close(keyboard)
        os.close(terminal)

    assert ended.returncode == code, ended.stderr
    assert "Nothing of 1 linked pair can be undone after that. [y/N]" in ended.stderr
    assert "Not finished: 1 pair." in ended.stderr
    assert len(list(folder.glob("*.snapshots"))) == left
    assert ("No snapshot was deleted." in ended.stdout) == bool(left)


def test_a_yes_to_no_question_is_refused(folder: Path, journal: Journal) -> None:
    code, out, err = journal(folder, "--yes")

    assert (code, out) == (2, "")
    assert "--yes: there is nothing that is asked about. Add --forget-snapshots" in err


def test_a_folder_without_a_journal(tmp_path: Path, journal: Journal) -> None:
    for place in (tmp_path, tmp_path / "not-there"):
        code, _, err = journal(place)
        assert code == 2
        assert f"{place}: there is no journal" in err


def test_a_store_that_cannot_be_read(folder: Path, journal: Journal) -> None:
    file = folder / "file"
    file.touch()

    code, out, err = journal(file)

    assert (code, out) == (2, "")
    assert err.startswith("auth0link: ")


def test_a_bucket_whose_connection_is_not_there(journal: Journal) -> None:
    code, _, err = journal("s3://nowhere@bucket/journal")

    assert code == 2
    assert "Airflow has no connection 'nowhere'" in err


@pytest.mark.airflow_run
def test_in_a_bucket_the_output_is_the_commands_own(folder: Path, bucket: str, tmp_path: Path) -> None:
    s3 = boto3.client(
        "s3",
        endpoint_url=bucket,
        aws_access_key_id="a-key-id",
        aws_secret_access_key="a-secret",
        region_name="us-east-1",
    )
    s3.create_bucket(Bucket="audit")
    for file in folder.iterdir():
        s3.upload_file(str(file), "audit", f"auth0/{file.name}")
    connection = {
        "conn_type": "aws", "login": "a-key-id", "password": "a-secret",
        "extra": {"endpoint_url": bucket, "region_name": "us-east-1"},
    }  # fmt: skip
    settings = environment(AIRFLOW_HOME=str(tmp_path), AIRFLOW_CONN_AWS_DEFAULT=json.dumps(connection))
    arguments = ("--json", "--id-map", "s3://aws_default@audit/ids.csv", "--forget-snapshots", "--yes")

    answer = auth0link("journal", "s3://aws_default@audit/auth0", *arguments, cwd=tmp_path, env=settings)

    assert answer.returncode == 0, answer.stderr
    told = json.loads(answer.stdout)
    assert (told["journal"], told["pairs"], told["deleted"]) == ("s3://aws_default@audit/auth0", 4, 3)
    written = s3.get_object(Bucket="audit", Key="ids.csv")["Body"].read().decode()
    assert written == f"old_user_id,new_user_id\n{E},{A}\n"
    assert not [each for each in s3.list_objects_v2(Bucket="audit")["Contents"] if "snapshots" in each["Key"]]


def test_long_lists_are_cut_and_say_so() -> None:
    writers = tuple(Writer(f"at {n}", "link", 1, n, None, {"only": list(range(n))}) for n in range(25))
    looks = [Look(f"github|{n}", A, None, "unknown", "[odd] reason") for n in range(25)]
    text = io.StringIO()

    show(Report(None, writers, 1, 0, look=looks), "there", Console(file=text, width=80))

    assert "and 5 more; --json names all" in text.getvalue()
    assert "and 5 before; --json names all" in text.getvalue()
    assert "link: only 0, 1, 2, 3, 4, ... (24 in all)" in text.getvalue()
    assert "[odd] reason" in text.getvalue()
    assert "Tenant   not told" in text.getvalue()


@pytest.mark.parametrize("width", [40, 80, 200])
def test_ids_are_cut_in_their_middle_and_words_are_not_broken(width: int) -> None:
    middle = f"samlp|connection|{'x' * 60}end"
    looks = [Look("google-oauth2|103420193847561029384", middle, None, "refused", "not_blocked: is blocked")]
    text = io.StringIO()

    show(
        Report(None, (), 1, 0, refusals=looks, refused=Counter(a=1)), "there", Console(file=text, width=width)
    )

    lines = text.getvalue().splitlines()
    words = {word for line in lines for word in line.split()}
    assert max(map(len, lines)) <= width
    assert {"not_blocked:", "blocked"} <= words
    assert (middle in words) == (width == 200)
    assert any(word.startswith("samlp|") and word.endswith("xend") for word in words)
    assert ("google-oauth2|103420193847561029384" in words) == (width > 40)
    assert "state" not in words


def test_what_was_carried_alone_is_no_link_that_can_be_undone(tmp_path: Path, journal: Journal) -> None:
    rig = Rig(FakeTenant(user(A), user(B), user(C, user_metadata={"c": 1}), seconds=0.5))
    rig.tenant.meets("link", None, *[Trouble(RateLimitedError("429"))] * 2)
    rig.link([[A, B], [A, C]])
    folder = laid_out(rig, tmp_path / "journal")

    _, out, _ = journal(folder)

    assert "Can be undone: 1 linked pair, and what was carried of 1 other." in " ".join(out.split())
    assert "what was carried stands on the primary" in " ".join(out.split())
    told = json.loads(journal(folder, "--json")[1])
    assert (told["restorable"], told["carried"], told["forgotten"]) == (1, 1, 0)


def test_an_id_is_whole_where_the_line_has_room() -> None:
    looks = [Look(A, "waad|" + "x" * 43, None, "refused", "not_blocked: is blocked")]
    text = io.StringIO()

    show(Report(None, (), 1, 0, refusals=looks, refused=Counter(a=1)), "there", Console(file=text, width=80))

    assert looks[0].secondary_user_id in text.getvalue().split()


def test_a_rehearsals_journal_is_no_runs(tmp_path: Path, journal: Journal) -> None:
    """Nothing of it is told as if it had happened, and no foreign key is rewritten by it."""
    rig = Rig(FakeTenant(user(A), user(B), user(C)), host=REHEARSAL)
    rig.tenant.meets("link", Trouble(BadRequestError("no")))
    rig.link([[A, B], [A, C]])
    folder = laid_out(rig, tmp_path / "journal")

    code, _, err = journal(folder, "--id-map", tmp_path / "map.csv")
    assert (code, (tmp_path / "map.csv").exists()) == (2, False)
    assert "no id changed" in err

    code, out, err = journal(folder, "--forget-snapshots", "--yes")
    assert (code, err) == (0, "")
    assert "Tenant   none: a rehearsal, nothing was changed" in out
    assert row(out, "would be linked")[3] == row(out, "would fail")[2] == "1"
    said = ("undone", "a further run", "by a run of this journal", "Runs", "begun", "map index")
    assert [each for each in said if each in out] == []


def test_what_the_command_reads_is_what_the_run_wrote(folder: Path) -> None:
    store = open_store(str(folder))

    assert report(read_history(store, "acme.eu.auth0.com"), store.names()).states.total() == 4
