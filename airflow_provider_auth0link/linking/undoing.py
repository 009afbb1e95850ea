"""The undo of a whole run: which pairs, in which order, as units of work."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from airflow_provider_auth0link.errors import Auth0LinkError, InputError, SettingsError
from airflow_provider_auth0link.linking.batch import Batch
from airflow_provider_auth0link.linking.history import LINKED, UNDONE, History, Known, Ref
from airflow_provider_auth0link.linking.journal import Journal
from airflow_provider_auth0link.linking.outcome import Outcome
from airflow_provider_auth0link.linking.records import UNDO_INTENT, UNDO_OUTCOME, Key
from airflow_provider_auth0link.linking.snapshot import Snapshot, combined
from airflow_provider_auth0link.linking.tally import Tally
from airflow_provider_auth0link.linking.undo import Begin, News, Undo, row_of, undo_steps
from airflow_provider_auth0link.linking.units import Note, Notes, Tenants, Unit, noted
from airflow_provider_auth0link.linking.words import counted

UNDO_OUTCOMES = ("undone", "would_undo", "left", "failed", "unknown")
NAMED_AT_MOST = 10


def is_ours(known: Known) -> bool:
    """Tell whether a pair was linked by a run, or may have been, and is not undone."""
    return known.outcome == LINKED or known.tried or known.undoing


@dataclass(slots=True)
class PrimaryUndo:
    """
    All that is to be undone of one primary, the last link first.

    ``staying`` are pairs of the same primary that stay linked, ``gone`` those that an earlier undo took back.
    """

    chosen: list[Known]
    staying: list[Known]
    gone: list[Known]
    tenants: Tenants
    journal: Journal
    dry_run: bool
    stopping: Callable[[], bool]
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    _undos: dict[int, Undo] = field(default_factory=dict)

    @property
    def unfinished(self) -> bool:
        """Whether a pair failed in a way that may pass, or is unknown."""
        return any(not self._is_over(index) for index in range(len(self.chosen)))

    def steps(self) -> Notes:
        """Undo what is left. After one that failed, those linked before it wait: the order is part of it."""
        for index, known in enumerate(self.chosen):
            if self.stopping():
                return
            if self._is_over(index):
                continue
            yield from self._undo(index, known)
            if not self._is_over(index):
                return

    def _is_over(self, index: int) -> bool:
        outcome = self.outcomes.get(index)
        return outcome is not None and not (outcome.error is not None and outcome.error.retryable)

    def _undo(self, index: int, known: Known) -> Notes:
        try:
            undo = self._undos.get(index) or self._prepared(index, known)
        except SettingsError:  # the key is missing, so no pair could be restored
            raise
        except Auth0LinkError as error:
            yield self._ended(index, Undo(known.key, known, None), Outcome.ended("failed", error))
            return
        self._undos[index] = undo
        tenant = self.tenants.work()
        outcome = yield from noted(
            undo_steps(tenant, undo, dry_run=self.dry_run), lambda begin: self._begun(known, begin)
        )
        yield self._ended(index, undo, outcome.with_(requests=tenant.requests))

    def _begun(self, known: Known, begin: Begin) -> Note:
        row = {**self._row(known), **({"restored": True} if begin.restored else {})}
        return Note(UNDO_INTENT, row, wait=not begin.restored)

    def _ended(self, index: int, undo: Undo, outcome: Outcome) -> Note:
        instead, self.outcomes[index] = self.outcomes.get(index), outcome
        row = {**self._row(undo.known), **row_of(undo, outcome)}
        return Note(UNDO_OUTCOME, row, outcome=outcome, instead=instead)

    def _prepared(self, index: int, known: Known) -> Undo:
        snapshot = self._snapshot(known.key, known.refs)
        gone = self._snapshots(self._gone(index, known))
        if snapshot is None or (not snapshot.carry and not gone):
            return Undo(known.key, known, snapshot, news=partial(self._news, index))
        failed = [each for at, each in enumerate(self.chosen[:index]) if self._ended_as("failed", at)]
        linked = [*self.staying, *failed, *self.chosen[index + 1 :]]
        still = [each for each in linked if each.tried_n > known.began_n]
        others = [self._snapshot(each.key, each.refs) for each in still]
        return Undo(
            known.key,
            known,
            snapshot,
            [each for each in others if each is not None],
            gone,
            partial(self._news, index),
        )

    def _news(self, index: int) -> News:
        """Look for what another undo of the same pairs, alive at once, did beside this one."""
        known = self.chosen[index]
        theirs = {
            each.key: each for each in self.journal.meanwhile(known.key[0]) if each.undoing or each.undone
        }
        others = theirs.keys() - {known.key}
        gone = self._snapshots(self._gone(index, known, others)) if others else []
        return News(theirs.get(known.key), gone)

    def _gone(
        self, index: int, known: Known, theirs: Collection[Key] = ()
    ) -> list[tuple[Key, tuple[Ref, ...]]]:
        """
        Return the pairs and snapshots of those undone already that may have been linked before a pair, the last first.

        Of one writer the numbers tell. Two writers that were at work at once count apart.

        :param theirs: pairs that another began to undo since
        """
        undone = [(each.tried_n, each.undone_refs, each.key) for each in self.gone]
        mine = [
            (each.tried_n, each.refs, each.key)
            for at, each in enumerate(self.chosen)
            if at != index and (self._ended_as(UNDONE, at) or each.key in theirs)
        ]
        return [
            (key, refs)
            for n, refs, key in sorted([*undone, *mine], reverse=True)
            if n < known.tried_n or _writers(refs) != _writers(known.refs)
        ]

    def _snapshots(self, which: list[tuple[Key, tuple[Ref, ...]]]) -> list[Snapshot]:
        found = (self._snapshot(key, refs) for key, refs in which)
        return [each for each in found if each is not None and each.carry]

    def _ended_as(self, name: str, index: int) -> bool:
        outcome = self.outcomes.get(index)
        return outcome is not None and outcome.name == name

    def _snapshot(self, key: Key, refs: tuple[Ref, ...]) -> Snapshot | None:
        return combined(self.journal.snapshots(key, refs))

    def _row(self, known: Known) -> dict[str, Any]:
        primary, secondary, connection_id = known.key
        row = {"primary_user_id": primary, "secondary_user_id": secondary}
        if known.connection:
            row["connection"] = known.connection
        if connection_id:
            row["connection_id"] = connection_id
        return row


def _writers(refs: tuple[Ref, ...]) -> set[str]:
    return {ref.file.rpartition("-")[0] for ref in refs}


def undo_batch(
    journal: Journal,
    tenants: Tenants,
    clock: Callable[[], float],
    *,
    only: Collection[str] | None,
    dry_run: bool,
) -> Batch:
    """
    Prepare the undo of a journal's links.

    :param only: ids of secondaries; None: all
    :raises InputError: when one of ``only`` is not in the journal
    """
    chosen = _chosen(journal.history, only)

    def units(tally: Tally, stopping: Callable[[], bool]) -> Iterator[Unit]:  # noqa: ARG001 - the form of Units
        for primary, mine in chosen.items():
            rest = [each for each in journal.history.of_primary(primary) if each not in mine]
            yield PrimaryUndo(
                sorted(mine, key=lambda each: -each.n),
                [each for each in rest if is_ours(each) or each.done],
                [each for each in rest if each.undone],
                tenants,
                journal,
                dry_run,
                stopping,
            )

    planned = sum(len(each) for each in chosen.values())
    tally = Tally(UNDO_OUTCOMES, planned, clock)
    return Batch(units, tally, tenants, None if dry_run else journal, clock)


def _chosen(history: History, only: Collection[str] | None) -> dict[str, list[Known]]:
    """Return what is to be undone, by primary."""
    chosen: dict[str, list[Known]] = {}
    unknown = set(only or ())
    for known in history:
        primary, secondary, _ = known.key
        unknown.discard(secondary)
        if is_ours(known) and (only is None or secondary in only):
            chosen.setdefault(primary, []).append(known)
    if unknown:
        named = ", ".join(sorted(unknown)[:NAMED_AT_MOST])
        given = any(known.key[0] in unknown for known in history)
        raise InputError(
            f"only: {counted(len(unknown), 'id')} not among this journal's secondaries: {named}"
            + (". Give the ids that were linked into a primary, not the primary's own" if given else "")
        )
    return chosen
