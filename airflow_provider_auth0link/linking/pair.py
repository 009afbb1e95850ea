"""
One pair: read both, check evidence and guards, write the intent down, carry, link, settle.

The steps are a generator: it hands out the intent and goes on once that is durable.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace

from airflow_provider_auth0link.errors import (
    Auth0LinkError,
    BadRequestError,
    LinkDelayedError,
    LinkFailedError,
    OutcomeUnknownError,
    RateLimitedError,
    RefusedError,
    UnsentError,
)
from airflow_provider_auth0link.linking.carry import Change, against, computed
from airflow_provider_auth0link.linking.guards import DRIFTED, drift, refusal
from airflow_provider_auth0link.linking.job import Job, Readings, without_carry
from airflow_provider_auth0link.linking.options import Options
from airflow_provider_auth0link.linking.outcome import Outcome, names
from airflow_provider_auth0link.linking.rights import read_rights
from airflow_provider_auth0link.linking.settle import (
    DATABASE,
    Look,
    Wanted,
    look,
    not_arrived,
    read,
    settle_link,
)
from airflow_provider_auth0link.linking.snapshot import Snapshot
from airflow_provider_auth0link.linking.tenant import Tenant
from airflow_provider_auth0link.model import Account, Pair, Rights, UserId

FRESH_S = 60.0
"""Readings older than this when the link is about to be sent are made again: the tenant sends it no later."""


@dataclass(frozen=True, slots=True)
class Intent:
    """What is about to be done. It must be durable before the next step is taken."""

    snapshot: Snapshot
    connection: str | None
    paths: tuple[str, ...]


Steps = Generator[Intent, None, Outcome]


def link_steps(tenant: Tenant, job: Job, options: Options) -> Steps:
    """
    Link one pair: yields intents when a snapshot is asked for, returns the outcome.

    :return: linked, already_linked, would_link, refused, failed or unknown
    """
    attempt = 0
    while True:
        attempt += 1
        again = False
        try:
            outcome = yield from _round(tenant, job, options)
        except Auth0LinkError as error:
            again = isinstance(error, LinkDelayedError)  # a lost answer to the carry: all is read anew
            outcome = stopped(job, error)
        job.tried = job.tried or outcome.tried
        again = again or isinstance(outcome.error, RateLimitedError | UnsentError)
        if not (again and tenant.rest(attempt)):
            return without_carry(tenant, job, outcome)


def stopped(job: Job, error: Auth0LinkError) -> Outcome:
    """Tell what stands when a round did not come to the link: every answer to that is settled inside."""
    if not job.tried:
        return Outcome.ended("failed", error)
    unknown = OutcomeUnknownError(
        f"{names(job.pair)}: whether they are linked is unknown. The answer to an earlier try was lost, and now: "
        f"{error}. Look at both accounts"
    )
    unknown.__cause__ = error
    return Outcome.ended("unknown", unknown)


def _round(tenant: Tenant, job: Job, options: Options) -> Steps:
    """Read, decide, carry and link, all within the time that the readings are fresh."""
    pair, readings, job.readings = job.pair, job.readings, None
    if readings is not None and tenant.now() - readings.at > FRESH_S / 2:
        readings = None
    fresh_until = (readings.at if readings else tenant.now()) + FRESH_S
    ready = _ready(tenant, job, options, readings)
    if isinstance(ready, Outcome):
        written = job.carry.paths if ready.error is None else ()
        return ready.with_(carried=tuple(written))
    if options.dry_run:
        seen = ready.primary.identities if ready.primary else ()
        return Outcome.done("would_link", seen, pair.primary, carried=tuple(ready.change.paths))
    if ready.primary is not None:
        job.carry.note(ready.change, ready.primary)
    if options.snapshot is not None:
        yield Intent(_snapshot(ready, job, options), ready.connection, tuple(job.carry.paths))
    job.wrote = job.wrote or bool(ready.change.merge.body)
    job.carry.write(tenant, ready.change)
    outcome = settle_link(
        tenant,
        Wanted(pair.primary, pair.secondary, ready.connection),
        lambda: tenant.link(pair.primary, pair.secondary, ready.connection_id, before=fresh_until),
        tried_before=job.tried,
    )
    if outcome.error is not None:
        return outcome
    warnings = not_arrived(tenant, pair.primary, ready.secondary, outcome.identities)
    return outcome.with_(carried=tuple(job.carry.paths), warnings=warnings)


@dataclass(frozen=True, slots=True)
class _Ready:
    """
    Both accounts as read just now, nothing against the link, and what is to be carried.

    ``primary`` is None when nothing asks for its reading. ``connection`` is the name of the secondary's,
    ``connection_id`` is what the link names.
    """

    primary: Account | None
    secondary: Account
    rights: Rights
    change: Change
    connection: str | None
    connection_id: str | None = None


def _snapshot(ready: _Ready, job: Job, options: Options) -> Snapshot:
    full = options.snapshot == "full"
    had = ready.rights if options.rights and not full else None
    return Snapshot(ready.secondary, ready.rights if full else None, job.carry, had)


def _ready(tenant: Tenant, job: Job, options: Options, readings: Readings | None) -> _Ready | Outcome:
    """Read both, and decide whether they may be linked."""
    pair = job.pair
    named = _connection_name(tenant, pair)
    seen = _seen(tenant, job, Wanted(pair.primary, pair.secondary, named), options, readings)
    if isinstance(seen, Outcome):
        return seen
    primary, secondary = seen
    connection = secondary.root.connection if secondary.root else None
    if named is not None and connection != named:
        return refused(
            f"ambiguous: the account read under this id is not of connection {named!r}: "
            "two accounts share the id, or connection_id is another's",
            primary,
        )
    reason = check_edge(job.edge, job.parent or primary, secondary, options)
    if reason is None and primary is not None and job.parent is not None and "not_blocked" in options.guards:
        reason = refusal(("not_blocked",), primary, secondary)
    if reason:
        return refused(reason, primary)
    asked = options.rights if options.dry_run else options.rights_read
    try:
        theirs = read_rights(tenant, pair.secondary, asked)
        mine = read_rights(tenant, pair.primary, options.rights)
    except BadRequestError:  # one of the two is gone since it was read, or what it was a member of
        seen = _seen(tenant, job, Wanted(pair.primary, pair.secondary, named), options, None)
        if isinstance(seen, Outcome):
            return seen
        raise
    change = computed(primary or Account(pair.primary, (), {}), secondary, options, (mine, theirs))
    reason = against(change, primary, mine, options) if primary is not None else None
    if reason:
        return refused(reason, primary)
    number = pair.connection_id or _connection_id(tenant, secondary, options)
    return _Ready(primary, secondary, theirs, change, connection, number)


def _seen(
    tenant: Tenant, job: Job, wanted: Wanted, options: Options, readings: Readings | None
) -> tuple[Account | None, Account] | Outcome:
    """Read both accounts, the primary only where something asks for it; or say why there is nothing to link."""
    if not reads_primary(options, job.edge):
        secondary = read(tenant, wanted.secondary)
        if secondary is not None and not job.tried:
            return None, secondary
    seen = _look(tenant, wanted, readings, tried=job.tried)
    if seen.primary is None:
        return failed(f"{names(job.pair)}: the primary account is not there. Deleted, or linked elsewhere?")
    if seen.linked:
        name = "linked" if job.tried else "already_linked"
        return Outcome.done(name, seen.primary.identities, wanted.primary)
    if seen.secondary is None:
        return failed(
            f"{names(job.pair)}: the secondary account is not there: linked elsewhere or deleted",
            seen.primary,
        )
    return seen.primary, seen.secondary


def _look(tenant: Tenant, wanted: Wanted, readings: Readings | None, *, tried: bool) -> Look:
    """Look at both, with what was read a moment ago where it shows a pair that is not linked yet."""
    if readings is None or readings.secondary is None:
        return look(tenant, wanted, tried=tried)
    primary = readings.primary or read(tenant, wanted.primary)
    if primary is None or primary.holds(wanted.secondary, None):
        return look(tenant, wanted, tried=tried)
    return Look(primary, secondary=readings.secondary)


def reads_primary(options: Options, edge: Pair) -> bool:
    """Tell whether something asks for a reading of the primary before the link."""
    asked = options.carry or options.guards or edge.evidence or options.dry_run
    return bool(asked) or options.snapshot is None


def check_edge(edge: Pair, parent: Account | None, secondary: Account, options: Options) -> str | None:
    """Check the plan's own pair on readings: its evidence, then the guards. Returns why not, or None."""
    if not (edge.evidence or options.guards):
        return None
    if parent is None:
        return f"{DRIFTED}: {str(edge.primary)!r} cannot be read any more, so nothing can be checked on it"
    return drift(edge.evidence, parent, secondary) or refusal(options.guards, parent, secondary)


def _connection_name(tenant: Tenant, pair: Pair) -> str | None:
    if pair.connection_id is None:
        return None
    name = tenant.connection_name(pair.connection_id)
    if name is None:
        raise LinkFailedError(f"connection_id: the tenant has no connection {pair.connection_id!r}")
    return name


def _connection_id(tenant: Tenant, secondary: Account, options: Options) -> str | None:
    """Name the connection of the account that was read, where several databases may hold its id."""
    if options.snapshot is None or secondary.id.provider != DATABASE or secondary.root is None:
        return None
    databases = tenant.connection_ids() or {}
    return databases.get(secondary.root.connection) if len(databases) > 1 else None


def failed(message: str, seen: Account | None = None) -> Outcome:
    """Build the end of a pair that is not linked, and this is known."""
    return Outcome.ended("failed", LinkFailedError(message), seen)


def refused(reason: str, seen: Account | None = None) -> Outcome:
    """Build the end of a pair that must not be linked."""
    return Outcome.ended("refused", RefusedError(reason), seen)


def into(primary: UserId, edge: Pair) -> Pair:
    """Return a plan's pair as it will be linked: into the star's primary."""
    return edge if edge.primary == primary else replace(edge, primary=primary)
