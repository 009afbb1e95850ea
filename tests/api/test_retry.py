from __future__ import annotations

import math

import pytest
from hypothesis import given, strategies as st

from airflow_provider_auth0link.api.retry import (
    BACKOFF_MOST_S,
    REAL_TIME,
    Budget,
    after_limit,
    backoff,
    server_time,
)
from tests.fakes.clock import START, FakeClock

NOW = START


@pytest.mark.parametrize(
    ("attempt", "least", "most"),
    [
        pytest.param(1, 0.25, 0.5, id="first"),
        pytest.param(2, 0.5, 1.0, id="second"),
        pytest.param(6, 8.0, 16.0, id="sixth"),
        pytest.param(7, 15.0, 30.0, id="at the ceiling"),
        pytest.param(10_000, 15.0, 30.0, id="far beyond"),
    ],
)
def test_backoff_doubles_up_to_a_ceiling(attempt: int, least: float, most: float) -> None:
    assert (backoff(attempt, 0.0), backoff(attempt, 1.0)) == (least, most)


@given(st.integers(min_value=1, max_value=10**6), st.floats(min_value=0, max_value=1))
def test_backoff_is_never_nothing_and_never_long(attempt: int, chance: float) -> None:
    assert 0 < backoff(attempt, chance) <= BACKOFF_MOST_S


@pytest.mark.parametrize(
    ("attempt", "headers", "seconds"),
    [
        pytest.param(1, {"retry-after": "7"}, 7.0, id="Retry-After"),
        pytest.param(1, {"retry-after": "1.5"}, 1.5, id="Retry-After with a fraction"),
        pytest.param(1, {"retry-after": "0"}, 0.5, id="Retry-After 0 is no leave to storm"),
        pytest.param(1, {"retry-after": "-3"}, 0.5, id="Retry-After in the past"),
        pytest.param(1, {"retry-after": "7200"}, 7200.0, id="Retry-After is obeyed however long"),
        pytest.param(
            1, {"retry-after": "7", "x-ratelimit-reset": f"{NOW + 30:.0f}"}, 7.0, id="Retry-After goes first"
        ),
        pytest.param(1, {"x-ratelimit-reset": f"{NOW:.0f}"}, 0.5, id="reset now, in whole seconds"),
        pytest.param(1, {"x-ratelimit-reset": f"{NOW - 300:.0f}"}, 0.5, id="reset long ago"),
        pytest.param(1, {"x-ratelimit-reset": f"{NOW + 1:.0f}"}, 1.0, id="reset in a second"),
        pytest.param(1, {"x-ratelimit-reset": f"{NOW + 60:.0f}"}, 2.0, id="full bucket's reset, first try"),
        pytest.param(3, {"x-ratelimit-reset": f"{NOW + 60:.0f}"}, 8.0, id="full bucket's reset, third try"),
        pytest.param(9, {"x-ratelimit-reset": f"{NOW + 45:.0f}"}, 45.0, id="reset waited for in the end"),
        pytest.param(9, {"x-ratelimit-reset": f"{NOW + 900:.0f}"}, 60.0, id="a minute at most"),
        pytest.param(1, {}, None, id="no header"),
        pytest.param(1, {"retry-after": "Fri, 15 Jan 2027 08:00:07 GMT"}, None, id="Retry-After, a date"),
        pytest.param(1, {"retry-after": "nan"}, None, id="Retry-After, no number"),
        pytest.param(1, {"retry-after": "inf"}, None, id="Retry-After without end"),
        pytest.param(1, {"x-ratelimit-reset": "soon"}, None, id="reset, a word"),
        pytest.param(2, {"x-ratelimit-reset": "nan"}, None, id="reset, no number"),
    ],
)
def test_a_429_is_waited_out_as_its_headers_tell(
    attempt: int, headers: dict[str, str], seconds: float | None
) -> None:
    assert after_limit(attempt, headers, NOW, 0.0) == seconds


@given(
    st.integers(min_value=1, max_value=100),
    st.dictionaries(
        st.sampled_from(["retry-after", "x-ratelimit-reset"]), st.one_of(st.floats(), st.text()).map(str)
    ),
    st.floats(min_value=0, max_value=1),
)
def test_a_wait_is_a_number_over_nothing(attempt: int, headers: dict[str, str], chance: float) -> None:
    seconds = after_limit(attempt, headers, NOW, chance)

    assert seconds is None or (math.isfinite(seconds) and seconds > 0)


def test_waits_differ_so_that_not_all_return_at_once() -> None:
    waits = {after_limit(1, {"retry-after": "7"}, NOW, chance) for chance in (0.0, 0.5, 1.0)}

    assert len(waits) == 3
    assert min(each for each in waits if each) == 7.0


@pytest.mark.parametrize(
    ("headers", "epoch"),
    [
        pytest.param({"date": "Fri, 15 Jan 2027 08:00:00 GMT"}, START, id="a date"),
        pytest.param({"date": "Fri, 15 Jan 2027 08:05:00 GMT"}, START + 300, id="five minutes on"),
        pytest.param({}, 5.0, id="none"),
        pytest.param({"date": ""}, 5.0, id="empty"),
        pytest.param({"date": "yesterday"}, 5.0, id="a word"),
        pytest.param({"date": f"Mon, 01 Jan {'9' * 22} 00:00:00 GMT"}, 5.0, id="a year without end"),
    ],
)
def test_the_server_s_time_is_its_date(headers: dict[str, str], epoch: float) -> None:
    assert server_time(headers, 5.0) == epoch


def test_a_budget_ends_when_its_time_is_used_up() -> None:
    clock = FakeClock()
    budget = Budget(10.0, clock)

    assert budget.allows(9.9)
    assert not budget.allows(10.0)
    clock.pass_by(9.0)
    assert budget.allows(0.5)
    assert not budget.allows(1.0)


def test_real_time_is_time() -> None:
    assert REAL_TIME.epoch() > 1_700_000_000
    assert 0 <= REAL_TIME.chance() < 1
    assert REAL_TIME.clock() <= REAL_TIME.clock()
