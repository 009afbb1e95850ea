"""A whole Airflow of real processes, scheduler and web server among them, driven over its REST API."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from tests.lanes.lane import Lane

PATIENCE_S = 400
"""How long anything is waited for. Airflow 2 takes 4 s a task on SQLite, one after another."""

LOCKED = Retry(5, connect=0, read=0, status_forcelist=[500], allowed_methods=None, backoff_factor=0.5)
"""SQLite lets one process write at a time; who waits for too long gets a 500."""

AIRFLOW_2 = version("apache-airflow").startswith("2.")


@dataclass(frozen=True)
class Stack:
    """
    A running Airflow.

    ``url`` is its web server, ``session`` speaks to its REST API with the rights of an administrator.
    """

    url: str
    session: requests.Session

    def call(self, method: str, path: str, json: Any = None, **params: Any) -> Any:
        """Send a request to the REST API, and return the decoded answer. HTTPError when it is refused."""
        answer = self.session.request(
            method, f"{self.url}/api/{'v1' if AIRFLOW_2 else 'v2'}{path}", json=json, params=params
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def start(self, dag_id: str, conf: Any = None) -> str:
        """Start a run of a Dag, as soon as it is known, and return the run's id."""
        until(lambda: self.session.get(f"{self.url}/api/{'v1' if AIRFLOW_2 else 'v2'}/dags/{dag_id}").ok)
        body = {"conf": conf or {}} | ({} if AIRFLOW_2 else {"logical_date": None})
        return str(self.call("POST", f"/dags/{dag_id}/dagRuns", body)["dag_run_id"])

    def end(self, dag_id: str, run_id: str) -> str:
        """Wait for the end of a run, and return its state."""
        until(lambda: self.state(dag_id, run_id) in {"success", "failed"})
        return self.state(dag_id, run_id)

    def state(self, dag_id: str, run_id: str) -> str:
        """Return the state of a run."""
        return str(self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def run(self, dag_id: str, conf: Any = None) -> str:
        """Run a Dag to its end, and return the run's id."""
        run_id = self.start(dag_id, conf)
        self.end(dag_id, run_id)
        return run_id


@contextmanager
def stack(lane: Lane, *programs: str, **environment: str) -> Iterator[Stack]:
    """
    Start an Airflow on a free port, and end it with the ``with`` block. Its logs go to ``AIRFLOW_HOME``.

    :param programs: what is started beside the web server: "scheduler", ...
    """
    port = str(free_port())
    url = f"http://127.0.0.1:{port}"
    settings = settings_of(lane, url) | environment
    web = ["webserver", "--workers", "1"] if AIRFLOW_2 else ["api-server"]
    with ExitStack() as started:
        for command in ([*web, "--port", port], *([program] for program in programs)):
            started.enter_context(process(lane, command, settings))
        session = requests.Session()
        session.mount(url, HTTPAdapter(max_retries=LOCKED))
        until(lambda: up(session, url))
        if not AIRFLOW_2:
            session.headers["authorization"] = (
                f"Bearer {session.get(f'{url}/auth/token').json()['access_token']}"
            )
        yield Stack(url, session)


def settings_of(lane: Lane, url: str) -> dict[str, str]:
    """Return settings for a small machine, with every visitor an administrator."""
    if AIRFLOW_2:
        (lane.home / "webserver_config.py").write_text(
            "AUTH_ROLE_PUBLIC = 'Admin'\nWTF_CSRF_ENABLED = True\n"
        )
    return {
        "AIRFLOW__API__AUTH_BACKENDS": "airflow.api.auth.backend.default",
        "AIRFLOW__API__SECRET_KEY": "of-this-run-alone",
        "AIRFLOW__API_AUTH__JWT_SECRET": "of-this-run-alone-and-long-enough-for-sha512-or-else-it-warns-of-it",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__CORE__PARALLELISM": "2",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__TEST_CONNECTION": "Enabled",
        "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
        "AIRFLOW__WEBSERVER__SECRET_KEY": "of-this-run-alone",
        "PATH": f"{lane.interpreter.parent}{os.pathsep}{os.environ['PATH']}",  # Airflow 2 starts "airflow"
    }


@contextmanager
def process(lane: Lane, command: list[str], settings: Mapping[str, str]) -> Iterator[None]:
    """Run an ``airflow`` command in a group of its own, and end the whole group."""
    with (lane.home / f"{command[0]}.out").open("wb") as out:
        running = subprocess.Popen(
            [lane.interpreter, "-m", "airflow", *command],
            cwd=lane.home,
            env=lane.environment | dict(settings),
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield
    finally:
        os.killpg(running.pid, signal.SIGTERM)
        try:
            running.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()


def up(session: requests.Session, url: str) -> bool:
    """Tell whether the web server answers."""
    try:
        return session.get(f"{url}/health" if AIRFLOW_2 else f"{url}/api/v2/version").ok
    except requests.ConnectionError:
        return False


def until(true: Any) -> None:
    """Wait until something is true. TimeoutError when it does not become so."""
    ends = time.monotonic() + PATIENCE_S
    while not true():
        if time.monotonic() > ends:
            raise TimeoutError("this Airflow did not get there in time")
        time.sleep(0.5)


def free_port() -> int:
    """Return a port of the loopback interface that is free now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
