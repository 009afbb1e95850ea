"""An export, step by step, against a scripted tenant: time passes only where it is waited for."""

from __future__ import annotations

import gzip
import json
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_auth0link.api.client import Auth0Client
from airflow_provider_auth0link.api.exports import Job
from airflow_provider_auth0link.api.work import Work
from airflow_provider_auth0link.errors import (
    AmbiguousError,
    ExportError,
    ForbiddenError,
    InputError,
    StoppedError,
    UnsentError,
)
from airflow_provider_auth0link.hooks.export_note import note_path, read_note
from airflow_provider_auth0link.hooks.exporting import FRUITLESS_S, Exporting, Order, Stop, check_path
from airflow_provider_auth0link.settings import Settings
from tests.fakes.clock import FakeClock
from tests.fakes.secrets import SECRET
from tests.fakes.transport import FakeTransport, Turn, answer, boom, granted

TEXT = b'{"user_id": "auth0|1"}\n{"user_id": "auth0|2"}\n'
PACKED = gzip.compress(TEXT)
URL = f"https://exports.example.com/1?Signature={SECRET}"
EXPIRED = ExportError("the location of the export answered 403")

Fetched = bytes | ExportError | tuple[bytes, ExportError]


class Bell(Stop):
    """What a signal rings; to wait for it passes the time. It rings by itself after some waits."""

    def __init__(self, clock: FakeClock, rings_after: int = 10**6) -> None:
        super().__init__()
        self._clock = clock
        self._left = rings_after

    def is_set(self) -> bool:
        return self._left <= 0

    def wait(self, timeout: float) -> bool:
        self._left -= 1
        self._clock.sleep(timeout)
        return self.is_set()


@dataclass
class Site:
    """A task's surroundings: tenant, clock, signal, and where files are downloaded from."""

    path: str
    turns: list[Turn]
    files: list[Fetched] = field(default_factory=list)
    run: str | None = "nightly/export/1"
    rings_after: int = 10**6
    seconds: float = 7200.0
    connection_id: str | None = None
    tenant: str = "t.example.com"

    def __post_init__(self) -> None:
        self.clock = FakeClock()
        self.transport = FakeTransport(*self.turns)
        self.fetched: list[str] = []
        self.settings = Settings(f"https://{self.tenant}", self.tenant, "a", client_id="i", client_secret="s")
        self._client = Auth0Client(
            self.settings, self.transport, user_agent="test", told=lambda _: None, timing=self.clock.timing()
        )
        self._files = deque(self.files)

    @property
    def correlation_id(self) -> str | None:
        return self.run

    @correlation_id.setter
    def correlation_id(self, value: str | None) -> None:
        self.run = value

    def work(self, correlation_id: str | None = None, **limits: float) -> Work:
        return self._client.work(correlation_id=self.run, **limits)

    def download(self, url: str) -> Generator[bytes, None, None]:
        self.fetched.append(url)
        file = self._files.popleft()
        data, error = (
            file
            if isinstance(file, tuple)
            else (b"", file)
            if isinstance(file, ExportError)
            else (file, None)
        )
        yield from (data[start : start + 9] for start in range(0, len(data), 9))
        if error is not None:
            raise error

    def exporting(self) -> Exporting:
        return Exporting(
            self,
            Order(self.path, ("user_id", "email"), self.connection_id),
            Bell(self.clock, self.rings_after),
            seconds=self.seconds,
            timing=self.clock.timing(),
            download=self.download,
        )

    @property
    def routes(self) -> list[str]:
        return [sent.request.name.split("/")[-1].replace("{id}", "look") for sent in self.transport.sent]


def job(status: str, job_id: str = "job_1", **more: Any) -> Turn:
    return answer(200, {"id": job_id, "type": "users_export", "status": status, **more})


def done(number: int = 1) -> Turn:
    return job("completed", location=f"{URL}&n={number}")


@pytest.fixture(params=["users.ndjson.gz", "users.ndjson", "users.jsonl"])
def path(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return tmp_path / str(request.param)


@pytest.fixture
def packed(tmp_path: Path) -> str:
    return str(tmp_path / "users.jsonl.gz")


def run(site: Site) -> int:
    """Do what the operator does."""
    exporting = site.exporting()
    return exporting.fetch(exporting.wait(exporting.begin(), 10.0))


def held(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


def test_an_export_from_its_job_to_a_file(path: Path) -> None:
    site = Site(
        str(path), [job("pending"), job("pending"), job("processing", percentage_done=40), done()], [PACKED]
    )

    assert run(site) == 2
    assert held(path) == TEXT
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    assert site.routes == ["users-exports", "look", "look", "look"]
    assert site.clock.naps == [1, 2, 4]


def test_the_packed_bytes_are_kept(packed: str) -> None:
    run(Site(packed, [job("pending"), done()], [PACKED]))

    assert Path(packed).read_bytes() == PACKED


def test_the_job_is_written_down_at_once(path: Path) -> None:
    site = Site(str(path), [job("pending")])
    site.exporting().begin()

    note = read_note(str(path))
    assert note is not None
    assert (note.job_id, note.tenant, note.run) == ("job_1", "t.example.com", "nightly/export/1")
    assert SECRET not in Path(note_path(str(path))).read_text()


def test_what_has_no_place_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    site = Site(str(tmp_path / "nowhere" / "users.jsonl"), [])

    with pytest.raises(InputError, match="Make it first"):
        site.exporting().begin()
    assert site.transport.token_requests == []


def test_a_missing_scope_is_told_before_anything_is_asked(packed: str) -> None:
    site = Site(packed, [])
    site.transport.will_answer_tokens(granted("t", scope="update:users"))

    with pytest.raises(ForbiddenError, match="lacks read:users"):
        site.exporting().begin()


@pytest.mark.parametrize("found", [job("pending"), job("processing"), done()])
def test_the_next_try_goes_on_with_the_job(packed: str, found: Turn) -> None:
    Site(packed, [job("pending")]).exporting().begin()
    site = Site(packed, [found])

    assert site.exporting().begin().id == "job_1"
    assert site.routes == ["look"]


@pytest.mark.parametrize("found", [job("failed"), boom(404, "The job was not found")])
def test_with_one_that_came_to_nothing_it_starts_another(packed: str, found: Turn) -> None:
    Site(packed, [job("pending")]).exporting().begin()
    site = Site(packed, [found, job("pending", "job_2")])

    assert site.exporting().begin().id == "job_2"
    assert site.routes == ["look", "users-exports"]


@pytest.mark.parametrize(
    "change",
    [
        {"run": "nightly/export/2"},
        {"run": None},
        {"connection_id": "con_0000000000000001"},
        {"tenant": "u.example.com"},
    ],
)
def test_and_with_that_of_another_export(packed: str, change: dict[str, Any]) -> None:
    Site(packed, [job("pending")]).exporting().begin()
    site = replace(Site(packed, [job("pending", "job_2")]), **change)

    assert site.exporting().begin().id == "job_2"
    assert site.routes == ["users-exports"]


def test_a_job_of_yesterday_is_not_asked_about(packed: str) -> None:
    Site(packed, [job("pending")]).exporting().begin()
    site = Site(packed, [job("pending", "job_2")])
    site.clock.pass_by(24 * 3600)

    assert site.exporting().begin().id == "job_2"


def test_a_file_that_is_there_is_replaced(path: Path) -> None:
    path.write_bytes(b"of yesterday")

    run(Site(str(path), [done()], [PACKED]))

    assert held(path) == TEXT


def test_between_the_question_and_its_answer_a_death_costs_a_second_job(packed: str) -> None:
    with pytest.raises(AmbiguousError):
        Site(packed, [AmbiguousError("reset")] * 60).exporting().begin()
    note = read_note(packed)
    assert note is not None
    assert note.job_id is None

    site = Site(packed, [job("pending")])
    assert site.exporting().begin().id == "job_1"
    assert site.routes == ["users-exports"]


def test_a_job_that_fails_is_told_and_forgotten(packed: str) -> None:
    site = Site(packed, [job("pending"), job("failed")])

    with pytest.raises(ExportError, match="job_1 failed at Auth0") as caught:
        run(site)
    assert caught.value.retryable
    assert read_note(packed) is None


def test_a_job_that_vanishes_is_told_and_forgotten(packed: str) -> None:
    site = Site(packed, [job("pending"), boom(404, "The job was not found")])

    with pytest.raises(ExportError, match="not there any more"):
        run(site)
    assert read_note(packed) is None


def test_one_that_takes_too_long_is_left_to_the_next_try(packed: str) -> None:
    site = Site(packed, [job("pending")] * 60, seconds=300.0)

    with pytest.raises(ExportError, match="after all the time given") as caught:
        run(site)
    assert caught.value.retryable
    assert sum(site.clock.naps) == 300
    assert read_note(packed) is not None


def test_a_wait_may_be_shorter_than_all_the_time(packed: str) -> None:
    exporting = Site(packed, [job("pending")] * 9).exporting()

    assert exporting.wait(exporting.begin(), 10.0, most=10.0).status == "pending"


@pytest.mark.parametrize(
    "trouble", [UnsentError("no"), AmbiguousError("reset"), boom(503, "no"), boom(429, "slow")]
)
def test_an_outage_while_waiting_costs_nothing(packed: str, trouble: Turn) -> None:
    site = Site(packed, [job("pending"), *[trouble] * 20, done()], [PACKED])

    assert run(site) == 2


def test_a_refusal_while_waiting_ends_it(packed: str) -> None:
    site = Site(packed, [job("pending"), boom(403, "Insufficient scope")])

    with pytest.raises(ForbiddenError):
        run(site)
    assert read_note(packed) is not None


@pytest.mark.parametrize(
    "cut",
    [
        EXPIRED,
        (b"", ExportError("the connection broke")),
        (PACKED[:20], ExportError("the connection broke")),
        PACKED[:20],
        b"<html>not now</html>",
        b"",
    ],
)
def test_an_expired_location_and_a_cut_download_cost_a_fresh_location(path: Path, cut: Fetched) -> None:
    site = Site(str(path), [job("pending"), done(1), done(2), done(3)], [cut, cut, PACKED])

    assert run(site) == 2
    assert site.fetched == [f"{URL}&n={number}" for number in (1, 2, 3)]
    assert held(path) == TEXT
    assert [each.name for each in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("cut", [EXPIRED, (PACKED[:20], ExportError("the connection broke")), b"<html>"])
def test_but_not_for_ever(packed: str, cut: Fetched) -> None:
    site = Site(packed, [job("pending"), *[done()] * 99], [cut] * 99)

    with pytest.raises(ExportError) as caught:
        run(site)
    assert FRUITLESS_S - 60 < sum(site.clock.naps) < FRUITLESS_S + 60
    assert SECRET not in str(caught.value)
    assert not Path(packed).exists()
    assert read_note(packed) is not None, "the next try goes on with the job"


def test_what_comes_farther_each_time_is_gone_on_with(packed: str) -> None:
    text = b"".join(b'{"user_id": "auth0|%d"}\n' % n for n in range(20_000))
    data = gzip.compress(text)
    cuts: list[Fetched] = [(data[: 500 * n], ExportError("the connection broke")) for n in range(1, 60)]
    site = Site(packed, [job("pending"), *[done()] * 99], [*cuts, data])

    assert run(site) == 20_000
    assert sum(site.clock.naps) > FRUITLESS_S


def test_a_job_without_a_location_is_looked_at_again(packed: str) -> None:
    site = Site(packed, [job("pending"), job("completed"), done()], [PACKED])

    assert run(site) == 2


def test_a_job_that_vanishes_at_the_download(packed: str) -> None:
    site = Site(packed, [done(), boom(404, "The job was not found")], [EXPIRED])

    with pytest.raises(ExportError, match="not there any more"):
        run(site)
    assert read_note(packed) is None


@pytest.mark.parametrize("rings_after", [1, 2, 5])
def test_a_signal_ends_the_wait_at_once_and_the_job_stays(packed: str, rings_after: int) -> None:
    site = Site(packed, [job("pending")] * 9, rings_after=rings_after)

    with pytest.raises(StoppedError) as caught:
        run(site)
    assert caught.value.retryable
    assert len(site.clock.naps) == rings_after
    assert read_note(packed) is not None


def test_a_signal_ends_the_download(path: Path) -> None:
    site = Site(str(path), [job("pending"), done()], [PACKED], rings_after=1)
    exporting = site.exporting()
    begun = exporting.begin()
    with pytest.raises(StoppedError):
        exporting.wait(begun, 10.0)

    with pytest.raises(StoppedError):
        exporting.fetch(Job("job_1", "completed", URL))
    assert [each.name for each in path.parent.iterdir()] == [f"{path.name}.job"]


def test_an_error_of_the_file_is_none_of_the_download(tmp_path: Path) -> None:
    site = Site(str(tmp_path / "users.jsonl"), [done()], [PACKED])
    exporting = site.exporting()
    begun = exporting.begin()
    (tmp_path / "users.jsonl").mkdir()

    with pytest.raises(InputError, match="a folder stands where a file should"):
        exporting.fetch(begun)
    assert site.fetched == []


@pytest.mark.parametrize(
    "name", ["users", "users.csv", "users.json", "users.gz/", "jsonl", "users.ndjson.zst"]
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"must end in \.gz"):
        check_path(name)


@pytest.mark.parametrize("name", ["a.GZ", "a.ndjson.gz", "a.ndjson", "s3://c@b/a.jsonl", "a.json.gz"])
def test_names_that_say_what_is_in_a_file(name: str) -> None:
    assert check_path(name) == name


def test_nobody_at_all_is_a_whole_export(path: Path) -> None:
    assert run(Site(str(path), [done()], [gzip.compress(b"")])) == 0
    assert held(path) == b""


def test_the_lines_are_not_read_as_more_than_lines(path: Path) -> None:
    line = json.dumps(
        {"user_id": "auth0|1", "user_metadata": {"note": "\u2028 {{ x }} é"}}, ensure_ascii=False
    )
    run(Site(str(path), [done()], [gzip.compress(line.encode())]))

    assert held(path) == line.encode()


def test_what_a_killed_try_left_is_swept_and_nothing_else(path: Path) -> None:
    others = [
        f".{path.name}.bak.12345678",
        f".{path.name}.1234567",
        f"{path.name}.12345678",
        ".other.jsonl.12345678",
    ]
    Site(str(path), [job("pending")]).exporting().begin()
    for name in (f".{path.name}.ab_45678", *others):
        (path.parent / name).write_text("users")

    run(Site(str(path), [done()], [PACKED]))

    assert {each.name for each in path.parent.iterdir()} == {path.name, *others}
