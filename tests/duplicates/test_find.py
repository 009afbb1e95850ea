"""The engine on small sources: what is planned, what is told, whatever the form of the source."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from airflow_provider_auth0link.duplicates.find import Found, find
from airflow_provider_auth0link.duplicates.search import Search
from airflow_provider_auth0link.duplicates.sources import FileSource, Source

Json = dict[str, Any]

DEFAULT = ("most_logins", "latest_login", "oldest")


class Ran(NamedTuple):
    """What a search found and wrote."""

    found: Found
    plan: bytes
    rejects: bytes

    @property
    def pairs(self) -> list[tuple[str, str]]:
        return [(row["primary_user_id"], row["secondary_user_id"]) for row in rows(self.plan)]

    @property
    def reasons(self) -> dict[str, str]:
        return {row["user_id"]: row["reason"] for row in rows(self.rejects) if "user_id" in row}


def rows(data: bytes) -> list[Json]:
    return [json.loads(line) for line in data.splitlines()]


def account(user_id: str, email: str | None = None, **more: Any) -> Json:
    provider, _, rest = user_id.partition("|")
    row = {
        "user_id": user_id,
        "email": email,
        "email_verified": True,
        "identities": [{"provider": provider, "user_id": rest, "connection": provider}],
    }
    return row | more


def lines(accounts: Sequence[object]) -> bytes:
    return b"".join(
        each if isinstance(each, bytes) else json.dumps(each).encode() + b"\n" for each in accounts
    )


def run(
    source: Source,
    folder: Path,
    *,
    rules: Sequence[object] = ("verified_email",),
    primary: Sequence[object] = DEFAULT,
    memory_limit: str = "200MB",
    threads: int | None = 1,
    **options: Any,
) -> Ran:
    work = folder / f"work{len(list(folder.iterdir()))}"
    work.mkdir()
    plan, rejects = io.BytesIO(), io.BytesIO()
    found = find(
        source,
        Search.checked(rules=rules, primary=primary, **options),
        plan=plan,
        rejects=rejects,
        work=work,
        memory_limit=memory_limit,
        threads=threads,
    )
    return Ran(found, plan.getvalue(), rejects.getvalue())


def search(accounts: Sequence[object], folder: Path, **options: Any) -> Ran:
    path = folder / "users.ndjson"
    path.write_bytes(lines(accounts))
    return run(FileSource(path, ".ndjson"), folder, **options)


def test_the_same_verified_e_mail(tmp_path: Path) -> None:
    ran = search(
        [account("auth0|a", "Ada@Example.com "), account("github|7", "ada@example.com", logins_count=4)],
        tmp_path,
    )

    assert rows(ran.plan) == [
        {
            "primary_user_id": "github|7",
            "secondary_user_id": "auth0|a",
            "rule": "verified_email",
            "evidence": {"email": "ada@example.com", "verified": True},
        }
    ]
    assert (ran.found.accounts, ran.found.candidates, ran.found.planned, ran.rejects) == (2, 2, 1, b"")
