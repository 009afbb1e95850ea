"""
Memory and time of a plan: read from a file of JSON lines, then all of its stars made once.

Each size has a fresh process, so that the growth of its resident memory (the greatest, after the imports) is the
plan's alone. Every pair has a primary of its own: as many ids as there can be. Time is the process's own, the
least of the rounds. Fails when a million pairs take more than 600 bytes or 60 microseconds each, or more
than 1.5 x the time per pair of the smallest size.

    python benchmarks/plan_memory.py [pairs ...]
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

SIZES = [10_000, 100_000, 1_000_000]
ROUNDS = {10_000: 7, 100_000: 5, 1_000_000: 2}

LIMIT_BYTES = 600.0
LIMIT_US = 60.0
LIMIT_RATIO = 1.5

READ = """
import json, resource, sys, time
from airflow_provider_auth0link.linking.plan import read_plan

def peak():
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit

with open(sys.argv[2], "rb") as file:  # what the first use of anything takes is no part of a plan
    list(read_plan(file, sys.argv[2]).stars())
before, wall, cpu = peak(), time.perf_counter(), time.process_time()
with open(sys.argv[1], "rb") as file:
    plan = read_plan(file, sys.argv[1])
read = time.process_time() - cpu
pairs = sum(len(star.pairs) for star in plan.stars())
assert pairs == plan.planned
row = {"bytes": peak() - before, "read": read, "cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
print(json.dumps(row))
"""


def write_plan(path: Path, pairs: int, *, evidence: bool = False) -> Path:
    """Write a plan with ids as long as Auth0's own."""
    with path.open("w") as file:
        for number in range(pairs):
            digest = hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()
            row = {
                "primary_user_id": f"auth0|{digest[:24]}",
                "secondary_user_id": f"google-oauth2|{int(digest, 16) % 10**21:021}",
            }
            more = {"evidence": {"email": f"{digest[:12]}@example.com", "verified": True}} if evidence else {}
            file.write(json.dumps(row | more) + "\n")
    return path


def least(path: Path, small: Path, rounds: int) -> dict[str, float]:
    """Run fresh processes; return the least of each figure."""
    rows = []
    for _ in range(rounds):
        command = [sys.executable, "-c", READ, str(path), str(small)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        rows.append(json.loads(done.stdout))
    return {name: min(row[name] for row in rows) for name in rows[0]}


def main() -> int:
    sizes = sorted(int(word) for word in sys.argv[1:]) or SIZES
    held = True
    with tempfile.TemporaryDirectory() as folder:
        small = write_plan(Path(folder) / "small.jsonl", 10)
        rows = {}
        for pairs in sizes:
            path = write_plan(Path(folder) / f"{pairs}.jsonl", pairs)
            rows[pairs] = row = least(path, small, ROUNDS.get(pairs, 3))
            each, ratio = row["cpu"] / pairs, row["cpu"] / pairs / (rows[sizes[0]]["cpu"] / sizes[0])
            print(
                f"{pairs:9,} pairs  {row['bytes'] / pairs:6.0f} bytes a pair  read {row['read']:6.2f} s  "
                f"with stars {row['cpu']:6.2f} s ({row['wall']:.2f} s by the clock)  {each * 1e6:5.1f} us a pair  "
                f"{ratio:4.2f} x",
                flush=True,
            )
            if pairs >= SIZES[-1]:
                held = held and row["bytes"] / pairs <= LIMIT_BYTES and each * 1e6 <= LIMIT_US
                held = held and ratio <= LIMIT_RATIO
        path = write_plan(Path(folder) / "evidence.jsonl", 100_000, evidence=True)
        row = least(path, small, 1)
        print(
            f"  100,000 pairs with evidence {row['bytes'] / 1e5:6.0f} bytes a pair  {row['cpu'] * 10:5.1f} us a pair"
        )
    return int(not held)


if __name__ == "__main__":
    raise SystemExit(main())
