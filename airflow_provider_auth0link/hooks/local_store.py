"""A journal in a local folder: what was written outlives the machine's end, and only its owner reads it."""

from __future__ import annotations

import errno
import os
import stat
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from airflow_provider_auth0link.errors import Auth0LinkError, InputError, StoreError
from airflow_provider_auth0link.linking.store import checked_name, is_name

FOLDER_MODE = 0o700
FILE_MODE = 0o600

LEFTOVER_S = 3600.0
"""No write takes so long: an unfinished file that is older belongs to a writer that was killed."""

_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS}
"""What a file system answers that has no second names for a file: FAT, some network ones."""

_WRONG_PLACE = {errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP}
_NOT_ALLOWED = {errno.EACCES, errno.EPERM, errno.EROFS}


class Disk(Protocol):
    """What of ``os`` a write needs, in its words. Tests look at the order of the calls, and break some."""

    def open(self, path: str, flags: int, mode: int, /) -> int:
        """Open a file or a folder."""

    def write(self, fd: int, data: memoryview, /) -> int:
        """Write, and return how many bytes were taken."""

    def fsync(self, fd: int, /) -> None:
        """Bring a file, or the names in a folder, to the disk."""

    def close(self, fd: int, /) -> None:
        """Close."""

    def link(self, src: str, dst: str, /) -> None:
        """Give a file a second name, unless somebody has it."""

    def rename(self, src: str, dst: str, /) -> None:
        """Change a file's name."""

    def unlink(self, path: str, /) -> None:
        """Take a name away."""

    def mkdir(self, path: str, mode: int, /) -> None:
        """Make a folder."""


class LocalStore:
    """
    A store in a folder of this machine, or of a file system that it has mounted.

    The folder is made by the first write, for its owner alone; one that is there keeps its mode.

    :param folder: absolute
    :param disk: ``os``
    """

    def __init__(self, folder: Path, disk: Disk = os) -> None:
        self.where = str(folder)
        self._folder = folder
        self._disk = disk
        self._swept = False

    def names(self) -> list[str]:
        """Return the names of all complete files."""
        with self._told("list"), suppress(FileNotFoundError), os.scandir(self._folder) as entries:
            return [entry.name for entry in entries if is_name(entry.name) and entry.is_file()]
        return []

    def check_writable(self, access: Callable[[Path, int], bool] = os.access) -> None:
        """
        See that the folder can be written to, or made. Nothing is made yet.

        :raises InputError: it cannot
        """
        with self._told("write"):
            there = next(each for each in (self._folder, *self._folder.parents) if _is_there(each))
            for part in self._folder.relative_to(there).parts:
                _is_there(there / part)  # a name that is too long for a folder that is there
        if there.is_dir() and not access(there, os.W_OK | os.X_OK):
            raise _told(PermissionError(errno.EACCES, ""), "write", self.where)

    def read(self, name: str) -> bytes:
        """Read a file."""
        path = self._folder / checked_name(name)
        with self._told("read"):
            try:
                return path.read_bytes()
            except FileNotFoundError:
                raise StoreError(f"{name} is not in {self.where}") from None

    def read_many(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Read files one after another: a disk gains nothing from many readers."""
        for name in names:
            yield name, self.read(name)

    def write(self, name: str, data: bytes) -> None:
        """
        Write a file: temporary name, data to the disk, name, name to the disk.

        A writer that is killed in between leaves the whole file, or a temporary one that nobody lists.
        """
        final = str(self._folder / checked_name(name))
        part = str(self._folder / f".{name}.{uuid.uuid4().hex}.part")
        with self._told("write"):
            try:
                self._fill(part, data)
                self._give_name(part, final)
                self._sync_folder(self._folder)
            except FileExistsError:
                raise StoreError(f"{name} exists already in {self.where}. It was left as it is") from None
            finally:
                with suppress(OSError):
                    self._disk.unlink(part)
        self._sweep()

    def delete(self, name: str) -> None:
        """Delete a file, and leftovers of writers that were killed."""
        path = str(self._folder / checked_name(name))
        with self._told("delete"), suppress(FileNotFoundError):
            self._disk.unlink(path)
            self._sync_folder(self._folder)
        self._sweep()

    def _fill(self, part: str, data: bytes) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            fd = self._disk.open(part, flags, FILE_MODE)
        except FileNotFoundError:
            self._make_folder()
            fd = self._disk.open(part, flags, FILE_MODE)
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[self._disk.write(fd, rest) :]
            self._disk.fsync(fd)
        finally:
            self._disk.close(fd)

    def _give_name(self, part: str, final: str) -> None:
        """Rename, but over nothing: a second name is refused where the plain rename would overwrite."""
        try:
            self._disk.link(part, final)
        except FileExistsError:
            # NFS repeats a call whose answer was lost, and is refused by what the first one did.
            if not Path(part).samefile(final):
                raise
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            # Names are their writer's own, so nobody takes this one between the look and the rename.
            if os.path.lexists(final):
                raise FileExistsError(errno.EEXIST, "exists") from None
            self._disk.rename(part, final)

    def _make_folder(self) -> None:
        """Make the folder and its parents, each durable; those that another writer has just made as well."""
        chain = [self._folder, *self._folder.parents]
        missing = [each for each in chain if not each.exists()]
        for each in reversed(chain[: len(missing) + 1]):
            if each in missing:
                with suppress(FileExistsError):
                    self._disk.mkdir(str(each), FOLDER_MODE)
                self._sync_folder(each.parent)
            else:
                with suppress(PermissionError):  # a folder above that was there all along
                    self._sync_folder(each.parent)

    def _sync_folder(self, folder: Path) -> None:
        fd = self._disk.open(str(folder), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, 0)
        try:
            self._disk.fsync(fd)
        except OSError as error:
            if error.errno != errno.EINVAL:  # a file system that brings names to the disk by itself
                raise
        finally:
            self._disk.close(fd)

    def _sweep(self) -> None:
        """Delete leftovers, once. They hold personal data, and no name by which anybody could find them."""
        if self._swept:
            return
        self._swept = True
        with suppress(OSError):
            now = self._folder.stat().st_mtime  # the file system's clock: this folder was changed just now
            for path in self._folder.glob(".*.part"):
                found = path.lstat()
                if stat.S_ISREG(found.st_mode) and now - found.st_mtime > LEFTOVER_S:
                    self._disk.unlink(str(path))

    @contextmanager
    def _told(self, deed: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise _told(error, deed, self.where) from None


def _is_there(path: Path) -> bool:
    """Look. What else stands in the way is raised: ``Path.exists`` hides some of it, and all from Python 3.14 on."""
    try:
        path.stat()
    except FileNotFoundError:
        return False
    return True


def _told(error: OSError, deed: str, where: str) -> Auth0LinkError:
    reason = os.strerror(error.errno) if error.errno else type(error).__name__
    if error.errno in _WRONG_PLACE:
        return InputError(f"journal_path: {where} cannot be a folder ({reason}). Give another one")
    if error.errno in _NOT_ALLOWED:
        return InputError(
            f"journal_path: this user may not {deed} in {where} ({reason}). Give the task's user that folder"
        )
    return StoreError(f"cannot {deed} in the journal's folder {where}: {reason}")
