"""
Tables that a Dag author names: a query over an Airflow connection, read as a stream.

Most drivers bring the whole answer of a query to the client when it is run; where one has a cursor that leaves it at
the server, that one is taken: psycopg's named cursors, ``SSCursor`` of MySQLdb and PyMySQL.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_auth0link.errors import InputError

if TYPE_CHECKING:
    from airflow.providers.common.sql.hooks.sql import DbApiHook

FETCH_ROWS = 2_000
"""Held at once. Users with their metadata are a kilobyte or so each."""

NAMED = {"psycopg", "psycopg2"}
UNBUFFERED = {"MySQLdb", "pymysql"}


class SqlQuery(NamedTuple):
    """
    Users in a table: what a query over an Airflow connection gives.

    Airflow renders what stands in a named tuple, so all three are templated; ``sql`` may name a ``.sql`` file.

    :param conn_id: a connection whose hook is one for databases, Postgres or Snowflake for example
    :param sql: one SELECT. Its columns are named like an account's fields: user_id, email, email_verified, ...
    :param parameters: for the placeholders of the driver, a sequence or a mapping
    """

    conn_id: str
    sql: str
    parameters: Sequence[Any] | Mapping[str, Any] | None = None


class Answer(NamedTuple):
    """The columns of an answer, and its rows, to be read once."""

    columns: tuple[str, ...]
    rows: Iterator[Sequence[Any]]


@contextmanager
def asking(query: SqlQuery) -> Iterator[Answer]:
    """
    Run a query over its Airflow connection. The answer is read while the block lasts.

    :raises InputError: when there is no such connection, or none of a database, or the query gives no table
    """
    with answering(_hook(query.conn_id), query.sql, query.parameters) as answer:
        yield answer


@contextmanager
def answering(hook: DbApiHook, sql: str, parameters: object = None) -> Iterator[Answer]:
    """Run a query over a hook. What it may have changed is not committed."""
    with closing(hook.get_conn()) as connection:
        cursor = _streaming(connection)
        try:
            cursor.arraysize = FETCH_ROWS
            cursor.execute(sql, parameters) if parameters else cursor.execute(sql)
            first = cursor.fetchmany(
                FETCH_ROWS
            )  # psycopg2 describes a named cursor after its first rows only
            yield Answer(_columns(cursor.description), _rows(cursor, first))
        finally:
            with suppress(Exception):  # the connection may be gone, and that is told already
                cursor.close()


def _hook(conn_id: str) -> DbApiHook:
    from airflow.providers.common.compat.sdk import AirflowException, AirflowNotFoundException, BaseHook

    try:
        from airflow.providers.common.sql.hooks.sql import DbApiHook
    except ImportError:
        raise InputError("source: SQL needs the extra: install airflow-provider-auth0link[plan]") from None
    try:
        connection = BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        raise InputError(f"source: Airflow knows no connection {conn_id!r}") from None
    try:
        hook = connection.get_hook()  # type: ignore[no-untyped-call]  # Airflow's own
    except (AirflowException, ImportError):
        raise InputError(
            f"source: no hook is installed for connections of type {connection.conn_type!r}, as {conn_id!r} is. "
            "Install the Airflow provider of that database"
        ) from None
    if not isinstance(hook, DbApiHook):
        raise InputError(
            f"source: {conn_id!r} is a connection of type {connection.conn_type!r}, whose hook is none for databases"
        )
    return hook


def _streaming(connection: Any) -> Any:  # noqa: ANN401 - DB-API objects have no common type
    """Open the cursor that leaves an answer at the server, where the driver has one."""
    driver = _driver(connection)
    if driver in NAMED:
        return connection.cursor(name="auth0link")
    if driver in UNBUFFERED:
        return connection.cursor(import_module(f"{driver}.cursors").SSCursor)
    return connection.cursor()


def _driver(connection: object) -> str:
    """Return the package of a connection's class, or of one that it is made from."""
    packages = [made.__module__.partition(".")[0] for made in type(connection).__mro__]
    return next((package for package in packages if package in NAMED | UNBUFFERED), packages[0])


def _columns(description: Sequence[Sequence[Any]] | None) -> tuple[str, ...]:
    """Read the columns' names. Where a database shouts them, USER_ID, they are said in small letters."""
    if not description:
        raise InputError("source: the query gives no table. Give one SELECT")
    names = [str(column[0]) for column in description]
    names = [name.lower() if name.isupper() else name for name in names]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError(f"source: the query gives columns twice: {twice}. Name them apart with AS")
    return tuple(names)


def _rows(cursor: Any, page: Sequence[Sequence[Any]]) -> Iterator[Sequence[Any]]:  # noqa: ANN401 - as above
    while page:
        yield from page
        page = cursor.fetchmany(FETCH_ROWS)
