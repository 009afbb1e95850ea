from __future__ import annotations

import gzip
import json
import zlib
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import requests

from airflow_provider_auth0link.emulator.server import Emulator
from tests.emulator.caller import Caller
from tests.emulator.conftest import FakeClock, MakeTenant
from tests.emulator.exporter import completed, fetched, look, rows, started

ADA = {"user_id": "auth0|1", "email": "ada@example.com"}
MANY = [{"user_id": f"auth0|{number}", "nickname": f"{number * 7919:x}"} for number in range(2000)]


def located(api: Caller) -> tuple[str, str]:
    job_id = started(api, fields=[{"name": "user_id"}, {"name": "nickname"}])
    return job_id, completed(api, job_id)["location"]


def said(response: requests.Response) -> tuple[int, str | None, str | None]:
    error = ET.fromstring(response.content)
    return response.status_code, error.findtext("Code"), error.findtext("Message")


def test_a_file_is_packed_and_whole(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant(*MANY, export_seconds=0)
    _, location = located(api)

    answer = fetched(location)

    assert location.startswith(f"{tenant.url}/exports/job_")
    assert answer.headers["content-type"] == "application/gzip"
    assert "content-encoding" not in answer.headers
    assert answer.headers["content-length"] == str(len(answer.content))
    assert "x-ratelimit-limit" not in answer.headers
    assert [each["user_id"] for each in rows(answer.content)] == [each["user_id"] for each in MANY]


def test_it_may_be_encoded_on_its_way_only(make_tenant: MakeTenant) -> None:
    _, api = make_tenant(*MANY, export_seconds=0, export_file="encoded")
    _, location = located(api)

    answer = fetched(location)

    assert answer.headers["content-encoding"] == "gzip"
    assert (answer.headers["content-type"], ".gz" in location) == ("application/x-ndjson", False)
    assert [json.loads(line)["user_id"] for line in answer.text.splitlines()] == [
        each["user_id"] for each in MANY
    ]


def test_a_location_lives_a_minute_and_another_is_to_be_had(
    make_tenant: MakeTenant, clock: FakeClock
) -> None:
    _, api = make_tenant(ADA, clock=clock, export_seconds=0)
    job_id, first = located(api)
    clock.now += 59.9
    assert fetched(first).status_code == 200
    clock.now += 0.2

    late = fetched(first)

    assert said(late) == (403, "AccessDenied", "Request has expired")
    assert late.headers["content-type"] == "application/xml"
    second = look(api, job_id)["location"]
    assert second != first
    assert fetched(second).status_code == 200


def test_every_look_gives_a_location_of_its_own(make_tenant: MakeTenant, clock: FakeClock) -> None:
    _, api = make_tenant(ADA, clock=clock, export_seconds=0)
    job_id, first = located(api)

    assert len({first, *(look(api, job_id)["location"] for _ in range(5))}) == 6


def test_how_long_it_lives_is_an_argument(make_tenant: MakeTenant, clock: FakeClock) -> None:
    _, api = make_tenant(ADA, clock=clock, export_seconds=0, location_seconds=5)
    _, location = located(api)
    clock.now += 5

    assert fetched(location).status_code == 403


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Expires=1", "Expires=9"),
        ("Nonce=", "Nonce=0"),
        ("Signature=", "Signature=0"),
        ("emulator.", "other."),
    ],
)
def test_a_changed_location_opens_nothing(
    make_tenant: MakeTenant, clock: FakeClock, old: str, new: str
) -> None:
    _, api = make_tenant(ADA, clock=clock, export_seconds=0)
    _, location = located(api)

    assert said(fetched(location.replace(old, new)))[:2] == (403, "SignatureDoesNotMatch")
    assert said(fetched(location.partition("?")[0])) == (403, "AccessDenied", "Access Denied")


def test_a_token_is_refused_there(make_tenant: MakeTenant) -> None:
    _, api = make_tenant(ADA, export_seconds=0)
    _, location = located(api)

    leaked = fetched(location, headers={"Authorization": str(api.session.headers["Authorization"])})

    assert said(leaked)[:2] == (400, "InvalidArgument")
    assert fetched(location).status_code == 200


def test_files_are_not_remembered_with_requests(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant(*MANY, export_seconds=0)
    _, location = located(api)
    fetched(location)

    record = tenant.requests[-1]

    assert (record.route, record.status, record.outcome, record.answer) == ("download", 200, 200, b"")


def partly(location: str) -> bytes:
    """Fetch what comes until the connection ends."""
    parts: list[bytes] = []
    with (
        requests.get(location, timeout=30, stream=True) as answer,
        pytest.raises(requests.exceptions.ChunkedEncodingError),
    ):
        parts.extend(answer.iter_content(100))
    return b"".join(parts)


@pytest.mark.parametrize("after", [0, 1, 1000])
def test_a_download_may_be_cut(make_tenant: MakeTenant, after: int) -> None:
    tenant, api = make_tenant(*MANY, export_seconds=0)
    _, location = located(api)
    tenant.faults.add("truncated", route="download", after=after)

    got = partly(location)

    assert after - 100 <= len(got) <= after
    assert fetched(location).content.startswith(got)
    assert tenant.requests[-2].fault == "truncated"


def test_a_whole_answer_may_be_no_whole_file(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant(*MANY, export_seconds=0)
    _, location = located(api)
    tenant.faults.add("cut_json", route="download")

    answer = fetched(location)

    assert (answer.status_code, answer.headers["content-length"]) == (200, str(len(answer.content)))
    assert answer.headers["content-type"] == "application/gzip"
    with pytest.raises((EOFError, zlib.error)):
        gzip.decompress(answer.content)


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"kind": "status_before", "status": 503}, 503),
        ({"kind": "status_before", "status": 500}, 500),
        ({"kind": "slow_before", "delay": 0.01}, 200),
    ],
    ids=str,
)
def test_other_faults_strike_downloads_too(
    make_tenant: MakeTenant, options: dict[str, Any], status: int
) -> None:
    tenant, api = make_tenant(ADA, export_seconds=0)
    _, location = located(api)
    tenant.faults.add(**options, route="download")

    assert [fetched(location).status_code for _ in range(2)] == [status, 200]


def test_another_tenants_location_opens_nothing(make_tenant: MakeTenant) -> None:
    _, api = make_tenant(ADA, export_seconds=0)
    job_id, location = located(api)
    with Emulator(users=[ADA]) as other:
        stranger = f"{other.url}/exports/{location.partition('/exports/')[2]}"

        assert said(fetched(stranger))[:2] == (403, "SignatureDoesNotMatch")
        assert job_id in stranger
