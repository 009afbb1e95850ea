"""
Records that DuckDB's one pass does not settle: they are looked at one by one, as they lie in the file.

Some are no account, and are told with the reason. Some are, but have an id of the uncommon kind, or something that
DuckDB does not read: they are mended in the table. And some bear an id that stands in several records.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_auth0link.duplicates import reasons
from airflow_provider_auth0link.duplicates.records import LINE, WRONG, Records, iter_rows
from airflow_provider_auth0link.duplicates.search import Search
from airflow_provider_auth0link.duplicates.staging import REC, columns, load, mend, number
from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.model import UserId

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

CHUNK = 1 << 22

ODD = (
    "SELECT rowid FROM a WHERE user_id IS NULL "
    "OR (identities IS NOT NULL AND identities <> '[]' "
    "AND NOT (starts_with(identities, '[{') AND ends_with(identities, '}]'))) "
    "OR (email IS NOT NULL AND (NOT contains(email, '@') OR starts_with(email, '{') OR starts_with(email, '['))) "
    "ORDER BY rowid"
)


TWINS = (
    "SELECT rowid FROM a WHERE hash(user_id) IN (SELECT h FROM (SELECT hash(user_id) AS h FROM a) "
    "GROUP BY h HAVING count(*) > 1) ORDER BY rowid"
)

MATTERING = (
    *("email", "email_verified", "phone_number", "phone_verified", "blocked", "identities", "connection"),
    *("logins_count", "last_login", "created_at", "user_metadata", "app_metadata", "username"),
)
"""Fields in which two records of one account have to be alike, to be one told twice."""


class Raw(NamedTuple):
    """A record as it lies: its number from 0, its line from 1, its bytes."""

    rec: int
    line: int
    data: bytes


def raw_records(records: Records, wanted: Iterable[int], count: int) -> Iterator[Raw]:
    """
    Give the records of some numbers, which must come in order.

    A line that is blank is no record. Where the file has as many lines as records there is none, and whole pieces of
    the file are passed over.

    :param count: records in the file
    """
    numbers = iter(wanted)
    first = next(numbers, None)
    if first is None:
        return
    give = _quick if _lines(records) == count else _slow
    yield from give(records, first, numbers)


def _lines(records: Records) -> int:
    """Count the lines; of a compressed file, where that would take as long as reading it, none."""
    count, last = 0, b"\n"
    with records.opened() as file:
        if hasattr(file, "mtime"):
            return -1
        while data := file.read(CHUNK):
            count += data.count(b"\n")
            last = data[-1:]
    return count + (last != b"\n")


def _slow(records: Records, first: int | None, numbers: Iterator[int]) -> Iterator[Raw]:
    rec = -1
    with records.opened() as file:
        for line, data in enumerate(file, 1):
            if not data.strip():
                continue
            rec += 1
            if rec == first:
                yield Raw(rec, line, data)
                first = next(numbers, None)
                if first is None:
                    return


def _quick(records: Records, first: int | None, numbers: Iterator[int]) -> Iterator[Raw]:
    at, rest = 0, b""
    with records.opened() as file:
        while first is not None:
            data = file.read(CHUNK)
            whole, newline, left = (rest + data).rpartition(b"\n")
            if not data:
                whole, newline, left = rest, b"\n", b""
            inside = whole.count(b"\n") + 1 if newline else 0
            lines = whole.split(b"\n") if first < at + inside else []
            while lines and first is not None and first < at + inside:
                yield Raw(first, first + 1, lines[first - at])
                first = next(numbers, None)
            at, rest = at + inside, left
            if not data:
                return


def read_record(records: Records, raw: Raw) -> tuple[int, dict[str, Any] | str]:
    """Return the line that is told for a record, and the account, or why it is none."""
    row = _json(raw.data.removeprefix(b"\xef\xbb\xbf") if raw.line == 1 else raw.data)
    line = raw.line
    if records.spooled and isinstance(row, dict):
        line = row.get(LINE, line)
        row = row.get(WRONG) or row
    return line, row if isinstance(row, str) else _account(row)


def _json(data: bytes) -> Any:  # noqa: ANN401 - decoded JSON; text is the reason why it is none
    try:
        row = json.loads(data.decode(), parse_constant=_no_number)
    except UnicodeDecodeError:
        return reasons.NO_UTF8
    except (ValueError, RecursionError):
        return reasons.NO_JSON
    return reasons.NO_OBJECT if isinstance(row, str) else row


def _no_number(text: str) -> None:
    raise ValueError(text)


def _account(row: Any) -> dict[str, Any] | str:  # noqa: ANN401 - decoded JSON
    if not isinstance(row, dict):
        return reasons.NO_OBJECT
    if row.get("user_id") is None:
        return reasons.NO_USER_ID
    try:
        UserId.parse(row["user_id"], "user_id")
    except InputError:
        return reasons.BAD_USER_ID
    identities = row.get("identities")
    if identities is not None and not (
        isinstance(identities, list) and all(isinstance(each, dict) for each in identities)
    ):
        return reasons.BAD_IDENTITIES
    return row


def settle(database: DuckDBPyConnection, records: Records, search: Search, work: Path) -> int:
    """Settle all that one pass does not, and return how many records are no account."""
    count = number(database, "SELECT count(*) FROM a")
    _settle_odd(database, records, search, work, count)
    unreadable = number(database, "SELECT count(*) FROM told")
    _settle_twins(database, records, work, count)
    return unreadable


def _settle_odd(
    database: DuckDBPyConnection, records: Records, search: Search, work: Path, count: int
) -> None:
    """Tell what is no account in the table ``told``, and mend the rest."""
    told, mended = work / "told.ndjson", work / "mended.ndjson"
    numbers = (rec for (rec,) in iter_rows(database.cursor().execute(ODD)))
    fields = columns(search)
    any_mended = False
    with told.open("w") as bad, mended.open("w") as good:
        for raw in raw_records(records, numbers, count):
            line, row = read_record(records, raw)
            if isinstance(row, str):
                bad.write(
                    json.dumps({"rec": raw.rec, "line": line, "reason": reasons.UNREADABLE + row}) + "\n"
                )
            else:
                good.write(json.dumps({**_clean(row, fields), REC: raw.rec}) + "\n")
                any_mended = True
    load(
        database, "told", told, {"rec": "BIGINT", "line": "BIGINT", "user_id": "VARCHAR", "reason": "VARCHAR"}
    )
    if any_mended:
        mend(database, Records(mended), search)
    database.execute("DELETE FROM a WHERE rowid IN (SELECT rec FROM told)")


def _clean(row: Mapping[str, Any], fields: Iterable[str]) -> dict[str, Any]:
    """Keep the fields that are looked at, as far as DuckDB can read them."""
    kept = {name: row[name] for name in fields if row.get(name) is not None and _is_unicode(row[name])}
    return kept if isinstance(kept.get("email"), str) else {**kept, "email": None}


def _is_unicode(value: object) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _settle_twins(database: DuckDBPyConnection, records: Records, work: Path, count: int) -> None:
    """
    Settle ids that stand in several records.

    What is told again, alike in all fields that matter, goes to the table ``told``. Else the records stay, and the
    table ``twin`` has why they are not planned, and the first record of the same id and connection.
    """
    shapes = work / "twins.ndjson"
    numbers = (rec for (rec,) in iter_rows(database.cursor().execute(TWINS)))
    with shapes.open("w") as file:
        for raw in raw_records(records, numbers, count):
            line, row = read_record(records, raw)
            if not isinstance(row, str):
                file.write(
                    json.dumps({"rec": raw.rec, "line": line, "shape": _shape(row), **_key(row)}) + "\n"
                )
    kinds = {
        "rec": "BIGINT",
        "line": "BIGINT",
        "shape": "VARCHAR",
        "user_id": "VARCHAR",
        "connection": "VARCHAR",
    }
    load(database, "shape", shapes, kinds)
    database.execute(
        "INSERT INTO told SELECT rec, line, user_id, $reason FROM (SELECT *, row_number() OVER "
        "(PARTITION BY user_id, connection, shape ORDER BY rec) AS nth FROM shape) WHERE nth > 1",
        {"reason": reasons.REPEAT},
    )
    database.execute("DELETE FROM a WHERE rowid IN (SELECT rec FROM told)")
    database.execute(
        "CREATE TABLE twin AS SELECT rec, min(rec) OVER (PARTITION BY user_id, connection) AS node, "
        "CASE WHEN count(*) OVER (PARTITION BY user_id, connection) > 1 THEN $twice ELSE $ambiguous END AS why "
        "FROM (SELECT *, count(*) OVER (PARTITION BY user_id) AS n FROM shape ANTI JOIN told USING (rec)) WHERE n > 1",
        {"twice": reasons.CODES[reasons.TOLD_TWICE], "ambiguous": reasons.CODES[reasons.AMBIGUOUS_ID]},
    )


def _shape(row: Mapping[str, Any]) -> str:
    """Return what tells records apart."""
    mattering = [row.get(name) for name in MATTERING]
    return sha256(json.dumps(mattering, sort_keys=True).encode()).hexdigest()[:32]


def _key(row: Mapping[str, Any]) -> dict[str, str | None]:
    user_id = str(row["user_id"])
    connection = row.get("connection")
    for each in row.get("identities") or ():
        if f"{each.get('provider')}|{each.get('user_id')}" == user_id:
            connection = each.get("connection") or connection
            break
    return {"user_id": user_id, "connection": str(connection) if connection else None}
