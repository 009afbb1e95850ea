"""
Faults on demand: a tenant that resets, times out, answers half, or says 500 after doing it.

"before" means that the change is not made, "after" that it is.
"""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from airflow_provider_auth0link.emulator.answers import Answer, ApiError, answer, too_many_requests
from airflow_provider_auth0link.emulator.routes import NAMES

KINDS = {
    "reset_before": "the connection is reset, nothing was done",
    "reset_after": "it was done, then the connection is reset",
    "status_before": "a status (500, 502, 503), nothing was done",
    "status_after": "it was done, then a status (500, 502, 503)",
    "rate_limited": "429, nothing was done",
    "truncated": "it was done; the answer ends before its content-length",
    "cut_json": "it was done; the answer is whole, but no whole JSON",
    "slow_before": "a wait, then it is done; not done when the client has left, unless late",
    "slow_after": "it is done, then a wait",
}
INSIDE = {"job_failed": "export_create", "location_expired": "job"}
"""
Faults of one operation, which it works out itself: the export job that is made will fail; the location that a
completed job tells is expired already. To the route that they strike on.
"""


@dataclass(slots=True, kw_only=True)
class Fault:
    """
    A fault that is armed.

    :param kind: one of ``KINDS`` or ``INSIDE``
    :param route: name or names of operations ("link", "user_get", "token", ...); None for all
    :param method: HTTP method; None for all
    :param path: regular expression searched in the raw path; None for all
    :param count: how often it strikes; None for without end, the default where *share* is given
    :param share: of the matching requests, 0 to 1
    :param status: for ``status_before`` and ``status_after``
    :param headers: for ``rate_limited``: whether ``x-ratelimit-*`` stand in the answer
    :param reset_in: for ``rate_limited``: seconds from now to ``x-ratelimit-reset``
    :param retry_after: for ``rate_limited``: value of ``Retry-After``; None for none
    :param delay: for ``slow_before`` and ``slow_after``: seconds
    :param late: for ``slow_before``: done after the wait even when the client has left
    :param after: for ``truncated``: bytes of the body that are sent; None for half of them
    :param graceful: for ``reset_*``: closed in order (FIN) instead of reset (RST)
    """

    kind: str
    route: str | Iterable[str] | None = None
    method: str | None = None
    path: str | None = None
    count: int | None = 1
    share: float = 1.0
    status: int = 500
    headers: bool = True
    reset_in: float = 1.0
    retry_after: int | str | None = None
    delay: float = 30.0
    late: bool = False
    after: int | None = None
    graceful: bool = False

    def __post_init__(self) -> None:
        if self.kind not in {*KINDS, *INSIDE}:
            raise ValueError(f"unknown fault {self.kind!r}; known are {', '.join([*KINDS, *INSIDE])}")
        self.route = self._routes()
        if not 0 < self.share <= 1:
            raise ValueError(f"share must be over 0 and at most 1, got {self.share}")
        if self.count is not None and self.count < 1:
            raise ValueError(f"count must be at least 1, got {self.count}")
        if not 500 <= self.status <= 599:  # noqa: PLR2004 - HTTP's server errors
            raise ValueError(f"status must be 500 to 599, got {self.status}")
        if self.delay < 0:
            raise ValueError(f"delay must not be negative, got {self.delay}")
        if self.after is not None and self.after < 0:
            raise ValueError(f"after must not be negative, got {self.after}")

    def _routes(self) -> list[str] | None:
        given = {self.route} if isinstance(self.route, str) else set(self.route or ())
        if self.kind in INSIDE:
            own = {INSIDE[self.kind]}
            if given | own != own:
                raise ValueError(f"{self.kind} strikes on {INSIDE[self.kind]} only, got {sorted(given)}")
            given = own
        return None if self.route is None and not given else _known(given)

    def fits(self, route: str, method: str, raw_path: str) -> bool:
        """Tell whether a request is one that this is for."""
        return (
            (self.route is None or route in self.route)
            and self.method in {None, method}
            and (self.path is None or re.search(self.path, raw_path) is not None)
        )

    @property
    def before(self) -> bool:
        """Whether it strikes before anything is done."""
        return self.kind in {"reset_before", "status_before", "rate_limited", "slow_before"}


def _known(names: set[str]) -> list[str]:
    if unknown := names - NAMES:
        raise ValueError(f"unknown routes {sorted(unknown)}; known are {sorted(NAMES)}")
    return sorted(names)


class Faults:
    """
    The faults of a tenant. The first armed one that fits a request, and whose share falls to it, strikes.

    :param seed: for shares
    """

    def __init__(self, seed: int) -> None:
        self._lock = threading.Lock()
        self._seed = seed
        self._chance = random.Random(seed)  # noqa: S311 - which requests fail, no secret
        self._armed: list[Fault] = []

    def add(self, kind: str, **options: Any) -> Fault:  # noqa: ANN401 - checked by Fault
        """
        Arm a fault, say ``add("reset_after", route="link", count=1)``.

        :param kind: one of ``KINDS`` or ``INSIDE``
        :param options: as in ``Fault``
        """
        if "share" in options:
            options.setdefault("count", None)
        fault = Fault(kind=kind, **options)
        with self._lock:
            self._armed.append(fault)
        return fault

    def clear(self) -> None:
        """Disarm all, and start the draw of shares over."""
        with self._lock:
            self._armed.clear()
            self._chance.seed(self._seed)

    def draw(self, route: str, method: str, raw_path: str, inside: str | None = None) -> Fault | None:
        """
        Return the fault that strikes a request, if one does.

        :param inside: the one kind of ``INSIDE`` that may strike now; None for all others
        """
        if not self._armed:
            return None
        with self._lock:
            for fault in self._armed:
                if inside != (fault.kind if fault.kind in INSIDE else None):
                    continue
                if not fault.fits(route, method, raw_path):
                    continue
                if fault.share < 1 and self._chance.random() >= fault.share:
                    continue
                if fault.count is not None:
                    fault.count -= 1
                    self._armed = [each for each in self._armed if each.count != 0]
                return fault
        return None

    def armed(self) -> list[dict[str, Any]]:
        """Return what is armed, for other processes."""
        with self._lock:
            return [asdict(each) for each in self._armed]


def struck(fault: Fault, now: float, *, is_token: bool) -> Answer:
    """
    Return the answer of a fault that answers.

    :param now: the tenant's time, epoch seconds
    :param is_token: whether ``/oauth/token`` was asked, whose errors have another form
    """
    if fault.kind == "rate_limited":
        return _rate_limited(fault, now, is_token=is_token)
    if fault.status == 500:  # noqa: PLR2004 - an HTTP status
        return ApiError(500, "An internal server error occurred").answer()
    # Gateways in front of the API answer in HTML.
    page = f"<html><body><h1>{fault.status}</h1></body></html>".encode()
    return Answer(fault.status, page, content_type="text/html")


def _rate_limited(fault: Fault, now: float, *, is_token: bool) -> Answer:
    headers: list[tuple[str, str]] = []
    if fault.headers:
        reset = str(int(now + fault.reset_in))
        headers = [("x-ratelimit-limit", "10"), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", reset)]
    if fault.retry_after is not None:
        headers.append(("retry-after", str(fault.retry_after)))
    if is_token:
        body = {"error": "too_many_requests", "error_description": "Rate limit exceeded."}
        return answer(body, 429, *headers)
    return too_many_requests().answer().with_headers(*headers)
