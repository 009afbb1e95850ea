"""The only module that opens sockets to the API. It sends once; it neither retries nor reads meaning."""

from __future__ import annotations

from collections.abc import Mapping
from http.client import BadStatusLine, RemoteDisconnected

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.exceptions import ProtocolError

from airflow_provider_auth0link.api import width
from airflow_provider_auth0link.api.wire import Request, Response
from airflow_provider_auth0link.errors import AmbiguousError, InputError, UnsentError
from airflow_provider_auth0link.settings import Settings

LIBRARY = f"python-requests/{requests.__version__}"
"""For the User-Agent."""

MOST_BYTES = 32 * 1024 * 1024
"""Of a body, decompressed. A hundred users are the longest page, and a profile of 100 KB is a very long one."""

PART_BYTES = 64 * 1024

POOL_SIZE = 2 * width.MOST
"""Connections kept open: those of the widest run, and as many again for others in the process."""


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
        # Given with each request: of a session's own, the environment's would take precedence.
        self._verify = None if settings.verify is True else settings.verify
        self._proxies = {"http": settings.proxy, "https": settings.proxy} if settings.proxy else {}
        session = requests.Session()
        session.auth = _OwnAuthorization()
        session.trust_env = not settings.loopback
        adapter = HTTPAdapter(pool_connections=4, pool_maxsize=POOL_SIZE, max_retries=0)
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        self._session = session

    def send(self, request: Request, headers: Mapping[str, str]) -> Response:
        """
        Send once.

        :raises UnsentError: when no connection was made
        :raises AmbiguousError: when there was no whole answer
        :raises InputError: when it cannot be sent as it is
        """
        try:
            answer = self._session.request(
                request.method,
                self._base_url + request.path,
                json=request.json,
                data=request.form,
                headers=headers,
                timeout=self._timeout,
                verify=self._verify,
                proxies={**self._proxies},
                allow_redirects=False,  # a redirect would carry the token to another place
                stream=True,
            )
            body = _whole_body(request, answer)
        except requests.RequestException as error:
            raise _translated(request, error) from None
        except OSError:  # the library's own for a CA bundle that went away
            raise UnsentError(f"no TLS connection for {request.name}: the CA bundle cannot be read") from None
        lower = {name.lower(): value for name, value in answer.headers.items()}
        return Response(answer.status_code, lower, body)

    def close(self) -> None:
        """Close the pool."""
        self._session.close()


def _whole_body(request: Request, answer: requests.Response) -> bytes:
    """Read a body, but no endless one: a few compressed bytes can stand for gigabytes."""
    parts: list[bytes] = []
    size = 0
    for part in answer.iter_content(PART_BYTES):
        parts.append(part)
        size += len(part)
        if size > MOST_BYTES:
            answer.close()
            raise AmbiguousError(f"the answer to {request.name} is larger than any of Auth0's")
    return b"".join(parts)


def _translated(
    request: Request, error: requests.RequestException
) -> UnsentError | AmbiguousError | InputError:
    """Say whether the request can have reached Auth0. The library's texts hold URLs with ids: left out."""
    if isinstance(error, requests.exceptions.InvalidSchema):
        return InputError("extra proxy: SOCKS support is not installed (pip install 'requests[socks]')")
    if isinstance(error, ValueError | requests.exceptions.InvalidJSONError):
        return InputError(f"{request.name} cannot be sent: its body, a header or extra proxy is not valid")
    if _certificate_refused(error):
        return UnsentError(f"no TLS connection for {request.name}: the certificate or the CA bundle is wrong")
    if isinstance(error, requests.exceptions.ConnectTimeout) or _never_connected(error):
        by_proxy = isinstance(error, requests.exceptions.ProxyError)
        look = "the proxy refused or is not there" if by_proxy else "check Host, DNS and the network"
        return UnsentError(f"no connection for {request.name}: {look}")
    if isinstance(error, requests.exceptions.Timeout):
        return AmbiguousError(f"no answer to {request.name} within the timeout")
    look = ": is Host served by http or https, and on this port?" if _spoke_otherwise(error) else ""
    return AmbiguousError(f"the connection broke during {request.name}{look}")


def _spoke_otherwise(error: requests.RequestException) -> bool:
    """Tell the trouble of TLS with a plain port, and of plain HTTP with one of TLS."""
    inner = error.args[0] if error.args else None
    cause = inner.args[-1] if isinstance(inner, ProtocolError) and inner.args else None
    return isinstance(error, requests.exceptions.SSLError) or (
        isinstance(cause, BadStatusLine) and not isinstance(cause, RemoteDisconnected)  # just hung up
    )


def _never_connected(error: requests.RequestException) -> bool:
    """Look for the cause: an answer that got lost behind a proxy is a ``ProxyError`` to the library as well."""
    from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

    reason = getattr(error.args[0] if error.args else None, "reason", None)
    cause = getattr(reason, "original_error", reason)
    refused = isinstance(cause, OSError) and str(cause).startswith("Tunnel connection failed")
    return refused or isinstance(cause, NewConnectionError | ConnectTimeoutError)


def _certificate_refused(error: requests.RequestException) -> bool:
    """Tell a certificate or bundle that will not do, with which nothing was sent, from other TLS trouble."""
    import ssl

    inner = error.args[0] if error.args else None
    reason = getattr(inner, "reason", None)
    causes = [reason, *getattr(reason, "args", ()), getattr(reason, "__cause__", None)]
    return any(
        isinstance(cause, ssl.SSLCertVerificationError)
        or (isinstance(cause, ssl.SSLError) and cause.library in {"X509", "PEM"})  # reading the bundle
        for cause in causes
    )
