"""A journal in a local folder."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_auth0link.errors import InputError, StoreError
from airflow_provider_auth0link.hooks.local_store import LEFTOVER_S, LocalStore

ROOT = Path(__file__).parents[2]

DYING_WRITER = """
import os, sys, time
from pathlib import Path
from airflow_provider_auth0link.hooks.local_store import LocalStore

class Stuck:
    def __init__(self, verb, nth):
        self.verb, self.left = verb, nth
    def __getattr__(self, verb):
        def call(*arguments):
            if verb == self.verb:
                self.left -= 1
                if self.left == 0:
                    print("stuck", flush=True)
                    time.sleep(300)
            return getattr(os, verb)(*arguments)
        return call

store = LocalStore(Path(sys.argv[1]))
store.write("before", b"0" * 1000)
LocalStore(Path(sys.argv[1]), Stuck(sys.argv[2], int(sys.argv[3]))).write("one", b"1" * 1000)
"""


class Disk:
    """``os``, but it writes down what was called, and a verb may fail."""

    def __init__(self, **failing: OSError) -> None:
        self.calls: list[tuple[str, str]] = []
        self.taken = 2**20
        self._failing = failing
        self._open: dict[int, str] = {}

    def _call(self, verb: str, what: str, act: Callable[[], Any]) -> Any:
        self.calls.append((verb, what))
        if verb in self._failing:
            raise self._failing[verb]
        return act()

    def open(self, path: str, flags: int, mode: int, /) -> int:
        fd = int(self._call("open", path, lambda: os.open(path, flags, mode)))
        self._open[fd] = path
        return fd

    def write(self, fd: int, data: memoryview, /) -> int:
        return int(self._call("write", self._open[fd], lambda: os.write(fd, data[: self.taken])))

    def fsync(self, fd: int, /) -> None:
        self._call("fsync", self._open[fd], lambda: os.fsync(fd))

    def close(self, fd: int, /) -> None:
        os.close(fd)

    def link(self, src: str, dst: str, /) -> None:
        self._call("link", f"{src} {dst}", lambda: os.link(src, dst))

    def rename(self, src: str, dst: str, /) -> None:
        self._call("rename", f"{src} {dst}", lambda: Path(src).rename(dst))

    def unlink(self, path: str, /) -> None:
        self._call("unlink", path, lambda: Path(path).unlink())

    def mkdir(self, path: str, mode: int, /) -> None:
        self._call("mkdir", path, lambda: Path(path).mkdir(mode))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder that is not there yet, nor is the one above."""
    return tmp_path / "journals" / "run"


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_written_once_and_read(folder: Path) -> None:
    store = LocalStore(folder)

    store.write("one", b"1")
    store.write("empty", b"")

    assert sorted(store.names()) == ["empty", "one"]
    assert store.read("one") == b"1"
    assert dict(store.read_many(["one", "empty"])) == {"one": b"1", "empty": b""}
    with pytest.raises(StoreError, match="one exists already"):
        store.write("one", b"2")
    assert store.read("one") == b"1"
    assert sorted(path.name for path in folder.iterdir()) == ["empty", "one"]


def test_delete_is_harmless_when_it_is_gone(folder: Path) -> None:
    store = LocalStore(folder)
    store.delete("one")
    store.write("one", b"1")

    store.delete("one")
    store.delete("one")

    assert store.names() == []
    with pytest.raises(StoreError, match="one is not in"):
        store.read("one")


def test_only_the_owner_reads(folder: Path) -> None:
    before = os.umask(0)
    try:
        LocalStore(folder).write("one", b"1")
    finally:
        os.umask(before)

    assert [_mode(path) for path in (folder.parent, folder, folder / "one")] == [0o700, 0o700, 0o600]


def test_a_folder_that_is_there_keeps_its_mode(folder: Path) -> None:
    folder.mkdir(parents=True)
    folder.chmod(0o750)

    LocalStore(folder).write("one", b"1")

    assert _mode(folder) == 0o750


def test_the_order_of_a_write(folder: Path) -> None:
    """Nothing bears the name before its data is on the disk, and the write ends when the name is there too."""
    folder.mkdir(parents=True)
    disk = Disk()
    disk.taken = 6

    LocalStore(folder, disk).write("one", b"0123456789")

    part = disk.calls[0][1]
    assert Path(part).parent == folder
    assert Path(part).name.startswith(".one.")
    assert disk.calls == [
        ("open", part),
        ("write", part),
        ("write", part),
        ("fsync", part),
        ("link", f"{part} {folder}/one"),
        ("open", str(folder)),
        ("fsync", str(folder)),
        ("unlink", part),
    ]
    assert (folder / "one").read_bytes() == b"0123456789"


def test_new_folders_are_durable_too(folder: Path) -> None:
    disk = Disk()

    LocalStore(folder, disk).write("one", b"1")

    above, top = folder.parent, folder.parent.parent
    seen = [call for call in disk.calls if call[0] in {"mkdir", "fsync"}]
    assert seen[:5] == [
        ("fsync", str(top.parent)),
        ("mkdir", str(above)),
        ("fsync", str(top)),
        ("mkdir", str(folder)),
        ("fsync", str(above)),
    ]


def test_a_folder_that_another_writer_makes_meanwhile(folder: Path) -> None:
    class Raced(Disk):
        def mkdir(self, path: str, mode: int, /) -> None:
            Path(path).mkdir(mode)
            super().mkdir(path, mode)

    disk = Raced()
    LocalStore(folder, disk).write("one", b"1")

    assert ("fsync", str(folder.parent)) in disk.calls
    assert LocalStore(folder).names() == ["one"]


def test_a_delete_is_durable(folder: Path) -> None:
    LocalStore(folder).write("one", b"1")
    disk = Disk()

    LocalStore(folder, disk).delete("one")

    assert [call for call in disk.calls if call[0] != "open"] == [
        ("unlink", f"{folder}/one"),
        ("fsync", str(folder)),
    ]


def test_where_files_have_one_name_only(folder: Path) -> None:
    disk = Disk(link=OSError(errno.EOPNOTSUPP, "no links"))
    store = LocalStore(folder, disk)

    store.write("one", b"1")
    with pytest.raises(StoreError, match="one exists already"):
        store.write("one", b"2")

    assert (folder / "one").read_bytes() == b"1"
    assert [path.name for path in folder.iterdir()] == ["one"]


def test_a_network_that_loses_the_answer(folder: Path) -> None:
    class Lossy(Disk):
        def link(self, src: str, dst: str, /) -> None:
            super().link(src, dst)
            raise FileExistsError(errno.EEXIST, "by the first try")

    LocalStore(folder, Lossy()).write("one", b"1")

    assert LocalStore(folder).read("one") == b"1"


@pytest.mark.parametrize("verb", ["write", "fsync", "link"])
def test_a_full_disk_leaves_nothing(folder: Path, verb: str) -> None:
    folder.mkdir(parents=True)
    store = LocalStore(folder, Disk(**{verb: OSError(errno.ENOSPC, "text of the system")}))

    with pytest.raises(StoreError, match=r"cannot write in the journal's folder .*: No space left") as caught:
        store.write("one", b"1")

    assert caught.value.retryable
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS], ids=["not allowed", "read-only"])
def test_a_folder_of_somebody_else(folder: Path, code: int) -> None:
    store = LocalStore(folder, Disk(open=OSError(code, "")))

    with pytest.raises(InputError, match=r"this user may not write in .*Give the task's user that folder"):
        store.write("one", b"1")


def test_a_file_in_the_folder_s_place(folder: Path) -> None:
    folder.parent.mkdir()
    folder.write_bytes(b"")
    store = LocalStore(folder / "deeper")

    for use in (store.names, lambda: store.read("one"), lambda: store.write("one", b"1")):
        with pytest.raises(InputError, match=r"cannot be a folder \(Not a directory\)"):
            use()


def test_folders_that_cannot_be_brought_to_the_disk(folder: Path) -> None:
    class Odd(Disk):
        def fsync(self, fd: int, /) -> None:
            if stat.S_ISDIR(os.fstat(fd).st_mode):
                raise OSError(errno.EINVAL, "not here")
            super().fsync(fd)

    LocalStore(folder, Odd()).write("one", b"1")

    assert LocalStore(folder).read("one") == b"1"


def test_only_files_of_journals_are_listed(folder: Path) -> None:
    (folder / "sub").mkdir(parents=True)
    for name in (".hidden", "one", "a b", ".one.0.part"):
        (folder / name).write_bytes(b"")

    assert LocalStore(folder).names() == ["one"]


@pytest.mark.parametrize(
    ("verb", "nth", "found"),
    [
        pytest.param("write", 1, False, id="opened"),
        pytest.param("fsync", 1, False, id="filled"),
        pytest.param("link", 1, False, id="on the disk"),
        pytest.param("fsync", 2, True, id="named"),
        pytest.param("unlink", 1, True, id="name on the disk"),
    ],
)
def test_a_writer_that_is_killed(folder: Path, verb: str, nth: int, found: bool) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", DYING_WRITER, str(folder), verb, str(nth)],
        stdout=subprocess.PIPE,
        env=environment,
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"stuck\n"
        writer.send_signal(signal.SIGKILL)

    store = LocalStore(folder)
    assert sorted(store.names()) == (["before", "one"] if found else ["before"])
    assert store.read("before") == b"0" * 1000
    if found:
        assert store.read("one") == b"1" * 1000
    (left,) = folder.glob(".one.*.part")
    assert _mode(left) == 0o600


def test_leftovers_of_killed_writers_go_when_they_are_old(folder: Path) -> None:
    folder.mkdir(parents=True)
    old, young, other = folder / ".a.1.part", folder / ".b.2.part", folder / ".notes"
    for path in (old, young, other):
        path.write_bytes(b"personal")
    long_ago = folder.stat().st_mtime - LEFTOVER_S - 60
    for path in (old, other):
        os.utime(path, (long_ago, long_ago))

    LocalStore(folder).write("one", b"1")

    assert sorted(path.name for path in folder.iterdir()) == [".b.2.part", ".notes", "one"]


def test_what_is_no_name_is_refused(folder: Path) -> None:
    store = LocalStore(folder)

    for use in (store.read, store.delete, lambda name: store.write(name, b"")):
        with pytest.raises(InputError, match="is no name for a file"):
            use("../one")


def test_a_folder_that_may_not_be_written_to_is_told_before_anything_is_made(folder: Path) -> None:
    folder.mkdir(parents=True)
    store = LocalStore(folder / "a" / "b")

    with pytest.raises(InputError, match="this user may not write in"):
        store.check_writable(lambda path, _: path != folder)
    store.check_writable()
    assert list(folder.iterdir()) == []


def test_what_can_be_no_folder_is_told_before_anything_is_made(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "file").write_bytes(b"")
    (folder / "loop").symlink_to("loop")

    for part in ("a/" + "n" * 256 + "/b", "é" * 128, "file/b", "loop/b", "p/" * 2048):
        with pytest.raises(InputError, match=r"^journal_path: .* cannot be a folder \([A-Z]"):
            LocalStore(folder / part).check_writable()
    assert sorted(each.name for each in folder.iterdir()) == ["file", "loop"]
