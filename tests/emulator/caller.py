"""A plain client for the tests: nothing of the package's own."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import requests

from airflow_provider_auth0link.emulator.server import Emulator


class Caller:
    """Calls a tenant's Management API with a token of its own."""

    def __init__(self, tenant: Emulator) -> None:
        self.tenant = tenant
        self.session = requests.Session()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.session.close()

    def token(self, **changes: Any) -> requests.Response:
        form = {
            "grant_type": "client_credentials",
            "client_id": self.tenant.client_id,
            "client_secret": self.tenant.client_secret,
            "audience": f"{self.tenant.url}/api/v2/",
            **changes,
        }
        given = {name: value for name, value in form.items() if value is not None}
        return self.session.post(f"{self.tenant.url}/oauth/token", data=given, timeout=30)

    def log_in(self, **changes: Any) -> None:
        self.bear(self.token(**changes).json()["access_token"])

    def bear(self, token: str) -> None:
        self.session.headers["Authorization"] = f"Bearer {token}"

    def __call__(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.session.request(method, f"{self.tenant.url}/api/v2/{path}", **{"timeout": 30, **options})

    def get(self, user_id: str, **params: Any) -> requests.Response:
        return self("GET", f"users/{segment(user_id)}", params=params)

    def patch(self, user_id: str, body: Any) -> requests.Response:
        return self("PATCH", f"users/{segment(user_id)}", json=body)

    def link(self, primary: str, **body: Any) -> requests.Response:
        return self("POST", f"users/{segment(primary)}/identities", json=body)

    def unlink(self, primary: str, provider: str, user_id: str) -> requests.Response:
        return self("DELETE", f"users/{segment(primary)}/identities/{segment(provider)}/{segment(user_id)}")


def segment(text: str) -> str:
    """Encode one path segment whole."""
    return quote(text, safe="")


def refusal(response: requests.Response) -> tuple[int, str]:
    """Return status and text of an error."""
    return response.status_code, response.json()["message"]


def eventually(is_so: Callable[[], bool]) -> bool:
    """Wait for what another thread brings about; a minute at most."""
    for _ in range(6000):
        if is_so():
            return True
        time.sleep(0.01)
    return False
