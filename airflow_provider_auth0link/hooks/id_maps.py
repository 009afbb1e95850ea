"""Maps of old and new ids as files: those of before are read, the latest is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.hooks import files
from airflow_provider_auth0link.linking.idmap import id_map, read_id_map, write_id_map

if TYPE_CHECKING:
    from airflow_provider_auth0link.linking.history import History


def earlier_rows(paths: Iterable[str], argument: str) -> Iterator[tuple[str, str]]:
    """
    Read maps of before, one after the other.

    :param paths: local or on object storage, the oldest first
    :param argument: which gave them, for messages
    :raises InputError: naming the file that is not there or is none, and its line
    """
    for path in paths:
        try:
            with files.reading(path) as file:
                yield from read_id_map(file, path)
        except InputError as error:
            raise InputError(f"{argument}: {error}") from None


def write(history: History, path: str, earlier: Iterable[tuple[str, str]] = ()) -> int:
    """
    Write the map of a journal, composed with the rows of earlier ones, and return how many rows it has.

    The file appears whole, so it may be one of those that are read.
    """
    with files.writing(path) as file:
        return write_id_map(id_map(history, earlier), file)
