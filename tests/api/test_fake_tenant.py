"""The tenant in memory, on which linking is tried, answers as one that is served."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from airflow_provider_auth0link.api.client import Auth0Client
from airflow_provider_auth0link.api.transport import HttpTransport
from airflow_provider_auth0link.emulator.server import Emulator
from airflow_provider_auth0link.errors import Auth0LinkError
from airflow_provider_auth0link.linking.tenant import Tenant
from airflow_provider_auth0link.model import Account, Identity, Rights, UserId
from airflow_provider_auth0link.settings import Settings
from tests.fakes.tenant import FakeTenant, user

ADA, GOOGLE, NOBODY = UserId("auth0", "1"), UserId("google-oauth2", "2"), UserId("auth0", "9")
API = "https://api.example.com"
PERMISSIONS = tuple((API, f"read:{number:04d}") for number in range(1001))
ROLES = tuple(f"rol_{number:03d}" for number in range(51))
PROFILE = {"email": "ada@example.com", "email_verified": True, "name": "Ada"}
METADATA = {"user_metadata": {"color": "red"}, "app_metadata": {"plan": "pro"}}
NEW = Rights(frozenset({"rol_001"}), frozenset({PERMISSIONS[1]}), {"org_1": frozenset({"rol_002"})})


def fake() -> FakeTenant:
    return FakeTenant(
        user(str(ADA)),
        user(str(GOOGLE), "google-oauth2", **PROFILE, **METADATA),
        connections={"con_1": "db"},
        rights={str(GOOGLE): NEW},
    )


@pytest.fixture
def served() -> Iterator[Tenant]:
    with ExitStack() as stack:
        users: list[dict[str, Any]] = [
            {"user_id": str(ADA), "identities": user(str(ADA))["identities"]},
            {
                **user(str(GOOGLE), "google-oauth2", **PROFILE, **METADATA),
                "roles": ["rol_001"],
                "permissions": [
                    {"resource_server_identifier": API, "permission_name": PERMISSIONS[1][1]},
                ],
                "organizations": ["org_1"],
            },
        ]
        tenant = stack.enter_context(
            Emulator(
                users=users,
                rate=1000,
                roles=[{"id": each, "name": each} for each in ROLES],
                resource_servers=[
                    {"identifier": API, "scopes": [{"value": name} for _, name in PERMISSIONS]}
                ],
                organizations=[{"id": "org_1", "name": "acme"}, {"id": "org_2", "name": "other"}],
            )
        )
        settings = Settings.from_connection(
            host=tenant.url, login=tenant.client_id, password=tenant.client_secret
        )
        transport = HttpTransport(settings)
        stack.callback(transport.close)
        work = Auth0Client(settings, transport, user_agent="tests/1", told=lambda _: None).work()
        work.add_member_roles("org_1", GOOGLE, ["rol_002"])
        yield work


Step = tuple[Any, ...]

SCRIPTS: dict[str, list[Step]] = {
    "roles": [
        ("roles", GOOGLE),
        ("add_roles", ADA, ["rol_001", "rol_002"]),
        ("add_roles", ADA, ["rol_001"]),
        ("remove_roles", ADA, ["rol_002", "rol_003"]),
        ("roles", ADA),
        ("add_roles", ADA, ROLES),
        ("roles", ADA),
    ],
    "permissions": [
        ("permissions", GOOGLE),
        ("add_permissions", ADA, PERMISSIONS[:1000]),
        ("add_permissions", ADA, PERMISSIONS[:2]),
        ("add_permissions", ADA, PERMISSIONS[1000:]),
        ("remove_permissions", ADA, PERMISSIONS[:999]),
        ("permissions", ADA),
    ],
    "organizations": [
        ("organizations", GOOGLE),
        ("member_roles", "org_1", GOOGLE),
        ("add_member", "org_1", GOOGLE),
        ("member_roles", "org_1", GOOGLE),
        ("add_member", "org_2", ADA),
        ("add_member", "org_1", ADA),
        ("add_member_roles", "org_1", ADA, ROLES[:50]),
        ("add_member_roles", "org_1", ADA, ROLES[50:]),
        ("remove_member_roles", "org_1", ADA, ROLES[1:]),
        ("member_roles", "org_1", ADA),
        ("remove_member", "org_1", ADA),
        ("organizations", ADA),
        ("add_member", "org_1", ADA),
        ("member_roles", "org_1", ADA),
    ],
    "no member": [
        ("member_roles", "org_2", ADA),
        ("add_member_roles", "org_2", ADA, ["rol_001"]),
        ("organizations", ADA),
    ],
    "nobody": [
        ("roles", NOBODY),
        ("permissions", NOBODY),
        ("organizations", NOBODY),
        ("add_roles", NOBODY, ["rol_001"]),
        ("add_permissions", NOBODY, PERMISSIONS[:1]),
        ("add_member", "org_1", NOBODY),
        ("get_user", NOBODY),
    ],
    "a link and its end": [
        ("link", ADA, GOOGLE),
        ("link", ADA, GOOGLE),
        ("get_user", GOOGLE),
        ("roles", GOOGLE),
        ("roles", ADA),
        ("get_user", ADA),
        ("unlink", ADA, GOOGLE),
        ("unlink", ADA, GOOGLE),
        ("get_user", ADA),
        ("get_user", GOOGLE),
        ("roles", GOOGLE),
        ("permissions", GOOGLE),
        ("organizations", GOOGLE),
    ],
    "metadata": [
        ("update_user", GOOGLE, {"user_metadata": {"a": {"b": 1}, "color": None}}),
        ("update_user", GOOGLE, {"app_metadata": {"a": 1}, "blocked": True}),
        ("get_user", GOOGLE),
        ("update_user", GOOGLE, {"user_metadata": {"a": {"c": 2}}, "blocked": False}),
        ("get_user", GOOGLE),
    ],
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_both_answer_alike(script: str, served: Tenant) -> None:
    mine = fake()
    answers = [(step[0], _answer(mine, step), _answer(served, step)) for step in SCRIPTS[script]]

    assert [(verb, in_memory) for verb, in_memory, _ in answers] == [
        (verb, said) for verb, _, said in answers
    ]


def _answer(tenant: Tenant, step: Step) -> object:
    verb, *arguments = step
    try:
        answer = getattr(tenant, verb)(*arguments)
    except Auth0LinkError as error:
        return type(error)
    return _comparable(answer) if verb != "update_user" else None


def _comparable(answer: object) -> object:
    """Return what of an answer linking works with."""
    if isinstance(answer, Account):
        told = {key: answer.raw.get(key) for key in PROFILE}
        metadata = [dict(answer.metadata(kind)) for kind in METADATA]
        return told, metadata, answer.blocked, _comparable(list(answer.identities))
    if isinstance(answer, list):
        return [
            (each.provider, each.user_id, each.connection) for each in answer if isinstance(each, Identity)
        ]
    return answer
