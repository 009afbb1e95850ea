"""
Accounts as lines of JSON: as they lie, or spooled.

JSON lines are read where they lie. CSV, Parquet, rows of a query and JSON arrays are written as JSON lines into the
work folder, one record after another, so that memory does not grow with the source. A spooled record that is no
account keeps its place: it holds the reason instead.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import shutil
import zlib
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from airflow_provider_auth0link.duplicates.reasons import NO_JSON, NO_OBJECT, NO_UTF8, WRONG_CELLS
from airflow_provider_auth0link.duplicates.sources import FileSource, RowsSource, Source, is_gzip, one_file
from airflow_provider_auth0link.errors import InputError

WRONG, LINE = "__wrong", "__line"
"""Keys of a spooled record: why it is none, and where it stood in its source."""

NESTED = ("identities", "user_metadata", "app_metadata")
FLAGS = ("email_verified", "phone_verified", "blocked")
_WORDS = {"true": True, "false": False, "t": True, "f": False, "1": True, "0": False}

MOST_CELL = 1 << 24
FETCH_ROWS = 2_000
PIECE = 1 << 20


class Records(NamedTuple):
    """A file of JSON lines, compressed or not, and whether it was spooled."""

    path: Path
    spooled: bool = False

    def has_identities(self) -> bool:
        """Tell whether the first record has a field of this name, as all of an export have."""
        with self.path.open("rb") as file:
            return b'"identities"' in file.readline()

    def opened(self) -> BinaryIO:
        """Open it for bytes."""
        return cast("BinaryIO", gzip.open(self.path)) if is_gzip(self.path) else self.path.open("rb")


def records_of(source: Source, work: Path) -> Records:
    """
    Bring accounts into lines of JSON.

    :raises InputError: when the source cannot be read
    """
    try:
        return _records_of(source, work)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise InputError("source: cannot be unpacked. Is it whole?") from None


def _records_of(source: Source, work: Path) -> Records:
    if isinstance(source, RowsSource):
        return _spool(enumerate(_named(source.columns, source.rows), 1), work)
    if not source.path.is_file():
        raise InputError(f"source: {str(source.path)!r} is not there")
    ending = source.ending.removesuffix(".gz")
    if ending == ".csv":
        return _spool(_csv(source), work)
    if ending == ".parquet":
        return _spool(enumerate(_parquet(source.path), 1), work)
    plain = Records(source.path)
    if ending == ".json" and _is_array(plain):
        return _spool(enumerate(_array(plain), 1), work)
    return _unpacked(source.path, work) if is_gzip(source.path) else plain


def _unpacked(path: Path, work: Path) -> Records:
    """Unpack a file, so that its records can be found again by their places."""
    plain = work / "records.ndjson"
    with gzip.open(path) as source, plain.open("wb") as target:
        shutil.copyfileobj(source, target, PIECE)
    return Records(plain)


def _spool(rows: Iterable[tuple[int, Mapping[str, object] | str]], work: Path) -> Records:
    path = work / "records.ndjson"
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for line, row in rows:
            account: dict[str, Any] = {WRONG: row} if isinstance(row, str) else _account(row)
            account[LINE] = line
            try:
                written = json.dumps(account, default=_plain)
            except RecursionError:  # metadata that a user has nested without end
                written = json.dumps({WRONG: NO_JSON, LINE: line})
            file.write(written + "\n")
    return Records(path, spooled=True)


def _named(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[Mapping[str, object] | str]:
    _check(columns)
    for row in rows:
        yield _row(columns, row)


def _check(columns: Sequence[str]) -> None:
    if "user_id" not in columns:
        raise InputError("source: has no column user_id. Its columns are named like an account's fields")
    if twice := sorted({name for name in columns if columns.count(name) > 1}):
        raise InputError(f"source: has columns twice: {twice}. Which of them counts cannot be told")


def _account(row: Mapping[str, object]) -> dict[str, Any]:
    """Make an account of a row: JSON in a cell is read, flags too, a dotted column goes inside."""
    account: dict[str, Any] = {}
    dotted = []
    for name, cell in row.items():
        if cell is None or cell == "" or cell != cell:  # noqa: PLR0124 - what is no number is not itself
            continue
        kind, dot, _ = name.partition(".")
        if dot and kind in NESTED:
            dotted.append((name.split("."), cell))
        else:
            account[name] = _cell(name, cell)
    for steps, cell in dotted:
        inside = account
        for step in steps[:-1]:
            held = inside.get(step)
            inside[step] = held if isinstance(held, dict) else {}
            inside = inside[step]
        inside[steps[-1]] = cell
    return account


def _cell(name: str, cell: object) -> object:
    if name in NESTED and isinstance(cell, str | bytes):
        with suppress(ValueError, RecursionError):
            return json.loads(cell)
    if name in FLAGS and not isinstance(cell, bool):
        return _WORDS.get(str(cell).strip().lower(), cell)
    if name == "logins_count" and isinstance(cell, str):
        with suppress(ValueError):
            return int(cell)
    return cell


def _plain(value: object) -> object:
    """Make JSON of what databases give."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return bytes(value).decode("utf-8", "replace") if isinstance(value, bytes | memoryview) else str(value)


def _csv(source: FileSource) -> Iterator[tuple[int, Mapping[str, object] | str]]:
    with (
        Records(source.path).opened() as raw,
        io.TextIOWrapper(raw, "utf-8-sig", "surrogateescape", newline="") as file,
    ):
        reader = csv.reader(file, strict=True)
        begins = 1
        before = csv.field_size_limit(MOST_CELL)
        try:
            columns = [name.strip() for name in next(reader, ["user_id"])]
            _check(columns)
            begins = reader.line_num + 1
            for cells in reader:
                if any(map(str.strip, cells)):
                    yield begins, _row(columns, cells)
                begins = reader.line_num + 1
        except csv.Error:
            raise InputError(f"source: line {begins}: is no CSV (comma, double quotes)") from None
        finally:
            csv.field_size_limit(before)


def _row(columns: Sequence[str], cells: Sequence[Any]) -> Mapping[str, object] | str:
    if len(cells) != len(columns):
        return WRONG_CELLS
    try:
        "".join(each for each in cells if isinstance(each, str)).encode()
    except UnicodeEncodeError:
        return NO_UTF8
    return dict(zip(columns, cells, strict=True))


def _parquet(path: Path) -> Iterator[Mapping[str, object] | str]:
    import duckdb

    with duckdb.connect(":memory:") as database:
        try:
            rows = database.execute("SELECT * FROM read_parquet($path)", {"path": one_file(path)})
        except duckdb.Error:
            raise InputError(f"source: {path.name!r} is no Parquet file that can be read") from None
        columns = [column[0] for column in rows.description or ()]
        yield from _named(columns, iter_rows(rows))


def iter_rows(rows: Any) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401 - a cursor
    """Give the rows of a cursor, some at a time."""
    while batch := rows.fetchmany(FETCH_ROWS):
        yield from batch


def _is_array(plain: Records) -> bool:
    with plain.opened() as file:
        return file.read(1 << 16).removeprefix(BOM_UTF8).lstrip().startswith(b"[")


def _array(plain: Records) -> Iterator[Mapping[str, object] | str]:
    import duckdb

    with duckdb.connect(":memory:") as database:
        try:
            rows = database.execute(
                "SELECT json FROM read_json_objects($path, format = 'array', compression = $kind)",
                {"path": one_file(plain.path), "kind": "gzip" if is_gzip(plain.path) else "uncompressed"},
            )
            for (text,) in iter_rows(rows):
                yield _element(text)
        except (duckdb.Error, ValueError):
            raise InputError("source: is no JSON array that can be read. Give one object a line") from None


def _element(text: str) -> Mapping[str, object] | str:
    try:
        row = json.loads(text)
    except (ValueError, RecursionError):
        return NO_JSON
    return row if isinstance(row, dict) else NO_OBJECT
