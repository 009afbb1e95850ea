"""A tenant on a loopback port, in a thread of this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self

from airflow_provider_auth0link.emulator.accounts import Json
from airflow_provider_auth0link.emulator.connection import connection_json
from airflow_provider_auth0link.emulator.faults import Faults
from airflow_provider_auth0link.emulator.keys import CLIENT_KEY_ID, client_key_pem
from airflow_provider_auth0link.emulator.listening import Listener, listening, loopback
from airflow_provider_auth0link.emulator.options import Options, options_of
from airflow_provider_auth0link.emulator.plans import IdentitiesGroup, Refill, limits_of
from airflow_provider_auth0link.emulator.records import KEPT, RequestRecord
from airflow_provider_auth0link.emulator.seeds import Seeds
from airflow_provider_auth0link.emulator.state import copied
from airflow_provider_auth0link.emulator.tenant import Setup, Tenant, system_clock
from airflow_provider_auth0link.emulator.tokens import USER_SCOPE


class Emulator:
    """
    A local Auth0 tenant, served while its ``with`` block lasts.

    :param users: as in an Auth0 users export, with ``roles`` (ids or names), ``permissions`` and
        ``organizations`` (``{organization: [role, ...]}``) if they hold some; copied
    :param roles: roles that users may have, as in ``Seeds``; those that users name are made
    :param resource_servers: APIs and their permissions, likewise
    :param organizations: organizations, likewise
    :param rate: requests per second of the Management API; None for no limit (and no headers of one)
    :param burst: size of the bucket; what a second brings when not given
    :param plan: limits as published for a plan, instead of a rate: "free", "professional", "enterprise", ...
        (``plans.PLANS``)
    :param refill: of buckets: "smooth" all the time, "second" at the top of each second, "minute" at the top
        of each minute (limits per second of a plan: of each second)
    :param identities_group: on plans with a bucket for writing users: whether linking draws on it
        ("write_users"), or on the one for all "other" endpoints
    :param host: a loopback address
    :param port: 0 for a free one
    :param seed: for shares of faults and ids of created users
    :param keep_requests: how many requests are remembered; all are counted
    :param clock: epoch seconds
    :param options: as in ``Options``: latency, scopes, token_lifetime, relink_status, ...
    :raises ValueError: for a host that is not loopback, an unknown option; on entry for a user that is none
    :raises OSError: on entry, when the port is taken
    """

    private_key_id = CLIENT_KEY_ID

    def __init__(  # noqa: PLR0913 - a tenant's arguments are its surface
        self,
        users: Iterable[Json] = (),
        *,
        roles: Iterable[Json] = (),
        resource_servers: Iterable[Json] = (),
        organizations: Iterable[Json] = (),
        rate: float | None = None,
        burst: int | None = None,
        plan: str | None = None,
        refill: Refill = "smooth",
        identities_group: IdentitiesGroup = "write_users",
        host: str = "127.0.0.1",
        port: int = 0,
        seed: int = 0,
        keep_requests: int = KEPT,
        clock: Callable[[], float] = system_clock,
        **options: Any,  # noqa: ANN401 - checked by options_of
    ) -> None:
        limits = limits_of(rate, burst, plan, refill, identities_group)
        seeds = Seeds(tuple(users), tuple(roles), tuple(resource_servers), tuple(organizations))
        self._setup = Setup(seeds, limits, seed, keep_requests, clock)
        self._options: Options = options_of(options)
        self._address = (loopback(host), port)
        self._running: tuple[Tenant, Listener] | None = None

    def __enter__(self) -> Self:
        sock, url = listening(*self._address)
        try:
            tenant = Tenant(url, self._setup, self._options)
        except BaseException:
            sock.close()
            raise
        listener = Listener(tenant, sock)
        listener.start()
        self._running = (tenant, listener)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tenant, listener = self._started
        listener.stop()
        tenant.close()

    @property
    def _started(self) -> tuple[Tenant, Listener]:
        if self._running is None:
            raise RuntimeError("the tenant is not running yet: use it in a with block")
        return self._running

    @property
    def core(self) -> Tenant:
        """The tenant without its socket."""
        return self._started[0]

    @property
    def url(self) -> str:
        """Where it is served: ``http://127.0.0.1:54321``."""
        return self.core.tokens.issuer.rstrip("/")

    @property
    def client_id(self) -> str:
        """The client that may ask for tokens."""
        return self.core.tokens.client_id

    @property
    def client_secret(self) -> str:
        """Its secret, made anew for each tenant."""
        return self.core.client_secret

    @property
    def private_key(self) -> str:
        """PEM of the key whose public half the client has registered."""
        return client_key_pem()

    def connection(self, **overrides: Any) -> str:  # noqa: ANN401 - JSON
        """
        Return the JSON of an Airflow connection that leads here, for ``AIRFLOW_CONN_AUTH0_DEFAULT``.

        :param overrides: ``login``, ``password``, ... replace fields, ``extra`` and any other name go
            into the extra; None takes one out
        """
        return connection_json(self.core, **overrides)

    def add_user(self, row: Json) -> Json:
        """
        Add a user. ``{"user_id": "auth0|1"}`` is enough; ``roles`` and the like as in ``users``.

        Returns the account as it became.
        """
        with self.core.state.lock:
            return copied(self.core.state.plant(copied(row)))

    def user(self, user_id: str) -> Json | None:
        """Return an account, tokens of identity providers included, or None when there is none."""
        with self.core.state.lock:
            account = self.core.state.account(user_id)
            return None if account is None else copied(account)

    def users(self) -> list[Json]:
        """Return all accounts."""
        return self.core.state.copies(idp_tokens=True)

    def export(self) -> list[Json]:
        """Return all accounts as a users export has them, without tokens of identity providers."""
        return self.core.state.copies(idp_tokens=False)

    def state(self, *, volatile: bool = True) -> list[Json]:
        """
        Return all users with their roles, permissions and organizations, to compare with another moment.

        Each row seeds another tenant with the same user.

        :param volatile: whether dates and counts (``updated_at``, ``last_login``, ...) stand in it
        """
        return self.core.whole(volatile=volatile)

    @property
    def connections(self) -> dict[str, str]:
        """Connection ids to names."""
        return dict(self.core.state.connections)

    def connection_id(self, name: str) -> str:
        """Return the id of a connection. KeyError when there is none of this name."""
        return {known: connection_id for connection_id, known in self.connections.items()}[name]

    def role_id(self, name: str) -> str:
        """Return the id of a role. KeyError when there is none of this name."""
        return {str(row["name"]): role_id for role_id, row in self.core.state.rights.roles.items()}[name]

    def organization_id(self, name: str) -> str:
        """Return the id of an organization. KeyError when there is none of this name."""
        rows = self.core.state.rights.organizations.items()
        return {str(row["name"]): organization for organization, row in rows}[name]

    @property
    def links_applied(self) -> dict[tuple[str, str], int]:
        """How often each (primary, secondary) was really linked."""
        with self.core.state.lock:
            return dict(self.core.state.links)

    @property
    def requests(self) -> list[RequestRecord]:
        """The last requests, oldest first, those under way included."""
        return self.core.log.all()

    @property
    def counts(self) -> dict[str, int]:
        """Requests by route, all of them."""
        return dict(self.core.log.counts)

    def clear_requests(self) -> None:
        """Forget requests and counts."""
        self.core.log.clear()

    @property
    def faults(self) -> Faults:
        """Faults to arm: ``tenant.faults.add("reset_after", route="link")``."""
        return self.core.faults

    def revoke_tokens(self) -> None:
        """End every access token issued so far: the API answers 401."""
        self.core.tokens.revoke()

    def id_token(self, user_id: str, **claims: Any) -> str:  # noqa: ANN401 - JSON
        """Issue an ID token of a user for ``link_with``. *claims* replace its own; None leaves one out."""
        return self.core.tokens.id_token(user_id, **claims)

    def user_access_token(self, user_id: str, scope: str = USER_SCOPE) -> str:
        """Issue a user's own access token for the Management API."""
        return self.core.tokens.access_token(user_id, scope, self._options.token_lifetime)

    def reset(self) -> None:
        """Return to the users at the start; forget jobs, faults and requests."""
        self.core.reset()
