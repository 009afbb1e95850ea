"""
Runs Dags with Airflow, in a process of its own, and tells of them as JSON Lines on standard output.

``python -m airflow_provider_auth0link.cli.demo.driver``. The environment says where Airflow's home and Dags are;
the metadata database is made here. Standard input brings orders, one a line: ``{"dag": DAG_ID, "conf": {...}}`` runs
a Dag once, ``null`` is the last. It is a lifeline too: when it closes before, the process that asked is gone, and
this one ends with all it started. Whatever Airflow prints goes to standard error.
"""

from __future__ import annotations

import json
import os
import queue
import runpy
import signal
import sys
import threading
from collections.abc import Callable
from functools import cache
from typing import Any

Tell = Callable[[dict[str, Any]], None]
Order = dict[str, Any] | None

XCOMS = {("example_dedup_and_link", "link"): "link"}
"""Dags and tasks whose XCom of another key than ``return_value`` is told."""


def main() -> None:
    """Run what is ordered and tell the task instances of each run with their XComs."""
    tell = _own_output()
    orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
    threading.Thread(target=_take_orders, args=(orders,), daemon=True).start()
    tell({"stage": "import"})
    import airflow
    from airflow.utils.db import initdb

    tell({"stage": "database", "airflow": airflow.__version__})
    initdb()
    _keep_one_api_server()
    while order := orders.get():
        tell({"stage": "run", "dag": order["dag"]})
        _run(order["dag"], order["conf"])
        tell({"result": _read(order["dag"])})


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


def _take_orders(orders: queue.SimpleQueue[Order]) -> None:
    for line in sys.stdin.buffer:
        orders.put(json.loads(line))
    os.killpg(os.getpgrp(), signal.SIGKILL)  # whoever orders closes it only by being gone


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


def _run(dag_id: str, conf: dict[str, Any]) -> None:
    """Do as the command line ``airflow dags test`` does. A failed run is told by its state."""
    sys.argv = ["airflow", "dags", "test", "--conf", json.dumps(conf), dag_id]
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
                    key=XCOMS.get((dag_id, each.task_id), "return_value"),
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
    main()
