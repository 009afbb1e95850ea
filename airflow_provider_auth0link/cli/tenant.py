"""The local tenant, for the commands that run one."""

from __future__ import annotations

from types import ModuleType

from airflow_provider_auth0link.errors import InputError

EXTRA = frozenset({"starlette", "uvicorn"})
"""What the extra ``[emulator]`` installs."""


def emulator_module() -> ModuleType:
    """
    Import the emulator's server.

    :raises InputError: when the extra ``[emulator]`` is not installed
    """
    try:
        from airflow_provider_auth0link.emulator import server
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in EXTRA:
            raise
        raise InputError(
            'the local tenant is not installed. Run: pip install "airflow-provider-auth0link[emulator]"'
        ) from error
    return server
