from __future__ import annotations

import json
from pathlib import Path

import pytest

from airflow_provider_auth0link.cli.look import in_words
from airflow_provider_auth0link.cli.rates import FULL, LINK, METADATA, PUBLISHED, on_bucket
from tests.cli.commands import auth0link
from tests.fakes.export import account
from tests.house.tree import ROOT

# For 100,000 links: link alone, with two reads and an update, and with the reads of a full snapshot too.
TABLE = {
    "Free, 2/s": ("13.9 h", "2.3 d", "4.1 d"),
    "Essentials, Professional: 150/min": ("11.1 h", "11.1 h", "1.4 d"),
    "Essentials, Professional: 200/min": ("8.3 h", "16.7 h", "22.2 h"),
    "Enterprise, non-production, 2/s": ("13.9 h", "2.3 d", "4.1 d"),
    "Enterprise, production, 16/s": ("1.7 h", "6.9 h", "12.2 h"),
    "Private Cloud, dev, 20/s": ("1.4 h", "5.6 h", "9.7 h"),
    "Private Cloud, 1x, 50/s": ("33 min", "2.2 h", "3.9 h"),
    "Private Cloud, 5x, 250/s": ("7 min", "27 min", "47 min"),
    "Private Cloud, 15x, 750/s": ("2 min", "9 min", "16 min"),
}


def test_times_on_the_published_rates() -> None:
    assert {
        rate.title: tuple(in_words(rate.seconds(100_000, routes)) for routes in (LINK, METADATA, FULL))
        for rate in PUBLISHED
    } == TABLE


def test_the_documentation_shows_these_times() -> None:
    page = (ROOT / "docs/what-linking-does.md").read_text(encoding="utf-8")
    _, table = page.split("(7 requests) |\n|---|---|---|---|\n")
    rows = [line.strip("| ").split(" | ")[1:] for line in table.partition("\n\n")[0].splitlines()]

    assert [tuple(row) for row in rows] == list(TABLE.values())


def test_the_batch_as_it_stands_sends_what_is_counted_for_it(tmp_path: Path) -> None:
    export, plan = tmp_path / "users.ndjson", tmp_path / "plan.jsonl"
    users = [
        account("auth0|1", "ada@example.com"),
        account("auth0|2", "ada@example.com", app_metadata={"plan": "gold"}),
    ]
    export.write_text("".join(f"{json.dumps(each)}\n" for each in users), encoding="utf-8")
    plan.write_text('{"primary_user_id": "auth0|1", "secondary_user_id": "auth0|2"}\n', encoding="utf-8")

    answer = auth0link("rehearse", export.name, plan.name, "--json", cwd=tmp_path)

    once = {"connections": 1}  # in a run, whatever its pairs
    assert json.loads(answer.stdout)["requests_by_route"] == FULL | once


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
    assert [rate.title for rate in on_bucket(size)] == plans


def test_a_custom_bucket_is_taken_to_refill_in_a_second() -> None:
    (rate,) = on_bucket(7)

    assert rate.seconds(70_000, LINK) == pytest.approx(10_000, rel=0.01)
    assert rate.seconds(70_000, METADATA) == pytest.approx(40_000, rel=0.01)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3599, "60 min"), (3600, "1.0 h"), (86_400, "1.0 d")],
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
