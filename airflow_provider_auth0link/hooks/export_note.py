"""
What is written down of an export job, beside the file that is to be: a task that died goes on with its job.

``<path>.job`` is JSON, and holds no secret: the location of an export is asked for anew, with the tenant's token.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import pendulum

from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.hooks import files

KEPT_S = 24 * 3600.0
"""How long Auth0 keeps a job and what it made."""

MOST_BYTES = 1 << 16
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Note:
    """
    Whose job it is.

    ``job_id`` is None from just before Auth0 is asked for one until it has answered. ``run`` names the task instance:
    another run wants the users of its own time. ``at`` is epoch seconds.
    """

    tenant: str
    options: str
    run: str | None
    at: float
    job_id: str | None = None

    def serves(self, wanted: Note) -> bool:
        """Tell whether a task that would write down *wanted* may go on with this one's job."""
        mine, others = ((each.tenant, each.options, each.run) for each in (self, wanted))
        return mine == others and self.job_id is not None and abs(wanted.at - self.at) < KEPT_S


def options_digest(fields: Sequence[str], connection_id: str | None) -> str:
    """Name what an export is asked for."""
    text = json.dumps({"format": "json", "fields": list(fields), "connection_id": connection_id})
    return hashlib.sha256(text.encode()).hexdigest()


def note_path(path: str) -> str:
    """Return where the note about a file's job lies."""
    return f"{path}.job"


def read_note(path: str) -> Note | None:
    """
    Read the note beside a file; None when there is none, or none that can be read.

    :raises InputError: when what is there may not be read, or nothing installed reaches it
    """
    try:
        with files.reading(note_path(path)) as file:
            data = file.read(MOST_BYTES)
    except InputError as error:
        if isinstance(error.__context__, FileNotFoundError):
            return None
        raise
    with suppress(ValueError, RecursionError, TypeError, KeyError):
        return _note(json.loads(data))
    return None


def _note(row: dict[str, Any]) -> Note | None:
    if row["version"] != FORMAT:
        return None
    job_id, run = row["job_id"], row["run"]
    return Note(
        tenant=str(row["tenant"]),
        options=str(row["options"]),
        run=None if run is None else str(run),
        at=datetime.fromisoformat(row["at"]).timestamp(),
        job_id=None if job_id is None else str(job_id),
    )


def write_note(path: str, note: Note) -> None:
    """
    Write the note beside a file.

    :raises InputError: when it cannot be written there; then the file could not either
    """
    at = pendulum.from_timestamp(note.at).isoformat()
    with files.writing(note_path(path)) as file:
        file.write(json.dumps({"version": FORMAT, **asdict(note), "at": at}).encode() + b"\n")


def remove_note(path: str, job_id: str) -> None:
    """Remove the note, if it still is about this job."""
    note = read_note(path)
    if note is None or note.job_id != job_id:
        return
    local = files.local_path(note_path(path))
    if local is not None:
        local.unlink(missing_ok=True)
        return
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    remote = ObjectStoragePath(note_path(path))
    with suppress(FileNotFoundError):
        remote.fs.rm_file(remote.path)
