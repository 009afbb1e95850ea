"""Ids as a Dag author gives them, checked before anything is sent."""

from __future__ import annotations

from airflow_provider_auth0link.model import Pair, UserId, connection_id_text


def connection_id(value: object) -> str:
    """
    Return an Auth0 connection id, ``con_`` and letters or digits.

    :raises InputError: for anything else: it would leave its place in a URL path, or is a name
    """
    return connection_id_text(value)


def pair(primary: str, secondary: str, connection: str | None = None) -> Pair:
    """
    Read two full ids, and the id of the secondary's connection.

    :raises InputError: naming the argument
    """
    return Pair(
        UserId.parse(primary, "primary_user_id"),
        UserId.parse(secondary, "secondary_user_id"),
        connection_id=None if connection is None else connection_id(connection),
    )
