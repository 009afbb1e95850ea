"""One pair, one task: link an account into another, or take a link back."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_auth0link.hooks.failing import failing_for_good
from airflow_provider_auth0link.hooks.turns import turn
from airflow_provider_auth0link.model import IdentityRow, Pair, UserId
from airflow_provider_auth0link.operators import arguments
from airflow_provider_auth0link.operators.base import FAIL, SKIP, SUCCEED, PairOperator, ended, identity_rows
from airflow_provider_auth0link.operators.request import CARRY, CONFLICTS, GUARDS, LinkArguments

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_auth0link.hooks.auth0 import Auth0Hook
    from airflow_provider_auth0link.linking.options import Options
    from airflow_provider_auth0link.linking.outcome import Outcome


class LinkIdentityOperator(LinkArguments):
    """
    Link (merge) one Auth0 account into another: ``POST /api/v2/users/{id}/identities``.

    The secondary account disappears and its metadata is discarded by Auth0; what ``carry`` names is saved onto
    the primary first. A lost answer is settled by reading, never by repeating blindly. With ``carry=()``,
    ``guards=()``, no evidence and no connection id it is exactly one request with the one scope ``update:users``.
    Two links into one primary must not overlap: set ``max_active_tis_per_dagrun=1`` where tasks are mapped.

    XCom ``return_value``: the primary's identities, primary first, rows of ``connection``, ``provider``,
    ``user_id`` and ``isSocial``. XCom ``link``, pushed before a skip or a failure too: outcome ("linked",
    "already_linked", "would_link", "refused", "failed", "unknown"), reason, both ids, what was carried, requests.
    Where an argument is refused the ids are as they were given.
    A value that arrives by XCom is never rendered as a template.

    :param primary_user_id: keeps its id and profile (templated)
    :param secondary_user_id: full id, or the bare part with ``provider`` (templated)
    :param provider: the secondary's provider, with a bare id (templated)
    :param connection_id: ``con_...``, where several database connections exist; needs ``read:connections``
        (templated)
    :param secondary_id_token: instead of the id: the secondary's ID token, sent as ``link_with``. Nothing is
        carried or guarded then (templated)
    :param primary_access_token: with it: the primary's own access token as bearer, with the scope
        ``update:current_user_identities`` (templated)
    :param carry: what of the secondary is saved onto the primary: ``user_metadata``, ``app_metadata``, ``roles``,
        ``permissions``, ``organizations``
    :param carry_except: dotted paths never carried, such as ``app_metadata.roles``
    :param conflicts: whose value wins: "primary", "secondary" or "fail"
    :param guards: checked on fresh reads of both: "not_blocked", "verified_email", "same_email",
        "not_enterprise_secondary"; "verified_email:okta,my-entra" names what proves no e-mail beside waad
    :param on_already_linked: "succeed", "skip" or "fail"
    :param on_refused: "fail" (no retry would change it) or "skip"
    :param rule: the plan's rule that found the pair, for the reader of Rendered Templates (templated)
    :param evidence: what the plan knew of both accounts, checked again: ``email``, ``verified``, ``phone``,
        ``metadata:<dotted path>`` (templated)
    :param include_profile_data: add ``profileData`` to the identities: personal data in XCom
    :param dry_run: read and check, change nothing; kept as ``is_dry_run`` (templated)
    :param journal_path: a folder, or ``s3://conn_id@bucket/prefix``: the secondary is written down there first, so
        that a retry after a death knows what was done, and ``UndoLinksOperator`` can restore it (templated)
    :param auth0_conn_id: the Airflow connection (templated)
    """

    template_fields = (
        "primary_user_id",
        "secondary_user_id",
        "provider",
        "connection_id",
        "secondary_id_token",
        "primary_access_token",
        "rule",
        "evidence",
        "is_dry_run",
        "journal_path",
        "auth0_conn_id",
    )
    secret_fields: ClassVar[tuple[str, ...]] = ("secondary_id_token", "primary_access_token")
    xcom_name = "link"
    toward = "into"

    def __init__(
        self,
        *,
        primary_user_id: str,
        secondary_user_id: str | int | None = None,
        provider: str | None = None,
        connection_id: str | None = None,
        secondary_id_token: str | None = None,
        primary_access_token: str | None = None,
        carry: Collection[str] = CARRY,
        carry_except: Collection[str] = (),
        conflicts: str = CONFLICTS,
        guards: Collection[str] = GUARDS,
        on_already_linked: str = SUCCEED,
        on_refused: str = FAIL,
        rule: str | None = None,
        evidence: Mapping[str, Any] | str | None = None,
        include_profile_data: bool = False,
        dry_run: bool | str = False,
        journal_path: str | None = None,
        auth0_conn_id: str = "auth0_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.primary_user_id = primary_user_id
        self.secondary_user_id = secondary_user_id
        self.provider = provider
        self.connection_id = connection_id
        self.secondary_id_token = secondary_id_token
        self.primary_access_token = primary_access_token
        self.carry = carry
        self.carry_except = carry_except
        self.conflicts = conflicts
        self.guards = guards
        self.on_already_linked = on_already_linked
        self.on_refused = on_refused
        self.rule = rule
        self.evidence = evidence
        self.include_profile_data = include_profile_data
        self.is_dry_run = dry_run
        self.journal_path = journal_path
        self.auth0_conn_id = auth0_conn_id

    def _after_rendering(self) -> None:
        super()._after_rendering()
        self.evidence = arguments.shown_evidence(self.evidence)  # type: ignore[assignment]  # checked in execute

    def execute(self, context: Context) -> list[IdentityRow]:
        """Link, tell what became of it, and hand the resulting identities to XCom."""
        with failing_for_good(), self._telling(context):
            ends = self._ends()
            by_token = self._by_token()
            pair = self._token_pair() if by_token else self._pair()
            path = arguments.optional_text("journal_path", self.journal_path)
            options = self._options(by_token=by_token, journaled=path is not None)
            hook = self._hook(context)
            with turn(hook.settings.host, str(pair.primary)):
                outcome = ended(lambda: self._link(context, hook, pair, options, path, by_token=by_token))
            self._deliver(
                context, hook, outcome, (pair.primary, pair.secondary), ends.get(outcome.name, SUCCEED)
            )
        return identity_rows(outcome, include_profile_data=self.include_profile_data)

    def _ends(self) -> dict[str, str]:
        """Read how the task is to end, by outcome."""
        return {
            "already_linked": arguments.choice(
                "on_already_linked", self.on_already_linked, (SUCCEED, SKIP, FAIL)
            ),
            "refused": arguments.choice("on_refused", self.on_refused, (FAIL, SKIP)),
        }

    def _link(
        self,
        context: Context,
        hook: Auth0Hook,
        pair: Pair,
        options: Options,
        path: str | None,
        *,
        by_token: bool,
    ) -> Outcome:
        from airflow_provider_auth0link.linking.apply import link_by_token, link_pair

        if path is not None:
            return _link_journaled(context, hook, pair, options, path)
        if not by_token:
            return link_pair(hook.work(), pair, options)
        id_token = arguments.text("secondary_id_token", self.secondary_id_token)
        bearer = arguments.optional_text("primary_access_token", self.primary_access_token)
        work = hook.work()
        return link_by_token(
            work,
            pair,
            lambda: work.link_with(pair.primary, id_token, bearer),
            own_token=bearer is not None,
            dry_run=options.dry_run,
        )


def _link_journaled(context: Context, hook: Auth0Hook, pair: Pair, options: Options, path: str) -> Outcome:
    from airflow_provider_auth0link.api.scopes import needed
    from airflow_provider_auth0link.hooks.tenants import HookTenants, journal_of
    from airflow_provider_auth0link.linking.single import link_journaled

    header = {"command": "link", "options": options.to_json()}
    journal = journal_of(hook, context, path, header, writes=not options.dry_run)
    wanted = needed(
        carry=options.carry,
        snapshot=options.snapshot,
        connection_id=pair.connection_id is not None,
        dry_run=options.dry_run,
    )
    hook.work().require(*wanted)
    return link_journaled(HookTenants(hook), pair, options, journal)


class UnlinkIdentityOperator(PairOperator):
    """
    Take a link back: ``DELETE /api/v2/users/{id}/identities/{provider}/{user_id}``.

    The account that appears is empty: Auth0 restores no metadata, roles or password. A lost answer is settled
    by reading.

    XCom ``return_value``: the remaining identities. XCom ``unlink``, pushed before a skip or a failure too: outcome
    ("unlinked", "not_linked", "would_unlink", "failed", "unknown"), reason, both ids, requests.

    :param primary_user_id: the account that holds the identity (templated)
    :param secondary_user_id: full id of the linked identity, or the bare part with ``provider`` (templated)
    :param provider: the identity's provider, with a bare id (templated)
    :param connection: name of the identity's connection, where several know the same user id (templated)
    :param on_not_linked: "succeed", "skip" or "fail"
    :param dry_run: read, change nothing (templated)
    :param auth0_conn_id: the Airflow connection (templated)
    """

    template_fields = (
        "primary_user_id",
        "secondary_user_id",
        "provider",
        "connection",
        "is_dry_run",
        "auth0_conn_id",
    )
    xcom_name = "unlink"
    toward = "from"

    def __init__(
        self,
        *,
        primary_user_id: str,
        secondary_user_id: str | int,
        provider: str | None = None,
        connection: str | None = None,
        on_not_linked: str = SUCCEED,
        dry_run: bool | str = False,
        auth0_conn_id: str = "auth0_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.primary_user_id = primary_user_id
        self.secondary_user_id = secondary_user_id
        self.provider = provider
        self.connection = connection
        self.on_not_linked = on_not_linked
        self.is_dry_run = dry_run
        self.auth0_conn_id = auth0_conn_id

    def execute(self, context: Context) -> list[IdentityRow]:
        """Unlink, tell what became of it, and hand the remaining identities to XCom."""
        from airflow_provider_auth0link.linking.apply import unlink_pair

        with failing_for_good(), self._telling(context):
            end = arguments.choice("on_not_linked", self.on_not_linked, (SUCCEED, SKIP, FAIL))
            secondary = arguments.optional_id("secondary_user_id", self.secondary_user_id)
            provider = arguments.optional_text("provider", self.provider)
            pair = Pair(
                UserId.parse(self.primary_user_id, "primary_user_id"),
                arguments.secondary(secondary if secondary is not None else "", provider),
            )
            connection = arguments.optional_text("connection", self.connection)
            dry_run = arguments.flag("dry_run", self.is_dry_run)
            hook = self._hook(context)
            outcome = ended(
                lambda: unlink_pair(
                    hook.work(), pair.primary, pair.secondary, connection=connection, dry_run=dry_run
                )
            )
            then = end if outcome.name == "not_linked" else SUCCEED
            self._deliver(context, hook, outcome, (pair.primary, pair.secondary), then)
        return identity_rows(outcome)
