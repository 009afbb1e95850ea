"""What Airflow's provider discovery reads. Imports no Airflow: each of its processes calls this."""

from __future__ import annotations

from typing import Any

PACKAGE, INTEGRATION = "airflow_provider_auth0link", "Auth0"
HOOK = f"{PACKAGE}.hooks.auth0.Auth0Hook"
HOOK_NAME = "Auth0 Management API"

UI_HIDDEN = ("schema",)
UI_LABELS = {"host": "Tenant domain", "login": "Client ID", "password": "Client secret"}
UI_PLACEHOLDERS = {"host": "acme.eu.auth0.com"}

FIELDS: dict[str, dict[str, Any]] = {
    "private_key": {
        "label": "Private key (PEM)",
        "description": "Instead of the secret: private_key_jwt. Paste the PEM; lost newlines are mended.",
        "schema": {"type": ["string", "null"], "format": "password"},
    },
    "private_key_path": {
        "label": "Private key file",
        "description": "Path of the PEM on every worker, instead of pasting it.",
        "schema": {"type": ["string", "null"]},
    },
    "private_key_id": {
        "label": "Private key id",
        "description": "The kid that Auth0 shows for the credential. Optional.",
        "schema": {"type": ["string", "null"]},
    },
    "signing_alg": {
        "label": "Signing algorithm",
        "description": "Of the client assertion: RS256 (default), RS384 or PS256.",
        "schema": {"type": ["string", "null"], "enum": ["RS256", "RS384", "PS256"]},
    },
    "access_token": {
        "label": "Access token",
        "description": "A ready Management API token instead of secret or key. Never refreshed.",
        "schema": {"type": ["string", "null"], "format": "password"},
    },
    "audience": {
        "label": "API audience",
        "description": "Default https://{host}/api/v2/. With a custom domain: the canonical tenant's.",
        "schema": {"type": ["string", "null"]},
    },
    "requests_per_second": {
        "label": "Requests per second, at most",
        "description": "An upper bound for one process, when wanted. The tenant's own limits are learned.",
        "schema": {"type": ["number", "null"], "exclusiveMinimum": 0},
    },
    "rate_share": {
        "label": "Rate share",
        "description": "Over 0 to 1, default 0.8: the part of the bucket to draw on. The rest is for others.",
        "schema": {"type": ["number", "null"], "exclusiveMinimum": 0, "maximum": 1},
    },
    "journal_secret": {
        "label": "Journal secret",
        "description": "Fernet keys, comma-separated: the first encrypts snapshots in journals, all decrypt.",
        "schema": {"type": ["string", "null"], "format": "password"},
    },
    "timeout": {
        "label": "Timeout (s)",
        "description": "Seconds to wait for an answer, default 15.",
        "schema": {"type": ["number", "null"], "exclusiveMinimum": 0},
    },
    "verify": {
        "label": "Verify TLS",
        "description": "true (default) or the path of a CA bundle. false is taken on loopback only.",
        "schema": {"type": ["string", "null"]},
    },
    "proxy": {
        "label": "Proxy",
        "description": "URL of the proxy on the way to Auth0, such as http://proxy.example.com:3128.",
        "schema": {"type": ["string", "null"]},
    },
}
"""The extras as fields of the connection form: declared so since Airflow 3.2, and reused for the older form."""


def provider_info() -> dict[str, Any]:
    """Return the provider's metadata in the form of ``airflow/provider_info.schema.json``."""
    return {
        "package-name": "airflow-provider-auth0link",
        "name": "Auth0 account linking",
        "description": "Links (merges) Auth0 user accounts: hook, operators, a local tenant to rehearse on.",
        "integrations": [
            {
                "integration-name": INTEGRATION,
                "external-doc-url": "https://auth0.com/docs/manage-users/user-accounts/user-account-linking",
                "tags": ["service"],
            }
        ],
        "operators": _modules("operators", "link", "batch", "undo", "export", "plan"),
        "hooks": _modules("hooks", "auth0"),
        "triggers": _modules("triggers", "export"),
        "connection-types": [
            {
                "connection-type": "auth0",
                "hook-class-name": HOOK,
                "hook-name": HOOK_NAME,
                "ui-field-behaviour": {
                    "hidden-fields": list(UI_HIDDEN),
                    "relabeling": dict(UI_LABELS),
                    "placeholders": dict(UI_PLACEHOLDERS),
                },
                "conn-fields": FIELDS,
            }
        ],
        # Links of Airflow 2 are rebuilt in the web server, which knows them by this list alone.
        "extra-links": [f"{PACKAGE}.operators.links.Auth0UserLink"],
    }


def _modules(room: str, *names: str) -> list[dict[str, Any]]:
    """Name the modules of a room."""
    modules = [f"{PACKAGE}.{room}.{name}" for name in names]
    return [{"integration-name": INTEGRATION, "python-modules": modules}]
