"""One pair that is to be linked, and what earlier rounds and tries of it left behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from airflow_provider_auth0link.errors import Auth0LinkError
from airflow_provider_auth0link.linking.carry import Carry, Siblings
from airflow_provider_auth0link.linking.outcome import Outcome
from airflow_provider_auth0link.linking.records import Key
from airflow_provider_auth0link.linking.tenant import Tenant
from airflow_provider_auth0link.model import Account, Pair


@dataclass(frozen=True, slots=True)
class Readings:
    """Accounts read a moment ago; ``at`` is monotonic seconds. None: not read."""

    at: float
    primary: Account | None
    secondary: Account | None


@dataclass(slots=True)
class Job:
    """
    One pair to be linked, and what earlier rounds and tries left behind.

    ``pair`` is what will be linked; ``edge`` is what the plan says, another pair in a chain: its evidence and guards
    are checked between ``parent``, as last read, and the secondary. ``carry`` is what is on the primary already.
    ``tried``: a try of ours may have linked it; ``wrote``: this one wrote; ``remembered``: earlier ones were looked up
    in the journal. ``readings`` serve the first, fresh round.
    ``siblings`` tells of the primary's other accounts.
    """

    pair: Pair
    edge: Pair
    carry: Carry
    parent: Account | None = None
    tried: bool = False
    wrote: bool = False
    remembered: bool = False
    readings: Readings | None = None
    siblings: Callable[[], Siblings] = Siblings

    @classmethod
    def of(cls, pair: Pair) -> Job:
        """Build the job of a pair that stands alone."""
        return cls(pair, pair, Carry(pair.primary))

    @property
    def row(self) -> dict[str, Any]:
        """How the journal's records name it."""
        primary, secondary, connection_id = key(self.pair)
        row = {"primary_user_id": primary, "secondary_user_id": secondary}
        if connection_id:
            row["connection_id"] = connection_id
        if self.edge.primary != self.pair.primary:
            row["planned_primary_user_id"] = str(self.edge.primary)
        if self.edge.rule:
            row["rule"] = self.edge.rule
        return row


def key(pair: Pair) -> Key:
    """Return how a journal names a pair."""
    return str(pair.primary), str(pair.secondary), pair.connection_id or ""


def without_carry(tenant: Tenant, job: Job, outcome: Outcome) -> Outcome:
    """Take the carry back when the pair is refused for good; keep it when a later try will go on from it."""
    if outcome.error is None or outcome.tried or not (job.carry or job.tried):
        return outcome
    if outcome.error.retryable and job.carry:
        note = "what was carried stands on the primary until a further run or an undo"
        return outcome.with_(standing=True, reason=f"{outcome.reason}; {note}")
    if outcome.error.retryable:
        return outcome
    return take_back(tenant, job, outcome)


def take_back(tenant: Tenant, job: Job, outcome: Outcome) -> Outcome:
    """
    Take off the primary what was carried of a pair that is surely not linked.

    What accounts that are linked brought too stays.
    """
    try:
        taken, left = job.siblings().take_back(tenant, job.carry)
    except Auth0LinkError as error:
        note = f"what was carried is still on the primary, since taking it back failed: {error}"
        return outcome.with_(reason=f"{outcome.reason}; {note}", open=True)
    if not (job.carry or taken):
        return outcome
    notes = ["what was carried is taken back"] if taken else []
    notes += [f"what was carried was changed since and is left: {', '.join(left)}"] if left else []
    job.carry = Carry(job.carry.primary)
    return outcome.with_(reason="; ".join([str(outcome.reason), *notes]), taken_back=True)
