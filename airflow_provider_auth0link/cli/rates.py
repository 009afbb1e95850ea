"""How long links take on the rates that Auth0 publishes (Auth0 rate limit policy, Management API)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from airflow_provider_auth0link.cli.rehearse.times import Load, classes, time_under
from airflow_provider_auth0link.emulator.plans import PLANS, IdentitiesGroup, Limit, Plan
from airflow_provider_auth0link.settings import RATE_SHARE

LINK = {"link": 1}
METADATA = {"user_get": 2, "user_update": 1, **LINK}
FULL = {**METADATA, "roles": 1, "permissions": 1, "organizations": 1}
"""
Requests of one pair, by route: of a link alone, of one that is guarded and carries metadata, and of one whose
snapshot is full, as ``LinkIdentitiesOperator`` takes them when nothing else is said.

A pair with nothing to carry sends no update. An organization of the secondary is one request more.
"""


@dataclass(frozen=True, slots=True)
class Rate:
    """
    Published limits that links run into.

    :param title: the plan's name
    :param plan: its limits
    :param buckets: the bucket sizes that ``x-ratelimit-limit`` may show for users on this plan
    :param identities: whose bucket a link draws on, where the plan has several
    """

    title: str
    plan: Plan = field(compare=False)
    buckets: frozenset[int]
    identities: IdentitiesGroup = "write_users"

    def seconds(self, links: int, routes: Mapping[str, int]) -> float:
        """
        Return the time that *links* take when nobody else uses the tenant.

        :param routes: requests of one of them, by route
        """
        requests = classes({route: count * links for route, count in routes.items()})
        load = Load(requests, pairs=links, longest=1, share=RATE_SHARE)
        return time_under(self.title, self.plan, self.identities, load).seconds


def _published(title: str, name: str, buckets: set[int], identities: IdentitiesGroup = "write_users") -> Rate:
    return Rate(title, PLANS[name], frozenset(buckets), identities)


SMALL = {5, 10, 20, 40}

PUBLISHED = (
    _published("Free, 2/s", "free", {2}),
    _published("Essentials, Professional: 150/min", "professional", SMALL, "other"),
    _published("Essentials, Professional: 200/min", "professional", SMALL),
    _published("Enterprise, non-production, 2/s", "enterprise-nonprod", {10}),
    _published("Enterprise, production, 16/s", "enterprise", {50}),
    _published("Private Cloud, dev, 20/s", "private-dev", {20}),
    _published("Private Cloud, 1x, 50/s", "private-1x", {50}),
    _published("Private Cloud, 5x, 250/s", "private-5x", {250}),
    _published("Private Cloud, 15x, 750/s", "private-15x", {750}),
)
"""
The limits by plan. On Essentials and Professional each group of endpoints has a bucket of its own; which one
a link draws on is not published, so both candidates stand here.
"""


def on_bucket(size: int | None) -> tuple[Rate, ...]:
    """
    Return the limits that a tenant with a bucket of *size* may have.

    Auth0's headers tell the size of the bucket, not its refill. A size that no plan has is taken
    to be refilled in a second, as it is on the plans without a burst.
    """
    if size is None:
        return ()
    known = tuple(rate for rate in PUBLISHED if size in rate.buckets)
    own = Rate(f"bucket of {size}, if refilled every second", Plan(Limit(size, 1, size)), frozenset({size}))
    return known or (own,)
