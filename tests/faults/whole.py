"""
A thousand pairs against every fault: ``make test-faults``. It takes hours, so no other run collects it.

The client gives an answer one second; all else is as in a task: real time, real waits, as many requests at once as it
learns are worth having. Only where every third answer is a bare 429, which a client can but wait out, do its clock
and its waits run ten times as fast, else that were hours.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_auth0link.emulator.faults import KINDS
from tests.faults.disturbed import (
    SHARE,
    Arm,
    all_kinds,
    armed,
    carries,
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

PAIRS = 1000
TIMEOUT_S = 1.0
CLOSE = 0.03
REAL: dict[str, Any] = {"speed": 1.0, "naps": 1.0}
HURRIED: dict[str, Any] = {"speed": 10.0, "naps": 0.1}

FAULTS = {**{kind: armed(kind) for kind in KINDS}, "all": all_kinds}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[Json]:
    """Return what the pairs become where nothing goes wrong."""
    users, plan = duplicates(PAIRS)
    with site(tmp_path_factory.mktemp("calm"), users, at_once=32) as calm:
        calm.link(plan)
        return calm.state()


@pytest.mark.parametrize("options", [EVERYTHING, BARE], ids=["everything", "bare"])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_thousand_pairs(
    fault: str, options: dict[str, Any], undisturbed: list[Json], tmp_path: Path
) -> None:
    users, plan = duplicates(PAIRS)
    time = HURRIED if fault == "rate_limited" else REAL
    with site(tmp_path, users, timeout=TIMEOUT_S, keep_requests=100_000, **time) as rough:
        before = rough.state()
        counts = run_under_faults(rough, plan, FAULTS[fault], TIMEOUT_S, options)

        check_linked(rough, counts, plan)
        assert sum(shares(rough).values()) == pytest.approx(SHARE, abs=CLOSE)
        if carries(options):
            check_carried(before, rough.state(), plan)
            assert rough.state() == undisturbed


@pytest.mark.parametrize("status", [409, 400, 404, "missing"])
def test_a_thousand_links_of_which_a_third_are_applied_late(status: Any, tmp_path: Path) -> None:
    users, plan = duplicates(PAIRS)
    with site(tmp_path, users, timeout=TIMEOUT_S, relink_status=status, **REAL) as rough:
        counts = run_under_faults(rough, plan, linked_too_late, TIMEOUT_S, BARE)

        check_linked(rough, counts, plan)


@pytest.mark.parametrize("arm", [all_kinds, armed("reset_after")], ids=["all", "reset_after"])
def test_a_thousand_undos(arm: Arm, tmp_path: Path) -> None:
    users, plan = duplicates(PAIRS)
    with site(tmp_path, users, timeout=TIMEOUT_S, **REAL) as rough:
        before = rough.state()
        rough.link(plan)

        counts = undone_under_faults(rough, arm, TIMEOUT_S)
        assert counts == {"planned": PAIRS, "undone": PAIRS, "requests": sent(rough)}
        assert rough.state() == before
        assert [left for _, _, left in rough.reports().values() if left] == []
