"""Sources of all kinds, as lines of JSON."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_auth0link.duplicates.records import LINE, WRONG, records_of
from airflow_provider_auth0link.duplicates.sources import FileSource, RowsSource, Source, ending_of, is_gzip
from airflow_provider_auth0link.errors import InputError


def read(source: Source, folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in records_of(source, folder).path.read_bytes().splitlines()]


def file(folder: Path, name: str, content: bytes) -> FileSource:
    path = folder / name
    path.write_bytes(content)
    return FileSource(path, ending_of(name))


def rows(columns: Sequence[str], *cells: Sequence[object]) -> RowsSource:
    return RowsSource(columns, iter(cells))


@pytest.mark.parametrize("name", ["users.NDJSON.gz", "a.b.csv", "users.json", "u.parquet"])
def test_an_ending_is_known(name: str) -> None:
    assert name.lower().endswith(ending_of(name))


@pytest.mark.parametrize("name", ["users", "users.txt", "users.parquet.gz", "users.zip"])
def test_another_ending_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="must end in"):
        ending_of(name)


def test_lines_of_json_are_read_where_they_lie(tmp_path: Path) -> None:
    source = file(tmp_path, "users.ndjson", b'{"user_id": "a|1"}\n')

    assert records_of(source, tmp_path).path == source.path


def test_gzip_is_told_by_its_bytes(tmp_path: Path) -> None:
    source = file(tmp_path, "users.ndjson", gzip.compress(b'{"user_id": "a|1"}\n'))

    assert is_gzip(source.path)
    with records_of(source, tmp_path).opened() as opened:
        assert opened.read() == b'{"user_id": "a|1"}\n'


def test_cells_of_a_query_become_fields(tmp_path: Path) -> None:
    columns = (
        "user_id",
        "identities",
        "app_metadata",
        "app_metadata.legacy_id",
        "email_verified",
        "logins_count",
    )
    moments = ("last_login", "email")
    source = rows(
        (*columns, *moments),
        ("a|1", '[{"provider": "a"}]', '{"plan": 1}', 7, "t", "12", datetime(2024, 1, 2, tzinfo=UTC), ""),
        ("a|2", None, None, Decimal("8.0"), 0, Decimal("3.5"), None, float("nan")),
    )

    assert read(source, tmp_path) == [
        {
            "user_id": "a|1",
            "identities": [{"provider": "a"}],
            "app_metadata": {"plan": 1, "legacy_id": 7},
            "email_verified": True,
            "logins_count": 12,
            "last_login": "2024-01-02T00:00:00+00:00",
            LINE: 1,
        },
        {
            "user_id": "a|2",
            "app_metadata": {"legacy_id": 8},
            "email_verified": False,
            "logins_count": 3.5,
            LINE: 2,
        },
    ]


def test_a_record_of_a_csv_has_the_line_that_it_begins_on(tmp_path: Path) -> None:
    lines = b'\xef\xbb\xbfuser_id,name\r\na|1,"two\nlines"\r\n\r\na|2\r\na|3,\xff\r\na|4,x\r\n'

    found = read(file(tmp_path, "users.csv", lines), tmp_path)

    assert [(row.get("user_id"), row.get(WRONG), row[LINE]) for row in found] == [
        ("a|1", None, 2),
        (None, "not as many cells as columns", 5),
        (None, "no UTF-8", 6),
        ("a|4", None, 7),
    ]


def test_an_array_of_json_is_read(tmp_path: Path) -> None:
    found = read(file(tmp_path, "users.json", b' [{"user_id": "a|1"},\n {"user_id": "a|2"}, 7]'), tmp_path)

    assert [row.get("user_id") for row in found] == ["a|1", "a|2", None]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("users.csv", b"id,email\na,b\n"),
        ("users.csv", b'user_id\n"a|1\n'),
        ("users.json", b'[{"user_id": "a|1"}'),
        ("users.parquet", b"no parquet"),
        ("users.csv.gz", gzip.compress(b"user_id,email\n" + b"a|1,x\n" * 9999)[:-9]),
        ("users.json.gz", gzip.compress(b"[{}]")[:-9]),
        ("users.ndjson.gz", gzip.compress(b"{}\n")[:-9]),
    ],
)
def test_a_source_that_cannot_be_read_is_told(name: str, content: bytes, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="source: "):
        read(file(tmp_path, name, content), tmp_path)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not there"):
        records_of(FileSource(tmp_path / "none.csv", ".csv"), tmp_path)


def test_rows_need_a_user_id(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no column user_id"):
        records_of(rows(("id",), ("a|1",)), tmp_path)


def test_a_cell_may_be_as_large_as_metadata_are(tmp_path: Path) -> None:
    large = '"{""a"": ""' + "x" * 200_000 + '""}"'

    (row,) = read(file(tmp_path, "users.csv", f"user_id,app_metadata\na|1,{large}\n".encode()), tmp_path)

    assert len(row["app_metadata"]["a"]) == 200_000


DEEP = '{"a":' * 5000 + "1" + "}" * 5000


def test_one_users_metadata_nested_without_end_spoil_nobody_elses_row(tmp_path: Path) -> None:
    cell = DEEP.replace('"', '""')
    csv = f'user_id,app_metadata\na|1,"{cell}"\na|2,{{}}\n'.encode()
    array = f'[{{"user_id": "a|1", "app_metadata": {DEEP}}}, {{"user_id": "a|2"}}]'.encode()

    for name, content in (("users.csv", csv), ("users.json", array)):
        found = read(file(tmp_path, name, content), tmp_path)
        assert found[1]["user_id"] == "a|2", name


def test_an_array_may_begin_with_a_mark_of_its_order(tmp_path: Path) -> None:
    source = file(tmp_path, "users.json", b'\xef\xbb\xbf[{"user_id": "a|1"}]')

    assert not records_of(source, tmp_path).path.samefile(source.path)
