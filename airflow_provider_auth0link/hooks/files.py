"""
Files that a Dag author names: on this machine, or on object storage by Airflow's ``ObjectStoragePath``.

A path is ``/data/plan.jsonl``, ``file:///data/plan.jsonl``, or ``s3://conn_id@bucket/key`` and the like.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast
from urllib.parse import urlsplit

from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.hooks.storage import check_connection

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

CHUNK_BYTES = 1 << 20


@contextmanager
def reading(path: str) -> Iterator[BinaryIO]:
    """
    Open a file for reading bytes, as a stream.

    :raises InputError: when it is not there, may not be read, or nothing installed can read it
    """
    with ExitStack() as stack:
        with _explained(path, "read"):
            local = local_path(path)
            file = stack.enter_context(local.open("rb") if local else _opened(path))
        yield file


@contextmanager
def writing(path: str) -> Iterator[BinaryIO]:
    """
    Open a file for writing bytes. It appears whole at the end, or not at all when the block raises.

    A local file is written beside its place, synced and renamed, readable by its owner alone. What is to go to
    object storage lies in a temporary file of this machine until then.

    :raises InputError: when its folder is not there, may not be written to, or nothing installed can do it
    """
    local = local_path(path)
    with _writing_remote(path) if local is None else _writing_local(local) as file:
        yield file


@contextmanager
def _writing_remote(path: str) -> Iterator[BinaryIO]:
    with tempfile.NamedTemporaryFile() as spool:
        with _explained(path, "write"):
            remote = _remote(path)
            file_system = remote.fs  # a missing library is told before the work, not after it
        yield cast("BinaryIO", spool)
        spool.flush()
        with _explained(path, "write"):
            file_system.put_file(spool.name, remote.path)


@contextmanager
def _writing_local(path: Path) -> Iterator[BinaryIO]:
    with _explained(str(path), "write"):
        if path.is_dir():
            raise IsADirectoryError
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:60]}.")  # its mode is 0600
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        with _explained(str(path), "write"):
            Path(name).replace(path)
            _sync_folder(path.parent)
    finally:
        with suppress(FileNotFoundError):
            Path(name).unlink()


def copy(source: BinaryIO, target: BinaryIO) -> None:
    """Copy all bytes that are left in a file to another."""
    shutil.copyfileobj(source, target, CHUNK_BYTES)


def folder_of(path: str) -> str:
    """Return the folder that a file lies in, as a path of the same kind."""
    local = local_path(path)
    if local is not None:
        return str(local.parent)
    return path.rstrip("/").rpartition("/")[0]


def name_of(path: str) -> str:
    """Return the last part of a path."""
    local = local_path(path)
    return local.name if local is not None else path.rstrip("/").rpartition("/")[2]


def within(folder: str, name: str) -> str:
    """Return the path of a file in a folder."""
    local = local_path(folder)
    return str(local / name) if local is not None else f"{folder.rstrip('/')}/{name}"


def local_path(path: str) -> Path | None:
    """
    Return the path when it is one of this machine, None when it is on object storage.

    :raises InputError: for an empty one, and for a URL that bears a password, a query or another machine's name
    """
    if not path or "\0" in path:
        raise InputError(
            "path: is empty, or holds a NUL. Give a local path, or a URL such as s3://conn@bucket/key"
        )
    if "://" not in path:
        return expanded(path)
    try:
        url = urlsplit(path)
        secret = url.password is not None
    except ValueError:
        raise InputError("path: is no URL that can be read, such as s3://conn@bucket/key") from None
    if secret:
        raise InputError(
            "path: has a ':' before the '@', as passwords have. Name an Airflow connection there alone: s3://conn@bucket"
        )
    if url.scheme != "file":
        if (
            "?" in path or "#" in path
        ):  # never quoted: a signature may stand there, and others' errors quote it
            raise InputError(
                "path: holds a '?' or '#', as signed URLs do. Name the key alone, and an Airflow connection before "
                "it: s3://conn@bucket/key"
            )
        return None
    if url.netloc not in {"", "localhost"}:
        raise InputError(
            "path: names a machine. A file:// URL of this machine has three slashes: file:///data/x"
        )
    return Path(f"/{path.split('/', 3)[-1]}")  # as fsspec and Airflow read it: nothing in it is decoded


def expanded(path: str, name: str = "path") -> Path:
    """
    Return a local path with ``~`` read.

    :param name: of the argument, for the message
    :raises InputError: when that names nobody
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise InputError(f"{name}: {path}: ~ names no user of this machine. Give the whole path") from None


def has_place(path: Path) -> bool:
    """
    Tell whether a local file can be written: not in a folder's place, and into a folder that is there.

    :raises InputError: when it may not be looked at, or is no name for a file
    """
    with _explained(str(path), "write"), suppress(FileNotFoundError):
        if stat.S_ISDIR(path.stat().st_mode):
            return False
    return path.parent.is_dir()


def _remote(path: str) -> ObjectStoragePath:
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    url = urlsplit(path)
    check_connection(url.scheme, url.netloc.rpartition("@")[0] or None, path)
    remote = ObjectStoragePath(path)
    remote.fs.invalidate_cache()  # it remembers listings, and would miss what another process wrote since
    return remote


def _opened(path: str) -> BinaryIO:
    return cast("BinaryIO", _remote(path).open("rb"))  # type: ignore[no-untyped-call]  # Airflow's own


@contextmanager
def _explained(path: str, verb: str) -> Iterator[None]:
    """
    Say of an error what to do about it.

    What may be another an hour later, a connection that broke for one, passes as it is.
    """
    try:
        yield
    except InputError:  # said already; it is a ValueError too
        raise
    except FileNotFoundError:
        what = "is not there" if verb == "read" else "its folder or bucket is not there. Make it first"
        raise InputError(f"{path}: {what}") from None
    except PermissionError:
        raise InputError(f"{path}: may not be {_DONE[verb]} by the user that runs the task") from None
    except (IsADirectoryError, NotADirectoryError):
        raise InputError(f"{path}: a folder stands where a file should, or a file where a folder") from None
    except (ImportError, ValueError):
        scheme = path.partition("://")[0]
        raise InputError(
            f"{path}: nothing that is installed here reaches {scheme}://. Install its Airflow provider with its "
            "file system; for s3:// that is airflow-provider-auth0link[s3]"
        ) from None
    except Exception as error:
        lasting = _lasting(error)
        if lasting is None:
            raise
        raise InputError(f"{path}: {lasting}") from None


def _lasting(error: Exception) -> str | None:
    """Say what is wrong where no further try would do better; None where one may."""
    if isinstance(error, OSError) and error.errno in _NO_NAME:
        return f"is no name for a file ({os.strerror(error.errno)})"
    if type(error).__name__ in _NO_CREDENTIALS:
        return "there are no credentials. Name a connection: s3://conn@bucket"
    return None


_NO_NAME = {errno.ENAMETOOLONG, errno.ELOOP}

_NO_CREDENTIALS = {"NoCredentialsError", "PartialCredentialsError"}
"""Of botocore, which need not be installed."""

_DONE = {"read": "read", "write": "written"}


def _sync_folder(folder: Path) -> None:
    """Make a rename last: the folder's own entry is data too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
