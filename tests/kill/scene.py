"""A tenant, a folder for a journal, and the workers that come and go."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from airflow_provider_auth0link.emulator.server import Emulator
from tests.kill.line import Asked, Line
from tests.kill.worker import LONGEST_S, Death, Order, work
from tests.kill.world import Json

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["tests.kill.case"])
Told = dict[str, Any]
POLL_S = 0.001


@dataclass(frozen=True)
class Moment:
    """
    When a worker is struck: at one of its requests.

    :param request: which, counted from 1
    :param done: whether the tenant does that request; if not, it is lost, or late when the worker only sleeps
    :param first: whether it is done before the worker is struck
    :param later_s: seconds from the request to the stroke, while other requests go on
    """

    request: int
    done: bool = True
    first: bool = True
    later_s: float = 0.0

    @classmethod
    def of(cls, chance: random.Random, requests: int) -> Moment:
        """Draw one of a run with so many requests."""
        later = chance.choice((0.0, 0.0, 0.0, 0.001, 0.003))
        return cls(chance.randint(1, requests), chance.random() < 0.8, chance.random() < 0.5, later)


class Worker:
    """
    One worker's process.

    :param moment: when it is struck
    :param stroke: SIGKILL, or SIGSTOP: then ``wake`` lets it go on
    """

    def __init__(self, order: Order, moment: Moment | None = None, stroke: int = signal.SIGKILL) -> None:
        self.order = order
        self._moment, self._stroke = moment, stroke
        self._process: ForkServerProcess = FORKS.Process(target=work, args=(order,))
        self._started, self.struck, self._woken = threading.Event(), threading.Event(), threading.Event()

    def start(self) -> None:
        """Begin."""
        self._process.start()
        self._started.set()

    def trap(self, number: int, do: Callable[[], None]) -> bool:
        """Strike at the moment given."""
        moment = self._moment
        if moment is None or number != moment.request:
            return True
        if moment.done and moment.first:
            do()
        time.sleep(moment.later_s)
        self.strike()
        sleeps = self._stroke == signal.SIGSTOP
        if sleeps and not moment.done:
            self._woken.wait(LONGEST_S)
        if moment.done and not moment.first:
            do()
        return sleeps

    def strike(self) -> None:
        """Kill it, or put it to sleep."""
        self._started.wait()
        assert self._process.pid is not None
        os.kill(self._process.pid, self._stroke)
        self.struck.set()

    def until_struck(self) -> bool:
        """Wait for the stroke; False when it ended before."""
        while not self.struck.wait(POLL_S):
            if not self._process.is_alive():
                return self.struck.is_set()
        return True

    def wake(self) -> None:
        """Let it go on after SIGSTOP."""
        assert self._process.pid is not None
        if self._process.is_alive():
            os.kill(self._process.pid, signal.SIGCONT)
        self._woken.set()

    def ended(self) -> int | None:
        """Wait for its end. Returns the exit code; None when it hangs, and is killed."""
        self._process.join(LONGEST_S)
        code = self._process.exitcode
        if code is None:
            self._process.kill()
            self._process.join()
        return code

    @property
    def is_killed(self) -> bool:
        """Whether SIGKILL ended it."""
        return self._process.exitcode == -signal.SIGKILL

    @property
    def told(self) -> Told | None:
        """Its counts; None when it did not come to its end."""
        path = Path(self.order.result)
        return json.loads(path.read_text()) if path.exists() else None


class Scene:
    """
    All of one case.

    :param tenant: running
    :param plan: plan lines
    """

    def __init__(self, tenant: Emulator, plan: list[Json]) -> None:
        self.tenant = tenant
        self._plan = tuple(plan)

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="auth0link-kill-"))
        self.journal = str(self._folder / "journal")
        self.line = Line(self.tenant.core, str(self._folder / "line"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.line.close()
        shutil.rmtree(self._folder)

    def worker(
        self,
        name: str,
        command: str,
        *,
        death: Death | None = None,
        moment: Moment | None = None,
        stroke: int = signal.SIGKILL,
        over_http: bool = False,
        number: int = 1,
    ) -> Worker:
        """Start a worker, as the task's try of this number."""
        order = Order(
            name=name,
            command=command,
            plan=self._plan,
            url=self.tenant.url,
            client=(self.tenant.client_id, self.tenant.client_secret),
            line=None if over_http else str(self._folder / "line"),
            journal=self.journal,
            result=str(self._folder / f"{name}.json"),
            number=number,
            death=death,
        )
        worker = Worker(order, moment, stroke)
        self.line.traps[name] = worker.trap
        worker.start()
        if over_http and moment is not None:
            threading.Thread(
                target=self._strike_over_http, args=(worker, moment.request), daemon=True
            ).start()
        return worker

    def run(self, name: str, command: str, *, over_http: bool = False, number: int = 1) -> Told | None:
        """Run a worker to its end; returns its counts."""
        worker = self.worker(name, command, over_http=over_http, number=number)
        worker.ended()
        return worker.told

    def asked_by(self, name: str) -> list[Asked]:
        """Return what a worker asked; of those over HTTP, all since ``tenant.clear_requests``."""
        over_http = [
            Asked(name, each.method, each.path, each.raw_body.decode(), each.status)
            for each in self.tenant.requests
        ]
        return [each for each in self.line.asked if each.worker == name] + over_http

    def _strike_over_http(self, worker: Worker, request: int) -> None:
        while sum(self.tenant.counts.values()) < request:
            time.sleep(POLL_S)
        worker.strike()
