"""
What importing the operators adds for a process that has Airflow's BaseOperator already: a Dag file's cost.

Least of N fresh interpreters, in milliseconds, beside Airflow's own import in the same interpreters. Fails
when the operators add more than 50 ms, load a heavy module, or when ``get_provider_info`` imports Airflow.

    python benchmarks/import_cost.py [rounds]
"""

from __future__ import annotations

import json
import subprocess
import sys

LIMIT_MS = 50.0
HEAVY = (
    "requests",
    "jwt",
    "starlette",
    "uvicorn",
    "duckdb",
    "s3fs",
    "cryptography.hazmat.primitives.asymmetric.rsa",
)

OPERATORS = """
import json, sys, time
t0 = time.perf_counter()
from airflow.providers.common.compat.sdk import BaseOperator
t1 = time.perf_counter()
before = set(sys.modules)
t2 = time.perf_counter()
from airflow_provider_auth0link.operators import batch, link, plan, undo
t3 = time.perf_counter()
print(json.dumps({"airflow": (t1 - t0) * 1e3, "ours": (t3 - t2) * 1e3, "new": sorted(set(sys.modules) - before)}))
"""

PROVIDER_INFO = """
import json, sys, time
t0 = time.perf_counter()
import airflow_provider_auth0link
airflow_provider_auth0link.get_provider_info()
ms = (time.perf_counter() - t0) * 1e3
print(json.dumps({"ours": ms, "airflow": any(name.split(".")[0] == "airflow" for name in sys.modules)}))
"""


def fresh(code: str) -> dict[str, object]:
    """Run code in a new interpreter and read the JSON of its last line."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> int:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    runs = [fresh(OPERATORS) for _ in range(rounds)]
    ours = min(float(str(run["ours"])) for run in runs)
    airflow = min(float(str(run["airflow"])) for run in runs)
    new = runs[0]["new"]
    heavy = [name for name in HEAVY if isinstance(new, list) and name in new]
    info = fresh(PROVIDER_INFO)
    print(f"Airflow's BaseOperator     {airflow:8.1f} ms  (least of {rounds})")
    print(
        f"our operators, after it    {ours:8.1f} ms  = {ours / LIMIT_MS:.2f} x the limit of {LIMIT_MS:.0f} ms"
    )
    print(f"heavy modules they loaded  {', '.join(heavy) or 'none'}")
    print(
        f"get_provider_info          {float(str(info['ours'])):8.1f} ms, imports Airflow: {info['airflow']}"
    )
    return int(ours > LIMIT_MS or bool(heavy) or bool(info["airflow"]))


if __name__ == "__main__":
    raise SystemExit(main())
