"""
The users-exports job: made, looked at, and in the end a file.

``POST /jobs/users-exports``, ``GET /jobs/{id}`` and ``GET /jobs/{id}/errors`` of the Management API reference,
and "Bulk Export User Data". UNCONFIRMED: the status "processing", and the texts of what fails.
"""

from __future__ import annotations

import math
import secrets
import threading
import zlib
from collections.abc import Callable
from contextlib import closing
from itertools import islice

from airflow_provider_auth0link.emulator.accounts import Json
from airflow_provider_auth0link.emulator.answers import Answer, ApiError, answer
from airflow_provider_auth0link.emulator.calls import Call
from airflow_provider_auth0link.emulator.export_rows import Wanted, wanted
from airflow_provider_auth0link.emulator.faults import Faults
from airflow_provider_auth0link.emulator.options import Options
from airflow_provider_auth0link.emulator.rights import made_id
from airflow_provider_auth0link.emulator.routes import decoded
from airflow_provider_auth0link.emulator.snapshot import Snapshot
from airflow_provider_auth0link.emulator.state import State

KEPT_SECONDS = 24 * 3600
"""Then "all job-related data is automatically deleted"."""
GZIP_BITS = 31
SOON = 99
"""Percent of a job whose file is not packed yet."""


class Job:
    """
    One job, and the thread that packs its file.

    :param row: what is told of it whatever becomes of it
    :param made: when, epoch seconds
    :param snapshot: the users as they are now
    :param fails: whether it is to end "failed"
    """

    def __init__(self, row: Json, made: float, head: bytes, snapshot: Snapshot, *, fails: bool) -> None:
        self.row = row
        self.made = made
        self.fails = fails
        self.file: bytes | None = None
        self._dropped = threading.Event()
        self._thread = threading.Thread(
            target=self._pack, args=(head, snapshot), name=f"auth0-emulator-{row['id']}", daemon=True
        )
        self._thread.start()

    def _pack(self, head: bytes, snapshot: Snapshot) -> None:
        packer = zlib.compressobj(zlib.Z_BEST_SPEED, zlib.DEFLATED, GZIP_BITS)
        parts = [packer.compress(head)]
        with closing(snapshot.batches()) as batches:
            for batch in batches:
                if self._dropped.is_set():
                    return
                parts.append(packer.compress(batch))
        self.file = b"".join([*parts, packer.flush()])

    def drop(self) -> None:
        """Let it go."""
        self._dropped.set()

    def join(self) -> None:
        """Return when its thread is gone."""
        self._thread.join()


class Jobs:
    """
    The jobs of a tenant.

    :param state: its accounts
    :param options: how long a job takes
    :param faults: may have a job fail, or a location expire before its time
    :param now: the tenant's time, epoch seconds
    :param location: gives a URL for a file of a job that is fetched within so many seconds
    """

    def __init__(
        self,
        state: State,
        options: Options,
        faults: Faults,
        now: Callable[[], float],
        location: Callable[[str, str, float], str],
    ) -> None:
        self._state = state
        self._options = options
        self._faults = faults
        self._now = now
        self._location = location
        self._jobs: dict[str, Job] = {}
        self.operations: dict[str, Callable[[Call], Answer]] = {
            "export_create": self._create,
            "job": self._get,
            "job_errors": self._errors,
        }

    def clear(self) -> None:
        """Forget all jobs, and return when nothing works on one any more."""
        with self._state.lock:
            jobs = list(self._jobs.values())
            self._jobs.clear()
        for job in jobs:
            job.drop()
        for job in jobs:
            job.join()

    def find(self, job_id: str) -> Job | None:
        """Return a job, or None when there is none, or none any more."""
        ended = self._now() - KEPT_SECONDS
        for old in [each for each, job in self._jobs.items() if job.made <= ended]:
            self._jobs.pop(old).drop()
        return self._jobs.get(job_id)

    def _create(self, call: Call) -> Answer:
        asked = wanted(call.body())
        connection = None
        if asked.connection_id is not None:
            connection = self._state.connections.get(asked.connection_id)
            if connection is None:
                raise ApiError(400, "The connection does not exist.", "inexistent_connection")
        row = {
            "id": made_id("job_", secrets.token_hex(16)),
            "type": "users_export",
            "created_at": self._state.now(),
            **asked.told,
            **({"connection": connection} if connection is not None else {}),
        }
        fails = self._is_struck(call, "job_failed")
        snapshot = Snapshot(self._state, self._chosen(asked, connection), asked.line)
        job = Job(row, self._now(), asked.head, snapshot, fails=fails)
        self._jobs[row["id"]] = job
        said = answer({**row, "status": "pending"})
        return said.struck_by("job_failed") if fails else said

    def _is_struck(self, call: Call, kind: str) -> bool:
        return self._faults.draw(call.route.name, call.route.method, call.path, inside=kind) is not None

    def _chosen(self, asked: Wanted, connection: str | None) -> list[Json]:
        """Pick the users of a connection. UNCONFIRMED: those too that only hold a linked identity of it."""
        accounts = (
            each
            for each in self._state
            if connection is None or any(one["connection"] == connection for one in each["identities"])
        )
        return list(islice(accounts, asked.limit))

    def _known(self, call: Call) -> Job:
        job = self.find(decoded(call.args[0]))
        if job is None:
            raise ApiError(404, "The job does not exist.", "inexistent_job")
        return job

    def _get(self, call: Call) -> Answer:
        job = self._known(call)
        status = self._status(job)
        if status["status"] != "completed":
            return answer({**job.row, **status})
        expired = self._is_struck(call, "location_expired")
        seconds = 0.0 if expired else self._options.location_seconds
        location = self._location(job.row["id"], job.row["format"], seconds)
        said = answer({**job.row, **status, "location": location})
        return said.struck_by("location_expired") if expired else said

    def _status(self, job: Job) -> Json:
        passed, takes = self._now() - job.made, self._options.export_seconds
        if passed >= takes and job.fails:
            return {"status": "failed", "status_details": "The job failed."}
        if passed >= takes and job.file is not None:
            return {"status": "completed", "percentage_done": 100, "time_left_seconds": 0}
        if passed * 2 < takes:
            return {"status": "pending"}
        return {
            "status": "processing",
            "percentage_done": min(SOON, int(100 * passed / takes)) if takes else SOON,
            "time_left_seconds": max(1, math.ceil(takes - passed)),
        }

    def _errors(self, call: Call) -> Answer:
        job = self._known(call)
        status = self._status(job)
        if status["status"] != "failed":
            return Answer(204)
        return answer({**job.row, **status})
