"""The connection to Auth0's Management API, and its verbs for tasks."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider_auth0link import __version__, provider_info
from airflow_provider_auth0link.errors import Auth0LinkError, ForbiddenError, MissingAccountError, UnsentError
from airflow_provider_auth0link.hooks import connections, correlation, ids
from airflow_provider_auth0link.hooks.failing import failing_for_good
from airflow_provider_auth0link.hooks.masking import mask_secret
from airflow_provider_auth0link.hooks.turns import turn
from airflow_provider_auth0link.model import Account, UserId, root_first, without_tokens
from airflow_provider_auth0link.settings import Settings

if TYPE_CHECKING:
    from airflow_provider_auth0link.api.client import Auth0Client
    from airflow_provider_auth0link.api.work import Work
    from airflow_provider_auth0link.linking.outcome import Outcome

TEST_SECONDS = 10.0
"""How long ``test_connection`` keeps trying: somebody waits before a form."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """
    What a connection is good for.

    ``scopes`` is None when the tenant does not tell. ``needs`` are scopes by operator. ``rate_limit`` and
    ``rate_remaining`` are requests, as the last answer's headers gave them.
    """

    tenant: str
    client_id: str | None
    scopes: frozenset[str] | None
    needs: Mapping[str, tuple[str, ...]]
    rate_limit: int | None
    rate_remaining: int | None
    notes: tuple[str, ...]


class Auth0Hook(BaseHook):
    """
    Connects to a tenant's Management API.

    One token, one pace and one pool of connections serve all hooks of a connection in a process. Permanent
    refusals (400, 401, 403, 404) end the task without Airflow's retries; they are ``AirflowFailException`` as
    well as the errors of ``airflow_provider_auth0link.errors``.

    :param auth0_conn_id: an Airflow connection of type ``auth0``
    :param correlation_id: at most 64 characters, for the tenant's log; by default DAG, task and run
    """

    conn_name_attr = "auth0_conn_id"
    default_conn_name = "auth0_default"
    conn_type = "auth0"
    hook_name = provider_info.HOOK_NAME

    def __init__(
        self,
        auth0_conn_id: str = default_conn_name,
        *,
        correlation_id: str | None = None,
        **kwargs: Any,  # noqa: ANN401 - BaseHook's own
    ) -> None:
        super().__init__(**kwargs)
        self.auth0_conn_id = auth0_conn_id
        self.correlation_id = correlation_id

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """Return the fields of the connection form for Airflow before 3.2; later ones read provider info."""
        from airflow_provider_auth0link.hooks.form import widgets

        return widgets(provider_info.FIELDS)

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """Return hidden fields, labels and placeholders for Airflow before 3.2."""
        return {
            "hidden_fields": list(provider_info.UI_HIDDEN),
            "relabeling": dict(provider_info.UI_LABELS),
            "placeholders": dict(provider_info.UI_PLACEHOLDERS),
        }

    @cached_property
    def settings(self) -> Settings:
        """The connection, read and checked once, on first use."""
        return connections.settings_of(self.get_connection(self.auth0_conn_id))

    async def asettings(self) -> Settings:
        """Read the connection without blocking an event loop, for triggers; ``settings`` is there from then on."""
        self.settings = await connections.asettings(self.auth0_conn_id)
        return self.settings

    def get_conn(self) -> Auth0Client:
        """Return the client, shared by all hooks of this connection in this process."""
        return _client_for(self.settings)

    def work(self, correlation_id: str | None = None, **limits: float) -> Work:
        """
        Begin a piece of work: counted requests, one budget of time, one correlation id.

        :param limits: ``seconds``, how long retries may go on; 600 by default
        """
        name = correlation_id or self.correlation_id or correlation.of_current_task()
        return self.get_conn().work(correlation_id=name, **limits)

    def test_connection(self) -> tuple[bool, str]:
        """Get a token, and say which scopes it carries and which the operators would miss."""
        from airflow_provider_auth0link.api.scopes import lacking

        try:
            found = self.diagnose()
        except Auth0LinkError as error:
            return False, str(error)
        if found.scopes is None:
            return True, f"Connected to {found.tenant}. The token does not tell its scopes"
        wanted = {scope for scopes in found.needs.values() for scope in scopes}
        missing = lacking(wanted, found.scopes)
        has = ", ".join(sorted(wanted & found.scopes)) or "none of those needed"
        return not lacking(found.needs["LinkIdentityOperator"], found.scopes), (
            f"Connected to {found.tenant}. Scopes present: {has}. Scopes missing: {', '.join(missing) or 'none'}"
        )

    def diagnose(self) -> Diagnosis:
        """
        Get a token, and one answer when the token may read.

        :raises Auth0LinkError: when no token can be had
        """
        from airflow_provider_auth0link.api.limits import limit_of
        from airflow_provider_auth0link.api.scopes import NEEDS, UNWANTED

        with failing_for_good():
            client = self.get_conn()
            work = client.work(seconds=TEST_SECONDS)
            try:
                scopes = work.scopes()
            except UnsentError as error:
                raise UnsentError(f"{error}. Host is {client.settings.host}") from None
            notes = (
                [f"the token carries {UNWANTED}; nothing here needs it"] if UNWANTED in (scopes or ()) else []
            )
            limit, remaining = None, None
            try:
                limit, remaining = limit_of(work.probe())
            except ForbiddenError:
                notes.append("without read:users the tenant's limit is not shown")
        return Diagnosis(
            client.settings.host, client.settings.client_id, scopes, NEEDS, limit, remaining, tuple(notes)
        )

    def link_identity(
        self, primary_user_id: str, secondary_user_id: str, *, connection_id: str | None = None
    ) -> list[dict[str, Any]]:
        """
        Link one account into another, and settle a lost answer by reading.

        Metadata of the secondary is not carried: ``LinkIdentityOperator`` does that. Already linked is a success.

        :param connection_id: ``con_...``, where several database connections exist
        :return: the primary's identities, primary first, without tokens of identity providers
        :raises Auth0LinkError: when they are not linked, or it could not be found out
        """
        from airflow_provider_auth0link.linking.apply import link_pair
        from airflow_provider_auth0link.linking.options import Options

        with failing_for_good():
            pair = ids.pair(primary_user_id, secondary_user_id, connection_id)
            with turn(self.settings.host, str(pair.primary)):
                return _rows(link_pair(self.work(), pair, Options(carry=(), guards=())))

    def unlink_identity(self, primary_user_id: str, secondary_user_id: str) -> list[dict[str, Any]]:
        """
        Take a link back; an empty account appears. Settles a lost answer by reading. Not linked is a success.

        :return: the primary's remaining identities
        :raises Auth0LinkError: when they are still linked, or it could not be found out
        """
        from airflow_provider_auth0link.linking.apply import unlink_pair

        with failing_for_good():
            pair = ids.pair(primary_user_id, secondary_user_id)
            return _rows(unlink_pair(self.work(), pair.primary, pair.secondary))

    def get_user(self, user_id: str) -> dict[str, Any]:
        """Read a user, immediately consistent; tokens of identity providers are dropped."""
        return dict(self._account(user_id).raw)

    def get_identities(self, user_id: str) -> list[dict[str, Any]]:
        """Read a user's identities, primary first."""
        account = self._account(user_id)
        return [dict(each.to_xcom()) for each in root_first(account.identities, account.id)]

    def _account(self, user_id: str) -> Account:
        wanted = _user_id(user_id)
        with self._naming(wanted):
            return self.work().get_user(wanted)

    @contextmanager
    def _naming(self, user_id: UserId) -> Iterator[None]:
        """Name the account that is not there."""
        with failing_for_good():
            try:
                yield
            except MissingAccountError as error:
                raise MissingAccountError(f"{error}. There is no account {str(user_id)!r}") from None

    def update_user(self, user_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Change a user's root attributes (metadata merges at the first level, null unsets); returns the user."""
        wanted = _user_id(user_id)
        with self._naming(wanted):
            return self.work().update_user(wanted, body)

    def request(self, method: str, path: str, json: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 - decoded JSON
        """
        Send any Management API request with the hook's token, pace and retries.

        A write whose answer is lost is not repeated: it raises ``AmbiguousError``, and you look.

        :param path: below ``/api/v2``, such as ``/users/auth0%7C1/roles``; percent-encoded by the caller
        :return: the decoded body without tokens of identity providers, None when there is none
        """
        with failing_for_good():
            return without_tokens(self.work().free(method, path, json))


def _user_id(text: str) -> UserId:
    with failing_for_good():
        return UserId.parse(text, "user_id")


def _rows(outcome: Outcome) -> list[dict[str, Any]]:
    if outcome.error is not None:
        raise outcome.error
    return [dict(each.to_xcom()) for each in outcome.identities]


_clients: dict[Settings, Auth0Client] = {}
_lock = threading.Lock()


def _client_for(settings: Settings) -> Auth0Client:
    from airflow_provider_auth0link.api.client import Auth0Client
    from airflow_provider_auth0link.api.transport import HttpTransport

    with _lock:
        client = _clients.get(settings)
        if client is None:
            client = _clients[settings] = Auth0Client(
                settings, HttpTransport(settings), user_agent=_user_agent(), told=mask_secret
            )
        return client


def _user_agent() -> str:
    from airflow import __version__ as airflow_version

    from airflow_provider_auth0link.api.transport import LIBRARY

    return f"airflow-provider-auth0link/{__version__} apache-airflow/{airflow_version} {LIBRARY}"


def _forget_clients() -> None:
    """A forked child must not share its parent's sockets, nor a lock that was held at the fork."""
    global _lock  # noqa: PLW0603 - a lock cannot be reset
    _lock = threading.Lock()
    _clients.clear()


os.register_at_fork(after_in_child=_forget_clients)
