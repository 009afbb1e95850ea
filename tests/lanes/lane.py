"""One Airflow, driven from outside."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Lane:
    """
    An Airflow of its own in a folder, used as people do: from the command line.

    ``checkout`` tells whether this checkout is on its path; else it has the package from elsewhere.
    """

    home: Path
    interpreter: Path = Path(sys.executable)
    checkout: bool = True

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment of its processes: none of the caller's settings of Airflow or Python."""
        foreign = ("AIRFLOW", "COV_CORE", "COVERAGE") if not self.checkout else ("AIRFLOW",)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        inherited.pop("PYTHONPATH", None)
        return (
            inherited
            | ({"PYTHONPATH": str(ROOT)} if self.checkout else {})
            | {
                "AIRFLOW_HOME": str(self.home),
                "AIRFLOW__CORE__DAGS_FOLDER": str(self.home / "dags"),
                "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
                "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{self.home}/airflow.db",
            }
        )

    def attempt(self, program: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a program of its environment. What it prints is shown when the test fails."""
        answer = subprocess.run(
            [self.interpreter.with_name(program), *arguments],
            cwd=self.home,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        print(answer.stdout, answer.stderr, sep="\n")
        return answer

    def run(self, program: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a program, which has to succeed."""
        answer = self.attempt(program, *arguments, **environment)
        assert answer.returncode == 0
        return answer

    def python(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run Python, which has to succeed."""
        return self.run(self.interpreter.name, *arguments, **environment)

    def airflow(self, *arguments: str, **environment: str) -> str:
        """Run an ``airflow`` command and return what it printed."""
        return self.python("-m", "airflow", *arguments, **environment).stdout
