"""Airflow's connections, read into settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import BaseHook

from airflow_provider_auth0link.hooks.failing import failing_for_good
from airflow_provider_auth0link.settings import Settings

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Connection


def settings_of(connection: Connection) -> Settings:
    """
    Check a connection.

    :raises SettingsError: naming the field and the mend
    """
    with failing_for_good():
        return Settings.from_connection(
            host=connection.host,
            login=connection.login,
            password=connection.password,
            port=connection.port,
            schema=connection.schema,
            extra=connection.extra_dejson,
        )


async def asettings(conn_id: str) -> Settings:
    """Read and check a connection without blocking an event loop."""
    if hasattr(BaseHook, "aget_connection"):  # from Airflow 3.1 on
        return settings_of(await BaseHook.aget_connection(conn_id))
    from asgiref.sync import sync_to_async

    return settings_of(await sync_to_async(BaseHook.get_connection)(conn_id))
