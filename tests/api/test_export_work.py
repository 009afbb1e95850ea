from __future__ import annotations

import pytest

from airflow_provider_auth0link.api.client import Auth0Client
from airflow_provider_auth0link.api.wire import Response
from airflow_provider_auth0link.api.work import Work
from airflow_provider_auth0link.errors import AmbiguousError, BadRequestError, ForbiddenError, UnsentError
from airflow_provider_auth0link.settings import Settings
from tests.fakes.clock import FakeClock
from tests.fakes.transport import FakeTransport, Turn, answer, boom

PENDING = answer(200, {"id": "job_1", "type": "users_export", "status": "pending"})
SETTINGS = Settings("https://t.example.com", "t.example.com", "a", access_token="t")


def working(*turns: Turn, seconds: float = 600) -> tuple[Work, FakeTransport]:
    transport = FakeTransport(*turns)
    client = Auth0Client(
        SETTINGS, transport, user_agent="test", told=lambda _: None, timing=FakeClock().timing()
    )
    return client.work(correlation_id="nightly", seconds=seconds), transport


def test_a_job_is_started_once() -> None:
    work, transport = working(PENDING)

    assert work.start_export(["user_id"]).id == "job_1"
    assert [(sent.request.name, sent.headers["x-correlation-id"]) for sent in transport.sent] == [
        ("POST /jobs/users-exports", "nightly")
    ]


@pytest.mark.parametrize(
    "lost", [AmbiguousError("reset"), UnsentError("no"), boom(503, "down"), Response(200, {}, b"{"), boom(429, "slow")]
)  # fmt: skip
def test_a_lost_answer_costs_another_job(lost: Turn) -> None:
    work, transport = working(lost, PENDING)

    assert work.start_export(["user_id"]).id == "job_1"
    assert len(transport.sent) == 2


def test_not_for_ever() -> None:
    work, _ = working(*[AmbiguousError("reset")] * 40, seconds=60)

    with pytest.raises(AmbiguousError):
        work.start_export(["user_id"])


def test_a_connection_that_is_not_there_is_named() -> None:
    work, _ = working(boom(400, "The connection does not exist."))

    with pytest.raises(BadRequestError, match="Is there a connection con_0000000000000009"):
        work.start_export(["user_id"], "con_0000000000000009")


def test_a_bad_request_without_one() -> None:
    work, _ = working(boom(400, "Payload validation error"))

    with pytest.raises(BadRequestError, match=r"not valid$"):
        work.start_export(["user_id"])


def test_a_missing_scope_is_named() -> None:
    work, _ = working(boom(403, "Insufficient scope, expected any of: read:users", "insufficient_scope"))

    with pytest.raises(ForbiddenError, match="lacks read:users"):
        work.start_export(["user_id"])


def test_a_job_is_looked_at_again_when_its_answer_is_lost() -> None:
    work, transport = working(AmbiguousError("reset"), Response(200, {}, b""), PENDING)

    job = work.export_job("job_1")

    assert job is not None
    assert job.status == "pending"
    assert {sent.request.path for sent in transport.sent} == {"/api/v2/jobs/job_1"}


def test_a_job_that_is_gone() -> None:
    work, _ = working(boom(404, "The job was not found", "inexistent_job"))

    assert work.export_job("job_1") is None
