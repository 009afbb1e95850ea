"""Tenants full of duplicates, for tests: accounts as an export has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]

DATABASE = "Username-Password-Authentication"
API = "https://api.example.com"


def identity(user_id: str, connection: str | None = None, **more: Any) -> Json:
    """Build an identity; numbers stay numbers, as GitHub has them."""
    provider, _, bare = user_id.partition("|")
    return {
        "connection": connection or (DATABASE if provider == "auth0" else provider),
        "provider": provider,
        "user_id": int(bare) if provider == "github" and bare.isdecimal() else bare,
        "isSocial": provider != "auth0",
        **more,
    }


def user(user_id: str, *linked: Json, connection: str | None = None, **more: Any) -> Json:
    """
    Build an account.

    :param linked: identities linked to it already
    :param more: metadata, rights, root attributes
    """
    name = user_id.replace("|", "-")
    return {
        "user_id": user_id,
        "email": f"{name}@example.com",
        "email_verified": True,
        "name": name,
        "nickname": name,
        "picture": f"https://example.com/{name}.png",
        "identities": [identity(user_id, connection), *linked],
        **more,
    }


def permission(name: str) -> Json:
    """Build a permission of the one API."""
    return {"resource_server_identifier": API, "permission_name": name}


def duplicates(pairs: int) -> tuple[list[Json], list[list[str]]]:
    """
    Build so many pairs: two alone, then a star of three, then a chain, and again.

    Their metadata meet: values of one only, of both, arrays, objects, nulls. Secondaries bring rights that
    their primaries have in part, and some bring an identity of their own.

    :return: the accounts, and the plan's pairs
    """
    users: list[Json] = []
    plan: list[list[str]] = []
    for number in range(pairs):
        place, group = number % 8, number // 8
        primary = f"auth0|{group}-{min(place, 2) if place < 5 else 5}"
        secondary = f"{('google-oauth2', 'facebook', 'github')[number % 3]}|{number}"
        above = plan[-1][1] if place in {6, 7} else primary  # the chain's end hangs on the pair before
        if not users or primary not in {each["user_id"] for each in users[-4:]}:
            users.append(_primary(primary, number))
        users.append(_secondary(secondary, number))
        plan.append([above, secondary])
    return users, plan


def _primary(user_id: str, number: int) -> Json:
    return user(
        user_id,
        user_metadata={"mine": number, "tags": ["old"], "deep": {"one": 1, "none": None}},
        app_metadata={"plan": "free"},
        roles=["rol_reader"],
        organizations={"org_1": ["rol_member"]},
    )


def _secondary(user_id: str, number: int) -> Json:
    own = [identity(f"twitter|{number}", profileData={"name": f"t{number}"})] if number % 4 == 1 else []
    return user(
        user_id,
        *own,
        user_metadata={
            f"only{number}": True,
            "tags": [f"t{number}", "old"],
            "deep": {f"d{number}": [number]},
        },
        app_metadata={"plan": "paid", "legacy": {"ids": [number], "none": None}},
        roles=["rol_reader", f"rol_{number % 5}"],
        permissions=[permission(f"read:{number % 7}")],
        organizations={"org_1": [f"rol_{number % 3}"], f"org_{number % 4}": ["rol_member"]},
    )


def held(mine: Any, theirs: Any) -> bool:
    """Tell whether nothing of *theirs* is missing in *mine*: no key, no element; where values meet, one is there."""
    if theirs is None:
        return True
    if isinstance(theirs, Mapping):
        return isinstance(mine, Mapping) and all(held(mine.get(key), value) for key, value in theirs.items())
    if isinstance(theirs, list):
        return isinstance(mine, list) and all(each in mine for each in theirs)
    return mine is not None
