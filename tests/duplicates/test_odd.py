"""Records that one pass does not settle: found by their lines, whatever order DuckDB stored them in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from airflow_provider_auth0link.duplicates import odd
from airflow_provider_auth0link.duplicates.database import opened
from airflow_provider_auth0link.duplicates.records import Records
from airflow_provider_auth0link.duplicates.search import Search
from airflow_provider_auth0link.errors import InputError
from tests.duplicates.test_find import account, lines

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SEARCH = Search.checked(rules=["verified_email"], primary=["oldest"])


class Disordered:
    """A database that stores all records in an order of its own, as DuckDB may; not with one thread, if honest."""

    def __init__(self, database: DuckDBPyConnection, order: str, *, honest: bool = True) -> None:
        self._database, self._order, self._honest = database, order, honest
        self.times = 0

    def execute(self, query: str, *values: object) -> Any:
        if query.startswith("CREATE TABLE n ") and not (self._honest and self._threads() == 1):
            query += f" ORDER BY {self._order}"
            self.times += 1
        return self._database.execute(query, *values)

    def _threads(self) -> int:
        row = self._database.execute("SELECT current_setting('threads')").fetchone()
        return int(row[0]) if row else 0


def people() -> list[object]:
    accounts: list[object] = [account(f"auth0|{number}", f"p{number % 45}@x.org") for number in range(50)]
    accounts[10] = b"broken\n"
    accounts[20] = account("auth0|é", "p20@x.org")
    accounts[30] = accounts[5]
    accounts[40] = account("github|1") | {"email": 7}
    return accounts


@pytest.mark.parametrize("order", [None, "hash(hu)", "hu DESC"])
@pytest.mark.parametrize("blank", [b"", b" \n"], ids=["", "blank"])
def test_lines_are_right_whatever_order_duckdb_kept(order: str | None, blank: bytes, tmp_path: Path) -> None:
    path = tmp_path / "users.ndjson"
    path.write_bytes(blank + lines(people()))

    with opened(tmp_path, "200MB", 2) as database:
        disordered = Disordered(database, order or "hu")
        used = database if order is None else cast("DuckDBPyConnection", disordered)
        settled = odd.settle(used, Records(path), SEARCH, tmp_path)
        told = database.execute("SELECT line, user_id, reason FROM told ORDER BY line").fetchall()
        found = database.execute("SELECT user_id, k0 FROM a ORDER BY user_id").fetchall()

    shift = len(blank) // 2
    assert disordered.times == (order is not None)
    assert settled == (48, 1, 1, ())
    assert told == [(11 + shift, None, "unreadable: no JSON"), (31 + shift, "auth0|5", "repeat")]
    mails = {
        ("auth0|0", "p0@x.org"),
        ("auth0|45", "p0@x.org"),
        ("auth0|é", "p20@x.org"),
        ("auth0|5", "p5@x.org"),
    }
    assert mails <= set(found)
    assert len({user_id for user_id, _ in found}) == len(found) < 30


def test_records_that_are_never_where_they_should_be_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "users.ndjson"
    path.write_bytes(lines(people()))

    with opened(tmp_path, "200MB", 2) as database:
        dishonest = cast("DuckDBPyConnection", Disordered(database, "hash(hu)", honest=False))
        with pytest.raises(InputError, match="cannot be told apart"):
            odd.settle(dishonest, Records(path), SEARCH, tmp_path)


def test_an_odd_record_finds_its_partner_that_no_other_shares_a_key_with(tmp_path: Path) -> None:
    path = tmp_path / "users.ndjson"
    rows = [account("auth0|1", "one@x.org"), {**account("auth0|2", "one@x.org"), "name": "\ud800"}]
    path.write_bytes(lines(rows))

    with opened(tmp_path, "200MB", 1) as database:
        odd.settle(database, Records(path), SEARCH, tmp_path)
        found = database.execute("SELECT user_id, k0 FROM a ORDER BY user_id").fetchall()

    assert found == [("auth0|1", "one@x.org"), ("auth0|2", "one@x.org")]


def test_half_a_surrogate_pair_spoils_its_field_alone(tmp_path: Path) -> None:
    path = tmp_path / "users.ndjson"
    row = {**account("auth0|1", "a@x.org"), "name": "\ud800"}
    path.write_bytes(json.dumps(row).encode() + b"\n" + lines([account("auth0|2", "a@x.org")]))

    with opened(tmp_path, "200MB", 1) as database:
        settled = odd.settle(database, Records(path), SEARCH, tmp_path)
        found = database.execute("SELECT user_id, k0 FROM a ORDER BY user_id").fetchall()

    assert settled.unreadable == 0
    assert found == [("auth0|1", "a@x.org"), ("auth0|2", "a@x.org")]
