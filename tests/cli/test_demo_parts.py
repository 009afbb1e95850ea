from __future__ import annotations

import io
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]  # its stubs are not installed
import pytest
from rich.console import Console

from airflow_provider_auth0link.cli.demo import example
from airflow_provider_auth0link.cli.demo.child import Child, settings
from airflow_provider_auth0link.cli.demo.result import Result, Run, changed, conf_of, fails
from airflow_provider_auth0link.cli.demo.screen import Screen
from airflow_provider_auth0link.cli.demo.tables import compared, tables
from airflow_provider_auth0link.cli.demo.warehouse import overnight, write_users
from airflow_provider_auth0link.errors import InputError
from tests.cli.commands import gone

PAIRS = [{"primary_user_id": f"auth0|{n}", "secondary_user_id": f"github|{n}"} for n in range(4)]


def link(number: int, outcome: str, **more: Any) -> dict[str, Any]:
    return {"outcome": outcome, **PAIRS[number], "carried": [], "requests": 2, **more}


def task(task_id: str, state: str, xcom: Any, map_index: int = -1) -> dict[str, Any]:
    return {"task_id": task_id, "map_index": map_index, "state": state, "xcom": xcom}


TOLD: dict[str, Any] = {
    "state": "success",
    "tasks": [
        task("find_duplicates", "success", PAIRS),
        task("link", "success", link(1, "already_linked"), 1),
        task("link", "skipped", link(2, "refused", reason="not_blocked: the primary is blocked"), 2),
        task("link", "success", link(0, "linked", carried=["user_metadata.a.b", "app_metadata.plan"]), 0),
        task("link", "skipped", link(3, "refused", reason="drifted: email"), 3),
        task("write_id_map", "success", {"linked": 1}),
    ],
}


def told(*tasks: dict[str, Any], state: str = "success") -> Result:
    return Result.from_driver({"state": state, "tasks": list(tasks)})


def rendered(result: Result, width: int = 100) -> str:
    text = io.StringIO()
    console = Console(file=text, width=width)
    for table in tables(result, users=1240, requests=17, id_map=[("a", "b")]):
        console.print(table)
    return text.getvalue()


def test_a_run_is_read_from_its_task_instances_and_xcoms() -> None:
    result = Result.from_driver(TOLD)

    assert result.succeeded
    assert {name: dict(states) for name, states in result.states.items()} == {
        "find_duplicates": {"success": 1},
        "link": {"success": 2, "skipped": 2},
        "write_id_map": {"success": 1},
    }
    assert [each["secondary_user_id"] for each in result.links] == [f"github|{n}" for n in range(4)]
    assert [(reason, len(links)) for reason, links in result.refusals()] == [
        ("drifted: email", 1),
        ("not_blocked: the primary is blocked", 1),
    ]


@pytest.mark.parametrize(
    "result",
    [
        pytest.param(told(*TOLD["tasks"], state="failed"), id="the-run-failed"),
        pytest.param(told(task("find_duplicates", "success", PAIRS)), id="links-are-missing"),
        pytest.param(told(task("find_duplicates", "failed", None), state="failed"), id="nothing-found"),
    ],
)
def test_a_run_that_did_not_do_all_is_no_success(result: Result) -> None:
    assert not result.succeeded


def many(dag: str, *, accounts: int = 9, differ: int = 0, **counts: int) -> Run:
    """Return a run of a Dag with one task for many pairs."""
    summary = {"journal": "somewhere", **counts}
    told = {
        "state": "success",
        "tasks": [task("find_pairs", "success", PAIRS), task("all", "success", summary)],
    }
    return Run(dag, told, 12, accounts, differ, 3.4)


BATCH = many("example_batch", linked=2, already_linked=1, refused=1, differ=4, accounts=7)
UNDO = many("example_undo", undone=2)


def test_the_undo_is_given_the_journal_of_the_batch() -> None:
    assert conf_of("example_batch", []) == {}
    assert conf_of("example_undo", [BATCH]) == {"journal": "somewhere", "dry_run": False}


def test_runs_that_did_all_they_should_lack_nothing() -> None:
    mapped = Run("example_dedup_and_link", TOLD, 10, 7, 4, 20)

    assert fails([BATCH, UNDO, mapped]) == []
    assert [mapped.count(name) for name in ("linked", "already_linked", "refused", "undone")] == [1, 1, 2, 0]


@pytest.mark.parametrize(
    ("runs", "lack"),
    [
        pytest.param([many("example_batch")], "example_batch: no pair was linked", id="no-link"),
        pytest.param(
            [BATCH, many("example_undo", undone=2, differ=1)],
            "example_undo: 1 account not as before",
            id="not-restored",
        ),
        pytest.param(
            [BATCH, many("example_undo", undone=1)],
            "example_undo: 1 of 2 links were taken back",
            id="not-all-undone",
        ),
        pytest.param(
            [Run("example_batch", {"state": "failed", "tasks": []}, 0, 9, 0, 1)],
            "example_batch: the run ended as failed",
            id="failed",
        ),
        pytest.param(
            [Run("example_dedup_and_link", {**TOLD, "tasks": TOLD["tasks"][:2]}, 0, 9, 0, 1)],
            "example_dedup_and_link: not every pair has an outcome",
            id="pairs-without-outcome",
        ),
    ],
)
def test_what_a_run_lacks_is_told(runs: list[Run], lack: str) -> None:
    assert fails(runs) == [lack]


def test_accounts_are_compared_by_their_ids() -> None:
    before: list[dict[str, Any]] = [{"user_id": "a", "x": 1}, {"user_id": "b"}, {"user_id": "c"}]

    assert changed(before, list(reversed(before))) == 0
    assert changed(before, [{"user_id": "a", "x": 2}, {"user_id": "b"}, {"user_id": "d"}]) == 3


def test_runs_stand_side_by_side() -> None:
    text = io.StringIO()

    Console(file=text, width=80).print(compared([BATCH, UNDO]))

    lines = [" ".join(line.split()) for line in text.getvalue().splitlines()]
    assert "batch undo" in lines
    assert "linked 2" in lines
    assert "taken back 2" in lines
    assert "accounts in the tenant then 7 9" in lines
    assert "not as they were at first 4 0" in lines
    assert "seconds 3 3" in lines


def test_a_child_takes_orders_and_one_that_ended_takes_none(tmp_path: Path) -> None:
    code = "import sys\nfor line in sys.stdin:\n    print(line, end='', flush=True)\n    break"

    with module(tmp_path, code) as child:
        child.order({"dag": "a"})
        assert list(child.events(lambda: None, seconds=60)) == [{"dag": "a"}]
        child.order(None)


def test_examples_come_from_as_many_providers_as_there_are() -> None:
    links = [
        {**link(0, "linked"), "secondary_user_id": name}
        for name in ("github|1", "github|2", "github|3", "samlp|acme|1")
    ]
    tasks = [task("link", "success", each, number) for number, each in enumerate(links)]
    result = told(task("find_duplicates", "success", PAIRS), *tasks)

    assert [each["secondary_user_id"] for each in result.examples(3)] == [
        "github|1",
        "samlp|acme|1",
        "github|2",
    ]


def test_tables_say_what_was_found_linked_and_refused() -> None:
    lines = [" ".join(line.split()) for line in rendered(Result.from_driver(TOLD)).splitlines()]

    assert "accounts in the warehouse 1,240" in lines
    assert "duplicates found by SQL 4" in lines
    assert "linked 1" in lines
    assert "already linked, by hand overnight 1" in lines
    assert "refused by a check 2" in lines
    assert "link 2 2" in lines
    assert "github|0 user_metadata: a.b" in lines
    assert "auth0|0 app_metadata: plan" in lines
    assert "drifted: email 1 github|3" in lines
    assert "drifted: what the warehouse knew of the two no longer holds" in lines


def test_usual_ids_stay_whole_on_80_columns() -> None:
    usual = {"primary_user_id": f"auth0|{'1' * 24}", "secondary_user_id": f"google-oauth2|{'2' * 21}"}
    told_of = link(0, "linked", carried=["user_metadata.a-long-key"] * 9) | usual
    text = rendered(
        told(task("find_duplicates", "success", PAIRS[:1]), task("link", "success", told_of, 0)), 80
    )

    assert usual["primary_user_id"] in text
    assert usual["secondary_user_id"] in text


def test_ids_are_never_taken_for_markup() -> None:
    odd = link(0, "linked") | {"secondary_user_id": "oauth2|[red]x[/red]"}

    assert "oauth2|[red]x[/red]" in rendered(
        told(task("find_duplicates", "success", PAIRS[:1]), task("link", "success", odd, 0))
    )


def test_a_run_without_links_has_no_table_of_them() -> None:
    text = rendered(told(task("find_duplicates", "success", []), task("link", "skipped", None)))

    assert "Linked" not in text
    assert "Refused, and why" not in text


@pytest.mark.parametrize("width", [80, 120])
def test_tables_keep_to_the_width(width: int) -> None:
    long = link(0, "linked", carried=["user_metadata.a-long-key"] * 9) | {
        "primary_user_id": "waad|" + "x" * 200
    }
    result = told(task("find_duplicates", "success", PAIRS[:1]), task("link", "success", long, 0))

    assert max(len(line) for line in rendered(result, width).splitlines()) <= width


def test_the_child_inherits_no_setting_of_airflow() -> None:
    outside = {
        "PATH": "/bin",
        "AIRFLOW_HOME": "theirs",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql://theirs",
        "AIRFLOW__CORE__SQL_ALCHEMY_CONN": "postgresql://theirs",
        "AIRFLOW_CONN_AUTH0_DEFAULT": "theirs",
        "AIRFLOW_VAR_X": "theirs",
        "_AIRFLOW__AS_LIBRARY": "theirs",
        "AUTH0LINK_WAREHOUSE_URL": "theirs",
        "AUTH0LINK_FOLDER": "theirs",
        "HTTPS_PROXY": "http://proxy",
    }
    here = Path("folder")

    inside = settings(
        outside,
        home=here,
        dags=here / "dags",
        connection="ours",
        warehouse=here / "w.db",
        kept=here / "kept",
    )

    assert "theirs" not in str(inside)
    assert inside["PATH"] == "/bin"
    assert inside["AIRFLOW_HOME"] == "folder"
    assert inside["AIRFLOW_CONN_AUTH0_DEFAULT"] == "ours"
    assert inside["AUTH0LINK_FOLDER"] == "folder/kept"
    assert inside["NO_PROXY"] == "127.0.0.1,localhost"


def module(folder: Path, code: str) -> Child:
    """Return a child that runs *code*."""
    (folder / "code_of_child.py").write_text(code)
    environment = settings(
        {}, home=folder, dags=folder, connection="", warehouse=folder / "w.db", kept=folder
    )
    environment["PYTHONPATH"] = str(folder)
    return Child(["code_of_child"], environment=environment, folder=folder, log=folder / "log")


def test_a_child_tells_until_it_ends(tmp_path: Path) -> None:
    code = (
        "import sys\nprint('{\"a\": 1}')\nprint('{\"b\": 2}')\n"
        "print('noise', file=sys.stderr)\nprint('{\"cut', end='')"
    )

    with module(tmp_path, code) as child:
        assert list(child.events(lambda: None, seconds=60)) == [{"a": 1}, {"b": 2}]
    assert (tmp_path / "log").read_text() == "noise\n"


def test_a_child_is_given_up_when_its_time_is_over(tmp_path: Path) -> None:
    ticks: list[int] = []

    with module(tmp_path, "import time; time.sleep(600)") as child:
        assert list(child.events(lambda: ticks.append(1), seconds=0.5)) == []
    assert ticks


def test_what_a_child_started_is_gone_with_it(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, time, json\n"
        "other = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(json.dumps({'pid': other.pid}), flush=True)\n"
        "time.sleep(600)"
    )
    with module(tmp_path, code) as child:
        event = next(child.events(lambda: None, seconds=60))
        grandchild = psutil.Process(event["pid"])

    assert gone(grandchild)


def test_the_example_is_found() -> None:
    assert example("example_dedup_and_link").read_text().startswith('"""')
    with pytest.raises(InputError, match=r"nothing.py is neither in .*/example_dags nor in dags_examples"):
        example("nothing")


def user(name: str, email: str | None, **more: Any) -> dict[str, Any]:
    provider, _, rest = name.partition("|")
    identities = [{"provider": provider, "user_id": rest, "connection": provider, "isSocial": False}]
    row = {"user_id": name, "created_at": f"2026-01-{len(rest):02}", "identities": identities, **more}
    return row if email is None else {**row, "email": email, "email_verified": True}


def test_the_warehouse_holds_what_the_example_reads(tmp_path: Path) -> None:
    write_users(tmp_path / "w.db", [user("auth0|1", "Ada@example.com"), user("sms|2", None)])

    with closing(sqlite3.connect(tmp_path / "w.db")) as database:
        assert list(database.execute("SELECT * FROM users")) == [
            ("auth0|1", "Ada@example.com", 1, "2026-01-01"),
            ("sms|2", None, 0, "2026-01-01"),
        ]


def test_a_few_accounts_change_overnight_and_only_younger_ones() -> None:
    users = [
        each
        for number in range(40)
        for each in (
            user(f"auth0|{number}", f"u{number}@x.org"),
            user(f"google|long-{number}", f"U{number}@x.org"),
        )
    ]
    before = [dict(each) for each in users]

    today = {each["user_id"]: each for each in overnight(users)}

    assert users == before
    assert {name for name in today if name.startswith("auth0")} == {f"auth0|{n}" for n in range(40)}
    linked = {each["user_id"] for each in users} - today.keys()
    held = {f"{i['provider']}|{i['user_id']}" for each in today.values() for i in each["identities"]}
    assert linked
    assert linked <= held
    younger = [each for name, each in today.items() if name.startswith("google")]
    assert sum(bool(each.get("blocked")) for each in younger) == 2
    assert sum(not each["email_verified"] for each in younger) == 2
    assert sum(each["email"].startswith("moved.") for each in younger) == 2


def test_on_a_terminal_a_step_moves_on_in_its_line() -> None:
    text = io.StringIO()
    seconds = iter(range(0, 100, 3))
    console = Console(file=text, force_terminal=True, width=80)

    with Screen(console, clock=lambda: next(seconds)) as screen:
        screen.say("nothing is on yet")
        screen.begin("First")
        screen.say("half of it")
        screen.begin("Second")
        screen.end()

    assert "First: half of it" in text.getvalue()
    assert "First" in text.getvalue().rpartition("✓")[0]
    assert "(3 s)" in text.getvalue()
    assert "nothing is on yet" not in text.getvalue()


def test_elsewhere_a_step_is_a_line_at_each_end() -> None:
    raw = io.BytesIO()
    console = Console(file=io.TextIOWrapper(raw, encoding="ascii"), width=80)
    seconds = iter((10, 12))

    with Screen(console, clock=lambda: next(seconds)) as screen:
        screen.begin("Only")
        screen.say("not shown")
        screen.end()
    console.file.flush()

    assert raw.getvalue() == b"Only ...\nok Only (2 s)\n"


def test_a_step_that_breaks_off_is_not_done() -> None:
    text = io.StringIO()

    def break_off() -> None:
        with Screen(Console(file=text, width=80)) as screen:
            screen.begin("Only")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert text.getvalue() == "Only ...\n"


def test_this_python_is_the_childs() -> None:
    inside = settings({}, home=Path(), dags=Path(), connection="", warehouse=Path("w"), kept=Path())

    assert inside["PYTHONPATH"].split(":") == [str(Path(each).resolve()) for each in sys.path]
