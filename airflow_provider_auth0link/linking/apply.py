"""One pair without a journal: link by id, link by ID token, unlink."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from airflow_provider_auth0link.linking.job import Job
from airflow_provider_auth0link.linking.options import Options
from airflow_provider_auth0link.linking.outcome import Outcome, names
from airflow_provider_auth0link.linking.pair import Steps, failed, link_steps
from airflow_provider_auth0link.linking.settle import Wanted, look, read, settle_link, settle_unlink
from airflow_provider_auth0link.linking.tenant import Tenant
from airflow_provider_auth0link.model import Identity, Pair, UserId


def link_pair(tenant: Tenant, pair: Pair, options: Options) -> Outcome:
    """
    Link one pair without a journal.

    With nothing to carry, no guards, no evidence and no connection id this is exactly one request.

    :raises ForbiddenError: when the token lacks a scope that is needed in any case; nothing was sent
    :return: linked, already_linked, would_link, refused, failed or unknown
    """
    reads = bool(options.carry or options.guards or pair.evidence or pair.connection_id or options.dry_run)
    tenant.require(*needs(options, reads=reads, by_connection=pair.connection_id is not None))
    if reads:
        outcome = at_once(link_steps(tenant, Job.of(pair), replace(options, snapshot=None)))
    else:
        wanted = Wanted(pair.primary, pair.secondary)
        outcome = settle_link(tenant, wanted, lambda: tenant.link(pair.primary, pair.secondary))
    return outcome.with_(requests=tenant.requests)


def at_once(steps: Steps) -> Outcome:
    """Take all steps in a row, where nobody writes them down."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome


def needs(options: Options, *, reads: bool, by_connection: bool = False) -> list[str]:
    """
    Name the scopes without which a pair cannot be linked.

    Auth0's reference lists several for reading and giving roles and does not say whether any one will do: all are
    asked for.

    ``update:users_app_metadata`` is asked for once there is something to write.

    :param reads: whether accounts are read before the link
    :param by_connection: whether a plan names connections by id
    """
    scopes = [] if options.dry_run else ["update:users"]
    scopes += ["read:users"] if reads else []
    scopes += ["read:connections"] if by_connection else []
    kinds = options.rights if options.dry_run else options.rights_read
    scopes += ["read:roles", "read:role_members"] if "roles" in kinds else []
    if "organizations" in kinds:
        scopes += ["read:organizations", "read:organization_member_roles"]
    if not options.dry_run:
        scopes += ["create:role_members"] if "roles" in options.rights else []
        if "organizations" in options.rights:
            scopes += ["create:organization_members", "create:organization_member_roles"]
    return scopes


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
            outcome = failed(f"{names(pair)}: the primary account is not there")
        elif seen.linked:
            outcome = Outcome.done("already_linked", seen.primary.identities, pair.primary)
        elif seen.secondary is None:
            outcome = failed(f"{names(pair)}: the secondary account is not there", seen.primary)
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
            outcome = failed(f"{wanted}: the primary account is not there")
        else:
            name = "would_unlink" if wanted.held_by(account) else "not_linked"
            outcome = Outcome.done(name, account.identities, primary)
    else:
        tenant.require("update:users")
        outcome = settle_unlink(tenant, wanted, lambda: tenant.unlink(primary, secondary, connection))
    return outcome.with_(requests=tenant.requests)
