"""What can happen to a task half way."""

from __future__ import annotations

import os
import signal

from tests.realrun.batch import Batch, Stroke


def kill(batch: Batch) -> None:
    """Kill the task's process, as a machine without memory does."""
    batch.process().kill()


def kill_both(batch: Batch) -> None:
    """Kill it and its supervisor, as the loss of a machine does. Nobody is left to say so."""
    process = batch.process()
    process.parent().kill()
    process.kill()


def kill_supervisor(batch: Batch) -> None:
    """Kill the supervisor alone: the task goes on, unseen, beside its retry."""
    batch.process().parent().kill()


def terminate(batch: Batch) -> None:
    """Tell the task's process to end."""
    os.kill(batch.process().pid, signal.SIGTERM)


def terminate_supervisor(batch: Batch) -> None:
    """Tell the supervisor to end, as a worker that is shut down does."""
    batch.process().parent().terminate()


def clear(batch: Batch) -> None:
    """Clear the task while it runs."""
    batch.clear(only_running=True)


def fail(batch: Batch) -> None:
    """Mark the task as failed while it runs."""
    batch.mark("failed")


STROKES: dict[str, Stroke | None] = {
    "killed": kill,
    "both_killed": kill_both,
    "supervisor_killed": kill_supervisor,
    "terminated": terminate,
    "supervisor_terminated": terminate_supervisor,
    "cleared": clear,
    "failed": fail,
    "timed_out": None,
}
"""What happens to the batches half way. The last one's Dag has too short a timeout."""

DAGS = {"killed": "batch_in_full", "timed_out": "batch_in_short_time"}
RATES = {"killed": 60, "cleared": 15, "failed": 15}
"""
Where they are not ``batch`` and ``RATE``.

What is written down in full takes more requests; and what is told over REST comes to a task with its supervisor's next
heartbeat, which on Airflow 2 may be 10 seconds away.
"""
