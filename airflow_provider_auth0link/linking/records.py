"""
The journal's records: one JSON object a line, public, for other programs too.

Common keys: ``at`` (ISO 8601, for people; no order relies on it), ``kind``, ``n`` (counts up; a writer begins above all
that it has read, so what was written after another record was known has the higher number; where it is missing the
place in the segment counts), ``primary_user_id``,
``secondary_user_id``, ``connection`` (name, where known), ``connection_id`` (where the plan gave one).

- ``header``, the first record of each writer: ``format``, ``tenant``, ``command`` ("link" or "undo"),
  ``plan_digest``, ``options``.
- ``intent``: ``identities`` of the secondary, ``carried`` (paths), ``snapshot`` (``file`` and ``line``).
- ``outcome``: ``outcome``, ``reason``, ``carried``, ``open`` (true: a lost try may still be applied; "carried": it was
  not linked, but what was carried stands on the primary), ``taken_back`` (what was carried does not stand there any
  more), ``limit_used`` (how far the tenant's limit was drawn down, 0
  to 1; not with every record).
- ``undo_intent``: ``restored`` (once more, when the account is what it was).
- ``undo_outcome``: ``outcome``, ``reason``, ``left`` (paths that somebody changed).

Readers ignore keys that they do not know.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from airflow_provider_auth0link.errors import InputError

FORMAT = 1
HEADER, INTENT, OUTCOME = "header", "intent", "outcome"
UNDO_INTENT, UNDO_OUTCOME = "undo_intent", "undo_outcome"
CARRIED = "carried"
"""Of ``open``: nothing but the carry is."""

KINDS = frozenset({HEADER, INTENT, OUTCOME, UNDO_INTENT, UNDO_OUTCOME})

_UUID = r"(?:[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
_WRITER = rf"(?P<tried>\d+)-(?P<map_index>-?\d+)-{_UUID}"

WRITER = re.compile(_WRITER)
"""A try of a task: its number, its map index (-1 where it is not mapped), and what makes it unique."""

SEGMENT = re.compile(rf"(?P<writer>{_WRITER})-(?P<number>\d+)\.jsonl")
SNAPSHOTS = re.compile(rf"(?P<writer>{_WRITER})-(?P<number>\d+)\.snapshots")

Key = tuple[str, str, str]
"""Primary, secondary, and the plan's ``connection_id`` or ''."""


def key_of(record: Mapping[str, Any]) -> Key:
    """Return the pair that a record is about."""
    return record["primary_user_id"], record["secondary_user_id"], record.get("connection_id") or ""


def encoded(record: Mapping[str, Any]) -> bytes:
    """Return the line of a record."""
    return json.dumps(record, ensure_ascii=True, separators=(",", ":")).encode("ascii") + b"\n"


def decoded(name: str, data: bytes) -> Iterator[dict[str, Any]]:
    """
    Read the records of a segment. Other programs may give theirs no ``n``: see ``numbered``.

    :raises InputError: naming the segment and the line that is no record
    """
    for number, line in enumerate(data.splitlines(), 1):
        record = None
        with suppress(ValueError, RecursionError):
            record = json.loads(line)
        if not isinstance(record, dict) or not _is_sound(record):
            raise InputError(
                f"journal: line {number} of {name} is no record. Journals are written by this provider alone: "
                "restore the file, or give another journal_path"
            )
        yield record


def numbered(records: Iterable[Mapping[str, Any]], last: int) -> Iterator[Mapping[str, Any]]:
    """
    Give records that have no ``n`` one, by their place.

    :param last: the highest number of what the same writer wrote before
    """
    for record in records:
        last = max(last, record["n"]) if "n" in record else last + 1
        yield record if "n" in record else {**record, "n": last}


def _is_sound(record: Mapping[str, Any]) -> bool:
    if not (isinstance(record.get("kind"), str) and isinstance(record.get("n", 0), int)):
        return False
    if record["kind"] not in KINDS - {HEADER}:
        return True
    ids = [record.get(name) for name in ("primary_user_id", "secondary_user_id")]
    others = [record.get(name) for name in ("connection_id", "reason")]
    return all(isinstance(each, str) and _is_unicode(each) for each in ids) and all(
        each is None or isinstance(each, str) for each in others
    )


def _is_unicode(text: str) -> bool:
    """Tell half of a surrogate pair, which JSON can name and no file can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_header(name: str, header: Mapping[str, Any], tenant: str | None) -> None:
    """
    Refuse a journal that is not for us.

    :param tenant: ours; None when any will do
    :raises InputError: for a newer format, or another tenant's journal
    """
    if not isinstance(header.get("format"), int) or header["format"] > FORMAT:
        raise InputError(
            f"journal: {name} was written by a newer version of this provider (format {header.get('format')!r}, "
            f"this one reads {FORMAT}). Update the provider"
        )
    if tenant is not None and header.get("tenant") != tenant:
        raise InputError(
            f"journal: {name} belongs to the tenant {header.get('tenant')!r}, the connection to {tenant!r}. "
            "Give each tenant a folder of its own; to undo, give the connection of the tenant that it belongs to"
        )
