"""The limits that Auth0 publishes."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_auth0link.emulator.plans import PLANS, limits_of
from airflow_provider_auth0link.emulator.routes import ROUTES
from tests.emulator.caller import Caller, refusal
from tests.emulator.conftest import FakeClock, MakeTenant

ADA = {"user_id": "auth0|1", "organizations": {"org_acme": []}}
NOW = 1_800_000_000.0  # the top of a second and of a minute


def let_in(name: str, plan: str, **options: Any) -> int:
    """Return how many requests of one operation pass at once."""
    group = next(route.group for route in ROUTES if route.name == name)
    limits = limits_of(plan=plan, **options)
    for count in range(100_000):
        verdict = limits.take(group, NOW)
        if verdict is not None and not verdict.allowed:
            return count
    raise AssertionError("no limit")


@pytest.mark.parametrize(
    ("plan", "operation", "burst"),
    [
        ("free", "user_get", 2),
        ("free", "link", 2),
        ("essentials", "user_get", 40),
        ("professional", "users_by_email", 40),
        ("professional", "user_update", 20),
        ("professional", "link", 20),
        ("professional", "unlink", 20),
        ("professional", "roles_add", 10),
        ("professional", "permissions", 10),
        ("professional", "connections", 5),
        ("professional", "organizations", 40),
        ("professional", "members", 20),
        ("professional", "members_add", 20),
        ("professional", "member_roles", 20),
        ("professional", "member_roles_add", 20),
        ("enterprise", "link", 50),
        ("enterprise", "members_add", 20),
        ("enterprise", "organizations", 40),
        ("enterprise-nonprod", "link", 10),
        ("enterprise-nonprod", "members_add", 10),
        ("private-dev", "user_get", 20),
        ("private-1x", "link", 50),
        ("private-1x", "members_add", 20),
        ("private-5x", "link", 250),
        ("private-15x", "link", 750),
        ("private-15x", "members_add", 300),
        ("private-30x", "organizations", 1200),
        ("private-60x", "member_roles", 1200),
        ("private-100x", "link", 5000),
        ("private-100x", "members_add", 2400),
    ],
)
def test_a_burst_is_as_published(plan: str, operation: str, burst: int) -> None:
    assert let_in(operation, plan) == burst


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("refill", ["smooth", "second"])
def test_sustained_rates_are_as_published(plan: str, refill: Any) -> None:
    """Asked faster than it is refilled, each bucket lets its sustained rate in, beside the burst."""
    for name, limit in {**PLANS[plan].groups, "": PLANS[plan].overall}.items():
        if limit is None:
            continue
        bucket = limit.bucket(name, refill)
        span, tick = limit.seconds, limit.seconds / limit.requests / 1.25

        passed = sum(bucket.take(NOW + number * tick).allowed for number in range(int(span / tick)))
        while bucket.take(NOW + span).allowed:
            passed += 1

        assert passed == pytest.approx(limit.requests + limit.burst, abs=1)


def test_a_minutes_refill_is_what_the_bucket_holds() -> None:
    limits = limits_of(plan="professional", refill="minute")
    taken = [limits.take("users_write", NOW + number / 10) for number in range(600)]

    assert sum(each is not None and each.allowed for each in taken) == 20
    last = limits.take("users_write", NOW + 60)
    assert last is not None
    assert (last.allowed, last.remaining) == (True, 19)


def test_limits_per_second_are_refilled_every_second_at_the_latest() -> None:
    limits = limits_of(plan="free", refill="minute")
    taken = [limits.take("other", NOW + number / 10) for number in range(30)]

    assert [number for number, each in enumerate(taken) if each and each.allowed] == [0, 1, 10, 11, 20, 21]


@pytest.mark.parametrize(("group", "left"), [("write_users", 20), ("other", 10)])
def test_linking_may_share_with_either_bucket(group: Any, left: int) -> None:
    limits = limits_of(plan="professional", identities=group)
    shared = {"write_users": "users_write", "other": "other"}[group]

    for _ in range(left):
        assert getattr(limits.take("identities_write", NOW), "allowed", None) is True
    assert getattr(limits.take(shared, NOW), "allowed", None) is False
    others = {"users_write", "other"} - {shared}
    assert getattr(limits.take(others.pop(), NOW), "allowed", None) is True
    assert let_in("unlink", "professional", identities=group) == left


def drained(api: Caller, method: str, path: str) -> tuple[int, str]:
    for _ in range(60):
        answer = api(method, path, json={})
        if answer.status_code == 429:
            return refusal(answer)
    raise AssertionError("no limit")


def test_a_refusal_names_its_group(make_tenant: MakeTenant, clock: FakeClock) -> None:
    _, api = make_tenant(ADA, plan="professional", clock=clock)

    assert drained(api, "PATCH", "users/auth0%7C1") == (
        429,
        "Global per second users_write group limit has been reached",
    )
    assert api.link("auth0|1", provider="github", user_id="2").status_code == 429
    answer = api.get("auth0|1")
    assert answer.status_code == 200
    assert (answer.headers["x-ratelimit-limit"], answer.headers["x-ratelimit-remaining"]) == ("40", "39")


def test_the_global_limit_is_asked_first(make_tenant: MakeTenant, clock: FakeClock) -> None:
    _, api = make_tenant(ADA, plan="enterprise-nonprod", clock=clock)

    assert drained(api, "POST", "organizations/org_acme/members") == (429, "Global limit has been reached")


def test_headers_are_of_the_bucket_that_refuses_first(make_tenant: MakeTenant, clock: FakeClock) -> None:
    _, api = make_tenant(ADA, plan="enterprise", clock=clock)
    members = "organizations/org_acme/members"

    first = api("POST", members, json={"members": ["auth0|1"]})
    for _ in range(35):
        api.get("auth0|1")
    later = api("POST", members, json={"members": ["auth0|1"]})

    assert (first.headers["x-ratelimit-limit"], first.headers["x-ratelimit-remaining"]) == ("20", "19")
    assert (later.headers["x-ratelimit-limit"], later.headers["x-ratelimit-remaining"]) == ("50", "13")
    for _ in range(13):
        api.get("auth0|1")
    clock.now += 2
    for _ in range(18):
        answer = api("POST", members, json={"members": ["auth0|1"]})
        assert answer.headers["x-ratelimit-limit"] in {"20", "50"}
    assert drained(api, "POST", members)[0] == 429


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"plan": "gold"}, "plan: 'gold' is none of free, essentials"),
        ({"plan": "free", "rate": 2}, "plan brings rate and burst"),
        ({"plan": "free", "burst": 2}, "plan brings rate and burst"),
        ({"refill": "hour"}, "refill: 'hour' is none of"),
        ({"refill": "minute"}, "refill needs a rate or a plan"),
        ({"rate": 1, "identities_group": "other"}, "identities_group needs a plan"),
        ({"plan": "free", "identities_group": "x"}, "identities_group: 'x' is none of"),
    ],
)
def test_what_cannot_be_is_refused(make_tenant: MakeTenant, options: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        make_tenant(**options)


def test_a_rate_may_be_refilled_in_steps(make_tenant: MakeTenant, clock: FakeClock) -> None:
    clock.now = NOW + 59.5
    _, api = make_tenant(ADA, rate=0.05, burst=2, refill="minute", clock=clock)
    statuses = [api.get("auth0|1") for _ in range(3)]
    assert [answer.status_code for answer in statuses] == [200, 200, 429]
    assert statuses[2].headers["x-ratelimit-reset"] == str(int(NOW + 60))

    clock.now += 0.5

    assert [api.get("auth0|1").status_code for _ in range(3)] == [200, 200, 429]
