"""
A tenant reached over a line of its own: what the worker's client sends goes to the tenant's answers directly.

It saves the cost of HTTP on both sides, so that hundreds of whole runs can be killed. What a killed process
leaves behind is the same: a request that was read is done, whether or not anybody is there for the answer.
"""

from __future__ import annotations

import json
import pickle
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlencode

from airflow_provider_auth0link.api.wire import Request, Response
from airflow_provider_auth0link.emulator.records import RequestRecord
from airflow_provider_auth0link.emulator.routes import route_of
from airflow_provider_auth0link.emulator.tenant import Tenant
from airflow_provider_auth0link.errors import AmbiguousError
from tests.kill.world import leaves

LENGTH = struct.Struct("!I")


def _send(sock: socket.socket, value: object) -> None:
    data = pickle.dumps(value)
    sock.sendall(LENGTH.pack(len(data)) + data)


def _receive(sock: socket.socket) -> Any:
    """Return a whole message, None at the end of the line, a message that was cut off included."""
    head = _exactly(sock, LENGTH.size)
    data = _exactly(sock, LENGTH.unpack(head)[0]) if head else None
    return None if data is None else pickle.loads(data)


def _exactly(sock: socket.socket, size: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < size:
        part = sock.recv(size - len(parts))
        if not part:
            return None
        parts += part
    return bytes(parts)


class LineTransport:
    """
    The worker's end: one line for each thread.

    :param path: of the tenant's Unix socket
    :param worker: who calls
    """

    def __init__(self, path: str, worker: str) -> None:
        self._path, self._worker = path, worker
        self._mine = threading.local()

    def send(self, request: Request, headers: Mapping[str, str]) -> Response:
        body, kind = b"", {}
        if request.json is not None:
            body, kind = json.dumps(request.json).encode(), {"content-type": "application/json"}
        elif request.form is not None:
            body, kind = (
                urlencode(request.form).encode(),
                {"content-type": "application/x-www-form-urlencoded"},
            )
        _send(self._line(), (request.method, request.path, {**headers, **kind}, body))
        answer = _receive(self._line())
        if answer is None:
            raise AmbiguousError(f"the line broke during {request.name}")
        status, told, content = answer
        return Response(status, told, content)

    def _line(self) -> socket.socket:
        if not hasattr(self._mine, "sock"):
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            sock.connect(self._path)
            _send(sock, self._worker)
            self._mine.sock = sock
        line: socket.socket = self._mine.sock
        return line


@dataclass(frozen=True)
class Asked:
    """One request of a worker, and how it was answered."""

    worker: str
    method: str
    path: str
    body: str
    status: int

    @property
    def names(self) -> set[str]:
        """All texts by which it may name an account: parts of the path, and values in the body."""
        found = {unquote(part) for part in self.path.split("/")}
        with suppress(ValueError):
            found |= {str(each) for each in leaves(json.loads(self.body))}
        return found


Trap = Callable[[int, Callable[[], None]], bool]
"""(number of a worker's request, what does it) to whether the answer is sent; it may do it, and strike the worker."""


class Line:
    """
    The tenant's end.

    :param tenant: who answers
    :param path: of the Unix socket to listen at
    """

    def __init__(self, tenant: Tenant, path: str) -> None:
        self._tenant = tenant
        self.traps: dict[str, Trap] = {}
        self.asked: list[Asked] = []
        self._numbers: dict[str, int] = {}
        self._open = 0
        self._change = threading.Condition()
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._sock.bind(path)
        self._sock.listen(256)
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def drained(self, seconds: float) -> bool:
        """Wait until nobody is on the line: all that was sent is done."""
        with self._change:
            return self._change.wait_for(lambda: not self._open, seconds)

    def close(self) -> None:
        """Hang up."""
        self._sock.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._sock.close()

    def requests_of(self, worker: str) -> int:
        """How many requests came from a worker."""
        return self._numbers.get(worker, 0)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._sock.accept()
            except OSError:
                return
            with self._change:
                self._open += 1
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        try:
            with sock:
                worker = _receive(sock)
                while worker is not None and (request := _receive(sock)) is not None:
                    self._answer(sock, worker, *request)
        except ConnectionError:
            pass  # the worker is dead
        finally:
            with self._change:
                self._open -= 1
                self._change.notify_all()

    def _answer(
        self, sock: socket.socket, worker: str, method: str, target: str, headers: dict[str, str], body: bytes
    ) -> None:
        with self._change:
            number = self._numbers[worker] = self._numbers.get(worker, 0) + 1
        said: list[tuple[int, dict[str, str], bytes]] = []

        def do() -> None:
            said.append(self._done(worker, method, target, headers, body))

        trap = self.traps.get(worker)
        is_sent = trap(number, do) if trap else True
        if is_sent:
            if not said:
                do()
            _send(sock, said[0])

    def _done(
        self, worker: str, method: str, target: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        path, _, query = target.partition("?")
        route, args = route_of(method, path)
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        record = RequestRecord(
            method, path, query, raw, body, operation=route, args=args, at=self._tenant.now()
        )
        said = self._tenant.respond(record)
        self.asked.append(Asked(worker, method, path, body.decode(), said.status))
        return said.status, {"date": self._tenant.date(), **dict(said.headers)}, said.body
