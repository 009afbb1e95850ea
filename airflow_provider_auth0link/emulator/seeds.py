"""What a tenant holds when it starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from airflow_provider_auth0link.emulator.accounts import Json
from airflow_provider_auth0link.emulator.state import State


@dataclass(frozen=True, slots=True)
class Seeds:
    """
    The start of a tenant.

    :param users: as in an export; may bear ``roles``, ``permissions`` and ``organizations``. What these name
        and the tenant does not know is made
    :param roles: ``{"id"?, "name", "description"?, "permissions"?}``
    :param resource_servers: APIs: ``{"identifier", "name"?, "scopes"?: [{"value", "description"?}]}``
    :param organizations: ``{"id"?, "name", "display_name"?, ...}``
    """

    users: Sequence[Json] = ()
    roles: Sequence[Json] = ()
    resource_servers: Sequence[Json] = ()
    organizations: Sequence[Json] = ()

    def plant(self, state: State) -> None:
        """
        Bring all into an empty tenant.

        :raises ValueError: when a row is not of its kind, or is there twice; says which
        """
        rights = state.rights
        for kind, rows, add in (
            ("resource server", self.resource_servers, rights.add_server),
            ("role", self.roles, rights.add_role),
            ("organization", self.organizations, rights.add_organization),
        ):
            for number, row in enumerate(rows, 1):
                try:
                    add(row)
                except ValueError as error:
                    raise ValueError(f"{kind} {number}: {error}") from None
        state.load(self.users)
