"""
How fast a run of links goes on limited tenants, beside auth0-python with 1, 4 and 16 threads.

Each row has a tenant of its own in a process of its own. From the first API request to the last answer, the
token apart: wall time over the ideal ``(requests - burst) / rate``, and the 429s. Where the bucket is refilled in
steps it is what the bucket could have given in that time over what it gave; such rows last a minute and more, since
the first step may come before the limit is known, and goes to waste whole.

Fails when ours takes more than 1.03 x (1.10 x where the bucket holds 2), meets more 429s than the greater of 1 and
0.5 % (5 % where it holds 2), or loses a link. Where answers bear no ``x-ratelimit-*`` headers only 429s tell of the
limit: 1.06 x, 12 %, and nothing lost. On the plan with buckets for groups of endpoints, with everything carried, the
bucket that binds is used by 95 % or more.

    python benchmarks/pace.py [--peers] [--only "ROW"]
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_auth0link.emulator.plans import PLANS, IdentitiesGroup
from airflow_provider_auth0link.linking.options import CARRIED
from benchmarks.parts.clients import WIDTH, Link, linked, ours, sdk
from benchmarks.parts.tenants import TOO_MANY, At, Seen, tenant

TENANTS = [(2.0, 2), (2.0, 10), (3.33, 20), (16.0, 50), (50.0, 50), (250.0, 250)]
PLAN = "professional"
FEW = 8
"""Pairs at once where each takes a dozen requests; readings older than a minute are made again."""


@dataclass(frozen=True)
class Row:
    """
    A tenant, and what is asked of a run on it.

    :param step: seconds from one refill to the next, 0 for all the time
    :param most: the ratio to the ideal
    :param limited: 429s over requests, where that is more than one
    """

    name: str
    rate: float
    burst: int
    step: int = 0
    most: float = 1.03
    limited: float = 0.005
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many links."""
        if self.step:
            return self.burst + max(2, 60 // self.step) * self.gained
        return int(self.burst + self.rate * (60 if self.rate < 5 else 20))

    @property
    def gained(self) -> int:
        """How many requests a step of the refill brings; the bucket holds no more than its size."""
        return min(self.burst, round(self.rate * self.step))

    def ratio(self, wall: float, served: list[float]) -> float:
        """
        Compare a run with the ideal.

        :param wall: seconds from the first request to the last answer
        :param served: when the tenant served each request, its own epoch seconds
        """
        if not self.step:
            return wall / ((self.count - self.burst) / self.rate)
        steps = served[-1] // self.step - served[0] // self.step
        return (self.burst + steps * self.gained) / len(served)


def run(row: Row, who: str = "ours", make: Callable[[At], Link] = ours, width: int = WIDTH) -> bool:
    """Run one row, print it, and tell whether it keeps to its limits."""
    with tenant(range(row.count), rate=row.rate, burst=row.burst, **row.options) as served:
        done, wall = linked(make(served.at), iter(range(row.count)), width)
        seen = served.seen()
    ratio = row.ratio(wall, [each.at for each in seen.requests if each.status != TOO_MANY])
    sent = len(seen.requests)
    print(
        f"{row.name:28} {who:24} {row.count:5} links  {wall:6.1f} s  {ratio:5.3f} x  "
        f"429s {seen.limited:4} ({100 * seen.limited / sent:4.1f} %)  lost {row.count - seen.links:3}",
        flush=True,
    )
    held = seen.limited <= max(1, row.limited * sent)
    return held and ratio <= row.most and done == seen.links == row.count


def used(seen: Seen, identities: IdentitiesGroup) -> dict[str, float]:
    """Return of each bucket of the plan how much was served, over what it could give from first to last."""
    served: dict[str, list[float]] = {}
    for each in seen.requests:
        bucket = identities if each.route == "link" else each.group
        if each.status != TOO_MANY:
            served.setdefault("users_write" if bucket == "write_users" else bucket, []).append(each.at)
    return {
        bucket: len(times) / (limit.burst + limit.requests / limit.seconds * (times[-1] - times[0]))
        for bucket, times in served.items()
        for limit in [PLANS[PLAN].groups[bucket]]
    }


def carried(identities: IdentitiesGroup) -> bool:
    """Link with everything carried on the professional plan; print how far each bucket was used."""
    count = 30
    with tenant(range(count), rights=True, plan=PLAN, identities_group=identities) as served:
        done, wall = linked(ours(served.at, carry=CARRIED), iter(range(count)), FEW)
        seen = served.seen()
    shares = used(seen, identities)
    print(
        f"{PLAN}, links {identities:12} ours, all carried        {count:5} links  {wall:6.1f} s  "
        f"429s {seen.limited:4} of {len(seen.requests)}  lost {count - seen.links:3}  "
        + ", ".join(f"{name} {share:5.3f}" for name, share in sorted(shares.items())),
        flush=True,
    )
    return max(shares.values()) >= 0.95 and done == seen.links == count


def rows() -> list[Row]:
    """Name all rows with one bucket."""
    smooth = [
        Row(
            f"({rate:g}/s, {burst})",
            rate,
            burst,
            most=1.10 if burst <= 2 else 1.03,
            limited=0.05 if burst <= 2 else 0.005,
        )
        for rate, burst in TENANTS
    ]
    return [
        *smooth,
        *(
            Row(f"({rate:g}/s, {burst}) by second", rate, burst, 1, options={"refill": "second"})
            for rate, burst in TENANTS
            if rate.is_integer() and burst > 2
        ),
        Row("(2/s, 150) by minute", 2.0, 150, 60, options={"refill": "minute"}),
        Row("(3.33/s, 20) by minute", 200 / 60, 20, 60, options={"refill": "minute"}),
        *(
            Row(f"({rate:g}/s, {burst}) clock {off:+d} s", rate, burst, options={"clock_offset": off})
            for rate, burst in [(2.0, 10), (16.0, 50)]
            for off in (300, -300)
        ),
        *(
            Row(
                f"({rate:g}/s, {burst}) no headers",
                rate,
                burst,
                most=1.06,
                limited=0.12,
                options={"rate_headers": False},
            )
            for rate, burst in [(2.0, 10), (16.0, 50), (50.0, 50), (250.0, 250)]
        ),
    ]


def main() -> int:
    """Run the rows that were asked for."""
    only = sys.argv[sys.argv.index("--only") + 1] if "--only" in sys.argv else ""
    held = []
    for row in rows():
        if only not in row.name:
            continue
        held.append(run(row))
        if "--peers" in sys.argv and not row.options:
            for threads in (1, 4, 16):
                run(row, f"auth0-python, {threads} threads", sdk, threads)
    groups: tuple[IdentitiesGroup, ...] = ("write_users", "other")
    held += [carried(group) for group in groups if only in f"{PLAN} {group}"]
    return int(not all(held))


if __name__ == "__main__":
    raise SystemExit(main())
