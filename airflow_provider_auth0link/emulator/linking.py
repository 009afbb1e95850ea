"""
Linking and unlinking as Auth0 documents them.

"User account linking", "Unlink user accounts" and the Management API reference: the secondary's
account goes, both its metadata with it; its identities go to the primary, each with the root
attributes of its account as ``profileData``. Unlinking brings back an empty account.
"""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_auth0link.emulator.accounts import (
    NUMERIC,
    SOCIAL,
    Json,
    connection_of,
    full_id,
    profile_of,
    root_identity,
)
from airflow_provider_auth0link.emulator.answers import ApiError, missing_user
from airflow_provider_auth0link.emulator.options import Options, Relinked
from airflow_provider_auth0link.emulator.state import State

SAME = "Main identity and the new one are the same."
NOT_FOUND = "Provided secondary account not found."
EXISTS = "Specified identity already exists."
NEEDS_CONNECTION = "Linking to an inexistent identity requires a connection."
NOT_ALLOWED = "Linking to an inexistent identity is not allowed."
NOT_CONFIGURED = "The provider/connection is not configured."


@dataclass(frozen=True, slots=True)
class Named:
    """
    The secondary as a request names it.

    :param provider: of the identity
    :param user_id: bare part or full id, as it came
    :param connection_id: of the connection, when given
    """

    provider: str
    user_id: str
    connection_id: str | None = None

    @property
    def ids(self) -> tuple[str, ...]:
        """The full ids that this may mean. Both spellings are taken (go-auth0's recorded link)."""
        bare = f"{self.provider}|{self.user_id}"
        return (self.user_id, bare) if self.user_id.startswith(f"{self.provider}|") else (bare,)


class Linker:
    """Links and unlinks accounts of a tenant. Every call is made under the state's lock."""

    def __init__(self, state: State, options: Options) -> None:
        self.state = state
        self.options = options

    def primary(self, user_id: str) -> Json:
        """Return the account that a link or unlink acts on."""
        account = self.state.account(user_id)
        if account is None:
            raise missing_user(self.options.missing_status)
        return account

    def link(self, primary: Json, named: Named) -> None:
        """Link by provider and id. :raises ApiError: as documented."""
        connection = self._connection(named)
        for name in named.ids:
            if self._holds(primary, name, connection):
                raise self._refusal_of_held(primary, name, connection)
        roots = [root for name in named.ids for root in self.state.roots(name) if root is not primary]
        if connection is not None:
            roots = [root for root in roots if connection_of(root) == connection]
        if len(roots) > 1:
            raise ApiError(400, NEEDS_CONNECTION)
        if roots:
            self.merge(primary, roots[0])
        else:
            self._link_unknown(primary, named, connection)

    def link_account(self, primary: Json, user_id: str) -> None:
        """Link the account that an ID token names. :raises ApiError: as documented."""
        if user_id == primary["user_id"]:
            raise ApiError(400, SAME)
        if self._holds(primary, user_id, None):
            raise self._relinked(self.options.relink_status)
        secondary = self.state.account(user_id)
        if secondary is not None:
            self.merge(primary, secondary)
        elif self.state.holders(user_id):
            raise self._relinked(self.options.elsewhere_status)
        elif self.options.missing_secondary_status == 404:  # noqa: PLR2004 - an HTTP status
            raise missing_user()
        else:
            raise ApiError(400, NOT_FOUND)

    def merge(self, primary: Json, secondary: Json) -> None:
        """Make two accounts one."""
        state = self.state
        root = root_identity(secondary)
        others = [each for each in secondary["identities"] if each is not root]
        moved = {**root, "profileData": profile_of(secondary)}
        first = self.options.nested_order == "root_first"
        state.remove(secondary)
        self._append(primary, [moved, *others] if first else [*others, moved])
        state.links[primary["user_id"], secondary["user_id"]] += 1

    def unlink(self, primary: Json, provider: str, user_id: str) -> None:
        """
        Take an identity off an account and give it an empty account of its own.

        :param primary: the account that holds it
        :param provider: of the identity
        :param user_id: the part after the first pipe; ``connection|`` may stand before it
        :raises ApiError: as documented
        """
        identity = _held(primary, provider, user_id)
        if identity is None:
            status = self.options.unlink_missing_status
            raise ApiError(status, "The identity is not linked to this user.")
        if identity is root_identity(primary):
            raise ApiError(400, "Main identity cannot be removed.")
        state = self.state
        state.unindex(primary)
        primary["identities"] = [each for each in primary["identities"] if each is not identity]
        primary["updated_at"] = state.now()
        state.index(primary)
        profile = identity.get("profileData", {})
        bare = {key: value for key, value in identity.items() if key != "profileData"}
        if state.root(full_id(identity), identity["connection"]) is None:
            state.add({**profile, "user_id": full_id(identity), "identities": [bare]})

    def _append(self, primary: Json, identities: list[Json]) -> None:
        state = self.state
        state.unindex(primary)
        primary["identities"] = [*primary["identities"], *identities]
        primary["updated_at"] = state.now()
        state.index(primary)

    def _connection(self, named: Named) -> str | None:
        """Return the name of the connection that a request gives the id of."""
        if named.connection_id is not None:
            name = self.state.connections.get(named.connection_id)
            if name is None or self.state.strategies[name] != named.provider:
                raise ApiError(400, NOT_CONFIGURED, "inexistent_connection")
            return name
        if named.provider not in self.state.strategies.values():
            raise ApiError(400, NOT_CONFIGURED, "inexistent_connection")
        return None

    def _holds(self, account: Json, name: str, connection: str | None) -> bool:
        return any(
            full_id(each) == name and connection in {None, each["connection"]}
            for each in account["identities"]
        )

    def _refusal_of_held(self, primary: Json, name: str, connection: str | None) -> ApiError:
        own = name == primary["user_id"] and connection in {None, connection_of(primary)}
        return ApiError(400, SAME) if own else self._relinked(self.options.relink_status)

    def _relinked(self, reading: Relinked) -> ApiError:
        match reading:
            case 409:
                return ApiError(409, EXISTS)
            case 400:
                return ApiError(400, SAME)
            case 404:
                return missing_user()
            case "missing":
                return ApiError(400, NOT_FOUND)

    def _link_unknown(self, primary: Json, named: Named, connection: str | None) -> None:
        for name in named.ids:
            if any(self._holds(each, name, connection) for each in self.state.holders(name)):
                raise self._relinked(self.options.elsewhere_status)
        if connection is None:
            raise ApiError(400, NEEDS_CONNECTION)
        if not self.options.link_inexistent:
            raise ApiError(400, NOT_ALLOWED)
        bare = named.ids[0].partition("|")[2]
        number = named.provider in NUMERIC and bare.isdecimal()
        identity: Json = {
            "connection": connection,
            "provider": named.provider,
            "user_id": int(bare) if number else bare,
            "isSocial": named.provider in SOCIAL,
            "profileData": {},
        }
        self._append(primary, [identity])
        self.state.links[primary["user_id"], full_id(identity)] += 1


def _held(account: Json, provider: str, user_id: str) -> Json | None:
    """Find an identity by its bare id, or by ``connection|bare id`` where several connections exist."""
    identities = [each for each in account["identities"] if each["provider"] == provider]
    exact = [each for each in identities if str(each["user_id"]) == user_id]
    prefixed = [each for each in identities if f"{each['connection']}|{each['user_id']}" == user_id]
    return next(iter([*exact, *prefixed]), None)
