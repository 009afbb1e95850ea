from __future__ import annotations

import gzip
import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from urllib3.exceptions import InsecureRequestWarning

from airflow_provider_auth0link.api import wire
from airflow_provider_auth0link.api.transport import HttpTransport
from airflow_provider_auth0link.api.width import MOST
from airflow_provider_auth0link.api.wire import Request, Response
from airflow_provider_auth0link.emulator.server import Emulator
from airflow_provider_auth0link.errors import AmbiguousError, Auth0LinkError, InputError, UnsentError
from airflow_provider_auth0link.model import UserId
from airflow_provider_auth0link.settings import Settings
from tests.fakes.secrets import SECRET, told_by
from tests.fakes.server import RawServer, Turn, certified, closed_port, http, reset, says, silence, tunnel

ADA = UserId("auth0", "64b1")
GET = wire.get_user_request(ADA)
LINK = wire.link_request(ADA, UserId("samlp", "acme|a/../b c~Ö"))
HEADERS = {"authorization": f"Bearer {SECRET}", "user-agent": "tests/1"}

MakeServer = Callable[..., RawServer]


@pytest.fixture(autouse=True)
def _no_proxies_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http", "https", "all", "no"):
        monkeypatch.delenv(f"{name}_proxy", raising=False)
        monkeypatch.delenv(f"{name}_proxy".upper(), raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NETRC"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def serve() -> Iterator[MakeServer]:
    with ExitStack() as stack:
        yield lambda *turns, **options: stack.enter_context(RawServer(*turns, **options))


@pytest.fixture
def to() -> Iterator[Callable[..., HttpTransport]]:
    """Build a transport to a URL, over settings of which nothing is checked."""
    with ExitStack() as stack:

        def make(url: str, **fields: Any) -> HttpTransport:
            fields = {"timeout": 10.0, **fields}
            transport = HttpTransport(
                Settings(base_url=url, host=url.partition("://")[2], audience="x", **fields)
            )
            stack.callback(transport.close)
            return transport

        yield make


MakeTransport = Callable[..., HttpTransport]


def failure(transport: HttpTransport, request: Request = GET) -> Auth0LinkError:
    with pytest.raises(Auth0LinkError) as caught:
        transport.send(request, HEADERS)
    return caught.value


def test_a_request_reaches_the_wire_as_it_was_built(serve: MakeServer, to: MakeTransport) -> None:
    server = serve(http("201 Created", b"[]"))
    to(server.url).send(LINK, {**HEADERS, "x-correlation-id": "dag/run"})

    head, _, body = server.received[0].partition(b"\r\n\r\n")
    start, *lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    assert start == "POST /api/v2/users/auth0%7C64b1/identities HTTP/1.1"
    assert json.loads(body) == {"provider": "samlp", "user_id": "acme|a/../b c~Ö"}
    assert headers["content-type"] == "application/json"
    assert headers["authorization"] == f"Bearer {SECRET}"
    assert headers["user-agent"] == "tests/1"
    assert headers["x-correlation-id"] == "dag/run"
    assert "cookie" not in headers


def test_an_id_s_path_is_not_tidied_on_its_way(serve: MakeServer, to: MakeTransport) -> None:
    server = serve(http("200 OK"))
    to(server.url).send(wire.unlink_request(ADA, UserId("samlp", "acme|a/../b c~Ö")), HEADERS)

    path = b"/api/v2/users/auth0%7C64b1/identities/samlp/acme%7Ca%2F..%2Fb%20c~%C3%96"
    assert server.received[0].startswith(b"DELETE " + path + b" HTTP/1.1\r\n")


def test_a_form_goes_out_as_a_form(serve: MakeServer, to: MakeTransport) -> None:
    server = serve(http("200 OK"))
    form = {"grant_type": "client_credentials", "client_secret": "a&b=c d"}
    to(server.url).send(Request("POST", "/oauth/token", "POST /oauth/token", form=form), {})

    assert b"Content-Type: application/x-www-form-urlencoded" in server.received[0]
    assert server.received[0].endswith(b"\r\n\r\ngrant_type=client_credentials&client_secret=a%26b%3Dc+d")
    assert b"authorization" not in server.received[0].lower()


def test_an_answer_comes_back_whole(serve: MakeServer, to: MakeTransport) -> None:
    server = serve(http("429 Too Many Requests", b'{"a": 1}', Retry_After="7", X_RateLimit_Reset="9"))
    response = to(server.url).send(GET, HEADERS)

    assert (response.status, response.body) == (429, b'{"a": 1}')
    assert (response.headers["retry-after"], response.headers["x-ratelimit-reset"]) == ("7", "9")
    assert type(response) is Response


def test_a_compressed_answer_without_end_is_not_read_to_its_end(serve: MakeServer, to: MakeTransport) -> None:
    packed = gzip.compress(b"[" + b" " * 64 * 1024 * 1024 + b"]", 1)
    server = serve(http("200 OK", packed, Content_Encoding="gzip"), http("200 OK", b"{}"))
    transport = to(server.url)
    error = failure(transport)

    assert type(error) is AmbiguousError
    assert "larger than any" in str(error)
    assert transport.send(GET, HEADERS).body == b"{}"


def test_a_connection_is_kept_for_the_next_request(serve: MakeServer, to: MakeTransport) -> None:
    server = serve(*[http("200 OK", b"{}")] * 3)
    transport = to(server.url)
    for _ in range(3):
        transport.send(GET, HEADERS)

    assert (len(server.received), server.connections) == (3, 1)


def test_the_widest_run_has_a_connection_for_each_request(
    serve: MakeServer, to: MakeTransport, caplog: pytest.LogCaptureFixture
) -> None:
    everybody = threading.Barrier(MOST)

    def together(server: RawServer, connection: socket.socket) -> socket.socket | None:
        everybody.wait(20)
        return http("200 OK")(server, connection)

    server = serve(*[together] * 2 * MOST)
    transport = to(server.url)
    with caplog.at_level(logging.WARNING), ThreadPoolExecutor(MOST) as pool:
        for _ in range(2):
            answers = list(pool.map(lambda _: transport.send(GET, HEADERS).status, range(MOST)))
            assert answers == [200] * MOST

    assert server.connections == MOST
    assert caplog.records == []


OK_HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "turn",
    [
        pytest.param(reset, id="reset"),
        pytest.param(says(b"", then_close=True), id="closed without an answer"),
        pytest.param(says(b"HTTP/1.1 20", then_close=True), id="cut in the status line"),
        pytest.param(says(OK_HEAD + b"Content-Length: 99\r\n\r\n[{", then_close=True), id="cut in the body"),
        pytest.param(
            says(OK_HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n[{", then_close=True), id="cut in a chunk"
        ),
        pytest.param(says(b"SSH-2.0-x\r\n\r\n", then_close=True), id="no HTTP"),
        pytest.param(http("200 OK", b"no gzip", Content_Encoding="gzip"), id="no gzip"),
        pytest.param(silence, id="silence"),
        pytest.param(says(OK_HEAD + b"Content-Length: 99\r\n\r\n[{"), id="silence in the body"),
    ],
)
@pytest.mark.parametrize("request_", [pytest.param(GET, id="read"), pytest.param(LINK, id="write")])
def test_a_broken_answer_leaves_open_what_was_done(
    turn: Turn, request_: Request, serve: MakeServer, to: MakeTransport
) -> None:
    server = serve(turn)
    error = failure(to(server.url, timeout=0.3), request_)

    assert type(error) is AmbiguousError
    assert len(server.received) == 1
    assert request_.name in str(error)
    assert not any(text in str(error) for text in ("64b1", "acme", SECRET, str(server.port)))


def test_an_answer_cut_in_its_head_is_no_readable_one(serve: MakeServer, to: MakeTransport) -> None:
    response = to(serve(says(OK_HEAD + b"Content-Le", then_close=True)).url).send(GET, HEADERS)

    with pytest.raises(AmbiguousError):
        wire.read_account(response)


def test_a_refused_connection_sent_nothing(to: MakeTransport) -> None:
    error = failure(to(f"http://127.0.0.1:{closed_port()}"), LINK)

    assert type(error) is UnsentError
    assert "check Host, DNS and the network" in str(error)
    assert SECRET not in told_by(error)


def test_a_connection_that_is_not_taken_in_time_sent_nothing(to: MakeTransport) -> None:
    with ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):  # they fill the queue of a server that accepts nobody
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        error = failure(to(f"http://127.0.0.1:{full.getsockname()[1]}", timeout=0.3), LINK)

    assert type(error) is UnsentError


def test_a_redirect_is_not_followed(serve: MakeServer, to: MakeTransport) -> None:
    elsewhere = serve(http("200 OK"))
    server = serve(http("302 Found", Location=elsewhere.url))
    response = to(server.url).send(GET, HEADERS)

    assert response.status == 302
    assert elsewhere.received == []


@pytest.mark.parametrize(
    ("request_", "headers"),
    [
        pytest.param(
            Request("POST", "/x", "POST /x", json={"a": float("nan")}), {}, id="a body that is no JSON"
        ),
        pytest.param(GET, {"authorization": "Bearer a\r\nx: y"}, id="a line break in a header"),
    ],
)
def test_what_cannot_be_sent_is_no_outage(
    request_: Request, headers: dict[str, str], serve: MakeServer, to: MakeTransport
) -> None:
    server = serve()
    with pytest.raises(InputError, match="cannot be sent"):
        to(server.url).send(request_, headers)

    assert server.received == []


def _netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "netrc"
    path.write_text("machine 127.0.0.1 login a password b\nmachine auth0.test login a password b\n")
    path.chmod(0o600)
    monkeypatch.setenv("NETRC", str(path))


AWAY = "http://auth0.test"
"""A tenant that is not on loopback; it is reached through a proxy that is."""


def test_a_netrc_does_not_replace_the_token(
    serve: MakeServer, to: MakeTransport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _netrc(tmp_path, monkeypatch)
    server = serve(http("200 OK"), http("200 OK"))
    to(server.url).send(GET, HEADERS)
    to(AWAY, proxy=server.url).send(GET, HEADERS)

    assert len(server.received) == 2
    assert all(f"authorization: Bearer {SECRET}".encode() in each for each in server.received)
    assert not any(b"Basic" in each for each in server.received)


def test_proxies_of_the_environment_stay_off_loopback(
    serve: MakeServer, to: MakeTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    server = serve(http("200 OK"))

    assert to(server.url).send(GET, HEADERS).status == 200


def test_proxies_of_the_environment_serve_a_tenant_elsewhere(
    serve: MakeServer, to: MakeTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve(http("200 OK"))
    monkeypatch.setenv("http_proxy", proxy.url)
    to(AWAY).send(GET, HEADERS)

    assert proxy.received[0].startswith(b"GET http://auth0.test/api/v2/users/auth0%7C64b1 HTTP/1.1\r\n")


def test_the_connection_s_proxy_goes_before_the_environment_s(
    serve: MakeServer, to: MakeTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    proxy = serve(http("200 OK"))

    assert to(AWAY, proxy=proxy.url).send(GET, HEADERS).status == 200


@pytest.mark.parametrize("url", [AWAY, "https://auth0.test"], ids=["http", "https"])
def test_a_proxy_that_is_not_there_sent_nothing(url: str, to: MakeTransport) -> None:
    error = failure(to(url, proxy=f"http://me:{SECRET}@127.0.0.1:{closed_port()}"), LINK)

    assert type(error) is UnsentError
    assert SECRET not in str(error)


def test_a_proxy_that_refuses_the_tunnel_sent_nothing(serve: MakeServer, to: MakeTransport) -> None:
    proxy = serve(http("403 Forbidden"))
    error = failure(to("https://auth0.test", proxy=proxy.url), LINK)

    assert type(error) is UnsentError
    assert "proxy" in str(error)
    assert SECRET.encode() not in b"".join(proxy.received)


@pytest.mark.parametrize("turn", [reset, says(b"", then_close=True)], ids=["reset", "closed"])
def test_an_answer_lost_behind_a_proxy_leaves_it_open(
    turn: Turn, serve: MakeServer, to: MakeTransport, tmp_path: Path
) -> None:
    folder = certified(tmp_path, "auth0.test")
    proxy = serve(tunnel(folder), turn)
    error = failure(to("https://auth0.test", proxy=proxy.url, verify=str(folder / "cert.pem")), LINK)

    assert len(proxy.received) == 2
    assert type(error) is AmbiguousError
    assert type(failure(to(AWAY, proxy=serve(turn).url), LINK)) is AmbiguousError


def test_a_socks_proxy_that_cannot_serve_sent_nothing(to: MakeTransport) -> None:
    # Without PySocks it is the connection that is wrong; with it, the proxy that is not there.
    error = failure(to(AWAY, proxy=f"socks5h://127.0.0.1:{closed_port()}"), LINK)

    assert isinstance(error, InputError | UnsentError)


@pytest.mark.parametrize("request_", [pytest.param(GET, id="read"), pytest.param(LINK, id="write")])
def test_tls_with_a_plain_port_says_where_to_look(request_: Request, to: MakeTransport) -> None:
    with Emulator() as tenant:
        error = failure(to(tenant.url.replace("http://", "https://")), request_)

    assert type(error) is AmbiguousError
    assert "http or https" in str(error)


def test_plain_http_with_a_port_of_tls_says_where_to_look(serve: MakeServer, to: MakeTransport) -> None:
    alert = says(b"\x15\x03\x01\x00\x02\x02\x28", then_close=True)

    assert "http or https" in str(failure(to(serve(alert).url)))
    assert "http or https" not in str(failure(to(serve(says(b"", then_close=True)).url)))


def test_an_unknown_certificate_sent_nothing(serve: MakeServer, to: MakeTransport, tmp_path: Path) -> None:
    server = serve(certificate=certified(tmp_path))
    error = failure(to(server.url), LINK)

    assert type(error) is UnsentError
    assert "the certificate or the CA bundle is wrong" in str(error)
    assert server.received == []


def test_a_certificate_of_another_name_sent_nothing(
    serve: MakeServer, to: MakeTransport, tmp_path: Path
) -> None:
    server = serve(certificate=certified(tmp_path, "127.0.0.2"))
    error = failure(to(server.url, verify=str(tmp_path / "cert.pem")), LINK)

    assert type(error) is UnsentError
    assert server.received == []


def test_a_ca_bundle_makes_a_certificate_known(serve: MakeServer, to: MakeTransport, tmp_path: Path) -> None:
    server = serve(http("200 OK"), certificate=certified(tmp_path))

    assert to(server.url, verify=str(tmp_path / "cert.pem")).send(GET, HEADERS).status == 200


def test_a_certificate_may_go_unverified(serve: MakeServer, to: MakeTransport, tmp_path: Path) -> None:
    server = serve(http("200 OK"), certificate=certified(tmp_path))

    with pytest.warns(InsecureRequestWarning):
        assert to(server.url, verify=False).send(GET, HEADERS).status == 200


def test_a_ca_bundle_that_went_away_sent_nothing(
    serve: MakeServer, to: MakeTransport, tmp_path: Path
) -> None:
    server = serve(certificate=certified(tmp_path))
    error = failure(to(server.url, verify=str(tmp_path / "gone.pem")), LINK)

    assert type(error) is UnsentError
    assert "the CA bundle cannot be read" in str(error)
    assert server.received == []


def test_a_ca_bundle_that_is_none_sent_nothing(serve: MakeServer, to: MakeTransport, tmp_path: Path) -> None:
    server = serve(certificate=certified(tmp_path))
    (tmp_path / "bundle.pem").write_text("no bundle")
    error = failure(to(server.url, verify=str(tmp_path / "bundle.pem")), LINK)

    assert type(error) is UnsentError
    assert server.received == []


def test_the_connection_s_ca_bundle_goes_before_the_environment_s(
    serve: MakeServer, to: MakeTransport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = certified(tmp_path / "right", "auth0.test")
    wrong = certified(tmp_path / "wrong", "127.0.0.2")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(wrong / "cert.pem"))
    proxy = serve(tunnel(right), http("200 OK"))
    transport = to("https://auth0.test", proxy=proxy.url, verify=str(right / "cert.pem"))

    assert transport.send(GET, HEADERS).status == 200


def test_the_environment_s_ca_bundle_serves_where_the_connection_names_none(
    serve: MakeServer, to: MakeTransport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = certified(tmp_path, "auth0.test")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(folder / "cert.pem"))
    proxy = serve(tunnel(folder), http("200 OK"))

    assert to("https://auth0.test", proxy=proxy.url).send(GET, HEADERS).status == 200
