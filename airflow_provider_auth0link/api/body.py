"""Bodies that a Dag author spells out: checked before anything is sent. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress

from airflow_provider_auth0link.errors import InputError


def check_mapping(body: object, field_name: str) -> None:
    """
    Check that a body is a mapping, of what JSON knows.

    :param field_name: the argument it came from, for the message
    :raises InputError: when it is none; what is in it is not quoted
    """
    if not isinstance(body, Mapping):
        raise InputError(f"{field_name}: expected a mapping, got {type(body).__name__}")
    check_json(body, field_name)


def check_json(body: object, field_name: str) -> None:
    """Check that a body can be sent. InputError when it cannot; what is in it is not quoted."""
    with suppress(
        TypeError, ValueError, RecursionError
    ):  # raised outside: the error inside may hold the body
        json.dumps(body, allow_nan=False)
        return
    raise InputError(
        f"{field_name}: holds something that JSON does not know, such as a date, a set or NaN. Write it as text"
    )
