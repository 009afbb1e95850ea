"""Plans in a bucket of S3, by the Amazon provider that goes with this Airflow."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.hooks import files
from airflow_provider_auth0link.operators.plan import SplitPlanOperator

FOLDER = "s3://aws_default@plans/night"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of another process, and the default connection."""
    extra = {"endpoint_url": server, "region_name": "us-east-1"}
    connection = {"conn_type": "aws", "login": "AKIA7", "password": "planted-secret", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    client = boto3.client(
        "s3",
        endpoint_url=server,
        region_name="us-east-1",
        aws_access_key_id="other",
        aws_secret_access_key="other",
    )
    client.create_bucket(Bucket="plans")
    yield client
    client.close()


def read(path: str) -> bytes:
    with files.reading(path) as file:
        return bytes(file.read())


def write(path: str, content: bytes) -> None:
    with files.writing(path) as file:
        file.write(content)


def test_what_is_written_can_be_read(s3: Any) -> None:
    path = files.within(FOLDER, "manual__2027-01-15T08:00:00+00:00.jsonl")
    content = b"0123456789abcdef" * (1 << 16)

    write(path, b"")
    write(path, content)

    assert read(path) == content
    key = "night/manual__2027-01-15T08:00:00+00:00.jsonl"
    assert s3.get_object(Bucket="plans", Key=key)["Body"].read() == content


def test_what_another_process_wrote_is_read_whole(s3: Any) -> None:
    path = files.within(FOLDER, "theirs.jsonl")
    for content in (b"one", b"longer than one", b"2"):
        s3.put_object(Bucket="plans", Key="night/theirs.jsonl", Body=content)
        assert read(path) == content


class TaskInstance:
    """All that the operator asks of its own."""

    def xcom_push(self, key: str, value: Any) -> None:
        setattr(self, key, value)


def test_a_plan_in_a_bucket_is_divided_there(s3: Any) -> None:
    path = files.within(FOLDER, "split/plan.jsonl")
    rows = [{"primary_user_id": f"auth0|{n // 2}", "secondary_user_id": f"github|{n}"} for n in range(20)]
    write(path, "".join(json.dumps(row) + "\n" for row in rows).encode())
    instance: Any = TaskInstance()

    shards = SplitPlanOperator(task_id="split", plan_path=path, shards=3).execute({"ti": instance})

    found = [json.loads(line) for shard in shards for line in read(shard).splitlines()]
    assert sorted(found, key=rows.index) == rows
    assert [shard.rpartition("/")[0] for shard in shards] == [f"{FOLDER}/split"] * 3
    assert instance.planned == len(rows)


def test_a_block_that_raises_leaves_what_was_there(s3: Any) -> None:
    path = files.within(FOLDER, "plan.jsonl")
    write(path, b"whole")

    with pytest.raises(ZeroDivisionError), files.writing(path) as file:
        file.write(bytes(1 // 0))

    assert read(path) == b"whole"


def test_what_is_not_there_is_said(s3: Any) -> None:
    with pytest.raises(InputError, match=r"missing\.jsonl: is not there"):
        read(files.within(FOLDER, "missing.jsonl"))
    with pytest.raises(InputError, match="its folder or bucket is not there"):
        write("s3://aws_default@no-such-bucket/plan.jsonl", b"x")


def test_a_connection_must_be_of_amazon_s_kind(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", "generic://")

    with pytest.raises(InputError, match="is of type 'generic', not 'aws'"):
        read("s3://other@plans/plan.jsonl")


def test_without_the_extra_it_is_named() -> None:
    code = """
import sys
sys.modules["s3fs"] = None
from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.hooks import files
for use in (files.reading, files.writing):
    try:
        with use("s3://plans/plan.jsonl"):
            pass
    except InputError as error:
        print(error)
"""

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    said = "s3://plans/plan.jsonl: nothing that is installed here reaches s3://. Install its Airflow provider"
    assert done.stdout.count(said) == 2
    assert "airflow-provider-auth0link[s3]" in done.stdout
