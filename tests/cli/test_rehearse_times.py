from __future__ import annotations

import pytest

from airflow_provider_auth0link.cli.rehearse.times import PUBLISHED, Load, Time, classes, seconds, times
from airflow_provider_auth0link.emulator.plans import PLANS, Limit
from airflow_provider_auth0link.emulator.routes import ROUTES

PAIRS = 1000
ROUTES_OF_A_PAIR = {
    "user_get": 2 * PAIRS,
    "roles": PAIRS,
    "permissions": PAIRS,
    "organizations": PAIRS,
    "user_update": PAIRS,
    "link": PAIRS,
}


def told(routes: dict[str, int], *, pairs: int = PAIRS, longest: int = 1, share: float = 1.0) -> list[Time]:
    return times(Load(classes(routes), pairs, longest, share))


def test_requests_by_group_of_endpoints() -> None:
    assert classes(ROUTES_OF_A_PAIR) == {
        "users_read": 2 * PAIRS,
        "other": 2 * PAIRS,
        "user_organizations_read": PAIRS,
        "users_write": PAIRS,
        "identities_write": PAIRS,
    }


@pytest.mark.parametrize(
    ("plan", "minutes", "bound"),
    [
        pytest.param("Free", 7000 / 120, "all requests: 2/s", id="free"),
        pytest.param(
            "Essentials, Professional, links among changes of users",
            2000 / 150,
            "all other, roles and permissions among them: 150/min",
            id="links-as-changes",
        ),
        pytest.param(
            "Essentials, Professional, links among all other",
            3000 / 150,
            "all other, roles and permissions among them: 150/min",
            id="links-as-other",
        ),
        pytest.param("Enterprise, production", 7000 / 16 / 60, "all requests: 16/s", id="enterprise"),
        pytest.param("Private Cloud, 1x", 7000 / 50 / 60, "all requests: 50/s", id="1x"),
        pytest.param("Private Cloud, 15x", 7000 / 750 / 60, "all requests: 750/s", id="15x"),
    ],
)
def test_the_bucket_that_takes_longest_decides(plan: str, minutes: float, bound: str) -> None:
    found = next(each for each in told(ROUTES_OF_A_PAIR) if each.plan == plan)

    assert found.bound == bound
    assert found.seconds / 60 == pytest.approx(minutes, rel=0.03, abs=0.1)


def test_one_pair_takes_its_way() -> None:
    found = told({route: count // PAIRS for route, count in ROUTES_OF_A_PAIR.items()}, pairs=1)[-1]

    assert found.seconds == pytest.approx(7 * 0.14 + 1, abs=0.05)


def test_nothing_takes_no_time() -> None:
    assert {each.seconds for each in told({}, pairs=0, longest=0)} == {0.0}


def test_a_primary_that_many_become_takes_its_pairs_one_after_another() -> None:
    found = told(ROUTES_OF_A_PAIR, longest=200)[-1]

    assert found.bound == "200 pairs of one primary, one after another"
    assert found.seconds == pytest.approx(200 * (7 * 0.14 + 1))


def test_links_alone_on_the_smaller_plans_draw_on_one_of_two_buckets() -> None:
    found = {each.plan: each.bound for each in told({"link": 10_000}, pairs=10_000)}

    assert found["Essentials, Professional, links among changes of users"] == "changes of users: 200/min"
    assert found["Essentials, Professional, links among all other"].endswith("150/min")


@pytest.mark.parametrize(
    ("limit", "share", "at_once"),
    [
        pytest.param(Limit(16, 1, 50), 1.0, 49.5, id="alone"),
        pytest.param(Limit(50, 1, 50), 0.8, 11.0, id="with-a-reserve"),  # FULL_PER_TOKEN_S and STRAIGHT
        pytest.param(Limit(2, 1, 2), 0.8, 1.5, id="a-bucket-of-two"),
    ],
)
def test_what_a_full_bucket_gives_at_once(limit: Limit, share: float, at_once: float) -> None:
    gone = 1000 - seconds(limit, 1000, share) * limit.requests

    assert gone == pytest.approx(at_once, abs=0.05)


def test_few_requests_take_no_time() -> None:
    assert seconds(Limit(16, 1, 50), 5, 0.8) == 0


def test_every_published_plan_is_one_of_the_emulators() -> None:
    assert {each.plan for each in PUBLISHED} <= PLANS.keys()
    assert set(ROUTES_OF_A_PAIR) <= {route.name for route in ROUTES}
