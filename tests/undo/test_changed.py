"""What was changed between a run and its undo is left as it is, and reported; nothing is guessed."""

from __future__ import annotations

from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from airflow_provider_auth0link.api.retry import PAIR_SECONDS
from airflow_provider_auth0link.model import UserId
from tests.faults.people import DATABASE, user
from tests.faults.site import BARE, EVERYTHING, Site, site
from tests.undo.world import ADA, PLAN, others, world

GOOGLE, GITHUB, FACEBOOK = "google-oauth2|ada", "github|7", "facebook|ada"
P, SAME = "auth0|p", "auth0|same"


def row_of(here: Site, user_id: str) -> dict[str, Any]:
    """Return all that the tenant has of one account."""
    return next(row for row in here.state() if row["user_id"] == user_id)


def test_what_somebody_changed_is_left_and_reported(tmp_path: Path) -> None:
    with site(tmp_path, world(), roles=[{"id": "rol_theirs", "name": "theirs"}]) as here:
        before = row_of(here, ADA)
        here.link(PLAN, guards=())
        merged = row_of(here, ADA)
        user_metadata = {
            "deep": {**merged["user_metadata"]["deep"], "h": "theirs", "also": "theirs"},
            "new": 1,
        }
        body = {"user_metadata": user_metadata, "app_metadata": {"m": 2}}
        work = here.work()
        work.update_user(UserId.parse(ADA, "user_id"), body)
        work.remove_roles(UserId.parse(ADA, "user_id"), {"rol_b"})
        work.add_roles(UserId.parse(ADA, "user_id"), {"rol_theirs"})

        assert here.undo()["undone"] == len(PLAN)
        after = row_of(here, ADA)
        assert after["user_metadata"] == {
            **before["user_metadata"],
            "deep": {**before["user_metadata"]["deep"], "h": "theirs", "also": "theirs"},
            "new": 1,
        }
        assert after["app_metadata"] == {**before["app_metadata"], "m": 2}
        assert after["roles"] == ["rol_a", "rol_theirs"]
        assert [left for _, _, left in here.reports().values() if left] == [
            [f"{ADA}: user_metadata.deep.h", f"{ADA}: app_metadata.m"]
        ]


def test_what_a_secondary_was_given_while_an_undo_stood_still_is_left(tmp_path: Path) -> None:
    with site(tmp_path, world()) as here:
        here.link([[ADA, FACEBOOK]])
        here.tenant.faults.add("status_before", route="user_get", path="facebook", count=None)
        here.patience = 3.0
        assert here.undo()["failed"] == 1
        here.patience = PAIR_SECONDS
        here.tenant.faults.clear()
        here.work().update_user(
            UserId.parse(FACEBOOK, "user_id"), {"user_metadata": {"v": "theirs", "own": 1}}
        )

        assert here.undo()["undone"] == 1
        assert row_of(here, FACEBOOK)["user_metadata"] == {
            "v": "theirs",
            "own": 1,
            "list": [2],
            "deep": {"g": []},
        }
        assert here.reports()[FACEBOOK][2] == [f"{FACEBOOK}: user_metadata.v"]


def test_a_primary_that_is_gone(tmp_path: Path) -> None:
    with site(tmp_path, world()) as here:
        here.link(PLAN, guards=())
        here.work().free("DELETE", "/api/v2/users/auth0%7Cada")
        before = here.state()

        assert here.undo(only=[GOOGLE, GITHUB, FACEBOOK])["left"] == 3
        said = "the primary account is not there: deleted, or linked elsewhere. Nothing was touched"
        assert {reason for _, reason, _ in here.reports().values() if reason} == {
            f"'{each}' from '{ADA}': {said}" for each in (GOOGLE, GITHUB, FACEBOOK)
        }
        assert here.state() == before


def test_a_primary_that_became_a_secondary_since(tmp_path: Path) -> None:
    with site(tmp_path, world()) as here:
        here.link([[ADA, FACEBOOK]])
        here.pair("auth0|eve", ADA, carry=(), guards=())
        before = here.state()

        assert here.undo()["left"] == 1
        assert "the primary account is not there" in str(here.reports()[FACEBOOK][1])
        assert here.state() == before


@pytest.mark.parametrize("elsewhere", [True, False], ids=["linked elsewhere", "unlinked"])
def test_a_secondary_that_is_not_there_any_more(elsewhere: bool, tmp_path: Path) -> None:
    with site(tmp_path, world()) as here:
        here.link([[ADA, FACEBOOK]])
        here.work().unlink(UserId.parse(ADA, "user_id"), UserId.parse(FACEBOOK, "user_id"))
        if elsewhere:
            here.pair("auth0|eve", FACEBOOK, carry=(), guards=())
        before = here.state()

        assert here.undo()["left"] == 1
        outcome, reason, _ = here.reports()[FACEBOOK]
        said = "linked elsewhere, or deleted" if elsewhere else "somebody unlinked it since"
        assert outcome == "left"
        assert said in str(reason)
        assert here.state() == before


@pytest.mark.parametrize("options", [EVERYTHING, BARE], ids=["everything", "bare"])
@pytest.mark.parametrize("named", [DATABASE, "second", None])
def test_one_of_two_accounts_under_one_id(named: str | None, options: dict[str, Any], tmp_path: Path) -> None:
    with site(tmp_path, others()) as here:
        before = here.state()
        number = {} if named is None else {"connection_id": here.tenant.connection_id(named)}
        counts = here.link([{"primary_user_id": P, "secondary_user_id": SAME, **number}], **options)
        if named == "second":  # what the tenant reads under the id is the other one
            assert counts["refused"] == 1
            assert here.records("outcome")[0]["reason"].startswith("ambiguous: ")
            assert here.state() == before
            return
        assert counts["linked"] == 1
        identities = row_of(here, P)["identities"]
        assert [(row["connection"], row["user_id"]) for row in identities] == [
            (DATABASE, "p"),
            (DATABASE, "same"),
        ]
        assert row_of(here, SAME)["user_metadata"] == {"second": True}
        assert "second" not in row_of(here, P)["user_metadata"]

        linked = here.state()  # to unlink it would leave two accounts under the id, and writes go to either
        assert here.undo()["left"] == 1
        assert "an account of another connection bears its id" in str(here.reports()[SAME][1])
        assert here.state() == linked


def test_both_of_two_accounts_under_one_id(tmp_path: Path) -> None:
    with site(tmp_path, others()) as here:
        lines = [
            {
                "primary_user_id": P,
                "secondary_user_id": SAME,
                "connection_id": here.tenant.connection_id(name),
            }
            for name in (DATABASE, "second")
        ]
        assert here.link(lines)["linked"] == 2
        assert [row["connection"] for row in row_of(here, P)["identities"]] == [DATABASE, DATABASE, "second"]
        assert row_of(here, P)["user_metadata"] == {"p": 1, "first": True, "second": True}

        assert {name: count for name, count in here.undo().items() if name != "requests"} == {
            "planned": 2,
            "undone": 1,
            "left": 1,
        }
        assert row_of(here, SAME) == {**others()[2], "roles": [], "permissions": [], "organizations": {}}


@pytest.mark.parametrize("options", [{}, {"carry": (), "guards": ()}], ids=["default", "one request"])
def test_a_single_pair_of_two_accounts_under_one_id_is_never_guessed(
    options: dict[str, Any], tmp_path: Path
) -> None:
    with site(tmp_path, others()) as here:
        before = here.state()
        outcome = here.pair(P, SAME, **options)
        assert outcome.name == "failed"
        assert "Give connection_id" in str(outcome.reason)
        assert here.state() == before

        outcome = here.pair(P, SAME, here.tenant.connection_id("second"), **options)
        assert outcome.name == "refused"
        assert here.state() == before

        outcome = here.pair(P, SAME, here.tenant.connection_id(DATABASE), **options)
        assert outcome.name == "linked"
        assert row_of(here, SAME)["user_metadata"] == {"second": True}


def test_pairs_of_one_primary_lose_nothing_of_each_other(tmp_path: Path) -> None:
    count = 12
    people = [user("auth0|hub", user_metadata={"list": [-1], "deep": {"own": 1}})] + [
        user(
            f"google-oauth2|{number}",
            user_metadata={"list": [number], "deep": {f"d{number}": number}, f"k{number}": number},
            roles=[f"rol_{number}"],
            organizations={"org_1": [f"rol_{number}"]},
        )
        for number in range(count)
    ]
    plan = [["auth0|hub", f"google-oauth2|{number}"] for number in range(count)]
    with site(tmp_path, people, at_once=64, latency=0.004) as here:
        before = here.state()
        assert here.link(plan)["linked"] == count
        kept = row_of(here, "auth0|hub")
        assert kept["user_metadata"] == {
            "list": [-1, *range(count)],
            "deep": {"own": 1, **{f"d{number}": number for number in range(count)}},
            **{f"k{number}": number for number in range(count)},
        }
        assert kept["roles"] == sorted(f"rol_{number}" for number in range(count))
        assert kept["organizations"] == {"org_1": kept["roles"]}
        assert [row["user_id"] for row in kept["identities"]] == ["hub", *map(str, range(count))]
        here.undo()
        assert here.state() == before


def test_two_runs_at_once_link_each_pair_once(tmp_path: Path) -> None:
    with site(tmp_path, world()) as here:
        before = here.state()
        ends: list[dict[str, Any]] = []
        runs = [Thread(target=lambda: ends.append(here.link(PLAN, guards=()))) for _ in range(2)]
        for run in runs:
            run.start()
        for run in runs:
            run.join()

        assert len(ends) == 2
        assert all(each.get("linked", 0) + each.get("already_linked", 0) == len(PLAN) for each in ends)
        assert set(here.tenant.links_applied.values()) == {1}
        here.undo()
        assert here.state() == before
