"""The tenant's users as a file, by Auth0's own export job."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pendulum
from airflow.providers.common.compat.sdk import conf

from airflow_provider_auth0link.api.exports import DEFAULT_FIELDS, LONGEST_FIELD
from airflow_provider_auth0link.errors import ExportError, InputError
from airflow_provider_auth0link.hooks.auth0 import Auth0Hook
from airflow_provider_auth0link.hooks.correlation import of_context
from airflow_provider_auth0link.hooks.failing import failing_for_good
from airflow_provider_auth0link.operators import arguments
from airflow_provider_auth0link.operators.base import Auth0Operator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_auth0link.api.exports import Job
    from airflow_provider_auth0link.hooks.exporting import Exporting, Order, Stop

__all__ = ["DEFAULT_FIELDS", "ExportUsersOperator"]

POLL_SECONDS = 10.0
TIMEOUT_SECONDS = 7200.0


class ExportUsersOperator(Auth0Operator):
    """
    Export the tenant's users to a file of JSON Lines, one user a line.

    Auth0 makes the file in a job of its own; the task waits, on its worker or deferred to a trigger, downloads it and
    checks that it is whole. The file appears at its path whole, or not at all. Until then the job's id is kept beside
    it, in ``<path>.job``: a retry, or a run that is cleared half way, goes on with the job.

    XCom ``return_value``: the path.

    :param path: ends in .gz, kept as Auth0 packs it, or in .ndjson or .jsonl, unpacked. A local path or an object
        storage URL such as ``s3://conn@bucket/key`` (templated)
    :param fields: of each user; by default all that rules, guards, rehearsal and undo look at
    :param connection_id: ``con_...``: users of this connection alone (templated)
    :param deferrable: wait without a worker's slot, in a triggerer
    :param poll_seconds: from one look at the job to the next
    :param timeout: seconds that one try waits for the job, and as long again for its file
    :param auth0_conn_id: the Airflow connection (templated)
    """

    template_fields = ("path", "connection_id", "auth0_conn_id")

    def __init__(
        self,
        *,
        path: str,
        fields: Sequence[str] = DEFAULT_FIELDS,
        connection_id: str | None = None,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_seconds: float = POLL_SECONDS,
        timeout: float = TIMEOUT_SECONDS,
        auth0_conn_id: str = "auth0_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.path = path
        self.fields = fields
        self.connection_id = connection_id
        self._is_connection_given = connection_id is not None
        self.deferrable = deferrable
        self.poll_seconds = poll_seconds
        self.timeout = timeout
        self.auth0_conn_id = auth0_conn_id
        self._stop: Stop | None = None

    def on_kill(self) -> None:
        """Wait for nothing more. The job goes on at Auth0, and its id stays beside the path."""
        if self._stop is not None:
            self._stop.set()

    def execute(self, context: Context) -> str:
        """Start the job, or go on with that of an earlier try, and fetch what it makes."""
        with failing_for_good():
            exporting = self._exporting(context)
            return self._to_its_end(exporting, exporting.begin(), _now() + self.timeout)

    def execute_complete(self, context: Context, event: Mapping[str, Any] | None = None) -> str:
        """Go on after the trigger. The job is looked at anew, whatever was told of it."""
        from airflow_provider_auth0link.hooks.exporting import late

        told = event or {}
        with failing_for_good():
            exporting = self._exporting(context)
            job = exporting.look(told["job_id"]) if "job_id" in told else exporting.begin()
            if told.get("status") == "late" and not job.ended:
                raise late(job)
            if told.get("status") == "error" and not job.ended:
                raise ExportError(f"the triggerer cannot look at export job {job.id}: {told.get('message')}")
            return self._to_its_end(exporting, job, told.get("ends_at", _now() + self.timeout))

    def _to_its_end(self, exporting: Exporting, job: Job, ends_at: float) -> str:
        """
        Wait, and fetch.

        What ends soon is waited for here even when the task may defer: to come back takes longer.

        :param ends_at: epoch seconds, when a trigger gives up
        """
        if self.deferrable:
            job = exporting.wait(job, self.poll_seconds, most=self.poll_seconds)
            if not job.ended:
                self._defer_until_ended(job, ends_at)
        job = exporting.wait(job, self.poll_seconds)
        lines = exporting.fetch(job)
        self.log.info("%s users in %s", f"{lines:,}", self.path)
        return self.path

    def _defer_until_ended(self, job: Job, ends_at: float) -> None:
        from airflow_provider_auth0link.triggers.export import ExportTrigger

        trigger = ExportTrigger(self.auth0_conn_id, job.id, self.poll_seconds, ends_at)
        self.defer(trigger=trigger, method_name="execute_complete")

    def _exporting(self, context: Context) -> Exporting:
        """Check the arguments, before the first request."""
        from airflow_provider_auth0link.hooks.exporting import Exporting, Stop

        order = self._order()
        seconds = _seconds("timeout", self.timeout)
        _seconds("poll_seconds", self.poll_seconds)
        hook = Auth0Hook(
            arguments.text("auth0_conn_id", self.auth0_conn_id), correlation_id=of_context(context)
        )
        self._stop = Stop()
        return Exporting(hook, order, self._stop, seconds=seconds)

    def _order(self) -> Order:
        from airflow_provider_auth0link.hooks.exporting import Order, check_path

        arguments.arrived("connection_id", self.connection_id, given=self._is_connection_given)
        return Order(
            check_path(arguments.text("path", self.path)),
            _fields(self.fields),
            arguments.connection_id(self.connection_id),
        )


def _fields(value: object) -> tuple[str, ...]:
    """Read the names of fields."""
    names = tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else ()
    right = [name for name in names if isinstance(name, str) and 0 < len(name) <= LONGEST_FIELD]
    if not names or len(right) < len(names) or len(set(names)) < len(names):
        raise InputError(f"fields: must be a list of names, each once and of at most {LONGEST_FIELD} letters")
    return tuple(right)


def _seconds(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise InputError(f"{name}: must be a number of seconds over 0")
    return float(value)


def _now() -> float:
    return pendulum.now("UTC").timestamp()
