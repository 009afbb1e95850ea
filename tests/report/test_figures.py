"""From a journal to figures, on journals of real runs."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_auth0link.errors import BadRequestError, InputError
from airflow_provider_auth0link.linking.records import OUTCOME
from airflow_provider_auth0link.linking.report import REHEARSAL
from airflow_provider_auth0link.report.figures import ALIKE_AT_MOST, ROWS_AT_MOST, Figures, Undo, of_journal
from airflow_provider_auth0link.report.page import render
from tests.fakes.store import MemoryStore
from tests.fakes.tenant import FakeTenant, Trouble, user
from tests.linking.rig import Rig

A, B, C, D, E = "auth0|a", "google-oauth2|b", "facebook|c", "github|4", "samlp|x|e@example.com"


@pytest.fixture
def rig() -> Rig:
    """Return the journal of a run that linked two, refused one and failed at one."""
    rig = Rig(FakeTenant(user(A), user(B), user(C, blocked=True), user(D), user(E, user_metadata={"x": 1})))
    rig.tenant.meets("link", Trouble(BadRequestError("Auth0 says no")))
    rig.link([[A, B], [A, C], [A, D], [A, E]], guards=("not_blocked",))
    return rig


def funnel(figures: Figures) -> list[int]:
    return [each.count for each in figures.funnel]


def noted(rows: list[dict[str, Any]], *, header: dict[str, Any] | None = None, **changes: Any) -> MemoryStore:
    """Return the journal of a writer that noted these outcomes."""
    rig = Rig(FakeTenant())
    journal = rig.journal(header={"command": "link", **(header or {})}, **changes)
    for row in rows:
        journal.note(OUTCOME, row)
    journal.commit()
    return rig.store


def outcome(number: int, name: str = "linked", **more: Any) -> dict[str, Any]:
    pair = {"primary_user_id": f"auth0|{number}", "secondary_user_id": f"github|{number}"}
    return {**pair, "outcome": name, **more}


def test_a_run_from_accounts_to_people(rig: Rig) -> None:
    figures = of_journal(rig.store)

    assert figures.states == {"linked": 2, "refused": 1, "failed": 1}
    assert funnel(figures) == [5, 4, 2, 3]
    assert (figures.tenant, figures.pairs, figures.undo) == ("acme.eu.auth0.com", 4, None)
    assert [(each.name, each.count) for each in figures.gains] == [("user_metadata.x", 1)]
    assert figures.requests == sum(each["requests"] for each in rig.records(OUTCOME))


def test_what_a_plan_counted_comes_before(rig: Rig) -> None:
    counts = {"accounts": 900, "candidates": 40, "planned": 6, "per_rule": {"verified_email": 6}}

    assert funnel(of_journal(rig.store, plan_counts=counts)) == [900, 40, 6, 5, 4, 2, 3]


@pytest.mark.parametrize(
    ("mine", "theirs", "said"),
    [
        pytest.param("a" * 64, "a" * 64, False, id="the-same"),
        pytest.param("a" * 64, "b" * 64, True, id="another"),
        pytest.param(None, "b" * 64, False, id="the-journal-tells-none"),
        pytest.param("a" * 64, None, False, id="the-counts-tell-none"),
    ],
)
def test_counts_of_another_plan_are_told(mine: str | None, theirs: str | None, said: bool) -> None:
    store = noted([outcome(1)], header={"plan_digest": mine})

    page = render(of_journal(store, plan_counts={"accounts": 9, "plan_digest": theirs}))

    assert ("a plan with sha256 bbbbbbbbbbbb, which no run of this journal names" in page) is said


def test_what_drifted_means_is_told_where_it_is_listed() -> None:
    drifted = outcome(1, "refused", reason="drifted: email")

    page = render(of_journal(noted([drifted])))

    assert (
        page.count("drifted: what the plan knew of the two no longer holds") == 2
    )  # at reasons, and at pairs
    assert "what the plan knew" not in render(of_journal(noted([outcome(1)])))


@pytest.mark.parametrize("count", ["900", -1, True, 1.5, None], ids=repr)
def test_counts_that_are_none_are_refused(count: object, rig: Rig) -> None:
    with pytest.raises(InputError, match="plan_counts: accounts: expected a whole number"):
        of_journal(rig.store, plan_counts={"accounts": count})


def test_an_undo_takes_accounts_and_gains_back(rig: Rig) -> None:
    rig.undo([E])

    figures = of_journal(rig.store)

    assert figures.undo is not None
    assert figures.undo.undone == 1
    assert funnel(figures) == [5, 4, 1, 4]
    assert figures.gains == ()


def test_an_undo_of_nothing_is_told_too(rig: Rig) -> None:
    journal = rig.journal("undo")
    journal.note("undo_intent", {"primary_user_id": A, "secondary_user_id": D})
    journal.commit()

    assert of_journal(rig.store).undo == Undo(0, 0, 1, 0)


def test_what_was_linked_again_after_an_undo_is_gained(rig: Rig) -> None:
    rig.undo([E])
    rig.link([[A, E]])

    assert [(each.name, each.count) for each in of_journal(rig.store).gains] == [("user_metadata.x", 1)]


def test_the_pairs_to_look_at_and_why(rig: Rig) -> None:
    figures = of_journal(rig.store)

    assert [(each.state, each.reason, each.count) for each in figures.reasons] == [
        ("linked", None, 2),
        ("refused", "not_blocked: the secondary is blocked", 1),
        ("failed", "Auth0 says no", 1),
    ]
    assert [(each.state, [row.secondary_user_id for row in each.rows]) for each in figures.listings] == [
        ("failed", [B]),
        ("refused", [C]),
    ]


def test_lists_are_cut_and_counts_are_not() -> None:
    rows = [outcome(number, "failed", reason=f"'x|{number}': gone") for number in range(ROWS_AT_MOST + 7)]

    figures = of_journal(noted(rows))

    (listing,) = figures.listings
    assert (listing.count, len(listing.rows)) == (ROWS_AT_MOST + 7, ROWS_AT_MOST)
    assert [(each.reason, each.count) for each in figures.reasons] == [("gone", ROWS_AT_MOST + 7)]


def test_reasons_of_one_kind_count_as_one_where_they_are_many() -> None:
    few = [outcome(n, "refused", reason=f"limit: {n}") for n in range(ALIKE_AT_MOST)]
    many = [outcome(100 + n, "refused", reason=f"conflicts: at app_metadata.k{n}") for n in range(9)]

    figures = of_journal(noted(few + many))

    assert [(each.reason, each.count) for each in figures.reasons] == [
        ("conflicts", 9),
        ("limit: 0", 1),
        ("limit: 1", 1),
        ("limit: 2", 1),
    ]


def test_the_journal_of_a_rehearsal_is_told_as_one() -> None:
    store = noted([outcome(1, carried=["app_metadata.x"])], tenant=REHEARSAL)

    figures = of_journal(store, title="Friday")

    assert (figures.rehearsal, figures.timeline) == (True, None)
    assert [each.name for each in figures.funnel][-2:] == [
        "pairs that would be linked",
        "people that those accounts would be",
    ]
    assert "Friday: a rehearsal, nothing was changed" in render(figures)
    with pytest.raises(InputError, match="tells nothing of a tenant"):
        of_journal(store, limit_per_s=16)


def test_a_limit_in_requests_is_one_in_links_by_what_a_link_took() -> None:
    store = noted([outcome(n, requests=4) for n in range(10)])

    line = of_journal(store, limit_per_s=16).timeline

    assert line is not None
    assert (line.limit, line.measured) == (4.0, False)


def test_the_limit_is_read_from_the_journal() -> None:
    moments = iter([f"2026-01-01T00:{second // 60:02}:{second % 60:02}+00:00" for second in range(200)])
    rows = [outcome(n) for n in range(100)]

    store = noted(rows, at=lambda: next(moments), used=lambda: 0.28)

    line = of_journal(store).timeline
    assert line is not None
    assert (line.limit, line.at_limit) == (1.0, 1.0)


def test_the_limit_is_noted_once_a_second() -> None:
    rig = Rig(FakeTenant())
    journal = rig.journal(used=lambda: 0.456)
    for number in range(3):
        journal.note(OUTCOME, outcome(number))
    journal.commit()

    assert [each.get("limit_used") for each in rig.records(OUTCOME)] == [0.46, None, None]


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"requests": "9"}, id="requests are text"),
        pytest.param({"requests": -3}, id="requests are below 0"),
        pytest.param({"requests": 10**400}, id="requests are endless"),
        pytest.param({"limit_used": float("nan")}, id="limit is no number"),
        pytest.param({"limit_used": 7}, id="limit is over 1"),
        pytest.param({"carried": "user_metadata.x"}, id="carried is text"),
        pytest.param({"carried": [1, None]}, id="carried is no path"),
        pytest.param({"at": 12}, id="no time"),
    ],
)
def test_what_others_wrote_into_a_record_does_no_harm(more: dict[str, Any]) -> None:
    figures = of_journal(noted([outcome(1, **more)], header={"options": [1]}))

    assert (figures.states, figures.requests, figures.gains) == ({"linked": 1}, 0, ())


def test_where_there_is_no_journal_it_is_said() -> None:
    with pytest.raises(InputError, match="memory: there is no journal"):
        of_journal(MemoryStore())
