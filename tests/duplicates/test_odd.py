"""Records that one pass does not settle: found by their lines, whatever order DuckDB stored them in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airflow_provider_auth0link.duplicates import odd, staging
from airflow_provider_auth0link.duplicates.database import opened
from airflow_provider_auth0link.duplicates.records import Records
from airflow_provider_auth0link.duplicates.search import Search
from tests.duplicates.test_find import account, lines

SEARCH = Search.checked(rules=["verified_email"], primary=["oldest"])


@pytest.mark.parametrize("order", ["rowid", "hash(user_id)", "rowid DESC"])
def test_lines_are_right_whatever_order_duckdb_kept(order: str, tmp_path: Path) -> None:
    accounts: list[object] = [account(f"auth0|{number}", f"p{number}@x.org") for number in range(50)]
    accounts[10] = b"broken\n"
    accounts[20] = account("auth0|é", "p20@x.org")
    accounts[30] = accounts[5]
    accounts[40] = account("github|1") | {"email": 7}
    path = tmp_path / "users.ndjson"
    path.write_bytes(lines(accounts))
    records = Records(path)

    with opened(tmp_path, "200MB", 2, path.stat().st_size) as database:
        staging.stage(database, records, SEARCH)
        database.execute(f"CREATE TABLE b AS SELECT * FROM a ORDER BY {order}")
        database.execute("DROP TABLE a")
        database.execute("ALTER TABLE b RENAME TO a")
        unreadable = odd.settle(database, records, SEARCH, tmp_path)
        told = database.execute("SELECT line, user_id, reason FROM told ORDER BY line").fetchall()
        ids = sorted(row[0] for row in database.execute("SELECT user_id FROM a").fetchall())

    assert unreadable == 1
    assert told == [(11, None, "unreadable: no JSON"), (31, "auth0|5", "repeat")]
    readable = [each for each in accounts if isinstance(each, dict)]
    assert ids == sorted({each["user_id"] for each in readable})


def test_half_a_surrogate_pair_spoils_its_field_alone(tmp_path: Path) -> None:
    path = tmp_path / "users.ndjson"
    row = {**account("auth0|1", "a@x.org"), "name": "\ud800"}
    path.write_bytes(json.dumps(row).encode() + b"\n" + lines([account("auth0|2", "a@x.org")]))
    records = Records(path)

    with opened(tmp_path, "200MB", 1, path.stat().st_size) as database:
        staging.stage(database, records, SEARCH)
        unreadable = odd.settle(database, records, SEARCH, tmp_path)
        found = database.execute("SELECT user_id, k0 FROM a ORDER BY user_id").fetchall()

    assert unreadable == 0
    assert found == [("auth0|1", "a@x.org"), ("auth0|2", "a@x.org")]
