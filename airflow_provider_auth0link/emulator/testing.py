"""
A tenant for your tests.

Install ``airflow-provider-auth0link[emulator]`` and name the fixture in your ``conftest.py``::

    from airflow_provider_auth0link.emulator.testing import auth0_tenant

    __all__ = ["auth0_tenant"]

Then a test has an empty tenant of its own, and leads the connection there::

    def test_my_task(auth0_tenant, monkeypatch):
        auth0_tenant.add_user({"user_id": "auth0|1", "email": "ada@example.com"})
        auth0_tenant.add_user({"user_id": "google-oauth2|2", "email": "ada@example.com"})
        auth0_tenant.faults.add("reset_after", route="link")
        monkeypatch.setenv("AIRFLOW_CONN_AUTH0_DEFAULT", auth0_tenant.connection())

        my_task.execute({})

        assert auth0_tenant.links_applied == {("auth0|1", "google-oauth2|2"): 1}

Users may hold ``roles``, ``permissions`` and ``organizations``; ``state()`` tells all that a tenant knows, to
compare one moment with another. For other settings (limits, latency, another reading of Auth0's documentation)
make your own::

    @pytest.fixture
    def slow_tenant():
        with Emulator(plan="professional", latency=0.14) as tenant:
            yield tenant
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_provider_auth0link.emulator.server import Emulator

__all__ = ["Emulator", "auth0_tenant"]


@pytest.fixture
def auth0_tenant() -> Iterator[Emulator]:
    """Serve an empty Auth0 tenant on a free loopback port for one test."""
    with Emulator() as tenant:
        yield tenant
