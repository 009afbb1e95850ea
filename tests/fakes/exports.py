"""A tenant that makes exports, and where it lays them: HTTP on loopback, slow and broken on demand."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from tests.fakes.secrets import SECRET

PART = 1 << 14


class ExportSite:
    """
    Makes exports of the same lines.

    :param lines: of the file
    :param looks: how often a job is looked at before it has ended; it does not end before ``open`` is called if None
    :param part_s: seconds between parts of a download
    :param cuts: how many bytes of the first downloads are sent before the connection breaks, one each; 0: expired

    ``jobs`` counts jobs started, ``looked`` looks, ``served`` downloads that were begun; ``heads`` are their headers.
    So many ``outages`` answers are 503.
    """

    def __init__(
        self,
        lines: bytes,
        *,
        looks: int | None = 1,
        part_s: float = 0.0,
        cuts: tuple[int, ...] = (),
        ends: str = "completed",
    ) -> None:
        self.packed = gzip.compress(lines, compresslevel=1)
        self.jobs = self.looked = self.served = 0
        self.bodies: list[Any] = []
        self.heads: list[dict[str, str]] = []
        self.bytes_sent = 0
        self.gone = False
        self.refuses = False
        self.outages = 0
        self._looks, self._part_s, self._cuts, self._ends = looks, part_s, list(cuts), ends
        self._ready = threading.Event()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def connection(self, **extra: Any) -> str:
        """Return the JSON of an Airflow connection that leads here."""
        row = {
            "conn_type": "auth0",
            "host": self.url,
            "login": "client",
            "password": "client-secret",
            "extra": extra,
        }
        return json.dumps(row)

    def open(self) -> None:
        """Let jobs end."""
        self._ready.set()

    def faster(self) -> None:
        """Send downloads at once from now on."""
        self._part_s = 0.0

    def _is_over(self) -> bool:
        return self._ready.is_set() or (self._looks is not None and self.looked >= self._looks)

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Answer a request of the API."""
        with self._lock:
            if path == "/oauth/token":
                return 200, {
                    "access_token": f"token-{SECRET}",
                    "expires_in": 86400,
                    "token_type": "Bearer",
                    "scope": "read:users",
                }
            if self.outages:
                self.outages -= 1
                return 503, {"statusCode": 503, "message": "Service Unavailable"}
            if self.refuses:
                return 403, {
                    "statusCode": 403,
                    "message": "Insufficient scope",
                    "errorCode": "insufficient_scope",
                }
            if (method, path) == ("POST", "/api/v2/jobs/users-exports"):
                self.jobs += 1
                self.bodies.append(body)
                return 200, {"id": f"job_{self.jobs}", "type": "users_export", "status": "pending"}
            if not path.startswith("/api/v2/jobs/") or self.gone:
                return 404, {
                    "statusCode": 404,
                    "message": "The job was not found",
                    "errorCode": "inexistent_job",
                }
            row = {"id": path.rpartition("/")[2], "type": "users_export", "status": "pending"}
            if self._is_over():
                row |= {"status": self._ends, "location": f"{self.url}/file/{self.looked}?Signature={SECRET}"}
            self.looked += 1
            return 200, row

    def send_file(self, handler: BaseHTTPRequestHandler) -> None:
        """Send the file, or a part of it."""
        with self._lock:
            self.served += 1
            self.heads.append(dict(handler.headers))
            cut = self._cuts.pop(0) if self._cuts else len(self.packed)
        if cut == 0 or "authorization" in handler.headers:
            handler.send_error(403)
            return
        handler.send_response(200)
        handler.send_header("content-length", str(len(self.packed)))
        handler.end_headers()
        for start in range(0, cut, PART):
            handler.wfile.write(self.packed[start : min(start + PART, cut)])
            self.bytes_sent += PART
            time.sleep(self._part_s)
        handler.close_connection = True

    def _handler(self) -> Callable[..., BaseHTTPRequestHandler]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path.startswith("/file/"):
                    try:
                        site.send_file(self)
                    except OSError:  # who downloads was killed
                        self.close_connection = True
                    return
                self._answer("GET", None)

            def do_POST(self) -> None:
                data = self.rfile.read(int(self.headers["content-length"]))
                is_json = self.headers["content-type"] == "application/json"
                self._answer("POST", json.loads(data) if is_json else None)

            def _answer(self, method: str, body: Any) -> None:
                status, row = site.answer(method, self.path, body)
                data = json.dumps(row).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        return Handler
