"""A proxy that lets nobody through."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class RefusingProxy(ThreadingHTTPServer):
    """Answers 407 to whatever it is asked. ``passwords`` are those that it was given."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Refusal)
        self.passwords: list[str] = []


class _Refusal(BaseHTTPRequestHandler):
    server: RefusingProxy

    def do_POST(self) -> None:
        given = self.headers.get("proxy-authorization", "").removeprefix("Basic ")
        self.server.passwords.append(base64.b64decode(given).decode().partition(":")[2])
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(407)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Say nothing: the output of a run is searched."""


@contextmanager
def refusing_proxy() -> Iterator[RefusingProxy]:
    """Serve on a free port of the loopback interface while the ``with`` block lasts."""
    with RefusingProxy() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
