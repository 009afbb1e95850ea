"""The slow model finds what was planted: two witnesses, written apart from each other and from the engine."""

from __future__ import annotations

import json

import pytest

from airflow_provider_auth0link.duplicates.search import Search
from tests.duplicates.model import answer, read_lines
from tests.duplicates.planted import KINDS, RULES, Rejected, Spoilt, Truth, World, world

DEFAULT = ("most_logins", "latest_login", "oldest")


def search(rules: str) -> Search:
    return Search.checked(rules=RULES[rules], primary=DEFAULT)


def told(plan: bytes, rejects: bytes) -> tuple[Truth, list[Spoilt]]:
    """Read what was written, as the planted truth is."""
    lines = [json.loads(line) for line in plan.splitlines()]
    rows = [json.loads(line) for line in rejects.splitlines()]
    pairs = {(line["primary_user_id"], line["secondary_user_id"], line["rule"]) for line in lines}
    assert len(pairs) == len(lines)
    spoilt = [Spoilt(row["line"], row["reason"], row.get("user_id")) for row in rows if "line" in row]
    rejected = {
        Rejected(row["user_id"], row["rule"], row["reason"], row["accounts"])
        for row in rows
        if "line" not in row
    }
    return Truth(pairs, rejected), spoilt


@pytest.mark.parametrize("rules", RULES)
@pytest.mark.parametrize("kind", [*KINDS, None])
def test_the_model_finds_what_was_planted(kind: str | None, rules: str) -> None:
    planted: World = world(3, only=kind)

    found = answer(read_lines(planted.lines), search(rules))

    assert told(found.plan, found.rejects) == (planted.truth[rules], planted.spoilt)
