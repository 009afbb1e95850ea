from __future__ import annotations

import gzip
import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import FrameType
from typing import Any

import pendulum
import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, AirflowTaskTimeout, TaskDeferred

from airflow_provider_auth0link.errors import (
    BadRequestError,
    ExportError,
    ForbiddenError,
    InputError,
    StoppedError,
)
from airflow_provider_auth0link.operators.export import DEFAULT_FIELDS, ExportUsersOperator
from airflow_provider_auth0link.triggers.export import ExportTrigger
from tests.fakes.exports import ExportSite
from tests.fakes.secrets import SECRET, told_by
from tests.operators import rig
from tests.operators.rig import CONN, FakeTaskInstance, MakeTenant

LINES = b"".join(b'{"user_id": "auth0|%d", "email": "%d@example.com"}\n' % (n, n) for n in range(3000))

MakeSite = Callable[..., ExportSite]


@pytest.fixture
def make_site(monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeSite]:
    with ExitStack() as stack:

        def make(**how: Any) -> ExportSite:
            site = stack.enter_context(ExportSite(LINES, **how))
            monkeypatch.setenv(CONN, site.connection())
            return site

        yield make


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "users.ndjson.gz")


def export(path: str, **how: Any) -> ExportUsersOperator:
    return ExportUsersOperator(**{"task_id": "export", "path": path, "poll_seconds": 0.02, **how})


def deferred(operator: ExportUsersOperator) -> TaskDeferred:
    with pytest.raises(TaskDeferred) as caught:
        operator.execute({"ti": FakeTaskInstance("export")})  # type: ignore[typeddict-item]  # enough of it
    return caught.value


def resume(operator: ExportUsersOperator, event: Any) -> str:
    return operator.execute_complete({"ti": FakeTaskInstance("export")}, event)  # type: ignore[typeddict-item]  # enough of it


@pytest.mark.parametrize("name", ["users.ndjson.gz", "users.jsonl"])
def test_a_file_of_all_users(make_site: MakeSite, tmp_path: Path, name: str) -> None:
    site = make_site(looks=2)

    ran = rig.run(export(str(tmp_path / name)))

    assert ran.error is None, ran.said()
    assert ran.value == str(tmp_path / name)
    data = (tmp_path / name).read_bytes()
    assert (gzip.decompress(data) if name.endswith("gz") else data) == LINES
    assert [each.name for each in tmp_path.iterdir()] == [name]
    assert site.bodies == [{"format": "json", "fields": [{"name": each} for each in DEFAULT_FIELDS]}]
    assert (site.jobs, site.served) == (1, 1)
    assert not [head for head in site.heads if {"authorization", "cookie"} & {name.lower() for name in head}]


def test_of_some_fields_of_one_connection(make_site: MakeSite, path: str) -> None:
    site = make_site()

    rig.run(export(path, fields=["user_id", "email"], connection_id="con_0000000000000001"))

    assert site.bodies == [
        {
            "format": "json",
            "fields": [{"name": "user_id"}, {"name": "email"}],
            "connection_id": "con_0000000000000001",
        }
    ]


def test_an_expired_location_and_a_cut_download(make_site: MakeSite, path: str) -> None:
    site = make_site(cuts=(0, 3000))

    ran = rig.run(export(path))

    assert ran.error is None, ran.said()
    assert gzip.decompress(Path(path).read_bytes()) == LINES
    assert (site.jobs, site.served) == (1, 3)


@pytest.mark.parametrize(
    "change",
    [
        {"path": "users.csv"},
        {"path": ""},
        {"path": "None"},
        {"path": "/nowhere/at/all/users.jsonl"},
        {"fields": []},
        {"fields": "user_id"},
        {"fields": ["user_id", "user_id"]},
        {"fields": ["user_id", 7]},
        {"fields": ["x" * 101]},
        {"fields": [""]},
        {"connection_id": ""},
        {"connection_id": "None"},
        {"connection_id": "Username-Password-Authentication"},
        {"poll_seconds": 0},
        {"poll_seconds": "10"},
        {"timeout": -1},
        {"timeout": float("nan")},
        {"timeout": True},
        {"auth0_conn_id": ""},
    ],
)
def test_bad_input_is_told_before_anything_is_asked(make_site: MakeSite, path: str, change: Any) -> None:
    site = make_site()

    ran = rig.run(export(**{"path": path, **change}))

    assert isinstance(ran.raised, InputError)
    assert isinstance(ran.raised, AirflowFailException)
    assert (site.jobs, site.looked) == (0, 0)


def test_a_token_without_the_scope(make_site: MakeSite, path: str) -> None:
    make_site().refuses = True

    ran = rig.run(export(path))

    assert isinstance(ran.raised, ForbiddenError)
    assert isinstance(ran.raised, AirflowFailException)
    assert "read:users" in str(ran.raised)


def test_a_job_that_fails_is_retried_with_another(make_site: MakeSite, path: str) -> None:
    site = make_site(ends="failed")
    ran = rig.run(export(path))
    assert isinstance(ran.raised, ExportError)
    assert not isinstance(ran.raised, AirflowFailException)
    assert "job_1 failed" in str(ran.raised)

    rig.run(export(path))
    assert site.jobs == 2


def test_one_that_takes_too_long_is_gone_on_with(make_site: MakeSite, path: str) -> None:
    site = make_site(looks=None)
    ran = rig.run(export(path, timeout=0.1))
    assert isinstance(ran.raised, ExportError)
    assert not isinstance(ran.raised, AirflowFailException)
    assert [each.name for each in Path(path).parent.iterdir()] == ["users.ndjson.gz.job"]

    site.open()
    again = rig.run(export(path))
    assert again.error is None, again.said()
    assert site.jobs == 1
    assert [each.name for each in Path(path).parent.iterdir()] == ["users.ndjson.gz"]


def test_another_run_makes_another(make_site: MakeSite, path: str) -> None:
    site = make_site()

    for _ in range(2):
        assert rig.run(export(path)).error is None

    assert site.jobs == 2


def test_a_mapped_tasks_note_is_its_own(make_site: MakeSite, path: str) -> None:
    site = make_site(looks=None)
    rig.run(export(path, timeout=0.1))

    rig.run(export(path, timeout=0.1), FakeTaskInstance("export", map_index=1))

    assert site.jobs == 2


class Terminated(BaseException):
    """What Airflow 2 raises in the task after ``on_kill``."""


@pytest.mark.parametrize(
    ("raises", "ends_in"),
    [
        pytest.param(None, StoppedError, id="SIGTERM, Airflow 3"),
        pytest.param(Terminated, Terminated, id="SIGTERM, Airflow 2"),
        pytest.param(AirflowTaskTimeout, AirflowTaskTimeout, id="execution_timeout"),
    ],
)
def test_told_to_stop_while_it_waits(
    make_site: MakeSite, path: str, raises: type[BaseException] | None, ends_in: type[BaseException]
) -> None:
    site = make_site(looks=None)
    operator = export(path, poll_seconds=600.0)

    def handler(number: int, frame: FrameType | None) -> None:
        operator.on_kill()
        if raises is not None:
            raise raises

    context: Any = {"ti": FakeTaskInstance("export")}
    before = signal.signal(signal.SIGTERM, handler)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM))
    timer.start()
    try:
        with pytest.raises(ends_in) as caught:
            operator.execute(context)
    finally:
        timer.join()
        signal.signal(signal.SIGTERM, before)

    assert not isinstance(caught.value, AirflowFailException)
    assert Path(f"{path}.job").exists()
    site.open()
    assert rig.run(export(path)).error is None
    assert site.jobs == 1


def test_told_to_stop_before_it_began(path: str) -> None:
    export(path).on_kill()


def test_no_secret_is_told(make_site: MakeSite, path: str, caplog: pytest.LogCaptureFixture) -> None:
    make_site(cuts=(0, 3000))
    caplog.set_level("INFO")

    ran = rig.run(export(path))
    failed = rig.run(export(path, timeout=0.3, fields=["user_id"]))

    assert ran.error is None, ran.said()
    assert "trying again with a fresh location" in caplog.text
    assert SECRET not in caplog.text
    assert failed.error is None or SECRET not in told_by(failed.error)


def test_it_defers_with_ids_alone(make_site: MakeSite, path: str) -> None:
    make_site(looks=None)

    told = deferred(export(path, deferrable=True))

    assert isinstance(told.trigger, ExportTrigger)
    name, arguments = told.trigger.serialize()
    assert name == "airflow_provider_auth0link.triggers.export.ExportTrigger"
    assert {key: arguments[key] for key in ("auth0_conn_id", "job_id", "poll_seconds")} == {
        "auth0_conn_id": "auth0_default", "job_id": "job_1", "poll_seconds": 0.02,
    }  # fmt: skip
    assert arguments.keys() == {"auth0_conn_id", "job_id", "poll_seconds", "ends_at"}
    assert told.method_name == "execute_complete"
    assert not told.kwargs
    assert SECRET not in json.dumps(arguments)


def test_what_ends_soon_does_not_defer(make_site: MakeSite, path: str) -> None:
    make_site(looks=0)

    assert rig.run(export(path, deferrable=True, poll_seconds=0.5)).value == path


def test_it_comes_back(make_site: MakeSite, path: str) -> None:
    site = make_site(looks=None)
    deferred(export(path, deferrable=True))
    site.open()

    value = resume(export(path, deferrable=True), {"status": "ended", "job_id": "job_1", "ends_at": 4e9})

    assert value == path
    assert gzip.decompress(Path(path).read_bytes()) == LINES
    assert [each.name for each in Path(path).parent.iterdir()] == ["users.ndjson.gz"]
    assert site.jobs == 1


def test_it_comes_back_too_early(make_site: MakeSite, path: str) -> None:
    make_site(looks=None)
    deferred(export(path, deferrable=True))

    with pytest.raises(TaskDeferred) as caught:
        resume(export(path, deferrable=True), {"status": "ended", "job_id": "job_1", "ends_at": 4e9})
    assert caught.value.trigger.serialize()[1]["ends_at"] == 4e9


@pytest.mark.parametrize(
    ("event", "says"),
    [
        ({"status": "late", "job_id": "job_1", "ends_at": 1.0}, "after all the time given"),
        (
            {"status": "error", "job_id": "job_1", "ends_at": 4e9, "message": "no DNS there"},
            "cannot look .* no DNS there",
        ),
    ],
)
def test_the_trigger_gave_up(make_site: MakeSite, path: str, event: Any, says: str) -> None:
    site = make_site(looks=None)
    deferred(export(path, deferrable=True))
    with pytest.raises(ExportError, match=says):
        resume(export(path, deferrable=True), event)
    site.open()

    # What it told is old when the task comes back: the job may have ended meanwhile.
    assert resume(export(path, deferrable=True), event) == path
    assert site.jobs == 1


def test_the_job_is_gone_when_it_comes_back(make_site: MakeSite, path: str) -> None:
    site = make_site(looks=None)
    deferred(export(path, deferrable=True))
    site.gone = True

    with pytest.raises(ExportError, match="not there any more"):
        resume(export(path, deferrable=True), {"status": "ended", "job_id": "job_1", "ends_at": 4e9})


def test_it_comes_back_without_an_event(make_site: MakeSite, path: str) -> None:
    site = make_site(looks=None)
    deferred(export(path, deferrable=True))
    site.open()

    assert resume(export(path, deferrable=True), None) == path
    assert site.jobs == 1


@pytest.mark.airflow_run
@pytest.mark.parametrize("deferrable", [True, False], ids=["deferred", "waiting"])
def test_in_a_dag(run_dag: Callable[..., Any], make_site: MakeSite, tmp_path: Path, deferrable: bool) -> None:
    site = make_site(looks=8)
    with DAG(f"exported_{deferrable}", schedule=None, start_date=pendulum.datetime(2026, 1, 1)) as dag:
        export(f"{tmp_path}/{{{{ dag.dag_id }}}}.jsonl", deferrable=deferrable)

    run = run_dag(dag)

    (instance,) = run.get_task_instances()
    assert str(instance.state) == "success"
    assert instance.xcom_pull(task_ids="export") == str(tmp_path / f"exported_{deferrable}.jsonl")
    assert (tmp_path / f"exported_{deferrable}.jsonl").read_bytes() == LINES
    assert site.jobs == 1


@pytest.mark.parametrize("form", ["gzip", "encoded"])
def test_of_the_emulator(make_tenant: MakeTenant, path: str, form: str) -> None:
    numbers = range(50)
    users: list[rig.Json] = [{"user_id": f"auth0|{n}", "app_metadata": {"n": n}} for n in numbers]
    tenant = make_tenant(*users, export_file=form, export_seconds=0.2)
    tenant.faults.add("location_expired")
    tenant.faults.add("truncated", route="download", count=2)

    ran = rig.run(export(path))

    assert ran.error is None, ran.said()
    rows = [json.loads(line) for line in gzip.decompress(Path(path).read_bytes()).splitlines()]
    assert sorted(row["app_metadata"]["n"] for row in rows) == list(numbers)
    assert all(row["user_id"] == f"auth0|{row['app_metadata']['n']}" and row["identities"] for row in rows)
    assert (tenant.counts["export_create"], tenant.counts["download"]) == (1, 3)


def test_a_connection_that_auth0_does_not_know(make_tenant: MakeTenant, path: str) -> None:
    make_tenant("auth0|1")

    ran = rig.run(export(path, connection_id="con_0000000000000009"))

    assert isinstance(ran.raised, BadRequestError)
    assert isinstance(ran.raised, AirflowFailException)
    assert "con_0000000000000009" in str(ran.raised)
