"""
Three tenths of all requests meet a fault, and no link, no right and no value is lost or made twice.

A short form, seeded: ``make test-faults`` runs a thousand pairs against each fault, in real time.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_auth0link.emulator.faults import KINDS
from tests.faults.disturbed import (
    SHARE,
    Arm,
    all_kinds,
    armed,
    check_carried,
    check_linked,
    linked_too_late,
    run_under_faults,
    sent,
    shares,
    undone_under_faults,
)
from tests.faults.people import Json, duplicates
from tests.faults.site import BARE, EVERYTHING, site

TIMEOUT_S = 0.15
CLOSE = 0.12
"""How far the share that struck may be from the share that was asked for: some hundred requests were drawn."""

PAIRS, FEW_PAIRS = 12, 5
"""Few where a fault costs time."""

Undisturbed = Mapping[int, list[Json]]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """Return what so many pairs become where nothing goes wrong."""
    found = {}
    for pairs in (PAIRS, FEW_PAIRS):
        users, plan = duplicates(pairs)
        with site(tmp_path_factory.mktemp("calm"), users) as calm:
            calm.link(plan)
            found[pairs] = calm.state()
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_at_every_third_request_costs_nothing(
    kind: str, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    is_slow = kind in {"slow_before", "slow_after"}
    pairs = FEW_PAIRS if is_slow or kind == "rate_limited" else PAIRS
    users, plan = duplicates(pairs)
    # A client that heard that it is too fast waits; one that waits alone is not woken, and its waits can be cut short.
    waits: dict[str, Any] = {"at_once": 1, "speed": 40.0} if kind == "rate_limited" else {"at_once": 16}
    with site(tmp_path, users, timeout=TIMEOUT_S if is_slow else 5.0, seed=1, **waits) as rough:
        before = rough.state()
        counts = run_under_faults(rough, plan, armed(kind), TIMEOUT_S, EVERYTHING)

        check_linked(rough, counts, plan)
        assert shares(rough) == {kind: pytest.approx(SHARE, abs=CLOSE)}
        check_carried(before, rough.state(), plan)
        assert rough.state() == undisturbed[pairs]


@pytest.mark.parametrize(
    ("options", "pairs"),
    [pytest.param(EVERYTHING, 10, id="everything"), pytest.param(BARE, 48, id="bare")],
)
def test_all_faults_at_once(options: dict[str, Any], pairs: int, tmp_path: Path) -> None:
    users, plan = duplicates(pairs)
    with site(tmp_path, users, timeout=TIMEOUT_S, at_once=16, seed=2) as rough:
        counts = run_under_faults(rough, plan, all_kinds, TIMEOUT_S, options)

        check_linked(rough, counts, plan)
        assert sum(shares(rough).values()) == pytest.approx(SHARE, abs=CLOSE)


@pytest.mark.parametrize("status", [409, 400, 404, "missing"])
def test_a_link_that_is_applied_after_its_repeat_was_sent(status: Any, tmp_path: Path) -> None:
    users, plan = duplicates(16)
    with site(tmp_path, users, timeout=TIMEOUT_S, at_once=16, seed=3, relink_status=status) as rough:
        counts = run_under_faults(rough, plan, linked_too_late, TIMEOUT_S, BARE)

        check_linked(rough, counts, plan)


@pytest.mark.parametrize("arm", [all_kinds, armed("reset_after")], ids=["all faults", "reset_after"])
def test_faults_during_an_undo_cost_nothing(arm: Arm, tmp_path: Path) -> None:
    users, plan = duplicates(8)
    with site(tmp_path, users, timeout=TIMEOUT_S, at_once=16, seed=4) as rough:
        before = rough.state()
        rough.link(plan)

        counts = undone_under_faults(rough, arm, TIMEOUT_S)
        assert counts == {"planned": len(plan), "undone": len(plan), "requests": sent(rough)}
        assert rough.state() == before
        assert [left for _, _, left in rough.reports().values() if left] == []
