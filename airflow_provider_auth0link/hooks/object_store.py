"""A journal in an object store, by the filesystems that Airflow's providers bring."""

from __future__ import annotations

import errno
import inspect
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from airflow_provider_auth0link.api.retry import REAL_TIME, Timing, backoff
from airflow_provider_auth0link.errors import Auth0LinkError, InputError, StoreError
from airflow_provider_auth0link.linking.store import checked_name, is_name

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

Result = TypeVar("Result")

STORE_SECONDS = 60.0
"""How long a call is tried again. A store that is away for longer is a matter for the task's own retry."""

CALL_S = 60.0
LIST_S = 600.0
"""How long one call may take; a folder of a million files is a thousand pages."""

READERS = 16
"""Files read at a time, and held: latency is what a read of a small object costs."""

_PASS = (Auth0LinkError, AttributeError, NameError, TypeError)
"""Told already, or no answer of a store but a mistake of the program, which shows itself as what it is."""

_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestTimeTooSkewed", "TokenRefreshRequired"}
_REGIONS = {"301", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect"}
_NO_BUCKET_NAME = {"InvalidBucketName", "ParamValidationError"}
_NO_CREDENTIALS = {"NoCredentialsError", "PartialCredentialsError"}
_TAKEN = {"412", "PreconditionFailed"}
_UNKNOWN_CONDITION = {"501", "NotImplemented"}
"""Codes of S3 (Amazon S3 API reference, error responses) and classes of its client."""


class ObjectStore:
    """
    A store under a prefix of a bucket.

    An object appears whole or not at all, so a write needs no temporary name. It is refused by the store
    itself where it knows how (S3: ``If-None-Match``), else after a look. An object of the same name and bytes
    is taken for an earlier try whose answer was lost.

    :param filesystem: of fsspec, with its credentials
    :param folder: bucket and prefix, as the filesystem calls them
    :param where: the same for messages, without secrets
    :param seconds: how long a call is tried again
    :param call_s: how long one try may take, in seconds
    """

    def __init__(
        self,
        filesystem: AbstractFileSystem,
        folder: str,
        *,
        where: str,
        timing: Timing = REAL_TIME,
        seconds: float = STORE_SECONDS,
        call_s: float = CALL_S,
    ) -> None:
        self.where = where
        self._fs = filesystem
        self._folder = folder.rstrip("/")
        self._timing = timing
        self._seconds = seconds
        self._call_s = call_s
        self._conditional = self._takes("pipe_file", "mode")
        self._anew = {"refresh": True} if self._takes("ls", "refresh") else {}

    def names(self) -> list[str]:
        """Return the names of all objects under the prefix, other processes' latest included."""
        try:
            found = self._kept_trying("list", self._list)
        except FileNotFoundError:
            return []
        paths = [str(each["name"]) for each in found if each["type"] == "file"]
        pairs = [path.rpartition("/") for path in paths]
        home = self._folder.strip("/")
        return [name for folder, _, name in pairs if folder.strip("/") == home and is_name(name)]

    def read(self, name: str) -> bytes:
        """Read an object."""
        key = self._key(name)
        try:
            return self._kept_trying("read", lambda: self._get(key))
        except FileNotFoundError:
            raise StoreError(f"{name} is not in {self.where}") from None

    def read_many(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Read objects, many at a time."""
        pool = ThreadPoolExecutor(READERS, thread_name_prefix="journal-read")
        left = iter(names)
        try:
            waiting = [(name, pool.submit(self.read, name)) for name in islice(left, READERS)]
            while waiting:
                name, answer = waiting.pop(0)
                data = answer.result()
                waiting += [(another, pool.submit(self.read, another)) for another in islice(left, 1)]
                yield name, data
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def write(self, name: str, data: bytes) -> None:
        """Write an object."""
        key = self._key(name)
        try:
            self._kept_trying("write", lambda: self._put(key, data))
        except FileNotFoundError:
            raise InputError(
                f"journal_path: {self.where}: there is no such bucket. Make it, or mend the path"
            ) from None
        except FileExistsError:
            if self.read(name) != data:
                raise StoreError(f"{name} exists already in {self.where}. It was left as it is") from None

    def delete(self, name: str) -> None:
        """Delete an object."""
        key = self._key(name)
        try:
            self._kept_trying("delete", lambda: self._call("rm_file", key))
        except FileNotFoundError:
            return

    def _key(self, name: str) -> str:
        return f"{self._folder}/{checked_name(name)}"

    def _list(self) -> list[dict[str, Any]]:
        # fsspec remembers listings, another thread's too, and would hide what another process wrote since.
        self._fs.invalidate_cache(self._folder)
        found: list[dict[str, Any]] = self._call(
            "ls", self._folder, detail=True, seconds=LIST_S, **self._anew
        )
        return found

    def _get(self, key: str) -> bytes:
        try:
            found: bytes = self._call("cat_file", key)
        except FileNotFoundError:  # by what fsspec remembers, perhaps
            self._fs.invalidate_cache(self._folder)
            found = self._call("cat_file", key)
        return found

    def _put(self, key: str, data: bytes) -> None:
        if self._conditional:
            try:
                self._call("pipe_file", key, data, mode="create")
            except Exception as error:
                if _code(error) in _TAKEN:
                    raise FileExistsError(errno.EEXIST, "exists") from None
                if _code(error) not in _UNKNOWN_CONDITION:
                    raise
                self._conditional = False
            else:
                return
        self._fs.invalidate_cache(self._folder)
        if self._call("exists", key):
            raise FileExistsError(errno.EEXIST, "exists")
        self._call("pipe_file", key, data)

    def _call(self, verb: str, *arguments: object, seconds: float | None = None, **more: object) -> Any:  # noqa: ANN401 - what fsspec gives
        """Call the filesystem. One whose verbs are coroutines is stopped after so many seconds."""
        from fsspec.asyn import sync

        if self._fs.async_impl:
            return sync(self._fs.loop, self._verb(verb), *arguments, timeout=seconds or self._call_s, **more)
        return self._verb(verb)(*arguments, **more)

    def _verb(self, verb: str) -> Callable[..., Any]:
        found: Callable[..., Any] = getattr(self._fs, f"_{verb}" if self._fs.async_impl else verb)
        return found

    def _takes(self, verb: str, argument: str) -> bool:
        return argument in inspect.signature(self._verb(verb)).parameters

    def _kept_trying(self, deed: str, call: Callable[[], Result]) -> Result:
        """
        Call until it works or the time is up.

        :raises FileNotFoundError: for its caller to make sense of, as FileExistsError
        :raises InputError: what would not get better
        :raises StoreError: not within the time
        """
        ends = self._timing.clock() + self._seconds
        attempt = 0
        while True:
            attempt += 1
            try:
                return call()
            except _PASS:
                raise
            except Exception as error:  # noqa: BLE001 - every store has errors of its own classes
                lasting, reason = _lasting(error, self.where), _code(error)
            if lasting is not None:
                raise lasting
            wait = backoff(attempt, self._timing.chance())
            if self._timing.clock() + wait >= ends:
                raise StoreError(
                    f"cannot {deed} in the journal's folder {self.where}, "
                    f"tried for {self._seconds:g} s: {reason}"
                )
            self._timing.sleep(wait)


def _lasting(error: Exception, where: str) -> Exception | None:
    """Return what to raise for an error that would come again, None for one that may pass."""
    code = _code(error)
    if code in _EXPIRED:
        return None
    if code == "NoSuchBucket":
        return _no_bucket(where)
    if isinstance(error, FileNotFoundError | FileExistsError):
        return type(error)(code)
    if code in _NO_BUCKET_NAME:
        return InputError(f"journal_path: {where}: this is no name of a bucket")
    if code in _REGIONS:
        return InputError(f"journal_path: {where}: the bucket is in another region. Set it in the connection")
    if code in _NO_CREDENTIALS or isinstance(error, PermissionError):
        return InputError(
            f"journal_path: {where}: access was refused ({code}). The connection's user has to be one that "
            "may list, read, write and delete there"
        )
    if type(error) is ValueError:
        return InputError(f"journal_path: {where}: the connection's endpoint or region is not valid")
    return None


def _no_bucket(where: str) -> InputError:
    return InputError(f"journal_path: {where}: there is no such bucket. Make it, or mend the path")


def _code(error: BaseException) -> str:
    """Return the store's own code for an error, or its class. Texts are left out: they may hold keys."""
    for each in (error, error.__cause__):
        answer = getattr(each, "response", None)
        told = (
            answer.get("Error", {}).get("Code") if isinstance(answer, dict) else getattr(each, "code", None)
        )
        if str(told or "").isalnum():
            return str(told)
    return type(error).__name__
