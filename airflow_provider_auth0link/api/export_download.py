"""
Fetching what an export job made. Beside the transport the only module that opens sockets.

The file lies at another host, which is told nothing of us: no token, no cookies, no header of ours. Its URL is signed,
and as good as a password: it stands in no message and no error.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError

from airflow_provider_auth0link.api.exports import check_location
from airflow_provider_auth0link.errors import ExportError
from airflow_provider_auth0link.settings import Settings, is_loopback

PART_BYTES = 1 << 18

OK = 200

Result = TypeVar("Result")


class Downloads(Protocol):
    """What fetches a location."""

    def __call__(self, url: str) -> Generator[bytes, None, None]:
        """Return the bytes that lie there, part by part."""


class _Nobody(AuthBase):
    """Send no credentials: without this, a ~/.netrc entry for the host would be sent."""

    def __call__(self, prepared: requests.PreparedRequest) -> requests.PreparedRequest:
        return prepared


def downloads(settings: Settings) -> Downloads:
    """Return what fetches locations as the connection says: its timeout, proxy and TLS settings."""

    def download(url: str) -> Generator[bytes, None, None]:
        check_location(url, settings)
        with _answer(url, settings) as answer:
            if answer.status_code != OK:
                raise ExportError(
                    f"the location of the export answered {answer.status_code}: it lives 60 seconds"
                )
            parts = answer.raw.stream(PART_BYTES, decode_content=False)
            while part := _told(lambda: next(parts, b"")):
                yield part

    return download


@contextmanager
def _answer(url: str, settings: Settings) -> Iterator[requests.Response]:
    with requests.Session() as session:
        session.auth = _Nobody()
        session.trust_env = not is_loopback(urlsplit(url).hostname or "")
        proxies = {"http": settings.proxy, "https": settings.proxy} if settings.proxy else {}
        answer = _told(
            lambda: session.get(
                url,
                headers={"accept-encoding": "gzip", "user-agent": "airflow-provider-auth0link"},
                timeout=settings.timeout,
                verify=None if settings.verify is True else settings.verify,
                proxies=proxies,
                allow_redirects=False,
                stream=True,
            )
        )
        with answer:
            yield answer


def _told(act: Callable[[], Result]) -> Result:
    """Do it; of an error, say what is known of it, without the library's text or cause: both hold the URL."""
    try:
        return act()
    except requests.exceptions.Timeout:
        what = "no answer within the timeout"
    except requests.exceptions.SSLError:
        what = "no TLS connection. Check the extra verify, and the certificate of a proxy on the way"
    except requests.exceptions.ProxyError:
        what = "the proxy refused, or is not there"
    except (requests.RequestException, HTTPError, OSError, ValueError):
        what = "the connection broke, or there was none"
    raise ExportError(f"the download of the export: {what}")
