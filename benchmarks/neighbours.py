"""
How a run of links goes beside others on the same tenant, each in a process of its own, over real HTTP.

- **Production** spends 30 % of the rate in bursts of half the reserve, and sees a 429 in at most 0.5 % of its
  requests; both together use at least 95 % of what the limit allows.
- **Two and four runs of ours** use at least 95 % of it together, meet at most 2 % 429s, and their shares of the
  second half lie within 20 % of each other. On buckets of 2, 10 and 20 only this is asked: nothing fails.

What the limit allows is what the bucket gained from the first request to the last, and what it held above the
reserve. Everything is measured by the tenant.

    python benchmarks/neighbours.py [--only "ROW"]
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from benchmarks.parts.clients import OWN_NUMBERS, SHARE, WIDTH, links, production, started
from benchmarks.parts.tenants import TOO_MANY, Asked, Seen, answer_of, tenant

FEW = 8
"""Threads on the small buckets, so that what was begun is soon finished."""

SECONDS = 30.0
BIG = [(16.0, 50), (50.0, 50), (250.0, 250)]
SMALL = [(2.0, 2), (2.0, 10), (3.33, 20)]


def used(seen: Seen, rate: float, burst: int) -> float:
    """Return how much was served, over what the bucket could give above the reserve."""
    served = [each.at for each in seen.requests if each.status != TOO_MANY]
    return len(served) / (SHARE * burst + rate * (served[-1] - served[0]))


def beside_production(rate: float, burst: int) -> bool:
    """Run one of ours beside production, print the row, and tell whether both are well."""
    half_reserve = int((1 - SHARE) * burst / 2)
    with tenant(range(int(burst + rate * SECONDS)), rate=rate, burst=burst) as served, ExitStack() as stack:
        run = stack.enter_context(started(links, served.at, 0, SECONDS, WIDTH))
        other = stack.enter_context(started(production, served.at, 0.3 * rate, half_reserve, SECONDS))
        for each in (other, run):
            each.send("go")
        begun, done = answer_of(run)
        answer_of(other)
        seen = served.seen()
    reads, writes = seen.of("user_get"), seen.of("link")
    hurt, limited = _limited(reads), _limited(writes)
    ratio = used(seen, rate, burst)
    print(
        f"({rate:g}/s, {burst:3}) production  {len(reads):5} reads, 429s {hurt:3} ({100 * hurt / len(reads):4.2f} %)  "
        f"ours {done:5} links, 429s {limited:3}, lost {begun - done}  used {ratio:5.3f}",
        flush=True,
    )
    return hurt <= 0.005 * len(reads) and ratio >= 0.95 and begun == done == seen.links


def side_by_side(count: int, rate: float, burst: int) -> bool:
    """Run so many of ours at once, print the row, and tell whether they share as they should."""
    big = (rate, burst) in BIG
    width = WIDTH if big else FEW
    each_has = int(
        burst + width + 1.5 * rate * SECONDS / (count if big else 1)
    )  # small ones are shared as it comes
    pairs = [OWN_NUMBERS * n + pair for n in range(count) for pair in range(each_has)]
    with tenant(pairs, rate=rate, burst=burst) as served, ExitStack() as stack:
        pipes = [
            stack.enter_context(started(links, served.at, n * OWN_NUMBERS, SECONDS, width))
            for n in range(count)
        ]
        for pipe in pipes:
            pipe.send("go")
        results = [answer_of(pipe) for pipe in pipes]
        seen = served.seen()
    begun, done = (sum(each) for each in zip(*results, strict=True))
    ratio, limited = used(seen, rate, burst), seen.limited / len(seen.requests)
    shares = _second_half(seen.requests, count)
    apart = max(shares) / max(1, min(shares))
    print(
        f"({rate:g}/s, {burst:3}) {count} of ours    {done:5} links, 429s {seen.limited:3} ({100 * limited:4.2f} %), "
        f"lost {begun - done}  used {ratio:5.3f}  second half {shares}, {apart:5.3f} x",
        flush=True,
    )
    return begun == done and (not big or (ratio >= 0.95 and limited <= 0.02 and apart <= 1.2))


def _limited(asked: list[Asked]) -> int:
    return sum(each.status == TOO_MANY for each in asked)


def _second_half(asked: list[Asked], count: int) -> list[int]:
    """Count what each run was served in the second half; the number of a pair tells whose it is."""
    middle = (asked[0].at + asked[-1].at) / 2
    late = [each for each in asked if each.at > middle and each.status != TOO_MANY]
    return [sum(_number(each.path) // OWN_NUMBERS == n for each in late) for n in range(count)]


def _number(path: str) -> int:
    return int(path.partition("%7C")[2].partition("/")[0])


def main() -> int:
    """Run the rows that were asked for."""
    only = sys.argv[sys.argv.index("--only") + 1] if "--only" in sys.argv else ""
    rows: dict[str, Callable[[], bool]] = {}
    for rate, burst in (BIG[0], BIG[2]):
        rows[f"production {rate:g}"] = partial(beside_production, rate, burst)
    for rate, burst in [*BIG, *SMALL]:
        for count in (2, 4):
            rows[f"{count} x {rate:g}, {burst}"] = partial(side_by_side, count, rate, burst)
    held = [run() for name, run in rows.items() if only in name]
    return int(not all(held))


if __name__ == "__main__":
    raise SystemExit(main())
