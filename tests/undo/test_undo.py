"""After a run and its undo, a users export is what it was before: over real HTTP, with all that can be restored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_auth0link.emulator.export import VOLATILE
from airflow_provider_auth0link.linking.options import METADATA
from tests.faults.people import Json, identity, user
from tests.faults.site import Site, site
from tests.undo.world import ADA, PLAN, SECONDARIES, world

LINKED = len(PLAN)
IN_ORDERS = [
    pytest.param([None], id="all at once"),
    pytest.param([SECONDARIES[:2], None], id="first linked first"),
    pytest.param([SECONDARIES[2:], None], id="last linked first"),
    pytest.param([[each] for each in SECONDARIES], id="one by one, in the order linked"),
    pytest.param([[each] for each in reversed(SECONDARIES)], id="one by one, in reverse"),
]


def export(site: Site) -> list[str]:
    """Return the lines of a users export, by user id, but for dates, counts and metadata that are empty."""
    rows = sorted(site.tenant.export(), key=lambda row: str(row["user_id"]))
    return [json.dumps(_lasting(row), sort_keys=True) for row in rows]


def _lasting(row: Json) -> Json:
    kept = {key: value for key, value in row.items() if key not in VOLATILE}
    return {key: value for key, value in kept.items() if key not in METADATA or value != {}}


@pytest.mark.parametrize("parts", IN_ORDERS)
@pytest.mark.parametrize("conflicts", ["primary", "secondary"])
def test_an_export_is_as_it_was(conflicts: str, parts: list[list[str] | None], tmp_path: Path) -> None:
    with site(tmp_path, world()) as here:
        before, rows = here.state(), export(here)
        assert here.link(PLAN, guards=(), conflicts=conflicts)["linked"] == LINKED
        assert here.state() != before
        undone = [here.undo(only)["undone"] for only in parts]

        assert sum(undone) == LINKED
        assert here.state() == before
        assert export(here) == rows
        assert [left for _, _, left in here.reports().values() if left] == []


@pytest.mark.parametrize("nested_order", ["root_first", "root_last"])
def test_an_export_is_as_it_was_after_runs_that_merged_on(nested_order: str, tmp_path: Path) -> None:
    runs = [
        [["google-oauth2|ada", "github|7"], ["auth0|bob", "windowslive|bob"]],
        [[ADA, "google-oauth2|ada"], ["facebook|ada", "auth0|bob"]],
        [[ADA, "facebook|ada"]],
    ]
    with site(tmp_path, world(), nested_order=nested_order) as here:
        before, rows = here.state(), export(here)
        for pairs in runs:
            assert here.link(pairs, guards=())["linked"] == len(pairs)

        assert here.undo()["undone"] == sum(map(len, runs))
        assert here.state() == before
        assert export(here) == rows
        assert [left for _, _, left in here.reports().values() if left] == []


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"carry": METADATA}, id="default carry"),
        pytest.param({"carry": ()}, id="nothing carried"),
        pytest.param(
            {
                "carry_except": ("app_metadata.flags", "roles.rol_c", "organizations.org_2"),
                "conflicts": "secondary",
            },
            id="some never carried",
        ),
    ],
)
def test_an_export_is_as_it_was_whatever_was_carried(options: dict[str, Any], tmp_path: Path) -> None:
    with site(tmp_path, world()) as here:
        before = here.state()
        here.link(PLAN, guards=(), **options)
        here.undo()

        assert here.state() == before


@pytest.mark.parametrize("nested_order", ["root_first", "root_last"])
@pytest.mark.parametrize("unlink_missing_status", [400, 404])
def test_an_export_is_as_it_was_however_a_tenant_answers(
    nested_order: str, unlink_missing_status: int, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {"nested_order": nested_order, "unlink_missing_status": unlink_missing_status}
    with site(tmp_path, world(), **settings) as here:
        before = here.state()
        here.link(PLAN, guards=())
        here.tenant.faults.add("reset_after", route="unlink", share=0.5)
        here.undo()

        assert here.state() == before


def test_merged_undone_merged_again_and_undone_again(tmp_path: Path) -> None:
    with site(tmp_path, world()) as here:
        before = here.state()
        here.link(PLAN, guards=())
        merged = here.state()
        here.undo()

        assert here.link(PLAN, guards=())["linked"] == LINKED
        assert here.state() == merged
        assert here.undo()["undone"] == LINKED
        assert here.state() == before
        assert here.undo() == {}


def test_without_rights_in_the_snapshots_those_alone_are_not_restored(tmp_path: Path) -> None:
    kinds = ("roles", "permissions", "organizations")
    with site(tmp_path, world()) as here:
        before = here.state()
        here.link(PLAN, guards=(), snapshot="metadata")
        here.undo()

        nothing: Json = {"roles": [], "permissions": [], "organizations": {}}
        assert here.state() == [
            {**row, **nothing} if row["user_id"] in SECONDARIES else row for row in before
        ]
        assert all(kind in row for row in before for kind in kinds)


def test_a_pair_that_was_linked_before_the_run_stays_linked(tmp_path: Path) -> None:
    with site(tmp_path, world()) as here:
        here.pair("auth0|ada", "facebook|ada", carry=(), guards=())
        before = here.state()
        assert here.link(PLAN, guards=()) == {
            "planned": LINKED,
            "linked": LINKED - 1,
            "already_linked": 1,
            "requests": pytest.approx(70, abs=10),
        }
        assert here.undo()["planned"] == LINKED - 1
        assert here.state() == before


def test_what_an_undo_does_not_bring_back(tmp_path: Path) -> None:
    primary = user("auth0|p")
    secondary = user(
        "google-oauth2|s",
        identity("twitter|no-profile"),
        user_metadata={"null": None, "kept": {"null": None}},
        app_metadata={},
        blocked=False,
        multifactor=["guardian"],
        last_login="2026-01-01T00:00:00.000Z",
        logins_count=7,
    )
    secondary["identities"].reverse()
    with site(tmp_path, [primary, secondary]) as here:
        before = {row["user_id"]: row for row in here.tenant.export()}
        here.link([["auth0|p", "google-oauth2|s"]])
        here.undo()
        after = {row["user_id"]: row for row in here.tenant.export()}

    was, now = before["google-oauth2|s"], after["google-oauth2|s"]
    changed = {key: (was.get(key), now.get(key)) for key in was | now if was.get(key) != now.get(key)}
    linked, own = was["identities"]
    for key in ("created_at", "updated_at"):
        changed.pop(key, None)
    assert changed == {
        "last_login": ("2026-01-01T00:00:00.000Z", None),
        "logins_count": (7, None),
        "multifactor": (["guardian"], None),
        "blocked": (False, None),
        "app_metadata": ({}, None),
        "user_metadata": ({"null": None, "kept": {"null": None}}, {"kept": {"null": None}}),
        "identities": ([linked, own], [own, {**linked, "profileData": {}}]),
    }
    assert _lasting(after["auth0|p"]) == _lasting(before["auth0|p"])
