"""Auth0's own Python client against the emulator: it parses every answer with its own models."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import httpx  # noqa: TID251 - auth0-python's own library, to send its https requests to a plain loopback port
import pytest
from auth0.management import CreateExportUsersFields, ManagementClient, PermissionRequestPayload
from auth0.management.core.api_error import ApiError

from airflow_provider_auth0link.emulator.server import Emulator
from tests.emulator.caller import eventually
from tests.emulator.conftest import MakeTenant

USERS = (
    {"user_id": "auth0|1", "email": "ada@example.com", "name": "Ada", "user_metadata": {"color": "red"}},
    {"user_id": "github|7", "name": "ada-gh", "app_metadata": {"plan": "pro"}},
    {"user_id": "samlp|acme|a/b c|Ж", "email": "ada@example.com"},
)
API = "https://api.example.com"
READ = {"resource_server_identifier": API, "permission_name": "read:books"}
TENANT: dict[str, Any] = {
    "roles": [
        {"id": f"rol_{number}", "name": f"role {number}", "permissions": [READ]} for number in range(3)
    ],
    "resource_servers": [{"identifier": API, "scopes": [{"value": "write:books"}]}],
    "organizations": [{"id": "org_acme", "name": "acme", "metadata": {"tier": "gold"}}],
}


class Sdk:
    """The client, and the tenant that it talks to."""

    def __init__(self, tenant: Emulator, token: str, connection: httpx.Client) -> None:
        self.tenant = tenant
        domain = tenant.url.removeprefix("http://")
        client = ManagementClient(domain=domain, token=token, httpx_client=connection)
        self.users = client.users
        self.connections = client.connections
        self.organizations = client.organizations
        self.jobs = client.jobs


@pytest.fixture
def sdk(make_tenant: MakeTenant) -> Iterator[Sdk]:
    def plainly(request: httpx.Request) -> None:
        request.url = request.url.copy_with(scheme="http")

    tenant, api = make_tenant(*USERS, rate=1000, **TENANT)
    token = str(api.session.headers["Authorization"]).removeprefix("Bearer ")
    with httpx.Client(event_hooks={"request": [plainly]}, timeout=30) as connection:
        yield Sdk(tenant, token, connection)


def test_it_reads_users(sdk: Sdk) -> None:
    user = sdk.users.get("samlp|acme|a/b c|Ж")
    by_email = sdk.users.list_users_by_email(email="ada@example.com")
    page = list(sdk.users.list(per_page=2))

    assert user.user_id == "samlp|acme|a/b c|Ж"
    assert [each.user_id for each in by_email] == ["auth0|1", "samlp|acme|a/b c|Ж"]
    assert {each.user_id for each in page} == {"auth0|1", "github|7", "samlp|acme|a/b c|Ж"}


def test_it_creates_updates_and_deletes(sdk: Sdk) -> None:
    made = sdk.users.create(
        connection="Username-Password-Authentication", email="new@example.com", password="Pa55!"
    )
    changed = sdk.users.update(str(made.user_id), blocked=True, user_metadata={"a": {"b": [1]}})
    sdk.users.delete(str(made.user_id))

    assert (changed.blocked, changed.user_metadata) == (True, {"a": {"b": [1]}})
    assert sdk.tenant.user(str(made.user_id)) is None


def test_it_links_and_unlinks(sdk: Sdk) -> None:
    linked = sdk.users.identities.link("auth0|1", provider="github", user_id=7)
    nested = sdk.users.identities.link("auth0|1", provider="samlp", user_id="acme|a/b c|Ж")
    left = sdk.users.identities.delete("auth0|1", "github", "7")

    assert [(each.provider, each.user_id) for each in linked] == [("auth0", "1"), ("github", 7)]
    assert [each.provider for each in nested] == ["auth0", "github", "samlp"]
    assert [each.user_id for each in left] == ["1", "acme|a/b c|Ж"]
    assert sdk.tenant.links_applied == {("auth0|1", "github|7"): 1, ("auth0|1", "samlp|acme|a/b c|Ж"): 1}
    assert (sdk.tenant.user("github|7") or {}).get("app_metadata") is None


def test_it_links_by_an_id_token(sdk: Sdk) -> None:
    linked = sdk.users.identities.link("auth0|1", link_with=sdk.tenant.id_token("github|7"))

    assert [each.provider for each in linked] == ["auth0", "github"]


def test_it_reads_errors(sdk: Sdk) -> None:
    with pytest.raises(ApiError) as missing:
        sdk.users.get("auth0|9")
    with pytest.raises(ApiError) as itself:
        sdk.users.identities.link("auth0|1", provider="auth0", user_id="1")

    assert (missing.value.status_code, itself.value.status_code) == (404, 400)
    assert "Main identity and the new one are the same." in str(itself.value.body)


def test_it_reads_connections(sdk: Sdk) -> None:
    names = {each.id: each.name for each in sdk.connections.list()}

    assert names == sdk.tenant.connections
    assert sdk.connections.get(sdk.tenant.connection_id("acme")).strategy == "samlp"


def test_it_gives_and_takes_roles(sdk: Sdk) -> None:
    user = "samlp|acme|a/b c|Ж"
    sdk.users.roles.assign(user, roles=["rol_2", "rol_0", "rol_1"])
    pages = [each.id for each in sdk.users.roles.list(user, per_page=1)]
    sdk.users.roles.delete(user, roles=["rol_0", "rol_1"])

    assert pages == ["rol_2", "rol_0", "rol_1"]
    assert [each.name for each in sdk.users.roles.list(user)] == ["role 2"]


def test_it_grants_permissions(sdk: Sdk) -> None:
    write = PermissionRequestPayload(resource_server_identifier=API, permission_name="write:books")
    sdk.users.permissions.create("github|7", permissions=[write])
    sdk.users.roles.assign("github|7", roles=["rol_0"])
    found = {
        each.permission_name: each.sources for each in sdk.users.permissions.list("github|7", per_page=1)
    }
    sdk.users.permissions.delete("github|7", permissions=[write])

    assert {name: [each["source_type"] for each in sources or []] for name, sources in found.items()} == {
        "write:books": ["DIRECT"],
        "read:books": ["ROLE"],
    }
    assert [each.permission_name for each in sdk.users.permissions.list("github|7")] == ["read:books"]


def test_it_makes_members(sdk: Sdk) -> None:
    members = sdk.organizations.members
    members.create("org_acme", members=["github|7", "auth0|1"])
    members.roles.assign("org_acme", "github|7", roles=["rol_0", "rol_1"])
    members.roles.delete("org_acme", "github|7", roles=["rol_0"])
    (organization,) = sdk.users.organizations.list("github|7")
    listed = [each.user_id for each in members.list("org_acme", take=1)]
    roles = [each.id for each in members.roles.list("org_acme", "github|7")]
    members.delete("org_acme", members=["github|7"])

    assert (organization.id, organization.metadata) == ("org_acme", {"tier": "gold"})
    assert (listed, roles) == (["github|7", "auth0|1"], ["rol_1"])
    assert list(sdk.users.organizations.list("github|7")) == []
    with pytest.raises(ApiError) as missing:
        list(members.roles.list("org_acme", "github|7"))
    assert missing.value.status_code == 404


def test_it_exports_users(sdk: Sdk) -> None:
    connection_id = sdk.tenant.connection_id("acme")
    fields = [
        CreateExportUsersFields(name="user_id"),
        CreateExportUsersFields(name="email", export_as="mail"),
    ]
    made = sdk.jobs.users_exports.create(connection_id=connection_id, format="json", limit=5, fields=fields)

    assert eventually(lambda: sdk.jobs.get(made.id).status == "completed")
    job = sdk.jobs.get(made.id)
    file = httpx.get(str(job.location), timeout=30)

    assert (made.status, made.type, made.format, made.connection_id) == (
        "pending", "users_export", "json", connection_id,
    )  # fmt: skip
    assert (job.id, job.percentage_done, job.time_left_seconds) == (made.id, 100, 0)
    assert json.loads(gzip.decompress(file.content)) == {
        "user_id": "samlp|acme|a/b c|Ж",
        "mail": "ada@example.com",
    }
    assert not sdk.jobs.errors.get(made.id)
    with pytest.raises(ApiError) as missing:
        sdk.jobs.get("job_0000000000000000")
    assert missing.value.status_code == 404
