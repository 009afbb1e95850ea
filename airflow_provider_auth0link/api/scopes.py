"""Which scopes what needs. Facts: the security sections of Auth0's Management API reference."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

METADATA = ("user_metadata", "app_metadata")
EXPORT = ("read:users",)
"""For the job and for looking at it; of the latter the reference says that ``create:users`` would do as well."""
RIGHTS = ("roles", "permissions", "organizations")

READS: Mapping[str, tuple[str, ...]] = {
    "roles": ("read:roles", "read:role_members"),
    "organizations": ("read:organizations", "read:organization_member_roles"),
}
GIVES: Mapping[str, tuple[str, ...]] = {
    "roles": ("create:role_members",),
    "organizations": ("create:organization_members", "create:organization_member_roles"),
}
TAKES: Mapping[str, tuple[str, ...]] = {
    "roles": ("delete:role_members",),
    "organizations": ("delete:organization_members", "delete:organization_member_roles"),
}
"""
Beside ``read:users`` and ``update:users``, with which permissions do.

The reference lists several scopes for a user's roles. Of reading them it says that all are expected, of giving
and taking it is not clear; a token that carries all is right either way.
"""


def needed(
    *,
    carry: Collection[str] = METADATA,
    reads: bool = True,
    snapshot: str | None = None,
    connection_id: bool = False,
    dry_run: bool = False,
    undo: bool = False,
) -> list[str]:
    """
    Name the scopes for linking, or for taking links back.

    :param carry: what is carried, or was carried by the links that are taken back
    :param reads: whether accounts are read before the link, as every guard, carry and journal asks
    :param snapshot: what is written down first, or was: "full" or "metadata"; None without a journal
    :param connection_id: whether connections are named by id
    :param dry_run: whether nothing is to be changed
    :param undo: whether links are taken back
    :return: each a scope, or several with ``|`` between them of which any one will do
    """
    carried = [kind for kind in RIGHTS if kind in carry]
    kept = RIGHTS if snapshot == "full" and not (dry_run and not undo) else carried
    scopes = [] if dry_run else ["update:users"]
    scopes += ["read:users"] if reads or undo else []
    scopes += ["update:users_app_metadata"] if not dry_run and ("app_metadata" in carry or undo) else []
    scopes += ["read:connections"] if connection_id else []
    scopes += _of(READS, kept)
    if not dry_run:
        scopes += _of(GIVES, kept if undo else carried)
        scopes += _of(TAKES, carried) if undo else []
    return scopes


def _of(table: Mapping[str, tuple[str, ...]], kinds: Iterable[str]) -> list[str]:
    return [scope for kind in kinds for scope in table.get(kind, ())]


EVERYTHING = METADATA + RIGHTS

OPERATORS = (
    "LinkIdentityOperator",
    "LinkIdentitiesOperator",
    "UnlinkIdentityOperator",
    "UndoLinksOperator",
    "ExportUsersOperator",
)

NEEDS: Mapping[str, tuple[str, ...]] = {
    "LinkIdentityOperator": tuple(needed()),
    "LinkIdentityOperator, carry=() and guards=()": tuple(needed(carry=(), reads=False)),
    "LinkIdentityOperator, connection_id": tuple(needed(carry=(), connection_id=True)),
    "LinkIdentitiesOperator": tuple(needed(snapshot="full")),
    "LinkIdentitiesOperator, snapshot='metadata'": tuple(needed(snapshot="metadata")),
    "carry of roles, permissions and organizations": tuple(needed(carry=EVERYTHING)),
    "UnlinkIdentityOperator": tuple(needed(carry=(), reads=False)),
    "UndoLinksOperator": tuple(needed(snapshot="full", undo=True)),
    "UndoLinksOperator, where rights were carried": tuple(
        needed(carry=EVERYTHING, snapshot="full", undo=True)
    ),
    "ExportUsersOperator": EXPORT,
}
"""
By operator, some of them by what they are told to do, as ``test_connection`` and ``auth0link check`` report it.

``read:users`` is also what a lost answer is settled with: without it the outcome of such a link is unknown.
"""

UNWANTED = "read:user_idp_tokens"
"""With it Auth0 adds tokens of identity providers to its answers; dropped here, best not sent."""


def lacking(wanted: Iterable[str], held: Collection[str]) -> list[str]:
    """
    Return which of the scopes that are wanted are not held, sorted.

    :param wanted: each a scope, or several with ``|`` between them of which any one will do
    """
    return sorted({each.replace("|", " or ") for each in wanted if not set(each.split("|")) & set(held)})
