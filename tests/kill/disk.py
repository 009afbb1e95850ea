"""
A disk on which a process ends in the middle of a write, and that forgets what was not synced.

What the process does there stands in a ledger, so that somebody else can take away what a loss of power would have.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
from pathlib import Path
from typing import Any

POINTS = ("begun", "torn", "filled", "named", "written")
"""Where in a write: before it; its data not synced, synced; its name not synced, synced."""

DiesAt = tuple[int, str]
"""The number of a write, counted from 1, and the point in it."""


class DeadlyDisk:
    """
    The disk of this machine, to a process that is killed by its own hand.

    :param dies_at: where; None is never
    :param ledger: the file that what is done is noted in; None is nowhere
    """

    def __init__(self, dies_at: DiesAt | None = None, ledger: Path | None = None) -> None:
        self._dies_at = dies_at
        self._ledger = ledger.open("ab", buffering=0) if ledger is not None else None
        self._writes = 0
        self._filling: int | None = None

    def open(self, path: str, flags: int, mode: int, /) -> int:
        if not flags & os.O_CREAT:
            return os.open(path, flags, mode)
        self._writes += 1
        self._at("begun")
        self._filling = os.open(path, flags, mode)
        self._note("name", path, self._number(self._filling))
        return self._filling

    def write(self, fd: int, data: memoryview, /) -> int:
        self._note("data", self._number(fd))
        return os.write(fd, data)

    def fsync(self, fd: int, /) -> None:
        if fd == self._filling:
            self._at("torn")
        os.fsync(fd)
        self._note("synced", self._number(fd))

    def close(self, fd: int, /) -> None:
        if fd == self._filling:
            self._filling = None
        os.close(fd)

    def link(self, src: str, dst: str, /) -> None:
        self._at("filled")
        os.link(src, dst)
        self._note("name", dst, self._number(dst))
        self._at("named")

    def rename(self, src: str, dst: str, /) -> None:
        raise AssertionError("here a file can have a second name, so nothing is renamed")

    def unlink(self, path: str, /) -> None:
        self._at("written")
        Path(path).unlink()

    def mkdir(self, path: str, mode: int, /) -> None:
        Path(path).mkdir(mode)
        self._note("name", path, self._number(path))

    def _at(self, point: str) -> None:
        if self._dies_at == (self._writes, point):
            os.kill(os.getpid(), signal.SIGKILL)

    def _note(self, *line: object) -> None:
        if self._ledger is not None:
            self._ledger.write(json.dumps(line).encode() + b"\n")

    def _number(self, file: int | str) -> int:
        return os.stat(file).st_ino  # noqa: PTH116 - takes what is open as well


def lose_power(ledger: Path, chance: random.Random) -> list[str]:
    """
    Take from a disk what was not synced when its process ended: data, names, or neither, as chance has it.

    :return: the names of what was at stake
    """
    data: set[int] = set()
    names: dict[str, int] = {}
    for line in ledger.read_bytes().splitlines():
        deed: list[Any] = json.loads(line)
        if deed[0] == "name":
            names[deed[1]] = deed[2]
        elif deed[0] == "data":
            data.add(deed[1])
        else:  # of a folder it is the names that are brought to the disk
            data.discard(deed[1])
            names = {name: file for name, file in names.items() if _number_of(Path(name).parent) != deed[1]}
    for path in map(Path, list(_under_number(ledger.parent, data))):
        if chance.random() < 0.7:
            whole = path.read_bytes()
            path.write_bytes(whole[: chance.randrange(len(whole) + 1)])
    for path in map(Path, sorted(names, reverse=True)):
        if path.exists() and chance.random() < 0.5:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return sorted(names)


def _number_of(path: Path) -> int:
    return path.stat().st_ino if path.exists() else 0


def _under_number(root: Path, numbers: set[int]) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file() and path.stat().st_ino in numbers]
