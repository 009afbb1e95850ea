"""The verbs about roles, permissions and organizations of one piece of work at a tenant."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from functools import partial
from typing import Any, TypeVar

from airflow_provider_auth0link.api import rights
from airflow_provider_auth0link.api.wire import Request, Response
from airflow_provider_auth0link.model import UserId

Result = TypeVar("Result")


class RightsVerbs(ABC):
    """
    What an account may do: read, given and taken.

    A write whose answer is lost raises AmbiguousError and is not repeated: whoever asked looks first.
    InputError for an empty list.
    """

    @abstractmethod
    def _send(self, request: Request, before: float | None = None) -> Response:
        """Send until there is an answer that decides."""

    @abstractmethod
    def _read(self, request: Request, reader: Callable[[Response], Result]) -> Result:
        """Send a read until its answer is readable."""

    def roles(self, user_id: UserId) -> frozenset[str]:
        """Read the ids of an account's roles, tenant-wide ones only."""
        return frozenset(self._pages(partial(rights.roles_page, user_id), rights.id_of))

    def add_roles(self, user_id: UserId, roles: Collection[str]) -> None:
        """Give roles. Those that are there already stay."""
        self._send(rights.change_roles("POST", user_id, roles))

    def remove_roles(self, user_id: UserId, roles: Collection[str]) -> None:
        """Take roles away."""
        self._send(rights.change_roles("DELETE", user_id, roles))

    def permissions(self, user_id: UserId) -> frozenset[tuple[str, str]]:
        """Read the permissions granted directly, as (API identifier, name); not those that roles bring."""
        found = self._pages(partial(rights.permissions_page, user_id), rights.permission_of)
        return frozenset(permission for permission, is_direct in found if is_direct)

    def add_permissions(self, user_id: UserId, permissions: Collection[tuple[str, str]]) -> None:
        """Grant permissions directly. BadRequestError when the account can have no more."""
        self._send(rights.change_permissions("POST", user_id, permissions))

    def remove_permissions(self, user_id: UserId, permissions: Collection[tuple[str, str]]) -> None:
        """Take directly granted permissions away."""
        self._send(rights.change_permissions("DELETE", user_id, permissions))

    def organizations(self, user_id: UserId) -> frozenset[str]:
        """Read the ids of the organizations of which an account is a member."""
        return frozenset(self._pages(partial(rights.organizations_page, user_id), rights.id_of))

    def add_member(self, organization: str, user_id: UserId) -> None:
        """Make an account a member of an organization."""
        self._send(rights.change_member("POST", organization, user_id))

    def remove_member(self, organization: str, user_id: UserId) -> None:
        """End a membership, with its roles."""
        self._send(rights.change_member("DELETE", organization, user_id))

    def member_roles(self, organization: str, user_id: UserId) -> frozenset[str]:
        """Read the ids of the roles that a member has in an organization."""
        return frozenset(self._pages(partial(rights.member_roles_page, organization, user_id), rights.id_of))

    def add_member_roles(self, organization: str, user_id: UserId, roles: Collection[str]) -> None:
        """Give a member roles in an organization. ConflictError when it can have no more."""
        self._send(rights.change_member_roles("POST", organization, user_id, roles))

    def remove_member_roles(self, organization: str, user_id: UserId, roles: Collection[str]) -> None:
        """Take roles in an organization from a member."""
        self._send(rights.change_member_roles("DELETE", organization, user_id, roles))

    def _pages(self, page: Callable[[int], Request], reader: Callable[[Any], Result]) -> list[Result]:
        return rights.all_pages(
            lambda number: self._read(page(number), partial(rights.rows_of, reader)), page(0).name
        )
