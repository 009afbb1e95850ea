"""
Restoring an account from its snapshot, after Auth0 unlinked it as an empty one.

Every step reads first and writes only what is missing, so it can be taken up again anywhere. What somebody
changed since is left, and named.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from airflow_provider_auth0link.errors import AmbiguousError, Auth0LinkError, LinkFailedError
from airflow_provider_auth0link.linking.merge import same
from airflow_provider_auth0link.linking.options import METADATA, RIGHTS
from airflow_provider_auth0link.linking.rights import gained, give, read_rights
from airflow_provider_auth0link.linking.settle import DATABASE, Wanted, read, settle_link, settle_unlink
from airflow_provider_auth0link.linking.snapshot import Snapshot
from airflow_provider_auth0link.linking.tenant import Tenant
from airflow_provider_auth0link.model import Account, Identity, UserId

PROFILE = ("name", "nickname", "given_name", "family_name", "picture")
"""
Root attributes that Auth0 lets be changed for a database's users.

Elsewhere the identity provider sets them at the next login.
"""


def restore_account(
    tenant: Tenant,
    snapshot: Snapshot,
    primary: UserId,
    *,
    begun: Callable[[], bool],
    restored: bool,
    freed: Collection[str] = (),
) -> list[str]:
    """
    Give an account back what it had: blocked first, its own identities, profile and metadata.

    :param primary: where its own identities are now
    :param begun: tells whether another try began this undo
    :param restored: an earlier try wrote all of it: what is not so now was changed by somebody since
    :param freed: ids of its own identities that an undo has taken back from it since: they are accounts again
    :return: what is left as it is, by path
    :raises Auth0LinkError: when it could not be done now; it can be gone on with later
    """
    account = snapshot.account
    left: list[str] = []
    if account.blocked and not restored:
        _patch(tenant, account.id, lambda now: {} if now.blocked else {"blocked": True})
    for identity in account.identities:
        if not identity.is_root_of(account.id) and f"{identity.provider}|{identity.user_id}" not in freed:
            left += _bring_back(tenant, account.id, identity, primary, begun=begun)
    if not restored:
        _patch(tenant, account.id, lambda now: _missing(account, now))
    return left + _changed(account, _alive(tenant, account.id), restored=restored)


def restore_rights(tenant: Tenant, snapshot: Snapshot) -> None:
    """Give an account its roles, permissions and organizations back."""
    if snapshot.rights is not None:
        held = read_rights(tenant, snapshot.account.id, RIGHTS)
        give(tenant, snapshot.account.id, gained(held, snapshot.rights, RIGHTS))


def _alive(tenant: Tenant, user_id: UserId) -> Account:
    account = read(tenant, user_id)
    if account is None:
        raise LinkFailedError(
            f"{str(user_id)!r} is not there after it was unlinked: linked elsewhere or deleted"
        )
    return account


def _patch(tenant: Tenant, user_id: UserId, missing: Callable[[Account], Mapping[str, Any]]) -> None:
    """Write what a reading shows to be missing; after a lost answer read again."""
    attempt = 0
    while body := missing(_alive(tenant, user_id)):
        attempt += 1
        if "app_metadata" in body:
            tenant.require("update:users_app_metadata")
        try:
            tenant.update_user(user_id, body)
        except AmbiguousError:
            if not tenant.rest(attempt):
                raise
        else:
            return


def _missing(then: Account, now: Account) -> dict[str, Any]:
    """Return what the account had and has not. What it has otherwise now is somebody's change."""
    body: dict[str, Any] = {}
    for kind in METADATA:
        held = now.metadata(kind)
        keys = {
            key: value
            for key, value in then.metadata(kind).items()
            if value is not None and held.get(key) is None
        }
        if keys:
            body[kind] = keys
    return body | {name: then.raw[name] for name in _other_profile(then, now)}


def _other_profile(then: Account, now: Account) -> list[str]:
    if then.id.provider != DATABASE:
        return []
    had = [name for name in PROFILE if then.raw.get(name) is not None]
    return [name for name in had if not same(then.raw[name], now.raw.get(name))]


def _changed(then: Account, now: Account, *, restored: bool) -> list[str]:
    """Name what somebody changed of the account since it was unlinked, or since it was restored."""
    metadata = [
        f"{kind}.{key}"
        for kind in METADATA
        for key, value in then.metadata(kind).items()
        if value is not None and not same(value, now.metadata(kind).get(key))
    ]
    blocked = ["blocked"] if then.blocked and not now.blocked else []
    since = [*blocked, *metadata, *_other_profile(then, now)] if restored else metadata
    return [f"{then.id}: {path}" for path in since]


def _bring_back(
    tenant: Tenant, account: UserId, identity: Identity, primary: UserId, *, begun: Callable[[], bool]
) -> list[str]:
    """Unlink one of the account's own identities from the primary, and link it to the account again."""
    own = UserId.of(identity.provider, identity.user_id, "identity")
    back = Wanted(account, own, identity.connection)
    if back.held_by(_alive(tenant, account)):
        return []
    there = Wanted(primary, own, identity.connection)
    holder = read(tenant, primary)
    if holder is not None and there.held_by(holder):
        unlinked = settle_unlink(
            tenant,
            there,
            lambda: tenant.unlink(primary, own, named_connection(holder, own, identity.connection)),
        )
        _raise(unlinked.error)
    elif not begun() or read(tenant, own) is None:
        if back.held_by(_alive(tenant, account)):  # another was just at it
            return []
        return [f"{account}: identity {own}"]
    number = (tenant.connection_ids() or {}).get(identity.connection) if own.provider == DATABASE else None
    _raise(settle_link(tenant, back, lambda: tenant.link(account, own, number)).error)
    return []


def named_connection(holder: Account, secondary: UserId, connection: str | None) -> str | None:
    """Name the connection in an unlink only where an account holds the id of several."""
    held = {each.connection for each in holder.identities if each.is_root_of(secondary)}
    return connection if len(held) > 1 else None


def _raise(error: Auth0LinkError | None) -> None:
    if error is not None:
        raise error
