"""The chart: marks, durations, and an SVG that is well formed and keeps within itself."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import pytest

from airflow_provider_auth0link.report.chart import NARROW, WIDE, Size, chart, in_words, scale
from airflow_provider_auth0link.report.timeline import Step, Timeline


def timeline(
    rates: list[tuple[float, float]], limit: float | None = None, pauses: tuple[int, ...] = ()
) -> Timeline:
    steps = tuple(Step(at, at + 1, linked, undone) for at, (linked, undone) in enumerate(rates))
    return Timeline(len(rates), steps, pauses, limit, measured=False, at_limit=None)


def drawn(line: Timeline, size: Size = WIDE) -> dict[str, list[str]]:
    """Return the paths by class."""
    found: dict[str, list[str]] = {}
    for path in ET.fromstring(chart(line, size)).iter("path"):
        found.setdefault(path.attrib["class"], []).append(path.attrib["d"])
    return found


@pytest.mark.parametrize(
    ("highest", "marks"),
    [
        pytest.param(0.0, 2, id="nothing"),
        pytest.param(0.001, 6, id="little"),
        pytest.param(1, 6, id="one"),
        pytest.param(3.9, 5, id="four"),
        pytest.param(4, 5, id="even"),
        pytest.param(41, 6, id="tens"),
        pytest.param(123_456, 5, id="much"),
    ],
)
def test_an_axis_has_a_few_round_marks_and_room_for_all(highest: float, marks: int) -> None:
    found = scale(highest)

    assert 2 <= len(found) <= marks
    assert found[0] == 0
    assert found[-1] >= highest
    assert {f"{each:.0e}"[0] for each in found[1:2]} <= {"1", "2", "5"}


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (60, "1 min"),
        (425, "7 min 5 s"),
        (3_600, "1 h"),
        (12_000, "3 h 20 min"),
        (187_200, "2 d 4 h"),
    ],
)
def test_a_duration_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("seconds", [1, 7, 61, 4_000])
def test_it_keeps_within_its_size(size: Size, seconds: int) -> None:
    text = chart(timeline([(3.7, 0.2)] * seconds, limit=4.0), size)

    numbers = [float(each) for each in re.findall(r"[MH](-?[\d.]+)", text)]
    texts = [float(each.attrib["x"]) for each in ET.fromstring(text).iter("text")]
    assert min(numbers + texts) >= 0
    assert max(numbers + texts) <= size.width
    assert len(texts) <= size.times + 12


def test_links_undone_limit_and_pauses_are_drawn() -> None:
    found = drawn(timeline([(4, 0), (0, 0), (2, 0), (0, 3)], limit=4.0, pauses=(1, 3)))

    assert [len(found[name]) for name in ("linked", "undone", "limit", "pause")] == [1, 1, 1, 2]
    assert found["linked"][0].count("M") == 2
    assert found["undone"][0].count("M") == 1


def test_what_there_is_not_is_not_drawn() -> None:
    found = drawn(timeline([(4, 0)]))

    assert {"undone", "limit", "pause"} & found.keys() == set()


def test_the_highest_bar_reaches_its_mark() -> None:
    found = drawn(timeline([(4, 0)]))["linked"][0]

    assert f"V{WIDE.top:.1f}" in found
