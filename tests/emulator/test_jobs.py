from __future__ import annotations

import threading
from typing import Any

import pytest

from airflow_provider_auth0link.emulator.server import Emulator
from tests.emulator.caller import Caller, eventually, refusal
from tests.emulator.conftest import FakeClock, MakeTenant
from tests.emulator.exporter import completed, exported, fetched, first_location, look, rows, started

ADA = {"user_id": "auth0|1", "email": "ada@example.com", "name": "Ada"}
GIT = {"user_id": "github|2", "nickname": "ada-gh", "app_metadata": {"plan": "pro"}}
IDS = [{"name": "user_id"}]


def test_a_job_is_told_as_it_was_asked_for(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant(ADA)
    connection_id = tenant.connection_id("Username-Password-Authentication")
    body = {"connection_id": connection_id, "format": "csv", "limit": 3, "fields": IDS}

    made = api("POST", "jobs/users-exports", json=body).json()

    assert made["id"].startswith("job_")
    assert len(made.pop("id")) == 20
    assert made.pop("created_at").endswith("Z")
    assert made == {
        **body,
        "type": "users_export",
        "status": "pending",
        "connection": "Username-Password-Authentication",
    }


def test_it_goes_from_pending_to_completed(make_tenant: MakeTenant, clock: FakeClock) -> None:
    _, api = make_tenant(ADA, clock=clock, export_seconds=10)
    job_id = started(api)
    seen = []
    for step in (0, 4, 2, 3.5):
        clock.now += step
        found = look(api, job_id)
        seen.append((found["status"], found.get("percentage_done"), found.get("time_left_seconds")))
        assert "location" not in found
    clock.now += 0.5

    assert seen == [
        ("pending", None, None),
        ("pending", None, None),
        ("processing", 60, 4),
        ("processing", 95, 1),
    ]
    assert (completed(api, job_id)["percentage_done"], look(api, job_id)["time_left_seconds"]) == (100, 0)


def test_users_are_those_of_when_the_job_was_made(make_tenant: MakeTenant, clock: FakeClock) -> None:
    tenant, api = make_tenant(ADA, GIT, {"user_id": "auth0|3"}, clock=clock, export_seconds=10)
    job_id = started(api, fields=[*IDS, {"name": "app_metadata"}, {"name": "identities"}])
    api.patch("auth0|3", {"app_metadata": {"late": True}})
    api.link("auth0|1", provider="github", user_id="2")
    tenant.add_user({"user_id": "auth0|4"})
    clock.now += 10

    users = rows(fetched(completed(api, job_id)["location"]).content)

    assert [each["user_id"] for each in users] == ["auth0|1", "github|2", "auth0|3"]
    assert [len(each["identities"]) for each in users] == [1, 1, 1]
    assert [each.get("app_metadata") for each in users] == [None, {"plan": "pro"}, None]


def test_linked_accounts_are_one_user_with_all_identities(make_tenant: MakeTenant) -> None:
    _, api = make_tenant(ADA, GIT, export_seconds=0)
    api.link("auth0|1", provider="github", user_id="2")

    (user,) = exported(api, fields=[*IDS, {"name": "identities"}])

    assert user["user_id"] == "auth0|1"
    assert [each["provider"] for each in user["identities"]] == ["auth0", "github"]
    assert user["identities"][1]["profileData"]["nickname"] == "ada-gh"


def test_users_of_one_connection_and_no_more_than_the_limit(make_tenant: MakeTenant) -> None:
    many = [{"user_id": f"auth0|{number}"} for number in range(5)]
    tenant, api = make_tenant(*many, GIT, export_seconds=0)

    of_git = exported(api, fields=IDS, connection_id=tenant.connection_id("github"))

    assert of_git == [{"user_id": "github|2"}]
    assert exported(api, fields=IDS, limit=2) == [{"user_id": "auth0|0"}, {"user_id": "auth0|1"}]


def test_no_users_are_a_file_without_lines(make_tenant: MakeTenant) -> None:
    _, api = make_tenant(export_seconds=0)

    assert exported(api) == []


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ([], "Expected type object"),
        ({"form": "json"}, "Additional properties not allowed: form"),
        ({"format": "xml"}, "on property format"),
        ({"limit": 0}, "less than minimum 1"),
        ({"limit": "5"}, "Expected type integer"),
        ({"limit": True}, "Expected type integer"),
        ({"connection_id": "github"}, "on property connection_id"),
        ({"fields": {}}, "Expected type array"),
        ({"fields": ["email"]}, "Expected type object"),
        ({"fields": [{}]}, "Missing required property: name"),
        ({"fields": [{"export_as": "mail"}]}, "Missing required property: name"),
        ({"fields": [{"name": "x" * 101}]}, "too long"),
        ({"fields": [{"name": "..."}]}, "on property name"),
        ({"fields": [{"name": "email", "as": "mail"}]}, "Additional properties not allowed: as"),
        ({"fields": [{"name": "email", "export_as": 1}]}, "Expected type string"),
        ({"format": "csv", "fields": [{"name": str(number)} for number in range(31)]}, "maximum 30"),
        ({"format": "csv", "fields": [{"name": "app_metadata"}]}, "app_metadata cannot be exported"),
    ],
    ids=str,
)
def test_what_cannot_be_asked_for_is_refused(make_tenant: MakeTenant, body: Any, text: str) -> None:
    _, api = make_tenant(ADA)

    status, said = refusal(api("POST", "jobs/users-exports", json=body))

    assert (status, text in said) == (400, True), said


def test_an_unknown_connection_is_refused(make_tenant: MakeTenant) -> None:
    _, api = make_tenant(ADA)

    answer = api("POST", "jobs/users-exports", json={"connection_id": "con_0000000000000000"})

    assert refusal(answer) == (400, "The connection does not exist.")


def test_jobs_need_scopes(make_tenant: MakeTenant) -> None:
    _, other = make_tenant(ADA, scopes="update:users")
    _, reader = make_tenant(ADA, scopes="read:users")
    _, creator = make_tenant(ADA, scopes="create:users")

    assert [other(*each).status_code for each in ASKED] == [403, 403, 403]
    assert [reader(*each).status_code for each in ASKED] == [200, 404, 404]
    assert [creator(*each).status_code for each in ASKED] == [403, 404, 404]


ASKED = [("POST", "jobs/users-exports"), ("GET", "jobs/job_1"), ("GET", "jobs/job_1/errors")]


def test_a_job_is_gone_after_a_day(make_tenant: MakeTenant, clock: FakeClock) -> None:
    _, api = make_tenant(ADA, clock=clock, export_seconds=0, location_seconds=100_000)
    job_id = started(api)
    location = completed(api, job_id)["location"]
    clock.now += 86_399
    assert fetched(location).status_code == 200
    clock.now += 1
    api.log_in()

    assert refusal(api("GET", f"jobs/{job_id}")) == (404, "The job does not exist.")
    assert api("GET", f"jobs/{job_id}/errors").status_code == 404
    assert fetched(location).status_code == 404


def test_reset_forgets_jobs(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant(ADA)
    job_id = started(api)

    tenant.reset()

    assert api("GET", f"jobs/{job_id}").status_code == 404
    assert tenant.core.state.watchers == []


def test_jobs_draw_on_the_limit_and_files_do_not(make_tenant: MakeTenant, clock: FakeClock) -> None:
    _, api = make_tenant(ADA, clock=clock, rate=0.001, burst=3, export_seconds=0)
    job_id = started(api)
    assert eventually(lambda: all("job_" not in each.name for each in threading.enumerate()))
    location = look(api, job_id)["location"]

    assert [fetched(location).status_code for _ in range(5)] == [200] * 5
    assert [api("GET", f"jobs/{job_id}").status_code for _ in range(2)] == [200, 429]


def test_a_job_may_fail(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant(ADA, export_seconds=0)
    tenant.faults.add("job_failed")
    failed, fine = started(api), started(api)
    errors = api("GET", f"jobs/{failed}/errors")

    assert look(api, failed)["status"] == "failed"
    assert (errors.status_code, errors.json()["id"], errors.json()["status"]) == (200, failed, "failed")
    assert completed(api, fine)["status"] == "completed"
    assert api("GET", f"jobs/{fine}/errors").status_code == 204
    assert [each.fault for each in tenant.requests if each.route == "export_create"] == ["job_failed", None]


def test_a_location_may_be_expired_when_it_is_told(make_tenant: MakeTenant, clock: FakeClock) -> None:
    tenant, api = make_tenant(ADA, clock=clock, export_seconds=10)
    tenant.faults.add("location_expired", count=1)
    job_id = started(api)
    assert "location" not in look(api, job_id)
    clock.now += 10
    first = first_location(api, job_id)

    assert fetched(first).status_code == 403
    assert fetched(look(api, job_id)["location"]).status_code == 200
    assert [each.fault for each in tenant.requests].count("location_expired") == 1


@pytest.mark.parametrize(
    ("kind", "route"), [("job_failed", "job"), ("location_expired", ["job", "download"])], ids=str
)
def test_a_fault_of_one_route_is_armed_on_no_other(kind: str, route: Any) -> None:
    with Emulator() as tenant, pytest.raises(ValueError, match="strikes on"):
        tenant.faults.add(kind, route=route)


def test_the_end_stops_what_is_under_way() -> None:
    users = [{"user_id": f"auth0|{number}"} for number in range(5000)]
    with Emulator(users=users) as tenant, Caller(tenant) as api:
        api.log_in()
        for _ in range(20):
            started(api)

    assert [each.name for each in threading.enumerate() if "auth0-emulator" in each.name] == []
    assert tenant.core.state.watchers == []
