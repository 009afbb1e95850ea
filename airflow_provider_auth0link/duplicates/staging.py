"""
Accounts brought into a table of DuckDB: one pass over the file, and narrow columns.

The table ``a`` holds a row for each record, in their order, so that ``rowid`` is a record's number from 0. Its
``user_id`` is NULL where DuckDB could not read the record, or where the id is not of the plain kind: those records
are looked at one by one (``odd.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from airflow_provider_auth0link.duplicates.database import number
from airflow_provider_auth0link.duplicates.records import Records
from airflow_provider_auth0link.duplicates.rules import NamedChoice, PreferConnections
from airflow_provider_auth0link.duplicates.search import Search
from airflow_provider_auth0link.duplicates.sources import is_gzip, one_file
from airflow_provider_auth0link.duplicates.words import (
    FLAGS,
    JSON_FIELDS,
    Words,
    names_sql,
    text_sql,
    words_of,
)
from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.model import ENTERPRISE_PROVIDERS

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

IDENTITIES = '[{"provider":"VARCHAR","user_id":"VARCHAR","connection":"VARCHAR"}]'

_SIMPLE = "(len(ids) = 1 AND ids[1].provider || '|' || ids[1].user_id = user_id)"
"""An account with no identity but its own. Nearly all are, and their identities are not kept."""

AT_LINE = "__at_line"
"""Of a record that was looked at: where it stood."""

ALWAYS: Mapping[str, str] = {
    "user_id": "JSON",
    "connection": "VARCHAR",
    "blocked": "JSON",
    "identities": "JSON",
    "app_metadata": "JSON",
    "email": "VARCHAR",
}
"""Fields that are read whatever is searched for, and how: JSON where text and other values have to be told apart."""

_KINDS = {
    **dict.fromkeys((*FLAGS, *JSON_FIELDS, "logins_count"), "JSON"),
    **dict.fromkeys(("last_login", "created_at"), "TIMESTAMPTZ"),
}

_CHOSEN = {
    "most_logins": ("logins_count",),
    "latest_login": ("last_login",),
    "oldest": ("created_at",),
    "has_metadata": JSON_FIELDS,
}

_PLAIN_ID = (
    "starts_with(user_id, '\"') AND strlen(user_id) = length(user_id) AND strpos(user_id, '|') > 2 "
    "AND NOT starts_with(user_id, '\".') AND NOT contains(user_id, '|.') AND NOT contains(user_id, '|\"') "
    "AND NOT contains(user_id, '\\') AND NOT contains(user_id, chr(127))"
)
_PLAIN_ID_OR_NONE = f"CASE WHEN {_PLAIN_ID} THEN substr(user_id, 2, length(user_id) - 2) END"
"""Ids, as JSON, that pass every check of ``UserId.parse``. Nearly all do."""


def stage(database: DuckDBPyConnection, records: Records, search: Search) -> None:
    """
    Read the records into the table ``a``.

    :raises InputError: when a rule's SQL is not taken, or the file is broken
    """
    import duckdb

    try:
        database.execute(
            f"CREATE TABLE a AS SELECT {', '.join(_kept(search))} FROM ({_typed(search)})", _file(records)
        )
    except duckdb.BinderException:
        raise InputError(
            "rules: DuckDB does not take the SQL of a rule. See SqlRule for the fields that it may name"
        ) from None
    except duckdb.OutOfMemoryException:
        raise
    except duckdb.Error as error:
        raise InputError(f"source: cannot be read ({type(error).__name__}). Is it whole?") from None


def put_back(database: DuckDBPyConnection, records: Records, search: Search) -> None:
    """Read records that were looked at one by one, and add them to the table ``a``."""
    if records.path.stat().st_size:
        kept = ", ".join(_kept(search, line=AT_LINE))
        database.execute(
            f"INSERT INTO a SELECT {kept} FROM ({_typed(search, looked_at=True)})", _file(records)
        )


def stage_in_order(database: DuckDBPyConnection, records: Records) -> None:
    """Read what tells records apart once more, in their order: the table ``ordered``."""
    threads = number(database, "SELECT current_setting('threads')")
    database.execute("SET threads = 1")
    try:
        kinds = {name: ALWAYS[name] for name in ("user_id", "identities", "email")}
        database.execute(
            f"CREATE TABLE ordered AS SELECT {_PLAIN_ID_OR_NONE} AS user_id, identities::VARCHAR AS identities, email "
            f"FROM ({_read(kinds)})",
            _file(records),
        )
    finally:
        database.execute(f"SET threads = {threads}")


def _file(records: Records) -> dict[str, str]:
    return {"path": one_file(records.path), "kind": "gzip" if is_gzip(records.path) else "uncompressed"}


def columns(search: Search) -> dict[str, str]:
    """Return the fields that a search reads, and how DuckDB reads each."""
    found = dict(ALWAYS)
    names: set[str] = set()
    for rule in search.rules:
        names |= words_of(rule).fields
    for choice in search.primary:
        names |= set(_CHOSEN[choice.name]) if isinstance(choice, NamedChoice) else set()
    for name in sorted(names - found.keys()):
        found[name] = _KINDS.get(name, "VARCHAR")
    return found


def _read(kinds: Mapping[str, str]) -> str:
    names = ", ".join(f"{text_sql(name)}: '{kind}'" for name, kind in kinds.items())
    return (
        "SELECT * FROM read_json($path, format = 'newline_delimited', records = true, ignore_errors = true, "
        f"compression = $kind, columns = {{{names}}})"
    )


def _typed(search: Search, *, looked_at: bool = False) -> str:
    """Name the fields as rules see them: flags are true or false, whatever stands there."""
    found = columns(search) | ({AT_LINE: "BIGINT"} if looked_at else {})
    changed = {
        "user_id": _PLAIN_ID_OR_NONE,
        "blocked": "coalesce(blocked::VARCHAR <> 'false', false)",
        "connection": f"coalesce(nullif(CASE WHEN {_SIMPLE} THEN ids[1].connection ELSE list_filter(ids, "
        "lambda i: i.provider || '|' || i.user_id = user_id)[1].connection END, ''), nullif(connection, ''))",
        "identities": f"CASE WHEN {_SIMPLE} THEN NULL ELSE identities::VARCHAR END",
        "logins_count": "try_cast(logins_count::VARCHAR AS DOUBLE)",
        **{name: f"coalesce({name}::VARCHAR = 'true', false)" for name in FLAGS},
    }
    changed |= {"user_id": "json_extract_string(user_id, '$')"} if looked_at else {}
    read = f"SELECT * REPLACE ({changed.pop('user_id')} AS user_id), from_json(identities, '{IDENTITIES}') AS ids"
    selected = ", ".join(f"{changed.get(name, quoted(name))} AS {quoted(name)}" for name in found)
    return f"SELECT {selected}, split_part(user_id, '|', 1) AS provider FROM ({read} FROM ({_read(found)}))"


def quoted(name: str) -> str:
    """Return a column's name for SQL."""
    return '"' + name.replace('"', '""') + '"'


def _kept(search: Search, line: str = "NULL::BIGINT") -> Iterable[str]:
    """Name what is kept of a record."""
    yield f"{line} AS line"
    yield "user_id"
    yield "connection"
    yield "blocked"
    yield "identities"
    yield "app_metadata::VARCHAR AS app_metadata"
    if any("user_metadata" in words_of(rule).fields for rule in search.rules):
        yield "user_metadata::VARCHAR AS user_metadata"
    yield "email"
    for at, rule in enumerate(search.rules):
        words = words_of(rule)
        key, left, is_number = (
            made_sql(words) if words.later is None else ("NULL::VARCHAR", "NULL::VARCHAR", "false")
        )
        yield f"{key} AS k{at}"
        yield f"{left} AS x{at}"
        yield f"coalesce({words.proof}, false) AS p{at}"
        yield f"{is_number} AS n{at}"
    names = {choice.name for choice in search.primary if isinstance(choice, NamedChoice)}
    yield from sorted({field for name in names - {"has_metadata"} for field in _CHOSEN[name]})
    if "has_metadata" in names:
        some = [
            f"coalesce({name}::VARCHAR NOT IN ('{{}}', '[]', '\"\"', 'false', '0'), false)"
            for name in JSON_FIELDS
        ]
        yield f"({' OR '.join(some)}) AS has_metadata"


def made_sql(words: Words) -> tuple[str, str, str]:
    """Return a rule's key, the text that SQL cannot make it of, and whether the key is a number."""
    return (
        f"CASE WHEN {words.hard} THEN NULL ELSE {words.easy} END",
        f"CASE WHEN {words.hard} THEN {words.raw} END",
        words.number,
    )


def order_sql(search: Search) -> str:
    """Return by what accounts are sorted, the best primary first."""
    terms = {
        "most_logins": "coalesce(logins_count, 0) DESC",
        "latest_login": "last_login DESC NULLS LAST",
        "oldest": "created_at ASC NULLS LAST",
        "has_metadata": "has_metadata DESC",
    }
    order = [
        _preferred(each) if isinstance(each, PreferConnections) else terms[each.name]
        for each in search.primary
    ]
    return ", ".join([*order, "user_id", "rec"])


def _preferred(choice: PreferConnections) -> str:
    places = " ".join(
        f"WHEN {text_sql(name)} THEN {at}" for at, name in enumerate(dict.fromkeys(choice.names))
    )
    return f"CASE connection {places} ELSE {len(choice.names)} END"


def enterprise_sql(ids: str) -> str:
    """Return whether an account or one of its identities is of an enterprise."""
    names = names_sql(ENTERPRISE_PROVIDERS)
    return (
        f"(split_part(user_id, '|', 1) IN {names} OR "
        f"coalesce(len(list_filter({ids}, lambda i: i.provider IN {names})) > 0, false))"
    )
