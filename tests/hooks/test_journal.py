"""Where a ``journal_path`` leads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.hooks.journal import Place, open_store, parse
from airflow_provider_auth0link.hooks.local_store import LocalStore

SECRET = "planted-secret"


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("/var/journal/manual__2027-01-15T08:00:00+00:00", "/var/journal/manual__2027-01-15T08:00:00+00:00"),
        ("file:///var/journal", "/var/journal"),
        ("file://localhost/var/a%20b", "/var/a%20b"),
        ("/var/a?b#c", "/var/a?b#c"),
        ("/with:/colon", "/with:/colon"),
    ],
)
def test_local_folders(path: str, folder: str) -> None:
    assert parse(path) == Path(folder)


def test_a_relative_path_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/people/ada")

    assert parse("journals/one") == tmp_path / "journals" / "one"
    assert parse("~/one") == Path("/people/ada/one")


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("s3://aws_default@audit/auth0/run 1", Place("s3", "aws_default", "audit", "auth0/run 1")),
        ("s3://audit", Place("s3", None, "audit", "")),
        ("S3://a@audit/", Place("s3", "a", "audit", "")),
        ("gs://audit/x/y/", Place("gs", None, "audit", "x/y")),
        (
            "s3://a@b/manual__2027-01-15T08:00:00+00:00",
            Place("s3", "a", "b", "manual__2027-01-15T08:00:00+00:00"),
        ),
    ],
)
def test_object_stores(path: str, place: Place) -> None:
    assert parse(path) == place
    assert parse(str(place)) == place


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("", "is empty"),
        ("  ", "is empty"),
        ("/var/a\nb", "control character"),
        ("/var/a\0b", "control character"),
        ("s3:/bucket/x", "begins with s3:/"),
        ("file:/var/x", "begins with file:/"),
        ("file://host/var/x", "three slashes"),
        ("file://", "three slashes"),
        ("s3://", "names no bucket"),
        ("s3://conn@/x", "names no bucket"),
        (f"s3://AKIA:{SECRET}@bucket/x", "no connection id"),
        ("s3://b/x?y", "holds"),
        ("s3://b/x#y", "holds"),
        ("s3://b/x//y", "empty part"),
        ("s3://b/x/../y", "empty part, or one that is"),
        ("sftp://conn@host/x", "bit by bit"),
        ("https://host/x", "bit by bit"),
    ],
    ids=ascii,
)
def test_no_place_for_a_journal(path: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        parse(path)

    assert "journal_path" in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_local_store_is_made_by_its_first_write_only(tmp_path: Path) -> None:
    store = open_store(f"file://{tmp_path}/a")

    assert isinstance(store, LocalStore)
    assert store.where == f"{tmp_path}/a"
    assert store.names() == []
    assert list(tmp_path.iterdir()) == []


def _connection(kind: str, **extra: object) -> str:
    return json.dumps({"conn_type": kind, "login": "AKIA", "password": SECRET, "extra": extra})


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("s3://journal_http@b/x", "connection 'journal_http' is of type 'http', not 'aws'"),
        ("s3://journal_missing@b/x", "Airflow has no connection 'journal_missing' that it can read"),
        ("s3://journal_cut@b/x", "Airflow has no connection 'journal_cut' that it can read"),
        ("s3://journal_odd@b/x", r"the connection does not make a filesystem \(ValueError\)"),
        ("oss://journal_http@b/x", "oss:// needs a provider of Airflow"),
    ],
)
def test_a_connection_or_a_provider_is_missing(
    path: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_JOURNAL_HTTP", _connection("http"))
    monkeypatch.setenv("AIRFLOW_CONN_JOURNAL_CUT", _connection("aws")[:-2])
    signer = {"s3": {"signer": SECRET}}
    monkeypatch.setenv("AIRFLOW_CONN_JOURNAL_ODD", _connection("aws", service_config=signer))

    with pytest.raises(InputError, match=message) as caught:
        open_store(path)

    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
