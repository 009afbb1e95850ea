"""A tenant full of duplicates, made from a seed, and the plan that links them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

DATABASE, OLD_DATABASE = "Username-Password-Authentication", "old-shop"
PROVIDERS = ("google-oauth2", "facebook", "samlp", "apple", "windowslive")
NAMES = ("plain", "with|pipe", "with/slash", "with space", "zoë", "100%", "日本")
API = "https://api.example.com"
PERMISSIONS = ("read:orders", "write:orders", "read:invoices", "delete:invoices")
ORGANIZATIONS = ("org_acme", "org_globex", "org_initech")
ROLES = tuple(f"rol_{number:02}" for number in range(12))


@dataclass
class World:
    """
    Accounts as a tenant is seeded with, and plan lines.

    ``secondaries`` are the ids of all accounts that the plan makes identities of others.
    """

    users: list[Json] = field(default_factory=list)
    plan: list[Json] = field(default_factory=list)

    @property
    def secondaries(self) -> dict[str, Json]:
        """The secondaries' accounts by id; those linked beforehand have none."""
        wanted = {line["secondary_user_id"] for line in self.plan}
        return {user["user_id"]: user for user in self.users if user["user_id"] in wanted}


class _Maker:
    def __init__(self, seed: int) -> None:
        self.chance = random.Random(f"world {seed}")
        self.world = World()
        self.count = 0

    def star(self) -> None:
        """One primary and what becomes it: several side by side, chains, or both."""
        primary = self.account("auth0", DATABASE)
        tips = [primary]
        for _ in range(self.chance.choice((1, 1, 1, 2, 2, 3, 4))):
            database = self.chance.random() < 0.08
            provider = "auth0" if database else self.chance.choice(PROVIDERS)
            secondary = self.account(provider, OLD_DATABASE if database else provider)
            self.with_own_identities(secondary)
            if self.chance.random() < 0.06:
                secondary["blocked"] = True
            parent = self.chance.choice((primary, tips[-1]))
            self.line(parent, secondary)
            tips.append(secondary)
        if self.chance.random() < 0.05:
            self.linked_beforehand(primary)

    def account(self, provider: str, connection: str) -> Json:
        self.count += 1
        bare = f"{self.chance.choice(NAMES) if provider != 'auth0' else 'id'}-{self.count:05}"
        identity = {
            "connection": connection,
            "provider": provider,
            "user_id": bare,
            "isSocial": provider not in {"auth0", "samlp"},
        }
        user = {
            "user_id": f"{provider}|{bare}",
            "email": f"person{self.count}@example.com",
            "email_verified": True,
            "name": f"Person {self.count}",
            "nickname": f"person{self.count}",
            "identities": [identity],
            "user_metadata": self.metadata("user"),
            "app_metadata": self.metadata("app"),
            **self.rights(),
        }
        self.world.users.append(user)
        return user

    def metadata(self, kind: str) -> Json:
        """What collides with that of others, and one value that nobody else has."""
        some = self.chance
        every: Json = {
            f"{kind}_own_{self.count}": f"only {kind} {self.count}",
            "theme": some.choice(("dark", "light")),
            "tags": some.sample(("new", "vip", "eu", "us", None, 7), 3),
            "orders": [{"id": self.count, "paid": some.random() < 0.5}],
            "nested": {"level": {f"n{self.count}": self.count, "shared": some.randrange(3)}},
            "nothing": {"inner": None, "kept": self.count},
            "mixed": some.choice(("text", 5, {"a": 1}, ["x"])),
        }
        return {key: value for key, value in every.items() if "_own_" in key or some.random() < 0.6}

    def rights(self) -> Json:
        some = self.chance
        granted = some.sample(PERMISSIONS, some.choice((0, 0, 1, 2)))
        joined = some.sample(ORGANIZATIONS, some.choice((0, 0, 0, 1, 2)))
        return {
            "roles": some.sample(ROLES, some.choice((0, 0, 1, 2, 3))),
            "permissions": [{"resource_server_identifier": API, "permission_name": name} for name in granted],
            "organizations": {name: some.sample(ROLES, some.choice((0, 1, 2))) for name in joined},
        }

    def with_own_identities(self, user: Json) -> None:
        for _ in range(self.chance.choice((0, 0, 0, 0, 1, 2))):
            self.count += 1
            identity = {
                "connection": "github",
                "provider": "github",
                "user_id": self.count + 10**6,
                "isSocial": True,
                "profileData": {"email": f"dev{self.count}@example.com", "name": f"Dev {self.count}"},
            }
            user["identities"].append(identity)

    def line(self, parent: Json, secondary: Json) -> None:
        line: Json = {
            "primary_user_id": parent["user_id"],
            "secondary_user_id": secondary["user_id"],
            "rule": "same_person",
        }
        kind = self.chance.random()
        if kind < 0.15:
            line["evidence"] = {"verified": True}
        elif kind < 0.18:
            line["evidence"] = {"email": "nobody@example.com"}  # drifted: refused
        self.world.plan.append(line)

    def linked_beforehand(self, primary: Json) -> None:
        """A pair of the plan that somebody has linked already."""
        self.count += 1
        bare = f"before-{self.count}"
        identity = {"connection": "apple", "provider": "apple", "user_id": bare, "isSocial": True}
        primary["identities"].append({**identity, "profileData": {"name": "Linked before"}})
        self.world.plan.append({"primary_user_id": primary["user_id"], "secondary_user_id": f"apple|{bare}"})


def world(seed: int, pairs: int = 500) -> World:
    """Make a world whose plan has at least so many pairs, and at most a star more."""
    maker = _Maker(seed)
    while len(maker.world.plan) < pairs:
        maker.star()
    return maker.world


def leaves(value: object) -> Iterator[object]:
    """Return all values in JSON that are neither object, array nor null."""
    if isinstance(value, Mapping):
        for each in value.values():
            yield from leaves(each)
    elif isinstance(value, list):
        for each in value:
            yield from leaves(each)
    elif value is not None:
        yield value
