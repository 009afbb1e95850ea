"""Many pairs, one task: a plan is linked at the tenant's own speed, written down before it happens."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any

from airflow_provider_auth0link.errors import Auth0LinkError, InputError
from airflow_provider_auth0link.hooks.failing import failing_for_good
from airflow_provider_auth0link.linking.words import counted
from airflow_provider_auth0link.operators import arguments
from airflow_provider_auth0link.operators.many import ManyOperator
from airflow_provider_auth0link.operators.pairs import rows_of, shown_pairs

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_auth0link.hooks.auth0 import Auth0Hook
    from airflow_provider_auth0link.linking.batch import Ahead, Batch
    from airflow_provider_auth0link.linking.journal import Journal
    from airflow_provider_auth0link.linking.options import Options
    from airflow_provider_auth0link.linking.plan import Plan

CARRY = ("user_metadata", "app_metadata")
GUARDS = ("not_blocked", "verified_email", "not_enterprise_secondary")

_SHA256 = re.compile(r"[0-9a-f]{64}")


class LinkIdentitiesOperator(ManyOperator):
    """
    Link many pairs of Auth0 accounts, as a plan names them.

    Every pair is read, checked, written down with a snapshot, linked and settled; pairs of one primary go one after
    another, chains end at their last primary. A retry, or a run that is cleared, does only what is left.

    XCom ``return_value`` and ``summary``: counts (planned, linked, already_linked, would_link, refused, failed,
    unknown, repeats, requests, throttled), seconds, journal. ``summary`` and ``journal`` are pushed at every end,
    failures too; what was not reached counts as failed. Requests, throttled and seconds are of this try.

    :param pairs: up to 10,000 plan lines, or rows [primary, secondary]; shown as a count in Rendered Templates
        (templated)
    :param plan_path: or a file: .jsonl, .jsonl.gz, .csv; local or an object storage URL (templated)
    :param plan_digest: sha256 of the plan that was approved; another one is refused (templated)
    :param journal_path: a folder, or ``s3://conn_id@bucket/prefix``; shards and retries share one (templated)
    :param max_links: refuse a plan that would link more (templated)
    :param max_failures: fail the task when more pairs failed (templated)
    :param carry: what of a secondary is saved onto its primary: user_metadata, app_metadata, roles, permissions,
        organizations
    :param carry_except: paths never carried, such as ``app_metadata.roles``
    :param conflicts: whose value wins: "primary", "secondary" or "fail"
    :param guards: checked on fresh reads: "not_blocked", "verified_email", "same_email", "not_enterprise_secondary";
        "verified_email:okta,my-entra" names what proves no e-mail beside waad
    :param snapshot: what an undo will be able to restore: "full" or "metadata"
    :param dry_run: read and check, change nothing, write no journal; what the journal calls done already is not asked
        about; kept as ``is_dry_run`` (templated)
    :param id_map_path: write old_user_id,new_user_id of all pairs that the journal calls linked, at the end of a
        run that was not stopped (templated)
    :param earlier_id_maps: id maps of before, the oldest first: their rows are kept in the new one and followed on
        (templated)
    :param auth0_conn_id: the Airflow connection (templated)
    """

    template_fields = (
        "pairs",
        "plan_path",
        "plan_digest",
        "journal_path",
        "max_links",
        "max_failures",
        "is_dry_run",
        "id_map_path",
        "earlier_id_maps",
        "auth0_conn_id",
    )

    def __init__(
        self,
        *,
        pairs: Iterable[Any] | str | None = None,
        plan_path: str | None = None,
        plan_digest: str | None = None,
        journal_path: str,
        max_links: int | str | None = None,
        max_failures: int | str = 0,
        carry: Collection[str] = CARRY,
        carry_except: Collection[str] = (),
        conflicts: str = "primary",
        guards: Collection[str] = GUARDS,
        snapshot: str = "full",
        dry_run: bool | str = False,
        id_map_path: str | None = None,
        earlier_id_maps: Collection[str] = (),
        auth0_conn_id: str = "auth0_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pairs: Any = pairs
        self.plan_path = plan_path
        self.plan_digest = plan_digest
        self.journal_path = journal_path
        self.max_links = max_links
        self._given = {"plan_digest": plan_digest is not None, "max_links": max_links is not None}
        self.max_failures = max_failures
        self.carry = carry
        self.carry_except = carry_except
        self.conflicts = conflicts
        self.guards = guards
        self.snapshot = snapshot
        self.is_dry_run = dry_run
        self.id_map_path = id_map_path
        self.earlier_id_maps = earlier_id_maps
        self.auth0_conn_id = auth0_conn_id
        self._options(dry_run=False)  # a typo is told when the Dag is parsed

    def _after_rendering(self) -> None:
        """Show the pairs as a count: Rendered Templates are kept in Airflow's database, for all to read."""
        super()._after_rendering()
        self.pairs = shown_pairs(self.pairs)

    def execute(self, context: Context) -> dict[str, Any]:
        """Link what the plan names and the journal does not call done."""
        from airflow_provider_auth0link.hooks.tenants import HookTenants
        from airflow_provider_auth0link.linking.batch import LINK_OUTCOMES, ahead, link_batch

        with failing_for_good(), self._telling(context, (*LINK_OUTCOMES, "repeats")):
            for name, given in self._given.items():
                arguments.arrived(name, getattr(self, name), given=given)
            options = self._options(dry_run=arguments.flag("dry_run", self.is_dry_run))
            most = self._whole_number("max_links", self.max_links)
            failures = self._whole_number("max_failures", self.max_failures) or 0
            self._check_id_maps()
            plan = self._plan()
            hook = self._hook(context)
            journal = self._journal(context, hook, _header(plan, options), dry_run=options.dry_run)
            if not plan.planned:
                self.log.warning("The plan is empty: there is nothing to link")
            tenants = HookTenants(hook)
            batch = link_batch(plan, options, tenants, journal, time.monotonic)
            summary = self._run(
                context,
                batch,
                tenants,
                lambda: self._warn(_check(hook, batch, ahead(plan, journal), options, most)),
            )
            if not (options.dry_run or batch.stopped):
                self._write_id_map(hook, journal)
            self._end(batch, summary, failures)
        return summary

    def _warn(self, missing: list[str]) -> None:
        """Say what a dry run passes over: it needs no right to write, and the run that it looks ahead to does."""
        if missing:
            self.log.warning(
                "A real run of this task would stop before its first pair: the token lacks %s",
                ", ".join(missing),
            )

    def _options(self, *, dry_run: bool) -> Options:
        from airflow_provider_auth0link.linking.options import SNAPSHOTS, Options

        return Options.checked(
            carry=self.carry,
            carry_except=self.carry_except,
            conflicts=self.conflicts,
            guards=self.guards,
            dry_run=dry_run,
            snapshot=arguments.choice("snapshot", self.snapshot, SNAPSHOTS),
        )

    def _plan(self) -> Plan:
        """Read the plan from where it comes; refuse one that was not approved."""
        path = arguments.optional_text("plan_path", self.plan_path)
        rows = rows_of(self.pairs)
        if (path is None) == (rows is None):
            raise InputError("pairs and plan_path: give exactly one of them")
        approved = _digest(self.plan_digest)
        plan = _read(path) if path is not None else _of_rows(rows or [])
        self._planned = plan.planned
        if approved is not None and approved != plan.digest:
            raise InputError(
                f"plan_digest: another plan was approved. This one has {plan.digest}, approved was {approved}"
            )
        return plan

    def _check_id_maps(self) -> None:
        """Refuse a map that has no place, and earlier ones that cannot be read, before anything is linked."""
        path = arguments.optional_text("id_map_path", self.id_map_path)
        earlier = arguments.texts("earlier_id_maps", self.earlier_id_maps)
        if path is None:
            if earlier:
                raise InputError(
                    "earlier_id_maps: there is no id map to put their rows into. Give id_map_path"
                )
            return
        from airflow_provider_auth0link.hooks import files
        from airflow_provider_auth0link.hooks.id_maps import earlier_rows

        local = files.local_path(path)
        if local is not None and not files.has_place(local):
            raise InputError(f"id_map_path: {path} is a folder, or its folder is not there. Make that first")
        for _ in earlier_rows(earlier, "earlier_id_maps"):
            pass  # a line that is wrong is told now

    def _write_id_map(self, hook: Auth0Hook, journal: Journal) -> None:
        """Write which old id became which, of all that the journal calls linked by now."""
        path = arguments.optional_text("id_map_path", self.id_map_path)
        if path is None:
            return
        from airflow_provider_auth0link.hooks.id_maps import earlier_rows, write
        from airflow_provider_auth0link.linking.journal import read_history

        earlier = arguments.texts("earlier_id_maps", self.earlier_id_maps)
        history = read_history(journal.store, hook.settings.host)
        write(history, path, earlier_rows(earlier, "earlier_id_maps"))


def _check(hook: Auth0Hook, batch: Batch, rest: Ahead, options: Options, most: int | None) -> list[str]:
    """
    Refuse what is not to be begun: too many links, scopes that the token lacks.

    :return: the scopes that a real run would lack, of a dry run that asks for a token
    """
    reads = bool(options.carry or options.guards or rest.evidence or rest.by_connection)
    try:
        if most is not None and rest.links > most:
            raise InputError(
                f"max_links: the plan would make {counted(rest.links, 'link')}, more than {most}. Nothing was linked"
            )
        if not rest.links or (options.dry_run and not reads):
            return []
        hook.work().require(*_needed(options, rest, dry_run=options.dry_run))
    except Auth0LinkError:
        for name, count in rest.done.items():
            batch.tally.earlier(name, count)
        raise
    return _lacking(hook, _needed(options, rest, dry_run=False)) if options.dry_run else []


def _needed(options: Options, rest: Ahead, *, dry_run: bool) -> list[str]:
    from airflow_provider_auth0link.api.scopes import needed

    return needed(
        carry=options.carry, snapshot=options.snapshot, connection_id=rest.by_connection, dry_run=dry_run
    )


def _lacking(hook: Auth0Hook, wanted: list[str]) -> list[str]:
    """Name the scopes that the token lacks; none when the tenant does not tell its scopes."""
    from airflow_provider_auth0link.api.scopes import lacking

    held = hook.work().scopes() if hook.settings.has_credentials else None
    return lacking(wanted, held) if held is not None else []


def _read(path: str) -> Plan:
    from airflow_provider_auth0link.hooks import files
    from airflow_provider_auth0link.linking.plan import read_plan

    with files.reading(path) as file:
        return read_plan(file, path)


def _of_rows(rows: list[Any]) -> Plan:
    from airflow_provider_auth0link.linking.plan import Plan

    return Plan.from_rows(rows)


def _digest(value: object) -> str | None:
    """Read the sha256 that was approved, None when it is unset."""
    text = arguments.optional_text("plan_digest", value)
    if text is None:
        return None
    digest = text.strip().lower().removeprefix("sha256:")
    if not _SHA256.fullmatch(digest):
        raise InputError(
            "plan_digest: is no sha256, 64 hex digits. PlanLinksOperator pushes it as plan_digest"
        )
    return digest


def _header(plan: Plan, options: Options) -> dict[str, Any]:
    return {"command": "link", "plan_digest": plan.digest, "options": options.to_json()}
