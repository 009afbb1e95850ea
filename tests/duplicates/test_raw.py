"""Records found in their file by number."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from airflow_provider_auth0link.duplicates.raw import BUFFER, MisplacedError, raw_records
from airflow_provider_auth0link.duplicates.records import Records


def lines(count: int) -> list[bytes]:
    rng = Random(7)
    return [json.dumps({"n": n, "x": "x" * rng.randrange(3000)}).encode() for n in range(count)]


@pytest.mark.parametrize("end", [b"", b"\n"], ids=["no-newline", "newline"])
@pytest.mark.parametrize("blank", [False, True], ids=["counted", "read"])
@pytest.mark.parametrize(
    "wanted",
    [[0], [1999], [3, 4, 700, 701, 1998, 1999], list(range(2000)), []],
    ids=["first", "last", "some", "all", "none"],
)
def test_records_are_found_by_their_numbers(
    wanted: list[int], blank: bool, end: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "users.ndjson"
    path.write_bytes(b"\n".join(lines(2000)) + end)
    assert path.stat().st_size > 2 * BUFFER

    found = list(raw_records(Records(path), wanted, blank=blank))

    assert [(rec, line, json.loads(data)["n"]) for rec, line, data in found] == [
        (n, n + 1, n) for n in wanted
    ]


def test_blank_lines_are_no_records(tmp_path: Path) -> None:
    path = tmp_path / "users.ndjson"
    path.write_bytes(b"\n" + b"\n \r\n".join(lines(10)) + b"\n\n")

    found = list(raw_records(Records(path), [2, 9], blank=True))

    assert [(rec, line, json.loads(data)["n"]) for rec, line, data in found] == [(2, 6, 2), (9, 20, 9)]


@pytest.mark.parametrize("blank", [False, True], ids=["counted", "read"])
def test_a_file_with_fewer_records_is_told(blank: bool, tmp_path: Path) -> None:
    path = tmp_path / "users.ndjson"
    path.write_bytes(b'{"n": 0}\n{"n": 1}\n')

    with pytest.raises(MisplacedError):
        list(raw_records(Records(path), [1, 2], blank=blank))


def test_a_line_longer_than_a_piece_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "users.ndjson"
    long = json.dumps({"n": 1, "x": "x" * (3 * BUFFER)}).encode()
    path.write_bytes(b"\n".join([b'{"n": 0}', long, b'{"n": 2}']))

    found = list(raw_records(Records(path), [0, 1, 2], blank=False))

    assert [json.loads(data)["n"] for _, _, data in found] == [0, 1, 2]
