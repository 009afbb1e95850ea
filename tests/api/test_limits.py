from __future__ import annotations

import pytest

from airflow_provider_auth0link.api import limits, rights, wire
from airflow_provider_auth0link.api.bucket import Told
from airflow_provider_auth0link.api.wire import Request, Response
from airflow_provider_auth0link.emulator.routes import route_of
from airflow_provider_auth0link.model import UserId

ADA = UserId("auth0", "1")
GOOGLE = UserId("google-oauth2", "2")


FREE = {
    "GET /users-by-email?email=a%40b": "read users",
    "DELETE /users/auth0%7C1": "delete users",
    "PATCH /users/auth0%7C1": "write users",
    "POST /users": "write users",
    "GET /users/auth0%7C1/logs": "other",
    "POST /users/auth0%7C1/revoke-access": "other",
    "GET /organizations/org_1/members?take=1": "read members",
    "GET /organizations/org_1": "other",
    "GET /organizations/org_1/members/auth0%7C1/more": "other",
    "GET /connections?strategy=auth0": "read connections",
    "PATCH /connections/con_1": "write connections",
    "GET /connections/con_1/status": "other",
    "GET /roles": "other",
    "POST /jobs/users-exports": "other",
    "GET /users/auth0%7C1%2Fidentities": "read users",
}


@pytest.mark.parametrize(("words", "lane"), FREE.items())
def test_a_request_of_an_author_has_the_class_of_its_path(words: str, lane: str) -> None:
    method, path = words.split(" ")

    assert limits.lane(wire.free_request(method, path, None)) == lane


VERBS: list[tuple[Request, str, int]] = [
    (wire.get_user_request(ADA), "read users", 2),
    (wire.probe_request(), "read users", 2),
    (wire.update_user_request(ADA, {}), "write users", 1),
    (wire.link_request(ADA, GOOGLE), "write identities", 0),
    (wire.link_with_request(ADA, "x"), "write identities", 0),
    (wire.unlink_request(ADA, GOOGLE), "delete identities", 0),
    (wire.get_connection_request("con_1"), "read connections", 2),
    (rights.connections_page(0), "read connections", 2),
    (rights.roles_page(ADA, 0), "read rights", 2),
    (rights.permissions_page(ADA, 0), "read rights", 2),
    (rights.change_roles("POST", ADA, ["r"]), "write rights", 1),
    (rights.change_permissions("POST", ADA, [("a", "p")]), "write rights", 1),
    (rights.change_roles("DELETE", ADA, ["r"]), "delete rights", 1),
    (rights.change_permissions("DELETE", ADA, [("a", "p")]), "delete rights", 1),
    (rights.organizations_page(ADA, 0), "organizations of a user", 2),
    (rights.change_member("POST", "org_1", ADA), "write members", 1),
    (rights.change_member("DELETE", "org_1", ADA), "write members", 1),
    (rights.member_roles_page("org_1", ADA, 0), "read member roles", 2),
    (rights.change_member_roles("POST", "org_1", ADA, ["r"]), "write member roles", 1),
    (rights.change_member_roles("DELETE", "org_1", ADA, ["r"]), "write member roles", 1),
]


@pytest.mark.parametrize(("request_", "lane", "priority"), VERBS)
def test_a_route_has_its_class(request_: Request, lane: str, priority: int) -> None:
    assert (limits.lane(request_), limits.priority(request_)) == (lane, priority)


def test_requests_of_two_published_buckets_are_never_in_one_class() -> None:
    """Each request that has a bucket of its own on a plan is in one class with no other bucket's."""
    buckets: dict[str, set[str]] = {}
    for request, _, _ in VERBS:
        route, _ = route_of(request.method, request.path.partition("?")[0])
        buckets.setdefault(limits.lane(request), set()).add(route.group)

    assert {lane: groups for lane, groups in buckets.items() if len(groups) > 1} == {}


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
