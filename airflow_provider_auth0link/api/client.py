"""The client: tokens, waiting and retries around one transport."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Mapping
from typing import Protocol

from airflow_provider_auth0link.api import limits, refusals
from airflow_provider_auth0link.api.pace import Pace
from airflow_provider_auth0link.api.retry import (
    PAIR_SECONDS,
    REAL_TIME,
    Budget,
    Timing,
    after_limit,
    backoff,
    server_time,
)
from airflow_provider_auth0link.api.token import StaticToken, Token, TokenFetcher, TokenSource
from airflow_provider_auth0link.api.width import Width
from airflow_provider_auth0link.api.wire import Request, Response
from airflow_provider_auth0link.api.work import Work
from airflow_provider_auth0link.errors import (
    AmbiguousError,
    Auth0LinkError,
    RateLimitedError,
    UnsentError,
)
from airflow_provider_auth0link.settings import Settings

log = logging.getLogger(__name__)

QUIET_S = 5.0
"""A wait longer than this is worth a line in the log."""

MANY_LIMITED = 4
"""So many 429s of one request that tell no time are worth one too."""

UNAUTHORIZED, TOO_MANY = 401, 429


class Transport(Protocol):
    """What opens the sockets."""

    def send(self, request: Request, headers: Mapping[str, str]) -> Response:
        """Send once."""


class Auth0Client:
    """
    A tenant's Management API for many threads: one token, one pace, one pool of connections.

    :param settings: the checked connection
    :param transport: what sends
    :param user_agent: names provider and version
    :param timing: clock, sleep and chance
    :param told: called with every token fetched, to register it with the secrets masker
    """

    def __init__(
        self,
        settings: Settings,
        transport: Transport,
        *,
        user_agent: str,
        told: Callable[[str], None],
        timing: Timing = REAL_TIME,
    ) -> None:
        self.settings = settings
        self._transport = transport
        self.timing = timing
        self.pace = Pace(
            settings.rate_share, settings.requests_per_second, clock=timing.clock, sleep=timing.sleep
        )
        self._width = Width(timing.clock)
        self._user_agent = user_agent
        self._tokens = self._token_source(told)
        self._connections_lock = threading.Lock()
        self._connections: list[Mapping[str, str] | None] = []

    def _token_source(self, told: Callable[[str], None]) -> TokenSource:
        if self.settings.access_token:
            told(self.settings.access_token)
            return StaticToken(self.settings.access_token)
        fetch = TokenFetcher(
            self.settings,
            self._transport,
            timing=self.timing,
            unique=lambda: secrets.token_urlsafe(24),
            told=told,
            headers={"user-agent": self._user_agent},
        )
        return TokenSource(fetch, self.timing.clock)

    def work(self, *, correlation_id: str | None = None, seconds: float = PAIR_SECONDS) -> Work:
        """
        Begin a piece of work: its requests are counted, and share one budget of time.

        :param correlation_id: at most 64 characters, sent with every write to the tenant's log
        :param seconds: how long retries may go on
        """
        return Work(self, Budget(seconds, self.timing.clock), correlation_id)

    def send(
        self,
        request: Request,
        budget: Budget,
        correlation_id: str | None = None,
        before: float | None = None,
    ) -> Response:
        """
        Send until there is an answer that decides.

        429 is waited out (nothing was done), a 401 costs one renewal, reads are repeated after outages.
        A write that may have been done is not repeated here: whoever asked must look first.

        :param before: nothing is sent after this moment, monotonic seconds
        :raises Auth0LinkError: as ``refusals.error_of`` says, when the answer is not 2xx
        """

        def allows(seconds: float) -> bool:
            ends = self.timing.clock() + seconds
            return ends < min(budget.ends, before if before is not None else budget.ends)

        attempt = limited = 0
        renewed = False
        while True:
            attempt += 1
            token = None if request.bearer else self._tokens.current(budget)
            try:
                response = self._once(request, token, budget, correlation_id, before=before)
            except (UnsentError, AmbiguousError) as error:
                self._rest_or_raise(request, error, allows, backoff(attempt, self.timing.chance()))
                continue
            if response.ok:
                return response
            if response.status == UNAUTHORIZED and token is not None and not renewed:
                renewed = True
                self._tokens.after_refusal(token, budget)
                continue
            limited += response.status == TOO_MANY
            pause = self._pause(request, attempt, limited, response)
            self._rest_or_raise(request, refusals.error_of(request, response), allows, pause)

    def _once(
        self,
        request: Request,
        token: Token | None,
        budget: Budget,
        correlation_id: str | None,
        *,
        before: float | None,
    ) -> Response:
        headers = {"user-agent": self._user_agent, "accept": "application/json"}
        headers["authorization"] = f"Bearer {request.bearer if token is None else token.value}"
        if correlation_id and not request.safe:
            headers["x-correlation-id"] = correlation_id
        lane = limits.lane(request)
        passage = self.pace.enter(lane, priority=limits.priority(request), until=budget.ends)
        if passage is None:
            raise RateLimitedError(
                f"the tenant's rate limit holds {request.name} back for longer than there is time"
            )
        told = None
        limited = False
        try:
            if before is not None and self.timing.clock() > before:
                raise UnsentError(f"the turn of {request.name} came too late: what was read before is old")
            budget.requests += 1
            sent_at = self.timing.clock()
            try:
                response = self._transport.send(request, headers)
            except Auth0LinkError:
                self._width.spent(lane, self.timing.clock() - sent_at)
                raise
            self._width.answered(lane, self.timing.clock() - sent_at, done=response.ok)
            told, limited = limits.told_of(response), response.status == TOO_MANY
        finally:
            self.pace.leave(passage, told, limited=limited)
        return response

    def _pause(self, request: Request, attempt: int, limited: int, response: Response) -> float:
        """
        Return how long to wait. A 429 holds back its whole class, so other failures of a request do not count.

        Where it tells no time, the pace alone knows how long: it lets the next request of the class leave when it may.
        """
        if response.status != TOO_MANY:
            return backoff(attempt, self.timing.chance())
        now = server_time(response.headers, self.timing.epoch())
        seconds = after_limit(limited, response.headers, now, self.timing.chance())
        if seconds is None:
            if limited >= MANY_LIMITED and limited.bit_count() == 1:  # at 4, 8, 16 and so on
                log.warning(
                    "%s met the tenant's rate limit %d times; still waiting for it", request.name, limited
                )
            return 0.0
        self.pace.hold(limits.lane(request), seconds)
        return seconds

    def _rest_or_raise(
        self, request: Request, error: Auth0LinkError, allows: Callable[[float], bool], seconds: float
    ) -> None:
        """Wait, when a repeat of this request can do no harm and there is time for it; else raise."""
        harmless = isinstance(error, UnsentError | RateLimitedError) or (
            isinstance(error, AmbiguousError) and request.safe
        )
        if not harmless or not allows(seconds):
            raise error
        if seconds > QUIET_S:
            log.warning("%s; trying again in %.0f s", error, seconds)
        if isinstance(error, RateLimitedError):
            if seconds:
                self.timing.sleep(seconds)
        else:
            self.rest(limits.lane(request), seconds)

    def rest(self, lane: str, seconds: float) -> None:
        """Wait before a repeat of what met an outage: time in which another could be under way."""
        self.timing.sleep(seconds)
        self._width.spent(lane, seconds)

    def width(self) -> int:
        """
        Return how many requests at once are worth having now, 4 to 128, as this tenant's answers teach.

        It counts requests that wait for an answer. Work that waits for something else comes on top.
        """
        return self._width.value()

    def token_scopes(self, budget: Budget) -> frozenset[str] | None:
        """Return the scopes of the Management token, None when the tenant does not tell."""
        return self._tokens.current(budget).scopes

    def connection_ids(self, ask: Callable[[], Mapping[str, str] | None]) -> Mapping[str, str] | None:
        """
        Return what *ask* answered when it was first asked; an error is not kept.

        :param ask: reads the tenant's database connections
        """
        with self._connections_lock:
            if not self._connections:
                self._connections.append(ask())
            return self._connections[0]
