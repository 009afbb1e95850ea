"""What a search was told to look for and met nowhere: often a typing error."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from airflow_provider_auth0link.duplicates.database import number
from airflow_provider_auth0link.duplicates.rules import (
    PreferConnections,
    Rule,
    SameMetadata,
    VerifiedEmail,
    VerifiedPhone,
)
from airflow_provider_auth0link.duplicates.search import Search

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def keyless(database: DuckDBPyConnection, search: Search) -> tuple[str, ...]:
    """
    Say of which rules no account has a key, while there is the table ``n``.

    A rule with keys costs nothing here: the first one that is met ends the look.
    """
    return tuple(
        _keyless(rule)
        for at, rule in enumerate(search.rules)
        if not any(_has(database, table, key) for table, key in (("n", f"h{at}"), ("a", f"k{at}")))
    )


def _has(database: DuckDBPyConnection, table: str, column: str) -> bool:
    some = f"SELECT 1 FROM {table} WHERE {column} IS NOT NULL LIMIT 1"
    return number(database, f"SELECT count(*) FROM ({some})") > 0


def _keyless(rule: Rule) -> str:
    match rule:
        case VerifiedEmail():
            return "no account has an e-mail"
        case VerifiedPhone():
            return "no account has a phone number"
        case SameMetadata():
            return f"no account has a text or a number at {rule.path}"
        case _:
            return f"the rule {rule.name!r} gives no account a key"


def absent(database: DuckDBPyConnection, search: Search) -> tuple[str, ...]:
    """Say which of the connections that were named have none of the accounts that matter, of the table ``a``."""
    names = dict.fromkeys(_named(search))
    if not names:
        return ()
    there = {name for (name,) in database.execute("SELECT DISTINCT connection FROM a").fetchall()}
    return tuple(
        f"no account that shares a key with another is of connection {name!r}"
        for name in names
        if name not in there
    )


def _named(search: Search) -> Iterator[str]:
    yield from search.connections or ()
    for choice in search.primary:
        if isinstance(choice, PreferConnections):
            yield from choice.names
