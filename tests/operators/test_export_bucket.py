"""An export to a bucket of S3, and its job's id beside it, by the Amazon provider that goes with this Airflow."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.operators.export import ExportUsersOperator
from tests.fakes.exports import ExportSite
from tests.operators import rig
from tests.operators.rig import CONN

LINES = b"".join(b'{"user_id": "auth0|%d"}\n' % n for n in range(20_000))


@pytest.fixture(scope="module")
def place() -> Iterator[dict[str, str]]:
    """Return where an S3 of this machine is. Airflow keeps its way there, as long as the process lives."""
    server = ThreadedMotoServer("127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield {"endpoint_url": f"http://{host}:{port}", "region_name": "us-east-1"}
    server.stop()


@pytest.fixture
def s3(place: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return another process's way to a bucket, to which the connection ``aws_exports`` leads."""
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    row = {"conn_type": "aws", "login": "AKIAEXPORT", "password": "secret", "extra": place}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_EXPORTS", json.dumps(row))
    client = boto3.client("s3", aws_access_key_id="other", aws_secret_access_key="other", **place)
    client.create_bucket(Bucket="exports")
    yield client
    for key in keys(client):
        client.delete_object(Bucket="exports", Key=key)
    client.close()


def keys(s3: Any) -> list[str]:
    return [each["Key"] for each in s3.list_objects_v2(Bucket="exports").get("Contents", ())]


@pytest.mark.parametrize("name", ["users.ndjson.gz", "users.jsonl"])
def test_a_retry_goes_on_with_the_job(s3: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def export(seconds: float) -> rig.Ran:
        path = f"s3://aws_exports@exports/of/today/{name}"
        return rig.run(ExportUsersOperator(task_id="export", path=path, poll_seconds=0.05, timeout=seconds))

    with ExportSite(LINES, looks=None, cuts=(0,)) as site:
        monkeypatch.setenv(CONN, site.connection())
        late = export(0.5)
        assert "after all the time given" in str(late.raised)
        assert keys(s3) == [f"of/today/{name}.job"]

        site.open()
        ran = export(60)

    assert ran.error is None, ran.said()
    assert site.jobs == 1
    assert keys(s3) == [f"of/today/{name}"]
    data = s3.get_object(Bucket="exports", Key=f"of/today/{name}")["Body"].read()
    assert (gzip.decompress(data) if name.endswith("gz") else data) == LINES


def test_a_bucket_that_is_not_there_is_told_before_a_job_is_started(
    s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExportSite(LINES) as site:
        monkeypatch.setenv(CONN, site.connection())
        ran = rig.run(ExportUsersOperator(task_id="export", path="s3://aws_exports@nowhere/users.jsonl"))

    assert isinstance(ran.raised, InputError)
    assert site.jobs == 0
