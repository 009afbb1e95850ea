"""
An Airflow of the tests' own.

Its settings stand in the environment before anything can import Airflow, and none of the caller's
Airflow settings, connections or variables reach a test. The database is made when a test asks for it.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from airflow.models.dagrun import DagRun
    from airflow.sdk import DAG

HOME = Path(tempfile.mkdtemp(prefix="auth0link-tests-"))

for name in [name for name in os.environ if name.startswith("AIRFLOW")]:
    del os.environ[name]

(HOME / "dags").mkdir()
os.environ |= {
    "AIRFLOW_HOME": str(HOME),
    "AIRFLOW__CORE__DAGS_FOLDER": str(HOME / "dags"),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{HOME}/airflow.db",
}

with suppress(ImportError):  # the older lanes run none of its tests, and lack it
    from hypothesis import HealthCheck, settings

    # How long a busy machine takes says nothing about the code; CI meets the same examples every time.
    settings.register_profile(
        "house",
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
        derandomize=bool(os.environ.get("CI")),
    )
    settings.load_profile("house")


def pytest_unconfigure() -> None:
    """Take the tests' Airflow away again."""
    shutil.rmtree(HOME, ignore_errors=True)


@pytest.fixture(autouse=True)
def _forget_masked_secrets() -> Iterator[None]:
    # Airflow compiles all that it ever masked into one pattern, anew for each secret. Kept over some thousand
    # tests, each with secrets of its own, this is what nearly all of the time would go into.
    yield
    for name, module in sys.modules.copy().items():  # other threads may import
        if name.endswith("secrets_masker") and hasattr(module, "reset_secrets_masker"):
            module.reset_secrets_masker()


@pytest.fixture(scope="session")
def airflow_home() -> Path:
    """Return the AIRFLOW_HOME of this test run."""
    return HOME


@pytest.fixture(scope="session")
def airflow_db() -> None:
    """Make Airflow's database, once in a test run."""
    from airflow.utils.db import initdb

    initdb()


@pytest.fixture(autouse=True)
def _airflow_db_where_marked(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("airflow_run"):
        request.getfixturevalue("airflow_db")


@pytest.fixture
def run_dag(airflow_db: None) -> Callable[..., DagRun]:
    """
    Return a function that runs a Dag in this process, over Airflow's own task runner.

    Arguments beside the Dag go to ``dag.test()``, ``run_conf`` for one.
    """
    return _run_dag


def _run_dag(dag: DAG, **arguments: Any) -> DagRun:
    from airflow.models.dagbundle import DagBundleModel
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.serialization.definitions.dag import SerializedDAG
    from airflow.serialization.serialized_objects import LazyDeserializedDAG
    from airflow.utils.session import create_session

    # A Dag that no bundle has brought is not serialized, and Airflow 3 runs none but serialized Dags.
    with create_session() as session:
        if session.get(DagBundleModel, "testing") is None:
            session.add(DagBundleModel(name="testing"))
            session.flush()
        lazy = LazyDeserializedDAG.from_dag(dag)
        SerializedDAG.bulk_write_to_db("testing", None, [lazy], session=session)
        SerializedDagModel.write_dag(lazy, bundle_name="testing", session=session)
    run: DagRun = dag.test(**arguments)
    return run
