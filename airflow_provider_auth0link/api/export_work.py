"""The verbs about the users-exports job of one piece of work at a tenant."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TypeVar

from airflow_provider_auth0link.api import exports
from airflow_provider_auth0link.api.exports import Job
from airflow_provider_auth0link.api.wire import Request, Response
from airflow_provider_auth0link.errors import AmbiguousError, BadRequestError, MissingAccountError

Result = TypeVar("Result")


class ExportVerbs(ABC):
    """The export of a tenant's users: started and looked at. It changes nothing in the tenant."""

    @abstractmethod
    def _send(self, request: Request, before: float | None = None) -> Response:
        """Send until there is an answer that decides."""

    @abstractmethod
    def _read(self, request: Request, reader: Callable[[Response], Result]) -> Result:
        """Send a read until its answer is readable."""

    @abstractmethod
    def rest(self, attempt: int) -> bool:
        """Wait before a repeat; False when there is no time for one."""

    def start_export(self, fields: Sequence[str], connection_id: str | None = None) -> Job:
        """
        Start a job.

        When the answer is lost another one is started: a job that nobody asks about harms nobody, and Auth0 deletes it.
        """
        attempt = 0
        while True:
            attempt += 1
            try:
                return exports.read_job(self._send(exports.start_request(fields, connection_id)))
            except AmbiguousError:
                if not self.rest(attempt):
                    raise
            except BadRequestError as error:
                if connection_id is None:
                    raise
                raise BadRequestError(f"{error}. Is there a connection {connection_id}?") from None

    def export_job(self, job_id: str) -> Job | None:
        """Look at a job; None when there is none any more: Auth0 deletes it after 24 hours."""
        try:
            return self._read(exports.job_request(job_id), exports.read_job)
        except MissingAccountError:
            return None
