from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_auth0link.api.exports import (
    DEFAULT_FIELDS,
    Job,
    check_location,
    job_request,
    read_job,
    start_request,
)
from airflow_provider_auth0link.api.limits import lane
from airflow_provider_auth0link.api.wire import Response
from airflow_provider_auth0link.errors import AmbiguousError, AnswerError
from airflow_provider_auth0link.settings import Settings
from tests.fakes.secrets import SECRET
from tests.fakes.transport import answer

ACME = Settings("https://acme.eu.auth0.com", "acme.eu.auth0.com", "a")
HERE = Settings("http://127.0.0.1:8080", "127.0.0.1:8080", "a")
NEEDED = {
    "user_id", "email", "email_verified", "phone_number", "phone_verified", "identities", "user_metadata",
    "app_metadata", "blocked", "created_at", "last_login", "logins_count", "name", "nickname", "given_name",
    "family_name", "picture", "username",
}  # fmt: skip


def test_a_job_is_asked_for() -> None:
    request = start_request(("user_id", "user_metadata.plan"), None)

    assert (request.method, request.path) == ("POST", "/api/v2/jobs/users-exports")
    assert request.json == {
        "format": "json",
        "fields": [{"name": "user_id"}, {"name": "user_metadata.plan"}],
    }
    assert request.scopes == ("read:users",)
    assert lane(request) == lane(job_request("job_1")) == "other"


def test_of_one_connection() -> None:
    body = start_request(("user_id",), "con_0000000000000001").json

    assert body is not None
    assert body["connection_id"] == "con_0000000000000001"


def test_a_jobs_id_is_one_segment() -> None:
    assert job_request("job/../1|x").path == "/api/v2/jobs/job%2F..%2F1%7Cx"


def test_the_default_fields_are_all_that_is_looked_at() -> None:
    assert set(DEFAULT_FIELDS) >= NEEDED
    assert len(set(DEFAULT_FIELDS)) == len(DEFAULT_FIELDS)
    assert "last_ip" not in DEFAULT_FIELDS


@pytest.mark.parametrize(
    ("row", "job", "ended"),
    [
        ({"id": "job_1", "status": "pending"}, Job("job_1", "pending"), False),
        ({"id": "job_1", "status": "processing", "percentage_done": 7}, Job("job_1", "processing", None, 7), False),
        ({"id": "job_1", "status": "new word", "location": ""}, Job("job_1", "new word"), False),
        ({"id": "job_1", "status": "failed", "percentage_done": True}, Job("job_1", "failed"), True),
        (
            {"id": "job_1", "status": "completed", "location": "https://x/y", "time_left_seconds": 0},
            Job("job_1", "completed", "https://x/y", None, 0),
            True,
        ),
    ],
)  # fmt: skip
def test_a_job_is_read(row: dict[str, Any], job: Job, ended: bool) -> None:
    read = read_job(answer(200, row))

    assert read == job
    assert (read.ended, read.completed) == (ended, row["status"] == "completed")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'"job"', b'{"id": 7, "status": "pending"}', b'{"id": "job_1"}', b'{"id": ""}']
)  # fmt: skip
def test_what_is_no_job_is_ambiguous(body: bytes) -> None:
    with pytest.raises(AmbiguousError, match=r"without a job|no JSON"):
        read_job(Response(200, {}, body))


def test_a_location_is_not_shown() -> None:
    assert SECRET not in repr(
        read_job(answer(200, {"id": "j", "status": "completed", "location": f"https://x?{SECRET}"}))
    )


@pytest.mark.parametrize(
    ("url", "settings"),
    [
        ("https://exports.example.com/a.gz?s=1", ACME),
        ("https://exports.example.com/a.gz", HERE),
        ("http://127.0.0.1:9/a.gz", HERE),
        ("http://localhost/a.gz", HERE),
        ("http://[::1]:7/a.gz", HERE),
    ],
)
def test_a_location_that_is_taken(url: str, settings: Settings) -> None:
    check_location(url, settings)


@pytest.mark.parametrize(
    ("url", "settings"),
    [
        (f"http://exports.example.com/a.gz?s={SECRET}", ACME),
        (f"http://exports.example.com/a.gz?s={SECRET}", HERE),
        (f"http://127.0.0.1/a.gz?s={SECRET}", ACME),
        (f"file:///etc/{SECRET}", HERE),
        (f"ftp://127.0.0.1/{SECRET}", HERE),
        (f"https:///{SECRET}", ACME),
        (f"https://[{SECRET}", ACME),
        (SECRET, HERE),
    ],
)
def test_a_location_that_is_refused_and_not_quoted(url: str, settings: Settings) -> None:
    with pytest.raises(AnswerError, match="no https URL") as caught:
        check_location(url, settings)

    assert SECRET not in f"{caught.value!r} {caught.value.__context__!r}"


def test_it_is_json() -> None:
    assert json.loads(json.dumps(start_request(DEFAULT_FIELDS, None).json))["format"] == "json"
