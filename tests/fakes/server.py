"""A server of bare sockets on loopback, that breaks HTTP on purpose."""

from __future__ import annotations

import datetime as dt
import functools
import ipaddress
import socket
import ssl
import struct
import threading
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from tests.fakes.secrets import pem, rsa_key

LIMIT_S = 20.0
"""Nothing here waits longer, whatever a test does."""

Turn = Callable[["RawServer", socket.socket], "socket.socket | None"]
"""What one request meets; returns the socket to go on with, None when it is at its end."""


class RawServer:
    """
    Meets requests with *turns*, one each, over as many connections as come.

    :param certificate: a folder that holds one (see ``certified``), for TLS
    """

    def __init__(self, *turns: Turn, certificate: Path | None = None) -> None:
        self._turns = deque(turns)
        self._certificate = certificate
        self.received: list[bytes] = []
        self.connections = 0
        self.over = threading.Event()
        self._stack = ExitStack()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(LIMIT_S)
        self.port = int(self._listener.getsockname()[1])
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    @property
    def url(self) -> str:
        return f"http{'s' if self._certificate else ''}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.over.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._stack.close()
        for each in self._threads:
            each.join(LIMIT_S)
        self._stack.close()  # what a thread took over while the rest was closed

    def _accept(self) -> None:
        while not self.over.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            connection.settimeout(LIMIT_S)
            self._stack.callback(_hang_up, connection)
            self._threads.append(threading.Thread(target=self._serve, args=(connection,), daemon=True))
            self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        # A client that hangs up is no fault of the server's.
        with suppress(OSError):
            going: socket.socket | None = connection
            if self._certificate:
                going = self.secured(connection, self._certificate)
            while going is not None and (request := _request(going)):
                self.received.append(request)
                going = self._turns.popleft()(self, going)

    def secured(self, connection: socket.socket, folder: Path) -> socket.socket:
        """Make TLS of a connection."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
        secured = context.wrap_socket(connection, server_side=True)
        self._stack.callback(_hang_up, secured)
        return secured


def _hang_up(connection: socket.socket) -> None:
    with suppress(OSError):  # it may be closed already
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def _request(connection: socket.socket) -> bytes:
    """Read one request: its head, and as much as it says; empty when there is none."""
    text = b""
    while b"\r\n\r\n" not in text:
        part = connection.recv(65536)
        if not part:
            return b""
        text += part
    head, _, body = text.partition(b"\r\n\r\n")
    length = next(
        (int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
    )
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def says(text: bytes, *, then_close: bool = False) -> Turn:
    """Answer with these very bytes."""

    def turn(server: RawServer, connection: socket.socket) -> socket.socket | None:
        connection.sendall(text)
        if not then_close:
            return connection
        connection.shutdown(socket.SHUT_RDWR)
        connection.close()
        return None

    return turn


def http(status: str, body: bytes = b"", **headers: str) -> Turn:
    """Answer properly."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return says("\r\n".join([*lines, "", ""]).encode() + body)


def reset(server: RawServer, connection: socket.socket) -> None:
    """Break the connection."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def silence(server: RawServer, connection: socket.socket) -> None:
    """Say nothing until the test is over."""
    server.over.wait(LIMIT_S)


def tunnel(certificate: Path) -> Turn:
    """Answer a CONNECT as a proxy does, and be the host behind it too."""

    def turn(server: RawServer, connection: socket.socket) -> socket.socket:
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        return server.secured(connection, certificate)

    return turn


def closed_port() -> int:
    """Return a port of loopback on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def certified(folder: Path, name: str = "127.0.0.1") -> Path:
    """Write a self-signed certificate for a name, and its key; return the folder."""
    folder.mkdir(exist_ok=True)
    (folder / "cert.pem").write_bytes(_certificate(name))
    (folder / "key.pem").write_text(pem())
    return folder


@functools.cache
def _certificate(name: str) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        alternative: x509.GeneralName = x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        alternative = x509.DNSName(name)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(rsa_key().public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(rsa_key(), SHA256())
        .public_bytes(Encoding.PEM)
    )
