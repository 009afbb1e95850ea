"""Take the links of a run back, from its journal."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.hooks.failing import failing_for_good
from airflow_provider_auth0link.operators import arguments
from airflow_provider_auth0link.operators.many import ManyOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_auth0link.linking.history import History


class UndoLinksOperator(ManyOperator):
    """
    Unlink what a run linked, and restore the accounts from the journal's snapshots.

    Auth0 unlinks into an empty account: what was written down is restored (blocked first, then identities of its own,
    profile and metadata, rights), and what was carried is taken off the primary. What somebody changed since is left
    and reported. Passwords, MFA, passkeys and sessions cannot be restored. It is journaled in the same folder; a retry
    goes on.

    XCom ``return_value`` and ``summary``: counts (planned, undone, would_undo, left, failed, unknown, requests,
    throttled), seconds, journal.

    :param journal_path: the run's folder; one without a journal is an error (templated)
    :param only: ids of secondaries; left out, or JSON null: all. What an earlier undo has begun above one of them is
        ended first, named or not (templated)
    :param max_failures: fail the task when more pairs failed (templated)
    :param dry_run: read and check, change nothing; kept as ``is_dry_run`` (templated)
    :param auth0_conn_id: the Airflow connection (templated)
    """

    what = "undone"
    template_fields = ("journal_path", "only", "max_failures", "is_dry_run", "auth0_conn_id")

    def __init__(
        self,
        *,
        journal_path: str,
        only: Iterable[str] | str | None = None,
        max_failures: int | str = 0,
        dry_run: bool | str = False,
        auth0_conn_id: str = "auth0_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.journal_path = journal_path
        self.only = only
        self._is_only_given = only is not None
        self.max_failures = max_failures
        self.is_dry_run = dry_run
        self.auth0_conn_id = auth0_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Undo what the journal calls linked."""
        from airflow_provider_auth0link.hooks.tenants import HookTenants
        from airflow_provider_auth0link.linking.undoing import UNDO_OUTCOMES, undo_batch

        with failing_for_good(), self._telling(context, UNDO_OUTCOMES):
            arguments.arrived("only", self.only, given=self._is_only_given)
            only = _only(self.only)
            dry_run = arguments.flag("dry_run", self.is_dry_run)
            failures = self._whole_number("max_failures", self.max_failures) or 0
            hook = self._hook(context)
            header = {"command": "undo", "options": {}}
            journal = self._journal(context, hook, header, dry_run=dry_run)
            if not journal.history.headers:
                raise InputError(
                    f"journal_path: no journal lies in {journal.store.where}, so there is nothing to undo"
                )
            tenants = HookTenants(hook)
            batch = undo_batch(journal, tenants, time.monotonic, only=only, dry_run=dry_run)

            def check() -> None:
                if batch.tally.planned:
                    hook.work().require(*_needs(journal.history, dry_run=dry_run))

            summary = self._run(context, batch, tenants, check)
            self._end(batch, summary, failures)
        return summary


def _needs(history: History, *, dry_run: bool) -> list[str]:
    """Name the scopes that an undo of these runs needs: what they carried, and what they wrote down."""
    from airflow_provider_auth0link.api.scopes import needed

    runs = [header.get("options") for header in history.headers.values() if header.get("command") == "link"]
    options = [each for each in runs if isinstance(each, Mapping)]
    carried = {kind for each in options for kind in each.get("carry") or () if isinstance(kind, str)}
    full = any(each.get("snapshot") == "full" for each in options)
    if dry_run:
        return ["read:users"]
    return needed(carry=carried, snapshot="full" if full else "metadata", undo=True)


def _only(value: object) -> list[str] | None:
    """Read the ids: a list, or JSON text of one; None when it is unset."""
    if isinstance(value, str):
        if value in arguments.UNSET:
            return None
        try:
            value = json.loads(value)
        except ValueError:
            raise InputError(
                "only: must be a list of user ids, or JSON text of one, after rendering"
            ) from None
    if value is None:
        return None
    if isinstance(value, Mapping) or not isinstance(value, Iterable):
        raise InputError(f"only: expected a list of user ids, got {type(value).__name__}")
    ids = list(value)
    if not all(isinstance(each, str) for each in ids):
        raise InputError("only: expected user ids as text")
    return ids
