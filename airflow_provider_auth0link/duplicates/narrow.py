"""
All records in one pass, narrow: the table ``n``.

It holds a row for each record, in their order, so that ``rowid`` is a record's number from 0: hashes of its id (``hu``)
and of each rule's key (``h0`` and so on; the text that SQL cannot make the key of is in ``x0``), and of what ``kind``
it is: one that holds other identities than its own, or one that has to be looked at by itself (``odd.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_auth0link.duplicates.database import number
from airflow_provider_auth0link.duplicates.own import check_sql, named
from airflow_provider_auth0link.duplicates.records import Records
from airflow_provider_auth0link.duplicates.rules import SameMetadata, SqlRule
from airflow_provider_auth0link.duplicates.search import Search
from airflow_provider_auth0link.duplicates.staging import (
    PLAIN_ID,
    at_path,
    made_sql,
    quoted,
    read_sql,
    typed_sql,
)
from airflow_provider_auth0link.duplicates.words import FLAGS, text_sql, words_of
from airflow_provider_auth0link.errors import InputError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_PAIRS = "STRUCT(provider VARCHAR, user_id VARCHAR)[]"

PLAIN, HOLDS_MORE, ODD, BARE = range(4)
"""Kinds of records. From ``ODD`` on they are looked at; ``BARE`` ones because they have no identities."""

MOST_BARE = 1000
"""So many accounts without identities are looked at one by one. Where there are more, DuckDB is asked in more words."""


def stage(database: DuckDBPyConnection, records: Records, search: Search, *, exact: bool) -> bool:
    """
    Read the records into the table ``n``.

    :param exact: tell accounts that lack identities from those whose identities are none
    :return: whether that was done, for want of another way if not as asked
    :raises InputError: when a rule's SQL is not taken, or the file is broken
    """
    check_sql(database, search, typed_sql(search), at_path(records))
    kinds = None if exact else _narrow_kinds(search)
    if kinds is not None:
        _stage(database, records, search, _narrow(search, kinds))
        if number(database, f"SELECT count(*) FROM n WHERE kind = {BARE}") <= MOST_BARE:
            return False
        database.execute("DROP TABLE n")
    _stage(database, records, search, _exact(search))
    return True


def _stage(database: DuckDBPyConnection, records: Records, search: Search, query: str) -> None:
    import duckdb

    try:
        with named(search):
            database.execute(f"CREATE TABLE n AS {query}", at_path(records))
    except (duckdb.OutOfMemoryException, duckdb.InterruptException):
        raise
    except duckdb.Error as error:
        raise InputError(f"source: cannot be read ({type(error).__name__}). Is it whole?") from None


def _narrow_kinds(search: Search) -> dict[str, str] | None:
    """Return the fields that keys are made of, each as small as can be; None where a rule asks for more."""
    kinds = {"user_id": "VARCHAR", "email": "VARCHAR", "identities": _PAIRS}
    trees: dict[str, Any] = {}
    for rule in search.rules:
        if isinstance(rule, SqlRule):
            return None
        if isinstance(rule, SameMetadata):
            if not _grown(trees, rule.path.split(".")):
                return None
        else:
            kinds |= dict.fromkeys(words_of(rule).fields - {*FLAGS, *kinds}, "VARCHAR")
    return kinds | {kind: _struct(tree) for kind, tree in trees.items()}


def _grown(tree: dict[str, Any], steps: Sequence[str]) -> bool:
    """Add a path. Not where a structure of DuckDB cannot: it has one name whatever the case, and one thing there."""
    for at, step in enumerate(steps):
        is_last = at == len(steps) - 1
        if any(step != name and step.casefold() == name.casefold() for name in tree):
            return False
        below = tree.setdefault(step, None if is_last else {})
        if is_last or below is None:
            return is_last and below is None
        tree = below
    return True


def _struct(tree: Mapping[str, Any] | None) -> str:
    if tree is None:
        return "JSON"
    return "STRUCT(" + ", ".join(f"{quoted(name)} {_struct(below)}" for name, below in tree.items()) + ")"


def _narrow(search: Search, kinds: Mapping[str, str]) -> str:
    plain = f"regexp_full_match(user_id, {text_sql(PLAIN_ID)})"
    lacking = "len(list_filter(ids, lambda i: i.provider IS NULL)) > 0"
    # Nearly all are of the first case, so that the others cost nothing.
    kind = (
        f"CASE WHEN len(ids) = 1 AND ids[1].provider || '|' || ids[1].user_id = user_id AND {plain} THEN {PLAIN} "
        f"WHEN user_id IS NOT NULL AND ids IS NULL THEN {BARE} "
        f"WHEN user_id IS NULL OR NOT {plain} OR {lacking} THEN {ODD} "
        f"WHEN len(ids) = 0 THEN {PLAIN} ELSE {HOLDS_MORE} END"
    )
    return (
        f"SELECT hash(user_id) AS hu, {kind} AS kind, {_keys(search, narrow=True)} "
        f"FROM (SELECT * RENAME (identities AS ids) FROM ({read_sql(kinds)}))"
    )


def _exact(search: Search) -> str:
    objects = "len(list_filter(json_extract(identities, '$[*]'), lambda i: json_type(i) <> 'OBJECT')) = 0"
    kind = (
        "CASE WHEN user_id IS NULL OR (identities IS NOT NULL AND identities <> '[]' "
        f"AND NOT (starts_with(identities, '[') AND {objects})) THEN {ODD} "
        f"WHEN identities <> '[]' THEN {HOLDS_MORE} ELSE {PLAIN} END"
    )
    return f"SELECT hash(user_id) AS hu, {kind} AS kind, {_keys(search, narrow=False)} FROM ({typed_sql(search)})"


def _keys(search: Search, *, narrow: bool) -> str:
    found = []
    for at, rule in enumerate(search.rules):
        key, left, _ = made_sql(words_of(rule, narrow=narrow))
        found += [f"CASE WHEN {key} IS NOT NULL THEN hash({key}) END AS h{at}", f"{left} AS x{at}"]
    return ", ".join(found)
