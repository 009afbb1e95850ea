"""What linking needs of a tenant. The client has these verbs; linking never meets the client itself."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Protocol

from airflow_provider_auth0link.model import Account, Identity, UserId


class Tenant(Protocol):
    """One piece of work at a tenant, with a budget of time. Verbs raise the errors of ``errors.py``."""

    @property
    def requests(self) -> int:
        """How many API requests were sent so far."""

    def now(self) -> float:
        """Monotonic seconds."""

    def rest(self, attempt: int) -> bool:
        """Wait before repeat number *attempt*; False when there is no time for one."""

    def require(self, *scopes: str) -> None:
        """Refuse when the token lacks one of the scopes."""

    def get_user(self, user_id: UserId) -> Account:
        """Read an account."""

    def update_user(self, user_id: UserId, body: Mapping[str, Any]) -> object:
        """Change an account's metadata."""

    def link(
        self,
        primary: UserId,
        secondary: UserId,
        connection_id: str | None = None,
        *,
        before: float | None = None,
    ) -> list[Identity]:
        """Link once; a try whose turn comes after *before* (monotonic seconds) ends unsent."""

    def unlink(self, primary: UserId, secondary: UserId, connection: str | None = None) -> list[Identity]:
        """Unlink once."""

    def connection_name(self, connection_id: str) -> str | None:
        """Return a connection's name, None when there is none with this id."""

    def connection_ids(self) -> Mapping[str, str] | None:
        """Return the ids of the database connections by name, None when the token may not read them."""

    def roles(self, user_id: UserId) -> frozenset[str]:
        """Read the ids of an account's roles, tenant-wide ones only."""

    def add_roles(self, user_id: UserId, roles: Collection[str]) -> None:
        """Give roles. Those that are there already stay."""

    def remove_roles(self, user_id: UserId, roles: Collection[str]) -> None:
        """Take roles away."""

    def permissions(self, user_id: UserId) -> frozenset[tuple[str, str]]:
        """Read the permissions granted directly, as (API identifier, name); not those that roles bring."""

    def add_permissions(self, user_id: UserId, permissions: Collection[tuple[str, str]]) -> None:
        """Grant permissions directly."""

    def remove_permissions(self, user_id: UserId, permissions: Collection[tuple[str, str]]) -> None:
        """Take directly granted permissions away."""

    def organizations(self, user_id: UserId) -> frozenset[str]:
        """Read the ids of the organizations of which an account is a member."""

    def add_member(self, organization: str, user_id: UserId) -> None:
        """Make an account a member of an organization."""

    def remove_member(self, organization: str, user_id: UserId) -> None:
        """End a membership, with its roles."""

    def member_roles(self, organization: str, user_id: UserId) -> frozenset[str]:
        """Read the ids of the roles that a member has in an organization."""

    def add_member_roles(self, organization: str, user_id: UserId, roles: Collection[str]) -> None:
        """Give a member roles in an organization. ConflictError when it can have no more."""

    def remove_member_roles(self, organization: str, user_id: UserId, roles: Collection[str]) -> None:
        """Take roles in an organization from a member."""
