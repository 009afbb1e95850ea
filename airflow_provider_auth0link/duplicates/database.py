"""The database that a search works in: opened, filled from files of ours, and asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_auth0link.duplicates.sources import one_file
from airflow_provider_auth0link.duplicates.words import text_sql
from airflow_provider_auth0link.errors import InputError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def opened(work: Path, memory_limit: str, threads: int | None) -> DuckDBPyConnection:
    """
    Open a database in memory, which spills into a folder what does not fit.

    :raises InputError: when DuckDB is not installed, or knows no such limit
    """
    try:
        import duckdb
    except ImportError:
        raise InputError(
            "finding duplicates needs DuckDB: install airflow-provider-auth0link[plan]"
        ) from None
    database = duckdb.connect(":memory:")
    try:
        _set(database, work, memory_limit, threads)
    except (duckdb.Error, ValueError):
        database.close()
        raise InputError(
            "memory_limit must be a size such as '1GB', and threads a whole number from 1 on"
        ) from None
    return database


def _set(database: DuckDBPyConnection, work: Path, memory_limit: str, threads: int | None) -> None:
    import duckdb

    settings = [
        f"memory_limit = {text_sql(memory_limit)}",
        f"temp_directory = {text_sql(str(work / 'spilled'))}",
        "autoinstall_known_extensions = false",
        "autoload_known_extensions = false",
        "preserve_insertion_order = true",
        "enable_progress_bar = false",
    ]
    for setting in settings if threads is None else [*settings, f"threads = {int(threads)}"]:
        database.execute(f"SET {setting}")
    with suppress(duckdb.Error):  # a build without time zones has UTC alone
        database.execute("SET TimeZone = 'UTC'")


@contextmanager
def one_thread(database: DuckDBPyConnection) -> Iterator[None]:
    """Let a block's queries run in one thread."""
    threads = number(database, "SELECT current_setting('threads')")
    database.execute("SET threads = 1")
    try:
        yield
    finally:
        database.execute(f"SET threads = {threads}")


@contextmanager
def explained(memory_limit: str) -> Iterator[None]:
    """
    Say what to do where memory does not suffice.

    :raises InputError: when it does not
    """
    import duckdb

    try:
        yield
    except duckdb.OutOfMemoryException:
        raise InputError(
            f"memory_limit: {memory_limit!r} is too little for DuckDB. Give more, or fewer threads"
        ) from None


def load(database: DuckDBPyConnection, table: str, path: Path, kinds: Mapping[str, str]) -> None:
    """Add a file of JSON lines that we wrote to a table, which is made when it is not there."""
    columns = ", ".join(f"{name} {kind}" for name, kind in kinds.items())
    database.execute(f"CREATE TABLE IF NOT EXISTS {table} ({columns})")
    if path.stat().st_size:
        names = ", ".join(f"{text_sql(name)}: '{kind}'" for name, kind in kinds.items())
        database.execute(
            f"INSERT INTO {table} SELECT * FROM read_json($path, format = 'newline_delimited', records = true, "
            f"columns = {{{names}}})",
            {"path": one_file(path)},
        )


def number(database: DuckDBPyConnection, query: str) -> int:
    """Return the one number that a query gives."""
    row = database.execute(query).fetchone()
    return int(row[0]) if row else 0
