"""Wait for an export job without a worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pendulum
from airflow.triggers.base import BaseTrigger, TriggerEvent

from airflow_provider_auth0link.api.exports import Job
from airflow_provider_auth0link.errors import Auth0LinkError
from airflow_provider_auth0link.hooks.auth0 import Auth0Hook

LOOK_SECONDS = 5.0
"""What one look may take with its repeats, at most; the next one comes anyway."""

ENDED, LATE, FAILED = "ended", "late", "error"


class ExportTrigger(BaseTrigger):
    """
    Looks at a job until it has ended, then tells that, and nothing else: the task looks at it itself.

    Airflow keeps these arguments and the event in its database in plain text. The connection is read here, and neither
    a token nor a location leaves this process.

    :param auth0_conn_id: the Airflow connection
    :param job_id: the export job
    :param poll_seconds: from one look to the next
    :param ends_at: epoch seconds, when the wait is over in any case
    """

    def __init__(self, auth0_conn_id: str, job_id: str, poll_seconds: float, ends_at: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Airflow's own
        self.auth0_conn_id = auth0_conn_id
        self.job_id = job_id
        self.poll_seconds = poll_seconds
        self.ends_at = ends_at

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what a triggerer makes it of."""
        return "airflow_provider_auth0link.triggers.export.ExportTrigger", {
            "auth0_conn_id": self.auth0_conn_id,
            "job_id": self.job_id,
            "poll_seconds": self.poll_seconds,
            "ends_at": self.ends_at,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Tell once that the job has ended or is gone, that it took too long, or what no waiting would mend."""
        hook = Auth0Hook(self.auth0_conn_id)
        try:
            await hook.asettings()
            while await self._is_under_way(hook):
                left = self.ends_at - pendulum.now("UTC").timestamp()
                if left <= 0:
                    yield self._event(LATE)
                    return
                await asyncio.sleep(min(self.poll_seconds, left))
        except Auth0LinkError as error:
            yield self._event(FAILED, message=str(error))
            return
        yield self._event(ENDED)

    async def _is_under_way(self, hook: Auth0Hook) -> bool:
        """Look once, in a thread: other triggers share this event loop."""

        def look() -> Job | None:
            return hook.work(seconds=min(LOOK_SECONDS, self.poll_seconds)).export_job(self.job_id)

        try:
            job = await asyncio.to_thread(look)
        except Auth0LinkError as error:
            if not error.retryable:
                raise
            self.log.warning("%s; looking again later", error)
            return True
        return job is not None and not job.ended

    def _event(self, what: str, **more: str) -> TriggerEvent:
        told = {"status": what, "job_id": self.job_id, "ends_at": self.ends_at, **more}
        return TriggerEvent(told)  # type: ignore[no-untyped-call]  # Airflow's own
