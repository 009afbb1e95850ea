"""
Many units of work at once: read, write down, change, as a pipeline.

A unit runs in a worker thread until it hands out an intent; then it is parked, and its thread takes up another one.
Intents of many units are made durable together, about once a second, or at once when nothing else can be done.
Nothing is begun that could not be finished soon: so readings stay fresh, and an end finds little under way.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from airflow_provider_auth0link.errors import Auth0LinkError, StoppedError
from airflow_provider_auth0link.linking.journal import Journal
from airflow_provider_auth0link.linking.outcome import Outcome
from airflow_provider_auth0link.linking.speed import Speed
from airflow_provider_auth0link.linking.units import Note, Notes, Tenants, Unit

GATHER_S = 1.0
"""How long an intent waits for others to be written with it."""

AHEAD_S = 6.0
"""So many seconds' worth of units are under way at once: longer than gathering and writing take, and well below the
time for which readings are fresh."""

LEAST_UNITS = 4
MOST_UNITS = 4096
TICK_S = 0.1


@dataclass(slots=True)
class _Run:
    """A unit under way: its steps so far, and the record that it waits for."""

    unit: Unit
    steps: Notes
    waits_for: int = 0


class Engine:
    """
    Runs units to their end.

    :param tenants: where work begins; tells how many requests at once are worth having
    :param journal: where intents are made durable; None: there is nothing to wait for
    :param ended: called with the note that ends a pair, from any thread, one call at a time
    :param stops: tells of an outcome whether it ends the whole run
    :param clock: monotonic seconds
    """

    def __init__(
        self,
        tenants: Tenants,
        journal: Journal | None,
        *,
        ended: Callable[[Note], None],
        stops: Callable[[Outcome], bool],
        clock: Callable[[], float],
    ) -> None:
        self._tenants, self._journal, self._clock = tenants, journal, clock
        self._ended, self._stops = ended, stops
        lock = threading.Lock()
        self._turn = threading.Condition(lock)
        self._news = threading.Condition(lock)
        self._ready: deque[_Run] = deque()
        self._parked: list[_Run] = []
        self._again: list[Unit] = []
        self._units: Iterator[Unit] = iter(())
        self._more = True
        self._live = self._running = self._workers = self._idle = 0
        self._stopped = False
        self._gathering_since: float | None = None
        self._speed = Speed(clock)
        self.failure: BaseException | None = None

    def stopping(self) -> bool:
        """Tell whether nothing new is begun."""
        return self._stopped

    @property
    def running(self) -> int:
        """How many units have a request under way, or are about to."""
        return self._running

    def stop(self) -> None:
        """Begin nothing new. What is under way goes on to the end of its pair, or to its next intent."""
        self._stopped = True

    def run(self, units: Iterator[Unit], passes: int = 2) -> None:
        """
        Run all units; those that are left unfinished once more, at the end.

        It returns when nothing is under way any more. ``failure`` is what went wrong apart from single pairs.
        """
        for _ in range(passes):
            self._units, self._more, self._again = units, True, []
            self._pass()
            if self._stopped or self.failure or not self._again:
                break
            units = iter(self._again)
        self.commit()

    def _pass(self) -> None:
        committer = threading.Thread(target=self._guarded, args=(self._commit_loop,), daemon=True)
        self._guarded(committer.start)
        self._guarded(self._tend)
        with self._turn:
            while self._running:  # what ended the run may have come in the middle of others' work
                self._news.wait(TICK_S)
            self._more = False
            self._turn.notify_all()
            self._news.notify_all()
        if committer.ident is not None:
            committer.join()

    def _tend(self) -> None:
        over = False
        while not over:
            with self._turn:
                over = self._is_over()
                if not over:
                    self._grow()
                    self._news.wait(TICK_S)
            if self._stopped and not self.failure:
                self._abandon()

    def _abandon(self) -> None:
        """
        Let units that wait between an intent and its deed end there, and say so.

        Else an intent would count as a try that may have been made.
        """
        with self._turn:
            runs = [*self._parked, *self._ready]
            self._parked.clear()
            self._ready.clear()
        for run in runs:
            self._advance(run, _thrown(run.steps, StoppedError("stopped before it was sent")))

    def _is_over(self) -> bool:
        if self._stopped or self.failure:
            return self._running == 0
        return self._live == 0 and not self._more

    def _grow(self) -> None:
        """Add a worker when there is something for it to do, up to the width that is worth having."""
        while not self._idle and self._workers < self._tenants.width() and (self._ready or self._may_begin()):
            try:
                threading.Thread(target=self._guarded, args=(self._work,), daemon=True).start()
            except RuntimeError:  # the machine has no more threads to give: those that are there will do
                if not self._workers:
                    raise
                return
            self._workers += 1
            self._idle += 1

    def _may_begin(self) -> bool:
        if self._stopped or not self._more:
            return False
        ahead = max(LEAST_UNITS, min(MOST_UNITS, int(self._speed.per_second() * AHEAD_S)))
        if self._live < ahead:
            return True
        # However long a unit takes, each worker needs one that does not wait for its intent to be written.
        width, parked = self._tenants.width(), len(self._parked)
        return self._live - parked < width and parked < ahead + 2 * width

    def _guarded(self, loop: Callable[[], None]) -> None:
        """Run a thread's loop; what it dies of ends the run, and is told by whoever waits for it."""
        try:
            loop()
        except BaseException as error:  # noqa: BLE001 - a thread that dies silently would hang the run
            with self._turn:
                self.failure = self.failure or error
                self._stopped = True
                self._turn.notify_all()
                self._news.notify_all()

    def _work(self) -> None:
        idle = True
        try:
            while (run := self._next()) is not None:
                idle = False
                try:
                    self._advance(run)
                finally:
                    with self._turn:
                        self._running -= 1
                        self._idle += 1
                        idle = True
                        if not self._running:  # nothing else may be left but to write
                            self._news.notify_all()
        finally:
            with self._turn:
                self._workers -= 1
                self._idle -= idle

    def _next(self) -> _Run | None:
        """Return what to go on with: what was begun goes before what was not. None: the worker's end."""
        with self._turn:
            while True:
                if (
                    self._stopped
                    or not (self._more or self._live)
                    or self._workers > 2 * self._tenants.width()
                ):
                    return None
                if self._ready:
                    return self._took(self._ready.popleft())
                if self._may_begin():
                    unit = next(self._units, None)
                    if unit is not None:
                        self._live += 1
                        return self._took(_Run(unit, unit.steps()))
                    self._more = False
                    self._news.notify_all()
                    continue
                self._turn.wait(TICK_S)

    def _took(self, run: _Run) -> _Run:
        self._idle -= 1
        self._running += 1
        return run

    def _advance(self, run: _Run, steps: Notes | None = None) -> None:
        """Take a unit's steps until it has to wait, or ends."""
        for note in steps or run.steps:
            number = self._note(note)
            if note.outcome is not None:
                with self._turn:
                    self._ended(note)
                if self._stops(note.outcome):
                    self.stop()
            if note.wait and self._journal is not None:
                run.waits_for = number
                with self._turn:  # it may have been written since it was gathered: nobody would wake it then
                    durable = number <= self._journal.durable
                    (self._ready if durable else self._parked).append(run)
                return
        with self._turn:
            self._live -= 1
            self._speed.ended()
            if run.unit.unfinished and not self._stopped:
                self._again.append(run.unit)

    def _note(self, note: Note) -> int:
        if self._journal is None:
            return 0
        number = self._journal.note(note.kind, note.row, note.snapshot)
        if self._gathering_since is None:
            self._gathering_since = self._clock()
        return number

    def _commit_loop(self) -> None:
        while True:
            with self._turn:
                while not self._is_due():
                    if not self._more and self._live == 0:
                        return
                    if self._stopped and self._running == 0:
                        return
                    self._news.wait(TICK_S)
            self.commit()
            with self._turn:
                durable = self._journal.durable if self._journal else 0
                self._ready.extend(each for each in self._parked if each.waits_for <= durable)
                self._parked = [each for each in self._parked if each.waits_for > durable]
                self._turn.notify_all()

    def _is_due(self) -> bool:
        """Tell whether it is time to write: something waited long enough, or nothing else can be done."""
        if self._gathering_since is None:
            return False
        if self._clock() - self._gathering_since >= GATHER_S:
            return True
        return bool(self._parked) and not (self._running or self._ready or self._may_begin())

    def commit(self) -> None:
        """
        Make durable what was gathered. May be called from any thread.

        :raises Auth0LinkError: when the store cannot be written; the run ends then
        """
        self._gathering_since = None
        if self._journal is not None:
            try:
                self._journal.commit()
            except Auth0LinkError:
                self.stop()
                raise


def _thrown(steps: Notes, error: Auth0LinkError) -> Notes:
    """Raise an error where a unit waits, and hand out what it says to that."""
    with suppress(StopIteration):
        yield steps.throw(error)
        yield from steps
