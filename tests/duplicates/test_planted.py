"""The engine against planted truth and against the slow model, in every format that it reads."""

from __future__ import annotations

import csv
import gzip
import io
import json
from codecs import BOM_UTF8
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import duckdb
import pytest
from hypothesis import given, settings, strategies as st

from airflow_provider_auth0link.duplicates.find import Found, find
from airflow_provider_auth0link.duplicates.search import Search
from airflow_provider_auth0link.duplicates.sources import FileSource, RowsSource
from airflow_provider_auth0link.linking.guards import drift, refusal
from airflow_provider_auth0link.linking.plan import read_plan
from airflow_provider_auth0link.model import Account
from tests.duplicates.model import answer, connection_of, read_lines
from tests.duplicates.planted import ALL, EMAIL, KINDS, LEGACY, RULES, Account as Row, World, world
from tests.duplicates.test_model import search, told
from tests.duplicates.worlds import TWINS, accounts_of, lines_of, search_of

COLUMNS = (
    *("user_id", "email", "email_verified", "phone_number", "phone_verified", "blocked", "identities"),
    *("user_metadata", "app_metadata", "logins_count", "last_login", "created_at", "name"),
)
NESTED = ("identities", "user_metadata", "app_metadata")
NUMBERS = ("logins_count",)
FLAGS = ("email_verified", "phone_verified", "blocked")
TEXTS = tuple(name for name in COLUMNS if name not in {*NESTED, *NUMBERS, *FLAGS})


class Written(NamedTuple):
    """What the engine wrote and told."""

    plan: bytes
    rejects: bytes
    found: Found


Find = Callable[..., Written]


@pytest.fixture
def run(tmp_path_factory: pytest.TempPathFactory) -> Find:
    def found(source: Any, what: Search, **options: Any) -> Written:
        plan, rejects = io.BytesIO(), io.BytesIO()
        work = tmp_path_factory.mktemp("work")
        answered = find(source, what, plan=plan, rejects=rejects, work=work, **options)
        return Written(plan.getvalue(), rejects.getvalue(), answered)

    return found


def in_file(folder: Path, name: str, data: bytes) -> FileSource:
    path = folder / name
    path.write_bytes(data)
    return FileSource(path, name[name.index(".") :])


def cells(row: Row) -> list[Any]:
    """Return an account as a row of a table: nested values as JSON text, text only where it is text."""
    found: list[Any] = []
    for name in COLUMNS:
        value = row.get(name)
        if name in NESTED:
            value = None if value is None else json.dumps(value)
        elif name in TEXTS:
            value = value if isinstance(value, str) else None
        elif name in FLAGS:
            value = value is True
        found.append(value)
    return found


def as_ndjson(folder: Path, rows: World) -> Any:
    return in_file(folder, "users.ndjson", rows.lines)


def as_gzip(folder: Path, rows: World) -> Any:
    return in_file(folder, "users.ndjson.gz", gzip.compress(rows.lines))


def as_csv(folder: Path, rows: World) -> Any:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for row in rows.accounts:
        told_as = {True: "true", False: "false"}
        writer.writerow([told_as[cell] if isinstance(cell, bool) else cell for cell in cells(row)])
    return in_file(folder, "users.csv", text.getvalue().encode())


def as_rows(_: Path, rows: World) -> Any:
    return RowsSource(COLUMNS, (cells(row) for row in rows.accounts))


def as_parquet(folder: Path, rows: World) -> Any:
    """Write the identities as a column of lists, the metadata as JSON text."""
    types = {**dict.fromkeys(FLAGS, "BOOLEAN"), **dict.fromkeys(NUMBERS, "BIGINT")}
    columns = ", ".join(f"{name} {types.get(name, 'VARCHAR')}" for name in COLUMNS)
    shape = '[{"connection": "VARCHAR", "provider": "VARCHAR", "user_id": "VARCHAR", "isSocial": "BOOLEAN"}]'
    with duckdb.connect() as database:
        database.execute(f"CREATE TABLE users ({columns})")
        database.executemany(
            f"INSERT INTO users VALUES ({', '.join('?' * len(COLUMNS))})",
            [cells(row) for row in rows.accounts],
        )
        database.execute(
            f"COPY (SELECT * REPLACE (json_transform(identities, '{shape}') AS identities) FROM users) "
            f"TO '{folder}/users.parquet' (FORMAT parquet)"
        )
    return FileSource(folder / "users.parquet", ".parquet")


FORMATS: Mapping[str, Callable[[Path, World], Any]] = {
    each.__name__: each for each in (as_ndjson, as_gzip, as_csv, as_rows, as_parquet)
}


@pytest.mark.parametrize("rules", RULES)
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_found_as_it_was_planted(kind: str, rules: str, run: Find, tmp_path: Path) -> None:
    planted = world(11, only=kind)

    written = run(as_ndjson(tmp_path, planted), search(rules))

    assert told(written.plan, written.rejects) == (planted.truth[rules], planted.spoilt)


@pytest.mark.parametrize("rules", RULES)
@pytest.mark.parametrize("form", FORMATS)
def test_all_kinds_together_in_every_format(form: str, rules: str, run: Find, tmp_path: Path) -> None:
    planted = world(12, of_each=5)
    truth = planted.truth[rules]

    written = run(FORMATS[form](tmp_path, planted), search(rules))

    found, spoilt = told(written.plan, written.rejects)
    assert found == truth
    lines = form in {"as_ndjson", "as_gzip"}
    assert sorted(each.user_id or "" for each in spoilt if each.reason == "repeat") == sorted(
        each.user_id or "" for each in planted.spoilt if each.reason == "repeat"
    )
    assert not lines or spoilt == planted.spoilt
    told_of = written.found
    assert told_of.planned == len(truth.pairs)
    assert told_of.repeats == planted.repeats
    assert told_of.accounts == len({(row["user_id"], connection_of(row)) for row in planted.accounts})
    assert told_of.unreadable == (len(planted.spoilt) - planted.repeats if lines else 0)
    assert told_of.digest == sha256(written.plan).hexdigest()


@pytest.mark.parametrize("seed", range(20, 30))
def test_nothing_is_wrong_and_nothing_missing_whatever_the_seed(seed: int, run: Find, tmp_path: Path) -> None:
    planted = world(seed, of_each=8)

    written = run(as_ndjson(tmp_path, planted), search(ALL))

    assert told(written.plan, written.rejects) == (planted.truth[ALL], planted.spoilt)
    assert len(planted.truth[ALL].pairs) > 60


@pytest.mark.parametrize("data", [b"", b"\n", b"\r\n \n\t\n"])
def test_an_empty_export_is_an_empty_plan(data: bytes, run: Find, tmp_path: Path) -> None:
    written = run(in_file(tmp_path, "users.ndjson", data), search(ALL))

    assert (written.plan, written.rejects) == (b"", b"")
    assert (written.found.accounts, written.found.planned) == (0, 0)


def test_a_byte_order_mark_is_no_part_of_the_first_account(run: Find, tmp_path: Path) -> None:
    planted = world(14)

    marked = run(in_file(tmp_path, "marked.ndjson", BOM_UTF8 + planted.lines), search(ALL))

    assert told(marked.plan, marked.rejects) == (planted.truth[ALL], planted.spoilt)


@pytest.mark.parametrize("rules", RULES)
def test_the_batch_takes_every_planned_pair(rules: str, run: Find, tmp_path: Path) -> None:
    planted = world(13, of_each=5)
    accounts = {row["user_id"]: Account.from_json(row) for row in planted.accounts}

    written = run(as_ndjson(tmp_path, planted), search(rules))

    plan = read_plan(io.BytesIO(written.plan), "plan.jsonl")
    assert plan.digest == written.found.digest
    pairs = [pair for star in plan.stars() for pair in star.pairs]
    assert len(pairs) == plan.planned == written.found.planned > 0
    for pair in pairs:
        primary, secondary = accounts[str(pair.primary)], accounts[str(pair.secondary)]
        assert drift(pair.evidence, primary, secondary) is None
        proof = ("verified_email",) if rules in {EMAIL, LEGACY} else ()
        same = ("same_email",) if rules == EMAIL else ()
        guards = ("not_blocked", *proof, *same, "not_enterprise_secondary")
        assert refusal(guards, primary, secondary) is None


@pytest.mark.parametrize("seed", range(40))
def test_the_engine_writes_what_the_model_does(seed: int, run: Find, tmp_path: Path) -> None:
    rng = Random(seed)
    what = search_of(rng)
    rows = accounts_of(rng, rng.randint(20, 60), rng.choice([5, 12, 30, 60, 90]))
    data = lines_of(rng, rows, spoilt=rng.random() < 0.5)
    expected = answer(read_lines(data), what, TWINS)

    written = run(in_file(tmp_path, "users.ndjson", data), what)

    assert written.rejects.decode().splitlines() == expected.rejects.decode().splitlines()
    assert written.plan.decode().splitlines() == expected.plan.decode().splitlines()
    assert written.found.candidates == expected.candidates


@settings(max_examples=25)
@given(seed=st.integers(100), count=st.integers(1, 12))
def test_small_worlds_too(seed: int, count: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    rng = Random(seed)
    what = search_of(rng, 2)
    data = lines_of(rng, accounts_of(rng, count, 1), spoilt=False)
    expected = answer(read_lines(data), what, TWINS)
    plan, rejects = io.BytesIO(), io.BytesIO()
    folder = tmp_path_factory.mktemp("small")

    find(in_file(folder, "u.ndjson", data), what, plan=plan, rejects=rejects, work=folder)

    assert rejects.getvalue().decode().splitlines() == expected.rejects.decode().splitlines()
    assert plan.getvalue().decode().splitlines() == expected.plan.decode().splitlines()


@pytest.mark.parametrize("seed", [3, 4])
def test_the_order_of_the_accounts_is_of_no_matter(seed: int, run: Find, tmp_path: Path) -> None:
    rng = Random(seed)
    rows = accounts_of(rng, 50, 8)
    what = search_of(rng)
    first = run(in_file(tmp_path, "a.ndjson", lines_of(rng, rows, spoilt=False)), what)

    second = run(
        in_file(tmp_path, "b.ndjson", lines_of(rng, rows, spoilt=False)),
        what,
        threads=1,
        memory_limit="200MB",
    )

    assert first.plan == second.plan
    assert first.rejects == second.rejects
