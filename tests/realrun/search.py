"""The search for secrets: the forms that one can take, and all the places where Airflow keeps things."""

from __future__ import annotations

import base64
import json
import secrets
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus

PIECE = 24
"""Characters of a piece of a PEM's body: too long for chance, shorter than a line of it."""


def made_up(name: str) -> str:
    """Make a secret that occurs nowhere else, with characters that URLs escape."""
    return f"{name}/{secrets.token_hex(12)}+&={secrets.token_hex(4)}"


def forms(value: str) -> set[str]:
    """
    Return what a secret may look like: as it is, encoded, and the parts that tell it alone.

    Of a PEM every piece of the key is one, of a JWT the claims and the signature.
    """
    if value.startswith("-----BEGIN"):
        body = "".join(value.strip().splitlines()[1:-1])
        return {body[at : at + PIECE] for at in range(0, len(body) - PIECE, PIECE)}
    if value.startswith("eyJ"):
        return set(value.split(".")[1:])
    quoted = {quote(value, safe=""), quote(value), quote_plus(value)}
    return {value, *quoted, json.dumps(value)[1:-1], *_in_base64(value)}


def _in_base64(value: str) -> Iterator[str]:
    """Give the encodings, one for each offset in three bytes, without what depends on the neighbours."""
    for offset in range(3):
        text = base64.b64encode(b"\0" * offset + value.encode() + b"\0" * 3).decode()
        yield text[4 if offset else 0 : -8]


def found(home: Path, printed: Iterable[str], wanted: Mapping[str, str]) -> set[str]:
    """
    Say what was found where, "name in place" each.

    :param home: AIRFLOW_HOME, with the database in it
    :param printed: what processes printed and servers answered
    :param wanted: values by name
    """
    spellings = {name: [form.encode() for form in forms(value)] for name, value in wanted.items()}
    return {
        f"{name} in {place}"
        for place, text in _places(home, printed)
        for name, needles in spellings.items()
        if any(needle in text for needle in needles)
    }


def _places(home: Path, printed: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    yield from (("what was printed", text.encode()) for text in printed)
    yield from (
        (str(path.relative_to(home)), path.read_bytes()) for path in home.rglob("*") if path.is_file()
    )
    yield from _cells(home / "airflow.db")


def _cells(database: Path) -> Iterator[tuple[str, bytes]]:
    """Give every cell of every table: in the database's file, long ones lie in pieces."""
    with sqlite3.connect(database) as connection:
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            cursor = connection.execute(f'SELECT * FROM "{table}"')
            names = [f"{table}.{column[0]}" for column in cursor.description]
            for row in cursor:
                cells = zip(names, row, strict=True)
                yield from ((name, _bytes(cell)) for name, cell in cells if cell is not None)
    connection.close()


def _bytes(cell: object) -> bytes:
    if not isinstance(cell, bytes):
        return str(cell).encode()
    try:
        return cell + zlib.decompress(cell)
    except zlib.error:
        return cell
