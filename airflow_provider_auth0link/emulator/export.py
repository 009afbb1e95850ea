"""Auth0 users exports: JSON Lines, one user a line, gzipped or not."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from airflow_provider_auth0link.emulator.accounts import Json, completed, connection_of
from airflow_provider_auth0link.emulator.rights import Rights, take_given

VOLATILE = frozenset(
    {
        "created_at", "updated_at", "last_login", "last_ip", "last_password_reset", "logins_count",
        "multifactor_last_modified",
    }
)  # fmt: skip
"""What changes by itself, or cannot be set."""
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


def read_export(path: str | Path, keep: Callable[[Json], bool] | None = None) -> Export:
    """
    Read a users export.

    :param path: ``.ndjson``, ``.jsonl`` or ``.json``, one user a line; gzip is told by its first bytes
    :param keep: told of every good line, says which are wanted; all by default
    :raises OSError: when the file cannot be read
    """
    users: list[Json] = []
    problems: list[str] = []
    seen: dict[tuple[str, str], int] = {}
    for number, line in _lines(Path(path)):
        try:
            row = _user(line)
            if keep is not None and not keep(row):
                continue
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
    take_given(dict(row))
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


def whole(accounts: Iterable[Json], rights: Rights, *, volatile: bool) -> list[Json]:
    """
    Return all that a tenant knows of its users, in an order of its own: equal lists, equal tenants.

    A row seeds another tenant with the same user: an export's, with ``roles``, ``permissions`` and
    ``organizations`` (organization to role ids). Empty metadata and ``blocked: false`` are left out:
    an account without them is the same. Tokens of identity providers are not told.

    :param accounts: copies
    :param rights: what they hold
    :param volatile: whether dates, counts and addresses of logins and changes stand in it
    """
    rows = []
    for account in accounts:
        row = {key: value for key, value in account.items() if volatile or key not in VOLATILE}
        for key in ("user_metadata", "app_metadata", "blocked"):
            if not row.get(key):
                row.pop(key, None)
        rows.append({**row, **rights.shown(row["user_id"])})
    return sorted(rows, key=lambda row: (row["user_id"], connection_of(row)))


def ndjson(rows: Iterable[Json]) -> str:
    """Write users as an export."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
