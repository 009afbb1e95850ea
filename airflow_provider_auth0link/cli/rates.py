"""How long links take on the rates that Auth0 publishes (Auth0 rate limit policy, Management API)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from airflow_provider_auth0link.cli.rehearse import times
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
    :param identities: whose bucket a link draws on, where the plan has several
    """

    title: str
    plan: Plan = field(compare=False)
    identities: IdentitiesGroup = "write_users"

    @property
    def buckets(self) -> frozenset[int]:
        """The bucket sizes that ``x-ratelimit-limit`` may show on this plan."""
        limits = [self.plan.overall] if self.plan.overall else self.plan.groups.values()
        return frozenset(each.burst for each in limits)

    def seconds(self, links: int, routes: Mapping[str, int]) -> float:
        """
        Return the time that *links* take when nobody else uses the tenant.

        :param routes: requests of one of them, by route
        """
        requests = classes({route: count * links for route, count in routes.items()})
        load = Load(requests, pairs=links, longest=1, share=RATE_SHARE)
        return time_under(self.title, self.plan, self.identities, load).seconds


PUBLISHED = tuple(Rate(each.rate, PLANS[each.plan], each.identities) for each in times.PUBLISHED)


def on_bucket(size: int | None) -> tuple[Rate, ...]:
    """
    Return the limits that a tenant with a bucket of *size* may have.

    Auth0's headers tell the size of the bucket, not its refill. A size that no plan has is taken
    to be refilled in a second, as it is on the plans without a burst.
    """
    if size is None:
        return ()
    known = tuple(rate for rate in PUBLISHED if size in rate.buckets)
    own = Rate(f"bucket of {size}, if refilled every second", Plan(Limit(size, 1, size)))
    return known or (own,)
