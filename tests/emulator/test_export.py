from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_auth0link.emulator.export import ndjson, read_export
from airflow_provider_auth0link.emulator.users import believable_users
from tests.emulator.conftest import MakeTenant


def test_an_export_comes_back_as_it_was_loaded(make_tenant: MakeTenant, tmp_path: Path) -> None:
    tenant, _ = make_tenant(*believable_users(50, 1))
    path = tmp_path / "users.ndjson"
    path.write_text(ndjson(tenant.export()))

    export = read_export(path)

    assert export.problems == []
    assert export.users == tenant.export()
    again, _ = make_tenant(*export.users)
    assert again.export() == tenant.export()


@pytest.mark.parametrize("name", ["users.ndjson.gz", "users.json"])
def test_gzip_is_told_by_its_first_bytes(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(b'{"user_id": "auth0|1"}\n'))

    assert [user["user_id"] for user in read_export(path).users] == ["auth0|1"]


def test_bad_lines_are_named_by_their_number(tmp_path: Path) -> None:
    path = tmp_path / "users.ndjson"
    lines = [
        b'{"user_id": "auth0|1"}',
        b"{",
        b"",
        b"[]",
        b'{"email": "a@example.com"}',
        b'{"user_id": "auth0|1"}',
        b'{"user_id": "nobody"}',
        b"\xff",
        b'{"user_id": "github|2"}',
        b'{"user_id": "github|3", "roles": "admin"}',
    ]
    path.write_bytes(b"\n".join(lines))

    export = read_export(path)

    assert [user["user_id"] for user in export.users] == ["auth0|1", "github|2"]
    assert export.problems == [
        "line 2: no JSON",
        "line 4: no object",
        "line 5: user_id is missing or no string",
        "line 6: the same account as line 1",
        "line 7: user_id is not of the form provider|id",
        "line 8: no JSON",
        "line 10: roles is no list of ids or names",
    ]


@pytest.mark.parametrize(
    ("user_id", "identity"),
    [
        ("auth0|1", ("auth0", "1", "Username-Password-Authentication", False)),
        ("github|12", ("github", 12, "github", True)),
        ("google-oauth2|12", ("google-oauth2", "12", "google-oauth2", True)),
        ("samlp|acme|a|b", ("samlp", "acme|a|b", "acme", False)),
        ("waad|abc", ("waad", "abc", "waad", False)),
    ],
)
def test_an_export_may_leave_identities_out(tmp_path: Path, user_id: str, identity: tuple[Any, ...]) -> None:
    path = tmp_path / "users.ndjson"
    path.write_text(json.dumps({"user_id": user_id}))

    (user,) = read_export(path).users

    (made,) = user["identities"]
    assert (made["provider"], made["user_id"], made["connection"], made["isSocial"]) == identity


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_export(tmp_path / "none")


@pytest.mark.parametrize("cut", [slice(None, -12), slice(None, 30)], ids=["the end", "the middle"])
def test_a_gzip_file_that_is_cut_is_an_os_error(tmp_path: Path, cut: slice) -> None:
    path = tmp_path / "users.gz"
    rows = "".join(f'{{"user_id": "auth0|{number}"}}\n' for number in range(100))
    path.write_bytes(gzip.compress(rows.encode())[cut])

    with pytest.raises(OSError, match="cut or broken"):
        read_export(path)


def test_a_line_nested_without_end_is_no_json(tmp_path: Path) -> None:
    path = tmp_path / "users.json"
    path.write_text("[" * 100_000)

    assert read_export(path).problems == ["line 1: no JSON"]
