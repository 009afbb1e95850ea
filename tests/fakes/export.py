"""A small export of users: one pair by e-mail, and of each kind of reject one."""

from __future__ import annotations

import json
from typing import Any

Json = dict[str, Any]


def account(user_id: str, email: str | None, **more: Any) -> Json:
    """Return an account as Auth0 exports it, with its root identity alone."""
    provider, _, rest = user_id.partition("|")
    connection = {"auth0": "db", "samlp": "acme"}.get(provider, provider)
    return {
        "user_id": user_id,
        "email": email,
        "email_verified": True,
        "identities": [{"provider": provider, "user_id": rest, "connection": connection}],
        "created_at": "2024-01-01T00:00:00.000Z",
        **more,
    }


ACCOUNTS = [
    account("google-oauth2|1034", "Ada@Example.com", logins_count=3, app_metadata={"roles": ["writer"]}),
    account("auth0|ada", "ada@example.com", logins_count=9, app_metadata={"plan": "pro"}),
    account("github|7", "ada@example.com", email_verified=False),
    account("auth0|alan", "alan@example.com"),
    account("facebook|3", "bob@example.com", blocked=True),
    account("auth0|bob", "bob@example.com"),
    account("sms|5", None, phone_number="+491511234567", phone_verified=True),
]
PLANNED = [
    {
        "primary_user_id": "auth0|ada",
        "secondary_user_id": "google-oauth2|1034",
        "rule": "verified_email",
        "evidence": {"email": "ada@example.com", "verified": True},
    }
]
REASONS = {"github|7": "unverified", "facebook|3": "blocked", "auth0|bob": "nobody_left"}
BROKEN = b'{"user_id": "auth0|half", "email": "half@exam\n'


def ndjson(accounts: list[Json] = ACCOUNTS, broken: bytes = BROKEN) -> bytes:
    """Return the bytes of an export; its last line is broken."""
    return b"".join(json.dumps(row).encode() + b"\n" for row in accounts) + broken


def rows(content: bytes) -> list[Json]:
    """Read lines of JSON."""
    return [json.loads(line) for line in content.splitlines()]
