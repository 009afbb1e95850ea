"""
Memory and time of a dry run that has nothing to check: a plan from a file of JSON lines, every pair counted.

Each size has a fresh process, so that the growth of its resident memory (the greatest, after the imports) is the
run's alone. No request is made. Every pair has a primary of its own: as many ids as there can be. Time is the
process's own, the least of the rounds. Fails when a million pairs take more than 600 bytes or 60 microseconds
each, or more than 1.5 x the time per pair of the smallest size.

    python benchmarks/dry_run.py [pairs ...]
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
import json, logging, os, resource, sys, tempfile, time, types
os.environ["AIRFLOW_CONN_AUTH0_DEFAULT"] = json.dumps(
    {"conn_type": "auth0", "host": "http://127.0.0.1:9", "login": "id", "password": "secret"}
)
from airflow_provider_auth0link.operators.batch import LinkIdentitiesOperator

def peak():
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit

def dry_run(path):
    task = LinkIdentitiesOperator(
        task_id="dry", plan_path=path, journal_path=tempfile.gettempdir() + "/none", dry_run=True, carry=(), guards=()
    )
    pushed = {}
    ti = types.SimpleNamespace(xcom_push=lambda key, value: pushed.update({key: value}))
    return task.execute({"ti": ti})

dry_run(sys.argv[2])  # what the first use of anything takes is no part of a plan
before, wall, cpu = peak(), time.perf_counter(), time.process_time()
counts = dry_run(sys.argv[1])
assert counts["would_link"] == counts["planned"] == int(sys.argv[3]), counts
assert counts["requests"] == 0
row = {"bytes": peak() - before, "cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
sys.stdout.write(json.dumps(row))
"""


def write_plan(path: Path, pairs: int) -> Path:
    """Write a plan with ids as long as Auth0's own."""
    with path.open("w") as file:
        for number in range(pairs):
            digest = hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()
            row = {
                "primary_user_id": f"auth0|{digest[:24]}",
                "secondary_user_id": f"google-oauth2|{int(digest, 16) % 10**21:021}",
            }
            file.write(json.dumps(row) + "\n")
    return path


def least(path: Path, small: Path, pairs: int, rounds: int) -> dict[str, float]:
    """Run fresh processes; return the least of each figure."""
    rows = []
    for _ in range(rounds):
        command = [sys.executable, "-c", READ, str(path), str(small), str(pairs)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        rows.append(json.loads(done.stdout.splitlines()[-1]))
    return {name: min(row[name] for row in rows) for name in rows[0]}


def main() -> int:
    sizes = sorted(int(word) for word in sys.argv[1:]) or SIZES
    held = True
    with tempfile.TemporaryDirectory() as folder:
        small = write_plan(Path(folder) / "small.jsonl", 10)
        rows = {}
        for pairs in sizes:
            path = write_plan(Path(folder) / f"{pairs}.jsonl", pairs)
            rows[pairs] = row = least(path, small, pairs, ROUNDS.get(pairs, 3))
            each, ratio = row["cpu"] / pairs, row["cpu"] / pairs / (rows[sizes[0]]["cpu"] / sizes[0])
            print(
                f"{pairs:9,} pairs  {row['bytes'] / pairs:6.0f} bytes a pair  {row['cpu']:6.2f} s "
                f"({row['wall']:.2f} s by the clock)  {each * 1e6:5.1f} us a pair  "
                f"{ratio:4.2f} x",
                flush=True,
            )
            if pairs >= SIZES[-1]:
                held = held and row["bytes"] / pairs <= LIMIT_BYTES and each * 1e6 <= LIMIT_US
                held = held and ratio <= LIMIT_RATIO
    return int(not held)


if __name__ == "__main__":
    raise SystemExit(main())
