from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from airflow_provider_auth0link.emulator.server import Emulator
from airflow_provider_auth0link.emulator.state import connection_id_of
from tests.emulator.caller import Caller, eventually
from tests.emulator.conftest import MakeTenant


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.com", "127.0.0.1.example.com", ""])
def test_it_serves_this_machine_only(host: str) -> None:
    with pytest.raises(ValueError, match="not a loopback address"):
        Emulator(host=host)


@pytest.mark.parametrize(
    ("host", "shown"), [("localhost", "localhost"), ("127.0.0.2", "127.0.0.2"), ("::1", "[::1]")]
)
def test_loopback_has_several_names(host: str, shown: str) -> None:
    with Emulator(host=host) as tenant, Caller(tenant) as api:
        assert tenant.url.startswith(f"http://{shown}:")
        assert api.token().status_code == 200


def test_a_taken_port_is_told() -> None:
    with Emulator() as tenant, pytest.raises(OSError, match="in use"), Emulator(port=port_of(tenant)):
        pass


def test_it_goes_without_a_trace() -> None:
    before = threading.active_count()
    with Emulator(users=[{"user_id": "auth0|1"}]) as tenant, Caller(tenant) as api:
        api.log_in()
        assert api.get("auth0|1").status_code == 200
        assert threading.active_count() == before + 1

    assert threading.active_count() == before
    with Emulator(port=port_of(tenant)) as again:
        assert again.url == tenant.url


def test_it_does_not_wait_for_its_clients() -> None:
    tenant = Emulator(users=[{"user_id": "auth0|1"}])
    failures: list[Exception] = []

    def ask(api: Caller) -> None:
        try:
            api.get("auth0|1")
        except requests.ConnectionError as error:
            failures.append(error)

    with tenant:
        api = Caller(tenant)
        api.log_in()
        tenant.faults.add("slow_before", route="user_get", delay=600, late=True)
        client = threading.Thread(target=ask, args=(api,))
        client.start()
        assert eventually(lambda: tenant.counts.get("user_get") == 1)
    client.join()
    api.session.close()

    assert len(failures) == 1


def port_of(tenant: Emulator) -> int:
    return int(tenant.url.rpartition(":")[2])


def test_it_must_be_started() -> None:
    with pytest.raises(RuntimeError, match="not running yet"):
        _ = Emulator().url


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"latncy": 1}, "unknown options"),
        ({"relink_status": 418}, "relink_status"),
        ({"nested_order": "any"}, "nested_order"),
        ({"burst": 5}, "burst needs a rate"),
    ],
)
def test_options_that_are_none_are_refused(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Emulator(**options)


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"user_id": 1},
        {"user_id": "auth0"},
        {"user_id": "auth0|1", "identities": []},
        {"user_id": "auth0|1", "identities": ["x"]},
        {"user_id": "auth0|1", "identities": [{"provider": "auth0", "user_id": "1"}]},
        {"user_id": "auth0|1", "identities": [{"provider": "auth0", "user_id": True, "connection": "a"}]},
        {"user_id": "auth0|1", "identities": [{"provider": "github", "user_id": 1, "connection": "github"}]},
    ],
    ids=str,
)
def test_users_that_are_none_are_refused(row: dict[str, Any]) -> None:
    before = threading.active_count()

    with pytest.raises(ValueError, match="user 2: "), Emulator(users=[{"user_id": "auth0|0"}, row]):
        pass

    assert threading.active_count() == before


def test_an_account_is_there_once(make_tenant: MakeTenant) -> None:
    tenant, _ = make_tenant({"user_id": "auth0|1"})

    with pytest.raises(ValueError, match="already"):
        tenant.add_user({"user_id": "auth0|1"})


def test_scopes_may_be_a_list(make_tenant: MakeTenant) -> None:
    _, api = make_tenant(scopes=["update:users", "read:users"], log_in=False)

    assert api.token().json()["scope"] == "read:users update:users"


def test_what_it_hands_out_are_copies(make_tenant: MakeTenant) -> None:
    given = {"user_id": "auth0|1", "user_metadata": {"a": [1]}}
    tenant, _ = make_tenant(given)
    given["user_metadata"] = {}

    for row in (tenant.user("auth0|1") or {}, *tenant.users(), *tenant.export()):
        assert row["user_metadata"] == {"a": [1]}
        row["user_metadata"]["a"].append(2)

    assert (tenant.user("auth0|1") or {})["user_metadata"] == {"a": [1]}


def test_the_connection_leads_here(make_tenant: MakeTenant) -> None:
    tenant, _ = make_tenant()

    assert json.loads(tenant.connection()) == {
        "conn_type": "auth0",
        "host": tenant.url,
        "login": tenant.client_id,
        "password": tenant.client_secret,
        "extra": {},
    }
    changed = tenant.connection(
        password=None, private_key=tenant.private_key, extra={"timeout": 1}, login="me"
    )
    assert json.loads(changed) == {
        "conn_type": "auth0",
        "host": tenant.url,
        "login": "me",
        "extra": {"timeout": 1, "private_key": tenant.private_key},
    }


def test_connections_bear_ids_of_auth0s_form(make_tenant: MakeTenant) -> None:
    tenant, _ = make_tenant({"user_id": "samlp|acme|1"})

    assert tenant.connections == {
        connection_id_of(name): name for name in ("Username-Password-Authentication", "acme")
    }
    assert tenant.connection_id("acme") == connection_id_of("acme")


def test_a_request_is_recorded_whole(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant({"user_id": "auth0|1"})
    api("PATCH", "users/auth0%7C1?a=b", data="no json", headers={"X-Correlation-ID": "run 7"})

    token, record = tenant.requests
    assert (token.route, token.body["grant_type"]) == ("token", "client_credentials")
    assert (record.method, record.path, record.query) == ("PATCH", "/api/v2/users/auth0%7C1", "a=b")
    assert (record.route, record.status, record.body) == ("user_update", 400, "no json")
    assert record.headers["x-correlation-id"] == "run 7"
    assert record.answer_headers["content-type"].startswith("application/json")
    assert tenant.counts == {"token": 1, "user_update": 1}
    tenant.clear_requests()
    assert (tenant.requests, tenant.counts) == ([], {})


def test_it_remembers_as_many_requests_as_told(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant({"user_id": "auth0|1"}, keep_requests=2)
    for _ in range(3):
        api.get("auth0|1")

    assert len(tenant.requests) == 2
    assert tenant.counts == {"token": 1, "user_get": 3}


def test_reset_returns_to_the_users_at_the_start(make_tenant: MakeTenant) -> None:
    tenant, _ = make_tenant({"user_id": "auth0|1"})
    tenant.add_user({"user_id": "auth0|2"})

    tenant.reset()

    assert [user["user_id"] for user in tenant.users()] == ["auth0|1"]


def test_many_clients_link_at_once(make_tenant: MakeTenant) -> None:
    pairs = [(f"auth0|{number}", f"github|{number}") for number in range(60)]
    tenant, api = make_tenant(*({"user_id": user_id} for pair in pairs for user_id in pair))
    authorization = api.session.headers["Authorization"]

    def link(pair: tuple[str, str]) -> int:
        with Caller(tenant) as own:
            own.session.headers["Authorization"] = authorization
            return own.link(pair[0], provider="github", user_id=pair[1]).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(link, [*pairs, *pairs]))

    assert sorted(statuses) == [201] * 60 + [409] * 60
    assert tenant.links_applied == dict.fromkeys(pairs, 1)


def test_a_hundred_thousand_users_are_found_by_id(make_tenant: MakeTenant) -> None:
    users = ({"user_id": f"auth0|{number}", "email": f"u{number}@example.com"} for number in range(100_000))
    tenant, api = make_tenant(*users)

    assert api.get("auth0|99999").json()["email"] == "u99999@example.com"
    assert len(tenant.users()) == 100_000


def test_importing_the_room_is_cheap() -> None:
    code = (
        "import sys, airflow_provider_auth0link.emulator;"
        "print(sorted({'starlette', 'uvicorn', 'jwt', 'cryptography', 'airflow', 'requests'} & set(sys.modules)))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_a_socket_that_says_nothing_is_no_harm() -> None:
    with (
        Emulator() as tenant,
        socket.create_connection(("127.0.0.1", port_of(tenant))),
        Caller(tenant) as api,
    ):
        assert api.token().status_code == 200
