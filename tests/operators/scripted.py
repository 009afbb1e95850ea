"""A tenant that answers what a test has written down, for answers that a healthy tenant does not give."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

Said = tuple[int, Any]
"""Status and body, to be written as JSON; a str as it is. Of a redirect, the place."""

TOKEN: Said = (200, {"access_token": "opaque-token", "expires_in": 86400, "token_type": "Bearer"})


def problem(status: int, message: str, code: str | None = None) -> Said:
    """Return an error as Auth0 writes it."""
    body = {"statusCode": status, "error": "Error", "message": message}
    return status, body if code is None else {**body, "errorCode": code}


class Scripted:
    """
    Serves answers by method and path, each list in turn; its last answer stays.

    :param answers: ``"GET /api/v2/users/auth0%7C1"`` to its answers. A token is given anyway
    """

    def __init__(self, answers: Mapping[str, Sequence[Said]]) -> None:
        self.counts: Counter[str] = Counter()
        self._answers = {"POST /oauth/token": [TOKEN], **answers}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def connection(self, **extra: Any) -> str:
        """Return the Airflow connection that leads here."""
        host = f"http://127.0.0.1:{self._server.server_address[1]}"
        fields = {"conn_type": "auth0", "host": host, "login": "client", "password": "planted-secret"}
        return json.dumps({**fields, "extra": {"timeout": 2, **extra}})

    def next(self, request: str) -> Said:
        """Return the answer to a request."""
        said = self._answers.get(request) or [problem(404, "Not Found")]
        number = self.counts[request]
        self.counts[request] += 1
        return said[min(number, len(said) - 1)]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        scripted = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("content-length", 0)))
                status, said = scripted.next(f"{self.command} {self.path}")
                body = (said if isinstance(said, str) else json.dumps(said)).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                if 300 <= status < 400:
                    self.send_header("location", said)
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815 - http.server's names

            def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - its name there
                """Say nothing."""

        return Handler
