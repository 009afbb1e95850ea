"""Where ``journal_path`` leads: a local folder, a bucket of S3, any object storage that Airflow knows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from airflow_provider_auth0link.api.retry import REAL_TIME, Timing
from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.hooks.files import expanded
from airflow_provider_auth0link.hooks.storage import S3_SCHEMES, check_connection

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

    from airflow_provider_auth0link.linking.store import Store

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")
_CONN_ID = re.compile(r"[\w.()-]{1,250}", flags=re.ASCII)
"""As Airflow allows connection ids; a key and a secret before a bucket are none."""

_IN_PARTS = {"ftp", "hdfs", "http", "https", "local", "sftp", "smb", "ssh", "webhdfs"}
"""Filesystems that show a file while it is being written: a dead writer would leave a part of one."""


@dataclass(frozen=True, slots=True)
class Place:
    """A folder in an object store: ``scheme://conn_id@bucket/prefix``, where conn_id and prefix may be missing."""

    scheme: str
    conn_id: str | None
    bucket: str
    prefix: str

    def __str__(self) -> str:
        before = f"{self.conn_id}@" if self.conn_id else ""
        return f"{self.scheme}://{before}{self.bucket}{self.path}"

    @property
    def path(self) -> str:
        """The prefix with its slash, or nothing."""
        return f"/{self.prefix}" if self.prefix else ""

    @property
    def url(self) -> str:
        """What the filesystem calls it."""
        return f"{self.scheme}://{self.bucket}{self.path}"


def open_store(path: str, *, timing: Timing = REAL_TIME) -> Store:
    """
    Return the store that ``journal_path`` names. Nothing is made, read or written yet.

    A connection is looked up here, in the caller's thread.

    :param path: a local path, ``file:///path``, ``s3://conn_id@bucket/prefix``, or of another object storage
    :raises InputError: it is none, its extra is not installed, or its connection is not usable
    """
    place = parse(path)
    if isinstance(place, Path):
        from airflow_provider_auth0link.hooks.local_store import LocalStore

        return LocalStore(place)
    from airflow_provider_auth0link.hooks.object_store import ObjectStore

    filesystem = _filesystem(place)
    folder = str(filesystem._strip_protocol(place.url))  # noqa: SLF001 - fsspec's name for it, for filesystems' callers too
    return ObjectStore(filesystem, folder, where=str(place), timing=timing)


def check_absolute(path: str) -> None:
    """
    Refuse a relative ``journal_path``: each worker has a working directory of its own.

    :raises InputError: it is one
    """
    if path.strip() and _SCHEME.match(path) is None and not expanded(path, "journal_path").is_absolute():
        raise InputError(
            f"journal_path: {path!r} is relative, and each worker has a working directory of its own. "
            "Give an absolute path"
        )


def parse(path: str) -> Path | Place:
    """
    Read a ``journal_path``: an absolute local path, or a place in an object store.

    :raises InputError: it is neither
    """
    if not path.strip():
        raise InputError("journal_path is empty. Give a folder, or a URL such as s3://conn_id@bucket/prefix")
    if not path.isprintable():
        raise InputError("journal_path holds a line break or another control character")
    found = _SCHEME.match(path)
    if found is None:
        return expanded(path, "journal_path").absolute()
    scheme = found[1].lower()
    if not path[len(scheme) :].startswith("://"):
        raise InputError(f"journal_path begins with {scheme}:/ where {scheme}:// was meant")
    return _local(path) if scheme == "file" else _place(scheme, path)


def _local(path: str) -> Path:
    host, slash, rest = path[len("file://") :].partition("/")
    if host not in {"", "localhost"} or not slash:
        raise InputError("journal_path: file:// takes three slashes, as in file:///var/journal")
    return Path(slash + rest)


def _place(scheme: str, path: str) -> Place:
    if scheme in _IN_PARTS:
        raise InputError(
            f"journal_path: {scheme}:// writes files bit by bit, so that a task that dies leaves half of one. "
            "Use a local folder or an object storage"
        )
    if "?" in path or "#" in path:
        raise InputError("journal_path holds ? or #, which object storage URLs read as something else")
    url = urlsplit(path)
    conn_id, at, bucket = url.netloc.rpartition("@")
    if at and not _CONN_ID.fullmatch(conn_id):
        raise InputError(
            "journal_path: what stands before @ is no connection id. Keys belong to the connection"
        )
    if not bucket:
        raise InputError(f"journal_path names no bucket. Give {scheme}://conn_id@bucket/prefix")
    parts = url.path.strip("/").split("/")
    if set(parts) & {".", ".."} or ("" in parts and parts != [""]):
        raise InputError("journal_path has an empty part, or one that is . or ..")
    return Place(scheme, conn_id or None, bucket, "/".join(parts))


def _filesystem(place: Place) -> AbstractFileSystem:
    """Make the filesystem by the provider that brings it; Airflow's own cache of them outlives a fork."""
    registry = _registry()
    needs = (
        "the extra [s3]: pip install 'airflow-provider-auth0link[s3]'"
        if place.scheme in S3_SCHEMES
        else "a provider of Airflow with this object storage"
    )
    if not registry.has_fs(place.scheme):
        raise InputError(f"journal_path: {place.scheme}:// needs {needs}")
    check_connection(place.scheme, place.conn_id, f"journal_path: {place}")
    try:
        filesystem: AbstractFileSystem = registry.get_fs(place.scheme, place.conn_id)
    except ImportError:
        raise InputError(f"journal_path: {place.scheme}:// needs {needs}") from None
    except Exception as error:  # noqa: BLE001 - every provider has errors of its own, with the connection in them
        raise InputError(
            f"journal_path: {place}: the connection does not make a filesystem ({type(error).__name__})"
        ) from None
    return filesystem


def _registry() -> ModuleType:
    """Return Airflow's module of filesystems, under the name that it has in this version."""
    try:
        return import_module("airflow.sdk.io")
    except ImportError:  # Airflow 2
        return import_module("airflow.io")
