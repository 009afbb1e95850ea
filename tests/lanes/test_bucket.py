"""A journal in a bucket of S3, by the Amazon provider that goes with this Airflow."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import boto3
import pytest
from moto.server import ThreadedMotoServer

from airflow_provider_auth0link.errors import InputError, StoreError
from airflow_provider_auth0link.hooks.journal import open_store
from airflow_provider_auth0link.hooks.object_store import ObjectStore
from tests.lanes.lane import Lane

SECRET = "planted-secret"

WITHOUT_EXTRA = """
import sys
sys.modules['s3fs'] = None
from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.hooks.journal import open_store
try:
    open_store("s3://bucket/prefix")
except InputError as error:
    print(error)
"""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """Return the URL of an S3 on this machine."""
    server = ThreadedMotoServer("127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(server: str) -> Iterator[Any]:
    """Return another process's way to the same buckets: a client of its own."""
    client = boto3.client(
        "s3",
        endpoint_url=server,
        region_name="us-east-1",
        aws_access_key_id="other",
        aws_secret_access_key="other",
    )
    yield client
    client.close()


@pytest.fixture
def bucket(s3: Any) -> str:
    """Return the name of an empty bucket."""
    name = f"audit-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture(autouse=True)
def _connection(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", _connection_to(server))


def _connection_to(server: str) -> str:
    extra = {"endpoint_url": server, "region_name": "us-east-1"}
    return json.dumps({"conn_type": "aws", "login": "AKIAJOURNAL", "password": SECRET, "extra": extra})


@pytest.fixture
def store(bucket: str) -> ObjectStore:
    """Return a store in it, under a prefix that looks like one of Airflow's runs."""
    store = open_store(f"s3://aws_default@{bucket}/auth0/manual__2027-01-15T08:00:00+00:00")
    assert isinstance(store, ObjectStore)
    return store


def test_an_object_is_written_once_and_read(store: ObjectStore, s3: Any, bucket: str) -> None:
    assert store.names() == []

    store.write("one.jsonl", b"1")
    store.write("empty", b"")

    assert sorted(store.names()) == ["empty", "one.jsonl"]
    assert store.read("one.jsonl") == b"1"
    with pytest.raises(StoreError, match=r"one\.jsonl exists already"):
        store.write("one.jsonl", b"2")
    assert store.read("one.jsonl") == b"1"
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    prefix = "auth0/manual__2027-01-15T08:00:00+00:00"
    assert sorted(keys) == [f"{prefix}/empty", f"{prefix}/one.jsonl"]


def test_the_same_bytes_under_the_same_name_are_an_earlier_try(store: ObjectStore) -> None:
    store.write("one", b"1")

    store.write("one", b"1")

    assert store.read("one") == b"1"


def test_the_store_itself_refuses_to_overwrite(store: ObjectStore, s3: Any, bucket: str) -> None:
    """What fsspec remembers of the folder does not count: the condition goes with the request."""
    store.write("one", b"1")
    assert store.names() == ["one"]
    key = "auth0/manual__2027-01-15T08:00:00+00:00/two"
    s3.put_object(Bucket=bucket, Key=key, Body=b"theirs")

    with pytest.raises(StoreError, match="two exists already"):
        store.write("two", b"ours")

    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"theirs"


def test_delete_is_harmless_when_it_is_gone(store: ObjectStore) -> None:
    store.write("one", b"1")

    store.delete("one")
    store.delete("one")

    assert store.names() == []
    with pytest.raises(StoreError, match="one is not in s3://aws_default@"):
        store.read("one")


def test_what_another_process_writes_is_listed(store: ObjectStore, s3: Any, bucket: str) -> None:
    store.write("one", b"1")
    assert store.names() == ["one"]
    prefix = "auth0/manual__2027-01-15T08:00:00+00:00"
    s3.put_object(Bucket=bucket, Key=f"{prefix}/two", Body=b"2")

    remembered = store._fs.ls(store._folder, detail=False)
    assert not any(name.endswith("/two") for name in remembered), (
        "fsspec remembers, or this test shows nothing"
    )
    assert sorted(store.names()) == ["one", "two"]

    s3.delete_object(Bucket=bucket, Key=f"{prefix}/one")
    assert store.names() == ["two"]


def test_more_than_a_page_is_listed_and_read(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "10")
    names = [f"n{number}" for number in range(35)]
    for name in names:
        store.write(name, name.encode())

    assert sorted(store.names()) == sorted(names)
    assert dict(store.read_many(names)) == {name: name.encode() for name in names}


def test_threads_read_while_one_writes(store: ObjectStore) -> None:
    names = [f"n{number}" for number in range(20)]
    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(lambda: [store.names() for _ in range(5)]) for _ in range(3)]
        for name in names:
            store.write(name, name.encode())
        for reader in readers:
            reader.result()
        read = list(pool.map(store.read, names))

    assert read == [name.encode() for name in names]


def test_a_whole_bucket_may_be_the_folder(bucket: str) -> None:
    store = open_store(f"s3://aws_default@{bucket}")

    assert store.names() == []
    store.write("one", b"1")
    assert store.names() == ["one"]


def test_a_bucket_that_is_not_there() -> None:
    store = open_store("s3://aws_default@nowhere-to-be-found/auth0")

    for use in (store.names, lambda: store.read("one"), lambda: store.write("one", b"1")):
        with pytest.raises(
            InputError, match="s3://aws_default@nowhere-to-be-found/auth0: there is no such bucket"
        ):
            use()


def test_credentials_that_are_refused(store: ObjectStore, server: str) -> None:
    _allow(server, 0)
    try:
        for use in (store.names, lambda: store.read("one"), lambda: store.write("one", b"1")):
            with pytest.raises(InputError, match="access was refused") as caught:
                use()
            assert SECRET not in str(caught.value)
            assert "AKIA" not in str(caught.value)
    finally:
        _allow(server, 10**9)


def test_a_task_keeps_a_journal(lane: Lane, server: str, s3: Any) -> None:
    s3.create_bucket(Bucket="audit")

    lane.airflow("dags", "test", "journal_in_bucket", AIRFLOW_CONN_AWS_DEFAULT=_connection_to(server))

    written = s3.list_objects_v2(Bucket="audit", Prefix="auth0/manual__")["Contents"]
    assert sorted(each["Key"].rpartition("/")[2] for each in written) == ["one.jsonl", "two.jsonl"]


def test_the_extra_is_not_installed(tmp_path: Path) -> None:
    told = Lane(tmp_path).python("-c", WITHOUT_EXTRA).stdout

    assert told.splitlines()[-1] == (
        "journal_path: s3:// needs the extra [s3]: pip install 'airflow-provider-auth0link[s3]'"
    )


def _allow(server: str, requests: int) -> None:
    """Let S3 ask for credentials that it knows after so many further requests. It knows none."""
    plain = {"Content-Type": "text/plain"}
    urlopen(Request(f"{server}/moto-api/reset-auth", data=str(requests).encode(), headers=plain)).close()
