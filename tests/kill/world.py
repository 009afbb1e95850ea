"""
A tenant full of duplicates, and the plan that links them. The same seed gives the same world.

All that makes a merge hard is in it: chains, several secondaries of one primary, secondaries with identities of
their own, a second database, metadata that meet (objects, arrays, nulls), rights of every kind, and pairs that
guards refuse, with what hangs on them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_auth0link.linking.plan import Plan
from airflow_provider_auth0link.model import Pair

Json = dict[str, Any]

GUARDS = ("not_blocked", "not_enterprise_secondary")

CONNECTIONS = {
    "auth0": "Username-Password-Authentication",
    "google-oauth2": "google-oauth2",
    "facebook": "facebook",
    "github": "github",
    "oauth2": "a pass",
}
SECOND_DATABASE = "legacy"
ENTERPRISE = "waad"
REST = ("{n}", "{n}", "{n}", "a/{n} ü", "i|{n}|../x", "{n}%2F?#")
"""What stands behind the provider in an id: identity providers name people as they like."""

VALUES: tuple[Any, ...] = (
    "x", "ü\u2028", "", 0, 1, True, False, 1.5,
    ["a"], ["a", "b", None], [], [{"id": 1}, {"id": 2}], [[1], [2, None]],
    {"deep": {"one": 1}}, {"deep": {"two": [1, 2]}, "none": None}, {"deep": {"one": 2, "two": [2, 3]}}, {},
)  # fmt: skip
KEYS = ("tags", "plan", "deep", "k", "l ö")


@dataclass(slots=True)
class World:
    """
    What a tenant holds, and what is to become of it.

    ``pairs`` are the plan's, ``refused`` are secondaries that stay: by a guard, or cut off.
    """

    users: list[Json] = field(default_factory=list)
    pairs: list[list[str]] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)

    @property
    def linked(self) -> list[Pair]:
        """The links that are to be there in the end, each into the primary of its star."""
        return [
            Pair(star.primary, edge.secondary)
            for star in Plan.from_rows(self.pairs).stars()
            for edge in star.pairs
            if str(edge.secondary) not in self.refused
        ]

    def user(self, user_id: str) -> Json:
        """Return an account as it was seeded."""
        return next(each for each in self.users if each["user_id"] == user_id)


def world(pairs: int, seed: int) -> World:
    """
    Make a world.

    :param pairs: how many the plan holds
    """
    maker = _Maker(random.Random(seed))
    while (left := pairs - len(maker.world.pairs)) > 0:
        maker.star(left)
    order = maker.chance
    order.shuffle(maker.world.users)
    return maker.world


class _Maker:
    def __init__(self, chance: random.Random) -> None:
        self.world = World()
        self.chance = chance
        self._numbers: Iterator[int] = iter(range(1, 1_000_000))

    def star(self, most: int) -> None:
        """Add one person: a primary with secondaries at it, or in a chain behind it."""
        size = min(most, self.chance.choice((1, 1, 1, 2, 2, 3, 4)))
        is_chain = self.chance.random() < 0.4
        primary = holder = self._user("auth0")
        for _ in range(size):
            kind = self.chance.random()
            provider = ENTERPRISE if kind < 0.04 else self.chance.choice(list(CONNECTIONS))
            secondary = self._user(provider)
            if 0.04 <= kind < 0.1:
                secondary["blocked"] = True
            if kind < 0.1 or holder["user_id"] in self.world.refused:
                self.world.refused.add(secondary["user_id"])
            self.world.pairs.append([holder["user_id"], secondary["user_id"]])
            holder = secondary if is_chain else primary

    def _user(self, provider: str) -> Json:
        identity = self._identity(provider)
        if provider == "auth0" and self.world.pairs and self.chance.random() < 0.3:
            identity["connection"] = SECOND_DATABASE
        number = identity["user_id"]
        user: Json = {
            "user_id": f"{provider}|{number}",
            "email": f"u{next(self._numbers)}@example.com",
            "email_verified": self.chance.random() < 0.8,
            "name": f"Person {number}",
            "identities": [identity],
        }
        for _ in range(self.chance.choice((0, 0, 0, 0, 1, 2))):
            own = self._identity(self.chance.choice(("github", "facebook", "twitter")))
            user["identities"].append({**own, "profileData": {"email": f"{own['user_id']}@example.org"}})
        for kind in ("user_metadata", "app_metadata"):
            if metadata := self._metadata():
                user[kind] = metadata
        self._rights(user)
        self.world.users.append(user)
        return user

    def _identity(self, provider: str) -> Json:
        number = next(self._numbers)
        rest: str | int = number if provider == "github" else self.chance.choice(REST).format(n=number)
        return {
            "connection": CONNECTIONS.get(provider, provider),
            "provider": provider,
            "user_id": rest,
            "isSocial": provider in {"google-oauth2", "facebook", "github", "twitter", "oauth2"},
        }

    def _metadata(self) -> Json:
        count = self.chance.choice((0, 1, 2, 4))
        return {key: self.chance.choice(VALUES) for key in self.chance.sample(KEYS, count)}

    def _rights(self, user: Json) -> None:
        user["roles"] = self._some([f"rol_{n}" for n in range(6)])
        user["permissions"] = [
            {"resource_server_identifier": "https://api", "permission_name": name}
            for name in self._some(["read:x", "write:x", "read:y ü"])
        ]
        user["organizations"] = {
            name: self._some([f"rol_{n}" for n in range(3)])
            for name in self._some(["org_1", "org_2", "org_3"])
        }

    def _some(self, choices: list[str]) -> list[str]:
        count = self.chance.choice((0, 0, 0, 1, 2))
        return sorted(self.chance.sample(choices, count))
