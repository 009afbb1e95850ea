"""
A whole plan, or the undo of a run: units of work at the tenant's own speed.

The work runs in threads of its own, so that the caller's thread is free for signals, log lines and deadlines.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_auth0link.errors import Auth0LinkError, ForbiddenError, UnauthorizedError
from airflow_provider_auth0link.linking.engine import Engine
from airflow_provider_auth0link.linking.job import key
from airflow_provider_auth0link.linking.journal import Journal
from airflow_provider_auth0link.linking.options import Options
from airflow_provider_auth0link.linking.outcome import Outcome
from airflow_provider_auth0link.linking.pair import into
from airflow_provider_auth0link.linking.plan import Plan
from airflow_provider_auth0link.linking.star import StarRun
from airflow_provider_auth0link.linking.tally import Tally
from airflow_provider_auth0link.linking.units import Note, Tenants, Unit

LINK_OUTCOMES = ("linked", "already_linked", "would_link", "refused", "failed", "unknown")

LAST_COMMIT_S = 1.0
"""What a stop gives the journal's store, when work is still under way."""

Units = Callable[[Tally, Callable[[], bool]], Iterator[Unit]]
"""(tally, whether the run is stopping) to the units; pairs that are done already are counted on the way."""


class Batch:
    """
    Many pairs on their way.

    :param units: what there is to do
    :param tally: counts it
    :param tenants: where
    :param journal: where it is written down; None in a dry run
    :param clock: monotonic seconds
    """

    def __init__(
        self,
        units: Units,
        tally: Tally,
        tenants: Tenants,
        journal: Journal | None,
        clock: Callable[[], float],
    ) -> None:
        self.tally = tally
        self.repeats: int | None = None
        self._tenants, self._journal = tenants, journal
        self._throttled_before = tenants.throttled
        self._units = units
        self._refusal: Auth0LinkError | None = None
        self._engine = Engine(tenants, journal, ended=self._ended, stops=self._stops, clock=clock)
        self._thread = threading.Thread(target=self._run, name="auth0link-batch", daemon=True)
        self._over = True
        self._at_work = threading.Lock()

    @property
    def is_journaled(self) -> bool:
        """Whether it is written down: a dry run is not."""
        return self._journal is not None

    def start(self) -> None:
        """Begin."""
        self._over = False
        self._at_work.acquire()
        self._thread.start()

    def wait(self, seconds: float) -> bool:
        """
        Wait so long for the end; tells whether it has come.

        Not by ``Thread.join``: what a signal handler raises in it makes Python 3.11 call a running thread dead. Not by
        an Event: a handler that waits as well could wait for its own thread.
        """
        if not self._over and self._at_work.acquire(timeout=seconds):
            self._at_work.release()
        return self._over

    def stop(self, within: float) -> bool:
        """
        Begin no new pair, and give those under way so long to end; then what is known is written down.

        Safe in a signal handler: the caller's thread holds none of the locks that it needs.

        :param within: seconds
        :return: whether everything under way has ended
        """
        self._engine.stop()
        ended = self.wait(within)
        if not ended:  # a store that hangs must not hold the caller up
            last = threading.Thread(target=self._commit, daemon=True)
            last.start()
            last.join(LAST_COMMIT_S)
        return ended

    def _commit(self) -> None:
        try:
            self._engine.commit()
        except Auth0LinkError as error:
            self._engine.failure = self._engine.failure or error

    @property
    def stopped(self) -> bool:
        """Whether it was told to stop, or had to."""
        return self._engine.stopping()

    @property
    def failure(self) -> BaseException | None:
        """What ended the run before its end: a refusal that every pair would meet, or the journal's store."""
        return self._refusal or self._engine.failure

    @property
    def throttled(self) -> int:
        """How many requests met a 429 since the run began."""
        return self._tenants.throttled - self._throttled_before

    def close(self) -> dict[str, Any]:
        """End the counts, and return them, with a plan's repeats, requests and throttled."""
        self.tally.close(self._engine.running)
        repeats = {} if self.repeats is None else {"repeats": self.repeats}
        sent = {"requests": self.tally.requests, "throttled": self.throttled}
        return {**self.tally.summary(), **repeats, **sent}

    def _run(self) -> None:
        try:
            self._engine.run(self._units(self.tally, self._engine.stopping))
        except BaseException as error:  # noqa: BLE001 - told to whoever waits
            self._engine.failure = self._engine.failure or error
        finally:
            self._over = True
            self._at_work.release()

    def _ended(self, note: Note) -> None:
        self.tally.ended(note)

    def _stops(self, outcome: Outcome) -> bool:
        """A token that is refused is refused for every pair."""
        for error in (outcome.error, getattr(outcome.error, "__cause__", None)):
            if isinstance(error, ForbiddenError | UnauthorizedError):
                self._refusal = self._refusal or error
                return True
        return False


def link_batch(
    plan: Plan,
    options: Options,
    tenants: Tenants,
    journal: Journal | None,
    clock: Callable[[], float],
) -> Batch:
    """
    Prepare the links of a plan.

    :param options: with ``snapshot``, unless it is a dry run
    :param journal: where it is written down; a dry run only reads it, or goes without
    """
    checks = options.carry or options.guards or plan.has_evidence or plan.by_connection

    def units(tally: Tally, stopping: Callable[[], bool]) -> Iterator[Unit]:
        if options.dry_run and not checks:  # nothing to check, so nothing is asked
            _count(plan, journal, tally)
            return
        for star in plan.stars():
            run = StarRun(star, options, tenants, journal, stopping)
            for index in run.earlier:
                outcome = run.outcomes[index]
                tally.earlier(outcome.name if outcome else "unknown")
            if len(run.earlier) < len(star.pairs):
                yield run

    tally = Tally(LINK_OUTCOMES, plan.planned, clock)
    batch = Batch(units, tally, tenants, None if options.dry_run else journal, clock)
    batch.repeats = plan.repeats
    return batch


def _count(plan: Plan, journal: Journal | None, tally: Tally) -> None:
    """Count what a run would link."""
    if journal is None or not len(journal.history):
        tally.earlier("would_link", plan.planned)
        return
    for star in plan.stars():
        for edge in star.pairs:
            known = journal.history.of(key(into(star.primary, edge)))
            tally.earlier(str(known.outcome) if known.done else "would_link")


@dataclass(frozen=True, slots=True)
class Ahead:
    """
    What a run has before it: how many links, and whether any names its connection or bears evidence.

    ``done``: pairs that the journal calls done, by outcome.
    """

    links: int
    by_connection: bool
    evidence: bool
    done: Mapping[str, int]


def ahead(plan: Plan, journal: Journal) -> Ahead:
    """Look over a plan before it is begun."""
    if not len(journal.history):
        return Ahead(plan.planned, plan.by_connection, plan.has_evidence, {})
    links, by_connection, evidence = 0, False, False
    done: Counter[str] = Counter()
    for star in plan.stars():
        for edge in star.pairs:
            known = journal.history.of(key(into(star.primary, edge)))
            if known.done:
                done[str(known.outcome)] += 1
            else:
                links += 1
                by_connection = by_connection or edge.connection_id is not None
                evidence = evidence or bool(edge.evidence)
    return Ahead(links, by_connection, evidence, done)
