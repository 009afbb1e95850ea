"""Small worlds in which everything collides, for the engine and the model to be held beside each other."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from airflow_provider_auth0link.duplicates.rules import (
    PreferConnections,
    SameMetadata,
    SqlRule,
    VerifiedEmail,
)
from airflow_provider_auth0link.duplicates.search import Search
from tests.duplicates.model import Row, Twin, email_proof
from tests.duplicates.planted import CONNECTIONS

LOCALS = (
    "ada",
    "Ada",
    "ADA ",
    "zoë",
    "zoe\u0308",
    "groß",
    "GROSS",
    "a.da",
    "ada+news",
    "\u0131",
    "\u0130",
    "\u017fam",
    "sam",
)
DOMAINS = ("example.com", "EXAMPLE.com", "gmail.com", "GoogleMail.com")
PHONES = ("+491701", "+49 (170) 1", "491701", "+4917-01", "+14155550100", "+1 415 555 0100", "", None)
LEGACY: tuple[Any, ...] = (
    1,
    "1",
    2,
    "2",
    "x",
    "X",
    1.5,
    "1.5",
    -3,
    "-3",
    10**12,
    str(10**12),
    True,
    None,
    "",
    [],
    {"a": 1},
    "é",
)
INSTANTS = (
    *("2024-05-01T10:00:00.000Z", "2024-05-01T10:00:00Z", "2024-05-01T12:00:00.000+02:00"),
    *("2024-05-01T09:59:59.999Z", "2023-01-01T00:00:00.000Z", "2025-12-31T23:59:59.123Z", None),
)
FLAGS = (*(True,) * 12, False, None, "true", 1)
PROVIDERS = ("auth0", "auth0", "auth0", "google-oauth2", "github", "sms", "samlp", "waad")

NAMED = SqlRule("same_name", "lower(username)")
STRICT = SqlRule("same_nickname", "nullif(nickname, 'none')", "email_verified", ("verified",))
TWINS = {
    "same_name": Twin(
        "same_name", lambda row: (row.get("username") or "").lower() or None, lambda _: None, lambda _, __: {}
    ),
    "same_nickname": Twin(
        "same_nickname",
        lambda row: None if row.get("nickname") == "none" else row.get("nickname") or None,
        email_proof(()),
        lambda _, __: {"verified": True},
    ),
}
RULES = (
    "verified_email",
    "verified_phone",
    "metadata:app_metadata.legacy_id",
    SameMetadata("user_metadata.ids.crm", verified=False),
    VerifiedEmail(subaddresses=True),
    VerifiedEmail(gmail=True, unproven=()),
    NAMED,
    STRICT,
)
CHOICES = (
    *("most_logins", "latest_login", "oldest", "has_metadata"),
    PreferConnections(("google-oauth2", "Username-Password-Authentication")),
    "connections:corp-saml,sms",
)


def search_of(rng: Random, most: int = 5) -> Search:
    """Choose rules and options."""
    rules = rng.sample(RULES, rng.choice([1, 2, 3, most]))
    if len({getattr(each, "name", each) for each in rules}) < len(rules):  # two of the e-mail's
        rules = [each for each in rules if not isinstance(each, VerifiedEmail)] or ["verified_email"]
    allowed = list(CONNECTIONS.values())
    return Search.checked(
        rules=rules,
        primary=rng.sample(CHOICES, rng.randint(0, 3)),
        connections=rng.choice([*(None,) * 5, rng.sample(allowed, 4)]),
        max_group=rng.choice([2, 3, 5, 8, 8, 60, 60]),
        enterprise_secondaries=rng.random() < 0.25,
    )


def accounts_of(rng: Random, count: int, spread: int) -> list[Row]:
    """Make accounts; the larger the *spread*, the fewer of them collide."""
    rows: list[Row] = [_account(rng, number, spread) for number in range(count)]
    for row in rng.sample(rows, count // 8):
        _link(rng, row, rng.choice(rows))
    return rows


def _account(rng: Random, number: int, spread: int) -> dict[str, Any]:
    provider = rng.choice(PROVIDERS)
    rest = {"samlp": f"corp|{number}|x", "github": str(number)}.get(
        provider, f"{rng.choice('aéZ')}{number:03}"
    )
    identity = {
        "connection": CONNECTIONS[provider],
        "provider": provider,
        "user_id": number if provider == "github" else rest,
    }
    row: dict[str, Any] = {
        "user_id": f"{provider}|{rest}",
        "email": rng.choice(
            [None, *(f"{rng.choice(LOCALS)}{_some(rng, spread // 6 + 1)}@{rng.choice(DOMAINS)}",) * 5]
        ),
        "email_verified": rng.choice(FLAGS),
        "phone_number": rng.choice(PHONES),
        "phone_verified": rng.choice(FLAGS),
        "blocked": rng.choice([None, False, *[...] * 20, True]),
        "identities": rng.choice([[identity], [identity], [identity], None, [], ...]),
        "connection": rng.choice([..., CONNECTIONS[provider], "other"]),
        "logins_count": rng.choice([..., 0, 1, 2, 7, 7]),
        "last_login": rng.choice(INSTANTS),
        "created_at": rng.choice(INSTANTS),
        "user_metadata": rng.choice([..., None, {}, {"ids": {"crm": _value(rng, spread)}}, {"ids": 3}]),
        "app_metadata": rng.choice([..., None, {}, *({"legacy_id": _value(rng, spread), "plan": "x"},) * 2]),
        "username": rng.choice([..., None, f"Name{_some(rng, spread)}", f"name{_some(rng, spread)}"]),
        "nickname": rng.choice([..., "none", f"nick{_some(rng, spread)}"]),
        "picture": "https://example.com/1.png",
    }
    if row["phone_number"]:
        row["phone_number"] += str(_some(rng, spread))
    return {name: value for name, value in row.items() if value is not ...}


def _some(rng: Random, spread: int) -> int:
    return rng.randrange(spread) + 10


def _value(rng: Random, spread: int) -> Any:
    value = rng.choice(LEGACY)
    return value + str(_some(rng, spread // 6 + 1)) if isinstance(value, str) and value.isalpha() else value


def _link(rng: Random, row: Any, other: Row) -> None:
    """Let an account hold another's identity, sometimes on another connection, sometimes without one."""
    provider, _, rest = other["user_id"].partition("|")
    linked = {"provider": provider, "user_id": rest, "connection": CONNECTIONS[provider]}
    if other is row or rng.random() < 0.2:
        linked |= {"user_id": f"{rest}0"}
    linked |= rng.choice([{}, {}, {"connection": "elsewhere"}])
    row["identities"] = [linked, *(row.get("identities") or ())]


def lines_of(rng: Random, rows: list[Row], *, spoilt: bool) -> bytes:
    """Write an export, with repeats, ids told twice and unreadable lines where they are asked for."""
    lines = [json.dumps(row, ensure_ascii=rng.random() < 0.5).encode() for row in rows]
    if spoilt and rows:
        again = rng.choices(rows, k=len(rows) // 10)
        lines += [json.dumps(dict(sorted(row.items())) | {"picture": "another"}).encode() for row in again]
        if len(rows) > 5:
            lines += [json.dumps({**rows[0], "blocked": True}).encode(), *_second(rng, rows[1])]
        lines += [
            b"",
            b" \t",
            *rng.sample([b"{", b"[]", b'"x"', b"{}", b'{"user_id": "x"}', b"\xff", b"nul"], 3),
        ]
    rng.shuffle(lines)
    return b"\n".join(lines) + b"\n" * rng.randrange(2)


def _second(rng: Random, row: Row) -> list[bytes]:
    """Write the id of an account once more, on another connection."""
    provider, _, rest = row["user_id"].partition("|")
    return [
        json.dumps(
            {**row, "identities": [{"provider": provider, "user_id": rest, "connection": "second"}]}
        ).encode()
    ]
