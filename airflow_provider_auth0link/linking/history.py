"""
What a journal says of each pair: the fold of its records. Pure.

The records may come in any order: each has a number. A journal of a million pairs is held here whole, so a pair
costs a few tuples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from sys import intern
from typing import Any, NamedTuple

from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.linking.records import (
    CARRIED,
    HEADER,
    INTENT,
    OUTCOME,
    UNDO_INTENT,
    UNDO_OUTCOME,
    Key,
    key_of,
)

LINKED, ALREADY, UNDONE, LEFT = "linked", "already_linked", "undone", "left"
FINAL = frozenset({LINKED, ALREADY})

Began = Callable[[str], int]
"""From a writer to the number with which it began."""


class Ref(NamedTuple):
    """Where a snapshot stands: a file, and a line counted from 0."""

    file: str
    line: int


class _Entry(NamedTuple):
    n: int
    writer: str
    kind: str
    outcome: str
    open: bool | str
    ref: Ref | None
    reason: str | None
    connection: str | None
    restored: bool


@dataclass(frozen=True, slots=True)
class Known:
    """
    What is known of one pair.

    ``outcome`` is the last that rules, None when there is none. ``tried``: a try of ours may have linked it though no
    outcome says so. ``standing``: what a try carried stands on the primary, though it is not linked.
    ``undoing``: an undo began and did not end. ``restored``: it had restored the account.
    ``refs``: the snapshots of its tries since the last undo, oldest first. ``undone_refs``: those of before.
    ``n`` is the number of its ruling record, ``tried_n`` that of its last intent, ``began_n`` that of the first since
    the last undo. ``undo`` and ``undo_reason``: how the last undo ended that no try came after, None when there was
    none.
    """

    key: Key
    outcome: str | None = None
    reason: str | None = None
    connection: str | None = None
    tried: bool = False
    standing: bool = False
    undoing: bool = False
    restored: bool = False
    undone: bool = False
    refs: tuple[Ref, ...] = ()
    undone_refs: tuple[Ref, ...] = ()
    n: int = 0
    tried_n: int = -1
    began_n: int = -1
    undo: str | None = None
    undo_reason: str | None = None

    @property
    def done(self) -> bool:
        """Whether a run has nothing more to do for it."""
        return self.outcome in FINAL and not self.undoing


@dataclass(slots=True)
class History:
    """
    A journal, read.

    ``headers`` are by writer; ``highest`` is the highest number in it, ``last`` that of each writer.
    """

    headers: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    highest: int = 0
    last: dict[str, int] = field(default_factory=dict)
    _entries: dict[Key, tuple[_Entry, ...]] = field(default_factory=dict)
    _by_primary: dict[str, list[Key]] = field(default_factory=dict)

    def add(self, writer: str, records: Iterable[Mapping[str, Any]]) -> None:
        """Take in records of one writer."""
        last = self.last.get(writer, 0)
        for record in records:
            last = max(last, record["n"])
            if record["kind"] == HEADER:
                self.headers[writer] = record
            elif record["kind"] in {INTENT, OUTCOME, UNDO_INTENT, UNDO_OUTCOME}:
                key = key_of(record)
                entry = _entry(intern(writer), record)
                held = self._entries.get(key)
                self._entries[key] = (entry,) if held is None else (*held, entry)
                if held is None and self._by_primary:
                    self._by_primary.setdefault(key[0], []).append(key)
        self.last[writer] = last
        self.highest = max(self.highest, last)

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Known]:
        return (self.of(key) for key in self._entries)

    def of_primary(self, primary: str) -> list[Known]:
        """Return what is known of all pairs of a primary."""
        if not self._by_primary:
            for key in self._entries:
                self._by_primary.setdefault(key[0], []).append(key)
        return [self.of(key) for key in self._by_primary.get(primary, ())]

    def of(self, key: Key) -> Known:
        """Return what is known of a pair; nothing, when it is not in the journal."""
        return _known(key, self._entries.get(key, ()), self.began)

    def began(self, writer: str) -> int:
        """Return the number with which a writer began: what it had read before has a lower one."""
        header = self.headers.get(writer)
        return header["n"] if header else 0


def _ref(file: object, line: object) -> Ref:
    if not isinstance(file, str) or type(line) is not int or line < 0:
        raise ValueError
    return Ref(intern(file), line)


def _entry(writer: str, record: Mapping[str, Any]) -> _Entry:
    place = record.get("snapshot")
    ref = None
    if place is not None:
        try:
            ref = _ref(place["file"], place["line"])
        except (KeyError, TypeError, ValueError):
            raise InputError(f"journal: record {record['n']} of {writer} names no snapshot's place") from None
    return _Entry(
        record["n"],
        writer,
        intern(record["kind"]),
        intern(str(record.get("outcome") or "")),
        CARRIED if record.get("open") == CARRIED else bool(record.get("open")),
        ref,
        record.get("reason"),
        intern(record["connection"]) if isinstance(record.get("connection"), str) else None,
        bool(record.get("restored")),
    )


def _known(key: Key, entries: tuple[_Entry, ...], began: Began) -> Known:
    ordered = sorted(entries, key=lambda each: (each.n, each.writer))
    undone = [each for each in ordered if each.kind == UNDO_OUTCOME and each.outcome == UNDONE]
    linked_at = max((each.n for each in ordered if each.kind in {INTENT, OUTCOME}), default=-1)
    undone_at = max((each.n for each in undone if each.n < linked_at), default=-1)
    since = [each for each in ordered if each.n > undone_at]
    undoing = _is_undoing(since, began)
    over = bool(undone) and undone[-1].n > undone_at and not undoing
    if over:
        undone_at, since = undone[-1].n, []
    intents = [each for each in since if each.kind == INTENT]
    opens = [_open(each, since) for each in intents]
    tried = True in opens
    ruling = _ruling([each for each in since if each.kind == OUTCOME])
    outcome = ruling.outcome if ruling else None
    tried_at = max((each.n for each in intents), default=-1)
    ends = [each for each in ordered if each.kind == UNDO_OUTCOME and each.n > tried_at]
    undo = undone[-1] if over else ends[-1] if ends else None
    return Known(
        key,
        outcome=LINKED if outcome == ALREADY and tried else outcome,
        reason=ruling.reason if ruling else None,
        connection=next((e.connection for e in reversed(ordered) if e.connection), None),
        tried=tried,
        standing=any(
            how == CARRIED and not _taken_up(each, since, began)
            for each, how in zip(intents, opens, strict=True)
        ),
        undoing=undoing,
        restored=undoing and any(each.restored for each in since if each.n > tried_at),
        undone=over,
        refs=tuple(each.ref for each in intents if each.ref),
        undone_refs=tuple(e.ref for e in ordered if e.kind == INTENT and e.ref and e.n <= undone_at),
        n=ruling.n if ruling else max((each.n for each in ordered), default=0),
        tried_n=max((each.n for each in ordered if each.kind == INTENT), default=-1),
        began_n=min((each.n for each in intents), default=-1),
        undo=undo.outcome if undo else None,
        undo_reason=undo.reason if undo else None,
    )


def _ruling(outcomes: list[_Entry]) -> _Entry | None:
    """Return the outcome that rules: a link that was seen, else the last word."""
    for wanted in (LINKED, ALREADY):
        found = [each for each in outcomes if each.outcome == wanted]
        if found:
            return found[-1]
    return outcomes[-1] if outcomes else None


def _open(intent: _Entry, since: list[_Entry]) -> bool | str:
    """
    Tell what is open of the try of an intent, by what its writer said after it.

    True: it may have linked, or may still. CARRIED: it has not, but what it carried stands on the primary.
    """
    later = [e for e in since if e.kind == OUTCOME and e.writer == intent.writer and e.n > intent.n]
    return True if not later or later[-1].outcome == "unknown" else later[-1].open


def _taken_up(intent: _Entry, since: list[_Entry], began: Began) -> bool:
    """Tell whether a later try, which knew what this one had carried, came to a good end of it."""
    return any(
        each.kind == OUTCOME and not each.open and began(each.writer) > intent.n
        for each in since
        if each.n > intent.n
    )


def _is_undoing(since: list[_Entry], began: Began) -> bool:
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
