from __future__ import annotations

import pytest

from airflow_provider_auth0link.api.pace import Pace
from tests.fakes.clock import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def _pace(clock: FakeClock, per_second: float | None = None) -> Pace:
    return Pace(per_second, clock=clock, sleep=clock.sleep)


def test_without_a_bound_nothing_waits(clock: FakeClock) -> None:
    pace = _pace(clock)

    assert [pace.wait("read") for _ in range(100)] == [True] * 100
    assert clock.naps == []


def test_a_bound_is_kept_over_all_classes(clock: FakeClock) -> None:
    pace = _pace(clock, 4.0)
    moments = []
    for lane in ("read", "write", "read", "write", "read"):
        pace.wait(lane)
        moments.append(clock() - 100)

    assert moments == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_idle_time_is_not_saved_up(clock: FakeClock) -> None:
    pace = _pace(clock, 4.0)
    pace.wait("read")
    clock.pass_by(60)
    pace.wait("read")
    pace.wait("read")

    assert clock() == 160.25


def test_a_pause_holds_its_own_class_only(clock: FakeClock) -> None:
    pace = _pace(clock)
    pace.hold("write", 30.0)
    pace.wait("read")

    assert clock.naps == []
    pace.wait("write")
    assert clock() == 130.0
    pace.wait("write")
    assert clock() == 130.0


def test_waiting_for_the_end_of_a_pause_delays_no_other_class(clock: FakeClock) -> None:
    left: list[float] = []

    def sleep(seconds: float) -> None:
        if not left:  # a reader comes while the writer waits out its pause
            left.append(clock())
            pace.wait("read")
            left.append(clock())
        clock.sleep(seconds)

    pace = Pace(4.0, clock=clock, sleep=sleep)
    pace.hold("write", 30.0)
    pace.wait("write")

    assert left == [100.0, 100.0]
    assert clock() == 130.0


def test_a_pause_prolonged_meanwhile_is_waited_out_whole(clock: FakeClock) -> None:
    def sleep(seconds: float) -> None:
        if clock() == 100.0:
            pace.hold("write", 60.0)
        clock.sleep(seconds)

    pace = Pace(None, clock=clock, sleep=sleep)
    pace.hold("write", 10.0)
    pace.wait("write")

    assert clock() == 160.0


def test_the_longer_of_two_pauses_rules(clock: FakeClock) -> None:
    pace = _pace(clock)
    pace.hold("write", 30.0)
    pace.hold("write", 5.0)
    pace.wait("write")

    assert clock() == 130.0


def test_a_turn_that_would_come_too_late_is_not_waited_for(clock: FakeClock) -> None:
    pace = _pace(clock, 1.0)
    pace.hold("write", 30.0)

    assert not pace.wait("write", 129.0)
    assert pace.wait("read", 100.0)
    assert not pace.wait("read", 100.5)
    assert clock.naps == []
    assert pace.wait("read", 101.0)
    assert clock() == 101.0
