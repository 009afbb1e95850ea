"""A journal in an object store that misbehaves; ``tests/lanes/test_bucket.py`` has one that does not."""

from __future__ import annotations

import asyncio
import errno
import threading
from collections import defaultdict, deque
from typing import Any

import fsspec.asyn
import pytest

from airflow_provider_auth0link.errors import InputError, StoreError
from airflow_provider_auth0link.hooks.object_store import READERS, ObjectStore
from tests.fakes.clock import FakeClock

SECRET = "planted-secret"


class ClientError(Exception):
    """As botocore's: the store's code stands in ``response``, and the text says more than a log should."""

    def __init__(self, code: str) -> None:
        super().__init__(f"{code}: {SECRET}")
        self.response = {"Error": {"Code": code, "Message": SECRET}}


class NoCredentialsError(Exception):
    """As botocore's, which has no code."""


def s3_error(kind: type[OSError], code: str) -> OSError:
    """Build an error as s3fs gives it: Python's own, caused by botocore's."""
    error = kind(errno.EINVAL, SECRET) if kind is OSError else kind(SECRET)
    error.__cause__ = ClientError(code)
    return error


class Bucket:
    """A filesystem of fsspec over a dict, whose verbs fail by script."""

    async_impl = False

    def __init__(self, **files: bytes) -> None:
        self.files = {f"bucket/run/{name}": data for name, data in files.items()}
        self.calls: list[str] = []
        self.lose_answers = False
        self._errors: dict[str, deque[Exception]] = defaultdict(deque)

    def meets(self, verb: str, *errors: Exception) -> None:
        """Let the next calls of a verb meet these, one each."""
        self._errors[verb].extend(errors)

    def _begin(self, verb: str) -> None:
        self.calls.append(verb)
        if self._errors[verb] and not self.lose_answers:
            raise self._errors[verb].popleft()

    def _end(self, verb: str) -> None:
        if self._errors[verb]:
            raise self._errors[verb].popleft()

    def invalidate_cache(self, path: str) -> None:
        self.calls.append(f"invalidate {path}")

    def ls(self, path: str, detail: bool, refresh: bool = False) -> list[dict[str, Any]]:
        self._begin("ls")
        assert detail
        assert refresh
        return [{"name": name, "type": "file"} for name in self.files]

    def cat_file(self, path: str) -> bytes:
        self._begin("cat_file")
        if path not in self.files:
            raise FileNotFoundError(path)
        return self.files[path]

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite") -> None:
        self._begin("pipe_file")
        if mode == "create" and path in self.files:
            raise s3_error(OSError, "PreconditionFailed")
        self.files[path] = value
        self._end("pipe_file")

    def exists(self, path: str) -> bool:
        self._begin("exists")
        return path in self.files

    def rm_file(self, path: str) -> None:
        self._begin("rm_file")
        if self.files.pop(path, None) is None:
            raise FileNotFoundError(path)


class OlderBucket(Bucket):
    """One that knows no condition for a write."""

    def pipe_file(self, path: str, value: bytes) -> None:  # type: ignore[override]  # the point of it
        super().pipe_file(path, value)


def _store(bucket: Any, clock: FakeClock | None = None, **more: Any) -> ObjectStore:
    timing = (clock or FakeClock()).timing()
    return ObjectStore(bucket, "bucket/run/", where="s3://c@bucket/run", timing=timing, **more)


BUSY = s3_error(OSError, "SlowDown")


@pytest.mark.parametrize(
    "error",
    [BUSY, TimeoutError(SECRET), ConnectionResetError(SECRET), s3_error(PermissionError, "ExpiredToken")],
    ids=["SlowDown", "timeout", "reset", "expired"],
)
def test_what_may_pass_is_tried_again(error: Exception) -> None:
    bucket, clock = Bucket(one=b"1"), FakeClock()
    for verb in ("ls", "cat_file", "pipe_file", "rm_file"):
        bucket.meets(verb, error, error)
    store = _store(bucket, clock)

    assert store.names() == ["one"]
    assert store.read("one") == b"1"
    store.write("two", b"2")
    store.delete("one")

    assert bucket.files == {"bucket/run/two": b"2"}
    assert clock.naps == [0.25, 0.5] * 4


def test_not_without_end() -> None:
    bucket, clock = Bucket(), FakeClock()
    bucket.meets("pipe_file", *[BUSY] * 50)
    begun = clock()

    with pytest.raises(
        StoreError, match=r"cannot write .* s3://c@bucket/run, tried for 60 s: SlowDown"
    ) as caught:
        _store(bucket, clock).write("one", b"1")

    assert caught.value.retryable
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert 30 < clock() - begun < 60


@pytest.mark.parametrize(
    ("error", "message"),
    [
        pytest.param(s3_error(FileNotFoundError, "NoSuchBucket"), "there is no such bucket", id="bucket"),
        pytest.param(s3_error(PermissionError, "AccessDenied"), r"refused \(AccessDenied\)", id="denied"),
        pytest.param(PermissionError(SECRET), r"refused \(PermissionError\)", id="denied without a code"),
        pytest.param(s3_error(PermissionError, "InvalidAccessKeyId"), "access was refused", id="key"),
        pytest.param(NoCredentialsError(SECRET), "access was refused", id="no credentials"),
        pytest.param(s3_error(OSError, "InvalidBucketName"), "no name of a bucket", id="name"),
        pytest.param(s3_error(OSError, "PermanentRedirect"), "in another region", id="region"),
        pytest.param(ValueError(SECRET), "endpoint or region is not valid", id="endpoint"),
    ],
)
@pytest.mark.parametrize("verb", ["ls", "pipe_file"])
def test_what_would_not_get_better_is_said_at_once(verb: str, error: Exception, message: str) -> None:
    bucket, clock = Bucket(), FakeClock()
    bucket.meets(verb, error)
    store = _store(bucket, clock)

    with pytest.raises(InputError, match=f"journal_path: s3://c@bucket/run: .*{message}") as caught:
        store.names() if verb == "ls" else store.write("one", b"1")

    assert SECRET not in str(caught.value)
    assert caught.value.__context__ is None
    assert clock.naps == []


def test_a_mistake_of_the_program_shows_itself() -> None:
    bucket = Bucket()
    bucket.meets("pipe_file", TypeError("a mistake"))

    with pytest.raises(TypeError, match="a mistake"):
        _store(bucket).write("one", b"1")


def test_an_answer_that_got_lost() -> None:
    """The object is there, so the second try is refused; its bytes are ours, so the write is done."""
    bucket = Bucket()
    bucket.lose_answers = True
    bucket.meets("pipe_file", ConnectionResetError())

    _store(bucket).write("one", b"1")

    assert bucket.files == {"bucket/run/one": b"1"}
    assert bucket.calls == ["pipe_file", "pipe_file", "cat_file"]


@pytest.mark.parametrize(
    ("bucket", "calls"),
    [
        pytest.param(Bucket(one=b"0"), ["pipe_file", "cat_file"], id="condition"),
        pytest.param(OlderBucket(one=b"0"), ["invalidate bucket/run", "exists", "cat_file"], id="look"),
    ],
)
def test_nothing_is_overwritten(bucket: Bucket, calls: list[str]) -> None:
    with pytest.raises(StoreError, match="one exists already in s3://c@bucket/run"):
        _store(bucket).write("one", b"1")

    assert bucket.files == {"bucket/run/one": b"0"}
    assert bucket.calls == calls


def test_a_store_that_does_not_know_the_condition_is_looked_at_first() -> None:
    bucket = Bucket()
    bucket.meets("pipe_file", s3_error(OSError, "NotImplemented"))
    store = _store(bucket)

    store.write("one", b"1")
    store.write("two", b"2")

    look = ["invalidate bucket/run", "exists", "pipe_file"]
    assert bucket.calls == ["pipe_file", *look, *look]
    assert sorted(bucket.files) == ["bucket/run/one", "bucket/run/two"]


def test_a_conflict_of_two_conditional_writes_is_tried_again() -> None:
    bucket = Bucket()
    bucket.meets("pipe_file", s3_error(OSError, "ConditionalRequestConflict"))

    _store(bucket).write("one", b"1")

    assert bucket.files == {"bucket/run/one": b"1"}


def test_listings_are_never_remembered_ones() -> None:
    bucket = Bucket(one=b"1")

    _store(bucket).names()

    assert bucket.calls == ["invalidate bucket/run", "ls"]


def test_only_objects_right_under_the_prefix_are_listed() -> None:
    bucket = Bucket(one=b"1")
    bucket.files |= {
        "bucket/run/.hidden": b"",
        "bucket/run/sub/two": b"",
        "bucket/run/": b"",
        "bucket/run": b"",
    }

    assert _store(bucket).names() == ["one"]


def test_a_prefix_without_objects_is_empty() -> None:
    bucket = Bucket()
    bucket.meets("ls", FileNotFoundError())

    assert _store(bucket).names() == []


def test_reading_and_deleting_what_is_gone() -> None:
    store = _store(Bucket())

    store.delete("one")
    with pytest.raises(StoreError, match="one is not in s3://c@bucket/run"):
        store.read("one")


def test_many_are_read_at_a_time_and_few_are_held() -> None:
    class Counted(Bucket):
        reading = started = 0
        most = 0
        together = threading.Barrier(2)
        lock = threading.Lock()

        def cat_file(self, path: str) -> bytes:
            with self.lock:
                self.started += 1
                first_two = self.started <= 2
            if first_two:
                self.together.wait(timeout=30)  # two readers at a time, or it breaks
            return super().cat_file(path)

    names = [f"n{number}" for number in range(100)]
    bucket = Counted(**{name: name.encode() for name in names})
    found: dict[str, bytes] = {}
    ahead = 0

    for name, data in _store(bucket).read_many(names):
        ahead = max(ahead, bucket.started - len(found))
        found[name] = data

    assert found == {name: name.encode() for name in names}
    assert 1 < ahead <= READERS + 1


def test_a_reader_that_stops_early_leaves_no_threads() -> None:
    bucket = Bucket(**{f"n{number}": b"" for number in range(100)})
    before = threading.active_count()

    reading = _store(bucket).read_many([f"n{number}" for number in range(100)])
    next(reading)
    reading.close()  # type: ignore[attr-defined]  # an iterator to its readers, a generator in truth

    assert threading.active_count() == before
    assert len(bucket.calls) <= 2 * READERS


def test_one_that_cannot_be_read_ends_the_reading() -> None:
    store = _store(Bucket(one=b"1"))

    with pytest.raises(StoreError, match="two is not in"):
        dict(store.read_many(["one", "two"]))


def test_a_call_that_hangs_is_given_up() -> None:
    class Hanging:
        """A filesystem whose verbs are coroutines."""

        async_impl = True
        loop = fsspec.asyn.get_loop()

        async def _ls(self, path: str) -> None:
            await asyncio.Event().wait()

        async def _pipe_file(self, path: str, value: bytes, mode: str = "overwrite") -> None:
            await asyncio.Event().wait()

    with pytest.raises(StoreError, match="FSTimeoutError"):
        _store(Hanging(), seconds=0.1, call_s=0.05).write("one", b"1")
