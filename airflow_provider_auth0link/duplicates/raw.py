"""Records as they lie in their file, found by their numbers, and read one by one."""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from itertools import compress
from typing import Any

from airflow_provider_auth0link.duplicates import reasons
from airflow_provider_auth0link.duplicates.records import LINE, WRONG, Records
from airflow_provider_auth0link.errors import Auth0LinkError, InputError
from airflow_provider_auth0link.model import UserId

BUFFER = 1 << 20


class MisplacedError(Auth0LinkError):
    """A record is not where its number says."""


Raw = tuple[int, int, bytes]
"""A record as it lies: its number from 0, its line from 1, its bytes."""


def raw_records(records: Records, wanted: Sequence[int], *, blank: bool) -> Iterator[Raw]:
    """
    Give the records of some numbers.

    :param wanted: in order
    :param blank: whether there may be blank lines, which are no records. Where they are not looked for, as is quicker,
        and there are some, other lines than those of the records are given
    :raises MisplacedError: at the end, when there are fewer
    """
    if not wanted:
        return
    marks = bytearray(wanted[-1] + 1)
    for rec in wanted:
        marks[rec] = 1
    last = None
    with records.path.open("rb", buffering=BUFFER) as file:
        if blank:
            lines = ((line, data) for line, data in enumerate(file, 1) if bare(line, data))
            for last, (line, data) in zip(wanted, compress(lines, marks), strict=False):
                yield last, line, data
        else:
            for last, data in zip(wanted, compress(file, marks), strict=False):
                yield last, last + 1, data
    if last != wanted[-1]:
        raise MisplacedError


def bare(line: int, data: bytes) -> bytes:
    """Return a record's bytes without what may stand before and behind it."""
    return (data.removeprefix(BOM_UTF8) if line == 1 else data).strip(b" \t\r\n")


def read_record(records: Records, line: int, data: bytes) -> tuple[int, dict[str, Any] | str]:
    """Return the line that is told for a record, and the account, or why it is none."""
    row = _json(bare(line, data))
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
