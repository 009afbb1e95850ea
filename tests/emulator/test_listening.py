"""The tenant behind both of uvicorn's parsers: which one there is depends on the installation."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from http.client import HTTPConnection, IncompleteRead, RemoteDisconnected
from typing import Literal

import pytest

from airflow_provider_auth0link.emulator.listening import Listener, listening
from airflow_provider_auth0link.emulator.options import Options
from airflow_provider_auth0link.emulator.rate import Limits
from airflow_provider_auth0link.emulator.seeds import Seeds
from airflow_provider_auth0link.emulator.tenant import Setup, Tenant, system_clock
from tests.emulator.caller import eventually

LINK = "/api/v2/users/auth0%7C1/identities"
ONCE = {("auth0|1", "github|2"): 1}


@pytest.fixture(params=["h11", "httptools"])
def tenant(request: pytest.FixtureRequest) -> Iterator[Tenant]:
    parser: Literal["h11", "httptools"] = request.param
    sock, url = listening("127.0.0.1", 0)
    users = ({"user_id": "auth0|1"}, {"user_id": "github|2"})
    tenant = Tenant(url, Setup(Seeds(users), Limits(), 0, 10, system_clock), Options(latency=0.2))
    listener = Listener(tenant, sock, parser)
    listener.start()
    yield tenant
    listener.stop()


def headers(tenant: Tenant) -> dict[str, str]:
    token = tenant.tokens.access_token("me@clients", tenant.options.scopes, 60)
    return {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}


def link(tenant: Tenant) -> tuple[int, bytes]:
    connection = HTTPConnection(tenant.tokens.issuer.split("/")[2], timeout=30)
    try:
        connection.request("POST", LINK, json.dumps({"provider": "github", "user_id": 2}), headers(tenant))
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_a_link_is_answered(tenant: Tenant) -> None:
    status, body = link(tenant)

    assert (status, [row["user_id"] for row in json.loads(body)]) == (201, ["1", 2])


@pytest.mark.parametrize(
    ("kind", "graceful", "error"),
    [
        ("reset_after", False, ConnectionResetError),
        ("reset_after", True, RemoteDisconnected),
        ("truncated", False, IncompleteRead),
    ],
)
def test_a_connection_is_cut(tenant: Tenant, kind: str, graceful: bool, error: type[Exception]) -> None:
    tenant.faults.add(kind, route="link", graceful=graceful)

    with pytest.raises(error):
        link(tenant)

    assert tenant.state.links == ONCE


def test_who_has_left_needs_no_cut(tenant: Tenant) -> None:
    tenant.faults.add("reset_after", route="link")
    body = json.dumps({"provider": "github", "user_id": 2})
    lines = [f"POST {LINK} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers(tenant).items()]
    host, port = tenant.tokens.issuer.split("/")[2].split(":")

    with socket.create_connection((host, int(port))) as sock:
        sock.sendall("\r\n".join([*lines, "", body]).encode())
        assert eventually(lambda: tenant.log.counts["link"] == 1)

    assert eventually(lambda: tenant.log.statuses[0] == 1)
    assert tenant.state.links == ONCE
