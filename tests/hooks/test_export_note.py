from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.io import attach
from fsspec.implementations.memory import MemoryFileSystem

from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.hooks.export_note import (
    KEPT_S,
    Note,
    note_path,
    options_digest,
    read_note,
    remove_note,
    write_note,
)

NOTE = Note(
    "acme.eu.auth0.com", options_digest(["user_id"], None), "nightly/export/1", 1_800_000_000.5, "job_1"
)


@pytest.fixture(params=["local", "file://"])
def path(tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """Return where a file is to be."""
    return f"{'' if request.param == 'local' else 'file://'}{tmp_path}/users.ndjson.gz"


@pytest.fixture
def stored() -> Iterator[str]:
    """Return where one is to be on object storage."""
    file_system = MemoryFileSystem()
    attach("memory", fs=file_system)
    file_system.mkdir("/bucket")
    yield "memory://bucket/users.ndjson.gz"
    file_system.rm("/bucket", recursive=True)


def test_on_object_storage(stored: str) -> None:
    assert read_note(stored) is None
    for job_id in ("job_1", "job_2"):
        write_note(stored, replace(NOTE, job_id=job_id))
    assert read_note(stored) == replace(NOTE, job_id="job_2")

    remove_note(stored, "job_1")
    assert read_note(stored) is not None
    remove_note(stored, "job_2")
    assert read_note(stored) is None


@pytest.mark.parametrize("note", [NOTE, replace(NOTE, job_id=None), replace(NOTE, run=None)])
def test_what_is_written_is_read(path: str, note: Note) -> None:
    write_note(path, note)

    assert read_note(path) == note


def test_it_lies_beside_and_tells_when(tmp_path: Path) -> None:
    write_note(str(tmp_path / "users.jsonl"), NOTE)

    row = json.loads((tmp_path / "users.jsonl.job").read_text())
    assert row.keys() == {"version", "tenant", "options", "run", "at", "job_id"}
    assert row["at"] == "2027-01-15T08:00:00.500000+00:00"


def test_there_is_none(path: str) -> None:
    assert read_note(path) is None


def test_its_folder_is_not_there(tmp_path: Path) -> None:
    path = str(tmp_path / "nowhere" / "users.jsonl")

    assert read_note(path) is None
    with pytest.raises(InputError, match="Make it first"):
        write_note(path, NOTE)


def test_one_that_may_not_be_read_is_not_none(tmp_path: Path) -> None:
    (tmp_path / "users.jsonl.job").mkdir()

    with pytest.raises(InputError, match="a folder stands where a file should"):
        read_note(str(tmp_path / "users.jsonl"))


@pytest.mark.parametrize(
    "change", [{"version": 2}, {"at": "soon"}, {"at": 7}, {"tenant": ...}, {"job_id": ...}]
)
def test_what_is_no_note_is_none(path: str, tmp_path: Path, change: dict[str, Any]) -> None:
    write_note(path, NOTE)
    file = tmp_path / "users.ndjson.gz.job"
    row = json.loads(file.read_text()) | change
    file.write_text(json.dumps({key: value for key, value in row.items() if value is not ...}))

    assert read_note(path) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "7", '{"version": 1, "job_id": "j'])
def test_nor_is_what_was_cut(path: str, tmp_path: Path, text: str) -> None:
    (tmp_path / "users.ndjson.gz.job").write_text(text)

    assert read_note(path) is None


@pytest.mark.parametrize(
    ("change", "serves"),
    [
        ({}, True),
        ({"at": NOTE.at - KEPT_S + 1}, True),
        ({"at": NOTE.at + 90}, True),
        ({"at": NOTE.at - KEPT_S}, False),
        ({"job_id": None}, False),
        ({"run": "nightly/export/2"}, False),
        ({"run": None}, False),
        ({"tenant": "other.eu.auth0.com"}, False),
        ({"options": options_digest(["user_id"], "con_0000000000000001")}, False),
        ({"options": options_digest(["user_id", "email"], None)}, False),
    ],
)
def test_whose_job_is_gone_on_with(change: dict[str, Any], serves: bool) -> None:
    assert replace(NOTE, **change).serves(replace(NOTE, job_id=None)) is serves


def test_it_is_removed(path: str, tmp_path: Path) -> None:
    write_note(path, NOTE)
    remove_note(path, "job_1")
    remove_note(path, "job_1")

    assert list(tmp_path.iterdir()) == []


def test_that_of_another_job_is_left(path: str) -> None:
    write_note(path, NOTE)
    remove_note(path, "job_2")

    assert read_note(path) == NOTE


def test_its_place() -> None:
    assert note_path("s3://conn@bucket/a/users.jsonl") == "s3://conn@bucket/a/users.jsonl.job"
