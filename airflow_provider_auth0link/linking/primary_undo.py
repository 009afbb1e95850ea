"""All that is to be undone of one primary, pair after pair."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from airflow_provider_auth0link.errors import Auth0LinkError, SettingsError
from airflow_provider_auth0link.linking.carry import Carry, Siblings
from airflow_provider_auth0link.linking.history import Known
from airflow_provider_auth0link.linking.journal import Journal
from airflow_provider_auth0link.linking.outcome import Outcome
from airflow_provider_auth0link.linking.records import UNDO_INTENT, UNDO_OUTCOME, Key
from airflow_provider_auth0link.linking.siblings import brought_by, carries, gone_since
from airflow_provider_auth0link.linking.snapshot import Snapshot, combined
from airflow_provider_auth0link.linking.tries import UNDONE, Ref
from airflow_provider_auth0link.linking.undo import Begin, News, Undo, foreseen, row_of, undo_steps
from airflow_provider_auth0link.linking.units import Note, Notes, Tenants, noted
from airflow_provider_auth0link.model import Account


@dataclass(slots=True)
class PrimaryUndo:
    """
    All that is to be undone of one primary, the last link first.

    ``staying`` are pairs of the same primary that stay linked.
    """

    chosen: list[Known]
    staying: list[Known]
    tenants: Tenants
    journal: Journal
    dry_run: bool
    stopping: Callable[[], bool]
    outcomes: dict[int, Outcome] = field(default_factory=dict)
    _undos: dict[int, Undo] = field(default_factory=dict)

    @property
    def unfinished(self) -> bool:
        """Whether a pair failed in a way that may pass, or is unknown."""
        return any(not self.is_over(index) for index in range(len(self.chosen)))

    def steps(self) -> Notes:
        """Undo what is left. After one that failed, those linked before it wait: the order is part of it."""
        for index in range(len(self.chosen)):
            if self.stopping():
                return
            if self.is_over(index):
                continue
            yield from self.undo(index)
            if not self.is_over(index):
                return

    def is_over(self, index: int) -> bool:
        """Tell whether a pair has an end that a further pass would not change."""
        outcome = self.outcomes.get(index)
        return outcome is not None and not outcome.may_pass

    def undo(self, index: int) -> Notes:
        """Undo one pair, or go on with it."""
        known = self.chosen[index]
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

    def foresee(self, index: int, restored: Callable[[], Account | None]) -> Notes:
        """
        Say of a pair whose primary is not there yet what a run would do once that is restored.

        :param restored: gives the primary as it will be; None when it cannot be restored
        """
        known = self.chosen[index]
        undo = Undo(known.key, known, None, begun=known.undoing)
        tenant = self.tenants.work()
        try:
            undo.snapshot = self._snapshot(known.key, known.refs)
            outcome = foreseen(tenant, undo, restored())
        except SettingsError:
            raise
        except Auth0LinkError as error:
            outcome = Outcome.ended("failed", error)
        yield self._ended(index, undo, outcome.with_(requests=tenant.requests))

    def account(self, index: int) -> Account | None:
        """Return a pair's secondary as its undo restores it."""
        known = self.chosen[index]
        snapshot = self._snapshot(known.key, known.refs)
        return snapshot.account if snapshot is not None else None

    def _begun(self, known: Known, begin: Begin) -> Note:
        row = {**self._row(known), **({"restored": True} if begin.restored else {})}
        return Note(UNDO_INTENT, row, wait=not begin.restored)

    def _ended(self, index: int, undo: Undo, outcome: Outcome) -> Note:
        instead, self.outcomes[index] = self.outcomes.get(index), outcome
        row = {**self._row(undo.known), **row_of(undo, outcome)}
        return Note(UNDO_OUTCOME, row, outcome=outcome, instead=instead)

    def _prepared(self, index: int, known: Known) -> Undo:
        snapshot = self._snapshot(known.key, known.refs)
        gone = self._gone(index, known)
        below = self.journal.history.of_primary(known.key[1])
        freed = frozenset(each.key[1] for each in below if each.undone_n > known.last.began_n)
        if snapshot is None or (not snapshot.carry and not gone):
            return Undo(known.key, known, snapshot, freed=freed, news=partial(self._news, index))
        failed = [each for at, each in enumerate(self.chosen[:index]) if self.ended_as("failed", at)]
        linked = [*self.staying, *failed, *self.chosen[index + 1 :]]
        still = [each for each in linked if each.last.tried_n > known.last.began_n]
        brought = snapshot.brought(self.journal.history.options(known.refs)) if gone else None
        siblings = Siblings(brought_by(self.journal, still), gone, brought)
        return Undo(known.key, known, snapshot, siblings, freed, partial(self._news, index))

    def _news(self, index: int) -> News:
        """Look for what another undo of the same pairs, alive at once, did beside this one."""
        known = self.chosen[index]
        theirs = {
            each.key: each for each in self.journal.meanwhile(known.key[0]) if each.undoing or each.undone
        }
        others = theirs.keys() - {known.key}
        gone = self._gone(index, known, others) if others else []
        return News(theirs.get(known.key), gone)

    def _gone(self, index: int, known: Known, theirs: Collection[Key] = ()) -> list[Carry]:
        """
        Return what was carried before a pair was linked, of those undone since.

        :param theirs: pairs that another began to undo since
        """
        undone = {
            each.key
            for at, each in enumerate(self.chosen)
            if at != index and (self.ended_as(UNDONE, at) or each.key in theirs)
        }
        return carries(self.journal, gone_since(self.journal.history, known, undone))

    def ended_as(self, name: str, index: int) -> bool:
        """Tell whether this is a pair's outcome by now."""
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
