"""
One star of a plan: all that becomes one primary, pair after pair.

In a chain (A from B, B from C) every account is read first, and each of the plan's own pairs is checked on those
readings: what was reached only through a pair that is refused is cut off with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from airflow_provider_auth0link.errors import Auth0LinkError, LinkDelayedError
from airflow_provider_auth0link.linking.carry import Brought, Carry, Siblings
from airflow_provider_auth0link.linking.history import Known
from airflow_provider_auth0link.linking.job import Job, Readings, key, take_back, without_carry
from airflow_provider_auth0link.linking.journal import Journal
from airflow_provider_auth0link.linking.mending import mend
from airflow_provider_auth0link.linking.options import Options
from airflow_provider_auth0link.linking.outcome import Outcome, names
from airflow_provider_auth0link.linking.pair import (
    Intent,
    check_edge,
    into,
    link_steps,
    refused,
    stopped,
)
from airflow_provider_auth0link.linking.plan import Star
from airflow_provider_auth0link.linking.records import INTENT, OUTCOME
from airflow_provider_auth0link.linking.settle import read
from airflow_provider_auth0link.linking.siblings import may_be_linked, siblings_of
from airflow_provider_auth0link.linking.snapshot import combined
from airflow_provider_auth0link.linking.tenant import Tenant
from airflow_provider_auth0link.linking.tries import FINAL
from airflow_provider_auth0link.linking.units import Note, Notes, Tenants, noted
from airflow_provider_auth0link.model import Account, Pair, UserId

GOOD = FINAL | {"would_link"}


def _never() -> bool:
    return False


@dataclass(slots=True)
class StarRun:
    """
    A star on its way.

    ``outcomes`` are by pair, None where nothing is known yet. ``earlier`` are those that the journal had already:
    nothing is asked about them.
    """

    star: Star
    options: Options
    tenants: Tenants
    journal: Journal | None = None
    stopping: Callable[[], bool] = _never
    outcomes: list[Outcome | None] = field(default_factory=list)
    earlier: set[int] = field(default_factory=set)
    _jobs: list[Job] = field(default_factory=list)
    _facts: dict[UserId, Account] = field(default_factory=dict)
    _brought: dict[int, Brought] = field(default_factory=dict)
    _beside: bool = False

    def __post_init__(self) -> None:
        self.outcomes = [None] * len(self.star.pairs)
        self._jobs = [
            Job(
                into(self.star.primary, edge),
                edge,
                Carry(self.star.primary),
                siblings=partial(self._siblings, at),
            )
            for at, edge in enumerate(self.star.pairs)
        ]
        for index, job in enumerate(self._jobs):
            known = self._known(job.pair)
            if known is not None and known.done:
                self.outcomes[index] = Outcome(str(known.outcome), carried=())
                self.earlier.add(index)

    @property
    def unfinished(self) -> bool:
        """Whether a pair failed in a way that may pass, or is unknown."""
        return any(each is None or each.may_pass for each in self.outcomes)

    def steps(self) -> Notes:
        """Link what is left, one pair after another."""
        left = [index for index, each in enumerate(self.outcomes) if each is None or each.may_pass]
        if self._is_in_order:
            left.sort(key=lambda index: not self._stands(index))
        self._facts.clear()
        refusals: dict[int, Outcome] = {}
        requests = 0
        if left and self._is_chain and not self.stopping():
            tenant = self.tenants.work()
            refusals = self._read_all(tenant, left)
            requests = tenant.requests
        for index in left:
            if self.stopping():
                return
            cut = self._cut_off(index)
            waits = cut is not None and cut.may_pass
            outcome = cut or refusals.get(index)
            if outcome is not None:
                yield self._given_up(index, outcome, requests, waits=waits)
            else:
                yield from self._link(index, requests)
            if self._is_in_order and self._holds_up(index, waits=waits):
                return
            requests = 0

    @property
    def _is_in_order(self) -> bool:
        """
        Whether the rest must wait for a pair that carried, is not linked yet, and may be in a further pass.

        Where a secondary's values rule, they would be written over values of this pair, and an undo could not tell
        which of them stood there first. For the same reason such a pair is taken up before all others.
        """
        return self.options.conflicts == "secondary" and self.journal is not None

    def _holds_up(self, index: int, *, waits: bool) -> bool:
        """Tell whether the rest must wait for a pair. One that waits itself for a pair below does not: both would."""
        outcome = self.outcomes[index]
        if outcome is None or not outcome.may_pass or (waits and self._jobs[index].tried):
            return False
        return self._stands(index)

    def _stands(self, index: int) -> bool:
        """Tell whether a pair that is not linked may have left something at the primary."""
        outcome = self.outcomes[index]
        if outcome is not None:
            return outcome.standing or outcome.tried or outcome.open or outcome.name == "unknown"
        known = self._known(self._jobs[index].pair)
        return known is not None and not known.done and (known.tried or known.standing)

    def _given_up(self, index: int, outcome: Outcome, requests: int, *, waits: bool) -> Note:
        """
        End a pair before its own steps; what an earlier try carried for it is not forgotten.

        Where order matters and it waits for a pair that is carried before it, its own carry is taken back first.
        """
        job = self._jobs[index]
        tenant = self.tenants.work()
        self._remember(job)
        if job.tried or outcome.open:
            outcome = outcome.with_(open=True)
        elif waits and self._is_in_order and job.carry:
            outcome = take_back(tenant, job, outcome)
        else:
            outcome = without_carry(tenant, job, outcome)
        return self._ended(index, outcome.with_(requests=requests + tenant.requests))

    def _siblings(self, index: int) -> Siblings:
        """Return what the primary's other accounts brought and took, those of this run and of earlier ones."""
        here = [self._brought[at] for at in self._brought if may_be_linked(self.outcomes[at]) and at != index]
        if self.journal is None:
            return Siblings(here)
        ended = {key(job.pair): outcome for job, outcome in zip(self._jobs, self.outcomes, strict=True)}
        return siblings_of(key(self._jobs[index].pair), self.journal, ended, here)

    @property
    def _is_chain(self) -> bool:
        checked = self.options.guards or any(edge.evidence for edge in self.star.pairs)
        return bool(checked) and any(edge.primary != self.star.primary for edge in self.star.pairs)

    def _known(self, pair: Pair) -> Known | None:
        return self.journal.history.of(key(pair)) if self.journal else None

    def _link(self, index: int, requests: int) -> Notes:
        job = self._jobs[index]
        self._remember(job)
        tenant = self.tenants.work()
        outcome = yield from noted(
            link_steps(tenant, job, self.options), lambda intent: self._intended(index, intent)
        )
        outcome = self._mended(tenant, job, outcome)
        yield self._ended(index, outcome.with_(requests=outcome.requests + requests + tenant.requests))

    def _mended(self, tenant: Tenant, job: Job, outcome: Outcome) -> Outcome:
        """
        Look after the primary when another may have linked the pair while this one was carrying.

        Once another was met here, it is looked after to the star's end: the other may write on old readings too.
        """
        met = job.wrote and not outcome.answered and outcome.error is None
        if self.journal is None or not (met or self._beside) or self.stopping():
            return outcome
        try:
            self._beside = mend(tenant, self.star.primary, self.journal, self.options)
        except Auth0LinkError as error:
            return outcome if outcome.error else Outcome.ended("failed", error, tried=True)
        return outcome

    def _intended(self, index: int, intent: Intent) -> Note:
        if len(self._jobs) > 1:
            self._brought[index] = intent.snapshot.brought(self.options)
        row = {
            **self._jobs[index].row,
            "connection": intent.connection,
            "carried": list(intent.paths),
            "identities": [each.to_xcom() for each in intent.snapshot.account.identities],
        }
        return Note(INTENT, row, snapshot=intent.snapshot, wait=True)

    def _remember(self, job: Job) -> None:
        """Take up what earlier tries of this pair left behind, as the journal tells it."""
        known = self._known(job.pair)
        if self.journal is None or known is None or job.remembered:
            return
        job.remembered, job.tried = True, known.tried
        if self.options.dry_run:  # what stands at the primary is a real run's to take back
            return
        earlier = combined(self.journal.snapshots(known.key, known.refs))
        if earlier is not None:
            job.carry.then(earlier.carry)

    def _ended(self, index: int, outcome: Outcome) -> Note:
        instead, self.outcomes[index] = self.outcomes[index], outcome
        row = {**self._jobs[index].row, **outcome.to_record()}
        return Note(OUTCOME, row, outcome=outcome, instead=instead)

    def _cut_off(self, index: int) -> Outcome | None:
        """Return why a pair is left alone or cannot be reached, None when the pair that it hangs on ended well."""
        edge = self.star.pairs[index]
        for account in (str(edge.secondary), str(self.star.primary)):
            if self.journal is not None and self.journal.history.is_half_undone(account):
                # what would be read of it may be emptied, or half restored
                again = f"an undo of {account!r} began and did not end. Run that again first, in this journal"
                return refused(f"{names(self._jobs[index].pair)}: {again}").with_(open=True)
        if edge.primary == self.star.primary:
            return None
        parent = self.outcomes[self._at(edge.primary)]
        if parent is None or parent.may_pass:
            late = LinkDelayedError(
                f"{names(edge)}: waits for {str(edge.primary)!r}, which is not linked yet"
            )
            return Outcome.ended("failed", late)
        if parent.name in GOOD:
            return None
        return refused(
            f"cut off: it was to follow {str(edge.primary)!r} into {str(self.star.primary)!r}, which was {parent.name}"
        )

    def _at(self, secondary: UserId) -> int:
        return next(at for at, each in enumerate(self.star.pairs) if each.secondary == secondary)

    def _read_all(self, tenant: Tenant, left: list[int]) -> dict[int, Outcome]:
        """Read every account of a chain and check each of the plan's own pairs. Returns what is refused or failed."""
        at = tenant.now()
        try:
            primary = read(tenant, self.star.primary)
            for index in left:
                account = read(tenant, self.star.pairs[index].secondary)
                if account is not None:
                    self._facts[account.id] = account
            if len(self._facts) < len(left):  # linked by another since the primary was read?
                primary = read(tenant, self.star.primary)
        except Auth0LinkError as error:
            for index in left:
                self._remember(self._jobs[index])
            return {index: stopped(self._jobs[index], error) for index in left}
        ends: dict[int, Outcome] = {}
        for index in left:
            job, edge = self._jobs[index], self.star.pairs[index]
            own = edge.primary == self.star.primary
            job.parent = None if own else self._fact(edge.primary, primary)
            secondary = self._facts.get(edge.secondary)
            if secondary is None or (own and primary is None):
                continue  # gone, or linked already: the pair's own look tells
            first = primary if index == left[0] else None
            job.readings = Readings(at, first, secondary)
            reason = check_edge(edge, primary if own else job.parent, secondary, self.options)
            if reason:
                ends[index] = refused(reason, primary)
        return ends

    def _fact(self, user_id: UserId, primary: Account | None) -> Account | None:
        """
        Return an account of the chain's middle as it was last seen.

        One that was linked by an earlier try is in the journal. One that somebody linked before is an identity of
        the primary now: its profile and the primary's state stand for it.
        """
        if user_id in self._facts:
            return self._facts[user_id]
        known = self._known(self._jobs[self._at(user_id)].pair)
        if self.journal is not None and known is not None:
            snapshot = combined(self.journal.snapshots(known.key, known.refs))
            if snapshot is not None:
                return snapshot.account
        held = primary.holds(user_id, None) if primary is not None else None
        if primary is None or held is None:
            return None
        blocked = {"blocked": True} if primary.blocked else {}
        return Account(user_id, (held,), {**held.profile, **blocked, "user_id": str(user_id)})
