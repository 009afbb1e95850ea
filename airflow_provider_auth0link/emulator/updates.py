"""
``PATCH /users/{id}`` on one account.

Metadata is merged at its first level: null takes a key away, an object replaces the one before,
and an empty object takes all away ("Manage metadata using the Management API"). What else may be
changed depends on where the profile comes from.
"""

from __future__ import annotations

from typing import Any

from airflow_provider_auth0link.emulator.accounts import ENTERPRISE, Json, root_identity
from airflow_provider_auth0link.emulator.answers import ApiError

PROFILE = ("family_name", "given_name", "name", "nickname", "picture")
PAIRS = (
    ("password", "email"),
    ("password", "email_verified"),
    ("username", "email"),
    ("username", "email_verified"),
    ("username", "password"),
)
NOT_STORED = frozenset({"password", "verify_email", "verify_phone_number", "client_id", "connection"})
METADATA = ("user_metadata", "app_metadata")
HINT = (
    "The connection must either be a database connection (using the Auth0 store), a passwordless connection "
    "(email or sms) or has disabled 'Sync user profile attributes at each login'."
)
NOT_REMOVED = (
    "The following user attributes cannot be removed: {names}. The connection ({connection}) must either be "
    "a custom database connection with import mode disabled, a social or enterprise connection."
)


def check_patch(account: Json, body: Json, connections: frozenset[str]) -> Json:
    """
    Find the identity that a change is for, and refuse what Auth0 documents as refused.

    :param account: as it is
    :param body: a checked body
    :param connections: names of all connections
    :return: the identity
    :raises ApiError: 400 with the documented text
    """
    for one, other in PAIRS:
        if one in body and other in body:
            raise ApiError(400, f"Cannot update {one} and {other} simultaneously.")
    identity = _target(account, body.get("connection"), connections)
    provider = identity["provider"]
    if "email" in body and provider != "auth0":
        raise ApiError(400, "Cannot update email for non-database user.")
    if body.get("verify_email") and provider in ENTERPRISE:
        raise ApiError(400, "Email verification is not supported for enterprise users.")
    if {"password", "username"} & body.keys() and provider != "auth0":
        raise ApiError(400, "Connection is not supported for this operation.")
    _check_profile(account, body, identity)
    return identity


def _target(account: Json, connection: str | None, connections: frozenset[str]) -> Json:
    root = root_identity(account)
    if connection is None or connection == root["connection"]:
        return root
    if connection not in connections:
        raise ApiError(400, "The connection does not exist.", "inexistent_connection")
    for identity in account["identities"]:
        if identity["connection"] == connection:
            return identity  # type: ignore[no-any-return]  # decoded JSON
    raise ApiError(400, "The user has no identity on this connection.")


def _check_profile(account: Json, body: Json, identity: Json) -> None:
    changed = [name for name in PROFILE if name in body]
    if not changed:
        return
    names = ", ".join(changed)
    if identity is not root_identity(account):
        text = "The specified connection belongs to a secondary identity."
        raise ApiError(400, f"The following user attributes cannot be updated: {names}. {text}")
    if identity["provider"] not in {"auth0", "email", "sms"}:
        raise ApiError(400, f"The following user attributes cannot be updated: {names}. {HINT}")
    removed = ", ".join(name for name in changed if body[name] is None)
    if removed:
        raise ApiError(400, NOT_REMOVED.format(names=removed, connection=identity["connection"]))


def apply_patch(account: Json, body: Json, identity: Json) -> None:
    """
    Change an account.

    :param account: changed in place
    :param body: checked
    :param identity: what ``check_patch`` found; of a secondary one the profile changes
    """
    target = account if identity is root_identity(account) else identity.setdefault("profileData", {})
    for name, value in body.items():
        if name in METADATA:
            _merge(account, name, value)
        elif name == "email" and value is not None:
            target[name] = value.lower()  # a database keeps e-mails in lower case
        elif name not in NOT_STORED:
            _put(account if name == "blocked" else target, name, value)


def _merge(account: Json, name: str, patch: Json) -> None:
    if not patch:
        account.pop(name, None)
        return
    merged = {**account.get(name, {}), **patch}
    account[name] = {key: value for key, value in merged.items() if value is not None}


def _put(target: Json, name: str, value: Any) -> None:  # noqa: ANN401 - decoded JSON
    if value is None:
        target.pop(name, None)
    else:
        target[name] = value
