"""
Accounts as they are read from a file of JSON lines, and those that matter, in the table ``a``.

It holds all that is known of the records that share a key or an id with another, hold another's identity or were looked
at by themselves. These are few, and nothing is stored of the others: to read a file costs less than to keep it. ``rec``
is a record's number, or less than 0 for one that was looked at; ``node`` is the record that stands for the account,
``twin`` why an account that several records tell of is not planned.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from airflow_provider_auth0link.duplicates.own import named
from airflow_provider_auth0link.duplicates.records import Records
from airflow_provider_auth0link.duplicates.rules import NamedChoice, PreferConnections
from airflow_provider_auth0link.duplicates.search import Search
from airflow_provider_auth0link.duplicates.sources import one_file
from airflow_provider_auth0link.duplicates.words import (
    FLAGS,
    JSON_FIELDS,
    Words,
    names_sql,
    text_sql,
    words_of,
)
from airflow_provider_auth0link.model import ENTERPRISE_PROVIDERS

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

IDENTITIES = '[{"provider":"VARCHAR","user_id":"VARCHAR","connection":"VARCHAR"}]'

_SIMPLE = "(len(ids) = 1 AND ids[1].provider || '|' || ids[1].user_id = user_id)"
"""An account with no identity but its own. Nearly all are, and their identities are not kept."""

AT_LINE, AT_REC = "__at_line", "__at_rec"
"""Of a record that was looked at: where it stood. Of another: its number."""

ALWAYS: Mapping[str, str] = {
    "user_id": "JSON",
    "connection": "VARCHAR",
    "blocked": "JSON",
    "identities": "JSON",
    "app_metadata": "JSON",
    "email": "JSON",
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

_SIGN = r" !#-\[\]-{}~"
PLAIN_ID = rf"[ !#-\-/-Z\]-z}}~][{_SIGN}]*(\|+[ !#-\-/-\[\]-{{}}~][{_SIGN}]*)+"
"""Ids that pass every check of ``UserId.parse``, as Python and DuckDB both read it. Nearly all do."""


def add(database: DuckDBPyConnection, records: Records, search: Search) -> None:
    """Read records that were picked, or looked at one by one, and add them to the table ``a``."""
    kept = ", ".join(_kept(search))
    query = f"SELECT {kept} FROM ({typed_sql(search, {AT_LINE: 'BIGINT', AT_REC: 'BIGINT'})})"
    database.execute(f"CREATE TABLE IF NOT EXISTS a AS {query} LIMIT 0", at_path(records))
    if records.path.stat().st_size:
        with named(search):
            database.execute(f"INSERT INTO a {query}", at_path(records))


def at_path(records: Records) -> dict[str, str]:
    """Return the value that the SQL of a reading needs."""
    return {"path": one_file(records.path)}


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


def read_sql(kinds: Mapping[str, str]) -> str:
    """Return the reading of a file's fields, each as DuckDB's type."""
    names = ", ".join(f"{text_sql(name)}: {text_sql(kind)}" for name, kind in kinds.items())
    return (
        "SELECT * FROM read_json($path, format = 'newline_delimited', records = true, ignore_errors = true, "
        f"compression = 'uncompressed', columns = {{{names}}})"
    )


def typed_sql(search: Search, more: Mapping[str, str] | None = None) -> str:
    """Name the fields as rules see them: flags are true or false, whatever stands there."""
    found = columns(search) | dict(more or {})
    changed = {
        "email": "CASE WHEN json_type(email) = 'VARCHAR' THEN json_extract_string(email, '$') END",
        "blocked": "coalesce(blocked::VARCHAR <> 'false', false)",
        "connection": f"coalesce(nullif(CASE WHEN {_SIMPLE} THEN ids[1].connection ELSE list_filter(ids, "
        "lambda i: i.provider || '|' || i.user_id = user_id)[1].connection END, ''), nullif(connection, ''))",
        "identities": f"CASE WHEN {_SIMPLE} THEN NULL ELSE identities::VARCHAR END",
        "logins_count": "try_cast(logins_count::VARCHAR AS DOUBLE)",
        **{name: f"coalesce({name}::VARCHAR = 'true', false)" for name in FLAGS},
    }
    own = "json_extract_string(user_id, '$')"
    if more is None:  # not yet looked at
        is_plain = f"json_type(user_id) = 'VARCHAR' AND regexp_full_match({own}, {text_sql(PLAIN_ID)})"
        own = f"CASE WHEN {is_plain} THEN {own} END"
    read = (
        f"SELECT * REPLACE ({own} AS user_id, {changed.pop('email')} AS email), "
        f"from_json(identities, '{IDENTITIES}') AS ids"
    )
    selected = ", ".join(f"{changed.get(name, quoted(name))} AS {quoted(name)}" for name in found)
    return f"SELECT {selected}, split_part(user_id, '|', 1) AS provider, ids FROM ({read} FROM ({read_sql(found)}))"


def quoted(name: str) -> str:
    """Return a column's name for SQL."""
    return '"' + name.replace('"', '""') + '"'


def _kept(search: Search) -> Iterable[str]:
    """Name what is kept of a record."""
    yield f"{AT_LINE} AS line"
    yield f"coalesce({AT_REC}, -{AT_LINE}) AS rec"
    yield "rec AS node"
    yield "0 AS twin"
    yield f"{enterprise_sql('ids')} AS enterprise"
    yield "user_id"
    yield "connection"
    yield "blocked"
    yield "identities"
    yield "app_metadata::VARCHAR AS app_metadata"
    yield "email"
    for at, rule in enumerate(search.rules):
        words = words_of(rule)
        key, left, is_number = made_sql(words)
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
