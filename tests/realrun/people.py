"""A tenant full of duplicates, and the plan that links them."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

FAMILIES = 40
"""Primaries of a tenant, each with four secondaries: two side by side, and a chain of two behind them."""

DATABASE = "Username-Password-Authentication"


def people() -> list[Json]:
    """Return the users of a tenant, each with something to carry over."""
    return [_account(user_id) for number in range(FAMILIES) for user_id in _family(number)]


def plan() -> list[Json]:
    """Return the lines of the plan: 160, of which 40 name a primary that is itself a secondary."""
    lines = []
    for number in range(FAMILIES):
        primary, google, github, apple, facebook = _family(number)
        lines += [(primary, google), (primary, github), (primary, apple), (apple, facebook)]
    return [{"primary_user_id": one, "secondary_user_id": other} for one, other in lines]


def links() -> dict[tuple[str, str], int]:
    """Return what the tenant has to have done in the end: each secondary linked to its last primary, once."""
    families = [_family(number) for number in range(FAMILIES)]
    return {(primary, secondary): 1 for primary, *secondaries in families for secondary in secondaries}


def _family(number: int) -> tuple[str, ...]:
    ids = ("auth0|{}", "google-oauth2|{}", "github|{}", "apple|{}", "facebook|{}")
    return tuple(each.format(f"person-{number:03}") for each in ids)


def _account(user_id: str) -> Json:
    provider, _, name = user_id.partition("|")
    return {
        "user_id": user_id,
        "email": f"{name}@people.example.com",
        "email_verified": True,
        "name": f"{name} by {provider}",
        "identities": [
            {
                "provider": provider,
                "user_id": name,
                "connection": DATABASE if provider == "auth0" else provider,
                "isSocial": provider != "auth0",
            }
        ],
        "user_metadata": {f"seen_by_{provider}": True, "theme": provider},
        "roles": ["reader"] if provider == "github" else [],
    }
