"""
From all records to those that matter, and among them those that DuckDB's one pass does not settle.

Records are picked out of the file by their numbers in the table ``n``, and read again. Some are looked at one by one:
those that are no account are told with the reason; some are, but have an id of the uncommon kind, or something that
DuckDB does not read; and some bear an id that stands in several records.

DuckDB says that it keeps the order of a file, and with several threads it sometimes does not; and a file may have blank
lines, which have no number. So each record that is picked has to be one of those that are looked for. As they are as
many, they are the same. Where one is not, all is done once more, by one thread, with an eye on blank lines.
"""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from airflow_provider_auth0link.duplicates import doubts, reasons
from airflow_provider_auth0link.duplicates.database import load, number, one_thread
from airflow_provider_auth0link.duplicates.folding import fold_hashes, fold_keys
from airflow_provider_auth0link.duplicates.narrow import ODD, PLAIN, stage
from airflow_provider_auth0link.duplicates.raw import (
    BUFFER,
    MisplacedError,
    bare,
    raw_records,
    read_record,
)
from airflow_provider_auth0link.duplicates.records import Records, iter_rows
from airflow_provider_auth0link.duplicates.search import Search
from airflow_provider_auth0link.duplicates.staging import AT_LINE, AT_REC, PLAIN_ID, add, columns
from airflow_provider_auth0link.errors import InputError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

TWIN = "user_id IN (SELECT user_id FROM twin_id)"

MATTERING = (
    *("email", "email_verified", "phone_number", "phone_verified", "blocked", "identities", "connection"),
    *("logins_count", "last_login", "created_at", "user_metadata", "app_metadata", "username"),
)
"""Fields in which two records of one account have to be alike, to be one told twice."""

TOLD = {"line": "BIGINT", "user_id": "VARCHAR", "reason": "VARCHAR"}
SHAPES = {"line": "BIGINT", "user_id": "VARCHAR", "connection": "VARCHAR", "shape": "VARCHAR"}

_PLAIN = re.compile(PLAIN_ID)
_NUMBERED = b'{"%s":%%d,%%s' % AT_REC.encode()


class Settled(NamedTuple):
    """
    How many accounts there are, how many records are none, and how many tell of an account again.

    ``keyless`` says of which rules no account has a key.
    """

    accounts: int
    unreadable: int
    repeats: int
    keyless: tuple[str, ...]


class Desk(NamedTuple):
    """What the look at single records needs. ``careful``: their numbers are beyond doubt."""

    database: DuckDBPyConnection
    records: Records
    search: Search
    work: Path
    careful: bool


def settle(database: DuckDBPyConnection, records: Records, search: Search, work: Path) -> Settled:
    """
    Bring all records that matter into the table ``a``, and settle those that one pass does not.

    :raises InputError: when a rule's SQL is not taken, or the file cannot be read
    """
    try:
        return _settle(Desk(database, records, search, work, careful=False))
    except MisplacedError:
        for (name,) in database.execute("SELECT table_name FROM duckdb_tables()").fetchall():
            database.execute(f"DROP TABLE {name}")
    try:
        with one_thread(database):
            return _settle(Desk(database, records, search, work, careful=True))
    except MisplacedError:
        raise InputError("source: its records cannot be told apart. Is each a line of its own?") from None


def _settle(desk: Desk) -> Settled:
    run = desk.database.execute
    exact = stage(desk.database, desk.records, desk.search, exact=not desk.records.has_identities())
    fold_hashes(desk.database, desk.search, desk.work)
    run(f"CREATE TABLE twin_hash AS SELECT hu FROM n WHERE kind < {ODD} GROUP BY hu HAVING count(*) > 1")
    shared = f"kind > {PLAIN} OR hu IN (FROM twin_hash)"
    for at in range(len(desk.search.rules)):
        keyed = f"SELECT h{at} AS h FROM n WHERE h{at} IS NOT NULL"
        run(f"CREATE TABLE shared{at} AS {keyed} GROUP BY h HAVING count(*) > 1")
        shared += f" OR h{at} IN (FROM shared{at})"
    unreadable, kept = _pick(desk, shared, exact=exact)
    if kept:  # their keys may be told by none but themselves so far
        late = "hu IN (SELECT hash(user_id) FROM a WHERE line IS NOT NULL)"
        for at in range(len(desk.search.rules)):
            late += f" OR h{at} IN (SELECT hash(k{at}) FROM a WHERE line IS NOT NULL AND k{at} IS NOT NULL)"
        _pick(desk, f"kind < {ODD} AND n.rowid NOT IN (SELECT rec FROM a) AND ({late})")
    _find_twins(desk)
    repeats = number(desk.database, "SELECT count(*) FROM told") - unreadable
    plain = number(desk.database, f"SELECT count(*) FROM n WHERE kind < {ODD}")
    keyless = doubts.keyless(desk.database, desk.search)
    run("DROP TABLE n")  # what comes now needs the memory
    return Settled(plain + kept - repeats, unreadable, repeats, keyless)


def _pick(desk: Desk, where: str, *, exact: bool = False) -> tuple[int, int]:
    """
    Bring the records that a condition names into the table ``a``, and look at the odd ones.

    :return: how many of these are no account, and how many are
    """
    numbers = f"SELECT rowid, kind >= {ODD} FROM n WHERE {where} ORDER BY rowid"
    wanted, odd = array("Q"), set()
    for rec, is_odd in iter_rows(desk.database.execute(numbers)):
        wanted.append(rec)
        if is_odd:
            odd.add(rec)
    looks = _Looks(desk, "odd", lambda row: isinstance(row, str) or _is_odd(row, exact=exact))
    picked = desk.work / "picked.ndjson"
    with looks, picked.open("wb", buffering=BUFFER) as file:
        for rec, line, data in raw_records(desk.records, wanted, blank=desk.careful):
            if rec in odd:
                looks.look(line, data)
            elif data.startswith(b"{") and data.endswith(b"\n"):
                file.write(_NUMBERED % (rec, data[1:]))
            else:
                file.write(_NUMBERED % (rec, _inside(line, data)))
    looks.load()
    add(desk.database, Records(picked), desk.search)
    others = "a LEFT JOIN n ON n.rowid = a.rec WHERE line IS NULL AND hash(a.user_id) IS DISTINCT FROM n.hu"
    if number(desk.database, f"SELECT count(*) FROM {others}"):
        raise MisplacedError
    add(desk.database, Records(looks.kept), desk.search)
    fold_keys(desk.database, desk.search, desk.work)
    return looks.unreadable, len(odd) - looks.unreadable


def _inside(line: int, data: bytes) -> bytes:
    """Return what stands behind a record's first brace."""
    data = bare(line, data)
    if not data.startswith(b"{"):
        raise MisplacedError
    return data[1:] + b"\n"


class _Looks:
    """Records that are read one by one, and the files that tell what they are."""

    def __init__(self, desk: Desk, name: str, genuine: Callable[[dict[str, Any] | str], bool]) -> None:
        self._desk, self._genuine = desk, genuine
        self._fields = columns(desk.search)
        self.kept, self._told, self._shapes = (
            desk.work / f"{name}_{what}.ndjson" for what in ("kept", "told", "shapes")
        )
        self.unreadable = 0

    def __enter__(self) -> None:
        self._files = [each.open("w") for each in (self.kept, self._told, self._shapes)]

    def __exit__(self, *_: object) -> None:
        for file in self._files:
            file.close()

    def look(self, line: int, data: bytes) -> None:
        """
        Read a record and write down what it is.

        :raises MisplacedError: when it is none of those that are looked for
        """
        kept, told, shapes = self._files
        line, row = read_record(self._desk.records, line, data)
        if not self._desk.careful and (not data.strip() or not self._genuine(row)):
            raise MisplacedError
        if isinstance(row, str):
            self.unreadable += 1
            _write(told, {"line": line, "reason": reasons.UNREADABLE + row})
        else:
            _write(kept, {**_clean(row, self._fields), AT_LINE: line})
            _write(shapes, {"line": line, "shape": _shape(row), **_key(row)})

    def load(self) -> None:
        """Add what was told to the tables ``told`` and ``shape``."""
        load(self._desk.database, "told", self._told, TOLD)
        load(self._desk.database, "shape", self._shapes, SHAPES)


def _write(file: IO[str], row: Mapping[str, Any]) -> None:
    file.write(json.dumps(row) + "\n")


def _is_odd(row: Mapping[str, Any], *, exact: bool) -> bool:
    """Tell what the column ``kind`` does, of a record that was read."""
    identities = row.get("identities")
    if not _PLAIN.fullmatch(str(row["user_id"])):
        return True
    return not exact and (identities is None or any(each.get("provider") is None for each in identities))


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


def _find_twins(desk: Desk) -> None:
    """
    Settle ids that stand in several records.

    What is told again, alike in all fields that matter, goes to the table ``told``. Else the records stay, and the
    table ``twin`` has why they are not planned, and the first line of the same id and connection.
    """
    run = desk.database.execute
    run("CREATE TABLE twin_id AS SELECT user_id FROM a GROUP BY user_id HAVING count(*) > 1")
    ids = {row[0] for row in run("SELECT user_id FROM twin_id").fetchall()}
    if ids:
        looks = _Looks(desk, "twin", lambda row: not isinstance(row, str) and row["user_id"] in ids)
        numbers = run(f"SELECT rec FROM a WHERE line IS NULL AND {TWIN} ORDER BY rec").fetchall()
        with looks:
            for _, line, data in raw_records(desk.records, [rec for (rec,) in numbers], blank=desk.careful):
                looks.look(line, data)
        looks.load()
        run(
            "INSERT INTO told SELECT line, user_id, $reason FROM (SELECT *, row_number() OVER "
            "(PARTITION BY user_id, connection, shape ORDER BY line) AS nth FROM shape) WHERE nth > 1",
            {"reason": reasons.REPEAT},
        )
        run(f"DELETE FROM a WHERE line IS NULL AND {TWIN}")
        add(desk.database, Records(looks.kept), desk.search)
        run("DELETE FROM a WHERE line IN (SELECT line FROM told)")
        fold_keys(desk.database, desk.search, desk.work)
    run(
        "CREATE TABLE twin AS SELECT line, min(line) OVER (PARTITION BY user_id, connection) AS node, "
        "CASE WHEN count(*) OVER (PARTITION BY user_id, connection) > 1 THEN $twice ELSE $ambiguous END AS why "
        "FROM shape ANTI JOIN told USING (line) WHERE user_id IN "
        "(SELECT user_id FROM shape ANTI JOIN told USING (line) GROUP BY user_id HAVING count(*) > 1)",
        {"twice": reasons.CODES[reasons.TOLD_TWICE], "ambiguous": reasons.CODES[reasons.AMBIGUOUS_ID]},
    )
    run("UPDATE a SET node = -t.node, twin = t.why FROM twin AS t WHERE a.line = t.line")


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
