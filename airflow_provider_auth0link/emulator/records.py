"""What was asked of the tenant, and what became of it."""

from __future__ import annotations

import json
import threading
from collections import Counter, deque
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl

from airflow_provider_auth0link.emulator.answers import ApiError
from airflow_provider_auth0link.emulator.routes import UNKNOWN, Route

FORM = "application/x-www-form-urlencoded"
KEPT = 20_000
"""Requests that a tenant remembers unless told otherwise. They are counted without end."""


@dataclass(slots=False)
class RequestRecord:
    """
    One request.

    ``path`` is as it came on the wire, without the query. ``status`` is what was sent, 0 when
    nothing whole was; ``outcome`` and ``answer`` are what the tenant said before a fault came between,
    ``outcome`` 0 when it was never asked. ``at`` is the tenant's time.
    """

    method: str
    path: str
    query: str = ""
    raw_headers: list[tuple[bytes, bytes]] = field(default_factory=list, repr=False)
    raw_body: bytes = field(default=b"", repr=False)
    operation: Route = UNKNOWN
    args: list[str] = field(default_factory=list)
    at: float = 0.0
    status: int = 0
    outcome: int = 0
    answer: bytes = field(default=b"", repr=False)
    answer_headers: dict[str, str] = field(default_factory=dict, repr=False)
    fault: str | None = None

    @property
    def route(self) -> str:
        """Name of the operation."""
        return self.operation.name

    @cached_property
    def headers(self) -> dict[str, str]:
        """Headers, names in lower case."""
        return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in self.raw_headers}

    @cached_property
    def body(self) -> Any:  # noqa: ANN401 - decoded JSON
        """The body decoded: JSON, or a form as a dict. None when there is none, text when it is neither."""
        try:
            return self.decoded()
        except ApiError:
            return self.raw_body.decode(errors="replace")

    def decoded(self) -> Any:  # noqa: ANN401 - decoded JSON
        """Decode the body by its content type. 400 when it is not what it says."""
        if not self.raw_body:
            return None
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == FORM:
            return dict(parse_qsl(self.raw_body.decode(errors="replace"), keep_blank_values=True))
        try:
            return json.loads(self.raw_body)
        except ValueError:
            raise ApiError(400, "Invalid request payload JSON format") from None

    @property
    def params(self) -> dict[str, str]:
        """The query string, decoded."""
        return dict(parse_qsl(self.query, keep_blank_values=True)) if self.query else {}

    def as_json(self) -> dict[str, Any]:
        """Return the record for other processes."""
        return {
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "headers": self.headers,
            "body": self.body,
            "route": self.route,
            "status": self.status,
            "outcome": self.outcome,
            "fault": self.fault,
            "at": self.at,
        }


class RequestLog:
    """
    The last requests, and counts of all.

    :param keep: how many are remembered
    """

    def __init__(self, keep: int = KEPT) -> None:
        self._lock = threading.Lock()
        self._kept: deque[RequestRecord] = deque(maxlen=keep)
        self.counts: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()

    def add(self, record: RequestRecord) -> None:
        """Remember a request that has come in."""
        with self._lock:
            self._kept.append(record)
            self.counts[record.route] += 1

    def note(self, record: RequestRecord) -> None:
        """Count what was decided on it."""
        with self._lock:
            self.statuses[record.status] += 1

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._kept.clear()
            self.counts.clear()
            self.statuses.clear()

    def all(self) -> list[RequestRecord]:
        """Return what is remembered, oldest first."""
        with self._lock:
            return list(self._kept)
