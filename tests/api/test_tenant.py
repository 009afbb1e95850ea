"""The client against a tenant of its own, with Auth0's own Python client as a second pair of eyes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx  # noqa: TID251 - auth0-python's own library, to send its https requests to a plain loopback port
import pytest
from auth0.management import ManagementClient

from airflow_provider_auth0link.api.client import Auth0Client
from airflow_provider_auth0link.api.transport import HttpTransport
from airflow_provider_auth0link.api.work import Work
from airflow_provider_auth0link.emulator.server import Emulator
from airflow_provider_auth0link.errors import BadRequestError, ConflictError, MissingAccountError
from airflow_provider_auth0link.model import UserId
from airflow_provider_auth0link.settings import Settings
from tests.emulator.oracle import problems

ADA = UserId("samlp", "acme|a/b c|Ж")
LIBRARY = "https://library.example/?q=a b"
MANY = tuple(f"books:{number:04d}" for number in range(1000))


@dataclass(frozen=True, slots=True)
class Bench:
    """A tenant, our client, and Auth0's."""

    tenant: Emulator
    client: Auth0Client
    sdk: ManagementClient

    @property
    def work(self) -> Work:
        return self.client.work(correlation_id="dag/run")


MakeBench = Callable[..., Bench]


@pytest.fixture
def make_bench() -> Iterator[MakeBench]:
    with ExitStack() as stack:

        def plainly(request: httpx.Request) -> None:
            request.url = request.url.copy_with(scheme="http")

        def make(**options: Any) -> Bench:
            users = [{"user_id": str(ADA)}, {"user_id": "auth0|1"}]
            tenant = stack.enter_context(Emulator(users=users, **{"rate": 1000, **TENANT, **options}))
            stack.callback(lambda: _judged(tenant))
            fields = json.loads(tenant.connection())
            fields = {name: fields[name] for name in ("host", "login", "password", "port") if name in fields}
            settings = Settings.from_connection(**fields, extra=_extra(tenant))
            transport = HttpTransport(settings)
            stack.callback(transport.close)
            client = Auth0Client(settings, transport, user_agent="tests/1", told=lambda _: None)
            connection = stack.enter_context(httpx.Client(event_hooks={"request": [plainly]}, timeout=30))
            token = json.loads(_token(tenant, connection))["access_token"]
            domain = tenant.url.removeprefix("http://")
            return Bench(
                tenant, client, ManagementClient(domain=domain, token=token, httpx_client=connection)
            )

        yield make


TENANT: dict[str, Any] = {
    "roles": [{"id": f"rol_{number:03d}", "name": f"role {number}"} for number in range(120)],
    "resource_servers": [
        {"identifier": LIBRARY, "scopes": [{"value": each} for each in (*MANY, "one:more")]}
    ],
    "organizations": [{"id": f"org_{number:03d}", "name": f"acme-{number}"} for number in range(230)],
}


def _judged(tenant: Emulator) -> None:
    assert problems(tenant) == []


def _extra(tenant: Emulator) -> dict[str, Any]:
    extra = json.loads(tenant.connection()).get("extra") or {}
    return dict(json.loads(extra) if isinstance(extra, str) else extra)


def _token(tenant: Emulator, connection: httpx.Client) -> str:
    form = {
        "grant_type": "client_credentials",
        "client_id": tenant.client_id,
        "client_secret": tenant.client_secret,
        "audience": f"{tenant.url}/api/v2/",
    }
    return connection.post(f"{tenant.url}/oauth/token", data=form).text


def test_roles_are_given_and_taken(make_bench: MakeBench) -> None:
    bench = make_bench()
    wanted = frozenset(f"rol_{number:03d}" for number in range(50))
    bench.work.add_roles(ADA, wanted)
    bench.work.add_roles(ADA, ["rol_000"])
    seen = {each.id for each in bench.sdk.users.roles.list(str(ADA))}
    held = bench.work.roles(ADA)
    bench.work.remove_roles(ADA, wanted - {"rol_007"})

    assert seen == held == wanted
    assert bench.work.roles(ADA) == {"rol_007"}


def test_permissions_are_granted_and_taken_page_by_page(make_bench: MakeBench) -> None:
    role = {"id": "rol_r", "name": "r", "permissions": [_permission("one:more"), _permission(MANY[0])]}
    bench = make_bench(roles=[role])
    every = frozenset((LIBRARY, name) for name in MANY)
    bench.work.add_roles(ADA, ["rol_r"])
    bench.work.add_permissions(ADA, every)
    seen = {(each.resource_server_identifier, each.permission_name) for each in _listed(bench)}
    held = bench.work.permissions(ADA)
    with pytest.raises(BadRequestError, match="no more permissions"):
        bench.work.add_permissions(ADA, [(LIBRARY, "one:more")])
    bench.work.remove_permissions(ADA, every - {(LIBRARY, MANY[7])})

    assert held == every
    assert seen == every | {(LIBRARY, "one:more")}
    assert bench.work.permissions(ADA) == {(LIBRARY, MANY[7])}


def _listed(bench: Bench) -> list[Any]:
    return list(bench.sdk.users.permissions.list(str(ADA), per_page=100))


def _permission(name: str) -> dict[str, str]:
    return {"resource_server_identifier": LIBRARY, "permission_name": name}


def test_memberships_begin_and_end(make_bench: MakeBench) -> None:
    bench = make_bench()
    for number in range(205):
        bench.work.add_member(f"org_{number:03d}", ADA)
    held = bench.work.organizations(ADA)
    bench.work.add_member_roles("org_007", ADA, ["rol_001", "rol_002"])
    bench.work.remove_member_roles("org_007", ADA, ["rol_001"])
    seen = [each.id for each in bench.sdk.organizations.members.roles.list("org_007", str(ADA))]
    bench.work.remove_member("org_008", ADA)

    assert held == {f"org_{number:03d}" for number in range(205)}
    assert seen == ["rol_002"]
    assert bench.work.member_roles("org_007", ADA) == {"rol_002"}
    assert "org_008" not in bench.work.organizations(ADA)


def test_a_member_s_fifty_first_role_is_a_conflict(make_bench: MakeBench) -> None:
    bench = make_bench()
    bench.work.add_member("org_007", ADA)
    bench.work.add_member_roles("org_007", ADA, [f"rol_{number:03d}" for number in range(50)])

    with pytest.raises(ConflictError, match="no more roles"):
        bench.work.add_member_roles("org_007", ADA, ["rol_050"])


def test_an_account_that_is_not_there_is_told(make_bench: MakeBench) -> None:
    work = make_bench().work
    nobody = UserId("auth0", "nobody")
    for verb in (work.roles, work.permissions, work.organizations):
        with pytest.raises(MissingAccountError):
            verb(nobody)
    with pytest.raises(MissingAccountError):
        work.add_roles(nobody, ["rol_001"])


def test_database_connections_are_listed_by_name(make_bench: MakeBench) -> None:
    bench = make_bench()
    bench.tenant.add_user({"user_id": "auth0|9", "identities": [_of_connection("old-db")]})
    found = bench.work.connection_ids()

    assert found == {each.name: each.id for each in bench.sdk.connections.list(strategy=["auth0"])}
    assert found is not None
    assert found["old-db"] == bench.tenant.connection_id("old-db")


def _of_connection(name: str) -> dict[str, Any]:
    return {"provider": "auth0", "user_id": "9", "connection": name, "isSocial": False}


def test_writes_bear_the_correlation_id(make_bench: MakeBench) -> None:
    bench = make_bench()
    bench.work.add_roles(ADA, ["rol_001"])
    bench.work.remove_roles(ADA, ["rol_001"])
    bench.work.roles(ADA)

    said = [each.headers.get("x-correlation-id") for each in bench.tenant.requests if "roles" in each.path]
    assert said == ["dag/run", "dag/run", None]


def test_the_width_is_learned_from_answers(make_bench: MakeBench) -> None:
    bench = make_bench(rate=1000, latency=0.05)
    assert bench.client.width() == 4
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: bench.work.get_user(ADA), range(200)))

    assert bench.client.width() > 4
