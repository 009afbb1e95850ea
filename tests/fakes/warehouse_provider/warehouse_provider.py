"""
An Airflow provider of the tests' own: connections of type ``warehouse`` are SQLite files.

Put this folder on PYTHONPATH, and Airflow finds it as it finds any installed one. Airflow's own SQLite provider is not
part of Airflow 3.
"""

from __future__ import annotations

from typing import Any


def provider_info() -> dict[str, Any]:
    """Return what Airflow's discovery reads, before it can be imported itself."""
    return {
        "package-name": "auth0link-test-warehouse",
        "name": "Warehouse",
        "description": "SQLite files",
        "connection-types": [
            {"connection-type": "warehouse", "hook-class-name": "warehouse_hook.WarehouseHook"}
        ],
    }
