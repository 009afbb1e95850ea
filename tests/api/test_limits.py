from __future__ import annotations

import pytest

from airflow_provider_auth0link.api import limits, wire
from airflow_provider_auth0link.api.bucket import Told
from airflow_provider_auth0link.api.wire import Request, Response
from airflow_provider_auth0link.model import UserId

ADA = UserId("auth0", "1")
GOOGLE = UserId("google-oauth2", "2")


@pytest.mark.parametrize(
    ("request_", "lane", "priority"),
    [
        pytest.param(wire.get_user_request(ADA), "read /users", 2, id="get_user"),
        pytest.param(wire.update_user_request(ADA, {}), "write /users", 1, id="update_user"),
        pytest.param(wire.link_request(ADA, GOOGLE), "identities", 0, id="link"),
        pytest.param(wire.link_with_request(ADA, "x"), "identities", 0, id="link_with"),
        pytest.param(wire.unlink_request(ADA, GOOGLE), "identities", 0, id="unlink"),
        pytest.param(wire.get_connection_request("con_1"), "read /connections", 2, id="connection"),
        pytest.param(wire.probe_request(), "read /users", 2, id="probe"),
    ],
)
def test_a_route_has_its_class(request_: Request, lane: str, priority: int) -> None:
    assert (limits.lane(request_), limits.priority(request_)) == (lane, priority)


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        pytest.param({}, Told(), id="nothing"),
        pytest.param(
            {
                "x-ratelimit-limit": "50",
                "x-ratelimit-remaining": "49",
                "x-ratelimit-reset": "1800000001",
                "date": "Fri, 15 Jan 2027 08:00:00 GMT",
            },
            Told(50, 49, 1_800_000_001.0, 1_800_000_000.0),
            id="all three",
        ),
        pytest.param({"retry-after": "7"}, Told(retry_after=7.0), id="Retry-After"),
        pytest.param({"retry-after": "nan", "x-ratelimit-reset": "-1"}, Told(), id="no numbers"),
        pytest.param(
            {"x-ratelimit-limit": "9" * 5_000, "retry-after": "9" * 400},
            Told(),
            id="more digits than are meant",
        ),
    ],
)
def test_an_answer_tells_of_its_bucket(headers: dict[str, str], told: Told) -> None:
    assert limits.told_of(Response(200, headers)) == told
