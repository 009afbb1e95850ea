"""What a journal's records say of the tries of one pair. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from sys import intern
from typing import Any, NamedTuple

from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.linking.records import CARRIED, INTENT, OUTCOME, UNDO_INTENT, UNDO_OUTCOME

LINKED, ALREADY, UNDONE, LEFT = "linked", "already_linked", "undone", "left"
FINAL = frozenset({LINKED, ALREADY})

Began = Callable[[str], int]
"""From a writer to the number with which it began."""


class Ref(NamedTuple):
    """
    Where a snapshot stands: a file, and a line counted from 0.

    ``spent``: what its try carried was taken back; the account in it counts, the carry does not.
    """

    file: str
    line: int
    spent: bool = False


class Tries(NamedTuple):
    """
    Tries of one pair, one after another.

    ``refs`` are their snapshots, oldest first; ``first_n`` and ``first_by`` the number and the writer of the first,
    ``began_n`` and ``began_by`` of the first of which something may stand, ``tried_n`` and ``tried_by`` of the last;
    ``spent_n`` is the number of the last record that says that what was carried is taken back.
    """

    refs: tuple[Ref, ...] = ()
    began_n: int = -1
    began_by: str = ""
    tried_n: int = -1
    tried_by: str = ""
    spent_n: int = -1
    first_n: int = -1
    first_by: str = ""


NO_TRIES = Tries()


class Life(NamedTuple):
    """Tries that came to their end: ``undone_n`` is the number of the record that says that they were taken back."""

    tries: Tries
    undone_n: int


class Entry(NamedTuple):
    """A record of one pair, as much of it as the fold needs."""

    n: int
    writer: str
    kind: str
    outcome: str
    open: bool | str
    ref: Ref | None
    reason: str | None
    connection: str | None
    restored: bool
    taken_back: bool


def entry_of(writer: str, record: Mapping[str, Any]) -> Entry:
    """
    Read a record.

    :raises InputError: when it names no snapshot's place
    """
    place = record.get("snapshot")
    ref = None
    if place is not None:
        try:
            ref = _ref(place["file"], place["line"])
        except (KeyError, TypeError, ValueError):
            raise InputError(f"journal: record {record['n']} of {writer} names no snapshot's place") from None
    return Entry(
        record["n"],
        writer,
        intern(record["kind"]),
        intern(str(record.get("outcome") or "")),
        CARRIED if record.get("open") == CARRIED else bool(record.get("open")),
        ref,
        record.get("reason"),
        intern(record["connection"]) if isinstance(record.get("connection"), str) else None,
        bool(record.get("restored")),
        bool(record.get("taken_back")),
    )


def _ref(file: object, line: object) -> Ref:
    if not isinstance(file, str) or type(line) is not int or line < 0:
        raise ValueError
    return Ref(intern(file), line)


def ruling_of(outcomes: list[Entry]) -> Entry | None:
    """Return the outcome that rules: a link that was seen, else the last word."""
    for wanted in (LINKED, ALREADY):
        found = [each for each in outcomes if each.outcome == wanted]
        if found:
            return found[-1]
    return outcomes[-1] if outcomes else None


def how_open(intent: Entry, since: list[Entry]) -> bool | str:
    """
    Tell what is open of the try of an intent, by what its writer said after it.

    True: it may have linked, or may still. CARRIED: it has not, but what it carried stands on the primary.
    """
    last = _last_word(intent, since)
    return True if last is None or last.outcome == "unknown" else last.open


def _last_word(intent: Entry, since: list[Entry]) -> Entry | None:
    """Return the last outcome that the writer of an intent gave after it."""
    later = [e for e in since if e.kind == OUTCOME and e.writer == intent.writer and e.n > intent.n]
    return later[-1] if later else None


def tries_of(since: list[Entry], began: Began) -> Tries:
    """Return the tries among the records of one pair, which are in order."""
    intents = [each for each in since if each.kind == INTENT]
    if not intents:
        return NO_TRIES
    first, last = intents[0], intents[-1]
    spent_n = max((each.n for each in since if each.taken_back), default=-1)
    if spent_n < 0:  # nearly all pairs, of which a journal may have a million
        refs = tuple(each.ref for each in intents if each.ref)
    else:
        refs = tuple(_ref_of(each.ref, each, since, began) for each in intents if each.ref)
    standing = first if len(intents) == 1 else next((e for e in intents if _may_stand(e, since)), first)
    return Tries(refs, standing.n, standing.writer, last.n, last.writer, spent_n, first.n, first.writer)


def _may_stand(intent: Entry, since: list[Entry]) -> bool:
    """Tell whether something of a try may stand at the primary, by what its writer said after it."""
    last = _last_word(intent, since)
    return (last is not None and last.outcome in FINAL) or bool(how_open(intent, since))


def _ref_of(ref: Ref, intent: Entry, since: list[Entry], began: Began) -> Ref:
    """Return where an intent's snapshot stands, and whether what its try carried was taken back."""
    later = [each for each in since if each.kind == OUTCOME and each.n > intent.n]
    for each in later:
        if each.writer == intent.writer and (each.taken_back or each.outcome in FINAL):
            return ref._replace(spent=each.taken_back)
    return ref._replace(spent=any(each.taken_back and began(each.writer) > intent.n for each in later))


def is_taken_up(intent: Entry, since: list[Entry], began: Began) -> bool:
    """Tell whether a later try, which knew what this one had carried, came to a good end of it."""
    return any(
        each.kind == OUTCOME and not each.open and began(each.writer) > intent.n
        for each in since
        if each.n > intent.n
    )


def is_undoing(since: list[Entry], began: Began) -> bool:
    """
    Tell whether an undo began and did not end.

    What a writer began, it ends itself, or one that had read of it: another that was at work at once knows nothing
    of how far it came.
    """
    relinked = max((each.n for each in since if each.kind == INTENT), default=-1)
    begun = [each for each in since if each.kind == UNDO_INTENT and each.n > relinked]
    ends = [each for each in since if each.kind == UNDO_OUTCOME and each.outcome in {UNDONE, LEFT}]
    return any(
        not any(end.n > each.n and (end.writer == each.writer or began(end.writer) > each.n) for end in ends)
        for each in begun
    )
