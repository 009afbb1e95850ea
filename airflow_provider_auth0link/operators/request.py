"""What is asked for, read from the arguments after rendering; refused before anything is sent."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.model import Pair, UserId
from airflow_provider_auth0link.operators import arguments
from airflow_provider_auth0link.operators.base import PairOperator

if TYPE_CHECKING:
    from airflow_provider_auth0link.linking.options import Options

CARRY = ("user_metadata", "app_metadata")
GUARDS = ("not_blocked",)
CONFLICTS = "primary"


class LinkArguments(PairOperator):
    """The arguments of a link, and how they are read."""

    primary_user_id: str
    secondary_user_id: str | int | None
    provider: str | None
    connection_id: str | None
    secondary_id_token: str | None
    primary_access_token: str | None
    carry: Collection[str]
    carry_except: Collection[str]
    conflicts: str
    guards: Collection[str]
    rule: str | None
    evidence: Mapping[str, Any] | str | None
    is_dry_run: bool | str

    def _by_token(self) -> bool:
        """Decide between the two ways of the endpoint, and refuse what belongs to the other."""
        id_token = arguments.optional_text("secondary_id_token", self.secondary_id_token)
        access_token = arguments.optional_text("primary_access_token", self.primary_access_token)
        by_id = arguments.optional_id("secondary_user_id", self.secondary_user_id)
        if id_token is None and by_id is None:
            raise InputError("secondary: name it by secondary_user_id, or by secondary_id_token")
        if id_token is not None and by_id is not None:
            raise InputError(
                "secondary: named by secondary_user_id and by secondary_id_token. Keep one of them"
            )
        if access_token is not None and id_token is None:
            raise InputError(
                "primary_access_token: goes with secondary_id_token only (Auth0 refuses ids there)"
            )
        if id_token is None:
            return False
        for name in ("provider", "connection_id"):
            if arguments.optional_text(name, getattr(self, name)) is not None:
                raise InputError(
                    f"{name}: must not be given with secondary_id_token, which stands alone in the body"
                )
        return True

    def _pair(self) -> Pair:
        from airflow_provider_auth0link.linking.evidence import read_evidence

        provider = arguments.optional_text("provider", self.provider)
        secondary = arguments.optional_id("secondary_user_id", self.secondary_user_id)
        return Pair(
            primary=UserId.parse(self.primary_user_id, "primary_user_id"),
            secondary=arguments.secondary(secondary if secondary is not None else "", provider),
            connection_id=arguments.connection_id(self.connection_id),
            rule=arguments.optional_text("rule", self.rule),
            evidence=read_evidence(arguments.shown_evidence(self.evidence)),
        )

    def _token_pair(self) -> Pair:
        """Read both accounts from the tokens; they are not verified here, Auth0 does that."""
        from airflow_provider_auth0link.api.token import subject_of

        primary = UserId.parse(self.primary_user_id, "primary_user_id")
        access_token = arguments.optional_text("primary_access_token", self.primary_access_token)
        if access_token is not None and subject_of(access_token, "primary_access_token") != primary:
            raise InputError("primary_access_token: its sub is not primary_user_id")
        return Pair(
            primary,
            subject_of(arguments.text("secondary_id_token", self.secondary_id_token), "secondary_id_token"),
        )

    def _options(self, *, by_token: bool, journaled: bool) -> Options:
        from airflow_provider_auth0link.linking.options import Options, checked_evidence

        if by_token and journaled:
            raise InputError(
                "journal_path: does not apply with secondary_id_token: nothing is read there that could be written down"
            )
        dry_run = arguments.flag("dry_run", self.is_dry_run)
        options = Options.checked(
            carry=self.carry,
            carry_except=self.carry_except,
            conflicts=self.conflicts,
            guards=self.guards,
            dry_run=dry_run,
            snapshot="full" if journaled else None,
        )
        if not by_token:
            return options
        given: dict[str, object] = {
            "carry": self.carry is not CARRY and options.carry,
            "carry_except": options.carry_except,
            "conflicts": options.conflicts != CONFLICTS,
            "guards": self.guards is not GUARDS and options.guards,
            "evidence": checked_evidence(arguments.shown_evidence(self.evidence)),
        }
        for name, value in given.items():
            if value:
                raise InputError(f"{name}: does not apply with secondary_id_token. Leave it out")
        if self.carry:
            self.log.warning(
                "With secondary_id_token nothing is carried: Auth0 discards the secondary's metadata"
            )
        return Options(carry=(), guards=(), dry_run=dry_run)
