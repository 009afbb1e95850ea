"""
One pair, from the first reading to its outcome.

The order: read both, check evidence and guards, carry the metadata, link, settle. When Auth0 refuses the link
for good after the carry, the carry is taken back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from airflow_provider_auth0link.errors import (
    Auth0LinkError,
    LinkFailedError,
    OutcomeUnknownError,
    RateLimitedError,
    RefusedError,
    UnsentError,
)
from airflow_provider_auth0link.linking.carry import Carry, computed
from airflow_provider_auth0link.linking.guards import drift, refusal
from airflow_provider_auth0link.linking.merge import Merge, crosses_profile_limit
from airflow_provider_auth0link.linking.options import Options
from airflow_provider_auth0link.linking.outcome import Outcome, names
from airflow_provider_auth0link.linking.settle import Wanted, look, read, settle_link, settle_unlink
from airflow_provider_auth0link.linking.tenant import Tenant
from airflow_provider_auth0link.model import Account, Identity, Pair, UserId

FRESH_S = 60.0
"""Readings older than this when the link is about to be sent are made again: the tenant sends it no later."""


@dataclass(slots=True)
class _Progress:
    """What earlier rounds of the same pair left behind."""

    carry: Carry | None = None
    tried: bool = False


def link_pair(tenant: Tenant, pair: Pair, options: Options) -> Outcome:
    """
    Link one pair.

    With nothing to carry, no guards, no evidence and no connection id this is exactly one request.

    :raises ForbiddenError: when the token lacks a scope that is needed in any case; nothing was sent
    :return: linked, already_linked, would_link, refused, failed or unknown
    """
    reads = bool(options.carry or options.guards or pair.evidence or pair.connection_id or options.dry_run)
    needs = [] if options.dry_run else ["update:users"]
    needs += ["read:users"] if reads else []
    needs += ["read:connections"] if pair.connection_id else []
    tenant.require(*needs)
    if reads:
        outcome = _link_on_readings(tenant, pair, options)
    else:
        wanted = Wanted(pair.primary, pair.secondary)
        outcome = settle_link(tenant, wanted, lambda: tenant.link(pair.primary, pair.secondary))
    return outcome.with_(requests=tenant.requests)


def _link_on_readings(tenant: Tenant, pair: Pair, options: Options) -> Outcome:
    progress = _Progress()
    attempt = 0
    while True:
        attempt += 1
        try:
            outcome = _one_round(tenant, pair, options, progress)
        except Auth0LinkError as error:
            outcome = _stopped(pair, error, tried=progress.tried)
        progress.tried = progress.tried or outcome.tried
        aged = isinstance(outcome.error, RateLimitedError | UnsentError)
        if not (aged and tenant.rest(attempt)):
            return _without_carry(tenant, progress.carry, outcome)


def _stopped(pair: Pair, error: Auth0LinkError, *, tried: bool) -> Outcome:
    """Tell what stands when a round did not come to the link: every answer to that is settled inside."""
    if not tried:
        return Outcome.ended("failed", error)
    unknown = OutcomeUnknownError(
        f"{names(pair)}: whether they are linked is unknown. The answer to an earlier try was lost, and now: "
        f"{error}. Look at both accounts"
    )
    return Outcome.ended("unknown", unknown)


def _one_round(tenant: Tenant, pair: Pair, options: Options, progress: _Progress) -> Outcome:
    """Read, decide, carry and link, all within the time that the readings are fresh."""
    fresh_until = tenant.now() + FRESH_S
    ready = _ready(tenant, pair, options, tried=progress.tried)
    if isinstance(ready, Outcome):
        written = progress.carry.paths if progress.carry and ready.error is None else ()
        return ready.with_(carried=tuple(written))
    if options.dry_run:
        paths = ready.change.carried
        return Outcome.done("would_link", ready.primary.identities, pair.primary, carried=paths)
    carry = progress.carry = progress.carry or Carry(pair.primary)
    carry.write(tenant, ready.primary, ready.secondary, ready.change, options)
    wanted = Wanted(pair.primary, pair.secondary, ready.connection)
    outcome = settle_link(
        tenant,
        wanted,
        lambda: tenant.link(pair.primary, pair.secondary, pair.connection_id, before=fresh_until),
        tried_before=progress.tried,
    )
    if outcome.error is not None:
        return outcome
    return outcome.with_(
        carried=tuple(carry.paths), warnings=_not_arrived(ready.secondary, outcome.identities)
    )


@dataclass(frozen=True, slots=True)
class _Ready:
    """Both accounts as read just now, nothing against the link, and what is to be carried."""

    primary: Account
    secondary: Account
    change: Merge
    connection: str | None


def _ready(tenant: Tenant, pair: Pair, options: Options, *, tried: bool) -> _Ready | Outcome:
    """Read both, and decide whether they may be linked."""
    named = _connection_name(tenant, pair)
    seen = look(tenant, Wanted(pair.primary, pair.secondary, named))
    if seen.primary is None:
        return _failed(f"{names(pair)}: the primary account is not there. Deleted, or linked elsewhere?")
    if seen.linked:
        name = "linked" if tried else "already_linked"
        return Outcome.done(name, seen.primary.identities, pair.primary)
    if seen.secondary is None:
        return _failed(
            f"{names(pair)}: the secondary account is not there: linked elsewhere or deleted", seen.primary
        )
    connection = seen.secondary.root.connection if seen.secondary.root else None
    if named is not None and connection != named:
        return _refused(
            f"ambiguous: the account read under this id is not of connection {named!r}: "
            "two accounts share the id, or connection_id is another's",
            seen.primary,
        )
    reason = drift(pair.evidence, seen.primary, seen.secondary) or refusal(
        options.guards, seen.primary, seen.secondary
    )
    if reason:
        return _refused(reason, seen.primary)
    change = computed(seen.primary, seen.secondary, options)
    reason = _against(change, seen.primary, options)
    return (
        _refused(reason, seen.primary) if reason else _Ready(seen.primary, seen.secondary, change, connection)
    )


def _connection_name(tenant: Tenant, pair: Pair) -> str | None:
    if pair.connection_id is None:
        return None
    name = tenant.connection_name(pair.connection_id)
    if name is None:
        raise LinkFailedError(f"connection_id: the tenant has no connection {pair.connection_id!r}")
    return name


def _against(change: Merge, primary: Account, options: Options) -> str | None:
    if options.conflicts == "fail" and change.conflicts:
        return f"conflicts: both accounts have a value at {', '.join(change.conflicts[:10])}"
    if crosses_profile_limit(primary, change.body):
        return "limit: with what is carried the primary's profile would cross Auth0's 10 KB"
    return None


def _not_arrived(secondary: Account, identities: tuple[Identity, ...]) -> tuple[str, ...]:
    """Name the identities that the secondary had and the primary has not."""
    there = {(each.provider, each.user_id, each.connection) for each in identities}
    gone = sum((each.provider, each.user_id, each.connection) not in there for each in secondary.identities)
    return (f"{gone} of the secondary's identities did not arrive at the primary",) if gone else ()


def _without_carry(tenant: Tenant, carry: Carry | None, outcome: Outcome) -> Outcome:
    """Take the carry back when the pair is refused for good; keep it when a later try will go on from it."""
    if carry is None or not carry.body or outcome.error is None or outcome.error.retryable:
        return outcome
    try:
        note = carry.take_back(tenant)
    except Auth0LinkError as error:
        note = f"what was carried is still on the primary, since taking it back failed: {error}"
    return outcome.with_(reason=f"{outcome.reason}; {note}") if note else outcome


def _failed(message: str, seen: Account | None = None) -> Outcome:
    return Outcome.ended("failed", LinkFailedError(message), seen)


def _refused(reason: str, seen: Account) -> Outcome:
    return Outcome.ended("refused", RefusedError(reason), seen)


def link_by_token(
    tenant: Tenant, pair: Pair, post: Callable[[], list[Identity]], *, own_token: bool, dry_run: bool = False
) -> Outcome:
    """
    Link with the secondary's ID token: nothing is read first, nothing carried.

    :param post: sends the link once
    :param own_token: whether the primary's own access token is the bearer, so that ours needs no scope
    """
    if dry_run:
        tenant.require("read:users")
        seen = look(tenant, Wanted(pair.primary, pair.secondary))
        if seen.primary is None:
            outcome = _failed(f"{names(pair)}: the primary account is not there")
        elif seen.linked:
            outcome = Outcome.done("already_linked", seen.primary.identities, pair.primary)
        elif seen.secondary is None:
            outcome = _failed(f"{names(pair)}: the secondary account is not there", seen.primary)
        else:
            outcome = Outcome.done("would_link", seen.primary.identities, pair.primary)
    else:
        if not own_token:
            tenant.require("update:users")
        outcome = settle_link(tenant, Wanted(pair.primary, pair.secondary), post)
    return outcome.with_(requests=tenant.requests)


def unlink_pair(
    tenant: Tenant,
    primary: UserId,
    secondary: UserId,
    *,
    connection: str | None = None,
    dry_run: bool = False,
) -> Outcome:
    """
    Take one link back. The account that appears is empty: Auth0 restores no metadata.

    :param connection: the name of the secondary's connection, where several know the same user id
    :return: unlinked, not_linked, would_unlink, failed or unknown
    """
    wanted = Wanted(primary, secondary, connection)
    if dry_run:
        tenant.require("read:users")
        account = read(tenant, primary)
        if account is None:
            outcome = _failed(f"{wanted}: the primary account is not there")
        else:
            name = "would_unlink" if wanted.held_by(account) else "not_linked"
            outcome = Outcome.done(name, account.identities, primary)
    else:
        tenant.require("update:users")
        outcome = settle_unlink(tenant, wanted, lambda: tenant.unlink(primary, secondary, connection))
    return outcome.with_(requests=tenant.requests)
