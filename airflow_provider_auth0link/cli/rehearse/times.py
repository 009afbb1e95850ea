"""How long a run's requests take on the limits that Auth0 publishes, alone on the tenant. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from airflow_provider_auth0link.api.sharing import FULL_PER_TOKEN_S, STRAIGHT
from airflow_provider_auth0link.emulator.plans import MINUTE, PLANS, IdentitiesGroup, Limit, Plan
from airflow_provider_auth0link.emulator.routes import IDENTITIES_WRITE, MEMBER_ROLES_READ, OTHER, ROUTES
from airflow_provider_auth0link.linking.engine import GATHER_S

LATENCY_S = 0.14
"""Seconds of an answer, as recorded of a real tenant's links."""


class Published(NamedTuple):
    """A plan's limits. ``rate`` is what a link alone runs into; ``identities``: on whose bucket links draw."""

    title: str
    rate: str
    plan: str
    identities: IdentitiesGroup = "write_users"


PUBLISHED = (
    Published("Free", "Free, 2/s", "free"),
    Published(
        "Essentials, Professional, links among all other",
        "Essentials, Professional: 150/min",
        "professional",
        "other",
    ),
    Published(
        "Essentials, Professional, links among changes of users",
        "Essentials, Professional: 200/min",
        "professional",
    ),
    Published("Enterprise, non-production", "Enterprise, non-production, 2/s", "enterprise-nonprod"),
    Published("Enterprise, production", "Enterprise, production, 16/s", "enterprise"),
    Published("Private Cloud, dev", "Private Cloud, dev, 20/s", "private-dev"),
    Published("Private Cloud, 1x", "Private Cloud, 1x, 50/s", "private-1x"),
    Published("Private Cloud, 5x", "Private Cloud, 5x, 250/s", "private-5x"),
    Published("Private Cloud, 15x", "Private Cloud, 15x, 750/s", "private-15x"),
)
"""Plans by their limits. On the smaller plans it is not published on which bucket links draw, so both stand here."""

CLASSES = {
    "users_read": "reads of users",
    "users_write": "changes of users",
    IDENTITIES_WRITE: "links",
    "user_organizations_read": "reads of a user's organizations",
    "connections_read": "reads of connections",
    MEMBER_ROLES_READ: "reads of an organization's member roles",
    OTHER: "all other, roles and permissions among them",
}
GROUPS = {route.name: route.group for route in ROUTES}


@dataclass(frozen=True, slots=True)
class Time:
    """How long it takes on a plan, and which limit decides."""

    plan: str
    seconds: float
    bound: str


def classes(routes: Mapping[str, int]) -> Counter[str]:
    """Return requests by group of endpoints."""
    counts: Counter[str] = Counter()
    for route, count in routes.items():
        counts[GROUPS[route]] += count
    return counts


@dataclass(frozen=True, slots=True)
class Load:
    """
    What a run asks of a tenant.

    ``groups``: requests by group of endpoints. ``pairs``: how many, and ``longest``: how many of them have one
    primary. ``share``: the connection's ``rate_share``.
    """

    groups: Mapping[str, int]
    pairs: int
    longest: int
    share: float

    @property
    def way(self) -> float:
        """Seconds that one pair is under way: its answers one after another, and the journal between them."""
        if not self.pairs or not self.groups:
            return 0.0
        return sum(self.groups.values()) / self.pairs * LATENCY_S + GATHER_S


def times(load: Load) -> list[Time]:
    """Return how long a run takes on each plan."""
    return [time_on(each.title, each.plan, each.identities, load) for each in PUBLISHED]


def time_on(title: str, name: str, identities: IdentitiesGroup, load: Load) -> Time:
    """Return the time on one of the emulator's plans."""
    return time_under(title, PLANS[name], identities, load)


def time_under(title: str, plan: Plan, identities: IdentitiesGroup, load: Load) -> Time:
    """
    Return the time under a plan's limits: that of the bucket which takes longest, and the way of one pair.

    A primary that many become may take longer yet, since its pairs go one after another.
    """
    alone = max(0, load.longest - 1) * load.way
    several = f"{load.longest:,} pairs of one primary, one after another"
    found = [(alone, several if load.longest > 1 else "one pair's requests, one after another")]
    for bound, limit, count in _buckets(plan, identities, load.groups):
        found.append((seconds(limit, count, load.share), bound))
    longest, bound = max(found)
    return Time(title, longest + load.way, bound)


def seconds(limit: Limit, count: int, share: float) -> float:
    """
    Return the time that so many requests take on one bucket.

    What a full bucket holds above the level at which the pace keeps it comes at once.
    """
    rate = limit.requests / limit.seconds
    reserve = max(0.5, (1 - share) * limit.burst)
    if reserve < 1:
        return max(0.0, count - (limit.burst - reserve)) / rate
    room = max(1.0, limit.burst - reserve)
    rate = min(rate, FULL_PER_TOKEN_S * room)
    held = _above(rate / (FULL_PER_TOKEN_S * room))
    return max(0.0, count - room * (1 - held)) / rate


def _above(part: float) -> float:
    """Return how full the room above the reserve is where the pace lets this part of its highest rate through."""
    curved = 1 - STRAIGHT
    return (math.sqrt(STRAIGHT**2 + 4 * curved * part) - STRAIGHT) / (2 * curved)


def _buckets(
    plan: Plan, identities: IdentitiesGroup, counts: Mapping[str, int]
) -> Iterator[tuple[str, Limit, int]]:
    """Give the buckets of a plan that are drawn on, and by how many requests."""
    if plan.overall is not None:
        yield _bound("all requests", plan.overall), plan.overall, sum(counts.values())
    shared = "users_write" if identities == "write_users" else OTHER
    drawn: Counter[str] = Counter()
    for group, count in counts.items():
        drawn[shared if group == IDENTITIES_WRITE else group] += count
    for group, count in drawn.items():
        if group in plan.groups:
            yield _bound(group, plan.groups[group]), plan.groups[group], count


def _bound(group: str, limit: Limit) -> str:
    per = "min" if limit.seconds == MINUTE else "s"
    return f"{CLASSES.get(group, group)}: {limit.requests:g}/{per}"
