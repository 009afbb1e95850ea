"""One batch in a real Airflow, driven over its REST API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]  # it has none

from airflow_provider_auth0link.emulator.records import RequestRecord
from airflow_provider_auth0link.emulator.server import Emulator
from tests.realrun.people import Json, links
from tests.realrun.stack import AIRFLOW_2, Stack


@dataclass
class Batch:
    """
    One Dag run.

    ``first`` are the requests of all tries until the first success, ``again`` those after it was cleared. ``tries``
    are the tries as Airflow tells them, ``summaries`` the XComs after each success, ``undone`` that of the undo.
    ``before`` and ``after`` are the tenant's users before all and after the undo. ``struck`` is the number of the try
    that was struck: on a machine that is hard pressed, Airflow may have given one up before.
    """

    name: str
    tenant: Emulator
    folder: Path
    home: Path
    airflow: Stack
    dag_id: str
    before: list[Json]
    run_id: str = ""
    struck: int = 1
    first: list[RequestRecord] = field(default_factory=list)
    again: list[RequestRecord] = field(default_factory=list)
    tries: list[Json] = field(default_factory=list)
    summaries: list[Json] = field(default_factory=list)
    undone: Json = field(default_factory=dict)
    after: list[Json] = field(default_factory=list)

    def steps(self, stroke: Stroke | None) -> Iterator[Callable[[], bool]]:
        """
        Go from one thing that has to be waited for to the next.

        The run is struck when half of the plan is done; when it has failed, as it was told to, it is cleared; when it
        has succeeded, it is cleared and runs once more. What is written down in full is taken back in the end.
        """
        if stroke is not None:
            yield lambda: sum(self.tenant.links_applied.values()) >= len(links()) // 2
            process, self.struck = self.process(), int(self.instance()["try_number"])
            stroke(self)
            yield self.ended
            if self.airflow.state(self.dag_id, self.run_id) == "failed":
                yield lambda: not process.is_running()
                self.clear(only_running=False)
        yield self.ended
        self.summaries.append(self.summary())
        self.tries = sorted(self._task("/tries")["task_instances"], key=lambda each: int(each["try_number"]))
        self.first = self.tenant.requests
        self.tenant.clear_requests()
        self.clear(only_running=False)
        yield self.ended
        self.summaries.append(self.summary())
        self.again = self.tenant.requests
        if self.dag_id == "batch_in_full":
            undo = replace(
                self, dag_id="batch_undo", run_id=self.airflow.start("batch_undo", {"case": self.name})
            )
            yield undo.ended
            self.undone = undo.summary("undo")
            self.after = self.tenant.state(volatile=False)

    def ended(self) -> bool:
        """Tell whether the run has ended."""
        return self.airflow.state(self.dag_id, self.run_id) in {"success", "failed"}

    def instance(self) -> Json:
        """Return the task as it is now: ``pid``, ``state``, ..."""
        instance: Json = self._task()
        return instance

    def process(self) -> psutil.Process:
        """Return the process that executes the task."""
        return psutil.Process(self.instance()["pid"])

    def clear(self, *, only_running: bool) -> None:
        """Clear the task, as the button of the web page does."""
        how = {"only_running": only_running, "only_failed": False, "reset_dag_runs": True, "dry_run": False}
        which = {"dag_run_id": self.run_id, "task_ids": ["link"]}
        told = self.airflow.call("POST", f"/dags/{self.dag_id}/clearTaskInstances", which | how)
        assert len(told["task_instances"]) == 1

    def mark(self, state: str) -> None:
        """Mark the task, as the button does."""
        self._task(
            method="PATCH", json={"dry_run": False, "new_state": state} if AIRFLOW_2 else {"new_state": state}
        )

    def log(self, number: int) -> str:
        """Return the log of a try."""
        (path,) = self.home.glob(
            f"logs/dag_id={self.dag_id}/run_id={self.run_id}/task_id=*/attempt={number}.log"
        )
        return path.read_text()

    def started(self, number: int) -> float:
        """Return when a try began, in epoch seconds."""
        (start,) = (each["start_date"] for each in self.tries if int(each["try_number"]) == number)
        return datetime.fromisoformat(start).timestamp()

    def summary(self, task_id: str = "link") -> Json:
        """Return the counts that the run left, which has to be a success."""
        assert self.airflow.state(self.dag_id, self.run_id) == "success"
        told = self._task("/xcomEntries/summary", task_id=task_id, stringify="false")["value"]
        assert isinstance(told, dict)
        return told

    def _task(
        self, below: str = "", *, method: str = "GET", task_id: str = "link", json: Any = None, **params: Any
    ) -> Any:
        task = f"/dags/{self.dag_id}/dagRuns/{self.run_id}/taskInstances/{task_id}{below}"
        return self.airflow.call(method, task, json, **params)


Stroke = Callable[[Batch], None]
