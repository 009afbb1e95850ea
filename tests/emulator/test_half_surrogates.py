"""Half a surrogate, which JSON can bring as an escape and UTF-8 cannot hold, is kept and goes out as it came."""

from __future__ import annotations

import csv
import gzip
import io

import pytest
import requests

from tests.emulator.caller import Caller
from tests.emulator.conftest import MakeTenant
from tests.emulator.exporter import completed, exported, fetched, started

HALF = "é\ud800"
BODY = {"user_metadata": {HALF: HALF}}
USER = "auth0|1"


@pytest.fixture
def api(make_tenant: MakeTenant) -> Caller:
    """Return the caller of a tenant that one was written to."""
    _, api = make_tenant({"user_id": USER}, {"user_id": "github|2"})
    assert api.patch(USER, BODY).status_code == 200
    return api


def test_it_is_read_as_it_was_written(api: Caller) -> None:
    answer = api.get(USER)

    assert (answer.status_code, answer.json()["user_metadata"]) == (200, BODY["user_metadata"])
    assert r'"é\ud800"' in answer.content.decode()
    assert [each["user_id"] for each in api("GET", "users").json()] == [USER, "github|2"]


def test_it_is_refused_where_it_names_nothing(api: Caller) -> None:
    assert api.patch(USER, {HALF: 1}).status_code == 400
    assert api.link(USER, provider="github", user_id=HALF).status_code in {400, 404}
    assert api.link(USER, provider=HALF, user_id="2").status_code == 400
    assert api("POST", "users", json={"connection": HALF, "email": "a@example.com"}).status_code == 400


def test_it_is_no_secret(api: Caller) -> None:
    given = {
        "grant_type": "client_credentials",
        "client_id": api.tenant.client_id,
        "client_secret": HALF,
        "audience": f"{api.tenant.url}/api/v2/",
    }
    answer = api.session.post(f"{api.tenant.url}/oauth/token", json=given, timeout=30)

    assert answer.status_code == 401


def test_it_is_exported(api: Caller) -> None:
    fields = [{"name": "user_id"}, {"name": "user_metadata"}]
    assert exported(api, fields=fields)[0] == {"user_id": USER, **BODY}
    told = completed(
        api, started(api, format="csv", fields=[{"name": "user_id"}, {"name": f"user_metadata.{HALF}"}])
    )
    table = gzip.decompress(fetched(told["location"]).content).decode()

    assert list(csv.reader(io.StringIO(table)))[1][1] == r"'é\ud800"


@pytest.mark.parametrize("path", ["state", "requests", "export"])
def test_it_is_seen_from_another_process(api: Caller, path: str) -> None:
    answer = requests.get(f"{api.tenant.url}/_emulator/{path}", timeout=30)

    assert answer.status_code == 200
    assert r"\ud800" in answer.content.decode()
