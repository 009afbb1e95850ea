"""
Which id became which: what foreign keys in a warehouse need after accounts were linked.

As a file it is CSV in UTF-8 with the columns ``old_user_id,new_user_id``.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.linking.history import History, Known

COLUMNS = ("old_user_id", "new_user_id")


def id_map(history: History, earlier: Iterable[tuple[str, str]] = ()) -> Iterator[tuple[str, str]]:
    """
    Give old id and new id of every account that is linked now, each old id once.

    New ids are followed to their end: where ``a`` became ``b``, and ``b`` later ``c``, both became ``c``. The rows
    of earlier maps are kept and followed on likewise. Where an id has several rows the last link counts. A pair
    that is undone has none, not even one that an earlier map has.

    :param history: of the journal; its links count as later than those of *earlier*
    :param earlier: rows of earlier maps, the oldest first
    """
    became = dict[str, str]()
    for old, new in earlier:
        _take(became, old, new)
    for known in history:
        primary, secondary, _ = known.key
        if _is_undone(known) and became.get(secondary) == primary:
            del became[secondary]
    links = sorted((known.n, known.key[1], known.key[0]) for known in history if known.done)
    for _, old, new in links:
        _take(became, old, new)
    yield from _followed(became)


def _is_undone(known: Known) -> bool:
    return not known.done and (known.undone or known.undoing or bool(known.undone_refs))


def _take(became: dict[str, str], old: str, new: str) -> None:
    """Take a row in as the latest: the order of the mapping is that of the links."""
    became.pop(old, None)
    became[old] = new


def _followed(became: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Give each old id with the end of its way. Every step of every way is walked once."""
    ends: dict[str, str] = {}
    rank: dict[str, int] = {}
    for old in became:
        way = dict[str, None]()
        at = old
        while at in became and at not in ends and at not in way:
            way[at] = None
            at = became[at]
        if at in way:
            rank = rank or {each: number for number, each in enumerate(became)}
            end = _end_of_circle(at, became, rank)
        else:
            end = ends.get(at, at)
        ends |= dict.fromkeys(way, end)
        if ends[old] != old:
            yield old, ends[old]


def _end_of_circle(start: str, became: dict[str, str], rank: dict[str, int]) -> str:
    """
    Return which account of a circle lives: the primary of its last link was there when that was made.

    Circles come from accounts that were unlinked since, and linked the other way round.
    """
    last, at = start, became[start]
    while at != start:
        last = max(last, at, key=rank.__getitem__)
        at = became[at]
    return became[last]


def write_id_map(rows: Iterable[tuple[str, str]], file: BinaryIO) -> int:
    """
    Write a map as CSV.

    :param rows: (old id, new id)
    :param file: open for writing bytes; it stays open
    :return: how many rows
    """
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    count = 0
    try:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        for count, row in enumerate(rows, 1):  # noqa: B007 - the last one is the number
            writer.writerow(row)
    finally:
        text.detach()
    return count


def read_id_map(file: BinaryIO, name: str) -> Iterator[tuple[str, str]]:
    """
    Read a map as it was written, row by row. Further columns are passed over.

    :param file: open for reading bytes
    :param name: the file's, for messages
    :raises InputError: naming the line that is wrong
    """
    rows = csv.reader(_texts(file, name), strict=True)
    try:
        header = [cell.strip() for cell in next(rows, [])]
        if any(header.count(column) != 1 for column in COLUMNS):
            raise InputError(f"{name}: the first line must name the columns {','.join(COLUMNS)}")
        old, new = (header.index(column) for column in COLUMNS)
        for row in rows:
            if not row:
                continue
            if len(row) != len(header) or "|" not in row[old] or "|" not in row[new]:
                raise InputError(
                    f"{name}: line {rows.line_num} is no row of an id map. Each has an old and a new user id"
                )
            yield row[old], row[new]
    except csv.Error:
        raise InputError(f"{name}: line {rows.line_num} is no CSV (comma, double quotes)") from None


def _texts(file: BinaryIO, name: str) -> Iterator[str]:
    for number, raw in enumerate(file, 1):
        try:
            yield (raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw).decode()
        except UnicodeDecodeError:
            raise InputError(f"{name}: line {number} is no UTF-8") from None
