"""The letterbox: what a connection says, checked field by field before anything is sent."""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from airflow_provider_auth0link.errors import SettingsError
from airflow_provider_auth0link.keys import SIGNING_ALGORITHMS, is_fernet_key, rsa_pem

EXTRAS = (
    "access_token",
    "audience",
    "journal_secret",
    "private_key",
    "private_key_id",
    "private_key_path",
    "proxy",
    "rate_share",
    "requests_per_second",
    "signing_alg",
    "timeout",
    "verify",
)
"""The extras that are read. Any other is an error: a typo must not switch a safeguard off in silence."""

_OF_THE_FORM = "extra__auth0__"
"""What the forms of Airflow 2 put before the name of an extra."""

RATE_SHARE = 0.8
TIMEOUT_S = 15.0
_DEFAULT_PORTS = {"https": ":443", "http": ":80"}
"""Left out of Host and audience: Auth0 names its API without them."""

_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*")

LONGEST_SHOWN = 200
"""Letters of a path that a message quotes."""


@dataclass(frozen=True, slots=True)
class Settings:
    """
    A connection, read and checked. Secrets are left out of ``repr``.

    ``base_url`` is scheme, host and port. ``timeout`` is in seconds, ``requests_per_second`` an upper
    bound for this process or None, ``rate_share`` how far the tenant's bucket may be drawn down.
    """

    base_url: str
    host: str
    audience: str
    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    private_key: str | None = field(default=None, repr=False)
    private_key_id: str | None = None
    signing_alg: str = "RS256"
    access_token: str | None = field(default=None, repr=False)
    requests_per_second: float | None = None
    rate_share: float = RATE_SHARE
    journal_secret: str | None = field(default=None, repr=False)
    timeout: float = TIMEOUT_S
    verify: bool | str = True
    proxy: str | None = field(default=None, repr=False)

    @property
    def loopback(self) -> bool:
        """Whether the tenant is on this machine: an emulator."""
        return is_loopback(urlsplit(self.base_url).hostname or "")

    @property
    def has_credentials(self) -> bool:
        """Whether a Management token can be had at all."""
        return bool(self.access_token or (self.client_id and (self.client_secret or self.private_key)))

    @classmethod
    def from_connection(
        cls,
        *,
        host: str | None,
        login: str | None = None,
        password: str | None = None,
        port: int | None = None,
        schema: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> Settings:
        """
        Read the fields of an Airflow connection.

        Extras from a URI are strings: coerced. None and '' mean unset: Airflow 3.3's form saves every field.

        :raises SettingsError: naming the field and the mend, never the value of a secret
        """
        if schema:
            raise SettingsError("Schema must be empty: the tenant is named by Host alone")
        extras = _known(extra or {})
        base_url, netloc = _base_url(host, port)
        settings = cls(
            base_url=base_url,
            host=netloc,
            audience=_text(extras, "audience") or f"https://{netloc}/api/v2/",
            client_id=login or None,
            client_secret=password or None,
            private_key=_private_key(extras),
            private_key_id=_text(extras, "private_key_id"),
            signing_alg=_one_of(extras, "signing_alg", SIGNING_ALGORITHMS),
            access_token=_bearer(extras),
            requests_per_second=_number(extras, "requests_per_second"),
            rate_share=_number(extras, "rate_share", most=1.0) or RATE_SHARE,
            journal_secret=_journal_secret(extras),
            timeout=_number(extras, "timeout") or TIMEOUT_S,
            verify=_verify(extras),
            proxy=_proxy(extras),
        )
        settings._check_together()
        return settings

    def _check_together(self) -> None:
        if self.client_secret and self.private_key:
            raise SettingsError("Password (client secret) and extra private_key are both set. Keep one")
        if self.access_token and (self.client_secret or self.private_key):
            raise SettingsError("extra access_token stands beside a client secret or private key. Keep one")
        if (self.client_secret or self.private_key) and not self.client_id:
            raise SettingsError("Login (client id) is missing beside the client secret or private key")
        if self.verify is False and not self.loopback:
            raise SettingsError("extra verify may be false on loopback only. Give the path of a CA bundle")


def is_loopback(hostname: str) -> bool:
    """Tell whether a host name is this machine."""
    with suppress(ValueError):
        return hostname == "localhost" or ipaddress.ip_address(hostname).is_loopback
    return False


def _known(extra: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the extras that are set, by their plain names; refuse those that are not known.

    The forms of Airflow 2 send each field under its widget's name, ``extra__auth0__rate_share``: its test button beside
    the plain name, and old tools save nothing else. Where both are there the plain one rules.
    """
    plain = {name: name.removeprefix(_OF_THE_FORM) for name in extra}
    unknown = sorted(name for name in extra if plain[name] not in EXTRAS)
    if unknown:
        raise SettingsError(f"unknown extras {unknown}; known are {list(EXTRAS)}")
    ours = {name: value for name, value in extra.items() if value is not None and value != ""}
    return {plain[name]: ours.get(plain[name], value) for name, value in ours.items()}


def _base_url(host: str | None, port: int | None) -> tuple[str, str]:
    text = (host or "").strip()
    if not text:
        raise SettingsError("Host is empty. Give the tenant's domain, such as acme.eu.auth0.com")
    url = _split(text if "://" in text else f"https://{text}", "Host")
    if url.username is not None or url.password is not None:
        raise SettingsError("Host holds user info. The client id belongs to Login, the secret to Password")
    if url.path not in {"", "/"} or url.query or url.fragment or "?" in text or "#" in text:
        raise SettingsError("Host holds a path. Give the tenant's domain alone, such as acme.eu.auth0.com")
    hostname = (url.hostname or "").rstrip(".")
    if not hostname or not (_HOST.fullmatch(hostname) or is_loopback(hostname)):
        raise SettingsError("Host is no domain name. Give the tenant's domain, such as acme.eu.auth0.com")
    if url.scheme not in {"https", "http"}:
        raise SettingsError(f"Host has the scheme {url.scheme!r}. Give the domain alone, https is meant")
    if url.scheme == "http" and not is_loopback(hostname):
        raise SettingsError("Host asks for plain http, which is taken for loopback addresses only")
    netloc = f"[{hostname}]" if ":" in hostname else hostname
    number = _port(url.port, port).removesuffix(_DEFAULT_PORTS[url.scheme])
    return f"{url.scheme}://{netloc}{number}", f"{netloc}{number}"


def _split(url: str, where: str) -> SplitResult:
    """Split a URL whose port can be read; the library's messages quote what may be a password."""
    with suppress(ValueError):
        parts = urlsplit(url)
        if parts.port != 0:
            return parts
    raise SettingsError(f"{where} is no URL, or its port is no number from 1 to 65535")


def _port(in_host: int | None, field_port: int | None) -> str:
    if field_port and not 0 < field_port < 2**16:
        raise SettingsError(f"Port is {field_port}, which is no number from 1 to 65535")
    if in_host and field_port and in_host != field_port:
        raise SettingsError(f"Host says port {in_host}, Port says {field_port}. Keep one of them")
    number = in_host or field_port
    return f":{number}" if number else ""


def _text(extras: Mapping[str, Any], name: str) -> str | None:
    value = extras.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise SettingsError(f"extra {name} must be text, not {type(value).__name__}")
    return value


def _bearer(extras: Mapping[str, Any]) -> str | None:
    token = _text(extras, "access_token")
    if token is not None and not re.fullmatch(r"[\x21-\x7e]+", token.strip()):
        raise SettingsError("extra access_token holds white space or letters that no token has")
    return token.strip() if token else None


def _one_of(extras: Mapping[str, Any], name: str, known: tuple[str, ...]) -> str:
    value = _text(extras, name) or known[0]
    if value not in known:
        raise SettingsError(f"extra {name} is {value!r}; known are {list(known)}")
    return value


def _number(extras: Mapping[str, Any], name: str, most: float = math.inf) -> float | None:
    value = extras.get(name)
    if value is None:
        return None
    wanted = f"extra {name} must be a number over 0" + (f" and at most {most:g}" if most < math.inf else "")
    if isinstance(value, bool):
        raise SettingsError(wanted)
    number = math.nan
    with suppress(TypeError, ValueError, OverflowError):  # whose texts quote the value
        number = float(value)
    if not (math.isfinite(number) and 0 < number <= most):
        raise SettingsError(wanted if math.isnan(number) else f"{wanted}, not {number:g}")
    return number


def _private_key(extras: Mapping[str, Any]) -> str | None:
    text, path = _text(extras, "private_key"), _text(extras, "private_key_path")
    if text and path:
        raise SettingsError("both extras private_key and private_key_path are set. Keep one of them")
    if path:
        # Raised outside the block: the error inside may hold the file's bytes, and would be kept as the context.
        with suppress(OSError, ValueError):
            text = Path(path).read_text(encoding="ascii")
        if not text:
            raise SettingsError(f"extra private_key_path: {_shown(path)} cannot be read as a PEM file")
    return rsa_pem(text, "private_key_path" if path else "private_key") if text else None


def _verify(extras: Mapping[str, Any]) -> bool | str:
    value = extras.get("verify", True)
    if isinstance(value, bool):
        return value
    if not isinstance(value, str):
        raise SettingsError("extra verify must be true, false or the path of a CA bundle")
    if (word := value.strip().lower()) in {"true", "false"}:
        return word == "true"
    with suppress(OSError):  # such as a name too long, when the bundle itself was pasted
        if Path(value).exists():
            return value
    raise SettingsError(f"extra verify: no CA bundle at {_shown(value)}. Give true, or the path of one")


def _shown(path: str) -> str:
    """Quote a path, unless a key was pasted in its place."""
    return repr(path) if len(path) <= LONGEST_SHOWN and "-----" not in path else "what is no path"


def _proxy(extras: Mapping[str, Any]) -> str | None:
    value = _text(extras, "proxy")
    if value is None:
        return None
    url = _split(value, "extra proxy")
    if url.scheme not in {"http", "https", "socks5", "socks5h"} or not url.hostname:
        raise SettingsError("extra proxy must be a URL, such as http://proxy.example.com:3128")
    return value


def _journal_secret(extras: Mapping[str, Any]) -> str | None:
    value = _text(extras, "journal_secret")
    if value is not None and not all(is_fernet_key(key.strip()) for key in value.split(",")):
        raise SettingsError(
            "extra journal_secret must hold Fernet keys, comma-separated; one of them is none"
        )
    return value
