"""Auth0 users exports: JSON Lines, one user a line, gzipped or not."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from airflow_provider_auth0link.emulator.accounts import Json, completed, connection_of

GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Export:
    """
    What a file held.

    :param users: good lines, in order
    :param problems: bad ones, as "line 3: no JSON"
    """

    users: list[Json]
    problems: list[str]


def read_export(path: str | Path) -> Export:
    """
    Read a users export.

    :param path: ``.ndjson``, ``.jsonl`` or ``.json``, one user a line; gzip is told by its first bytes
    :raises OSError: when the file cannot be read
    """
    users: list[Json] = []
    problems: list[str] = []
    seen: dict[tuple[str, str], int] = {}
    for number, line in _lines(Path(path)):
        try:
            row = _user(line)
            first = seen.setdefault((row["user_id"], connection_of(row)), number)
            if first != number:
                raise ValueError(f"the same account as line {first}")  # noqa: TRY301 - reported like the others
        except ValueError as error:
            problems.append(f"line {number}: {error}")
        else:
            users.append(row)
    return Export(users, problems)


def _user(line: bytes) -> Json:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError("no JSON") from None
    if not isinstance(row, dict):
        raise ValueError("no object")  # noqa: TRY004 - one class for all that is wrong
    return completed(row, "1970-01-01T00:00:00.000Z")


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with closing(_opened(path)) as file:
        try:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, line
        except (EOFError, zlib.error) as error:
            raise OSError(f"the gzip file is cut or broken: {error}") from None


def _opened(path: Path) -> IO[bytes] | gzip.GzipFile:
    with path.open("rb") as file:
        is_gzip = file.read(2) == GZIP
    return gzip.open(path) if is_gzip else path.open("rb")


def ndjson(rows: Iterable[Json]) -> str:
    """Write users as an export."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
