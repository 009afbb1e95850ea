"""A run that a signal ends: what Airflow does on SIGTERM, a timeout, Ctrl-C. A retry goes on with the rest."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pendulum
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, AirflowTaskTimeout
from airflow.sdk import DAG

from airflow_provider_auth0link.emulator.server import Emulator
from airflow_provider_auth0link.errors import StoppedError
from airflow_provider_auth0link.operators.batch import LinkIdentitiesOperator
from tests.operators import rig
from tests.operators.rig import FakeTaskInstance, Json, MakeTenant

PEOPLE = 40
PAIRS = [[f"auth0|{n}", f"github|{n}"] for n in range(PEOPLE)]
OUTCOMES = ("linked", "already_linked", "would_link", "refused", "failed", "unknown")


class Terminated(BaseException):
    """What Airflow 2 raises in the task after ``on_kill``."""


def accounts() -> list[Json]:
    """Return two accounts of each of many people."""
    return [
        {
            "user_id": account,
            "email": f"{n}@example.com",
            "email_verified": True,
            "user_metadata": {account: n},
        }
        for n, pair in enumerate(PAIRS)
        for account in pair
    ]


@contextmanager
def signalled(tenant: Emulator, after: int) -> Iterator[None]:
    """Send this process SIGTERM once so many links were made."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.01):
            if len(tenant.links_applied) >= after:
                os.kill(os.getpid(), signal.SIGTERM)
                return

    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        signal.signal(signal.SIGTERM, before)


def merge(journal: Path) -> LinkIdentitiesOperator:
    return LinkIdentitiesOperator(task_id="many", pairs=PAIRS, journal_path=str(journal), snapshot="metadata")


@pytest.mark.parametrize(
    ("kills", "raises", "ends_in"),
    [
        pytest.param(True, None, StoppedError, id="SIGTERM, Airflow 3"),
        pytest.param(True, Terminated, Terminated, id="SIGTERM, Airflow 2"),
        pytest.param(False, AirflowTaskTimeout, AirflowTaskTimeout, id="execution_timeout"),
        pytest.param(False, KeyboardInterrupt, KeyboardInterrupt, id="Ctrl-C"),
    ],
)
def test_a_signal_ends_a_run_and_a_retry_goes_on(
    make_tenant: MakeTenant,
    tmp_path: Path,
    kills: bool,
    raises: type[BaseException] | None,
    ends_in: type[BaseException],
) -> None:
    tenant = make_tenant(*accounts(), latency=0.05)
    operator = merge(tmp_path)
    instance = FakeTaskInstance("many")

    def handler(number: int, frame: FrameType | None) -> None:
        if kills:
            operator.on_kill()
        if raises is not None:
            raise raises

    context: Any = {"ti": instance}
    with signalled(tenant, after=3):
        signal.signal(signal.SIGTERM, handler)
        with pytest.raises(ends_in) as caught:
            operator.execute(context)
    applied = len(tenant.links_applied)

    assert not isinstance(caught.value, AirflowFailException)
    summary = instance.pushed["summary"]
    assert sum(summary[name] for name in OUTCOMES) == summary["planned"] == PEOPLE
    assert summary["linked"] <= applied <= summary["linked"] + summary["unknown"]
    assert 3 <= applied < PEOPLE

    again = rig.run(merge(tmp_path))
    assert again.error is None, again.said()
    assert again.value["linked"] == PEOPLE
    assert set(tenant.links_applied.values()) == {1}
    assert len(tenant.links_applied) == PEOPLE


@pytest.mark.airflow_run
@pytest.mark.parametrize("mapped", [True, False], ids=["mapped", "not mapped"])
def test_airflow_terminates_a_task_and_retries_it(
    run_dag: Callable[..., Any], make_tenant: MakeTenant, tmp_path: Path, mapped: bool
) -> None:
    tenant = make_tenant(*accounts(), latency=0.05)
    retried: Json = {
        "task_id": "many",
        "snapshot": "metadata",
        "retries": 2,
        "retry_delay": pendulum.duration(seconds=0),
    }
    with DAG(f"terminated_{mapped}", schedule=None, start_date=pendulum.datetime(2026, 1, 1)) as dag:
        if mapped:
            LinkIdentitiesOperator.partial(**retried, journal_path=str(tmp_path)).expand(pairs=[PAIRS])
        else:
            LinkIdentitiesOperator(**retried, journal_path=str(tmp_path), pairs=PAIRS)
    with signalled(tenant, after=3):
        run = run_dag(dag)

    (instance,) = run.get_task_instances()
    assert (str(instance.state), instance.try_number) == ("success", 2)
    assert set(tenant.links_applied.values()) == {1}
    assert len(tenant.links_applied) == PEOPLE
    tries = {path.name.split("-")[0] for path in tmp_path.glob("*.jsonl")}
    assert tries == {"1", "2"}
