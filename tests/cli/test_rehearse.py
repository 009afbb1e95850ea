"""``auth0link rehearse`` on exports of a few accounts."""

from __future__ import annotations

import gzip
import json
import os
import pty
import subprocess
import time
import uuid
from argparse import ArgumentParser
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_auth0link.api.client import Auth0Client
from airflow_provider_auth0link.api.transport import HttpTransport
from airflow_provider_auth0link.cli import main
from airflow_provider_auth0link.cli.rehearse import CARRY, GUARDS, configure
from airflow_provider_auth0link.cli.rehearse.play import Inner, play
from airflow_provider_auth0link.cli.rehearse.store import MemoryStore
from airflow_provider_auth0link.cli.rehearse.told import rehearse
from airflow_provider_auth0link.cli.rehearse.world import load
from airflow_provider_auth0link.emulator.export import read_export
from airflow_provider_auth0link.emulator.server import Emulator
from airflow_provider_auth0link.emulator.users import believable_users
from airflow_provider_auth0link.errors import StoreError
from airflow_provider_auth0link.keys import Seal
from airflow_provider_auth0link.linking.batch import link_batch
from airflow_provider_auth0link.linking.journal import Journal
from airflow_provider_auth0link.linking.options import Options
from airflow_provider_auth0link.linking.plan import Plan
from airflow_provider_auth0link.operators import batch
from airflow_provider_auth0link.settings import Settings
from tests.cli.commands import auth0link, command as command_line, environment

Rehearse = Callable[..., tuple[int, str, str]]

ALONE = """
import socket, sys

def refused(*_):
    raise AssertionError("a socket was opened")

for name in ("airflow", "starlette", "uvicorn"):
    sys.modules[name] = None
socket.socket.connect = socket.socket.bind = refused
"""
"""Nothing to import of Airflow and of the emulator's server, and no network at all."""


def account(user_id: str, **fields: Any) -> dict[str, Any]:
    provider, _, rest = user_id.partition("|")
    identity = {"provider": provider, "connection": provider, "user_id": rest, "isSocial": True}
    mail = {"email": "ada@example.com", "email_verified": True}
    return {"user_id": user_id, **mail, "identities": [identity], **fields}


USERS = [
    account("auth0|a", app_metadata={"plan": "pro", "tags": ["x"]}, user_metadata={"theme": "dark"}),
    account(
        "google-oauth2|b",
        app_metadata={"plan": "free", "tags": ["x", "y"], "legacy": {"id": 7}},
        user_metadata={"theme": "light", "lang": "de"},
        name="Ada",
        logins_count=3,
    ),
    account("auth0|c", blocked=True),
    account("email|ada@example.com"),
    account("facebook|nobody-asks"),
]
PLAN = [
    ["auth0|a", "google-oauth2|b"],
    ["auth0|c", "email|ada@example.com"],
    ["github|gone", "github|1"],
]


def written(folder: Path, users: list[dict[str, Any]], plan: list[Any]) -> tuple[str, str]:
    export, path = folder / "users.ndjson.gz", folder / "plan.jsonl"
    export.write_bytes(gzip.compress("".join(json.dumps(each) + "\n" for each in users).encode()))
    rows = [
        {"primary_user_id": each[0], "secondary_user_id": each[1]} if isinstance(each, list) else each
        for each in plan
    ]
    path.write_text("".join(json.dumps(each) + "\n" for each in rows))
    return str(export), str(path)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Rehearse:
    """Return a function that runs the command and gives exit code, output and errors."""
    monkeypatch.setenv("COLUMNS", "120")

    def run(*arguments: object) -> tuple[int, str, str]:
        code = main(["rehearse", *map(str, arguments)])
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def rows(text: str, title: str) -> list[list[str]]:
    """Return the cells of a table's lines."""
    lines = text[text.index(title) :].splitlines()[1:]
    table = []
    for line in lines:
        if line.strip():
            table.append([cell.strip() for cell in line.split("  ") if cell.strip()])
        elif table:
            break
    return table


def test_a_rehearsal_in_words(tmp_path: Path, command: Rehearse) -> None:
    code, out, err = command(*written(tmp_path, USERS, PLAN))

    assert (code, err) == (1, "")  # a pair would fail
    assert rows(out, "From accounts to people") == [
        ["5", "accounts in the export"],
        ["4", "accounts that the plan names"],
        ["1", "accounts that would become another's identity"],
        ["4", "accounts that would be left"],
    ]
    assert [each[0] for each in rows(out, "3 pairs planned")] == ["1", "1", "1"]
    assert ["1", "would be linked"] in rows(out, "3 pairs planned")
    assert ["not_blocked: the primary is blocked", "1"] in rows(out, "Refused, and why")
    assert rows(out, "What primaries gain")[2:] == [
        ["app_metadata.tags", "1"],
        ["app_metadata.legacy.id", "1"],
        ["user_metadata.lang", "1"],
    ]
    lost = rows(out, "What is not at the primary afterwards")[2:]
    assert [each[0] for each in lost] == ["user_metadata.theme", "app_metadata.plan", "logins_count", "name"]
    assert rows(out, "How long it will take")[-5][:2] == ["Enterprise, production", "2 s"]
    assert "An export holds no roles, permissions and organizations" in out
    assert [line for line in out.splitlines() if line != line.rstrip()] == []


def test_e_mails_are_masked_unless_asked_for(tmp_path: Path, command: Rehearse) -> None:
    export, plan = written(tmp_path, USERS, PLAN)

    for more in ((), ("--json",)):
        _, out, _ = command(export, plan, *more)
        assert "ada@" not in out
        assert "email|a***@***.com" in out
    _, out, _ = command(export, plan, "--show-emails")
    assert "email|ada@example.com" in out


def test_a_rehearsal_for_machines(tmp_path: Path, command: Rehearse) -> None:
    code, out, _ = command(*written(tmp_path, USERS, PLAN), "--json", "--rate-share", "1")
    told = json.loads(out)

    assert code == 1
    assert [told[name] for name in ("planned", "linked", "refused", "failed", "unknown")] == [3, 1, 1, 1, 0]
    assert (told["accounts"], told["named"], told["people"], told["rate_share"]) == (5, 4, 4, 1.0)
    assert told["requests"] == sum(told["requests_by_route"].values()) == 11
    assert told["requests_by_route"]["link"] == told["requests_by_group"]["identities_write"] == 1
    assert told["gained"] == {"app_metadata.tags": 1, "app_metadata.legacy.id": 1, "user_metadata.lang": 1}
    assert told["lost"]["conflict"] == {"user_metadata.theme": 1, "app_metadata.plan": 1}
    assert told["primaries"] == [
        {
            "primary_user_id": "auth0|a",
            "secondary_user_ids": ["google-oauth2|b"],
            "gained": ["user_metadata.lang", "app_metadata.tags", "app_metadata.legacy.id"],
            "lost": ["user_metadata.theme", "app_metadata.plan"],
            "profile_bytes": told["primaries"][0]["profile_bytes"],
        }
    ]
    assert [each["outcome"] for each in told["failed_pairs"]] == ["failed"]
    assert {each["limits"] for each in told["times"]} >= {"Free", "Enterprise, production"}


def test_the_keys_that_are_gained_are_named_as_the_plan_names_them(
    tmp_path: Path, command: Rehearse, capsys: pytest.CaptureFixture[str]
) -> None:
    users = [account("auth0|a", logins_count=9), account("google-oauth2|b")]
    users[1]["app_metadata"] = {"legacy": {"id": 7, "rights": {"admin": True}}, "roles": ["x"]}
    export, _ = written(tmp_path, users, [])

    assert main(["plan", export, "-o", str(tmp_path / "found.jsonl"), "--json"]) == 0
    planned = json.loads(capsys.readouterr().out)["gained"]
    told = json.loads(command(export, tmp_path / "found.jsonl", "--json")[1])

    assert told["gained"] == planned != {}


RIGHTS = [{"authorization": {"permissions": {place: {"billing": {"administrator": True}}}}} for place in "ab"]


@pytest.mark.parametrize("told", ["planned", "gained", "lost"])
@pytest.mark.parametrize("width", ["60", "80"])
def test_rights_that_differ_in_their_middle_are_told_apart(
    width: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    users = [account("auth0|a", logins_count=9)]
    users += [
        account(f"google-oauth2|{at}", app_metadata=rights) for at, rights in zip("bc", RIGHTS, strict=True)
    ]
    export, plan = written(tmp_path, users, [["auth0|a", "google-oauth2|b"], ["auth0|a", "google-oauth2|c"]])
    commands = {
        "planned": ["plan", export, "-o", str(tmp_path / "found.jsonl")],
        "gained": ["rehearse", export, plan],
        "lost": ["rehearse", export, plan, "--carry", "user_metadata"],
    }

    assert main(commands[told]) == 0
    out = joined(capsys.readouterr().out)

    paths = (f"app_metadata.authorization.permissions.{place}.billing.administrator" for place in "ab")
    assert [path for path in paths if path not in out] == []


def joined(text: str) -> str:
    """Leave out what stands between the parts of a first column that is broken."""
    return "".join(line.split()[0] for line in text.splitlines() if line.strip())


def test_the_page_of_a_rehearsal_says_that_it_is_one(tmp_path: Path, command: Rehearse) -> None:
    export, plan = written(tmp_path, USERS, PLAN)
    page, kept = tmp_path / "page.html", tmp_path / "journal"

    command(export, plan, "--report", page)
    text = page.read_text(encoding="utf-8")

    assert "<title>Account links: a rehearsal, nothing was changed</title>" in text
    assert text.index("Nothing was changed at any tenant.") < text.index("From accounts to people")
    assert "would be linked" in text
    assert "app_metadata.legacy.id" in text
    shown = text[text.index("<body>") :]
    said = (
        "rehearsal.invalid",
        "<svg",
        "Speed against the limit",
        "can be undone",
        "Journal",
        "map index",
        "memory",
    )
    assert [each for each in said if each in shown] == []

    command(export, plan, "--report", page, "--journal", kept)
    assert f"<dd>{kept}</dd>" in page.read_text(encoding="utf-8")


def test_nothing_is_opened_imported_or_left(tmp_path: Path) -> None:
    export, plan = written(tmp_path, USERS, PLAN[:2])
    before = sorted(tmp_path.iterdir())

    proxies = {"HTTP_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    done = auth0link(
        "rehearse", export, plan, "--json", cwd=tmp_path, before=ALONE, env=environment(**proxies)
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["linked"] == 1
    assert sorted(tmp_path.iterdir()) == before


def test_what_is_not_told_or_read_is_said(tmp_path: Path, command: Rehearse) -> None:
    bare = [{"user_id": each, "email": "ada@example.com"} for each in ("auth0|a", "google-oauth2|b")]
    export, plan = written(tmp_path, bare, PLAN[:1])
    with gzip.open(export, "at") as file:
        file.write("{broken\n")

    code, out, _ = command(export, plan, "--guards", "")

    assert code == 0
    assert "line 3: no JSON" in out
    for name in ("email_verified", "user_metadata", "app_metadata"):
        assert f"No account of the plan has {name} in this export" in out


@pytest.mark.parametrize(
    ("guards", "read"),
    [
        ("not_blocked, same_email", ("not_blocked", "same_email")),
        ("verified_email:okta,my-entra,not_blocked", ("verified_email:okta,my-entra", "not_blocked")),
        ("okta,verified_email:waad", ("okta", "verified_email:waad")),
        ("", ()),
    ],
)
def test_what_follows_a_guards_colon_is_its_own(guards: str, read: tuple[str, ...]) -> None:
    parser = ArgumentParser()
    configure(parser)

    assert parser.parse_args(["users.jsonl", "plan.jsonl", "--guards", guards]).guards == read


def test_a_plan_of_another_tenant_is_told_as_one(tmp_path: Path, command: Rehearse) -> None:
    code, out, _ = command(*written(tmp_path, [account("auth0|other")], PLAN[:1]))

    assert code == 1
    assert "No account of the plan is in this export. Are both of the same tenant?" in out
    assert "No account of the plan has" not in out


def test_an_empty_plan_has_a_page_too(tmp_path: Path, command: Rehearse) -> None:
    export, plan = written(tmp_path, USERS, [])

    code, out, err = command(export, plan, "--report", tmp_path / "page.html")

    assert (code, err) == (0, "")
    assert "0 pairs planned" in out
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "a rehearsal, nothing was changed" in page
    assert "No pair was taken up." in page


def test_what_is_not_to_be_carried_and_is_met_nowhere_is_told(tmp_path: Path, command: Rehearse) -> None:
    paths = ("app_metadata.legacy.id", "app_metadata.legacy.idd", "user_metadata.lang", "app_metadata.rolez")

    _, out, _ = command(*written(tmp_path, USERS, PLAN), "--carry-except", ",".join(paths), "--json")

    met = [note.rpartition(" ")[2] for note in json.loads(out)["notes"] if note.startswith("carry_except")]
    assert met == ["app_metadata.legacy.idd", "app_metadata.rolez"]


def test_an_empty_plan_lacks_no_fields(tmp_path: Path, command: Rehearse) -> None:
    code, out, _ = command(*written(tmp_path, [account("auth0|other")], []))

    assert code == 0
    assert "No account of the plan" not in out


def test_metadata_as_text_make_no_account(tmp_path: Path, command: Rehearse) -> None:
    users = [account("auth0|a"), account("google-oauth2|b", app_metadata='{"plan": "pro"}')]

    code, out, _ = command(*written(tmp_path, users, PLAN[:1]))

    assert code == 1
    assert "line 2: app_metadata is no object" in out


def test_progress_is_shown_to_somebody_who_looks_on(tmp_path: Path) -> None:
    pairs = [[f"auth0|{n}", f"google-oauth2|{n}"] for n in range(1500)]
    export, plan = written(tmp_path, [account(each) for pair in pairs for each in pair], pairs)
    master, slave = pty.openpty()
    out = tmp_path / "out.json"
    with os.fdopen(master, "rb", buffering=0) as screen, out.open("wb") as stdout:
        line = command_line("rehearse", export, plan, "--json")
        with subprocess.Popen(line, env=environment(TERM="xterm"), stdout=stdout, stderr=slave) as process:
            os.close(slave)
            shown = b""
            with suppress(OSError):  # Linux's word for the end of a terminal
                while part := screen.read(65_536):
                    shown += part

    assert process.returncode == 0
    assert json.loads(out.read_bytes())["linked"] == len(pairs)
    assert b"linking" in shown
    assert b"/1500" in shown


def test_the_defaults_are_the_operators() -> None:
    assert (CARRY, GUARDS) == (batch.CARRY, batch.GUARDS)


def test_a_rehearsal_asks_and_ends_as_a_run_over_http(tmp_path: Path) -> None:
    users = believable_users(240, 218)
    by_mail: dict[str, list[str]] = {}
    for each in users:
        by_mail.setdefault(str(each.get("email", each["user_id"])).casefold(), []).append(each["user_id"])
    pairs = [[group[0], other] for group in by_mail.values() for other in group[1:]]
    export, _ = written(tmp_path, users, pairs)
    plan, options = Plan.from_rows(pairs), options_of()

    world = load(export, plan)
    rehearsed = play(world, plan, options, MemoryStore())
    with Emulator(users=read_export(export).users, rate=400, burst=50) as tenant:
        summary = linked_over_http(tenant, plan, options)
        counts, after = tenant.counts, tenant.state(volatile=False)

    assert pairs
    assert summary["linked"] > 20
    assert {name: rehearsed.summary[name] for name in summary} == summary
    assert rehearsed.routes == {route: count for route, count in counts.items() if route != "token"}
    named = {each["user_id"] for each in world.users}
    assert world.tenant.whole(volatile=False) == [each for each in after if each["user_id"] in named]


def options_of(**given: Any) -> Options:
    chosen = {"carry": CARRY, "carry_except": (), "conflicts": "primary", "guards": GUARDS, **given}
    return Options.checked(**chosen, snapshot="full")


def linked_over_http(tenant: Emulator, plan: Plan, options: Options) -> dict[str, Any]:
    settings = Settings.from_connection(
        host=tenant.url, login=tenant.client_id, password=tenant.client_secret
    )
    client = Auth0Client(settings, HttpTransport(settings), user_agent="test", told=lambda _: None)
    journal = Journal(
        MemoryStore(),
        writer=f"1-0-{uuid.uuid4().hex}",
        tenant=settings.host,
        header={"command": "link"},
        seal=Seal(),
        at=lambda: "2026-01-01T00:00:00+00:00",
    )
    run = link_batch(plan, options, Inner(client), journal, time.monotonic)
    run.start()
    while not run.wait(0.05):
        pass
    return run.close()


def test_the_connections_that_a_plan_names_are_found_by_its_accounts(tmp_path: Path) -> None:
    def of(connection: str, user_id: str = "auth0|7") -> dict[str, Any]:
        identity = {"provider": "auth0", "connection": connection, "user_id": user_id[6:], "isSocial": False}
        return account(user_id, identities=[identity], name=connection)

    users = [
        account("google-oauth2|a"),
        account("google-oauth2|b"),
        of("old"),
        of("new"),
        of("new", "auth0|8"),
    ]
    line = {
        "primary_user_id": "google-oauth2|a",
        "secondary_user_id": "auth0|7",
        "connection_id": "con_0123456789abcdef",
    }
    other = {
        "primary_user_id": "google-oauth2|b",
        "secondary_user_id": "auth0|8",
        "connection_id": "con_0123456789abcdef",
    }
    export, _ = written(tmp_path, users, [])

    told = rehearse(export, Plan.from_rows([other, line]), options_of(), MemoryStore(), share=0.8)

    assert [each for each in told.notes if "con_0123456789abcdef" in each]
    assert {each.secondary: each.outcome for each in told.ends} == {"auth0|8": "linked", "auth0|7": "refused"}
    assert "ambiguous" in next(iter(told.reasons))


def test_a_profile_over_the_limit_is_told(tmp_path: Path, command: Rehearse) -> None:
    users = [account("auth0|a", bio="x" * 6000), account("google-oauth2|b", bio="y" * 6000)]

    code, out, _ = command(*written(tmp_path, users, PLAN[:1]))

    assert code == 0
    assert rows(out, "Profiles over 10 KB")[2][0] == "auth0|a"


def test_the_journal_is_kept_where_it_is_asked_for(tmp_path: Path, command: Rehearse) -> None:
    export, plan = written(tmp_path, USERS, PLAN[:2])
    journal = tmp_path / "journal"

    assert command(export, plan, "--journal", journal)[0] == 0
    assert main(["journal", str(journal)]) == 0
    code, _, err = command(export, plan, "--journal", journal)

    assert code == 2
    assert "holds files already" in err


def test_the_report_is_one_page_without_e_mails(tmp_path: Path, command: Rehearse) -> None:
    export, plan = written(tmp_path, USERS, PLAN)

    command(export, plan, "--report", tmp_path / "report.html")

    page = (tmp_path / "report.html").read_text()
    assert "This is a rehearsal" in page
    assert "ada@" not in page


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["{folder}/none.ndjson", "{plan}"], "is no file of this machine", id="no-export"),
        pytest.param(["{folder}/users.csv", "{plan}"], "is no users export by its name", id="ending"),
        pytest.param(["{folder}/empty.ndjson", "{plan}"], "no line of it is a user", id="no-user"),
        pytest.param(["{folder}/cut.ndjson.gz", "{plan}"], "cannot be read", id="cut"),
        pytest.param(["{export}", "{folder}/none.jsonl"], "none.jsonl", id="no-plan"),
        pytest.param(["{export}", "{folder}/circle.jsonl"], "circle.jsonl", id="circle"),
        pytest.param(["{export}", "{plan}", "--guards", "nonsense"], "'nonsense' is not known", id="guard"),
        pytest.param(["{export}", "{plan}", "--carry", "nonsense"], "'nonsense' is not known", id="carry"),
        pytest.param(["{export}", "{plan}", "--report", "{folder}/no/r.html"], "--report", id="report"),
    ],
)
def test_what_is_given_wrong_is_told_first(
    tmp_path: Path, command: Rehearse, arguments: list[str], said: str
) -> None:
    export, plan = written(tmp_path, USERS, PLAN)
    (tmp_path / "empty.ndjson").write_text("\n[]\n")
    (tmp_path / "cut.ndjson.gz").write_bytes(Path(export).read_bytes()[:60])
    written(tmp_path, USERS, [["auth0|a", "auth0|c"], ["auth0|c", "auth0|a"]])
    Path(plan).rename(tmp_path / "circle.jsonl")
    _, plan = written(tmp_path, USERS, PLAN)
    before = sorted(tmp_path.iterdir())

    code, out, err = command(*(each.format(folder=tmp_path, export=export, plan=plan) for each in arguments))

    assert (code, out) == (2, "")
    assert said in err
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("share", ["0", "1.5", "-1", "nan", "much"])
def test_a_share_is_a_part_of_one(tmp_path: Path, command: Rehearse, share: str) -> None:
    with pytest.raises(SystemExit):
        command(*written(tmp_path, USERS, PLAN), f"--rate-share={share}")


def test_a_rehearsal_that_is_interrupted_stops(tmp_path: Path) -> None:
    pairs = [[f"auth0|{n}", f"google-oauth2|{n}"] for n in range(3000)]
    users = [account(each) for pair in pairs for each in pair]
    export, _ = written(tmp_path, users, [])
    plan = Plan.from_rows(pairs)
    world, store = load(export, plan), MemoryStore()

    def told(_done: int, _of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        play(world, plan, options_of(), store, told)

    links = world.tenant.log.counts["link"]
    assert links < len(pairs)


def test_a_journal_that_cannot_be_written_ends_it(tmp_path: Path) -> None:
    class Full(MemoryStore):
        def write(self, name: str, data: bytes) -> None:
            raise StoreError("the disk is full")

    export, _ = written(tmp_path, USERS, [])
    plan = Plan.from_rows(PLAN)

    with pytest.raises(StoreError, match="the disk is full"):
        play(load(export, plan), plan, options_of(), Full())


def test_a_folder_in_memory_is_written_once() -> None:
    store = MemoryStore()
    store.write("a.jsonl", b"one")

    with pytest.raises(StoreError):
        store.write("a.jsonl", b"two")
    with pytest.raises(StoreError):
        store.read("b.jsonl")
    assert dict(store.read_many(store.names())) == {"a.jsonl": b"one"}
    store.delete("a.jsonl")
    store.delete("a.jsonl")
    assert store.names() == []
