"""Link (merge) Auth0 user accounts from Apache Airflow."""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"


def get_provider_info() -> dict[str, Any]:
    """Return the metadata that Airflow's provider discovery reads. Imports no Airflow."""
    from airflow_provider_auth0link.provider_info import provider_info

    return provider_info()
