"""An export from its job to a file, in steps that a task, or its next try, takes up wherever they were left."""

from __future__ import annotations

import glob
import logging
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, BinaryIO, Protocol
from urllib.parse import urlsplit

from airflow_provider_auth0link.api.export_download import Downloads, downloads
from airflow_provider_auth0link.api.export_lines import Passing
from airflow_provider_auth0link.api.exports import Job, check_location
from airflow_provider_auth0link.api.retry import REAL_TIME, Timing, backoff
from airflow_provider_auth0link.api.scopes import EXPORT
from airflow_provider_auth0link.errors import Auth0LinkError, ExportError, InputError, StoppedError
from airflow_provider_auth0link.hooks import files
from airflow_provider_auth0link.hooks.export_note import (
    Note,
    options_digest,
    read_note,
    remove_note,
    write_note,
)
from airflow_provider_auth0link.hooks.masking import mask_secret
from airflow_provider_auth0link.settings import Settings

if TYPE_CHECKING:
    from airflow_provider_auth0link.api.work import Work

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
"""What one look at a job may take with its repeats: a task that is told to stop has five seconds."""

FIRST_LOOK_S = 1.0
FRUITLESS_S = 600.0
"""How long a download is begun anew without coming farther than before, until the task gives up for this try."""

STEP_S = 0.2
"""How long a signal may go unheard."""

LONGEST_NAME = 60
"""Letters of a file's name that the name of its temporary file holds in full."""

PACKED, PLAIN = (".gz",), (".ndjson", ".jsonl")
"""Endings of a file that keeps the bytes as Auth0 packs them, and of one that holds the lines themselves."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be exported, and where to."""

    path: str
    fields: tuple[str, ...]
    connection_id: str | None = None

    @property
    def packed(self) -> bool:
        """Whether the bytes are kept as they are."""
        return self.path.lower().endswith(PACKED)


def check_path(path: str) -> str:
    """Refuse a file whose name does not say what is in it."""
    if not path.lower().endswith((*PACKED, *PLAIN)):
        raise InputError(
            "path: must end in .gz, as Auth0 packs it, or in .ndjson or .jsonl, unpacked: users.ndjson.gz"
        )
    return path


class Source(Protocol):
    """What ``Auth0Hook`` is here."""

    correlation_id: str | None

    @property
    def settings(self) -> Settings:
        """The checked connection."""

    def work(self, correlation_id: str | None = None, **limits: float) -> Work:
        """Begin a piece of work."""


class Stop:
    """
    What a signal handler sets.

    A ``threading.Event`` will not do: the handler runs in the thread that waits, and if it comes at the wrong instant,
    it would wait for that thread's lock for ever.
    """

    def __init__(self) -> None:
        self._is_set = False

    def set(self) -> None:
        """Let nothing be waited for any more."""
        self._is_set = True

    def is_set(self) -> bool:
        """Tell whether it is set."""
        return self._is_set

    def wait(self, timeout: float) -> bool:
        """Wait until it is set, at most so many seconds."""
        ends = time.monotonic() + timeout
        while not self._is_set and (left := ends - time.monotonic()) > 0:
            time.sleep(min(STEP_S, left))
        return self._is_set


class Exporting:
    """
    One task's export.

    :param hook: of the tenant, with the run's correlation id
    :param order: what, and where to
    :param stop: set when the task is told to stop; nothing is waited for then
    :param seconds: how long the job may take, and as long again the download
    :param timing: clock, chance and the date
    :param download: what fetches a location; by default as the connection says
    """

    def __init__(
        self,
        hook: Source,
        order: Order,
        stop: Stop,
        *,
        seconds: float,
        timing: Timing = REAL_TIME,
        download: Downloads | None = None,
    ) -> None:
        self._hook = hook
        self._order = order
        self._stop = stop
        self._timing = timing
        self._seconds = seconds
        self._download = download or downloads(hook.settings)
        self._farthest = 0

    def begin(self) -> Job:
        """Go on with the job that an earlier try wrote down, or start one. InputError when nothing can lie there."""
        wanted = Note(
            tenant=self._hook.settings.host,
            options=options_digest(self._order.fields, self._order.connection_id),
            run=self._hook.correlation_id,
            at=self._timing.epoch(),
        )
        note = read_note(self._order.path)
        if note is not None and note.job_id is not None and note.serves(wanted):
            job = self._hook.work().export_job(note.job_id)
            if job is not None and job.status != "failed":
                log.info("going on with export job %s of an earlier try", job.id)
                _sweep(self._order.path)
                return job
        write_note(self._order.path, wanted)  # before anything is asked for: the file must have a place
        self._hook.work().require(*EXPORT)
        job = self._hook.work().start_export(self._order.fields, self._order.connection_id)
        write_note(self._order.path, replace(wanted, job_id=job.id))
        log.info("export job %s is started", job.id)
        return job

    def look(self, job_id: str) -> Job:
        """Look at a job. ExportError when it is gone; then the next try starts another."""
        job = self._hook.work(seconds=LOOK_SECONDS).export_job(job_id)
        if job is None:
            remove_note(self._order.path, job_id)
            raise ExportError(f"export job {job_id} is not there any more. The next try starts another")
        return job

    def wait(self, job: Job, poll_seconds: float, most: float | None = None) -> Job:
        """
        Wait until it has ended, or for the time given.

        :param most: seconds; by default all the time there is
        :raises ExportError: when it failed, or did not end in all the time there is
        :raises StoppedError: when the task is told to stop
        """
        ends = self._timing.clock() + (self._seconds if most is None else most)
        pause = min(FIRST_LOOK_S, poll_seconds)
        while not job.ended and self._timing.clock() < ends:
            self._rest(min(pause, max(ends - self._timing.clock(), 0.0)))
            pause = min(2 * pause, poll_seconds)
            job = self._looked_again(job)
        if not job.ended and most is None:
            raise late(job)
        return job

    def _looked_again(self, job: Job) -> Job:
        try:
            now = self.look(job.id)
        except Auth0LinkError as error:
            if isinstance(error, ExportError) or not error.retryable:
                raise
            log.warning("%s; looking again later", error)
            return job
        if (now.status, now.percentage) != (job.status, job.percentage):
            done = "" if now.percentage is None else f", {now.percentage} %"
            left = "" if now.seconds_left is None else f", {now.seconds_left} s left"
            log.info("export job %s is %s%s%s", now.id, now.status, done, left)
        return now

    def fetch(self, job: Job) -> int:
        """
        Download what a job made, check that it is whole, and let it appear at its path; return the count of lines.

        A location that expired and a download that was cut cost a fresh location and a new beginning.

        :raises ExportError: when the job failed, or the file could not be had in the time there is
        """
        attempt, farthest, since = 0, 0, self._timing.clock()
        ends = since + self._seconds
        while True:
            if job.status == "failed":
                remove_note(self._order.path, job.id)
                raise ExportError(f"export job {job.id} failed at Auth0. The next try starts another")
            try:
                lines = self._fetch_once(job)
            except ExportError as error:
                attempt += 1
                now = self._timing.clock()
                if self._farthest > farthest:
                    farthest, since = self._farthest, now
                pause = backoff(attempt, self._timing.chance())
                if now + pause >= min(ends, since + FRUITLESS_S):
                    raise
                log.warning("%s; trying again with a fresh location", error)
                self._rest(pause)
                job = self._looked_again(job)
            else:
                remove_note(self._order.path, job.id)
                return lines

    def _fetch_once(self, job: Job) -> int:
        if job.location is None:
            raise ExportError(f"export job {job.id} is {job.status}, but tells no location yet")
        check_location(job.location, self._hook.settings)
        _mask(job.location)
        passing = Passing()
        with files.writing(self._order.path) as file, closing(self._download(job.location)) as parts:
            self._copy(parts, passing, file)
            return passing.end()

    def _copy(self, parts: Iterator[bytes], passing: Passing, file: BinaryIO) -> None:
        size = 0
        for part in parts:
            size += len(part)
            self._farthest = max(size, self._farthest)
            if self._stop.is_set():
                raise _stopped()
            for text in passing.plain(part):
                if not self._order.packed:
                    file.write(text)
            if self._order.packed:
                file.write(part)

    def _rest(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise _stopped()


def late(job: Job) -> ExportError:
    """Say that there was not enough time."""
    return ExportError(
        f"export job {job.id} is {job.status} after all the time given to it. It goes on at Auth0, and the next try "
        "goes on with it; `timeout` is how long one waits"
    )


def _stopped() -> StoppedError:
    return StoppedError("told to stop before the export was there. A retry goes on with its job")


def _sweep(path: str) -> None:
    """Remove what an earlier try left of a download when it was killed: it holds users, and nobody else would."""
    local = files.local_path(path)
    if local is not None and len(local.name) <= LONGEST_NAME:
        for left in local.parent.glob(f".{glob.escape(local.name)}.{'[a-z0-9_]' * 8}"):
            left.unlink(missing_ok=True)


def _mask(location: str) -> None:
    """Keep it out of the log: libraries write paths and queries there when they are told to tell all."""
    query = urlsplit(location).query
    for secret in (location, query) if query else (location,):
        mask_secret(secret)
