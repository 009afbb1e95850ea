"""The only module that opens sockets. It sends once; it neither retries nor reads meaning."""

from __future__ import annotations

from collections.abc import Mapping

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase

from airflow_provider_auth0link.api.wire import Request, Response
from airflow_provider_auth0link.errors import AmbiguousError, UnsentError
from airflow_provider_auth0link.settings import Settings

LIBRARY = f"python-requests/{requests.__version__}"
"""For the User-Agent."""

POOL_SIZE = 64
"""Connections kept open: the widest run that a pace can ask for, more only wait for a free one."""


class _OwnAuthorization(AuthBase):
    """Leave the Authorization header as it is: without this, a ~/.netrc entry would replace the token."""

    def __call__(self, prepared: requests.PreparedRequest) -> requests.PreparedRequest:
        return prepared


class HttpTransport:
    """
    A pool of connections to one tenant. Safe for many threads.

    Proxies and CA bundles of the environment apply, but never to a loopback address.
    """

    def __init__(self, settings: Settings) -> None:
        self._base_url = settings.base_url
        self._timeout = settings.timeout
        session = requests.Session()
        session.auth = _OwnAuthorization()
        session.trust_env = not settings.loopback
        if settings.verify is not True:
            session.verify = settings.verify
        if settings.proxy:
            session.proxies = {"http": settings.proxy, "https": settings.proxy}
        adapter = HTTPAdapter(pool_connections=4, pool_maxsize=POOL_SIZE, max_retries=0)
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        self._session = session

    def send(self, request: Request, headers: Mapping[str, str]) -> Response:
        """
        Send once.

        :raises UnsentError: when no connection was made
        :raises AmbiguousError: when there was no whole answer
        """
        try:
            answer = self._session.request(
                request.method,
                self._base_url + request.path,
                json=request.json,
                data=request.form,
                headers=headers,
                timeout=self._timeout,
                allow_redirects=False,  # a redirect would carry the token to another place
            )
        except requests.RequestException as error:
            raise _translated(request, error) from None
        lower = {name.lower(): value for name, value in answer.headers.items()}
        return Response(answer.status_code, lower, answer.content)

    def close(self) -> None:
        """Close the pool."""
        self._session.close()


def _translated(request: Request, error: requests.RequestException) -> UnsentError | AmbiguousError:
    """Say whether the request can have reached Auth0. The library's texts hold URLs with ids: left out."""
    if _certificate_refused(error):
        return UnsentError(f"no TLS connection for {request.name}: the certificate or the CA bundle is wrong")
    if isinstance(error, requests.exceptions.ProxyError):
        return UnsentError(f"no connection for {request.name}: the proxy refused or is not there")
    if isinstance(error, requests.exceptions.ConnectTimeout) or _never_connected(error):
        return UnsentError(f"no connection for {request.name}: check Host, DNS and the network")
    if isinstance(error, requests.exceptions.Timeout):
        return AmbiguousError(f"no answer to {request.name} within the timeout")
    return AmbiguousError(f"the connection broke during {request.name}")


def _never_connected(error: requests.RequestException) -> bool:
    from urllib3.exceptions import MaxRetryError, NewConnectionError

    inner = error.args[0] if error.args else None
    return isinstance(inner, MaxRetryError) and isinstance(inner.reason, NewConnectionError)


def _certificate_refused(error: requests.RequestException) -> bool:
    """Tell a handshake that failed on the certificate, which sent nothing, from other TLS trouble."""
    import ssl

    inner = error.args[0] if error.args else None
    reason = getattr(inner, "reason", None)
    causes = [reason, *getattr(reason, "args", ()), getattr(reason, "__cause__", None)]
    return any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes)
