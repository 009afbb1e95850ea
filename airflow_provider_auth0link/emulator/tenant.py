"""A tenant without a socket: what comes in is a recorded request, what goes out an answer."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate

from airflow_provider_auth0link.emulator.accounts import Json
from airflow_provider_auth0link.emulator.answers import (
    Answer,
    ApiError,
    TokenError,
    answer,
    too_many_requests,
)
from airflow_provider_auth0link.emulator.api import ManagementApi
from airflow_provider_auth0link.emulator.calls import Call
from airflow_provider_auth0link.emulator.export import whole
from airflow_provider_auth0link.emulator.faults import Faults
from airflow_provider_auth0link.emulator.grants import TokenDesk
from airflow_provider_auth0link.emulator.jobs import Jobs
from airflow_provider_auth0link.emulator.keys import jwks
from airflow_provider_auth0link.emulator.options import Options
from airflow_provider_auth0link.emulator.rate import Limits, Verdict, rate_headers
from airflow_provider_auth0link.emulator.records import RequestLog, RequestRecord
from airflow_provider_auth0link.emulator.routes import DOWNLOAD, JWKS, TOKEN, UNKNOWN, not_found
from airflow_provider_auth0link.emulator.seeds import Seeds
from airflow_provider_auth0link.emulator.state import State
from airflow_provider_auth0link.emulator.storage import Storage
from airflow_provider_auth0link.emulator.tokens import Tokens

CLIENT_ID = "EmulatorClient00000000000000Auth"
LARGEST_BODY = 1_000_000
"""Bytes (Management API: "max payload 1 MB")."""


def system_clock() -> float:
    """Return epoch seconds."""
    return datetime.now(UTC).timestamp()


@dataclass(frozen=True, slots=True)
class Setup:
    """
    What a tenant is made of, beside its readings of Auth0.

    :param seeds: users and what they hold; reset returns to them
    :param limits: request limits
    :param seed: for shares of faults, and ids of created users
    :param keep: requests that are remembered
    :param clock: epoch seconds
    """

    seeds: Seeds
    limits: Limits
    seed: int
    keep: int
    clock: Callable[[], float]


class Tenant:
    """
    One tenant.

    :param url: where it is served, without a slash at the end
    :param setup: what it is made of
    :param options: its readings of Auth0
    """

    def __init__(self, url: str, setup: Setup, options: Options) -> None:
        self.setup = setup
        self.options = options
        self.limits = setup.limits
        self.state = State(self.stamp)
        setup.seeds.plant(self.state)
        self.tokens = Tokens(url, CLIENT_ID, self.now)
        self.client_secret = secrets.token_urlsafe(48)
        self.desk = TokenDesk(self.tokens, self.client_secret, options.scopes, options.token_lifetime)
        self.faults = Faults(setup.seed)
        self.storage = Storage(url, self.now, self._file, options.export_file)
        self.jobs = Jobs(self.state, options, self.faults, self.now, self.storage.location)
        self.api = ManagementApi(self.state, options, self.tokens.linked_subject, setup.seed, self.jobs)
        self.log = RequestLog(setup.keep)
        self._date = (0, "")

    def now(self) -> float:
        """Return the tenant's time, epoch seconds."""
        return self.setup.clock() + self.options.clock_offset

    def stamp(self) -> str:
        """Return the tenant's time as ``updated_at`` has it."""
        return (
            datetime.fromtimestamp(self.now(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        )

    def date(self) -> str:
        """Return the ``Date`` header."""
        second = int(self.now())
        if self._date[0] != second:
            self._date = (second, formatdate(second, usegmt=True))
        return self._date[1]

    def reset(self) -> None:
        """Return to the users at the start; forget jobs, faults and requests. Tokens stay."""
        self.jobs.clear()
        with self.state.lock:
            self.state.clear()
            self.setup.seeds.plant(self.state)
        self.faults.clear()
        self.log.clear()

    def close(self) -> None:
        """End what still works on jobs."""
        self.jobs.clear()

    def _file(self, job_id: str) -> bytes | None:
        with self.state.lock:
            job = self.jobs.find(job_id)
        return None if job is None else job.file

    def whole(self, *, volatile: bool) -> list[Json]:
        """Return all users with all that they hold, to compare one moment with another."""
        with self.state.lock:
            return whole(self.state.copies(idp_tokens=False), self.state.rights, volatile=volatile)

    def admit(self, request: RequestRecord) -> Verdict | None:
        """Ask the request limits. Requests for tokens and files are not the Management API's."""
        if request.operation in (TOKEN, JWKS, DOWNLOAD):
            return None
        return self.limits.take(request.operation.group, self.now())

    def rate_headers(self, verdict: Verdict) -> tuple[tuple[str, str], ...]:
        """Write what the limits said as headers."""
        if not self.options.rate_headers:
            return ()
        return rate_headers(verdict, full=self.options.reset_at == "full")

    def respond(self, request: RequestRecord) -> Answer:
        """Do what a request asks for."""
        try:
            return self._operation(request)
        except (ApiError, TokenError) as error:
            return error.answer()

    def refused(self, verdict: Verdict) -> Answer:
        """Return the 429 of a bucket that ran dry."""
        return too_many_requests(verdict.name).answer()

    def _operation(self, request: RequestRecord) -> Answer:
        if len(request.raw_body) > LARGEST_BODY:
            raise ApiError(413, "Payload content length greater than maximum allowed: 1000000")
        if request.operation is TOKEN:
            return self._token(request)
        if request.operation is JWKS:
            return answer(jwks())
        if request.operation is DOWNLOAD:
            return self.storage.fetch(request)
        if request.operation is UNKNOWN:
            raise not_found()
        grant = self.tokens.verified(request.headers.get("authorization"))
        return self.api.handle(
            Call(
                route=request.operation,
                path=request.path,
                args=request.args,
                params=request.params,
                query=request.query,
                body=request.decoded,
                grant=grant,
            )
        )

    def _token(self, request: RequestRecord) -> Answer:
        try:
            form = request.decoded()
        except ApiError:
            form = None
        if not isinstance(form, dict):
            raise TokenError(400, "invalid_request", "The body is neither a form nor a JSON object")
        return self.desk.exchange(form)
