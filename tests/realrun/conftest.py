"""One run with planted secrets, for all that look at what it left behind."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.realrun.plant import Planted, planted


@pytest.fixture(scope="session")
def airflow_db() -> None:
    """Make no database in this process: the runs of this folder are processes of their own."""


@pytest.fixture(scope="package")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planted]:
    """Return a run that has ended; its tenant lives on."""
    home = tmp_path_factory.mktemp("planted")
    with planted(home) as run:
        run.dags_test()
        yield run
    shutil.rmtree(home)
