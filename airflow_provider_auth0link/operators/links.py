"""The button that leads from a task to the user in Auth0's dashboard."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

if TYPE_CHECKING:
    from airflow_provider_auth0link.model import UserId
    from airflow_provider_auth0link.settings import Settings

URL_KEY = "auth0_user_url"
"""The XCom that the link is read from: Airflow 2 builds links in the web server, which knows no connection."""

_TENANT = re.compile(r"(?P<name>[^.]+)(\.(?P<region>[^.]+))?\.auth0\.com")


def dashboard_url(settings: Settings, user_id: UserId) -> str:
    """
    Return the address of a user's page.

    The form is that of Auth0's own command line tool (``auth0 users open``). The canonical domain is in the
    audience when Host is a custom domain. A tenant on this machine has no dashboard: its API is named.
    """
    user = quote(str(user_id), safe="")
    for host in (settings.host, urlsplit(settings.audience).netloc):
        tenant = _TENANT.fullmatch(host)
        if tenant:
            place = f"{tenant['region'] or 'us'}/{tenant['name']}"
            return f"https://manage.auth0.com/dashboard/{place}/users/{user}"
    if settings.loopback:
        return f"{settings.base_url}/api/v2/users/{user}"
    return f"https://manage.auth0.com/#/users/{user}"


class Auth0UserLink(BaseOperatorLink):
    """Extra link "Auth0 user" of the operators for one pair."""

    name = "Auth0 user"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the address that the task pushed, '' before it has run."""
        return XCom.get_value(ti_key=ti_key, key=URL_KEY) or ""
