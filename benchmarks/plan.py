"""
Time and memory of a plan from an export, beside DuckDB's own count of the same file and pandas.

For each size an export is written (``users.py``), and read once so that it lies in the file cache. Then, round by
round, each in a fresh process: DuckDB counts the accounts and their e-mails in small letters; a plan is made by the
e-mail rule alone; a plan is made by all rules; both with rejects. Time is the least of the rounds, memory the greatest
resident size of the process. Once for each size the same accounts come as rows of a query, from SQLite, and once the
plan is made with one thread and half the memory: its bytes must be the same. With up to a million users pandas
groups the same file by e-mail, without the lines that are broken: a part of what a plan takes. So is one statement of
DuckDB's that does what can be said in plain SQL: verified e-mails in small letters, no blocked or linked account, a
primary for each, in as much memory; no rejects and no look at what stands in the file but does not fit.

Fails when a plan by e-mail takes more than 2 x DuckDB's count, or one by all rules more than 3 x, when a process
takes 1.5 GB, or when two plans differ.

    python benchmarks/plan.py [--users N]... [--rounds N] [--rows]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.users import write_users

SIZES = [1_000_000, 5_000_000]
ROUNDS = 3
PANDAS_AT_MOST = 1_000_000

LIMIT_EMAIL, LIMIT_ALL = 2.0, 3.0
LIMIT_BYTES = 1.5e9

COUNT = """
import duckdb
read = "read_json($path, format = 'newline_delimited', ignore_errors = true)"
duckdb.execute(f"SELECT count(*), count(DISTINCT lower(email)) FROM {read}", {"path": PATH}).fetchall()
"""

NAIVE = """
import duckdb
read = "read_json($path, format = 'newline_delimited', ignore_errors = true)"
duckdb.execute("SET memory_limit = '1GB'")
duckdb.execute(f'''
COPY (
    WITH account AS (
        SELECT user_id, lower(email) AS email, logins_count, last_login, created_at, identities
        FROM {read} WHERE email_verified AND NOT coalesce(blocked, false)
    ), held AS (
        SELECT i.provider || '|' || i.user_id AS user_id
        FROM (SELECT user_id, unnest(identities) AS i FROM account WHERE len(identities) > 1)
        WHERE i.provider || '|' || i.user_id <> user_id
    ), person AS (
        SELECT user_id, email, count(*) OVER (PARTITION BY email) AS accounts, first_value(user_id) OVER (
            PARTITION BY email ORDER BY logins_count DESC, last_login DESC, created_at, user_id
        ) AS primary_user_id
        FROM account ANTI JOIN held USING (user_id)
    )
    SELECT primary_user_id, user_id AS secondary_user_id, email
    FROM person WHERE accounts BETWEEN 2 AND 5 AND user_id <> primary_user_id ORDER BY ALL
) TO $out (FORMAT json)''', {"path": PATH, "out": FOLDER + "/naive"})
"""

PANDAS = """
import pandas
users = pandas.concat(
    part[["user_id", "email", "email_verified"]]
    for part in pandas.read_json(PATH, lines=True, chunksize=50_000, encoding_errors="replace")
)
users["key"] = users["email"].str.strip().str.normalize("NFC").str.lower()
sizes = users.groupby("key")["user_id"].transform("size")
users[sizes > 1].sort_values(["key", "user_id"]).to_csv(FOLDER + "/pandas.csv")
"""

PLAN = """
from pathlib import Path
from airflow_provider_auth0link.duplicates.find import find
from airflow_provider_auth0link.duplicates.search import Search
from airflow_provider_auth0link.duplicates.sources import FileSource, RowsSource
search = Search.checked(rules=RULES, primary=("most_logins", "latest_login", "oldest"))
with open(FOLDER + "/plan", "wb") as plan, open(FOLDER + "/rejects", "wb") as rejects:
    with tempfile.TemporaryDirectory(dir=FOLDER) as work:
        found = find(SOURCE, search, plan=plan, rejects=rejects, work=Path(work), MACHINE)
told = {"planned": found.planned, "digest": found.digest}
"""

AROUND = """
import json, resource, sys, tempfile, time
sys.path.insert(0, ROOT)
told = {}
began = time.perf_counter()
WORK
unit = 1 if sys.platform == "darwin" else 1024
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
print(json.dumps({"seconds": time.perf_counter() - began, "bytes": peak, **told}))
"""

EMAIL = ("verified_email",)
ALL = ("verified_email", "verified_phone", "metadata:app_metadata.legacy_id")
COLUMNS = (
    *("user_id", "email", "email_verified", "phone_number", "phone_verified", "blocked", "identities"),
    *("app_metadata", "logins_count", "last_login", "created_at"),
)


def measured(work: str, path: Path, **places: str) -> dict[str, Any]:
    """Run a piece of work in a fresh process."""
    code = AROUND.replace("WORK", work)
    places |= {
        "PATH": repr(str(path)),
        "FOLDER": repr(str(path.parent)),
        "ROOT": repr(str(Path(__file__).parents[1])),
    }
    for name, value in places.items():
        code = code.replace(name, value)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    row: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return row


def plan(path: Path, rules: tuple[str, ...], source: str = "", machine: str = "") -> dict[str, Any]:
    source = source or "FileSource(Path(PATH), '.ndjson')"
    return measured(PLAN, path, SOURCE=source, RULES=repr(rules), MACHINE=machine)


def rows_of(path: Path) -> str:
    """Bring the accounts that can be read into a table of SQLite; return the source over it."""
    import sqlite3

    table = path.with_suffix(".sqlite")
    table.unlink(missing_ok=True)
    with sqlite3.connect(table) as database, path.open("rb") as file:
        database.execute(f"CREATE TABLE users ({', '.join(COLUMNS)})")
        marks = ", ".join("?" * len(COLUMNS))
        database.executemany(f"INSERT INTO users VALUES ({marks})", filter(None, map(_cells, file)))
    cursor = f"__import__('sqlite3').connect({str(table)!r}).execute('SELECT * FROM users')"
    return f"RowsSource({COLUMNS!r}, {cursor})"


def _cells(line: bytes) -> list[Any] | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    found = (row.get(name) for name in COLUMNS)
    return [json.dumps(cell) if isinstance(cell, dict | list) else cell for cell in found]


def _whole(path: Path) -> Path:
    """Copy the lines that can be read: pandas takes no others."""
    whole = path.with_name("whole.ndjson")
    with path.open("rb") as source, whole.open("wb") as target:
        target.writelines(line for line in source if _cells(line))
    return whole


def compare(path: Path, users: int, rounds: int, *, rows: bool) -> list[str]:
    """Measure a size, print it, and return what is over its bound."""
    best: dict[str, dict[str, Any]] = {}
    for _ in range(rounds):
        for name, row in (
            ("DuckDB's own count", measured(COUNT, path)),
            ("plan, e-mail", plan(path, EMAIL)),
            ("plan, all rules", plan(path, ALL)),
        ):
            before = best.get(name, row)
            most = max(before["bytes"], row["bytes"])
            best[name] = {**min(before, row, key=lambda each: each["seconds"]), "bytes": most}
    base = best["DuckDB's own count"]["seconds"]
    other = plan(path, ALL, machine="memory_limit='500MB', threads=1")
    best["plan, all rules, 1 thread, 500 MB"] = other
    best["one statement of DuckDB's, e-mail"] = measured(NAIVE, path)
    if rows:
        best["plan, all rules, rows of SQLite"] = plan(path, ALL, rows_of(path))
    if users <= PANDAS_AT_MOST:
        best["pandas, e-mail groups"] = measured(PANDAS, _whole(path))
    print(f"\n{users:,} users, {path.stat().st_size / 1e6:,.0f} MB")
    for name, row in best.items():
        planned = f"{row['planned']:>9,} pairs" if "planned" in row else ""
        print(
            f"{name:36} {row['seconds']:7.2f} s {row['seconds'] / base:6.2f} x {row['bytes'] / 1e6:7,.0f} MB {planned}"
        )
    return list(_wrong(best, base))


def _wrong(best: dict[str, dict[str, Any]], base: float) -> list[str]:
    wrong = [
        f"{name}: {best[name]['seconds'] / base:.2f} x is over {limit} x"
        for name, limit in (("plan, e-mail", LIMIT_EMAIL), ("plan, all rules", LIMIT_ALL))
        if best[name]["seconds"] > limit * base
    ]
    plans = {name: row for name, row in best.items() if name.startswith("plan")}
    wrong += [
        f"{name}: takes {row['bytes']:,} bytes" for name, row in plans.items() if row["bytes"] > LIMIT_BYTES
    ]
    if len({row["digest"] for name, row in plans.items() if "all rules" in name}) > 1:
        wrong.append("two plans of the same accounts differ")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().splitlines()[0])
    parser.add_argument("--users", type=int, action="append")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--rows", action="store_true", help="rows of SQLite too, which takes minutes")
    given = parser.parse_args()
    wrong = []
    for users in given.users or SIZES:
        with tempfile.TemporaryDirectory(prefix="plan-") as folder:
            path = Path(folder) / "users.ndjson"
            write_users(path, users)
            wrong += compare(path, users, given.rounds, rows=given.rows)
    print("\n" + ("\n".join(wrong) or "all within their bounds"))
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
