"""The Management API's operations on a tenant's state. Each takes a call and returns an answer."""

from __future__ import annotations

import random
from collections.abc import Callable

from airflow_provider_auth0link.emulator.access import Access
from airflow_provider_auth0link.emulator.accounts import Json, identities_seen, seen
from airflow_provider_auth0link.emulator.answers import (
    Answer,
    answer,
    insufficient_scope,
    invalid_query,
)
from airflow_provider_auth0link.emulator.bodies import CREATE, UPDATE, checked, link_body
from airflow_provider_auth0link.emulator.calls import Call
from airflow_provider_auth0link.emulator.connections import connection_row, listed
from airflow_provider_auth0link.emulator.creation import create
from airflow_provider_auth0link.emulator.jobs import Jobs
from airflow_provider_auth0link.emulator.linking import Linker
from airflow_provider_auth0link.emulator.options import Options
from airflow_provider_auth0link.emulator.routes import decoded
from airflow_provider_auth0link.emulator.search import flag, search, selected
from airflow_provider_auth0link.emulator.state import State
from airflow_provider_auth0link.emulator.tokens import Grant
from airflow_provider_auth0link.emulator.updates import apply_patch, check_patch


class ManagementApi:
    """
    Operations of one tenant.

    :param state: its accounts
    :param options: its readings
    :param linked_subject: verifies an ID token sent as ``link_with``, returns its user
    :param seed: for ids of created users
    :param jobs: its jobs
    """

    def __init__(
        self,
        state: State,
        options: Options,
        linked_subject: Callable[[str, Grant], str],
        seed: int,
        jobs: Jobs,
    ) -> None:
        self.state = state
        self.linked_subject = linked_subject
        self._role_scopes = options.role_scopes
        self.linker = Linker(state, options)
        self._chance = random.Random(seed)  # noqa: S311 - ids of test users, not secrets
        self._operations: dict[str, Callable[[Call], Answer]] = {
            "users_search": self._search,
            "user_create": self._create,
            "users_by_email": self._by_email,
            "user_get": self._get,
            "user_update": self._update,
            "user_delete": self._delete,
            "link": self._link,
            "unlink": self._unlink,
            "connections": self._list_connections,
            "connection": self._get_connection,
            **Access(state).operations,
            **jobs.operations,
        }

    def handle(self, call: Call) -> Answer:
        """
        Check scopes and do it.

        :raises ApiError: what the tenant says instead
        """
        operation = self._operations[call.route.name]
        every = call.route.every and self._role_scopes == "all"
        held = call.grant.scopes & set(call.route.scopes)
        if not held or (every and len(held) < len(call.route.scopes)):
            raise insufficient_scope(call.route.scopes, every=every)
        with self.state.lock:
            return operation(call)

    def _get(self, call: Call) -> Answer:
        return answer(self._shown(call.account(self.state), call))

    def _shown(self, account: Json, call: Call) -> Json:
        return selected(seen(account, idp_tokens=call.grant.idp_tokens), call.params)

    def _by_email(self, call: Call) -> Answer:
        if not call.params.get("email"):
            raise invalid_query("Missing required property: email")
        return answer([self._shown(each, call) for each in self.state.by_email(call.params["email"])])

    def _search(self, call: Call) -> Answer:
        page, totals = search(self.state, call.params)
        users = [self._shown(each, call) for each in page]
        return answer(
            {**totals, "users": users} if flag(call.params, "include_totals", default=False) else users
        )

    def _create(self, call: Call) -> Answer:
        account = create(self.state, checked(call.body(), CREATE), f"{self._chance.getrandbits(96):024x}")
        return answer(account, 201)

    def _update(self, call: Call) -> Answer:
        account = call.account(self.state)
        body = checked(call.body(), UPDATE)
        self._check_update_scope(call.grant, body)
        identity = check_patch(account, body, frozenset(self.state.strategies))
        self.state.unindex(account)
        apply_patch(account, body, identity)
        account["updated_at"] = self.state.now()
        self.state.index(account)
        return answer(seen(account, idp_tokens=call.grant.idp_tokens))

    def _check_update_scope(self, grant: Grant, body: Json) -> None:
        if "update:users" in grant.scopes:
            return
        allowed = {
            "update:users_app_metadata": "app_metadata",
            "update:current_user_metadata": "user_metadata",
        }
        if body.keys() - {name for scope, name in allowed.items() if scope in grant.scopes}:
            raise insufficient_scope(("update:users",))

    def _delete(self, call: Call) -> Answer:
        account = self.state.account(call.user_id())
        if account is not None:
            self.state.remove(account)
        return Answer(204)

    def _link(self, call: Call) -> Answer:
        user_id = call.user_id()
        named = link_body(call.body(), frozenset(self.state.strategies.values()))
        if isinstance(named, str):
            primary = self.linker.primary(user_id)
            self.linker.link_account(primary, self.linked_subject(named, call.grant))
        elif "update:users" not in call.grant.scopes:
            # Naming an account by its id is closed to users' own tokens since October 2018.
            raise insufficient_scope(("update:users",))
        else:
            primary = self.linker.primary(user_id)
            self.linker.link(primary, named)
        return answer(identities_seen(primary, idp_tokens=call.grant.idp_tokens), 201)

    def _unlink(self, call: Call) -> Answer:
        primary = self.linker.primary(call.user_id())
        self.linker.unlink(primary, decoded(call.args[1]), decoded(call.args[2]))
        return answer(identities_seen(primary, idp_tokens=call.grant.idp_tokens))

    def _list_connections(self, call: Call) -> Answer:
        return answer(listed(self.state, call.params, call.every("strategy")))

    def _get_connection(self, call: Call) -> Answer:
        row = connection_row(self.state, decoded(call.args[0]))
        return answer(selected({**row, "enabled_clients": []}, call.params))
