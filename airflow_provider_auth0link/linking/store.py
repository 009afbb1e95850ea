"""Where a journal lies, as linking sees it: a flat folder of files that are written once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Protocol

from airflow_provider_auth0link.errors import InputError

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.=+-]{0,199}")


class Store(Protocol):
    """
    A flat folder of files that are written once.

    ``where`` names the folder in messages; it holds no secret. Names are those that ``is_name`` takes; other
    files in the folder are nobody's business here. Several threads may read at a time, one writes.

    Every method raises StoreError when the folder cannot be used: now, or at all.
    """

    @property
    def where(self) -> str:
        """The folder, for messages."""

    def names(self) -> list[str]:
        """Return the names of all complete files, in any order; none when the folder is not there yet."""

    def read(self, name: str) -> bytes:
        """Read a file. One that is not there is a StoreError."""

    def read_many(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Read files, in any order, in parallel where that helps; a few at a time are held in memory."""

    def write(self, name: str, data: bytes) -> None:
        """
        Write a file. When this returns it will outlive the machine's end; until then nobody sees a part of it.

        A name that exists already is a StoreError, and its file stays as it is. Only where an answer may have
        been lost on the way, the same bytes under the same name count as written.
        """

    def delete(self, name: str) -> None:
        """Delete a file. One that is gone already is as good."""


def is_name(name: str) -> bool:
    """Tell whether this can be a file of a store: ASCII, no folder, nothing that a path or a URL reads anew."""
    return _NAME.fullmatch(name) is not None


def checked_name(name: str) -> str:
    """
    Return a name that can be a file of a store.

    :raises InputError: it is none
    """
    if not is_name(name):
        raise InputError(
            f"{name[:80]!r} is no name for a file of a journal. Letters, digits and _ . = + - will do"
        )
    return name
