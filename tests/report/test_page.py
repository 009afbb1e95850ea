"""The page: nothing to fetch, nothing that runs, everything from a journal as text, and its size."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from airflow_provider_auth0link.report.figures import ROWS_AT_MOST, of_journal
from airflow_provider_auth0link.report.page import render
from airflow_provider_auth0link.report.timeline import Step, Timeline
from tests.fakes.store import MemoryStore
from tests.fakes.tenant import FakeTenant
from tests.linking.rig import Rig

TAGS = {
    "html", "head", "meta", "link", "title", "style", "body", "main", "header", "section", "footer", "h1", "h2", "p",
    "dl", "dt", "dd", "ul", "li", "i", "div", "span", "bdi", "code", "table", "thead", "tbody", "tr", "th", "td",
    "svg", "path", "text", "strong",
}  # fmt: skip

ATTACKS = (
    "<script>alert(1)</script>",
    "</td></table><img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "'><a href=javascript:alert(1)>x</a>",
    "{{ figures.where }}{% include 'page.css' %}",
    "</style></title><iframe src=//evil.example>",
    "&lt;b&gt;<!-- -->]]>",
)


class Read(HTMLParser):
    """Takes a page apart."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def page(rows: list[dict[str, Any]], *, show_emails: bool = False, **header: Any) -> str:
    """Render the journal of a writer that noted these outcomes."""
    rig = Rig(FakeTenant())
    journal = rig.journal(header={"command": "link", **header})
    for row in rows:
        journal.note("outcome", row)
    journal.commit()
    return render(of_journal(rig.store), show_emails=show_emails)


def outcome(name: str, primary: str, secondary: str, **more: Any) -> dict[str, Any]:
    return {"primary_user_id": primary, "secondary_user_id": secondary, "outcome": name, **more}


STATES = ["linked", "already_linked", "refused", "failed", "unknown"]


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_comes_from_a_journal_is_text(attack: str) -> None:
    rows = [
        outcome(state, f"auth0|{attack}", f"samlp|{at}|{attack}", reason=f"no: {attack}", carried=[attack])
        for at, state in enumerate(STATES)
    ]
    calm = Read(page([outcome(state, "auth0|a", f"github|{at}") for at, state in enumerate(STATES)]))

    found = Read(page(rows, plan_digest=attack, options={attack: [attack], "guards": attack}))

    assert found.tags <= TAGS
    assert {name for name, _ in found.attributes} == {name for name, _ in calm.attributes}
    assert [value for name, value in found.attributes if name in {"src", "href"}] == ["data:,"]
    assert f"samlp|2|{attack}" in found.text


def test_nothing_is_fetched_and_nothing_runs() -> None:
    found = Read(page([outcome("linked", "auth0|a", "github|b")]))
    policy = dict(found.attributes)["content"]

    assert {"script", "img", "iframe", "object", "form", "a"} & found.tags == set()
    assert [name for name, _ in found.attributes if name.startswith("on")] == []
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    assert re.findall(r"url\(|@import|https?:", page([outcome("linked", "auth0|a", "github|b")])) == []


def test_e_mails_are_masked_unless_they_are_asked_for() -> None:
    rows = [
        outcome(
            state,
            f"email|p{at}@corp.example",
            f"samlp|x|s{at}@corp.example",
            reason=f"'r{at}@corp.example': no",
        )
        for at, state in enumerate(STATES)
    ]
    options = {"only": ["o@corp.example"]}

    assert "corp.example" not in page(rows, options=options)
    shown = page(rows, options=options, show_emails=True)
    assert [text for text in ("p2@corp", "s3@corp", "r4@corp", "o@corp") if text not in shown] == []


@pytest.mark.parametrize(
    "row", [None, outcome("linked", "auth0|a", "github|b")], ids=["a header alone", "a pair"]
)
def test_a_journal_of_little_has_a_page(row: dict[str, Any] | None) -> None:
    rig = Rig(FakeTenant())
    journal = rig.journal(header={"command": "link"})
    journal.note("outcome", row) if row else journal.note("later_kind", {})
    journal.commit()

    assert "From accounts to people" in render(of_journal(rig.store))


def test_numbers_have_their_thousands_and_the_cut_is_told() -> None:
    rows = [outcome("failed", f"auth0|{n}", f"github|{n}", reason="gone") for n in range(1_500)]

    text = Read(page(rows)).text

    assert "1,500 pairs" in text
    assert "The first 500 by the primary's id are listed; the journal has the other 1,000." in text


def test_a_page_full_of_long_ids_stays_under_2_mb() -> None:
    rows = [
        outcome(state, f"auth0|{at}{'p' * 240}{n}", f"samlp|{at}{'<' * 60}{n}", reason="why " * 500)
        for at, state in enumerate(("refused", "failed", "unknown"))
        for n in range(ROWS_AT_MOST + 1)
    ]

    assert len(page(rows).encode()) < 2_000_000


def test_the_reasons_leave_out_the_pair_that_the_row_names() -> None:
    pair = "'github|b' into 'auth0|a'"

    assert pair not in Read(page([outcome("failed", "auth0|a", "github|b", reason=f"{pair}: gone")])).text


class Turned(MemoryStore):
    """Reads from the other end."""

    def read_many(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        yield from reversed(list(super().read_many(names)))


def test_a_journal_has_one_page_however_it_is_read() -> None:
    store = MemoryStore()
    for writer in range(4):
        journal = Rig(FakeTenant(), store=store).journal(header={"command": "link"})
        for number in range(400):
            reason = f"{'limit' if number % 2 else 'drifted'}: no"
            pair = outcome("refused", f"auth0|{number}", f"github|{writer}-{number}", reason=reason)
            journal.note("outcome", pair)
        journal.commit()

    assert render(of_journal(store)) == render(of_journal(Turned(store.files)))


SHORTLY = "The limit held the run for too short a time at once to be measured."


@pytest.mark.parametrize(
    ("seconds", "at_limit", "said"),
    [
        (1, 0.92, f"{SHORTLY} The tenant's bucket was drawn down in 92 % of the time."),
        (7200, 0.025, f"{SHORTLY} The tenant's bucket was drawn down in 2 % of the time."),
        (1, 0.0, "the limit hardly held the run."),
        (1, None, "The journal tells of no limit."),
    ],
)
def test_a_limit_that_was_not_measured_is_not_contradicted(
    seconds: int, at_limit: float | None, said: str
) -> None:
    figures = of_journal(_linked_once())
    line = Timeline(seconds, (Step(0, 1, 1.0, 0.0),), (), None, measured=False, at_limit=at_limit)

    text = " ".join(Read(render(replace(figures, timeline=line))).text.split())

    assert said in text
    assert text.count("drawn down in") == (1 if at_limit else 0)


def _linked_once() -> MemoryStore:
    rig = Rig(FakeTenant())
    journal = rig.journal(header={"command": "link"})
    journal.note("outcome", outcome("linked", "auth0|a", "github|b"))
    journal.commit()
    return rig.store
