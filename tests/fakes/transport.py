"""A transport that answers by script."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_auth0link.api.wire import Request, Response
from airflow_provider_auth0link.errors import Auth0LinkError

Turn = Response | Auth0LinkError | Callable[[], Response]
"""What one request meets: an answer, an error, or something that the test does before it answers."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it left, with its headers."""

    request: Request
    headers: Mapping[str, str]

    @property
    def bearer(self) -> str:
        return self.headers["authorization"].removeprefix("Bearer ")


class FakeTransport:
    """
    Meets API requests with *turns*, one each, and token requests with *tokens*.

    When *tokens* are used up, every further one is granted: ``token-1``, ``token-2`` and so on.
    A request too many is an error of the test.
    """

    def __init__(self, *turns: Turn, tokens: tuple[Turn, ...] = ()) -> None:
        self._turns = deque(turns)
        self._tokens = deque(tokens)
        self.sent: list[Sent] = []
        self.token_requests: list[Sent] = []
        self._lock = threading.Lock()

    def will_answer_tokens(self, *turns: Turn) -> None:
        """Add to the script of token requests."""
        self._tokens.extend(turns)

    def send(self, request: Request, headers: Mapping[str, str]) -> Response:
        with self._lock:
            turn = self._turn(Sent(request, dict(headers)))
        if isinstance(turn, Auth0LinkError):
            raise turn
        return turn if isinstance(turn, Response) else turn()

    def _turn(self, sent: Sent) -> Turn:
        if sent.request.path == "/oauth/token":
            self.token_requests.append(sent)
            return self._tokens.popleft() if self._tokens else granted(f"token-{len(self.token_requests)}")
        self.sent.append(sent)
        assert self._turns, f"nothing is left in the script for {sent.request.name}"
        return self._turns.popleft()


def answer(status: int, body: Any = None, **headers: str) -> Response:
    """Build an answer; underlines in the names of headers stand for dashes."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, names, b"" if body is None else json.dumps(body).encode())


def granted(value: str, **changes: Any) -> Response:
    """Build the token endpoint's answer, as the Authentication API gives it."""
    body = {"access_token": value, "expires_in": 86400, "token_type": "Bearer", "scope": "read:users"}
    return answer(200, {key: each for key, each in {**body, **changes}.items() if each is not None})


def boom(status: int, message: str, code: str | None = None, **headers: str) -> Response:
    """Build an error as the Management API gives it: the ``errorCode`` is optional."""
    body = {"statusCode": status, "error": "An Error", "message": message}
    return answer(status, body if code is None else {**body, "errorCode": code}, **headers)
