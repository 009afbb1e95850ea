"""Duplicates found in files and tables, as an operator."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pendulum
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import DAG, Asset

from airflow_provider_auth0link.duplicates.rules import PreferConnections, SameMetadata, VerifiedEmail
from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.linking.plan import read_plan
from airflow_provider_auth0link.operators.plan import PlanLinksOperator, SqlQuery
from tests.cli.commands import ROOT, environment
from tests.fakes.export import ACCOUNTS, PLANNED, REASONS, account, ndjson, rows
from tests.operators.rig import Ran, run
from tests.operators.test_dag_run import RunDag, xcoms
from tests.operators.test_rendering import SECRET, find, rendered, unmapped


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "users.ndjson"
    path.write_bytes(ndjson())
    return path


def plan(source: object, plan_path: object = None, **arguments: Any) -> Ran:
    there = plan_path if plan_path is not None else Path(str(source)).parent / "plan.jsonl"
    return run(PlanLinksOperator(task_id="plan", source=str(source), plan_path=str(there), **arguments))


def test_a_plan_and_its_rejects_are_written(source: Path, tmp_path: Path) -> None:
    ran = plan(source)

    assert ran.error is None, ran.said()
    assert rows((tmp_path / "plan.jsonl").read_bytes()) == PLANNED
    rejects = rows((tmp_path / "plan.rejects.jsonl").read_bytes())
    assert rejects[0] == {"line": 8, "reason": "unreadable: no JSON"}
    assert {row["user_id"]: row["reason"] for row in rejects[1:]} == REASONS
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "plan.jsonl",
        "plan.rejects.jsonl",
        "users.ndjson",
    ]


def test_the_counts_are_handed_on_without_an_e_mail(source: Path, tmp_path: Path) -> None:
    ran = plan(source)

    assert ran.value["accounts"] == len(ACCOUNTS)
    assert (ran.value["unreadable"], ran.value["planned"]) == (1, 1)
    assert ran.pushed["plan_path"] == str(tmp_path / "plan.jsonl")
    assert ran.pushed["planned"] == 1
    digest = hashlib.sha256((tmp_path / "plan.jsonl").read_bytes()).hexdigest()
    assert ran.pushed["plan_digest"] == digest
    assert "verified_email" in ran.pushed["summary_markdown"]
    assert "roles" in ran.pushed["summary_markdown"]
    handed_on = json.dumps([ran.value, ran.pushed])
    assert not re.search(r"ada@|bob@|half@", handed_on, re.IGNORECASE)


def test_the_batch_reads_what_is_written(source: Path, tmp_path: Path) -> None:
    ran = plan(source, tmp_path / "plan.jsonl.gz")

    with (tmp_path / "plan.jsonl.gz").open("rb") as file:
        read = read_plan(file, "plan.jsonl.gz")
    assert (read.planned, read.digest) == (1, ran.pushed["plan_digest"])


def test_a_zipped_plan_is_the_same_each_time(source: Path, tmp_path: Path) -> None:
    written = []
    for _ in range(2):
        assert plan(source, tmp_path / "plan.jsonl.gz").error is None
        written.append(
            [(tmp_path / name).read_bytes() for name in ("plan.jsonl.gz", "plan.rejects.jsonl.gz")]
        )

    assert written[0] == written[1]
    assert rows(gzip.decompress(written[0][0])) == PLANNED


@pytest.mark.parametrize("name", ["users.ndjson.gz", "users.jsonl", "users.json", "users.jsonl.gz"])
def test_the_ending_tells_how_it_is_read(name: str, tmp_path: Path) -> None:
    content = ndjson()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)

    assert plan(tmp_path / name).value["planned"] == 1


@pytest.mark.parametrize("broken", [b"", b"\n\n"], ids=["no-byte", "blank-lines"])
def test_an_empty_export_is_an_empty_plan(broken: bytes, source: Path, tmp_path: Path) -> None:
    source.write_bytes(broken)

    ran = plan(source)

    assert ran.error is None, ran.said()
    assert (ran.value["accounts"], ran.value["planned"]) == (0, 0)
    assert (tmp_path / "plan.jsonl").read_bytes() == (tmp_path / "plan.rejects.jsonl").read_bytes() == b""
    assert ran.pushed["plan_digest"] == hashlib.sha256(b"").hexdigest()


def test_a_source_without_an_account_is_told(
    source: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    source.write_bytes(b'{"id": 1}\n{"id": 2}\n')

    ran = plan(source)

    assert ran.error is None, ran.said()
    assert (ran.value["accounts"], ran.value["unreadable"]) == (0, 2)
    assert "No record of the source is an account" in f"{capsys.readouterr()} {caplog.text}"


def test_what_is_met_nowhere_is_a_warning(
    source: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    ran = plan(source, rules=("verified_email", "metadata:app_metadata.legcy"))

    assert ran.value["planned"] == 1
    assert "no account has a text or a number at app_metadata.legcy" in f"{capsys.readouterr()} {caplog.text}"


def test_object_storage(source: Path, tmp_path: Path) -> None:
    from airflow.sdk.io import attach
    from fsspec.implementations.memory import MemoryFileSystem

    store = MemoryFileSystem()
    attach("memory", fs=store)
    store.pipe_file("/exports/users.ndjson.gz", gzip.compress(ndjson()))

    ran = plan("memory://exports/users.ndjson.gz", "memory://exports/plan.jsonl")

    assert ran.error is None, ran.said()
    assert rows(store.cat_file("/exports/plan.jsonl")) == PLANNED
    assert len(rows(store.cat_file("/exports/plan.rejects.jsonl"))) == 1 + len(REASONS)
    store.rm("/exports", recursive=True)


def test_rules_and_choices_are_words_or_values(source: Path, tmp_path: Path) -> None:
    twins = [
        account("auth0|one", "one@x.org", app_metadata={"legacy_id": 7}),
        account("github|two", "two@x.org", app_metadata={"legacy_id": "7"}),
        account("google-oauth2|2", "two+b@x.org"),
    ]
    source.write_bytes(ndjson(twins, b""))
    rules = (VerifiedEmail(subaddresses=True), SameMetadata("app_metadata.legacy_id"))

    by_value = plan(source, rules=rules, primary=(PreferConnections(("github",)), "oldest"))
    lines = (tmp_path / "plan.jsonl").read_bytes()
    by_word = plan(source, rules=("metadata:app_metadata.legacy_id",), primary=["connections:github"])

    assert by_value.error is None, by_value.said()
    assert [(row["primary_user_id"], row["secondary_user_id"]) for row in rows(lines)] == [
        ("github|two", "auth0|one"),
        ("github|two", "google-oauth2|2"),
    ]
    assert by_word.value["planned"] == 1


@pytest.mark.parametrize(
    "arguments",
    [
        {"rules": ("verified_mail",)},
        {"rules": ()},
        {"primary": ("newest",)},
        {"max_group": 1},
        {"connections": "db"},
        {"connections": ()},
    ],
    ids=str,
)
def test_a_typing_error_is_told_when_the_dag_is_parsed(arguments: Any) -> None:
    with pytest.raises(InputError):
        PlanLinksOperator(task_id="plan", source="users.ndjson", plan_path="plan.jsonl", **arguments)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"source": "{folder}/missing.ndjson"}, "missing.ndjson: is not there"),
        ({"source": "{folder}/users.xlsx"}, "must end in|ending"),
        ({"source": ""}, "source: is empty"),
        ({"source": 7}, "source: expected a string, got int"),
        ({"source": SqlQuery("", "SELECT 1")}, "source.conn_id: is empty"),
        ({"source": SqlQuery("warehouse", "")}, "source.sql: is empty"),
        ({"plan_path": "None"}, "plan_path: is empty"),
        ({"plan_path": "{folder}/plan.csv"}, r"plan: '.*plan\.csv' must be a file that ends in \.jsonl or"),
        ({"plan_path": "{folder}/.jsonl"}, "must be a file that ends in"),
        ({"plan_path": "{folder}/none/plan.jsonl"}, "its folder or bucket is not there. Make it first"),
        ({"rejects_path": "{folder}/none/rejects.jsonl"}, "its folder or bucket is not there. Make it first"),
        ({"rejects_path": "{folder}/rejects.txt"}, "rejects: '.*' must be a file that ends in"),
        ({"rejects_path": "{folder}/./plan.jsonl"}, "rejects: '.*' is the plan's path too"),
        ({"source": "{folder}/plan.jsonl"}, "plan: '.*' is the source's path too"),
        ({"rejects_path": "{folder}/r.jsonl", "source": "{folder}/r.jsonl"}, "rejects: .* the source's path"),
    ],
    ids=str,
)
def test_what_cannot_work_is_refused_before_anything_is_written(
    arguments: dict[str, Any], told: str, source: Path, tmp_path: Path
) -> None:
    given: dict[str, Any] = {"source": str(source), "plan_path": "{folder}/plan.jsonl", **arguments}
    given = {
        name: value.replace("{folder}", str(tmp_path)) if type(value) is str else value
        for name, value in given.items()
    }

    ran = run(PlanLinksOperator(task_id="plan", **given))

    assert isinstance(ran.raised, InputError)
    assert isinstance(ran.raised, AirflowFailException)
    assert re.search(told, str(ran.raised))
    assert list(tmp_path.iterdir()) == [source]


def test_a_plan_that_stood_there_stands_when_nothing_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "plan.jsonl").write_bytes(b"before")

    ran = plan(tmp_path / "missing.ndjson")

    assert isinstance(ran.raised, InputError)
    assert [path.name for path in tmp_path.iterdir()] == ["plan.jsonl"]
    assert (tmp_path / "plan.jsonl").read_bytes() == b"before"


def test_source_and_paths_are_templates() -> None:
    with DAG("nightly", schedule=None):
        operator = PlanLinksOperator(
            task_id="plan",
            source=SqlQuery("{{ word }}", "SELECT '{{ word }}'", {"day": ["{{ word }}"]}),
            plan_path="{{ word }}.jsonl",
            rejects_path="{{ word }}.rejects.jsonl",
        )

    done = unmapped(operator, None)

    assert done.source == SqlQuery("rendered", "SELECT 'rendered'", {"day": ["rendered"]})
    assert isinstance(done.source, SqlQuery)
    assert (done.plan_path, done.rejects_path) == ("rendered.jsonl", "rendered.rejects.jsonl")


def test_sql_may_lie_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "users.sql").write_text("SELECT user_id FROM {{ word }}")
    with DAG("nightly", schedule=None, template_searchpath=str(tmp_path)):
        operator = PlanLinksOperator(
            task_id="plan", source=SqlQuery("warehouse", "users.sql"), plan_path="p.jsonl"
        )

    assert unmapped(operator, None).source.sql == "SELECT user_id FROM rendered"


def test_a_source_that_arrives_by_xcom_is_not_rendered() -> None:
    with DAG("nightly", schedule=None):
        mapped = PlanLinksOperator.partial(task_id="plan", plan_path="{{ word }}.jsonl").expand(source=find())

    fields = rendered(mapped, {"find": [f"/{SECRET}.ndjson"]})

    assert fields["source"] == f"/{SECRET}.ndjson"
    assert fields["plan_path"] == "rendered.jsonl"


@pytest.mark.airflow_run
def test_in_a_dag_run_assets_learn_what_was_found(source: Path, tmp_path: Path, run_dag: RunDag) -> None:
    asset = Asset("file:///plans/nightly.jsonl")
    with DAG("find_duplicates", schedule=None, start_date=pendulum.datetime(2026, 1, 1)) as dag:
        PlanLinksOperator(
            task_id="plan",
            source="{{ params.folder }}/users.ndjson",
            plan_path="{{ params.folder }}/plan-{{ dag_run.run_id }}.jsonl",
            params={"folder": str(tmp_path)},
            outlets=[asset],
        )

    ran = run_dag(dag)

    assert str(ran.state) == "success"
    (path,) = xcoms(ran, "plan", "plan_path").values()
    assert path == str(tmp_path / f"plan-{ran.run_id}.jsonl")
    assert rows(Path(path).read_bytes()) == PLANNED


PARSE = """
import sys
from airflow_provider_auth0link.operators.plan import PlanLinksOperator, SqlQuery
PlanLinksOperator(task_id="plan", source=SqlQuery("w", "SELECT 1"), plan_path="plan.jsonl")
print(sorted({"duckdb", "pandas", "airflow.providers.common.sql.hooks.sql"} & set(sys.modules)))
"""

WITHOUT = """
import sys
sys.modules["duckdb"] = None
from airflow_provider_auth0link.operators.plan import PlanLinksOperator
try:
    PlanLinksOperator(task_id="plan", source="users.ndjson", plan_path="plan.jsonl").execute({})
except Exception as error:
    print(error)
"""


STOPPED = """
import signal, threading, time
from airflow_provider_auth0link.duplicates.rules import SqlRule
from airflow_provider_auth0link.operators.plan import PlanLinksOperator
endless = SqlRule(
    "endless",
    "(SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range + b.range > length(email))::VARCHAR",
)
operator = PlanLinksOperator(
    task_id="plan", source="users.ndjson", plan_path="plan.jsonl", rules=(endless,), threads=1
)
operator.on_kill()
signal.signal(signal.SIGTERM, lambda *_: operator.on_kill())

def told():  # again and again: on a busy machine the first comes before the query
    while True:
        time.sleep(1)
        signal.raise_signal(signal.SIGTERM)

threading.Thread(target=told, daemon=True).start()
try:
    operator.execute({})
except Exception as error:
    print(type(error).__name__, getattr(error, "retryable", None))
"""


def test_a_task_that_is_told_to_stop_leaves_nothing(source: Path, tmp_path: Path) -> None:
    """In the midst of a query that would never end, in one thread; the handler is as Airflow 3 has it."""
    (tmp_path / "temporary").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", STOPPED],
        cwd=tmp_path,
        env=environment(AIRFLOW_HOME=str(tmp_path / "airflow"), TMPDIR=str(tmp_path / "temporary")),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.stdout.splitlines()[-1:] == ["StoppedError True"], done.stderr
    assert list((tmp_path / "temporary").iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["airflow", "temporary", "users.ndjson"]


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (PARSE, "[]"),
        (WITHOUT, "a plan needs DuckDB: install airflow-provider-auth0link[plan]"),
    ],
    ids=["parsing-imports-no-duckdb", "the-extra-is-named"],
)
def test_duckdb_is_an_extra(code: str, told: str, source: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment(AIRFLOW_HOME=str(tmp_path / "airflow"), PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == told
    assert not (tmp_path / "plan.jsonl").exists()
