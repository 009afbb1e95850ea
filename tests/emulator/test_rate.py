from __future__ import annotations

import math

import pytest

from airflow_provider_auth0link.emulator.plans import limits_of
from airflow_provider_auth0link.emulator.rate import Bucket, Limits, Verdict, rate_headers

START = 1000.0


def test_a_full_bucket_lets_a_burst_in_and_then_no_more() -> None:
    bucket = Bucket(rate=2, burst=3)

    answers = [bucket.take(START).allowed for _ in range(5)]

    assert answers == [True, True, True, False, False]


@pytest.mark.parametrize(("wait", "allowed"), [(0.499, 0), (0.5, 1), (1.0, 2), (60.0, 3)])
def test_it_is_refilled_all_the_time_up_to_its_size(wait: float, allowed: int) -> None:
    bucket = Bucket(rate=2, burst=3)
    for _ in range(3):
        bucket.take(START)

    assert sum(bucket.take(START + wait).allowed for _ in range(5)) == allowed


def test_waits_computed_to_the_digit_are_enough() -> None:
    bucket = Bucket(rate=3.33, burst=1)
    now = START
    for _ in range(1000):
        assert bucket.take(now).allowed
        now += 1 / 3.33


def test_a_clock_that_goes_back_refills_nothing() -> None:
    bucket = Bucket(rate=1, burst=1)
    bucket.take(START)

    assert not bucket.take(START - 100).allowed


def test_headers_tell_size_rest_and_a_whole_second() -> None:
    bucket = Bucket(rate=0.5, burst=3)
    bucket.take(START)
    verdict = bucket.take(START)

    assert rate_headers(verdict, full=False) == (
        ("x-ratelimit-limit", "3"),
        ("x-ratelimit-remaining", "1"),
        ("x-ratelimit-reset", "1002"),
    )
    assert dict(rate_headers(verdict, full=True))["x-ratelimit-reset"] == "1004"


@pytest.mark.parametrize(
    ("step", "moments", "allowed"),
    [
        (1, (0.9, 0.95, 0.99, 1.0, 1.1, 1.2, 1.9, 2.0), (1, 1, 0, 1, 1, 0, 0, 1)),
        (60, (60, 61, 119.9, 120, 121, 122, 240), (1, 1, 0, 1, 1, 0, 1)),
    ],
)
def test_it_may_be_refilled_in_steps(step: int, moments: tuple[float, ...], allowed: tuple[int, ...]) -> None:
    bucket = Bucket(rate=3 / step, burst=2, step=step)

    assert tuple(bucket.take(moment).allowed for moment in moments) == allowed


def test_a_step_may_bring_less_than_a_request() -> None:
    bucket = Bucket(rate=0.4, burst=1, step=1)

    assert [bucket.take(START + wait).allowed for wait in (0, 1, 2, 3)] == [True, False, False, True]


@pytest.mark.parametrize(
    ("step", "rate", "following", "full"),
    [(0, 2, 1000.75, 1002.25), (1, 2, 1001, 1002), (1, 0.4, 1003, 1010), (60, 0.1, 1020, 1020)],
)
def test_resets_lie_where_refills_do(step: int, rate: float, following: float, full: float) -> None:
    bucket = Bucket(rate=rate, burst=4, step=step)
    for _ in range(3):
        bucket.take(1000.25)
    verdict = bucket.take(1000.25)

    assert verdict.reset_next == pytest.approx(following)
    assert verdict.reset_full == pytest.approx(full)
    assert not bucket.take(verdict.reset_next - 0.01).allowed
    assert bucket.take(verdict.reset_next).allowed


def test_a_full_bucket_is_full_now() -> None:
    assert Bucket(rate=1, burst=2, step=60).take(START).reset_full == 1020


def test_a_group_may_have_a_bucket_beside_the_one_for_all() -> None:
    narrow = "Global per second users_write group limit"
    limits = Limits(Bucket(1, 3), {"users_write": Bucket(1, 1, name=narrow)})
    groups = ("users_write", "users_write", "users_read", "users_read")

    verdicts = [limits.take(group, START) for group in groups]

    assert [verdict and verdict.allowed for verdict in verdicts] == [True, False, True, False]
    assert [verdict and verdict.name for verdict in verdicts] == [
        narrow,
        narrow,
        "Global limit",
        "Global limit",
    ]


def test_no_rate_is_no_limit() -> None:
    assert limits_of(None, None).take("users_read", START) is None


def test_the_burst_is_one_second_unless_given() -> None:
    verdict = limits_of(3.33, None).take("users_read", START)

    assert isinstance(verdict, Verdict)
    assert verdict.limit == 4


@pytest.mark.parametrize(
    ("rate", "burst", "text"),
    [
        (None, 5, "burst needs a rate"),
        (0, None, "rate must be over 0"),
        (-1, 2, "rate must be over 0"),
        (math.inf, 2, "rate must be over 0"),
        (1, 0, "burst must be at least 1"),
    ],
)
def test_limits_that_are_none_are_refused(rate: float | None, burst: int | None, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        limits_of(rate, burst)
