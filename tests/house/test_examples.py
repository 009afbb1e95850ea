"""Every example is a Dag that loads, one idea a file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.house.tree import EXAMPLES, ROOT, modules, relative

# They are read in a process of their own, so that nothing which a test has imported can help.
CODE = """
import json, sys
from airflow.dag_processing.dagbag import DagBag

bag = DagBag(sys.argv[1])
assert not bag.import_errors, bag.import_errors
print(json.dumps({
    dag.dag_id: {
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "retries": [task.retries for task in dag.tasks],
    }
    for dag in bag.dags.values()
}))
"""


@pytest.fixture(scope="module")
def dags() -> dict[str, dict[str, Any]]:
    """Return what stands in the examples, by the Dags' ids."""
    command = [sys.executable, "-c", CODE, str(EXAMPLES)]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    found: dict[str, dict[str, Any]] = json.loads(answer.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("path", modules(EXAMPLES), ids=relative)
def test_an_example_is_a_dag_named_like_its_file(path: Path, dags: dict[str, dict[str, Any]]) -> None:
    dag = dags[path.stem]

    assert dag["catchup"] is False
    assert dag["max_active_runs"] == 1
    assert min(dag["retries"]) > 0


def test_no_file_holds_a_second_dag(dags: dict[str, dict[str, Any]]) -> None:
    assert sorted(dags) == [path.stem for path in modules(EXAMPLES)]
    assert dags.keys() >= {"example_batch", "example_dedup_and_link", "example_link_one", "example_undo"}
