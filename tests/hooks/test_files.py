"""Files here and on object storage. Airflow's own ObjectStoragePath, over a file system in memory."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.io import attach
from fsspec.implementations.memory import MemoryFileSystem

from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.hooks import files

CONTENT = b"a line\nand\xff another\n"


@pytest.fixture
def bucket() -> Iterator[str]:
    """A folder on a file system that is not this machine's."""
    file_system = MemoryFileSystem()
    attach("memory", fs=file_system)
    file_system.mkdir("/bucket")
    yield "memory://bucket"
    file_system.rm("/bucket", recursive=True)


@pytest.fixture(params=["path", "url", "object storage"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A folder that can be written to, in each way to name one."""
    if request.param == "object storage":
        return str(request.getfixturevalue("bucket"))
    return str(tmp_path) if request.param == "path" else tmp_path.as_uri()


def read(path: str) -> bytes:
    with files.reading(path) as file:
        return bytes(file.read())


def write(path: str, content: bytes = CONTENT) -> None:
    with files.writing(path) as file:
        file.write(content)


def write_half(path: str) -> None:
    with files.writing(path) as file:
        file.write(b"half a")
        file.flush()
        raise ZeroDivisionError


def test_what_is_written_can_be_read(folder: str) -> None:
    path = files.within(folder, "plan with 100% of it.jsonl")

    write(path, b"older and longer than what comes after it")
    write(path)

    assert read(path) == CONTENT
    assert files.name_of(path) == "plan with 100% of it.jsonl"
    assert read(files.within(files.folder_of(path), files.name_of(path))) == CONTENT


def test_a_block_that_raises_leaves_what_was_there(folder: str) -> None:
    path = files.within(folder, "plan.jsonl")
    write(path)

    with pytest.raises(ZeroDivisionError):
        write_half(path)

    assert read(path) == CONTENT


def test_a_local_file_is_its_owner_s_and_alone(tmp_path: Path) -> None:
    write(str(tmp_path / "plan.jsonl"))
    with pytest.raises(ZeroDivisionError):
        write_half(str(tmp_path / "other.jsonl"))

    assert [path.name for path in tmp_path.iterdir()] == ["plan.jsonl"]
    assert stat.S_IMODE((tmp_path / "plan.jsonl").stat().st_mode) == 0o600


def test_a_local_file_is_not_seen_before_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "plan.jsonl"

    with files.writing(str(path)) as file:
        file.write(CONTENT)
        file.flush()
        assert not path.exists()

    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("path", "local"),
    [
        pytest.param("/data/plan.jsonl", "/data/plan.jsonl", id="absolute"),
        pytest.param("plan.jsonl", "plan.jsonl", id="relative"),
        pytest.param("/data/a%20b", "/data/a%20b", id="path with a percent sign"),
        pytest.param("file:///data/a%20b#c?d", "/data/a%20b#c?d", id="url"),
        pytest.param("FILE://localhost//data/x", "//data/x", id="url with this machine"),
        pytest.param("~/plan.jsonl", str(Path.home() / "plan.jsonl"), id="home"),
        pytest.param("s3://aws_default@bucket/x", None, id="object storage"),
    ],
)
def test_which_paths_are_of_this_machine(path: str, local: str | None) -> None:
    assert files.local_path(path) == (None if local is None else Path(local))


@pytest.mark.parametrize(
    ("path", "told"),
    [
        pytest.param("", "is empty", id="empty"),
        pytest.param("/data/\0", "holds a NUL", id="nul"),
        pytest.param("file://data/plan.jsonl", "three slashes", id="url with two slashes"),
        pytest.param("s3://AKIA:hunter2@bucket/x", "Name an Airflow connection", id="password"),
        pytest.param("s3://bucket/x?X-Amz-Signature=hunter2", "holds a '?' or '#'", id="signed url"),
        pytest.param("S3://bucket/x#hunter2", "holds a '?' or '#'", id="fragment"),
        pytest.param("s3://[bucket/x", "is no URL", id="no url"),
        pytest.param("nowhere://bucket/x", "nothing that is installed here reaches nowhere://", id="scheme"),
    ],
)
def test_a_path_that_cannot_be_is_refused(path: str, told: str) -> None:
    for use in (read, write):
        with pytest.raises(InputError) as caught:
            use(path)
        assert told in str(caught.value)
        assert "hunter2" not in str(caught.value)


def test_what_is_not_there_is_said(folder: str) -> None:
    with pytest.raises(InputError) as caught:
        read(files.within(folder, "plan.jsonl"))

    assert "is not there" in str(caught.value)


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        write(str(tmp_path / "missing" / "plan.jsonl"))

    assert "its folder or bucket is not there. Make it first" in str(caught.value)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "plan.jsonl").mkdir()
    (tmp_path / "file").touch()

    for use, path in ((read, "plan.jsonl"), (write, "plan.jsonl"), (write, "file/plan.jsonl")):
        with pytest.raises(InputError) as caught:
            use(str(tmp_path / path))
        assert "a folder stands where a file should" in str(caught.value)


class Refusing(MemoryFileSystem):  # type: ignore[misc]  # fsspec has no types
    """Object storage with rights that do not reach, or without the connection."""

    error: Exception = PermissionError()

    def _open(self, *args: Any, **kwargs: Any) -> Any:
        raise self.error

    def put_file(self, *args: Any, **kwargs: Any) -> Any:
        raise self.error


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Refusing:
    """Object storage behind a connection, ``memory://refusing@bucket``."""
    monkeypatch.setenv("AIRFLOW_CONN_REFUSING", "generic://")
    file_system = Refusing(skip_instance_cache=True)
    attach("memory", conn_id="refusing").fs = file_system
    return file_system


@pytest.mark.parametrize("use", [read, write])
@pytest.mark.parametrize(
    ("error", "told"),
    [
        pytest.param(PermissionError("secret"), "may not be", id="rights"),
        pytest.param(FileNotFoundError("secret"), "is not there", id="bucket"),
        pytest.param(type("NoCredentialsError", (Exception,), {})(), "are no credentials", id="credentials"),
    ],
)
def test_what_cannot_be_is_said(error: Exception, told: str, use: Any, refusing: Refusing) -> None:
    refusing.error = error

    with pytest.raises(InputError) as caught:
        use("memory://refusing@bucket/plan.jsonl")

    assert told in str(caught.value)
    assert str(caught.value).startswith("memory://refusing@bucket/plan.jsonl: ")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("use", [read, write])
def test_what_may_pass_is_left_to_a_retry(use: Any, refusing: Refusing) -> None:
    refusing.error = ConnectionResetError("reset")

    with pytest.raises(ConnectionResetError):
        use("memory://refusing@bucket/plan.jsonl")


@pytest.mark.parametrize("use", [read, write])
def test_a_missing_connection_is_said(use: Any, airflow_db: None) -> None:
    with pytest.raises(InputError) as caught:
        use("memory://missing@bucket/plan.jsonl")

    assert "memory://missing@bucket/plan.jsonl: Airflow has no connection 'missing' that it can read" in str(
        caught.value
    )


def test_a_local_file_needs_no_airflow(tmp_path: Path) -> None:
    code = """
import sys
from airflow_provider_auth0link.hooks import files
with files.writing(sys.argv[1]) as file:
    file.write(b"x")
with files.reading(sys.argv[1]) as file:
    assert file.read() == b"x"
assert not [name for name in sys.modules if name.split(".")[0] == "airflow"]
"""

    subprocess.run([sys.executable, "-c", code, str(tmp_path / "x")], check=True)
