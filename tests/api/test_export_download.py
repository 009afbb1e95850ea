from __future__ import annotations

import logging
from contextlib import closing
from pathlib import Path

import pytest

from airflow_provider_auth0link.api.export_download import PART_BYTES, downloads
from airflow_provider_auth0link.errors import AnswerError, ExportError
from airflow_provider_auth0link.settings import Settings
from tests.fakes.secrets import SECRET, told_by
from tests.fakes.server import RawServer, Turn, certified, closed_port, http, reset, says, silence, tunnel

PLACE = f"/exports/job_1.json.gz?Expires=1&Signature={SECRET}"
HERE = Settings("http://127.0.0.1:1", "127.0.0.1:1", "a", access_token="the-token", timeout=20.0)
BYTES = bytes(range(256)) * 4000


def fetched(url: str, settings: Settings = HERE) -> bytes:
    with closing(downloads(settings)(url)) as parts:
        return b"".join(parts)


def refusal(url: str, settings: Settings = HERE) -> str:
    """Return the error's text, of which nothing tells the location."""
    with pytest.raises(ExportError) as caught:
        fetched(url, settings)
    # The traceback shows the lines of this file too, none of which holds the value.
    assert SECRET not in told_by(caught.value)
    return str(caught.value)


def test_the_bytes_are_those_that_lie_there() -> None:
    with RawServer(http("200 OK", BYTES, Content_Encoding="gzip", Content_Type="application/gzip")) as server:
        assert fetched(server.url + PLACE) == BYTES


def test_they_come_in_parts() -> None:
    with RawServer(http("200 OK", BYTES)) as server, closing(downloads(HERE)(server.url + PLACE)) as parts:
        assert max(len(part) for part in parts) <= PART_BYTES


def test_nothing_of_us_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text(f"machine 127.0.0.1 login me password {SECRET}\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with RawServer(http("200 OK", b"x", Set_Cookie="a=b"), http("200 OK", b"x")) as server:
        for _ in range(2):
            fetched(server.url + PLACE)

    assert server.received[0] == server.received[1]
    head = server.received[0].decode().lower()
    assert head.startswith("get /exports/job_1.json.gz?expires=1&signature=")
    names = {line.partition(":")[0] for line in head.strip().splitlines()[1:]}
    assert names == {"host", "user-agent", "accept", "accept-encoding", "connection"}
    assert "the-token" not in head


@pytest.mark.parametrize(
    "status", ["403 Forbidden", "404 Not Found", "500 No", "302 Found", "206 Partial", "204 No"]
)
def test_any_other_answer_is_none(status: str) -> None:
    with RawServer(http(status, SECRET.encode(), Location="http://127.0.0.1:1/elsewhere")) as server:
        text = refusal(server.url + PLACE)

    assert f"answered {status[:3]}" in text
    assert len(server.received) == 1


@pytest.mark.parametrize(
    ("turn", "text"),
    [
        pytest.param(reset, "the connection broke", id="reset"),
        pytest.param(
            says(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\nsome", then_close=True),
            "the connection broke",
            id="cut",
        ),
        pytest.param(
            says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n", then_close=True),
            "the connection broke",
            id="bad chunk",
        ),
        pytest.param(says(b"nonsense\r\n\r\n", then_close=True), "the connection broke", id="no HTTP"),
    ],
)  # fmt: skip
def test_what_breaks_is_told_without_the_location(turn: Turn, text: str) -> None:
    with RawServer(turn) as server:
        assert text in refusal(server.url + PLACE)


def test_nobody_is_there() -> None:
    assert "there was none" in refusal(f"http://127.0.0.1:{closed_port()}{PLACE}")


def test_silence_ends_with_the_timeout() -> None:
    short = Settings("http://127.0.0.1:1", "127.0.0.1:1", "a", timeout=0.2)
    with RawServer(silence) as server:
        assert "within the timeout" in refusal(server.url + PLACE, short)


def test_silence_half_way_ends_with_it_too() -> None:
    short = Settings("http://127.0.0.1:1", "127.0.0.1:1", "a", timeout=0.2)

    def stalls(server: RawServer, connection: object) -> None:
        says(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\nsome")(server, connection)  # type: ignore[arg-type]  # a socket
        silence(server, connection)  # type: ignore[arg-type]  # a socket

    with RawServer(stalls) as server:
        assert "the download of the export" in refusal(server.url + PLACE, short)


def test_tls_is_verified_as_the_connection_says(tmp_path: Path) -> None:
    folder = certified(tmp_path / "tls")
    ours = Settings("https://t.example.com", "t.example.com", "a", verify=str(folder / "cert.pem"))
    with RawServer(http("200 OK", b"x"), certificate=folder) as server:
        assert "no TLS connection" in refusal(server.url + PLACE)
        assert fetched(server.url + PLACE, ours) == b"x"


def test_a_proxy_is_taken_as_the_connection_says(tmp_path: Path) -> None:
    folder = certified(tmp_path / "tls", "exports.example.com")
    with RawServer(tunnel(folder), http("200 OK", b"x")) as proxy:
        ours = Settings(
            "https://t.example.com", "t.example.com", "a", verify=str(folder / "cert.pem"), proxy=proxy.url
        )
        assert fetched("https://exports.example.com" + PLACE, ours) == b"x"
    assert proxy.received[0].startswith(b"CONNECT exports.example.com:443")
    assert SECRET.encode() not in proxy.received[0]


def test_a_proxy_that_is_not_there() -> None:
    ours = Settings("https://t.example.com", "t.example.com", "a", proxy=f"http://127.0.0.1:{closed_port()}")

    assert "the proxy refused" in refusal("https://exports.example.com" + PLACE, ours)


def test_plain_http_is_not_fetched() -> None:
    with pytest.raises(AnswerError, match="no https URL"):
        fetched("http://exports.example.com" + PLACE)


def test_we_write_no_location_into_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="airflow_provider_auth0link")
    with RawServer(http("403 Forbidden")) as server:
        refusal(server.url + PLACE)

    assert not [
        each
        for each in caplog.records
        if each.name.startswith("airflow_provider") and SECRET in each.getMessage()
    ]
