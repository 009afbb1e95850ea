"""From accounts in a file or a table to a plan and its rejects, each written whole or not at all."""

from __future__ import annotations

import gzip
import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from airflow_provider_auth0link.duplicates import sources
from airflow_provider_auth0link.duplicates.search import Search
from airflow_provider_auth0link.errors import InputError, StoppedError
from airflow_provider_auth0link.hooks import files
from airflow_provider_auth0link.hooks.tables import SqlQuery, asking

if TYPE_CHECKING:
    from airflow_provider_auth0link.duplicates.find import Found

ENDINGS = (".jsonl.gz", ".jsonl")
"""Of a plan and of its rejects."""

RULES = ("verified_email",)
PRIMARY = ("most_logins", "latest_login", "oldest")
"""Unless an author says otherwise."""

COMPRESS_LEVEL = 6

INTERRUPTED = {"RuntimeError", "InterruptException", "Error"}

Told = Callable[[str, float], None]
"""Told what is done and which part of it, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the search may take of the machine."""

    memory: str = "1GB"
    threads: int | None = None


@dataclass(frozen=True, slots=True)
class Places:
    """Where accounts are read, and the plan and its rejects written."""

    source: str | SqlQuery
    plan: str
    rejects: str

    @classmethod
    def checked(cls, source: str | SqlQuery, plan: str, rejects: str | None = None) -> Places:
        """
        Check the paths, before anything is read.

        :param rejects: by default beside the plan: ``plan.rejects.jsonl`` for ``plan.jsonl``
        :raises InputError: for an ending that is not known, and when two of the paths are one
        """
        ending = _ending("plan", plan)
        rejects = rejects or f"{plan[: -len(ending)]}.rejects{ending}"
        _ending("rejects", rejects)
        if isinstance(source, str):
            sources.ending_of(files.name_of(source))
            _apart("plan", plan, "source", source)
            _apart("rejects", rejects, "source", source)
        _apart("rejects", rejects, "plan", plan)
        return cls(source, plan, rejects)


def write_plan(places: Places, search: Search, limits: Limits, told: Told | None = None) -> Found:
    """
    Find duplicates and write the plan, its rejects before it: a plan never stands without them.

    :returns: what was found; ``digest`` is of the plan's file as it lies there, compressed or not
    :raises InputError: when something cannot be read or written, or DuckDB is not installed
    :raises StoppedError: when a signal's handler raised while DuckDB was at work, which keeps no other trace of it
    """
    _load_duckdb()
    with (
        tempfile.TemporaryDirectory(prefix="auth0link-plan-") as room,
        files.writing(places.plan) as plan_file,
        files.writing(places.rejects) as rejects_file,
        _source(places.source, Path(room)) as source,
    ):
        plan = _Hashed(plan_file)
        with (
            _packed(cast("BinaryIO", plan), places.plan) as plan_lines,
            _packed(rejects_file, places.rejects) as rejects,
            _stopping(),
        ):
            found = _find(source, search, limits, told, (plan_lines, rejects, Path(room)))
    return replace(found, digest=plan.hexdigest())


def _load_duckdb() -> None:
    """
    Import DuckDB, before anything is written.

    Signals wait until that is done: what a handler raises in the middle of it aborts the process, or is lost in it.
    """
    try:
        with _signals_noted():
            import_module("duckdb")
    except ModuleNotFoundError as error:
        if error.name != "duckdb":
            raise
        raise InputError("a plan needs DuckDB: install airflow-provider-auth0link[plan]") from None


@contextmanager
def _signals_noted() -> Iterator[None]:
    """
    Note the signals that would end a task, its timeout's too, and send them again at the end.

    To block them would not do: the system hands them to another thread then, and Python calls the handler here.
    """
    if threading.current_thread() is not threading.main_thread():  # where Python calls no handler
        yield
        return
    noted: list[int] = []
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)}
    handlers = {each: handler for each, handler in before.items() if callable(handler)}
    try:
        for each in handlers:
            signal.signal(each, lambda number, _: noted.append(number))
        yield
    finally:
        for each, handler in handlers.items():
            signal.signal(each, handler)
        for number in dict.fromkeys(noted):
            signal.raise_signal(number)


def _find(
    source: sources.FileSource | sources.RowsSource,
    search: Search,
    limits: Limits,
    told: Told | None,
    into: tuple[BinaryIO, BinaryIO, Path],
) -> Found:
    from airflow_provider_auth0link.duplicates.find import find

    plan, rejects, room = into
    work = room / "work"
    work.mkdir()
    return find(
        source,
        search,
        plan=plan,
        rejects=rejects,
        work=work,
        memory_limit=limits.memory,
        threads=limits.threads,
        told=told,
    )


@contextmanager
def _stopping() -> Iterator[None]:
    """Say of an interrupted query that it was stopped. DuckDB 2 raises RuntimeError then, 1 an error of its own."""
    try:
        yield
    except Exception as error:
        if "interrupt" not in str(error).lower() or type(error).__name__ not in INTERRUPTED:
            raise
        raise StoppedError(
            "stopped before the plan was written. Nothing is left of it; a retry begins anew"
        ) from None


@contextmanager
def _source(source: str | SqlQuery, room: Path) -> Iterator[sources.FileSource | sources.RowsSource]:
    """Open the accounts. A file of object storage is brought to this machine first."""
    if isinstance(source, SqlQuery):
        with asking(source) as answer:
            yield sources.RowsSource(answer.columns, answer.rows)
        return
    ending = sources.ending_of(files.name_of(source))
    path = files.local_path(source)
    with files.reading(source) as file:
        if path is None:
            path = room / f"source{ending}"
            with path.open("wb") as copy:
                files.copy(file, copy)
    yield sources.FileSource(path, ending)


@contextmanager
def _packed(file: BinaryIO, path: str) -> Iterator[BinaryIO]:
    """Compress what is written where the name says so, to the same bytes for the same lines."""
    if not path.lower().endswith(".gz"):
        yield file
        return
    with gzip.GzipFile(filename="", mode="wb", compresslevel=COMPRESS_LEVEL, fileobj=file, mtime=0) as packed:
        yield cast("BinaryIO", packed)


class _Hashed:
    """A file that takes the digest of what is written to it."""

    def __init__(self, target: BinaryIO) -> None:
        self._target = target
        self._digest = sha256()
        self.flush = target.flush

    def write(self, data: bytes) -> int:
        self._digest.update(data)
        return self._target.write(data)

    def hexdigest(self) -> str:
        return self._digest.hexdigest()


def _ending(what: str, path: str) -> str:
    name = files.name_of(path)
    ending = next((ending for ending in ENDINGS if name.lower().endswith(ending)), None)
    if ending is None or len(name) == len(ending):
        raise InputError(f"{what}: {path!r} must be a file that ends in .jsonl or .jsonl.gz")
    return ending


def _apart(one: str, path: str, other: str, other_path: str) -> None:
    if _place(path) == _place(other_path):
        raise InputError(f"{one}: {path!r} is the {other}'s path too. Give another")


def _place(path: str) -> str:
    local = files.local_path(path)
    return path if local is None else os.path.realpath(local)  # which follows no circle of links
