"""
Lines of a plan, read from a file one by one and checked.

Formats, by the ending of the file's name: ``.jsonl`` and ``.jsonl.gz`` hold one JSON object a line, ``.csv`` has
the same names as columns, where an empty cell is unset. Evidence in a CSV is a column ``evidence`` with a JSON
object, or a column for each key, such as ``evidence.email``. UTF-8, with or without a byte order mark.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any, BinaryIO, NamedTuple

from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.linking.evidence import evidence_text
from airflow_provider_auth0link.model import UserId, connection_id_text

ENDINGS = (".jsonl", ".jsonl.gz", ".csv")
KEYS = ("primary_user_id", "secondary_user_id", "connection_id", "rule", "evidence")
EVIDENCE_COLUMN = "evidence."

MOST_BYTES = 1 << 20
"""Of one line. A pair needs some hundred; what is longer is another kind of file."""
CHUNK_BYTES = 1 << 18


class Line(NamedTuple):
    """One line of a plan, checked. ``evidence`` is JSON text with its keys in order, None without any."""

    primary: str
    secondary: str
    connection_id: str | None = None
    rule: str | None = None
    evidence: str | None = None

    def to_bytes(self) -> bytes:
        """Return the line as JSON in its one canonical form, with a newline."""
        row: dict[str, Any] = {"primary_user_id": self.primary, "secondary_user_id": self.secondary}
        row |= {"connection_id": self.connection_id} if self.connection_id else {}
        row |= {"rule": self.rule} if self.rule else {}
        row |= {"evidence": json.loads(self.evidence)} if self.evidence else {}
        return json.dumps(row, separators=(",", ":")).encode() + b"\n"


class Found(NamedTuple):
    """A record of a plan: the line that it begins on, its bytes where a line is a record, and what it says."""

    number: int
    raw: bytes
    line: Line | None
    wrong: str = ""


class Hashed(io.RawIOBase):
    """A stream that takes the digest of what is read through it."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._digest = sha256()

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - whatever can be written to, as io has it
        """Read what there is, at most as much as the buffer holds."""
        data = self._source.read(len(buffer))
        self._digest.update(data)
        buffer[: len(data)] = data
        return len(data)

    def hexdigest(self) -> str:
        """Read to the end, and return the sha256 of all bytes."""
        while self.read(CHUNK_BYTES):
            pass
        return self._digest.hexdigest()


def ending_of(name: str) -> str:
    """
    Return which of the formats a file is of.

    :raises InputError: for another ending
    """
    for ending in ENDINGS:
        if name.lower().endswith(ending):
            return ending
    shown = without_mail(name.rpartition("/")[2] or name)
    raise InputError(f"{shown!r}: a plan must end in {', '.join(ENDINGS)}: the ending tells how it is read")


def records(file: BinaryIO, ending: str) -> Iterator[Found]:
    """
    Read a plan's records in order. Blank lines are none.

    :param file: opened for bytes, read as a stream
    :param ending: one of ``ENDINGS``
    :raises InputError: when nothing more can be read: broken gzip, a line too long, unreadable CSV
    """
    if ending == ".csv":
        return _csv_records(_raw_lines(file))
    if ending == ".jsonl.gz":
        file = io.BufferedReader(gzip.GzipFile(fileobj=file), CHUNK_BYTES)
    return _json_records(_raw_lines(file))


def raw_records(file: BinaryIO, ending: str) -> Iterator[bytes]:
    """
    Give the records of a plan that was read before, each as a line of JSON with its newline.

    A line of JSON is given as it lies there; only where the last one has no newline it gets one.
    """
    for record in records(file, ending):
        if ending != ".csv":
            yield record.raw if record.raw.endswith(b"\n") else record.raw + b"\n"
        elif record.line is not None:
            yield record.line.to_bytes()


def read_row(row: object) -> Line:
    """
    Check one plan line.

    :param row: a mapping with the keys of a plan line; None and '' are unset
    :raises InputError: saying what is wrong, without an e-mail
    """
    if not isinstance(row, Mapping):
        raise InputError(f"expected an object with {KEYS[0]} and {KEYS[1]}, got {type(row).__name__}")
    if not row.keys() <= _KNOWN:
        unknown = sorted(map(str, row.keys() - _KNOWN))
        raise InputError(f"unknown keys {unknown}; known are {list(KEYS)}")
    rule = row.get("rule")
    if rule is not None and not isinstance(rule, str):
        raise InputError(f"rule: expected text, got {type(rule).__name__}")
    connection_id = row.get("connection_id")
    evidence = row.get("evidence")
    return Line(
        _id(row, "primary_user_id"),
        _id(row, "secondary_user_id"),
        None if connection_id in _UNSET else connection_id_text(connection_id),
        rule or None,
        None if evidence in _UNSET else evidence_text(evidence),
    )


_KNOWN = frozenset(KEYS)
_UNSET = (None, "")


_PLAIN_ID = re.compile(r"[A-Za-z0-9_-]+\|[A-Za-z0-9_-][ -~]*")
"""Ids that pass every check of ``UserId.parse``. Nearly all do, and a plan may hold millions of them."""


def _id(row: Mapping[str, object], name: str) -> str:
    value = row.get(name)
    if isinstance(value, str) and _PLAIN_ID.fullmatch(value):
        return value
    if value in _UNSET:
        raise InputError(f"{name}: is missing")
    if isinstance(value, str) and "|" not in value:  # never quoted: it may be an e-mail
        raise InputError(f"{name}: has no '|'. Give the full id, such as 'auth0|64b1...'")
    return str(UserId.parse(value, name))


def found(number: int, raw: bytes, row: object) -> Found:
    """Check a row and keep what is wrong with it as a value, so that reading goes on."""
    try:
        return Found(number, raw, read_row(row))
    except InputError as error:
        return Found(number, raw, None, without_mail(str(error)))


def without_mail(text: str) -> str:
    """Take e-mails out of a message, and its length over 400 letters."""
    text = re.sub(r"[^\s'\"]+@[^\s'\"]+", "<e-mail>", text)
    return text if len(text) <= 400 else f"{text[:400]}..."  # noqa: PLR2004 - said in the first line


def _raw_lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    number = 0
    while True:
        number += 1
        try:
            raw = file.readline(MOST_BYTES + 1)
        except (EOFError, gzip.BadGzipFile, zlib.error):
            raise InputError(f"line {number}: the gzip file is broken or cut off here") from None
        if len(raw) > MOST_BYTES:
            raise InputError(f"line {number}: is longer than {MOST_BYTES} bytes. Is this a plan?")
        if not raw:
            return
        yield number, raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw


def _json_records(lines: Iterable[tuple[int, bytes]]) -> Iterator[Found]:
    for number, raw in lines:
        if raw.isspace() or not raw:
            continue
        try:
            row = _decoded(raw.decode())
        except InputError as error:
            yield Found(number, raw, None, without_mail(str(error)))
        except UnicodeDecodeError:
            yield Found(number, raw, None, "is no UTF-8")
        except (ValueError, RecursionError):
            yield Found(number, raw, None, "is no JSON object")
        else:
            yield found(number, raw, row)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a key that stands twice: two readers might each take another value."""
    row = dict(pairs)
    if len(row) != len(pairs):
        raise InputError("a key stands twice in it")
    return row


def _decoded(text: str) -> object:
    text = text.strip()
    row, end = _decoder.raw_decode(text)
    if end != len(text):
        raise ValueError("more than one value")
    return row


def _no_number(text: str) -> None:
    raise InputError(f"{text} is no JSON")


_decoder = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_number)


def _csv_records(lines: Iterable[tuple[int, bytes]]) -> Iterator[Found]:
    reader = csv.reader(_texts(lines), strict=True)
    columns: list[str] | None = None
    begins = 1
    try:
        for cells in reader:
            if not any(map(str.strip, cells)):
                pass
            elif columns is None:
                columns = _columns(cells)
            elif len(cells) != len(columns):
                wrong = f"has {len(cells)} cells, the columns are {len(columns)}"
                yield Found(begins, b"", None, wrong)
            else:
                yield _from_cells(begins, columns, cells)
            begins = reader.line_num + 1
    except csv.Error:
        raise InputError(
            f"line {begins}: is no CSV (comma, double quotes). Nothing after it was read"
        ) from None


def _texts(lines: Iterable[tuple[int, bytes]]) -> Iterator[str]:
    for number, raw in lines:
        try:
            yield raw.decode()
        except UnicodeDecodeError:
            raise InputError(f"line {number}: is no UTF-8. Save the CSV as UTF-8") from None


def _columns(cells: list[str]) -> list[str]:
    """Check the first line of a CSV."""
    columns = [cell.strip() for cell in cells]
    strange = [name for name in columns if name not in _KNOWN and not name.startswith(EVIDENCE_COLUMN)]
    missing = [name for name in KEYS[:2] if name not in columns]
    if strange or missing or len(set(columns)) != len(columns):
        raise InputError(
            without_mail(
                f"the first line must name the columns, each once: {', '.join(KEYS)}, evidence.email and the like, "
                f"with commas between. Unknown: {strange}; missing: {missing}"
            )
        )
    return columns


def _from_cells(number: int, columns: list[str], cells: list[str]) -> Found:
    row: dict[str, Any] = {name: cell for name, cell in zip(columns, cells, strict=True) if cell}
    single = {name: row.pop(name) for name in list(row) if name.startswith(EVIDENCE_COLUMN)}
    try:
        whole = _decoded(row["evidence"]) if "evidence" in row else {}
    except (ValueError, RecursionError):
        return Found(number, b"", None, "evidence: is no JSON object")
    if single:
        if not isinstance(whole, dict) or whole.keys() & {
            key.removeprefix(EVIDENCE_COLUMN) for key in single
        }:
            return Found(number, b"", None, "evidence: stands in two columns, or is no JSON object")
        whole = {**whole, **{key.removeprefix(EVIDENCE_COLUMN): cell for key, cell in single.items()}}
    return found(number, b"", {**row, "evidence": whole})
