"""A tenant, connections and variables full of secrets, for the tasks of ``dags/planted.py``."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

from cryptography.fernet import Fernet

from airflow_provider_auth0link.emulator.server import Emulator
from tests.realrun.search import made_up

PAIRS = ("secret", "key", "file", "token", "kwargs0", "kwargs1", "talk", "unknown")
"""Names of people with two accounts, ``auth0|name`` and ``google-oauth2|name``."""

PRIMARIES = ("idtoken", "both", "rows0", "rows1", "list0", "list1", "literal", "each")
"""Names of people with an account ``auth0|name``."""

ID_TOKENS = {
    "some_id_token": "idtoken",
    "proof": "both",
    "rows_proof": "rows",
    "list_proof": "list",
    "literal_proof": "literal",
    "each_proof": "each",
}
"""Variables that hold an ID token, and whose. Airflow masks the first by its name."""


@dataclass
class Plants:
    """
    What lies where. ``secrets`` are the values by name.

    ``connections`` are fields of connections by id, ``variables`` values by key.
    """

    secrets: dict[str, str] = field(default_factory=dict)
    connections: dict[str, dict[str, Any]] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)

    def new(self, name: str) -> str:
        """Make up a secret, and remember it."""
        self.secrets[name] = made_up(name.replace(" ", "-"))
        return self.secrets[name]


def plant_users(tenant: Emulator, plants: Plants) -> None:
    """Give the tenant its users, each identity with tokens of its provider."""

    def identity(provider: str, name: str) -> dict[str, Any]:
        who = f"{provider} {name}"
        tokens = {key: plants.new(f"{key} of {who}") for key in ("access_token", "refresh_token")}
        profile = {"email": f"{name}@example.com", "access_token": plants.new(f"profile token of {who}")}
        return {
            "provider": provider,
            "user_id": name,
            "connection": "google-oauth2"
            if provider == "google-oauth2"
            else "Username-Password-Authentication",
            "isSocial": provider == "google-oauth2",
            **tokens,
            "access_token_secret": plants.new(f"token secret of {who}"),
            "profileData": profile,
        }

    def add(*people: tuple[str, str]) -> None:
        provider, name = people[0]
        tenant.add_user(
            {
                "user_id": f"{provider}|{name}",
                "email": f"{name}@example.com",
                "email_verified": True,
                "identities": [identity(*each) for each in people],
                "user_metadata": {"known_by": provider},
            }
        )

    for name in PAIRS:
        add(("auth0", name))
        add(("google-oauth2", name))
    for name in PRIMARIES:
        add(("auth0", name))
    for name in ID_TOKENS.values():
        add(("google-oauth2", name))
    add(("auth0", "unlinked"), ("google-oauth2", "unlinked"))
    add(("auth0", "conflict"))
    add(("auth0", "elsewhere"), ("google-oauth2", "conflict"))
    tenant.faults.add("reset_after", route="link", path="unknown")


def plant_variables(tenant: Emulator, plants: Plants) -> None:
    """Put ID tokens and a user's access token into variables."""
    for key, name in ID_TOKENS.items():
        plants.variables[key] = tenant.id_token(f"google-oauth2|{name}")
    plants.variables["bearer"] = tenant.user_access_token("auth0|both")
    plants.variables["no_jwt"] = made_up("no-jwt")
    plants.secrets |= {f"variable {key}": value for key, value in plants.variables.items()}


def plant_connections(tenant: Emulator, plants: Plants, key_file: str, proxy_port: int) -> None:
    """Make a connection for each way to authenticate, and for each that must fail."""
    secret, pem = tenant.client_secret, tenant.private_key
    broken = pem[: len(pem) // 2] + pem[len(pem) // 2 + 9 :]
    proxy_password, fernet = secrets.token_hex(12), Fernet.generate_key().decode()
    plants.secrets |= {"client secret": secret, "private key": pem}
    plants.secrets |= {"proxy password": proxy_password, "journal secret": fernet}

    def add(name: str, password: str | None = None, **extra: str | None) -> None:
        fields = {"conn_type": "auth0", "host": tenant.url, "login": tenant.client_id, "extra": extra}
        plants.connections[f"auth0_{name}"] = fields | ({"password": password} if password else {})

    def token(name: str, scopes: str) -> str:
        plants.secrets[name] = tenant.core.tokens.access_token(f"{tenant.client_id}@clients", scopes, 3600)
        return plants.secrets[name]

    add("default", secret)
    one_line = pem.replace("\n", " ")
    add("key", private_key=one_line, private_key_id=tenant.private_key_id, journal_secret=fernet)
    add("key_file", private_key_path=key_file)
    add("token", access_token=token("ready token", "read:users update:users update:users_app_metadata"))
    add("proxy", secret, proxy=f"http://user:{proxy_password}@127.0.0.1:{proxy_port}")
    add("narrow", access_token=token("narrow token", "update:users"))
    add("wrong", plants.new("wrong secret"))
    add("bad_key", private_key=broken)
    add("two_ways", secret, private_key=pem)
    add("unknown_extra", client_secert=secret)
