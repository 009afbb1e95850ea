"""What the engine runs: units of work that hand out what must be written down, and end by themselves."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from airflow_provider_auth0link.errors import StoppedError
from airflow_provider_auth0link.linking.outcome import Outcome
from airflow_provider_auth0link.linking.snapshot import Snapshot
from airflow_provider_auth0link.linking.tenant import Tenant


@dataclass(frozen=True, slots=True)
class Note:
    """
    A record for the journal.

    ``wait``: the unit goes on only when it is durable. ``outcome`` is there when the record ends a pair, ``instead``
    when an earlier pass had ended it otherwise.
    """

    kind: str
    row: Mapping[str, Any]
    snapshot: Snapshot | None = None
    wait: bool = False
    outcome: Outcome | None = None
    instead: Outcome | None = None


Notes = Generator[Note, None, None]
Step = TypeVar("Step")


def noted(
    steps: Generator[Step, None, Outcome], note: Callable[[Step], Note]
) -> Generator[Note, None, Outcome]:
    """
    Hand out a pair's steps as records, and return its outcome.

    What stops the unit before the next step is raised where that would be taken.
    """
    stopped: StoppedError | None = None
    while True:
        try:
            step = next(steps) if stopped is None else steps.throw(stopped)
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome
        try:
            yield note(step)
        except StoppedError as error:
            stopped = error


class Unit(Protocol):
    """Pairs that must run one after another: all of one primary."""

    def steps(self) -> Notes:
        """Do what is left, from where the last call ended. May be called again for what did not end well."""

    @property
    def unfinished(self) -> bool:
        """Whether a further pass may end something that this one did not."""


class Tenants(Protocol):
    """Where work at the tenant begins."""

    def work(self) -> Tenant:
        """Begin one piece of work: a budget of time, a count of requests."""

    def width(self) -> int:
        """How many requests at once are worth having."""

    @property
    def throttled(self) -> int:
        """How many requests met a 429 so far."""
