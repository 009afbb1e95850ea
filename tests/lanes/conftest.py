"""The Airflow that is installed beside the running interpreter, whichever it is."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.lanes.lane import ROOT, Lane


def pytest_report_header() -> str:
    """Say which lane this is."""
    return f"lane: Airflow {version('apache-airflow')} on Python {sys.version.split()[0]}"


@pytest.fixture(scope="session")
def lane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lane]:
    """Return an Airflow with a database, and with the examples and this folder's Dags."""
    home = tmp_path_factory.mktemp("airflow")
    for folder in (ROOT / "dags_examples", Path(__file__).parent / "dags"):
        shutil.copytree(
            folder, home / "dags", dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
        )
    lane = Lane(home)
    lane.airflow("db", "migrate")
    yield lane
    shutil.rmtree(home)
