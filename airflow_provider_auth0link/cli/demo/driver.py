"""
Runs one Dag with Airflow, in a process of its own, and tells of it as JSON Lines on standard output.

``python -m airflow_provider_auth0link.cli.demo.driver DAG_ID``. The environment says where Airflow's home
and Dags are; the metadata database is made here. Whatever Airflow prints goes to standard error. Standard
input is a lifeline: when it closes, the process that asked is gone, and this one ends with all it started.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import sys
import threading
from collections.abc import Callable
from functools import cache
from typing import Any

Tell = Callable[[dict[str, Any]], None]

XCOMS = {"link": "link"}
"""Task ids whose XCom of another key than ``return_value`` is told."""


def main(dag_id: str) -> None:
    """Run *dag_id* once and tell its task instances with their XComs."""
    tell = _own_output()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    tell({"stage": "import"})
    import airflow
    from airflow.utils.db import initdb

    tell({"stage": "database", "airflow": airflow.__version__})
    initdb()
    _keep_one_api_server()
    tell({"stage": "run"})
    _run(dag_id)
    tell({"stage": "read"})
    tell({"result": _read(dag_id)})


def _own_output() -> Tell:
    """
    Keep standard output for the events and send what others print to standard error.

    It stays open to the very end: its closing tells the reader that the process has done all it had to.
    """
    events = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", closefd=False)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def tell(event: dict[str, Any]) -> None:
        events.write(json.dumps(event) + "\n")
        events.flush()

    return tell


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _keep_one_api_server() -> None:
    """
    Let all tasks of the run share one in-process API server, as Airflow 3.3 does by itself.

    Airflow 3.0 to 3.2 build one for every task, which takes seconds each time. Airflow 2 has none.
    """
    try:
        from airflow.sdk.execution_time import supervisor
    except ImportError:
        return
    make = getattr(supervisor, "in_process_api_server", None)
    if make:
        supervisor.in_process_api_server = cache(make)


def _run(dag_id: str) -> None:
    """Do as the command line ``airflow dags test`` does. A failed run is told by its state."""
    sys.argv = ["airflow", "dags", "test", dag_id]
    try:
        runpy.run_module("airflow", run_name="__main__")
    except SystemExit as end:
        if end.code:
            print(f"airflow dags test: {end.code}")


def _read(dag_id: str) -> dict[str, Any]:
    from airflow.models import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        run = session.scalars(select(DagRun).where(DagRun.dag_id == dag_id)).one()
        tasks = [
            {
                "task_id": each.task_id,
                "map_index": each.map_index,
                "state": str(each.state),
                "xcom": each.xcom_pull(
                    task_ids=each.task_id,
                    key=XCOMS.get(each.task_id, "return_value"),
                    map_indexes=each.map_index,
                    session=session,
                ),
            }
            for each in sorted(run.get_task_instances(session=session), key=_begun)
        ]
        return {"state": str(run.state), "tasks": tasks}


def _begun(task_instance: Any) -> tuple[bool, Any]:  # noqa: ANN401 - a class of its own on each Airflow
    """Sort by the start, those that never began last."""
    return task_instance.start_date is None, task_instance.start_date


if __name__ == "__main__":
    main(sys.argv[1])
