"""``POST /users``: a new account in a database or passwordless connection."""

from __future__ import annotations

from airflow_provider_auth0link.emulator.accounts import Json, full_id
from airflow_provider_auth0link.emulator.answers import ApiError, invalid_body
from airflow_provider_auth0link.emulator.state import State

NAMED_BY = {"auth0": "email", "email": "email", "sms": "phone_number"}
"""What a user of a connection cannot be without, by strategy."""

NOT_STORED = frozenset({"connection", "user_id", "password", "verify_email"})


def create(state: State, body: Json, new_id: str) -> Json:
    """
    Make an account.

    :param state: changed
    :param body: checked
    :param new_id: the part after the pipe, when the body gives none
    :return: the account
    :raises ApiError: 400, 409
    """
    if "connection" not in body:
        raise invalid_body("Missing required property: connection")
    connection = body["connection"]
    provider = state.strategies.get(connection)
    if provider is None:
        raise ApiError(400, "The connection does not exist.", "inexistent_connection")
    key = NAMED_BY.get(provider)
    if key is None:
        text = "Connection does not support user creation through the API. "
        raise ApiError(400, text + "It must either be a database or passwordless connection.")
    if key not in body:
        raise invalid_body(f"Missing required property: {key}")
    row = {"email_verified": False, "name": body[key], **body}
    row = {name: value for name, value in row.items() if name not in NOT_STORED}
    if "email" in row:
        # Databases and passwordless connections keep e-mails in lower case.
        row["email"] = row["email"].lower()
    identity = {"connection": connection, "provider": provider, "user_id": body.get("user_id") or new_id}
    if _is_taken(state, identity, key, row[key]):
        raise ApiError(409, "The user already exists.")
    return state.add({**row, "user_id": full_id(identity), "identities": [identity]})


def _is_taken(state: State, identity: Json, key: str, value: str) -> bool:
    """An id, or an e-mail or phone number, is there once in a connection. A linked identity counts."""
    name, connection = full_id(identity), identity["connection"]
    for account in state.holders(name):
        for each in account["identities"]:
            if full_id(each) == name and each["connection"] == connection:
                return True
    same = state.by_email(value) if key == "email" else [each for each in state if each.get(key) == value]
    return any(each["connection"] == connection for account in same for each in account["identities"])
