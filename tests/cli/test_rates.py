from __future__ import annotations

import pytest

from airflow_provider_auth0link.cli.rates import PUBLISHED, in_words, on_bucket

# "Sizes and times" for 100,000 links: link alone, and with two reads and an update.
TABLE = {
    "Free, 2/s": ("13.9 h", "2.3 d"),
    "Essentials, Professional: 150/min": ("11.1 h", "11.1 h"),
    "Essentials, Professional: 200/min": ("8.3 h", "16.7 h"),
    "Enterprise, non-production, 2/s": ("13.9 h", "2.3 d"),
    "Enterprise, production, 16/s": ("1.7 h", "6.9 h"),
    "Private Cloud, dev, 20/s": ("1.4 h", "5.6 h"),
    "Private Cloud, 1x, 50/s": ("33 min", "2.2 h"),
    "Private Cloud, 5x, 250/s": ("7 min", "27 min"),
    "Private Cloud, 15x, 750/s": ("2 min", "9 min"),
}


def test_times_on_the_published_rates() -> None:
    assert {
        rate.plan: tuple(in_words(rate.seconds(100_000, carrying=carrying)) for carrying in (False, True))
        for rate in PUBLISHED
    } == TABLE


@pytest.mark.parametrize(
    ("size", "plans"),
    [
        pytest.param(None, [], id="none-seen"),
        pytest.param(2, ["Free, 2/s"], id="free"),
        pytest.param(40, [name for name in TABLE if name.startswith("Essentials")], id="reads-of-essentials"),
        pytest.param(50, ["Enterprise, production, 16/s", "Private Cloud, 1x, 50/s"], id="two-plans"),
        pytest.param(7, ["bucket of 7, if refilled every second"], id="custom"),
    ],
)
def test_a_bucket_tells_which_limits_it_may_be(size: int | None, plans: list[str]) -> None:
    assert [rate.plan for rate in on_bucket(size)] == plans


def test_a_custom_bucket_is_taken_to_refill_in_a_second() -> None:
    (rate,) = on_bucket(7)

    assert rate.seconds(70, carrying=False) == 10
    assert rate.seconds(70, carrying=True) == 40


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3599, "60 min"), (3600, "1.0 h"), (86_400, "1.0 d")],
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
