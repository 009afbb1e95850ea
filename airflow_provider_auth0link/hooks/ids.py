"""Ids as a Dag author gives them, checked before anything is sent."""

from __future__ import annotations

import re

from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.model import Pair, UserId


def connection_id(value: object) -> str:
    """
    Return an Auth0 connection id, ``con_`` and letters or digits.

    :raises InputError: for anything else: it would leave its place in a URL path, or is a name
    """
    if not (isinstance(value, str) and re.fullmatch(r"con_[A-Za-z0-9]+", value)):
        raise InputError(
            "connection_id: is no id of an Auth0 connection, such as 'con_0123456789abcdef'. "
            "A connection's name is not taken: two databases may bear the same user id"
        )
    return value


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
