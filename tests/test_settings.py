from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jwt
import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.serialization import PrivateFormat

from airflow_provider_auth0link.errors import InputError, SettingsError
from airflow_provider_auth0link.keys import mended_pem
from airflow_provider_auth0link.provider_info import FIELDS
from airflow_provider_auth0link.settings import EXTRAS, Settings, is_loopback
from tests.fakes.secrets import SECRET, ec_pem, pem, rsa_key, told_by

HOST = "acme.eu.auth0.com"
FERNET = Fernet.generate_key().decode()


def read(host: str | None = HOST, **fields: Any) -> Settings:
    """Read a connection: fields by their names, everything else as an extra."""
    own = {name: fields.pop(name) for name in ("login", "password", "port", "schema") if name in fields}
    return Settings.from_connection(host=host, **own, extra=fields)


def refused(host: str | None = HOST, **fields: Any) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        read(host, **fields)
    return caught.value


@pytest.mark.parametrize(
    ("host", "port", "base_url"),
    [
        pytest.param(HOST, None, f"https://{HOST}", id="domain"),
        pytest.param(f"https://{HOST}", None, f"https://{HOST}", id="https"),
        pytest.param(f"https://{HOST}/", None, f"https://{HOST}", id="slash at the end"),
        pytest.param(f"{HOST}.", None, f"https://{HOST}", id="dot at the end"),
        pytest.param(f"  {HOST}\n", None, f"https://{HOST}", id="white space around"),
        pytest.param("ACME.eu.Auth0.com", None, f"https://{HOST}", id="upper case"),
        pytest.param(f"{HOST}:8443", None, f"https://{HOST}:8443", id="port in Host"),
        pytest.param(f"{HOST}:", None, f"https://{HOST}", id="colon without a port"),
        pytest.param(HOST, 8443, f"https://{HOST}:8443", id="port in Port"),
        pytest.param(HOST, 443, f"https://{HOST}", id="https's own port"),
        pytest.param("http://127.0.0.1:80", None, "http://127.0.0.1", id="http's own port"),
        pytest.param("http://127.0.0.1:8080", 0, "http://127.0.0.1:8080", id="Port 0 beside a port in Host"),
        pytest.param(f"{HOST}:8443", 8443, f"https://{HOST}:8443", id="one port in both"),
        pytest.param(HOST, 0, f"https://{HOST}", id="Port 0 is unset"),
        pytest.param("http://127.0.0.1:3000", None, "http://127.0.0.1:3000", id="http on loopback"),
        pytest.param("http://127.9.9.9", 3000, "http://127.9.9.9:3000", id="http on all of 127/8"),
        pytest.param("http://localhost", 3000, "http://localhost:3000", id="http on localhost"),
        pytest.param("http://[::1]:3000", None, "http://[::1]:3000", id="http on IPv6 loopback"),
        pytest.param("[::1]", 3000, "https://[::1]:3000", id="IPv6 loopback and Port"),
        pytest.param("192.0.2.7", None, "https://192.0.2.7", id="an address"),
    ],
)
def test_host_names_the_tenant(host: str, port: int | None, base_url: str) -> None:
    settings = read(host, port=port)

    assert settings.base_url == base_url
    assert settings.host == base_url.partition("://")[2]
    assert settings.audience == f"https://{settings.host}/api/v2/"


@pytest.mark.parametrize(
    ("host", "told"),
    [
        pytest.param(None, "Host is empty", id="none"),
        pytest.param("", "Host is empty", id="empty"),
        pytest.param("  ", "Host is empty", id="blank"),
        pytest.param(f"https://{HOST}/api/v2/", "Host holds a path", id="path"),
        pytest.param(f"{HOST}/login", "Host holds a path", id="path without scheme"),
        pytest.param(f"{HOST}//", "Host holds a path", id="two slashes"),
        pytest.param(f"{HOST}?x=1", "Host holds a path", id="query"),
        pytest.param(f"{HOST}?", "Host holds a path", id="empty query"),
        pytest.param(f"{HOST}#x", "Host holds a path", id="fragment"),
        pytest.param(f"{HOST}#", "Host holds a path", id="empty fragment"),
        pytest.param(f"client:{SECRET}@{HOST}", "Host holds user info", id="user info"),
        pytest.param(f"https://{SECRET}@{HOST}", "Host holds user info", id="user alone"),
        pytest.param(f"https://@{HOST}", "Host holds user info", id="empty user info"),
        pytest.param(f"client:{SECRET}", "Host is no URL, or its port", id="user info without the host"),
        pytest.param(f"{HOST}:65536", "Host is no URL, or its port", id="port too high"),
        pytest.param(f"{HOST}:0", "Host is no URL, or its port", id="port 0"),
        pytest.param(f"{HOST}:-1", "Host is no URL, or its port", id="port below 0"),
        pytest.param("https://[::1", "Host is no URL", id="half an IPv6 address"),
        pytest.param("http://::1", "Host is no", id="IPv6 without brackets"),
        pytest.param("https://[2001:db8::1]", "Host is no domain name", id="IPv6 elsewhere"),
        pytest.param("https://", "Host is no domain name", id="scheme alone"),
        pytest.param("acme eu.auth0.com", "Host is no domain name", id="space inside"),
        pytest.param("acme_eu.auth0.com", "Host is no domain name", id="underline"),
        pytest.param("äcme.auth0.com", "Host is no domain name", id="not ASCII"),
        pytest.param(f"-{HOST}", "Host is no domain name", id="dash in front"),
        pytest.param("acme..auth0.com", "Host is no domain name", id="two dots"),
        pytest.param(f"{'a' * 64}.auth0.com", "Host is no domain name", id="a label too long"),
        pytest.param("a." * 126 + "com", "Host is no domain name", id="too long"),
        pytest.param(f"{HOST}\\@evil.example", "Host holds user info", id="backslash"),
        pytest.param(f"ftp://{HOST}", "'ftp'", id="another scheme"),
        pytest.param(f"http://{HOST}", "plain http", id="http off loopback"),
        pytest.param(f"HTTP://{HOST}", "plain http", id="HTTP off loopback"),
        pytest.param("http://127.0.0.1.evil.example", "plain http", id="loopback as a label"),
        pytest.param("http://localhost.evil.example", "plain http", id="localhost as a label"),
        pytest.param("http://0.0.0.0", "plain http", id="http on every address"),
        pytest.param("http://10.0.0.1", "plain http", id="http in a private net"),
    ],
)
def test_a_host_that_is_no_tenant_is_refused(host: str | None, told: str) -> None:
    error = refused(host)

    assert told in str(error)
    assert SECRET not in told_by(error)


@pytest.mark.parametrize(
    ("host", "port", "told"),
    [
        pytest.param(f"{HOST}:8443", 443, "Host says port 8443, Port says 443", id="two ports"),
        pytest.param(HOST, 65536, "Port is 65536", id="too high"),
        pytest.param(HOST, -1, "Port is -1", id="below 0"),
    ],
)
def test_a_port_that_cannot_be_is_refused(host: str, port: int, told: str) -> None:
    assert told in str(refused(host, port=port))


def test_schema_must_be_empty() -> None:
    assert read(schema="").base_url == read(schema=None).base_url
    assert "Schema must be empty" in str(refused(schema="https"))


@pytest.mark.parametrize(
    ("hostname", "expected"),
    [
        pytest.param("localhost", True, id="localhost"),
        pytest.param("127.0.0.1", True, id="IPv4"),
        pytest.param("::1", True, id="IPv6"),
        pytest.param("0.0.0.0", False, id="every address"),
        pytest.param("notlocalhost", False, id="another name"),
        pytest.param("", False, id="empty"),
    ],
)
def test_loopback_is_this_machine_only(hostname: str, expected: bool) -> None:
    assert is_loopback(hostname) is expected


def test_loopback_is_told_by_the_host_without_its_port() -> None:
    assert read("http://[::1]:3000").loopback
    assert not read(f"{HOST}:3000").loopback


def test_the_defaults() -> None:
    settings = read()

    assert (settings.rate_share, settings.timeout, settings.requests_per_second) == (0.8, 15.0, None)
    assert (settings.signing_alg, settings.verify, settings.proxy) == ("RS256", True, None)
    assert not settings.has_credentials


@pytest.mark.parametrize("unset", [pytest.param(None, id="null"), pytest.param("", id="empty")])
def test_a_form_that_saves_every_field_unset_is_the_default(unset: str | None) -> None:
    # Airflow 3.3's form saves every field.
    assert read(login=unset, password=unset, **dict.fromkeys(EXTRAS, unset)) == read()


def test_no_extras_at_all_is_the_default() -> None:
    assert Settings.from_connection(host=HOST, extra=None) == read()


def test_the_form_offers_what_is_read() -> None:
    assert set(FIELDS) == set(EXTRAS)


def test_an_unknown_extra_is_named_beside_the_known_ones() -> None:
    told = str(refused(rate_shar=1, zeta=SECRET))

    assert "['rate_shar', 'zeta']" in told
    assert all(name in told for name in EXTRAS)
    assert SECRET not in told


@pytest.mark.parametrize(
    ("extras", "share"),
    [
        pytest.param({"extra__auth0__rate_share": "0.5"}, 0.5, id="alone"),
        pytest.param({"rate_share": "", "extra__auth0__rate_share": "0.5"}, 0.5, id="beside an empty one"),
        pytest.param({"rate_share": None, "extra__auth0__rate_share": 0.5}, 0.5, id="beside null"),
        pytest.param({"rate_share": "0.25", "extra__auth0__rate_share": "0.5"}, 0.25, id="after the plain"),
        pytest.param({"extra__auth0__rate_share": "0.5", "rate_share": "0.25"}, 0.25, id="before the plain"),
        pytest.param({"extra__auth0__rate_share": "", "rate_share": "0.25"}, 0.25, id="empty itself"),
        pytest.param({"extra__auth0__rate_share": ""}, 0.8, id="empty alone"),
    ],
)
def test_an_extra_may_bear_the_name_that_old_forms_give_it(extras: dict[str, Any], share: float) -> None:
    assert read(**extras).rate_share == share


@pytest.mark.parametrize(
    "name", ["extra__auth0__rate_shar", "extra__auth0__", "extra__auth0__extra__auth0__timeout"]
)
def test_an_unknown_extra_is_named_under_a_forms_name_too(name: str) -> None:
    told = str(refused(**{name: SECRET}))

    assert f"unknown extras ['{name}']" in told
    assert SECRET not in told


@pytest.mark.parametrize(
    ("extras", "field", "expected"),
    [
        pytest.param({"rate_share": "0.5"}, "rate_share", 0.5, id="rate_share from a URI"),
        pytest.param({"rate_share": 1}, "rate_share", 1.0, id="rate_share at its bound"),
        pytest.param({"rate_share": 1e-9}, "rate_share", 1e-9, id="rate_share just over 0"),
        pytest.param({"timeout": "30"}, "timeout", 30.0, id="timeout from a URI"),
        pytest.param({"timeout": 2.5}, "timeout", 2.5, id="timeout"),
        pytest.param({"requests_per_second": "16"}, "requests_per_second", 16.0, id="pace from a URI"),
        pytest.param({"requests_per_second": 0.2}, "requests_per_second", 0.2, id="pace under one"),
        pytest.param({"verify": "true"}, "verify", True, id="verify from a URI"),
        pytest.param({"verify": " True "}, "verify", True, id="verify in another case"),
        pytest.param({"verify": True}, "verify", True, id="verify"),
        pytest.param({"signing_alg": "RS384"}, "signing_alg", "RS384", id="RS384"),
        pytest.param({"signing_alg": "PS256"}, "signing_alg", "PS256", id="PS256"),
        pytest.param({"audience": "https://x/api/v2/"}, "audience", "https://x/api/v2/", id="audience"),
        pytest.param({"private_key_id": "kid"}, "private_key_id", "kid", id="private_key_id"),
        pytest.param({"access_token": " a.b-c_d \n"}, "access_token", "a.b-c_d", id="token, pasted"),
        pytest.param(
            {"proxy": f"http://me:{SECRET}@proxy.example:3128"},
            "proxy",
            f"http://me:{SECRET}@proxy.example:3128",
            id="proxy with a password",
        ),
        pytest.param({"proxy": "socks5h://[::1]:9"}, "proxy", "socks5h://[::1]:9", id="socks proxy"),
    ],
)
def test_an_extra_is_read(extras: dict[str, Any], field: str, expected: object) -> None:
    value = getattr(read(**extras), field)

    assert value == expected
    assert type(value) is type(expected)


def test_extras_of_a_connection_uri_are_coerced() -> None:
    # As Airflow gives them: every value a string.
    extra = json.loads('{"rate_share": "0.25", "timeout": "5", "verify": "false"}')
    settings = Settings.from_connection(host="http://127.0.0.1", port=3000, extra=extra)

    assert (settings.rate_share, settings.timeout, settings.verify) == (0.25, 5.0, False)


NUMBERS = ("rate_share", "timeout", "requests_per_second")


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize(
    "value",
    [
        pytest.param(0, id="zero"),
        pytest.param("0", id="zero from a URI"),
        pytest.param(-1, id="below zero"),
        pytest.param(float("nan"), id="NaN"),
        pytest.param("nan", id="NaN from a URI"),
        pytest.param(float("inf"), id="infinite"),
        pytest.param("1e999", id="infinite from a URI"),
        pytest.param(10**400, id="an integer beyond floats"),
        pytest.param(True, id="true"),
        pytest.param(False, id="false"),
        pytest.param("fast", id="a word"),
        pytest.param("true", id="true from a URI"),
        pytest.param([1], id="a list"),
    ],
)
def test_a_number_that_is_none_is_refused(name: str, value: Any) -> None:
    assert f"extra {name} must be a number over 0" in str(refused(**{name: value}))


@pytest.mark.parametrize("value", [1.0000001, 80, "1.5"])
def test_a_share_over_one_is_refused(value: Any) -> None:
    assert "extra rate_share must be a number over 0 and at most 1" in str(refused(rate_share=value))


@pytest.mark.parametrize(
    ("extras", "told"),
    [
        pytest.param({"signing_alg": "HS256"}, "extra signing_alg is 'HS256'", id="HS256"),
        pytest.param({"signing_alg": "none"}, "RS256", id="none"),
        pytest.param({"signing_alg": 256}, "extra signing_alg must be text", id="no text"),
        pytest.param({"verify": 0}, "extra verify must be", id="verify a number"),
        pytest.param({"verify": "/nowhere/ca.pem"}, "extra verify: no CA bundle", id="no bundle there"),
        pytest.param({"verify": "x" * 5000}, "extra verify: no CA bundle", id="a bundle pasted"),
        pytest.param({"verify": False}, "extra verify may be false on loopback only", id="verify false"),
        pytest.param({"verify": "False"}, "extra verify may be false on loopback only", id="false, URI"),
        pytest.param({"proxy": "proxy.example:3128"}, "extra proxy must be a URL", id="proxy, no scheme"),
        pytest.param({"proxy": f"ftp://x:{SECRET}@p"}, "extra proxy must be a URL", id="proxy, ftp"),
        pytest.param({"proxy": "http://"}, "extra proxy must be a URL", id="proxy, no host"),
        pytest.param({"proxy": f"http://x:{SECRET}"}, "extra proxy is no URL", id="proxy, no port"),
        pytest.param({"proxy": "http://[::1"}, "extra proxy is no URL", id="proxy, half an address"),
        pytest.param({"proxy": 3128}, "extra proxy must be text", id="proxy a number"),
        pytest.param(
            {"access_token": f"Bearer {SECRET}"}, "extra access_token holds", id="token with Bearer"
        ),
        pytest.param({"access_token": f"{SECRET}é"}, "extra access_token holds", id="token not ASCII"),
        pytest.param(
            {"access_token": f"{SECRET}\nx: y"}, "extra access_token holds", id="token and a header"
        ),
        pytest.param({"access_token": "  "}, "extra access_token holds", id="token blank"),
        pytest.param({"access_token": {"t": SECRET}}, "extra access_token must be text", id="token no text"),
        pytest.param({"journal_secret": SECRET}, "extra journal_secret", id="no Fernet key"),
        pytest.param({"journal_secret": f"{SECRET}é"}, "extra journal_secret", id="Fernet key not ASCII"),
        pytest.param(
            {"journal_secret": f"{Fernet.generate_key().decode()},{SECRET}"},
            "extra journal_secret",
            id="one of two no Fernet key",
        ),
        pytest.param({"private_key": SECRET}, "extra private_key is no readable", id="no PEM"),
        pytest.param({"private_key": f"{SECRET}é"}, "extra private_key is no readable", id="PEM not ASCII"),
        pytest.param({"private_key": [SECRET]}, "extra private_key must be text", id="PEM no text"),
        pytest.param({"private_key_path": "/nowhere/key.pem"}, "extra private_key_path:", id="no key there"),
        pytest.param({"private_key_path": "/"}, "extra private_key_path:", id="key path a folder"),
        pytest.param(
            {"private_key_path": f"-----BEGIN PRIVATE KEY----- {SECRET}"},
            "what is no path",
            id="key for path",
        ),
        pytest.param({"private_key_path": SECRET + "A" * 1_600}, "what is no path", id="bare key for path"),
        pytest.param({"verify": SECRET + "A" * 1_600}, "what is no path", id="bundle for path"),
        pytest.param({"timeout": SECRET}, "extra timeout must be a number", id="secret for a number"),
    ],
)
def test_an_extra_that_cannot_be_is_refused_by_name(extras: dict[str, Any], told: str) -> None:
    error = refused(login="client", **extras)

    assert told in str(error)
    assert SECRET not in told_by(error)
    assert isinstance(error, InputError)


def test_a_ca_bundle_is_taken_by_its_path(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_text("a bundle")

    assert read(verify=str(bundle)).verify == str(bundle)


@pytest.mark.parametrize(
    "verify", [pytest.param(False, id="false"), pytest.param(" FALSE ", id="false from a URI")]
)
def test_tls_goes_unverified_on_loopback_only(verify: object) -> None:
    assert read("https://127.0.0.1:8443", verify=verify).verify is False


def test_journal_keys_are_kept_in_their_order() -> None:
    keys = f"{Fernet.generate_key().decode()}, {Fernet.generate_key().decode()}"

    assert read(journal_secret=keys).journal_secret == keys


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"login": "client", "password": SECRET}, id="secret"),
        pytest.param({"login": "client", "private_key": pem()}, id="private key"),
        pytest.param({"access_token": SECRET}, id="token"),
        pytest.param({"login": "client", "access_token": SECRET}, id="token beside a client id"),
    ],
)
def test_each_way_to_a_token_will_do(fields: dict[str, Any]) -> None:
    assert read(**fields).has_credentials


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        pytest.param(
            {"login": "c", "password": SECRET, "private_key": pem()}, "Keep one", id="secret and key"
        ),
        pytest.param({"login": "c", "password": SECRET, "access_token": "t"}, "Keep one", id="secret, token"),
        pytest.param(
            {"login": "c", "private_key": pem(), "access_token": SECRET}, "Keep one", id="key and token"
        ),
        pytest.param(
            {"login": "c", "private_key": pem(), "private_key_path": "/k"}, "Keep one", id="key and its path"
        ),
        pytest.param({"password": SECRET}, "Login (client id) is missing", id="secret without a client"),
        pytest.param({"private_key": pem()}, "Login (client id) is missing", id="key without a client"),
    ],
)
def test_credentials_that_contradict_are_refused(fields: dict[str, Any], told: str) -> None:
    error = refused(**fields)

    assert told in str(error)
    assert SECRET not in told_by(error)
    assert "PRIVATE" not in told_by(error)


def test_secrets_are_left_out_of_repr() -> None:
    keyed = read(login="client", private_key=pem(), proxy=f"http://x:{SECRET}@p", journal_secret=FERNET)
    shown = repr([read(login="client", password=SECRET), read(access_token=SECRET), keyed])

    assert "client" in shown
    assert SECRET not in shown
    assert FERNET not in shown
    assert pem().splitlines()[1] not in shown


def _headed(text: str) -> str:
    return f"Bag Attributes\n    localKeyID: 01\n{text}"


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(PrivateFormat.PKCS8, id="PKCS8"),
        pytest.param(PrivateFormat.TraditionalOpenSSL, id="traditional"),
    ],
)
@pytest.mark.parametrize(
    "worn",
    [
        pytest.param(lambda text: text, id="as it is"),
        pytest.param(lambda text: text.replace("\n", " "), id="newlines to spaces"),
        pytest.param(lambda text: text.replace("\n", "\\n"), id="newlines to backslash n"),
        pytest.param(lambda text: text.replace("\n", "\\r\\n"), id="newlines to backslash r n"),
        pytest.param(lambda text: text.replace("\n", "\r\n"), id="Windows"),
        pytest.param(lambda text: text.replace("\n", ""), id="newlines lost"),
        pytest.param(lambda text: text.replace("\n", "\n\n"), id="newlines doubled"),
        pytest.param(lambda text: f"\n  {text}  \n", id="white space around"),
        pytest.param(_headed, id="text in front"),
    ],
)
def test_a_pem_is_read_however_it_was_pasted(form: PrivateFormat, worn: Any) -> None:
    settings = read(login="client", private_key=worn(pem(form)))

    signed = jwt.encode({"sub": "it works"}, settings.private_key or "", algorithm="RS256")
    assert jwt.decode(signed, rsa_key().public_key(), algorithms=["RS256"]) == {"sub": "it works"}


def test_a_pem_in_a_uri_is_read() -> None:
    from urllib.parse import unquote

    assert read(login="client", private_key=unquote(quote(pem(), safe=""))).private_key == pem()


def test_a_pem_that_is_whole_is_left_alone() -> None:
    assert mended_pem(pem()) == pem()


def test_a_pem_is_read_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_text(pem())

    assert read(login="client", private_key_path=str(path)).private_key == pem()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param(ec_pem(), "no RSA key", id="elliptic curve"),
        pytest.param(pem(password=b"x"), "no readable private key", id="encrypted"),
        pytest.param(pem(PrivateFormat.TraditionalOpenSSL, b"x"), "no readable", id="encrypted the old way"),
        pytest.param(pem()[:400], "no readable private key", id="cut"),
        pytest.param(pem().replace("PRIVATE", "PUBLIC"), "no readable private key", id="another label"),
        pytest.param(
            f"-----BEGIN PRIVATE KEY-----{SECRET}-----END PRIVATE KEY-----", "no readable", id="none"
        ),
    ],
)
@pytest.mark.parametrize("by_path", [pytest.param(False, id="pasted"), pytest.param(True, id="file")])
def test_a_pem_that_will_not_sign_is_refused(text: str, told: str, by_path: bool, tmp_path: Path) -> None:
    name = "private_key_path" if by_path else "private_key"
    path = tmp_path / "key.pem"
    path.write_text(text)

    error = refused(login="client", **{name: str(path) if by_path else text})

    assert f"extra {name} is {told}" in str(error)
    assert SECRET not in told_by(error)
    assert not any(line in told_by(error) for line in text.splitlines()[1:-1] if line)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(f"{SECRET}é".encode(), id="not ASCII"),
        pytest.param(b"\x30\x82\xff" + SECRET.encode(), id="DER"),
    ],
)
def test_a_key_file_that_is_no_text_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "key.der"
    path.write_bytes(content)

    error = refused(login="client", private_key_path=str(path))

    assert "extra private_key_path:" in str(error)
    assert SECRET not in told_by(error)
