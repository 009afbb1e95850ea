"""One Airflow, whichever is installed beside the running interpreter, driven from outside."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def pytest_report_header() -> str:
    """Say which lane this is."""
    return f"lane: Airflow {version('apache-airflow')} on Python {sys.version.split()[0]}"


@dataclass(frozen=True)
class Lane:
    """An Airflow of its own in a folder, used as people do: from the command line."""

    home: Path

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment of its processes: none of the caller's Airflow settings."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
        return inherited | {
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.home / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.home}/airflow.db",
            "PYTHONPATH": str(ROOT),
        }

    def python(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run Python, which has to succeed. What it prints is shown when the test fails."""
        answer = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.home,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        print(answer.stdout, answer.stderr, sep="\n")
        assert answer.returncode == 0
        return answer

    def airflow(self, *arguments: str, **environment: str) -> str:
        """Run an ``airflow`` command and return what it printed."""
        return self.python("-m", "airflow", *arguments, **environment).stdout


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
