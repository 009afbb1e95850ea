"""Roles, permissions and organizations of users."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_auth0link.emulator.rights import made_id
from airflow_provider_auth0link.emulator.server import Emulator
from tests.emulator.caller import Caller, refusal, segment
from tests.emulator.conftest import MakeTenant

ADA = "samlp|acme|a/b c|Ж"
EDITOR, VIEWER = made_id("rol_", "editor"), made_id("rol_", "viewer")
API = "https://api.example.com"
READ = {"resource_server_identifier": API, "permission_name": "read:books"}
WRITE = {"resource_server_identifier": API, "permission_name": "write:books"}
BURN = {"resource_server_identifier": API, "permission_name": "burn:books"}

TENANT: dict[str, Any] = {
    "roles": [
        {"name": "editor", "description": "Edits", "permissions": [READ, WRITE]},
        {"name": "viewer", "permissions": [READ]},
    ],
    "resource_servers": [
        {"identifier": API, "name": "Books", "scopes": [{"value": "burn:books", "description": "Burns"}]}
    ],
    "organizations": [
        {"id": "org_acme", "name": "acme", "display_name": "Acme Inc."},
        {"id": "org_b", "name": "b"},
    ],
}


class Access:
    """Requests about one user."""

    def __init__(self, api: Caller, user_id: str = ADA) -> None:
        self.api = api
        self.user = f"users/{segment(user_id)}"
        self.member = f"organizations/org_acme/members/{segment(user_id)}/roles"

    def ids(self, path: str, key: str = "id", **params: Any) -> list[str]:
        answer = self.api("GET", path, params=params)
        assert answer.status_code == 200, answer.text
        return [row[key] for row in answer.json()]

    def roles(self) -> list[str]:
        return self.ids(f"{self.user}/roles")

    def organizations(self) -> list[str]:
        return self.ids(f"{self.user}/organizations")

    def direct(self) -> list[str]:
        rows = self.api("GET", f"{self.user}/permissions").json()
        return [
            row["permission_name"]
            for row in rows
            if any(source["source_type"] == "DIRECT" for source in row["sources"])
        ]


@pytest.fixture
def ada(make_tenant: MakeTenant) -> Access:
    return Access(make_tenant({"user_id": ADA}, {"user_id": "github|2"}, **TENANT)[1])


def tenant_of(ada: Access) -> Emulator:
    return ada.api.tenant


def test_roles_are_given_and_taken(ada: Access) -> None:
    path = f"{ada.user}/roles"
    given = ada.api("POST", path, json={"roles": [VIEWER, EDITOR]})
    again = ada.api("POST", path, json={"roles": [EDITOR]})
    assert (given.status_code, given.content, again.status_code) == (204, b"", 204)
    assert ada.roles() == [VIEWER, EDITOR]
    assert ada.api("GET", path).json()[1] == {"id": EDITOR, "name": "editor", "description": "Edits"}

    taken = [ada.api("DELETE", path, json={"roles": [VIEWER]}).status_code for _ in range(2)]

    assert taken == [204, 204]
    assert ada.roles() == [EDITOR]
    assert Access(ada.api, "github|2").roles() == []


def test_a_page_and_its_totals(ada: Access) -> None:
    ada.api("POST", f"{ada.user}/roles", json={"roles": [VIEWER, EDITOR]})

    page = ada.api("GET", f"{ada.user}/roles", params={"per_page": 1, "page": 1, "include_totals": "true"})

    assert {**page.json(), "roles": len(page.json()["roles"])} == {
        "start": 1,
        "limit": 1,
        "total": 2,
        "roles": 1,
    }
    assert ada.ids(f"{ada.user}/roles", per_page=1, page=1) == [EDITOR]
    assert ada.ids(f"{ada.user}/roles", page=7) == []


@pytest.mark.parametrize("path", ["roles", "permissions", "organizations"])
@pytest.mark.parametrize(
    "params", [{"per_page": 0}, {"per_page": 101}, {"page": -1}, {"page": "x"}, {"include_totals": "perhaps"}]
)
def test_pages_that_are_none_are_refused(ada: Access, path: str, params: dict[str, Any]) -> None:
    answer = ada.api("GET", f"{ada.user}/{path}", params=params)

    assert (answer.status_code, answer.json()["errorCode"]) == (400, "invalid_query_string")


def test_memberships_have_a_last_page(ada: Access) -> None:
    assert ada.ids(f"{ada.user}/organizations", page=1000) == []
    assert ada.api("GET", f"{ada.user}/organizations", params={"page": 1001}).status_code == 400


def test_permissions_tell_where_they_come_from(ada: Access) -> None:
    given = ada.api("POST", f"{ada.user}/permissions", json={"permissions": [BURN, READ]})
    assert (given.status_code, given.content) == (201, b"")
    ada.api("POST", f"{ada.user}/roles", json={"roles": [EDITOR, VIEWER]})

    rows = {row["permission_name"]: row for row in ada.api("GET", f"{ada.user}/permissions").json()}

    assert {name: [each["source_type"] for each in row["sources"]] for name, row in rows.items()} == {
        "burn:books": ["DIRECT"],
        "read:books": ["DIRECT", "ROLE", "ROLE"],
        "write:books": ["ROLE"],
    }
    assert rows["write:books"]["sources"] == [
        {"source_id": EDITOR, "source_name": "editor", "source_type": "ROLE"}
    ]
    burns = {key: value for key, value in rows["burn:books"].items() if key != "sources"}
    assert burns == {**BURN, "description": "Burns", "resource_server_name": "Books"}


def test_only_direct_permissions_can_be_taken(ada: Access) -> None:
    path = f"{ada.user}/permissions"
    ada.api("POST", path, json={"permissions": [READ, BURN]})
    ada.api("POST", f"{ada.user}/roles", json={"roles": [VIEWER]})

    assert ada.api("DELETE", path, json={"permissions": [READ, WRITE]}).status_code == 204

    assert ada.ids(path, "permission_name") == ["burn:books", "read:books"]
    assert ada.direct() == ["burn:books"]


def test_members_come_and_go_with_their_roles(ada: Access) -> None:
    members = "organizations/org_acme/members"
    added = [ada.api("POST", members, json={"members": [ADA]}).status_code for _ in range(2)]
    assert added == [204, 204]
    assert ada.organizations() == ["org_acme"]
    assert ada.api("POST", ada.member, json={"roles": [EDITOR]}).status_code == 204
    assert ada.api("POST", members, json={"members": [ADA, "github|2"]}).status_code == 204
    assert ada.ids(ada.member) == [EDITOR]
    assert ada.roles() == []
    assert ada.api("DELETE", ada.member, json={"roles": [VIEWER]}).status_code == 204
    assert ada.ids(ada.member) == [EDITOR]

    removed = [ada.api("DELETE", members, json={"members": [ADA]}).status_code for _ in range(2)]

    assert removed == [204, 204]
    assert ada.organizations() == []
    assert ada.api("GET", ada.member).status_code == 404
    ada.api("POST", members, json={"members": [ADA]})
    assert ada.ids(ada.member) == []


def test_the_members_of_an_organization_are_listed(ada: Access) -> None:
    members = "organizations/org_acme/members"
    ada.api("POST", members, json={"members": [ADA, "github|2"]})
    ada.api("POST", ada.member, json={"roles": [EDITOR]})
    rows = ada.api("GET", members, params={"fields": "user_id,roles"}).json()

    first = ada.api("GET", members, params={"take": 1}).json()
    second = ada.api("GET", members, params={"take": 1, "from": first["next"]}).json()

    assert rows == [
        {"user_id": ADA, "roles": [{"id": EDITOR, "name": "editor"}]},
        {"user_id": "github|2", "roles": []},
    ]
    assert [row["user_id"] for row in first["members"] + second["members"]] == [ADA, "github|2"]
    assert "next" not in second
    assert ada.ids(members, "user_id", per_page=1, page=1) == ["github|2"]
    assert ada.api("GET", members, params={"take": 1, "page": 1}).status_code == 400
    assert ada.api("GET", members, params={"from": "somewhere"}).status_code == 400


def test_fifty_roles_are_the_most(make_tenant: MakeTenant) -> None:
    names = [f"role {number}" for number in range(51)]
    _, api = make_tenant({"user_id": ADA, "roles": names[:49]}, roles=[{"name": name} for name in names])
    ada = Access(api)
    path = f"{ada.user}/roles"

    refused = api("POST", path, json={"roles": [made_id("rol_", name) for name in names[49:]]})
    assert refusal(refused) == (400, "No more roles can be assigned to this user.")
    assert len(ada.roles()) == 49
    assert api("POST", path, json={"roles": [made_id("rol_", name) for name in names[48:50]]}).ok
    assert len(ada.roles()) == 50


def test_fifty_roles_in_an_organization_are_the_most(make_tenant: MakeTenant) -> None:
    names = [f"role {number}" for number in range(51)]
    tenant, api = make_tenant(
        {"user_id": ADA, "organizations": {"org_acme": names[:50]}, "roles": names[50:]}
    )
    ada = Access(api)

    refused = api("POST", ada.member, json={"roles": [made_id("rol_", "role 50")]})

    assert refusal(refused) == (409, "No more roles can be assigned to this organization member.")
    assert api("POST", ada.member, json={"roles": [made_id("rol_", "role 7")]}).status_code == 204
    assert len(tenant.state()[0]["organizations"]["org_acme"]) == 50


def test_a_thousand_permissions_are_the_most(make_tenant: MakeTenant) -> None:
    rows = [{"resource_server_identifier": API, "permission_name": f"p{number}"} for number in range(1001)]
    _, api = make_tenant(
        {"user_id": ADA, "permissions": rows[:1000]}, {"user_id": "auth0|2", "permissions": rows}
    )
    ada = Access(api)

    refused = api("POST", f"{ada.user}/permissions", json={"permissions": rows[1000:]})

    assert refusal(refused) == (400, "No more permissions can be assigned to this user.")
    totals = api("GET", f"{ada.user}/permissions", params={"include_totals": "true", "per_page": 100}).json()
    assert (totals["total"], len(totals["permissions"])) == (1000, 100)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "users/auth0%7C9/roles", None),
        ("POST", "users/auth0%7C9/roles", {"roles": [EDITOR]}),
        ("DELETE", "users/auth0%7C9/roles", {"roles": [EDITOR]}),
        ("GET", "users/auth0%7C9/permissions", None),
        ("POST", "users/auth0%7C9/permissions", {"permissions": [READ]}),
        ("DELETE", "users/auth0%7C9/permissions", {"permissions": [READ]}),
        ("GET", "users/auth0%7C9/organizations", None),
        ("GET", "organizations/org_acme/members/auth0%7C9/roles", None),
    ],
)
def test_a_missing_user_is_told(ada: Access, method: str, path: str, body: Any) -> None:
    assert refusal(ada.api(method, path, json=body)) == (404, "The user does not exist.")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "members", None),
        ("POST", "members", {"members": ["github|2"]}),
        ("DELETE", "members", {"members": ["github|2"]}),
        ("GET", "members/github%7C2/roles", None),
        ("POST", "members/github%7C2/roles", {"roles": [EDITOR]}),
        ("DELETE", "members/github%7C2/roles", {"roles": [EDITOR]}),
    ],
)
def test_a_missing_organization_is_told(ada: Access, method: str, path: str, body: Any) -> None:
    answer = ada.api(method, f"organizations/org_none/{path}", json=body)

    assert refusal(answer) == (404, "The organization does not exist.")


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("users/github%7C2/roles", {"roles": [EDITOR, "rol_none"]}, 400),
        ("users/github%7C2/permissions", {"permissions": [{**READ, "permission_name": "x"}]}, 400),
        ("users/github%7C2/permissions", {"permissions": [{**READ, "resource_server_identifier": "x"}]}, 404),
        ("organizations/org_acme/members", {"members": ["github|2", "auth0|9"]}, 400),
        ("organizations/org_acme/members/github%7C2/roles", {"roles": [EDITOR]}, 404),
    ],
)
def test_what_is_not_there_cannot_be_given(ada: Access, path: str, body: Any, status: int) -> None:
    before = tenant_of(ada).state()

    assert ada.api("POST", path, json=body).status_code == status
    assert tenant_of(ada).state() == before


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("users/github%7C2/roles", {"roles": []}),
        ("users/github%7C2/roles", {"roles": [""]}),
        ("users/github%7C2/roles", {"roles": [1]}),
        ("users/github%7C2/roles", {"roles": "x"}),
        ("users/github%7C2/roles", {"roles": ["x"], "more": 1}),
        ("users/github%7C2/roles", {}),
        ("users/github%7C2/roles", ["x"]),
        ("users/github%7C2/permissions", {"permissions": ["read:books"]}),
        ("users/github%7C2/permissions", {"permissions": [{"permission_name": "read:books"}]}),
        ("users/github%7C2/permissions", {"permissions": [{**READ, "permission_name": 1}]}),
        ("users/github%7C2/permissions", {"permissions": [{**READ, "more": 1}]}),
        ("organizations/org_acme/members", {"members": []}),
    ],
)
def test_bodies_are_checked(ada: Access, method: str, path: str, body: Any) -> None:
    answer = ada.api(method, path, json=body)

    assert (answer.status_code, answer.json()["errorCode"]) == (400, "invalid_body")


READS = "read:users read:roles read:role_members"


@pytest.mark.parametrize(
    ("method", "path", "scopes"),
    [
        ("GET", "users/github%7C2/roles", READS),
        ("POST", "users/github%7C2/roles", "update:users create:role_members"),
        ("DELETE", "users/github%7C2/roles", "update:users delete:role_members"),
        ("GET", "users/github%7C2/permissions", "read:users"),
        ("POST", "users/github%7C2/permissions", "update:users"),
        ("GET", "users/github%7C2/organizations", "read:organizations"),
        ("GET", "organizations/org_acme/members", "read:organization_members"),
        ("POST", "organizations/org_acme/members", "create:organization_members"),
        ("DELETE", "organizations/org_acme/members", "delete:organization_members"),
        ("GET", "organizations/org_acme/members/github%7C2/roles", "read:organization_member_roles"),
        ("POST", "organizations/org_acme/members/github%7C2/roles", "create:organization_member_roles"),
        ("DELETE", "organizations/org_acme/members/github%7C2/roles", "delete:organization_member_roles"),
    ],
)
def test_each_operation_needs_its_scopes(ada: Access, method: str, path: str, scopes: str) -> None:
    known = tenant_of(ada).core.options.scopes.split()
    ada.api.log_in(scope=scopes)
    assert ada.api(method, path, json={}).status_code != 403
    for missing in scopes.split():
        ada.api.log_in(scope=" ".join(each for each in known if each != missing))

        answer = ada.api(method, path, json={})

        assert (answer.status_code, answer.json()["errorCode"]) == (403, "insufficient_scope")
        assert missing in answer.json()["message"]


@pytest.mark.parametrize(
    ("method", "scopes"),
    [("GET", READS), ("POST", "update:users create:role_members"), ("DELETE", "delete:role_members")],
)
def test_any_scope_of_roles_may_do(make_tenant: MakeTenant, method: str, scopes: str) -> None:
    _, api = make_tenant({"user_id": "github|2"}, role_scopes="any", **TENANT)
    for scope in scopes.split():
        api.log_in(scope=scope)
        answer = api(method, "users/github%7C2/roles", json={"roles": [EDITOR]})
        assert answer.status_code in {200, 204}
    api.log_in(scope="read:connections")

    refused = api(method, "users/github%7C2/roles", json={"roles": [EDITOR]})

    assert refused.status_code == 403
    assert refused.json()["message"].startswith("Insufficient scope, expected any of: ")


def test_roles_of_members_need_a_scope_of_their_own(ada: Access) -> None:
    ada.api.log_in(scope="read:organization_members")

    assert ada.api("GET", "organizations/org_acme/members").status_code == 200
    assert ada.api("GET", "organizations/org_acme/members", params={"fields": "roles"}).status_code == 403


HOLDS: dict[str, Any] = {
    "roles": [EDITOR],
    "permissions": [READ],
    "organizations": {"org_acme": [VIEWER], "org_b": []},
}


def test_linking_discards_what_the_secondary_holds(make_tenant: MakeTenant) -> None:
    _, api = make_tenant({"user_id": "auth0|1"}, {"user_id": "github|2", **HOLDS}, **TENANT)
    theirs, ours = Access(api, "github|2"), Access(api, "auth0|1")
    assert (theirs.roles(), theirs.organizations()) == ([EDITOR], ["org_acme", "org_b"])
    assert theirs.direct() == ["read:books"]

    assert api.link("auth0|1", provider="github", user_id="2").status_code == 201

    assert (ours.roles(), ours.direct(), ours.organizations()) == ([], [], [])
    assert api("GET", f"{theirs.user}/roles").status_code == 404
    assert api("GET", "organizations/org_acme/members").json() == []
    api.unlink("auth0|1", "github", "2")
    assert (theirs.roles(), theirs.direct(), theirs.organizations()) == ([], [], [])


def test_an_account_that_is_deleted_leaves_nothing(make_tenant: MakeTenant) -> None:
    _, api = make_tenant({"user_id": "auth0|1", **HOLDS}, **TENANT)

    api("DELETE", "users/auth0%7C1")
    api(
        "POST",
        "users",
        json={"connection": "Username-Password-Authentication", "email": "a@b.co", "user_id": "1"},
    )

    assert Access(api, "auth0|1").roles() == []
    assert api("GET", "organizations/org_b/members").json() == []


def test_rights_stay_while_another_account_bears_the_id(make_tenant: MakeTenant) -> None:
    identity = {"provider": "auth0", "user_id": "1", "connection": "legacy"}
    tenant, api = make_tenant(
        {"user_id": "auth0|1", "roles": ["editor"]},
        {"user_id": "auth0|1", "identities": [identity]},
        {"user_id": "auth0|2"},
    )

    body = {"provider": "auth0", "user_id": "1"}
    assert api.link("auth0|2", **body, connection_id=tenant.connection_id("legacy")).status_code == 201
    assert Access(api, "auth0|1").roles() == [EDITOR]


def test_seeds_come_back_as_state(make_tenant: MakeTenant) -> None:
    rows = [{"user_id": "auth0|1", **HOLDS}, {"user_id": "github|2", "organizations": ["org_b"]}]
    tenant, _ = make_tenant(*rows, **TENANT)
    state = tenant.state()

    assert {key: state[0][key] for key in HOLDS} == HOLDS
    assert state[1]["organizations"] == {"org_b": []}
    assert "roles" not in tenant.export()[0]
    again, _ = make_tenant(*state, **TENANT)
    assert again.state() == state
    tenant.add_user({"user_id": "sms|3", **HOLDS})
    assert {key: tenant.state()[2][key] for key in HOLDS} == HOLDS
    tenant.reset()
    assert tenant.state(volatile=False) == again.state(volatile=False)


def test_ids_are_found_by_name(make_tenant: MakeTenant) -> None:
    tenant, _ = make_tenant({"user_id": "auth0|1", "organizations": {"Globex": ["rol_x"]}}, **TENANT)

    assert (tenant.role_id("editor"), tenant.role_id("rol_x")) == (EDITOR, "rol_x")
    assert tenant.organization_id("acme") == "org_acme"
    assert tenant.state()[0]["organizations"] == {tenant.organization_id("globex"): ["rol_x"]}
    with pytest.raises(KeyError):
        tenant.role_id("nobody")


def test_state_tells_moments_apart(make_tenant: MakeTenant) -> None:
    tenant, api = make_tenant(
        {"user_id": "auth0|1", "blocked": False, "user_metadata": {}, "last_login": "2026-01-01"},
        {"user_id": "github|2", "email": "a@b.co"},
    )
    before = tenant.state(volatile=False)
    assert before[0].keys() == {"user_id", "identities", "roles", "permissions", "organizations"}
    assert "last_login" in tenant.state()[0]
    api.link("auth0|1", provider="github", user_id="2")
    assert tenant.state(volatile=False) != before
    api.unlink("auth0|1", "github", "2")
    assert tenant.state(volatile=False) == before
    api.patch("github|2", {"blocked": True})

    assert tenant.state(volatile=False) != before
    shown = api.session.get(f"{tenant.url}/_emulator/state?volatile=false", timeout=30).json()
    assert shown == tenant.state(volatile=False)


@pytest.mark.parametrize(
    ("seeds", "text"),
    [
        ({"users": [{"user_id": "auth0|1", "roles": "admin"}]}, "user 1: roles is no list"),
        ({"users": [{"user_id": "auth0|1", "permissions": ["x"]}]}, "user 1: permissions is no list"),
        ({"users": [{"user_id": "auth0|1", "permissions": "x"}]}, "user 1: permissions is no list"),
        (
            {"users": [{"user_id": "auth0|1", "organizations": {"o": "x"}}]},
            "user 1: organizations: o is no list",
        ),
        ({"roles": [{"id": "rol_1"}]}, "role 1: a role has no name"),
        ({"roles": [{"name": "a"}, {"name": "a"}]}, "role 2: there is a role"),
        ({"organizations": [{"name": "a"}, {"name": "a"}]}, "organization 2: there is an organization"),
        ({"resource_servers": [{"name": "a"}]}, "resource server 1: a resource server has no identifier"),
        (
            {"resource_servers": [{"identifier": "a", "scopes": ["x"]}]},
            "resource server 1: a scope has no value",
        ),
    ],
)
def test_seeds_that_are_none_are_refused(seeds: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text), Emulator(**seeds):
        pass
