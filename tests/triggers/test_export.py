from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pendulum
import pytest

from airflow_provider_auth0link.triggers.export import ExportTrigger
from tests.fakes.exports import ExportSite
from tests.fakes.secrets import SECRET
from tests.operators.rig import CONN

FAR = 4e9
LIMIT_S = 30


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[ExportSite]:
    with ExportSite(b"", looks=3) as site:
        monkeypatch.setenv(CONN, site.connection())
        yield site


def trigger(**change: Any) -> ExportTrigger:
    told = {
        "auth0_conn_id": "auth0_default",
        "job_id": "job_1",
        "poll_seconds": 0.02,
        "ends_at": FAR,
        **change,
    }
    return ExportTrigger(**told)


async def events(trigger: ExportTrigger) -> list[Any]:
    async with asyncio.timeout(LIMIT_S):
        return [event.payload async for event in trigger.run()]


def told(trigger: ExportTrigger) -> Any:
    """Return the one event, which has to be JSON."""
    (payload,) = asyncio.run(events(trigger))
    return json.loads(json.dumps(payload))


def test_it_tells_that_the_job_has_ended(site: ExportSite) -> None:
    assert told(trigger()) == {"status": "ended", "job_id": "job_1", "ends_at": FAR}
    assert site.looked == 4


def test_it_is_made_again_of_what_it_says_of_itself() -> None:
    name, arguments = trigger().serialize()
    module, _, kind = name.rpartition(".")

    again = getattr(import_module(module), kind)(**json.loads(json.dumps(arguments)))

    assert again.serialize() == (name, arguments)


def test_a_restart_goes_on_with_the_same_job(site: ExportSite) -> None:
    async def cut_short() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(events(trigger(poll_seconds=60.0)), 0.3)

    asyncio.run(cut_short())
    assert told(trigger())["status"] == "ended"
    assert site.jobs == 0


def test_a_job_that_is_gone_has_ended_too(site: ExportSite) -> None:
    site.gone = True

    assert told(trigger())["status"] == "ended"


def test_it_does_not_wait_for_ever(site: ExportSite) -> None:
    assert told(trigger(ends_at=pendulum.now("UTC").timestamp()))["status"] == "late"


def test_a_refusal_is_told(site: ExportSite) -> None:
    site.refuses = True

    event = told(trigger())

    assert event["status"] == "error"
    assert "read:users" in event["message"]
    assert SECRET not in json.dumps(event)


def test_a_bad_connection_is_told_without_its_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"conn_type": "auth0", "host": "t.example.com", "password": SECRET, "extra": {"time_out": 3}}
    monkeypatch.setenv(CONN, json.dumps(row))

    event = told(trigger())

    assert event["status"] == "error"
    assert "time_out" in event["message"]
    assert SECRET not in json.dumps(event)


def test_an_outage_is_waited_out(site: ExportSite) -> None:
    site.outages = 3

    assert told(trigger())["status"] == "ended"
    assert site.looked == 4


def test_the_event_loop_goes_on_while_it_looks(site: ExportSite) -> None:
    beats = 0

    async def heart() -> None:
        nonlocal beats
        while True:
            beats += 1
            await asyncio.sleep(0)

    async def both() -> list[Any]:
        beating = asyncio.create_task(heart())
        found = await events(trigger())
        beating.cancel()
        return found

    (payload,) = asyncio.run(both())

    assert payload["status"] == "ended"
    assert beats > 100
