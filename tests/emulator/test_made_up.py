from __future__ import annotations

import json
import unicodedata
from collections import defaultdict
from hashlib import sha256
from typing import Any

import pytest

from airflow_provider_auth0link.emulator.users import believable_users
from tests.emulator.conftest import MakeTenant


@pytest.fixture(scope="module")
def users() -> list[dict[str, Any]]:
    return believable_users(300, 0)


def test_the_same_arguments_make_the_same_users() -> None:
    assert believable_users(40, 7) == believable_users(40, 7)
    assert believable_users(40, 7) != believable_users(40, 8)


@pytest.mark.parametrize("count", [0, 1, 2, 300])
def test_there_are_as_many_as_asked_for(count: int) -> None:
    made = believable_users(count, 3)

    assert len({row["user_id"] for row in made}) == len(made) == count


def test_no_id_is_made_twice_however_many_there_are() -> None:
    made = believable_users(40_000, 1)  # two drew the same number

    assert len({row["user_id"] for row in made}) == 40_000


def test_the_users_of_a_seed_stay_the_same() -> None:
    text = json.dumps(believable_users(300, 0), sort_keys=True)

    assert (
        sha256(text.encode()).hexdigest()
        == "62e7d9bde569c896574542733b5c6da3e43bfa3695023d702620b63f090b6655"
    )


def test_a_tenant_takes_them(make_tenant: MakeTenant, users: list[dict[str, Any]]) -> None:
    tenant, api = make_tenant(*users)

    assert len(tenant.users()) == 300
    assert len(api("GET", "users", params={"per_page": 100}).json()) == 100


def test_they_have_what_a_demo_needs(users: list[dict[str, Any]]) -> None:
    people = defaultdict(list)
    for row in users:
        people[row.get("email", row["user_id"]).casefold()].append(row)
    connections = {row["identities"][0]["connection"] for row in users}
    ids = [row["identities"][0]["user_id"] for row in users]

    assert sum(len(accounts) > 1 for accounts in people.values()) > 50
    assert any(len(accounts) > 2 for accounts in people.values())
    assert any(len({row["email"] for row in rows}) > 1 for rows in people.values() if "email" in rows[0])
    assert {"Username-Password-Authentication", "google-oauth2", "github", "email", "sms"} < connections
    assert any(isinstance(each, int) for each in ids)
    assert any(str(each).count("|") > 1 for each in ids)
    assert any(row.get("blocked") for row in users)
    assert any(row.get("email_verified") is False for row in users)


def test_some_hold_rights(make_tenant: MakeTenant, users: list[dict[str, Any]]) -> None:
    held = believable_users(300, 0, rights=True)
    tenant, _ = make_tenant(*held)

    rows = tenant.state()
    for key in ("roles", "permissions", "organizations"):
        assert 10 < sum(bool(row[key]) for row in rows) < 150
    assert any(roles for row in rows for roles in row["organizations"].values())
    assert [{key: row[key] for key in users[0].keys() & row.keys()} for row in held] == [
        {key: row[key] for key in users[0].keys() & row.keys()} for row in users
    ]


def test_names_come_in_both_spellings(users: list[dict[str, Any]]) -> None:
    accented = [row["name"] for row in users if not row["name"].isascii()]

    assert any(unicodedata.is_normalized("NFC", name) for name in accented)
    assert any(not unicodedata.is_normalized("NFC", name) for name in accented)


def test_metadata_of_one_person_collides(users: list[dict[str, Any]]) -> None:
    plans = defaultdict(set)
    for row in users:
        plans[row.get("email", "").casefold()].add(row.get("app_metadata", {}).get("plan"))

    assert any(len(found - {None}) > 1 for found in plans.values())


def test_no_address_is_anybodys(users: list[dict[str, Any]]) -> None:
    domains = {row["email"].rpartition("@")[2].casefold() for row in users if "email" in row}

    assert all(domain.endswith(("example.com", "example.org", "example.net")) for domain in domains)
