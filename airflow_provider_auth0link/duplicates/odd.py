"""
Records that DuckDB's one pass does not settle: they are looked at one by one, as they lie in the file.

Some are no account, and are told with the reason. Some are, but have an id of the uncommon kind, or something that
DuckDB does not read. And some bear an id that stands in several records. All of them are taken out of the table
``a``, and those that stay are put into it again, with their ``line``.

Which lines they are is told by their places in ``a``. DuckDB says that it keeps the order of a file, and with several
threads it sometimes does not: so each line that is looked at has to be one of those that are looked for. As they are
as many, they are the same. Where one is not, the file is read once more, by one thread.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from airflow_provider_auth0link.duplicates import reasons
from airflow_provider_auth0link.duplicates.database import load, number
from airflow_provider_auth0link.duplicates.raw import BlankLinesError, raw_records, read_record
from airflow_provider_auth0link.duplicates.records import Records, iter_rows
from airflow_provider_auth0link.duplicates.search import Search
from airflow_provider_auth0link.duplicates.staging import (
    AT_LINE,
    columns,
    put_back,
    stage_in_order,
)

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

ODD = (
    "(user_id IS NULL OR (identities IS NOT NULL AND identities <> '[]' "
    "AND NOT (starts_with(identities, '[{') AND ends_with(identities, '}]'))) "
    "OR (email IS NOT NULL AND (NOT contains(email, '@') OR starts_with(email, '{') OR starts_with(email, '['))))"
)
TWIN = "(user_id IN (SELECT user_id FROM twin_id))"

MATTERING = (
    *("email", "email_verified", "phone_number", "phone_verified", "blocked", "identities", "connection"),
    *("logins_count", "last_login", "created_at", "user_metadata", "app_metadata", "username"),
)
"""Fields in which two records of one account have to be alike, to be one told twice."""

SHAPES = {"line": "BIGINT", "user_id": "VARCHAR", "connection": "VARCHAR", "shape": "VARCHAR"}


class Desk(NamedTuple):
    """What the look at single records needs: ``total`` is how many there are."""

    database: DuckDBPyConnection
    records: Records
    search: Search
    work: Path
    total: int


def settle(database: DuckDBPyConnection, records: Records, search: Search, work: Path) -> int:
    """Settle all that one pass does not, and return how many records are no account."""
    desk = Desk(database, records, search, work, number(database, "SELECT count(*) FROM a"))
    told, odd, twins, shapes = (work / f"{name}.ndjson" for name in ("told", "odd", "twins", "shapes"))
    kinds = {"line": "BIGINT", "user_id": "VARCHAR", "reason": "VARCHAR"}
    _look(
        desk,
        ODD,
        lambda row: isinstance(row, str) or _is_odd(row),
        {"told": told, "kept": odd, "shapes": shapes},
    )
    load(database, "told", told, kinds)
    load(database, "shape", shapes, SHAPES)
    database.execute(f"DELETE FROM a WHERE {ODD}")
    put_back(database, Records(odd), search)
    unreadable = number(database, "SELECT count(*) FROM told")
    _find_twins(desk, twins)
    return unreadable


def _look(
    desk: Desk, where: str, genuine: Callable[[dict[str, Any] | str], bool], into: Mapping[str, Path]
) -> None:
    """Read the records that a condition names, and write down what they are."""
    numbers = f"SELECT rowid FROM a WHERE rowid < {desk.total} AND {where} ORDER BY rowid"
    if _looked(desk, numbers, genuine, into):
        return
    if not desk.database.execute("FROM duckdb_tables() WHERE table_name = 'ordered'").fetchone():
        stage_in_order(desk.database, desk.records)
    plain = f"AND NOT {ODD}" if where != ODD else ""
    _looked(desk, f"SELECT rowid FROM ordered WHERE {where} {plain} ORDER BY rowid", lambda _: True, into)


def _looked(
    desk: Desk, numbers: str, genuine: Callable[[dict[str, Any] | str], bool], into: Mapping[str, Path]
) -> bool:
    try:
        return _written(desk, numbers, genuine, into, blank=False)
    except BlankLinesError:
        return _written(desk, numbers, genuine, into, blank=True)


def _written(
    desk: Desk,
    numbers: str,
    genuine: Callable[[dict[str, Any] | str], bool],
    into: Mapping[str, Path],
    *,
    blank: bool,
) -> bool:
    wanted = (rec for (rec,) in iter_rows(desk.database.cursor().execute(numbers)))
    fields = columns(desk.search)
    meant = True
    with into["told"].open("w") as told, into["kept"].open("w") as kept, into["shapes"].open("w") as shapes:
        for raw in raw_records(desk.records, wanted, desk.total, blank=blank):
            line, row = read_record(desk.records, raw)
            if not genuine(row):
                meant = False
            elif isinstance(row, str):
                _write(told, {"line": line, "reason": reasons.UNREADABLE + row})
            else:
                _write(kept, {**_clean(row, fields), AT_LINE: line})
                _write(shapes, {"line": line, "shape": _shape(row), **_key(row)})
    return meant


def _write(file: IO[str], row: Mapping[str, Any]) -> None:
    file.write(json.dumps(row) + "\n")


def _is_odd(row: Mapping[str, Any]) -> bool:
    """Tell what ``ODD`` does, of a record that was read."""
    user_id, email, identities = row["user_id"], row.get("email"), row.get("identities")
    plain = user_id.isascii() and user_id.isprintable() and '"' not in user_id and "\\" not in user_id
    return (
        not plain
        or user_id.startswith(".")
        or "|." in user_id
        or not (email is None or (isinstance(email, str) and "@" in email and email[0] not in "{["))
        or not (identities is None or isinstance(identities, list))
    )


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


def _find_twins(desk: Desk, path: Path) -> None:
    """
    Settle ids that stand in several records.

    What is told again, alike in all fields that matter, goes to the table ``told``. Else the records stay, and the
    table ``twin`` has why they are not planned, and the first line of the same id and connection.
    """
    run = desk.database.execute
    run(
        "CREATE TABLE twin_id AS SELECT user_id FROM a WHERE hash(user_id) IN (SELECT h FROM "
        "(SELECT hash(user_id) AS h FROM a) GROUP BY h HAVING count(*) > 1) GROUP BY user_id HAVING count(*) > 1"
    )
    if number(desk.database, "SELECT count(*) FROM twin_id"):
        ids = {row[0] for row in run("SELECT user_id FROM twin_id").fetchall()}
        shapes, none = desk.work / "twin_shapes.ndjson", desk.work / "none.ndjson"
        _look(
            desk,
            TWIN,
            lambda row: not isinstance(row, str) and row["user_id"] in ids,
            {"told": none, "kept": path, "shapes": shapes},
        )
        load(desk.database, "twin_shape", shapes, SHAPES)
        run("INSERT INTO shape FROM twin_shape")
        run(
            "INSERT INTO told SELECT line, user_id, $reason FROM (SELECT *, row_number() OVER "
            "(PARTITION BY user_id, connection, shape ORDER BY line) AS nth FROM shape) WHERE nth > 1",
            {"reason": reasons.REPEAT},
        )
        run(f"DELETE FROM a WHERE line IS NULL AND {TWIN}")
        put_back(desk.database, Records(path), desk.search)
        run("DELETE FROM a WHERE line IN (SELECT line FROM told)")
    run(
        "CREATE TABLE twin AS SELECT line, min(line) OVER (PARTITION BY user_id, connection) AS node, "
        "CASE WHEN count(*) OVER (PARTITION BY user_id, connection) > 1 THEN $twice ELSE $ambiguous END AS why "
        "FROM shape ANTI JOIN told USING (line) WHERE user_id IN "
        "(SELECT user_id FROM shape ANTI JOIN told USING (line) GROUP BY user_id HAVING count(*) > 1)",
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
