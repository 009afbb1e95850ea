"""Records by the second, and the steps, pauses and limit of the chart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_auth0link.report.timeline import IDLE_S, STEPS_AT_MOST, Clock, Timeline

BEGAN = datetime(2026, 3, 1, 22, 0, tzinfo=UTC)


def at(seconds: float) -> str:
    return (BEGAN + timedelta(seconds=seconds)).isoformat(timespec="seconds")


def clock(rates: dict[range, int], used: float | None = None) -> Clock:
    """Return a clock with so many links in each second of the ranges."""
    made = Clock()
    for seconds, links in rates.items():
        for second in seconds:
            found = made.second(at(second))
            found.linked += links
            found.limit_used = used
    return made


def timeline(made: Clock, limit: float | None = None) -> Timeline:
    found = made.timeline(limit)
    assert found is not None
    return found


def test_each_step_says_how_many_went_in_a_second() -> None:
    found = timeline(clock({range(3): 4, range(3, 4): 1}))

    assert [(each.begins, each.ends, each.linked) for each in found.steps] == [
        (0, 1, 4),
        (1, 2, 4),
        (2, 3, 4),
        (3, 4, 1),
    ]
    assert found.seconds == 4


@pytest.mark.parametrize("seconds", [1, 119, 120, 121, 3_600, 50_000])
def test_a_long_run_has_no_more_steps_and_no_fewer_links(seconds: int) -> None:
    found = timeline(clock({range(seconds): 3}))

    assert len(found.steps) <= STEPS_AT_MOST
    assert sum(each.linked * (each.ends - each.begins) for each in found.steps) == pytest.approx(3 * seconds)


def test_a_pause_is_left_out() -> None:
    found = timeline(clock({range(10): 2, range(9 + IDLE_S + 1, 19 + IDLE_S + 1): 2}))

    assert (found.seconds, found.pauses) == (20, (10,))


def test_a_wait_within_a_run_is_not() -> None:
    found = timeline(clock({range(1): 2, range(IDLE_S, IDLE_S + 1): 2}))

    assert (found.seconds, found.pauses) == (IDLE_S + 1, ())


def test_the_limit_is_what_went_through_while_it_held_the_run() -> None:
    found = timeline(clock({range(600): 4, range(600, 900): 2}, used=0.3))

    assert (found.limit, found.measured, found.at_limit) == (4.0, True, 1.0)


@pytest.mark.parametrize("used", [0.15, None], ids=["nearly full", "not told"])
def test_where_the_limit_never_held_the_run_it_is_not_known(used: float | None) -> None:
    assert timeline(clock({range(600): 4}, used)).limit is None


def test_a_burst_at_the_start_is_not_the_limit() -> None:
    assert timeline(clock({range(30): 20, range(30, 600): 4}, used=0.3)).limit == 4.0


def test_a_limit_that_is_given_counts() -> None:
    found = timeline(clock({range(600): 4}, used=0.3), limit=4.2)

    assert (found.limit, found.measured) == (4.2, False)


def test_times_in_any_order_and_zone() -> None:
    made = Clock()
    for moment in ("2026-03-01T23:00:05+01:00", "2026-03-01T22:00:00+00:00", "2026-03-01T22:00:05"):
        made.second(moment).linked += 1

    assert {second: each.linked for second, each in made.seconds.items()} == {
        int(BEGAN.timestamp()) + 5: 2,
        int(BEGAN.timestamp()): 1,
    }
    assert made.ends == (BEGAN, BEGAN + timedelta(seconds=5))


@pytest.mark.parametrize(
    "moment", [None, 7, [], "", "yesterday", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]
)
def test_what_is_no_time_is_counted_nowhere(moment: object) -> None:
    made = Clock()

    made.second(moment).linked += 1

    assert (made.seconds, made.ends, made.timeline(None)) == ({}, None, None)
