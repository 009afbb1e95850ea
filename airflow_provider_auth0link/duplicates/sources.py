"""Where accounts are read: a file of this machine, or rows that come as a stream."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from airflow_provider_auth0link.errors import InputError

ENDINGS = (".ndjson", ".jsonl", ".json", ".csv", ".ndjson.gz", ".jsonl.gz", ".json.gz", ".csv.gz", ".parquet")

GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class FileSource:
    """A file. ``ending`` is one of ``ENDINGS``; whether it is gzip is told by its bytes."""

    path: Path
    ending: str


@dataclass(frozen=True, slots=True)
class RowsSource:
    """Rows of a query, read once and never held: they are spooled to disk."""

    columns: Sequence[str]
    rows: Iterable[Sequence[object]]


Source = FileSource | RowsSource


def ending_of(name: str) -> str:
    """
    Return which of the formats a file is of.

    :raises InputError: for another ending
    """
    for ending in ENDINGS:
        if name.lower().endswith(ending):
            return ending
    raise InputError(f"source: the file must end in {', '.join(ENDINGS)}: the ending tells how it is read")


def one_file(path: Path) -> str:
    """Return a path for DuckDB that means this file: it takes ``[1]``, ``*`` and ``?`` for patterns of many."""
    return glob.escape(str(path))


def is_gzip(path: Path) -> bool:
    """Tell whether a file is compressed, whatever its name says."""
    with path.open("rb") as file:
        return file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
