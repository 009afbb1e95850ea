"""A worker that is killed while it waits for an export, and while it downloads: one job, one whole file."""

from __future__ import annotations

import gzip
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_auth0link.operators.export import ExportUsersOperator
from tests.fakes.exports import ExportSite
from tests.operators import rig
from tests.operators.rig import CONN

pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")

LIMIT_S = 30.0
SEED = random.Random("people")
LINES = b"".join(b'{"user_id": "auth0|%s"}\n' % SEED.randbytes(12).hex().encode() for _ in range(40_000))


def export(path: Path) -> rig.Ran:
    return rig.run(ExportUsersOperator(task_id="export", path=str(path), poll_seconds=0.05))


@contextmanager
def worker(path: Path) -> Iterator[int]:
    """Run the task in a process of its own, as Airflow does, and end it with the block."""
    child = os.fork()
    if child == 0:
        try:
            export(path)
        finally:
            os._exit(0)
    try:
        yield child
    finally:
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "it ended by itself, before it was killed"


def until(true: Callable[[], Any]) -> None:
    ends = time.monotonic() + LIMIT_S
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.01)


def names(path: Path) -> set[str]:
    """Return what lies there; of the temporary file of a download that was killed, that there is one."""
    temporary = f".{path.name}."
    return {temporary if each.name.startswith(temporary) else each.name for each in path.parent.iterdir()}


@pytest.fixture(params=["users.ndjson.gz", "users.jsonl"])
def path(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return tmp_path / str(request.param)


def test_it_is_killed_while_it_waits_and_while_it_downloads(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The first download expires, the second dies with its worker, the third is cut.
    with ExportSite(LINES, looks=None, part_s=0.02, cuts=(0, len(LINES), 100_000)) as site:
        monkeypatch.setenv(CONN, site.connection())
        with worker(path):
            until(lambda: site.looked >= 2)
        assert names(path) == {f"{path.name}.job"}

        site.open()
        with worker(path):
            until(lambda: site.served >= 2 and site.bytes_sent > 100_000)
        assert names(path) == {f"{path.name}.job", f".{path.name}."}, "nothing appears before it is whole"

        site.faster()
        ran = export(path)
        assert ran.error is None, ran.said()

    assert (site.jobs, site.served) == (1, 4)
    assert names(path) == {path.name}, "nothing is left"
    data = path.read_bytes()
    assert (gzip.decompress(data) if path.suffix == ".gz" else data) == LINES
