"""One pair that is to be linked, and what earlier rounds and tries of it left behind."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from airflow_provider_auth0link.errors import Auth0LinkError
from airflow_provider_auth0link.linking.carry import Brought, Carry
from airflow_provider_auth0link.linking.outcome import Outcome
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
    ``tried``: a try of ours may have linked it; ``wrote``: this one wrote. ``readings`` serve the first, fresh round.
    ``others`` gives what accounts that are linked to the same primary brought.
    """

    pair: Pair
    edge: Pair
    carry: Carry
    parent: Account | None = None
    tried: bool = False
    wrote: bool = False
    readings: Readings | None = None
    others: Callable[[], Iterable[Brought]] = tuple

    @classmethod
    def of(cls, pair: Pair) -> Job:
        """Build the job of a pair that stands alone."""
        return cls(pair, pair, Carry(pair.primary))


def without_carry(tenant: Tenant, job: Job, outcome: Outcome) -> Outcome:
    """
    Take the carry back when the pair is refused for good; keep it when a later try will go on from it.

    What accounts that are linked brought too stays.
    """
    if not job.carry or outcome.error is None or outcome.tried:
        return outcome
    if outcome.error.retryable:
        return outcome.with_(standing=True)
    try:
        taken, left = job.carry.take_back(tenant, job.others())
    except Auth0LinkError as error:
        note = f"what was carried is still on the primary, since taking it back failed: {error}"
        return outcome.with_(reason=f"{outcome.reason}; {note}", open=True)
    notes = ["what was carried is taken back"] if taken else []
    notes += [f"what was carried was changed since and is left: {', '.join(left)}"] if left else []
    job.carry = Carry(job.carry.primary)
    return outcome.with_(reason="; ".join([str(outcome.reason), *notes]), taken_back=True)
