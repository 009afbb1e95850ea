"""Records as they lie in their file, found by their numbers, and read one by one."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Iterator
from typing import Any, NamedTuple

from airflow_provider_auth0link.duplicates import reasons
from airflow_provider_auth0link.duplicates.records import LINE, WRONG, Records
from airflow_provider_auth0link.errors import Auth0LinkError, InputError
from airflow_provider_auth0link.model import UserId

CHUNK = 1 << 20


class Raw(NamedTuple):
    """A record as it lies: its number from 0, its line from 1, its bytes."""

    rec: int
    line: int
    data: bytes


class BlankLinesError(Auth0LinkError):
    """A file has other lines than records, so that a record's number does not tell its line."""


def raw_records(records: Records, wanted: Iterable[int], total: int, *, blank: bool) -> Iterator[Raw]:
    """
    Give the records of some numbers, which must come in order.

    A line that is blank is no record. Where there is none, whole pieces of the file are passed over.

    :param total: records in the file
    :param blank: whether there may be blank lines
    :raises BlankLinesError: at the end, when there are and there may not
    """
    numbers = iter(wanted)
    first = next(numbers, None)
    if first is None:
        return
    if blank:
        yield from _slow(records, first, numbers)
        return
    if (yield from _quick(records, first, numbers)) != total:
        raise BlankLinesError


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


def _quick(records: Records, first: int | None, numbers: Iterator[int]) -> Generator[Raw, None, int]:
    """Give records by the numbers of their lines, and return how many lines there are."""
    at, rest = 0, b""
    with records.opened() as file:
        while data := file.read(CHUNK):
            inside = data.count(b"\n")
            if first is None or first > at + inside:  # neither in here nor in the line that ends in here
                at, rest = at + inside, data[data.rfind(b"\n") + 1 :] if inside else rest + data
                continue
            *lines, rest = (rest + data).split(b"\n")
            while first is not None and first < at + len(lines):
                yield Raw(first, first + 1, lines[first - at])
                first = next(numbers, None)
            at += len(lines)
    if rest and first == at:
        yield Raw(first, first + 1, rest)
    return at + bool(rest)


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
