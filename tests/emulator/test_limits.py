from __future__ import annotations

from datetime import datetime
from email.utils import parsedate_to_datetime

import pytest

from tests.emulator.caller import refusal
from tests.emulator.conftest import FakeClock, MakeTenant

ADA = {"user_id": "auth0|1"}


def test_every_answer_of_the_api_tells_the_limit(make_tenant: MakeTenant, clock: FakeClock) -> None:
    _, api = make_tenant(ADA, rate=2, burst=3, clock=clock)

    answers = [api.get("auth0|1"), api.get("auth0|9"), api("GET", "nothing"), api.get("auth0|1")]

    assert [answer.status_code for answer in answers] == [200, 404, 404, 429]
    rows = [
        [answer.headers[f"x-ratelimit-{name}"] for name in ("limit", "remaining", "reset")]
        for answer in answers
    ]
    assert rows == [
        ["3", "2", "1800000000"],
        ["3", "1", "1800000000"],
        ["3", "0", "1800000000"],
        ["3", "0", "1800000000"],
    ]
    assert refusal(answers[3]) == (429, "Global limit has been reached")
    assert answers[3].json()["errorCode"] == "too_many_requests"


def test_a_refused_request_changes_nothing_and_later_ones_pass(
    make_tenant: MakeTenant, clock: FakeClock
) -> None:
    tenant, api = make_tenant(ADA, {"user_id": "github|2"}, rate=1, burst=1, clock=clock)
    api.get("auth0|1")

    assert api.link("auth0|1", provider="github", user_id="2").status_code == 429
    assert tenant.links_applied == {}
    clock.now += 1
    assert api.link("auth0|1", provider="github", user_id="2").status_code == 201


def test_the_reset_may_mean_a_full_bucket(make_tenant: MakeTenant, clock: FakeClock) -> None:
    _, api = make_tenant(ADA, rate=0.1, burst=3, clock=clock, reset_at="full")
    api.get("auth0|1")

    assert api.get("auth0|1").headers["x-ratelimit-reset"] == "1800000020"


def test_headers_may_be_held_back(make_tenant: MakeTenant) -> None:
    _, api = make_tenant(ADA, rate=0.001, burst=1, rate_headers=False)

    answers = [api.get("auth0|1"), api.get("auth0|1")]

    assert [answer.status_code for answer in answers] == [200, 429]
    assert not any(name.startswith("x-ratelimit") for answer in answers for name in answer.headers)


def test_without_a_limit_there_are_no_headers_of_one(make_tenant: MakeTenant) -> None:
    _, api = make_tenant(ADA)

    assert "x-ratelimit-limit" not in api.get("auth0|1").headers


def test_tokens_draw_on_another_limit(make_tenant: MakeTenant) -> None:
    _, api = make_tenant(ADA, rate=0.001, burst=1)

    assert [api.token().status_code for _ in range(3)] == [200] * 3
    assert api.get("auth0|1").status_code == 200


@pytest.mark.parametrize("offset", [-300.0, 0.0, 300.0])
def test_the_tenants_clock_may_be_off(make_tenant: MakeTenant, clock: FakeClock, offset: float) -> None:
    tenant, api = make_tenant(ADA, rate=1, burst=1, clock=clock, clock_offset=offset)

    answer = api.get("auth0|1")

    now = parsedate_to_datetime(answer.headers["date"]).timestamp()
    assert now == int(clock.now + offset)
    assert int(answer.headers["x-ratelimit-reset"]) == int(clock.now + offset + 1)
    made = datetime.fromisoformat(str((tenant.user("auth0|1") or {})["created_at"]))
    assert int(made.timestamp()) == now


def test_the_date_moves_on(make_tenant: MakeTenant, clock: FakeClock) -> None:
    _, api = make_tenant(ADA, clock=clock)
    first = api.get("auth0|1").headers["date"]
    clock.now += 1

    assert api.get("auth0|1").headers["date"] != first


@pytest.mark.parametrize("options", [{"latency": 0.02}, {"latency": 0.001, "latency_tail": 0.02}])
def test_latency_changes_no_answer(make_tenant: MakeTenant, options: dict[str, float]) -> None:
    _, api = make_tenant(ADA, {"user_id": "github|2"}, **options)

    assert api.link("auth0|1", provider="github", user_id="2").status_code == 201
