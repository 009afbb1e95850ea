"""The report of a journal: counts, runs, and the pairs that somebody should look at."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_auth0link.errors import AmbiguousError, AnswerError, BadRequestError
from airflow_provider_auth0link.linking.history import History
from airflow_provider_auth0link.linking.journal import forget_snapshots, read_history
from airflow_provider_auth0link.linking.report import STATES, Report, report, state_of
from tests.fakes.tenant import FakeTenant, Trouble, user
from tests.linking.rig import HOST, Rig

A, B, C, D = "auth0|a", "google-oauth2|b", "facebook|c", "github|4"
ONE, TWO = "1-0-" + "1" * 32, "2-7-" + "2" * 32


def told(rig: Rig) -> Report:
    return report(read_history(rig.store, None), rig.store.names())


def counts(found: Report) -> dict[str, int]:
    return {state: count for state, count in found.states.items() if count}


def test_a_run_is_counted_and_named() -> None:
    rig = Rig(FakeTenant(user(A), user(B), user(C, blocked=True)))
    rig.link([[A, B], [A, C]], guards=("not_blocked",))

    found = told(rig)

    assert (found.tenant, counts(found), dict(found.refused)) == (
        HOST,
        {"linked": 1, "refused": 1},
        {"not_blocked": 1},
    )
    assert (found.restorable, found.forgotten, found.look) == (1, 0, [])
    assert [(each.command, each.tried, each.map_index) for each in found.writers] == [("link", 1, 0)]
    assert found.segments >= 1
    assert found.snapshots >= 1


def test_a_pair_that_failed_is_named_with_its_reason() -> None:
    rig = Rig(FakeTenant(user(A), user(B)))
    rig.tenant.meets("link", Trouble(BadRequestError("no")))
    rig.link([[A, B]])

    (look,) = told(rig).look

    assert (look[:4], look.reason) == ((A, B, None, "failed"), "no")


def test_pairs_are_named_in_one_order_however_the_files_come() -> None:
    history = History()
    rows = [
        {
            "n": at,
            "kind": "outcome",
            "primary_user_id": A,
            "secondary_user_id": f"github|{name}",
            "outcome": how,
        }
        for at, (name, how) in enumerate(
            [("3", "refused"), ("1", "refused"), ("6", "failed"), ("2", "refused"), ("5", "failed")]
        )
    ]
    history.add(ONE, rows)

    found = report(history, [])

    assert [each.secondary_user_id for each in found.refusals] == ["github|1", "github|2", "github|3"]
    assert [each.secondary_user_id for each in found.look] == ["github|5", "github|6"]


def test_what_an_undo_did_and_left() -> None:
    rig = Rig(FakeTenant(user(A), user(B), user(C)))
    rig.link([[A, B], [A, C]])
    forget_snapshots(rig.store)

    assert (told(rig).restorable, told(rig).forgotten, told(rig).snapshots) == (0, 2, 0)

    rig.undo(only=[B])

    found = told(rig)
    assert counts(found) == {"linked": 1, "left": 1}
    assert [(each.secondary_user_id, each.state) for each in found.look] == [(B, "left")]
    assert "snapshot was deleted" in str(found.look[0].reason)


def test_what_is_undone_needs_no_look() -> None:
    rig = Rig(FakeTenant(user(A), user(B)))
    rig.link([[A, B]])
    rig.undo()

    found = told(rig)

    assert (counts(found), found.look, found.restorable) == ({"undone": 1}, [], 0)
    assert [each.command for each in found.writers] == ["link", "undo"]


@pytest.mark.parametrize("error", [AmbiguousError("lost"), BadRequestError("no")])
def test_an_undo_that_failed_is_to_be_run_again(error: AnswerError | AmbiguousError) -> None:
    rig = Rig(FakeTenant(user(A), user(B)))
    rig.link([[A, B]])
    rig.tenant.meets("get_user", *[Trouble(error)] * 9)
    rig.undo()

    found = told(rig)

    assert counts(found) == {"undoing": 1}
    assert found.look[0].reason == str(error)


def record(n: int, kind: str, **more: Any) -> dict[str, Any]:
    return {"at": "", "kind": kind, "n": n, "primary_user_id": A, "secondary_user_id": B, **more}


@pytest.mark.parametrize(
    ("records", "state"),
    [
        pytest.param([record(1, "intent")], "open", id="intent alone"),
        pytest.param([record(1, "intent"), record(2, "undo_intent")], "undoing", id="undo of an open one"),
        pytest.param([record(1, "outcome", outcome="unknown")], "unknown", id="unknown"),
        pytest.param([record(1, "outcome", outcome="from a later version")], "open", id="a word not known"),
    ],
)
def test_the_state_of_a_pair(records: list[dict[str, Any]], state: str) -> None:
    history = History()
    history.add(ONE, records)

    assert [state_of(known) for known in history] == [state]


def test_runs_stand_in_the_order_of_their_numbers_whatever_the_clocks_say() -> None:
    history = History()
    header = {"kind": "header", "tenant": HOST, "format": 1}
    later = {"command": "undo", "options": {"only": 3}, "plan_digest": "d"}
    history.add(TWO, [{**header, "n": 9, "at": "2026-01-01T00:00:00+00:00", **later}])
    history.add(ONE, [{**header, "n": 1, "at": "2026-01-02T00:00:00+00:00"}])

    first, second = report(history, []).writers

    assert (first.command, first.options, first.plan_digest) == ("?", {}, None)
    assert second == ("2026-01-01T00:00:00+00:00", "undo", 2, 7, "d", {"only": 3})


def test_as_json_every_state_is_there() -> None:
    rig = Rig(FakeTenant(user(A), user(B), user(C), user(D)))
    rig.link([[A, B]])

    row = json.loads(json.dumps(told(rig).to_json()))

    assert row["pairs"] == 1
    assert list(row["states"]) == list(STATES)
    assert row["runs"][0]["command"] == "link"
