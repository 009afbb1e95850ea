"""One piece of work at a tenant: the verbs about accounts that linking needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol, TypeVar

from airflow_provider_auth0link.api import rights, wire
from airflow_provider_auth0link.api.body import check_json, check_mapping
from airflow_provider_auth0link.api.export_work import ExportVerbs
from airflow_provider_auth0link.api.retry import Budget, Timing, backoff
from airflow_provider_auth0link.api.rights_work import RightsVerbs
from airflow_provider_auth0link.api.scopes import lacking
from airflow_provider_auth0link.api.wire import Request, Response
from airflow_provider_auth0link.errors import AmbiguousError, ForbiddenError, MissingAccountError
from airflow_provider_auth0link.model import Account, Identity, UserId
from airflow_provider_auth0link.settings import Settings

Result = TypeVar("Result")


class Client(Protocol):
    """What sends, waits and repeats."""

    settings: Settings
    timing: Timing

    def send(
        self, request: Request, budget: Budget, correlation_id: str | None = None, before: float | None = None
    ) -> Response:
        """Send until there is an answer that decides."""

    def rest(self, lane: str, seconds: float) -> None:
        """Wait before a repeat of what met an outage."""

    def token_scopes(self, budget: Budget) -> frozenset[str] | None:
        """Return the scopes of the Management token."""

    def connection_ids(self, ask: Callable[[], Mapping[str, str] | None]) -> Mapping[str, str] | None:
        """Return what *ask* answered when it was first asked in this process."""


class Work(RightsVerbs, ExportVerbs):
    """
    One piece of work at a tenant: the verbs, with a budget of time and a count of requests.

    It is what ``linking`` calls a tenant. Every verb raises the errors of ``errors.py``.
    """

    def __init__(self, client: Client, budget: Budget, correlation_id: str | None) -> None:
        self._client = client
        self._budget = budget
        self._correlation_id = correlation_id

    @property
    def requests(self) -> int:
        """How many API requests were sent so far, repeats included, the token's not."""
        return self._budget.requests

    def _send(self, request: Request, before: float | None = None) -> Response:
        return self._client.send(request, self._budget, self._correlation_id, before)

    def rest(self, attempt: int) -> bool:
        """Wait before a repeat that was decided elsewhere; False when there is no time for one."""
        seconds = backoff(attempt, self._client.timing.chance())
        if not self._budget.allows(seconds):
            return False
        self._client.rest("repeat", seconds)
        return True

    def now(self) -> float:
        """Monotonic seconds."""
        return self._budget.clock()

    def require(self, *scopes: str) -> None:
        """
        Check the token's scopes before a request is made.

        :param scopes: all of them are needed; ``read:roles|read:role_members`` is had by either
        :raises ForbiddenError: naming those that are missing
        """
        if not self._client.settings.has_credentials:
            return  # the token source says so better, and a user's own token may do without
        held = self._client.token_scopes(self._budget)
        missing = lacking(scopes, held) if held is not None else []
        if missing:
            raise ForbiddenError(
                f"the token of {self._client.settings.host} lacks {', '.join(missing)}. Grant it to the "
                "application (Auth0 dashboard: Applications, APIs, Auth0 Management API)"
            )

    def get_user(self, user_id: UserId) -> Account:
        """Read one account. MissingAccountError when it is not there."""
        return self._read(wire.get_user_request(user_id), partial(wire.read_account_of, user_id))

    def _read(self, request: Request, reader: Callable[[Response], Result]) -> Result:
        attempt = 0
        while True:
            attempt += 1
            response = self._send(request)
            try:
                return reader(response)
            except AmbiguousError:  # a cut answer to a read: read again
                if not self.rest(attempt):
                    raise

    def update_user(self, user_id: UserId, body: Mapping[str, Any]) -> dict[str, Any]:
        """Change root attributes of an account. AmbiguousError when it may have been done, InputError for no JSON."""
        check_mapping(body, "body")
        return dict(wire.read_account(self._send(wire.update_user_request(user_id, body))).raw)

    def scopes(self) -> frozenset[str] | None:
        """Return the token's scopes, None when the tenant does not tell."""
        return self._client.token_scopes(self._budget)

    def link(
        self,
        primary: UserId,
        secondary: UserId,
        connection_id: str | None = None,
        *,
        before: float | None = None,
    ) -> list[Identity]:
        """Link once with the Management token, and not after *before* (monotonic seconds)."""
        request = wire.link_request(primary, secondary, connection_id)
        return wire.read_identities(self._send(request, before))

    def link_with(self, primary: UserId, id_token: str, bearer: str | None = None) -> list[Identity]:
        """Link once with the secondary's ID token, and the primary's own token when given."""
        return wire.read_identities(self._send(wire.link_with_request(primary, id_token, bearer)))

    def unlink(self, primary: UserId, secondary: UserId, connection: str | None = None) -> list[Identity]:
        """Unlink once."""
        return wire.read_identities(self._send(wire.unlink_request(primary, secondary, connection)))

    def connection_name(self, connection_id: str) -> str | None:
        """Return the name of a connection, None when there is none with this id."""
        try:
            row = wire.decoded(self._send(wire.get_connection_request(connection_id)))
        except MissingAccountError:
            return None
        return row.get("name") if isinstance(row, dict) else None

    def connection_ids(self) -> Mapping[str, str] | None:
        """Return the ids of the database connections by name, None when the token may not read them."""
        return self._client.connection_ids(self._ask_connection_ids)

    def _ask_connection_ids(self) -> Mapping[str, str] | None:
        held = self.scopes() if self._client.settings.has_credentials else None
        if held is not None and "read:connections" not in held:
            return None
        try:
            return dict(self._pages(rights.connections_page, rights.connection_of))
        except ForbiddenError:
            return None

    def free(self, method: str, path: str, json: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 - decoded JSON
        """
        Send what a Dag author spells out; returns the decoded body, None when empty.

        :raises InputError: when it cannot be sent
        """
        if json is not None:
            check_json(json, "json")
        return wire.decoded(self._send(wire.free_request(method, path, json)))

    def probe(self) -> Mapping[str, str]:
        """Make the smallest read, and return the headers of its answer."""
        return self._send(wire.probe_request()).headers
