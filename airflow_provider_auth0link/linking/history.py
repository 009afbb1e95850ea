"""
What a journal says of each pair: the fold of its records. Pure.

The records may come in any order: each has a number. A journal of a million pairs is held here whole, so a pair
costs a few tuples.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from sys import intern
from typing import Any

from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.linking.options import Options
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
from airflow_provider_auth0link.linking.tries import (
    ALREADY,
    FINAL,
    LINKED,
    NO_TRIES,
    UNDONE,
    Began,
    Entry,
    Life,
    Ref,
    Tries,
    entry_of,
    how_open,
    is_taken_up,
    is_undoing,
    ruling_of,
    tries_of,
)


@dataclass(frozen=True, slots=True)
class Known:
    """
    What is known of one pair.

    ``outcome`` is the last that rules, None when there is none. ``tried``: a try of ours may have linked it though no
    outcome says so. ``standing``: what a try carried stands on the primary, though it is not linked.
    ``undoing``: an undo began and did not end. ``restored``: it had restored the account.
    ``refs``: the snapshots of its tries since the last undo, oldest first. ``undone_refs``: those of before.
    ``last`` are its tries since the last undo, or those that it took back; ``past`` those that undos before took back.
    ``n`` is the number of its ruling record, ``undone_n`` that of the undo that rules. ``undo``, ``undo_reason``: how
    the last undo ended that no try came after, None when there was none.
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
    last: Tries = NO_TRIES
    past: tuple[Life, ...] = ()
    n: int = 0
    undone_n: int = -1
    undo: str | None = None
    undo_reason: str | None = None

    @property
    def may_be_linked(self) -> bool:
        """Whether a run linked it, or may have, and that is not undone."""
        return self.outcome == LINKED or self.tried

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
    _entries: dict[Key, tuple[Entry, ...]] = field(default_factory=dict)
    _by_primary: dict[str, list[Key]] = field(default_factory=dict)
    _undos: dict[str, set[Key]] = field(default_factory=dict)

    def add(self, writer: str, records: Iterable[Mapping[str, Any]]) -> None:
        """Take in records of one writer."""
        last = self.last.get(writer, 0)
        for record in records:
            last = max(last, record["n"])
            if record["kind"] == HEADER:
                self.headers[writer] = record
            elif record["kind"] in {INTENT, OUTCOME, UNDO_INTENT, UNDO_OUTCOME}:
                key = key_of(record)
                entry = entry_of(intern(writer), record)
                if record["kind"] == UNDO_INTENT:
                    self._undos.setdefault(key[1], set()).add(key)
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
            found: dict[str, list[Key]] = {}
            for key in self._entries:
                found.setdefault(key[0], []).append(key)
            self._by_primary = found  # whole, since other threads may ask
        return [self.of(key) for key in self._by_primary.get(primary, ())]

    def of(self, key: Key) -> Known:
        """Return what is known of a pair; nothing, when it is not in the journal."""
        return _known(key, self._entries.get(key, ()), self.began)

    def is_half_undone(self, account: str) -> bool:
        """Tell whether an undo that brings back this account began and did not end: it may be emptied."""
        return any(self.of(key).undoing for key in self._undos.get(account, ()))

    def options(self, refs: Sequence[Ref]) -> Options | None:
        """Return the options of the last of these tries; None where its header does not tell them."""
        writer = refs[-1].file.rpartition("-")[0] if refs else ""
        told = self.headers.get(writer, {}).get("options")
        with suppress(InputError, TypeError):
            return Options.checked(**told) if isinstance(told, Mapping) else None
        return None

    def began(self, writer: str) -> int:
        """Return the number with which a writer began: what it had read before has a lower one."""
        header = self.headers.get(writer)
        return header["n"] if header else 0


def _known(key: Key, entries: tuple[Entry, ...], began: Began) -> Known:
    ordered = sorted(entries, key=lambda each: (each.n, each.writer))
    undone = [each for each in ordered if each.kind == UNDO_OUTCOME and each.outcome == UNDONE]
    linked_at = max((each.n for each in ordered if each.kind in {INTENT, OUTCOME}), default=-1)
    undone_at = past_n = max((each.n for each in undone if each.n < linked_at), default=-1)
    since = [each for each in ordered if each.n > undone_at]
    undoing = is_undoing(since, began)
    over = bool(undone) and undone[-1].n > undone_at and not undoing
    last = tries_of(since, began)
    if over:
        undone_at, since = undone[-1].n, []
    intents = [each for each in since if each.kind == INTENT]
    opens = [how_open(each, since) for each in intents]
    ruling = ruling_of([each for each in since if each.kind == OUTCOME])
    outcome = ruling.outcome if ruling else None
    tried_at = max((each.n for each in intents), default=-1)
    ends = [each for each in ordered if each.kind == UNDO_OUTCOME and each.n > tried_at]
    undo = undone[-1] if over else ends[-1] if ends else None
    return Known(
        key,
        outcome=LINKED if outcome == ALREADY and True in opens else outcome,
        reason=ruling.reason if ruling else None,
        connection=next((e.connection for e in reversed(ordered) if e.connection), None),
        tried=True in opens,
        standing=any(
            how == CARRIED and not is_taken_up(each, since, began)
            for each, how in zip(intents, opens, strict=True)
        ),
        undoing=undoing,
        restored=undoing and any(each.restored for each in since if each.n > tried_at),
        undone=over,
        refs=() if over else last.refs,
        undone_refs=tuple(e.ref for e in ordered if e.kind == INTENT and e.ref and e.n <= undone_at),
        last=last,
        past=_past(ordered, [each.n for each in undone if each.n <= past_n], began),
        n=ruling.n if ruling else max((each.n for each in ordered), default=0),
        undone_n=undone[-1].n if over else -1,
        undo=undo.outcome if undo else None,
        undo_reason=undo.reason if undo else None,
    )


def _past(ordered: list[Entry], ends: list[int], began: Began) -> tuple[Life, ...]:
    """Return the tries that undos took back, which ended at these numbers."""
    if not ends:  # nearly all pairs
        return ()
    spans = zip([-1, *ends], ends, strict=False)
    lives = [Life(tries_of([e for e in ordered if low < e.n <= end], began), end) for low, end in spans]
    return tuple(each for each in lives if each.tries.refs)
