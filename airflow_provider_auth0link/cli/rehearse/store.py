"""A journal's folder in memory: what a rehearsal writes down holds personal data, and nobody asked for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

from airflow_provider_auth0link.errors import StoreError
from airflow_provider_auth0link.linking.store import checked_name


class MemoryStore:
    """A store that is gone with the process."""

    where = "memory"

    def __init__(self) -> None:
        self._files: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def names(self) -> list[str]:
        """Return the names of all files."""
        with self._lock:
            return list(self._files)

    def read(self, name: str) -> bytes:
        """Read a file."""
        with self._lock:
            data = self._files.get(checked_name(name))
        if data is None:
            raise StoreError(f"{name} is not in {self.where}")
        return data

    def read_many(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Read files."""
        return ((name, self.read(name)) for name in names)

    def write(self, name: str, data: bytes) -> None:
        """Write a file."""
        with self._lock:
            if checked_name(name) in self._files:
                raise StoreError(f"{name} exists already in {self.where}")
            self._files[name] = bytes(data)

    def delete(self, name: str) -> None:
        """Delete a file."""
        with self._lock:
            self._files.pop(checked_name(name), None)
