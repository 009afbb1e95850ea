"""Plans made of exports and of tables, on every Airflow that the provider says it runs on."""

from __future__ import annotations

import gzip
import json
import sqlite3
from contextlib import closing

from airflow_provider_auth0link.emulator.server import Emulator
from tests.fakes.export import ACCOUNTS, PLANNED, REASONS, ndjson, rows
from tests.lanes.lane import ROOT, Lane

PROVIDER = ROOT / "tests" / "fakes" / "warehouse_provider"


def test_the_example_makes_a_plan_of_an_export_and_looks_at_it(lane: Lane) -> None:
    folder = lane.home / "export"
    folder.mkdir()
    (folder / "users.ndjson.gz").write_bytes(gzip.compress(ndjson()))
    with Emulator(users=ACCOUNTS) as tenant:
        before = tenant.users()
        lane.airflow(
            "dags",
            "test",
            "example_plan",
            AIRFLOW_CONN_AUTH0_DEFAULT=tenant.connection(),
            AUTH0LINK_FOLDER=str(folder),
        )
        assert tenant.users() == before
        assert tenant.requests

    (plan,) = [path for path in folder.glob("plan-*.jsonl") if "rejects" not in path.name]
    assert rows(plan.read_bytes()) == PLANNED
    rejects = rows(plan.with_name(f"{plan.stem}.rejects.jsonl").read_bytes())
    assert {row["user_id"]: row["reason"] for row in rejects if "user_id" in row} == REASONS


def test_a_table_is_read_over_a_connection(lane: Lane) -> None:
    (lane.home / "plans").mkdir()
    with closing(sqlite3.connect(lane.home / "warehouse.db")) as database, database:
        database.execute("CREATE TABLE users (USER_ID, EMAIL, EMAIL_VERIFIED BOOLEAN, LOGINS_COUNT INTEGER)")
        database.executemany(
            "INSERT INTO users VALUES (?, ?, ?, ?)",
            [
                ("google-oauth2|1034", "Ada@Example.com", True, 3),
                ("auth0|ada", "ada@example.com", True, 9),
                ("github|7", "ada@example.com", False, 1),
                ("github|77", "ada@example.com", True, 100),
            ],
        )

    lane.airflow(
        "dags",
        "test",
        "plan_from_table",
        AIRFLOW_CONN_WAREHOUSE=json.dumps(
            {"conn_type": "warehouse", "host": str(lane.home / "warehouse.db")}
        ),
        PYTHONPATH=f"{ROOT}:{PROVIDER}",
    )

    assert rows((lane.home / "plans" / "plan.jsonl").read_bytes()) == PLANNED
    (reject,) = rows((lane.home / "plans" / "plan.rejects.jsonl").read_bytes())
    assert (reject["user_id"], reject["reason"]) == ("github|7", "unverified")
