"""What is saved of the secondary onto the primary, and taken back when the link is refused after all."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_auth0link.errors import AmbiguousError, LinkDelayedError, LinkFailedError
from airflow_provider_auth0link.linking.merge import Merge, merge, same, taken_back
from airflow_provider_auth0link.linking.options import Options
from airflow_provider_auth0link.linking.tenant import Tenant
from airflow_provider_auth0link.model import Account, UserId


def computed(primary: Account, secondary: Account, options: Options) -> Merge:
    """
    Compute what these options carry.

    :raises LinkFailedError: when users have nested their metadata too deep for this Python
    """
    with suppress(RecursionError):
        return merge(
            primary,
            secondary,
            carry=options.carry,
            carry_except=options.carry_except,
            conflicts=options.conflicts,
        )
    raise LinkFailedError("the metadata is nested too deep to be carried. Leave it out of carry")


@dataclass(slots=True)
class Carry:
    """
    What was written onto the primary so far, and what stood in its place before.

    It may be written in several rounds, since readings grow old. ``before`` and ``body`` are by kind of
    metadata and first-level key.
    """

    primary: UserId
    before: dict[str, dict[str, Any]] = field(default_factory=dict)
    body: dict[str, dict[str, Any]] = field(default_factory=dict)
    paths: list[str] = field(default_factory=list)

    def write(
        self, tenant: Tenant, primary: Account, secondary: Account, change: Merge, options: Options
    ) -> None:
        """
        Write the merge onto the primary; after a lost answer read it and write what is still missing.

        :raises LinkDelayedError: when no answer came in the time given
        """
        attempt = 0
        while change.body:
            attempt += 1
            if "app_metadata" in change.body:
                tenant.require("update:users_app_metadata")
            self._note(change, primary)
            try:
                tenant.update_user(self.primary, change.body)
            except AmbiguousError as error:
                if not tenant.rest(attempt):
                    raise LinkDelayedError(
                        f"not linked: the metadata could not be carried. {error}"
                    ) from None
                primary = tenant.get_user(self.primary)
                change = computed(primary, secondary, options)
            else:
                return

    def _note(self, change: Merge, reading: Account) -> None:
        """Note what is about to be written over *reading*. What others changed meanwhile is theirs: it stays."""
        for kind, written in change.body.items():
            ours, then = self.body.setdefault(kind, {}), self.before.setdefault(kind, {})
            for key, value in written.items():
                stands = reading.metadata(kind).get(key)
                if key not in ours or not same(stands, ours[key]):
                    then[key] = stands
                ours[key] = value
        self.paths += [path for path in change.carried if path not in self.paths]

    def take_back(self, tenant: Tenant) -> str:
        """Take it off the primary again, and say so; '' when there is nothing on the primary to take back."""
        taken = False
        attempt = 0
        while True:
            attempt += 1
            body, left = taken_back(self.before, tenant.get_user(self.primary), self.body)
            notes = ["what was carried is taken back"] if taken or body else []
            notes += [f"what was carried was changed since and is left: {', '.join(left)}"] if left else []
            if not body:
                return "; ".join(notes)
            taken = True
            try:
                tenant.update_user(self.primary, body)
            except AmbiguousError:
                if not tenant.rest(attempt):
                    raise
            else:
                return "; ".join(notes)
