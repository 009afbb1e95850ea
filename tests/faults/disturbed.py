"""A tenant whose every answer may go wrong, and what has to be true after a run there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow_provider_auth0link.emulator.faults import KINDS
from tests.faults.people import Json, held
from tests.faults.site import EVERYTHING, Site

SHARE = 0.3
"""Of all requests, so many meet a fault."""

STATUSES = (500, 502, 503)

Arm = Callable[[Site, float], None]
"""Arms a tenant's faults: (site, the client's timeout in seconds)."""


def armed(kind: str, **options: Any) -> Arm:
    """
    Arm one kind.

    Shares are drawn one fault after the other, so three of a tenth each are a little less than three tenths: the
    later ones are given a little more.
    """

    def arm(site: Site, timeout: float) -> None:
        variants = _variants(kind, timeout)
        for left, more in zip(range(len(variants), 0, -1), variants, strict=True):
            before = SHARE * (len(variants) - left) / len(variants)
            share = SHARE / len(variants) / (1 - before)
            site.tenant.faults.add(kind, share=share, **more, **options)

    return arm


def _variants(kind: str, timeout: float) -> list[dict[str, Any]]:
    if kind.startswith("status"):
        return [{"status": status} for status in STATUSES]
    if kind.startswith("reset"):
        return [{"graceful": graceful} for graceful in (True, False)]
    if kind == "rate_limited":
        # With a bucket's headers the client would believe that the bucket is empty, and slow down as it should.
        return [{"headers": False}, {"headers": False, "retry_after": 0}]
    return [{"delay": 2 * timeout}] if kind.startswith("slow") else [{}]


def all_kinds(site: Site, timeout: float) -> None:
    """Arm all kinds, each as often as any other, and together three tenths."""
    each = SHARE / len(KINDS)
    for number, kind in enumerate(KINDS):
        options = _variants(kind, timeout)[0]
        site.tenant.faults.add(kind, share=each / (1 - number * each), **options)


def linked_too_late(site: Site, timeout: float) -> None:
    """Let every third link be applied only when the client has given it up, has looked, and has sent it again."""
    site.tenant.faults.add("slow_before", route="link", share=SHARE, delay=1.6 * timeout, late=True)


def run_under_faults(
    site: Site, plan: list[list[str]], arm: Arm, timeout: float, options: dict[str, Any]
) -> dict[str, Any]:
    """Link a plan while faults strike; then they are disarmed. Returns the counts, and the faults that struck."""
    site.tenant.clear_requests()
    arm(site, timeout)
    counts = site.link(plan, **options)
    site.tenant.faults.clear()
    return counts


def undone_under_faults(site: Site, arm: Arm, timeout: float) -> dict[str, Any]:
    """Undo while faults strike; then they are disarmed."""
    site.tenant.clear_requests()
    arm(site, timeout)
    counts = site.undo()
    site.tenant.faults.clear()
    return counts


def shares(site: Site) -> dict[str, float]:
    """Return which share of the requests that are remembered met which fault."""
    requests = [each for each in site.tenant.requests if each.route != "token"]
    kinds = {each.fault for each in requests if each.fault}
    return {kind: sum(each.fault == kind for each in requests) / len(requests) for kind in kinds}


def sent(site: Site) -> int:
    """Return how many requests the tenant saw since it was last asked to forget, the token's not counted."""
    return sum(number for route, number in site.tenant.counts.items() if route != "token")


def check_linked(site: Site, counts: dict[str, Any], plan: list[list[str]]) -> None:
    """Check that every pair was linked once, and that the counts say what the tenant did."""
    assert counts == {"planned": len(plan), "linked": len(plan), "requests": sent(site)}
    stars = _stars(plan)
    assert site.tenant.links_applied == {
        (primary, secondary): 1 for primary, all_of in stars.items() for secondary in all_of
    }


def check_carried(before: list[Json], after: list[Json], plan: list[list[str]]) -> None:
    """Check that the accounts that are left are the primaries, each with all that its secondaries had."""
    was = {row["user_id"]: row for row in before}
    now = {row["user_id"]: row for row in after}
    stars = _stars(plan)
    assert now.keys() == was.keys() - {each for all_of in stars.values() for each in all_of}
    for primary, all_of in stars.items():
        for secondary in [primary, *all_of]:
            then, kept = was[secondary], now[primary]
            for key in ("user_metadata", "app_metadata", "roles", "permissions", "organizations"):
                assert held(kept.get(key), then.get(key)), f"{key} of {secondary}"
            identities = {(row["connection"], str(row["user_id"])) for row in kept["identities"]}
            assert {(row["connection"], str(row["user_id"])) for row in then["identities"]} <= identities


def _stars(plan: list[list[str]]) -> dict[str, list[str]]:
    above = {secondary: primary for primary, secondary in plan}
    stars: dict[str, list[str]] = {}
    for _, secondary in plan:
        primary = above[secondary]
        while primary in above:
            primary = above[primary]
        stars.setdefault(primary, []).append(secondary)
    return stars


def carries(options: dict[str, Any]) -> bool:
    """Tell whether these options carry everything."""
    return bool(options["carry"] == EVERYTHING["carry"])
