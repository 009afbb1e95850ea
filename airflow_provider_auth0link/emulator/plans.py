"""
The request limits that Auth0 publishes for its plans.

"Rate limit configurations", the pages on Free, Essentials and Professional, Enterprise, and Private
Cloud: the rows on the Management API, as far as this tenant has the endpoints. Not published is
which row linking draws on, where a plan has one for writing users.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from airflow_provider_auth0link.emulator.rate import Bucket, Limits
from airflow_provider_auth0link.emulator.routes import (
    IDENTITIES_DELETE,
    IDENTITIES_WRITE,
    MEMBER_ROLES_READ,
    MEMBER_ROLES_WRITE,
    MEMBERS_READ,
    MEMBERS_WRITE,
    OTHER,
    USER_ORGANIZATIONS,
)

MINUTE = 60

Refill = Literal["smooth", "second", "minute"]
IdentitiesGroup = Literal["write_users", "other"]


@dataclass(frozen=True, slots=True)
class Limit:
    """
    One row of a page.

    :param requests: sustained
    :param seconds: in so many of them: 1 or 60
    :param burst: the bucket's size
    """

    requests: float
    seconds: int
    burst: int

    def bucket(self, name: str, refill: Refill) -> Bucket:
        """
        Return the bucket of this limit, full.

        A limit per second is refilled every second at the latest, whatever *refill* says.
        """
        steps = {"smooth": 0, "second": 1, "minute": self.seconds}
        return Bucket(self.requests / self.seconds, self.burst, name, step=steps[refill])


@dataclass(frozen=True, slots=True)
class Plan:
    """
    The limits of a plan.

    :param overall: over all requests; None when the plan has none
    :param groups: over groups of endpoints
    """

    overall: Limit | None
    groups: Mapping[str, Limit] = field(default_factory=dict)


def _per_minute(requests: int, burst: int) -> Limit:
    return Limit(requests, MINUTE, burst)


def _per_second(requests: int, burst: int) -> Limit:
    return Limit(requests, 1, burst)


_MEMBERSHIPS = {
    USER_ORGANIZATIONS: _per_minute(500, 40),
    MEMBERS_READ: _per_minute(200, 20),
    MEMBERS_WRITE: _per_minute(200, 20),
    MEMBER_ROLES_READ: _per_minute(200, 20),
    MEMBER_ROLES_WRITE: _per_minute(200, 20),
}
_ENTERPRISE = {**_MEMBERSHIPS, MEMBERS_READ: _per_minute(500, 40)}
_SMALL = Plan(
    None,
    {
        **_MEMBERSHIPS,
        "users_read": _per_minute(500, 40),
        "users_write": _per_minute(200, 20),
        "users_delete": _per_minute(200, 20),
        "connections_read": _per_minute(50, 5),
        OTHER: _per_minute(150, 10),
    },
)


def _private(overall: int, times: int) -> Plan:
    groups = {
        name: _per_minute(int(each.requests) * times, each.burst * times)
        for name, each in _MEMBERSHIPS.items()
    }
    return Plan(_per_second(overall, overall), groups)


PLANS: dict[str, Plan] = {
    "free": Plan(_per_second(2, 2)),
    "essentials": _SMALL,
    "professional": _SMALL,
    "enterprise": Plan(_per_second(16, 50), _ENTERPRISE),
    "enterprise-nonprod": Plan(_per_second(2, 10), _ENTERPRISE),
    "private-dev": Plan(_per_second(20, 20), _ENTERPRISE),
    "private-1x": _private(50, 1),
    "private-5x": _private(250, 5),
    "private-15x": _private(750, 15),
    "private-30x": _private(1500, 30),
    "private-60x": _private(3000, 60),
    "private-100x": _private(5000, 120),
}
"""By the names that ``Emulator(plan=)`` and ``auth0link emulator --plan`` take."""


def limits_of_plan(
    name: str, refill: Refill = "smooth", identities: IdentitiesGroup = "write_users"
) -> Limits:
    """
    Build the limits of a plan.

    :param name: one of ``PLANS``
    :param refill: "smooth" all the time, "second" at the top of each second; "minute": a limit per minute at
        the top of each minute, one per second at the top of each second
    :param identities: whether linking and unlinking draw on the buckets for writing users, or on the one
        for all other endpoints
    :raises ValueError: for an unknown plan
    """
    if name not in PLANS:
        raise ValueError(f"plan: {name!r} is none of {', '.join(PLANS)}")
    plan = PLANS[name]
    # The form of a real tenant's answer: "Global per second users_write group limit has been reached".
    buckets = {
        group: limit.bucket(f"Global per second {group} group limit", refill)
        for group, limit in plan.groups.items()
    }
    shared = ("users_write", "users_delete") if identities == "write_users" else (OTHER, OTHER)
    for own, other in zip((IDENTITIES_WRITE, IDENTITIES_DELETE), shared, strict=True):
        if other in buckets:
            buckets[own] = buckets[other]
    return Limits(plan.overall.bucket("Global limit", refill) if plan.overall else None, buckets)


def limits_of(
    rate: float | None = None,
    burst: int | None = None,
    plan: str | None = None,
    refill: Refill = "smooth",
    identities: IdentitiesGroup = "write_users",
) -> Limits:
    """
    Build the limits of a tenant: one bucket, those of a plan, or none.

    :param rate: requests per second; None for no limit
    :param burst: bucket size; what a second brings when not given
    :param plan: one of ``PLANS``, instead of a rate
    :param refill: see ``limits_of_plan``; "minute" refills a bucket of *rate* at the top of each minute
    :param identities: see there
    :raises ValueError: for what is none of its readings, or cannot go together
    """
    for name, value, known in (("refill", refill, Refill), ("identities_group", identities, IdentitiesGroup)):
        if value not in get_args(known):
            raise ValueError(f"{name}: {value!r} is none of {get_args(known)}")
    if plan is not None:
        if rate is not None or burst is not None:
            raise ValueError("plan brings rate and burst: give one or the other")
        return limits_of_plan(plan, refill, identities)
    if identities != "write_users":
        raise ValueError("identities_group needs a plan")
    if rate is None:
        if burst is not None:
            raise ValueError("burst needs a rate")
        if refill != "smooth":
            raise ValueError("refill needs a rate or a plan")
        return Limits()
    size = max(1, math.ceil(rate)) if burst is None else burst
    return Limits(Bucket(rate, size, step={"smooth": 0, "second": 1, "minute": MINUTE}[refill]))
