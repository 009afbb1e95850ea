"""Records as they lie in their file, found by their numbers, and read one by one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from airflow_provider_auth0link.duplicates import reasons
from airflow_provider_auth0link.duplicates.records import LINE, WRONG, Records
from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.model import UserId

CHUNK = 1 << 22


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
