"""
What is written down of a secondary before it disappears: all that its restoration needs.

Personal data: snapshots stand in files of their own beside the journal's index, and can be deleted apart from it.
Tokens of identity providers were dropped when the account was read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from airflow_provider_auth0link.errors import LinkFailedError
from airflow_provider_auth0link.linking.carry import Brought, Carry, computed
from airflow_provider_auth0link.linking.options import METADATA, Options
from airflow_provider_auth0link.linking.rewind import brought_by
from airflow_provider_auth0link.model import Account, Rights, UserId


@dataclass(frozen=True, slots=True)
class Snapshot:
    """
    A secondary as it was, and what was carried of it.

    ``rights`` is None where they are not to be restored: only the metadata were asked for. ``had`` are then those that
    were read to be carried: an undo of another account that had the same must know.
    """

    account: Account
    rights: Rights | None
    carry: Carry
    had: Rights | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the line of a snapshot file."""
        row: dict[str, Any] = {
            "primary_user_id": str(self.carry.primary),
            "secondary_user_id": str(self.account.id),
            "account": dict(self.account.raw),
            "carry": self.carry.to_json(),
        }
        for name, rights in (("rights", self.rights), ("had", self.had)):
            if rights is not None:
                row[name] = _to_json(rights)
        return row

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Snapshot:
        """Read the line of a snapshot file. KeyError, TypeError or InputError when it is none."""
        primary = UserId.parse(row["primary_user_id"], "primary_user_id")
        return cls(
            Account.from_json(row["account"]),
            _from_json(row.get("rights")),
            Carry.from_json(primary, row["carry"]),
            _from_json(row.get("had")),
        )

    def without_carry(self) -> Snapshot:
        """Return it for a try whose carry was taken back."""
        return replace(self, carry=Carry(self.carry.primary))

    def brought(self, options: Options | None) -> Brought:
        """
        Return what this account brought, for the undo of others that brought the same.

        :param options: those that it was linked with; None where they are not known: then all that it had
        """
        known = (self.rights, self.had, self.carry.gain.as_rights())
        rights = next(each for each in known if each is not None)
        with suppress(LinkFailedError):
            if options is not None:
                nobody = Account(self.carry.primary, (), {})
                change = computed(nobody, self.account, options, (Rights(), rights))
                return Brought(brought_by(change.merge.body), change.gain.as_rights())
        return Brought(brought_by({kind: self.account.metadata(kind) for kind in METADATA}), rights)


def _to_json(rights: Rights) -> dict[str, Any]:
    return {
        "roles": sorted(rights.roles),
        "permissions": sorted(list(each) for each in rights.permissions),
        "organizations": {org: sorted(roles) for org, roles in sorted(rights.organizations.items())},
    }


def _from_json(row: Mapping[str, Any] | None) -> Rights | None:
    if row is None:
        return None
    return Rights(
        frozenset(row["roles"]),
        frozenset((api, name) for api, name in row["permissions"]),
        {org: frozenset(roles) for org, roles in row["organizations"].items()},
    )


def combined(snapshots: Iterable[Snapshot]) -> Snapshot | None:
    """
    Make one of the snapshots that several tries of one pair took, oldest first.

    The account is the latest reading: no try changes a secondary before it is linked, but its owner may have. What
    was carried is all that they carried, with the first view of the primary.
    """
    whole: Snapshot | None = None
    for each in snapshots:
        carry = Carry(each.carry.primary) if whole is None else whole.carry
        carry.then(each.carry)
        rights = each.rights if each.rights is not None or whole is None else whole.rights
        had = each.had if each.had is not None or whole is None else whole.had
        whole = Snapshot(each.account, rights, carry, had)
    return whole
