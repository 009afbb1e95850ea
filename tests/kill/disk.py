"""A disk under a journal's folder that kills its process at a chosen moment of a chosen write."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import Literal

Point = Literal["begun", "half", "filled", "named", "durable"]
POINTS: tuple[Point, ...] = ("begun", "half", "filled", "named", "durable")
"""Before a write's first step; half of it written; all of it, under a temporary name; under its own; to the disk."""


class FatalDisk:
    """
    ``os``, until one moment.

    :param write: which write is fatal, counted from 0
    :param point: where in it
    :param drops: whether the machine dies with the process: what was not synced is lost
    """

    def __init__(self, write: int, point: Point, *, drops: bool) -> None:
        self._fatal, self._point, self._drops = write, point, drops
        self._write = -1
        self._folders: set[int] = set()
        self._paths: dict[int, str] = {}
        self._unsynced_data: set[str] = set()
        self._unsynced_names: list[str] = []
        self._unsynced_folders: list[str] = []

    def open(self, path: str, flags: int, mode: int, /) -> int:
        if flags & os.O_DIRECTORY:
            fd = os.open(path, flags, mode)
            self._folders.add(fd)
            self._paths[fd] = path
            return fd
        if path.endswith(".part"):
            self._write += 1
            self._at("begun")
        try:
            fd = os.open(path, flags, mode)
        except FileNotFoundError:  # the folder is made, and the write begun anew
            self._write -= 1
            raise
        self._paths[fd] = path
        self._unsynced_data.add(path)
        self._unsynced_names.append(path)
        return fd

    def write(self, fd: int, data: memoryview, /) -> int:
        if self._is_fatal("half"):
            os.write(fd, data[: len(data) // 2])
        self._at("half")
        return os.write(fd, data)

    def fsync(self, fd: int, /) -> None:
        os.fsync(fd)
        path = self._paths[fd]
        if fd not in self._folders:
            self._unsynced_data.discard(path)
            return
        self._unsynced_names = [each for each in self._unsynced_names if not _is_in(path, each)]
        self._unsynced_folders = [each for each in self._unsynced_folders if not _is_in(path, each)]

    def close(self, fd: int, /) -> None:
        os.close(fd)
        self._folders.discard(fd)
        del self._paths[fd]

    def link(self, src: str, dst: str, /) -> None:
        self._at("filled")
        os.link(src, dst)
        self._named(src, dst)

    def rename(self, src: str, dst: str, /) -> None:
        self._at("filled")
        Path(src).rename(dst)
        self._named(src, dst)

    def unlink(self, path: str, /) -> None:
        if path.endswith(".part"):
            self._at("durable")  # the last step of a write that went well
        Path(path).unlink()

    def mkdir(self, path: str, mode: int, /) -> None:
        Path(path).mkdir(mode)
        self._unsynced_folders.append(path)

    def _named(self, src: str, dst: str) -> None:
        self._unsynced_names.append(dst)
        if src in self._unsynced_data:
            self._unsynced_data.add(dst)
        self._at("named")

    def _is_fatal(self, point: Point) -> bool:
        return (self._write, point) == (self._fatal, self._point)

    def _at(self, point: Point) -> None:
        if not self._is_fatal(point):
            return
        if self._drops:
            self._lose()
        os.kill(os.getpid(), signal.SIGKILL)

    def _lose(self) -> None:
        """Take from the disk what a dead machine would not find on it again."""
        for path in self._unsynced_data:
            if Path(path).exists():
                os.truncate(path, 0)
        for path in self._unsynced_names:
            Path(path).unlink(missing_ok=True)
        for folder in reversed(self._unsynced_folders):
            shutil.rmtree(folder)


def _is_in(folder: str, path: str) -> bool:
    return str(Path(path).parent) == folder
