"""The Airflow connection that leads to a tenant."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_auth0link.emulator.tenant import Tenant

FIELDS = frozenset({"conn_type", "host", "login", "password", "port", "schema", "description"})


def connection_json(tenant: Tenant, **overrides: Any) -> str:  # noqa: ANN401 - JSON
    """
    Return a connection as ``AIRFLOW_CONN_AUTH0_DEFAULT`` takes it.

    :param overrides: fields to replace; what is no field of a connection goes into its extra.
        None takes a field out: ``connection_json(tenant, password=None, private_key=pem)``
    """
    extra = {**overrides.pop("extra", {}), **{name: overrides[name] for name in overrides.keys() - FIELDS}}
    fields = {
        "conn_type": "auth0",
        "host": tenant.tokens.issuer.rstrip("/"),
        "login": tenant.tokens.client_id,
        "password": tenant.client_secret,
        **{name: value for name, value in overrides.items() if name in FIELDS},
        "extra": {name: value for name, value in extra.items() if value is not None},
    }
    return json.dumps({name: value for name, value in fields.items() if value is not None})
