"""
The journal: what is about to be done is written down, durable, before it is done.

A folder of segments (JSON Lines), and snapshots in files of their own beside them. Records are written in groups;
names are unique to their writer, so nothing is ever overwritten, and a zombie task and its retry may write at once.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Protocol

from airflow_provider_auth0link.errors import InputError, SettingsError
from airflow_provider_auth0link.linking.history import History, Known
from airflow_provider_auth0link.linking.records import (
    FORMAT,
    HEADER,
    OUTCOME,
    SEGMENT,
    SNAPSHOTS,
    UNDO_OUTCOME,
    Key,
    check_header,
    decoded,
    encoded,
    numbered,
)
from airflow_provider_auth0link.linking.snapshot import Snapshot
from airflow_provider_auth0link.linking.store import Store
from airflow_provider_auth0link.linking.tries import Ref

CACHED_FILES = 8


class Seal(Protocol):
    """Compresses, and encrypts when there are keys."""

    def seal(self, data: bytes) -> bytes:
        """Return what is stored."""

    def unseal(self, data: bytes) -> bytes:
        """Return what was sealed. InputError when no key opens it."""


def read_history(
    store: Store,
    tenant: str | None,
    names: Iterable[str] | None = None,
    into: History | None = None,
) -> History:
    """
    Read a journal's index; snapshots are not read.

    :param tenant: whose it has to be; None when any will do
    :param names: the folder's files, when they were listed already
    :param into: takes it in, when it is not a new one
    :raises InputError: when it is another tenant's, of a newer format, not readable, or does not say whose it is
    """
    history = History() if into is None else into
    read = set(store.names() if names is None else names)
    headless = _read_segments(store, tenant, read, history)
    if (
        headless
    ):  # a writer that began while the folder was listed: its first segment may have been passed over
        more = {name for name in store.names() if _place(name)[0] in headless} - read
        headless = _read_segments(store, tenant, more, history) | (headless - history.headers.keys())
    if headless:
        raise InputError(
            f"journal: the segments of {min(headless)} have no header, so whose records they are cannot be told. "
            "Restore the folder's files from where they were copied, or give another journal_path"
        )
    return history


def _read_segments(store: Store, tenant: str | None, names: Iterable[str], history: History) -> set[str]:
    """Read segments into a history. Returns the writers of records of which no header was read."""
    headless = set()
    later: list[tuple[str, int, list[dict[str, Any]]]] = []
    segments = [name for name in names if SEGMENT.fullmatch(name)]
    for name, data in store.read_many(segments):
        writer, number = _place(name)
        records = list(decoded(name, data))
        for record in records:
            if record["kind"] == HEADER:
                check_header(name, record, tenant)
        if all("n" in record for record in records):
            history.add(writer, records)
        else:  # their order is that of the segments, which come in any
            later.append((writer, number, records))
        if records:
            headless.add(writer)
    for writer, _, records in sorted(later, key=lambda each: each[:2]):
        history.add(writer, numbered(records, history.last.get(writer, 0)))
    return headless - history.headers.keys()


def _place(name: str) -> tuple[str, int]:
    """Return a segment's writer, and which of the writer's segments it is."""
    match = SEGMENT.fullmatch(name)
    return (match["writer"], int(match["number"])) if match else (name, 0)


def forget_snapshots(store: Store) -> int:
    """Delete all snapshots; the index stays. Returns how many files were deleted."""
    names = [name for name in store.names() if SNAPSHOTS.fullmatch(name)]
    for name in names:
        store.delete(name)
    return len(names)


class Journal:
    """
    One writer's view of a journal: its history when opened, and what is written since.

    Threads may note; one at a time commits.

    :param store: where it lies
    :param writer: ``{try}-{map_index}-{uuid}``, unique to this writer
    :param header: what the writer's header says besides format and tenant
    :param tenant: the tenant's host
    :param seal: compresses and encrypts snapshots
    :param at: gives the time for people, ISO 8601
    :param used: gives how far the tenant's limit is drawn on, 0 to 1; it goes with the first outcome of each second
    """

    def __init__(
        self,
        store: Store,
        *,
        writer: str,
        tenant: str,
        header: Mapping[str, Any],
        seal: Seal,
        at: Callable[[], str],
        used: Callable[[], float | None] = lambda: None,
    ) -> None:
        if not SEGMENT.fullmatch(f"{writer}-0.jsonl"):
            raise InputError(f"journal: {writer!r} is no writer's name")
        self.store = store
        files = store.names()
        self._read = set(files)
        self.history = read_history(store, tenant, files)
        self._others = History(dict(self.history.headers), last=dict(self.history.last))
        self._reading = threading.Lock()
        self._files = {name for name in files if SNAPSHOTS.fullmatch(name)}
        self._writer, self._seal, self._at, self._tenant = writer, seal, at, tenant
        self._used, self._used_at = used, ""
        self._n = self.history.highest
        self._lock = threading.Lock()
        self._committing = threading.Lock()
        self._lines: list[dict[str, Any]] = []
        self._snapshots: list[dict[str, Any]] = []
        self._group = 0
        self._durable = 0
        self._headed = False
        self._cache: OrderedDict[str, list[dict[str, Any]]] = OrderedDict()
        self._header = {"format": FORMAT, "tenant": tenant, **header}

    @property
    def durable(self) -> int:
        """The highest number that is written for good."""
        return self._durable

    @property
    def pending(self) -> bool:
        """Whether something waits to be committed."""
        return bool(self._lines)

    def note(self, kind: str, row: Mapping[str, Any], snapshot: Snapshot | None = None) -> int:
        """
        Gather a record; it is durable once ``durable`` has reached the number returned.

        :param snapshot: goes into a file beside the index, which names the place
        """
        with self._lock:
            self.begin()
            if snapshot is not None:
                file = f"{self._writer}-{self._group}.snapshots"
                row = {**row, "snapshot": {"file": file, "line": len(self._snapshots)}}
                self._snapshots.append(snapshot.to_json())
            return self._gather(kind, row)

    def begin(self) -> None:
        """Gather the header, where no record has yet."""
        if not (self._headed or self._lines):
            self._gather(HEADER, self._header)

    def _gather(self, kind: str, row: Mapping[str, Any]) -> int:
        self._n += 1
        line = {"at": self._at(), "kind": kind, "n": self._n, **row}
        if kind in {OUTCOME, UNDO_OUTCOME} and line["at"] != self._used_at:
            self._used_at = line["at"]
            used = self._used()
            if used is not None:
                line["limit_used"] = round(used, 2)
        self._lines.append(line)
        return self._n

    def commit(self) -> None:
        """
        Write what was gathered: snapshots first, so that no index line points at nothing.

        :raises Auth0LinkError: as the store says; then nothing more must be changed at the tenant
        """
        with self._committing:
            with self._lock:
                lines, snapshots, group = self._lines, self._snapshots, self._group
                if not lines:
                    return
                self._lines, self._snapshots = [], []
                self._group += 1
                highest = self._n
            if snapshots:
                data = b"".join(_line(each) for each in snapshots)
                name = f"{self._writer}-{group}.snapshots"
                self.store.write(name, self._seal.seal(data))
                self._files.add(name)
            self.store.write(f"{self._writer}-{group}.jsonl", b"".join(encoded(each) for each in lines))
            self._durable, self._headed = highest, True

    def meanwhile(self, primary: str) -> list[Known]:
        """
        Read what others wrote of a primary's pairs since this was opened: a task that is thought dead, or its retry.

        What was read once is kept.
        """
        with self._reading:
            files = self.store.names()
            self._files.update(each for each in files if SNAPSHOTS.fullmatch(each))
            mine = f"{self._writer}-"
            new = [each for each in files if each not in self._read and not each.startswith(mine)]
            read_history(self.store, self._tenant, new, self._others)
            self._read.update(new)
            return self._others.of_primary(primary)

    def snapshots(self, key: Key, refs: Iterable[Ref]) -> list[Snapshot]:
        """
        Read a pair's snapshots, in the order given; those that were forgotten are left out.

        :raises SettingsError: when the keys open none
        :raises InputError: when they are not readable, or another pair's
        """
        found = []
        for ref in refs:
            rows = self._file(ref.file)
            if rows is None:
                continue
            snapshot = None
            with suppress(KeyError, TypeError, ValueError, AttributeError, IndexError):
                snapshot = Snapshot.from_json(rows[ref.line])
            if snapshot is None:
                raise InputError(f"journal: line {ref.line + 1} of {ref.file} is no snapshot")
            if (str(snapshot.carry.primary), str(snapshot.account.id)) != key[:2]:
                raise InputError(
                    f"journal: line {ref.line + 1} of {ref.file} is the snapshot of another pair than the index "
                    "says. Restore the folder's files from where they were copied"
                )
            found.append(snapshot.without_carry() if ref.spent else snapshot)
        return found

    def _file(self, name: str) -> list[dict[str, Any]] | None:
        """Return the rows of a snapshot file, None when it was deleted; the last few are kept."""
        with self._lock:
            if name in self._cache:
                self._cache.move_to_end(name)
                return self._cache[name]
        if name not in self._files:
            return None
        try:
            rows = [json.loads(line) for line in self._seal.unseal(self.store.read(name)).splitlines()]
        except SettingsError as error:
            if not self._opens_another(name):
                raise
            raise InputError(f"{name}: {error}") from None
        except InputError as error:  # it is a ValueError too
            raise InputError(f"{name}: {error}") from None
        except (ValueError, RecursionError):
            raise InputError(f"journal: {name} holds no snapshots. Restore the file") from None
        with self._lock:
            self._cache[name] = rows
            while len(self._cache) > CACHED_FILES:
                self._cache.popitem(last=False)
        return rows

    def _opens_another(self, name: str) -> bool:
        """Tell whether the keys open any of a few other snapshots: then it is this one alone that they do not."""
        if not self._cache:
            for each in sorted(self._files - {name})[:CACHED_FILES]:
                with suppress(InputError):
                    self._seal.unseal(self.store.read(each))
                    return True
        return bool(self._cache)


def _line(row: Mapping[str, Any]) -> bytes:
    return json.dumps(row, ensure_ascii=True, separators=(",", ":")).encode("ascii") + b"\n"
