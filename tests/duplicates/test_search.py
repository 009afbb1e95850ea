"""What is searched for, as a Dag author writes it."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_auth0link.duplicates.rules import PreferConnections, VerifiedEmail
from airflow_provider_auth0link.duplicates.search import Search
from airflow_provider_auth0link.errors import InputError

RIGHT: dict[str, Any] = {"rules": ["verified_email"], "primary": ["oldest"]}


def test_names_and_values_are_read() -> None:
    search = Search.checked(
        rules=[VerifiedEmail()], primary=("connections:db",), connections=["db"], max_group=3
    )

    assert search.rules == (VerifiedEmail(),)
    assert search.primary == (PreferConnections(("db",)),)
    assert (search.connections, search.max_group, search.enterprise_secondaries) == (("db",), 3, False)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"rules": "verified_email"}, "rules: expected a list"),
        ({"rules": []}, "rules: give at least one"),
        ({"rules": ["verified_email", VerifiedEmail(gmail=True)]}, "stands twice"),
        ({"primary": "oldest"}, "primary: expected a list"),
        ({"primary": ["newest"]}, "primary: 'newest' is no choice"),
        ({"connections": "db"}, "connections: expected a list"),
        ({"connections": []}, "connections: names none"),
        ({"connections": [""]}, "connections: expected names"),
        ({"max_group": 1}, "max_group: must be a whole number from 2 on"),
        ({"max_group": True}, "max_group"),
        ({"max_group": "5"}, "max_group"),
        ({"enterprise_secondaries": "yes"}, "enterprise_secondaries: must be true or false"),
    ],
    ids=str,
)
def test_what_is_wrong_is_named(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Search.checked(**{**RIGHT, **wrong})
