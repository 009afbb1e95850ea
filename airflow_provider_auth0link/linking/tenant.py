"""What linking needs of a tenant. The client has these verbs; linking never meets the client itself."""

from __future__ import annotations

from collections.abc import Mapping
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
