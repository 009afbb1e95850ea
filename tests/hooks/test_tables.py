"""Queries over Airflow connections: what is read, how much at once, and what is refused."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.sql.hooks.sql import DbApiHook

from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.hooks.tables import FETCH_ROWS, SqlQuery, answering, asking
from tests.cli.commands import ROOT, environment

ROWS = 2 * FETCH_ROWS + 1

PROVIDER = ROOT / "tests" / "fakes" / "warehouse_provider"

MILLION = """
import resource, sys
from airflow_provider_auth0link.hooks.tables import SqlQuery, asking
SQL = '''
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
    SELECT 'auth0|' || i AS user_id, 'p' || i || '@example.com' AS email, i % 2 AS email_verified,
           printf('%0300d', i) AS app_metadata FROM n
'''
peaks = []
for rows in (5_000, int(sys.argv[1])):
    with asking(SqlQuery("warehouse", SQL, (rows,))) as answer:
        assert sum(1 for row in answer.rows) == rows
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
print(answer.columns, peaks[1] - peaks[0])
"""


class Careful(sqlite3.Cursor):
    """A cursor that gives pages only."""

    pages: list[int]

    def fetchmany(self, size: int | None = 1) -> list[Any]:
        page = super().fetchmany(size)
        self.pages = [*getattr(self, "pages", []), len(page)]
        return page

    def fetchall(self) -> list[Any]:
        raise AssertionError("all rows at once")


class Connection(sqlite3.Connection):
    """A connection that remembers its cursors, and what they were asked for with."""

    asked: dict[str, Any]
    made: Careful

    def cursor(self, kind: Any = Careful, /, **named: Any) -> Any:
        self.asked = {"kind": kind, **named}
        self.made = super().cursor(Careful)
        return self.made


class Postgres(Connection):
    """A connection as psycopg2's are, which are known by their module."""


Postgres.__module__ = "psycopg2.extensions"


class Pooled(Postgres):
    """One of a class that somebody derived."""


class Hook(DbApiHook):
    """A hook of a database in memory."""

    conn_name_attr = "here"

    def __init__(self, kind: type[Connection] = Connection) -> None:
        super().__init__()
        self.connected = sqlite3.connect(":memory:", factory=kind)

    def get_conn(self) -> Any:
        return self.connected


@pytest.fixture
def hook() -> Iterator[Hook]:
    hook = Hook()
    yield hook
    hook.connected.close()


NUMBERS = f"""
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
    SELECT 'auth0|' || i AS user_id, NULL AS email FROM n
"""


def test_an_answer_is_read_in_pages(hook: Hook) -> None:
    with answering(hook, NUMBERS) as answer:
        made = hook.connected.made
        assert made.pages == [FETCH_ROWS]
        rows = list(answer.rows)

    assert answer.columns == ("user_id", "email")
    assert rows == [(f"auth0|{number}", None) for number in range(1, ROWS + 1)]
    assert made.pages == [FETCH_ROWS, FETCH_ROWS, 1, 0]
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        hook.connected.execute("SELECT 1")


@pytest.mark.parametrize("parameters", [("auth0|7",), {"id": "auth0|7"}], ids=["sequence", "mapping"])
def test_parameters_are_the_driver_s(hook: Hook, parameters: Any) -> None:
    mark = "?" if isinstance(parameters, tuple) else ":id"
    with answering(hook, f"SELECT {mark} AS user_id", parameters) as answer:
        assert list(answer.rows) == [("auth0|7",)]


def test_no_rows_have_columns_too(hook: Hook) -> None:
    with answering(hook, "SELECT 1 AS user_id WHERE 0") as answer:
        assert (answer.columns, list(answer.rows)) == (("user_id",), [])


def test_names_that_a_database_shouts_are_said_in_small_letters(hook: Hook) -> None:
    sql = 'SELECT 1 AS USER_ID, 2 AS "app_metadata.legacyId", 3 AS "APP_METADATA.PLAN"'
    with answering(hook, sql) as answer:
        assert answer.columns == ("user_id", "app_metadata.legacyId", "app_metadata.plan")


@pytest.mark.parametrize("kind", [Postgres, Pooled])
def test_postgres_is_asked_for_a_cursor_at_the_server(kind: type[Connection]) -> None:
    hook = Hook(kind)
    with answering(hook, NUMBERS) as answer:
        assert hook.connected.asked["name"] == "auth0link"
        assert sum(1 for _ in answer.rows) == ROWS


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("CREATE TABLE users (user_id)", "source: the query gives no table"),
        ("SELECT 1 AS user_id, 2 AS email, 3 AS USER_ID", r"columns twice: \['user_id'\]"),
    ],
)
def test_what_is_no_table_of_accounts_is_refused(hook: Hook, sql: str, told: str) -> None:
    with pytest.raises(InputError, match=told), answering(hook, sql):
        pass
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        hook.connected.execute("SELECT 1")


def test_what_the_database_says_is_told_as_it_is(hook: Hook) -> None:
    with (
        pytest.raises(sqlite3.OperationalError, match="no such table: users"),
        answering(hook, "SELECT * FROM users"),
    ):
        pass


def test_a_query_changes_nothing(tmp_path: Path) -> None:
    hook = Hook()
    with closing(sqlite3.connect(tmp_path / "file.db", factory=Connection)) as database:
        database.execute("CREATE TABLE users (user_id)")
    hook.connected = sqlite3.connect(tmp_path / "file.db", factory=Connection)

    with answering(hook, "INSERT INTO users VALUES ('auth0|1') RETURNING user_id") as answer:
        assert list(answer.rows) == [("auth0|1",)]

    with closing(sqlite3.connect(tmp_path / "file.db")) as database:
        assert list(database.execute("SELECT * FROM users")) == []


@pytest.mark.parametrize(
    ("connection", "told"),
    [
        (None, "Airflow knows no connection 'warehouse'"),
        ("nowhere://host", "no hook is installed for connections of type 'nowhere'"),
        ("http://host", "'warehouse' is a connection of type 'http', whose hook is none for databases"),
    ],
)
@pytest.mark.usefixtures("airflow_db")
def test_what_is_no_connection_of_a_database_is_refused(
    connection: str | None, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if connection:
        monkeypatch.setenv("AIRFLOW_CONN_WAREHOUSE", connection)

    with pytest.raises(InputError, match=told), asking(SqlQuery("warehouse", "SELECT 1")):
        pass


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    """A child of its own reads 400,000 rows of 350 bytes over an Airflow connection. Held, they would be 200 MB."""
    env = environment(
        AIRFLOW_HOME=str(tmp_path),
        AIRFLOW_CONN_WAREHOUSE='{"conn_type": "warehouse", "host": ":memory:"}',
        PYTHONPATH=f"{ROOT}:{PROVIDER}",
    )
    done = subprocess.run(
        [sys.executable, "-c", MILLION, "400000"],
        env=env,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    columns, kilobytes = done.stdout.splitlines()[-1].rsplit(" ", 1)
    assert columns == "('user_id', 'email', 'email_verified', 'app_metadata')"
    assert int(kilobytes) < 20_000
