"""Rules of an author's own: their SQL tried before anything is read, and named where an account makes it fail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_provider_auth0link.duplicates.rules import SqlRule
from airflow_provider_auth0link.duplicates.search import Search
from airflow_provider_auth0link.duplicates.words import words_of
from airflow_provider_auth0link.errors import InputError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def check_sql(
    database: DuckDBPyConnection, search: Search, accounts: str, values: Mapping[str, object]
) -> None:
    """
    Have DuckDB look at the SQL of rules. Nothing is read, so that what it says holds no account's data.

    :param accounts: SQL that gives accounts as rules see them
    :param values: what that needs
    :raises InputError: naming the rule that is not taken, and what is wrong with it
    """
    import duckdb

    for rule in search.rules:
        if not isinstance(rule, SqlRule):
            continue
        words = words_of(rule)
        for what, sql in (("key_sql", words.easy), ("verified_sql", words.proof)):
            try:
                database.execute(f"SELECT user_id, {sql} FROM ({accounts}) LIMIT 0", values)
            except (duckdb.ProgrammingError, duckdb.NotSupportedError) as error:
                raise InputError(
                    f"rules: DuckDB does not take the {what} of {rule.name!r}: {_first_line(error)}"
                    " See SqlRule for the fields that it may name"
                ) from None


def _first_line(error: Exception) -> str:
    """Return what is wrong, without the statement that DuckDB repeats below it."""
    line = str(error).strip().partition("\n")[0]
    return line if line.endswith((".", "!", "?")) else f"{line}."


@contextmanager
def named(search: Search) -> Iterator[None]:
    """
    Blame the rules of an author's own for a statement that fails at a value: no other SQL can.

    :raises InputError: naming them; DuckDB's own words quote the value
    """
    import duckdb

    names = [rule.name for rule in search.rules if isinstance(rule, SqlRule)]
    try:
        yield
    except duckdb.Error as error:
        if not names or isinstance(error, duckdb.OperationalError | duckdb.InterruptException):
            raise
        raise InputError(
            f"rules: the SQL of {' or '.join(map(repr, names))} fails at what an account holds "
            f"({type(error).__name__}). Let it give NULL there, as try_cast does"
        ) from None
