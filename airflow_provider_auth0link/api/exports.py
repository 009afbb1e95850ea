"""
The users-exports job: requests out, answers in. Pure.

Facts: ``POST /jobs/users-exports`` and ``GET /jobs/{id}`` of Auth0's Management API reference, and its page on bulk
user exports. A completed job tells a location that lives 60 seconds; asking again gives another, for 24 hours.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_auth0link.api.scopes import EXPORT
from airflow_provider_auth0link.api.wire import API, Request, Response, decoded, segment
from airflow_provider_auth0link.errors import AmbiguousError, AnswerError
from airflow_provider_auth0link.settings import Settings, is_loopback

DEFAULT_FIELDS = (
    "user_id",
    "email",
    "email_verified",
    "phone_number",
    "phone_verified",
    "username",
    "name",
    "given_name",
    "family_name",
    "nickname",
    "picture",
    "identities",
    "user_metadata",
    "app_metadata",
    "blocked",
    "created_at",
    "updated_at",
    "last_login",
    "logins_count",
    "multifactor",
)
"""
All of a user that rules, guards, rehearsal and undo look at.

Not ``last_ip``, which is nobody's business here, and no dates of passwords. ``multifactor`` names what a merge loses.
"""

LONGEST_FIELD = 100
"""Letters of a field's name, as the reference has it."""


@dataclass(frozen=True, slots=True)
class Job:
    """
    An export job as Auth0 tells it. The location is a secret: whoever has it reads all users, without a token.

    ``percentage`` and ``seconds_left`` are Auth0's own estimate, None where it gives none.
    """

    id: str
    status: str
    location: str | None = field(default=None, repr=False)
    percentage: int | None = None
    seconds_left: int | None = None

    @property
    def completed(self) -> bool:
        """Whether its file is there."""
        return self.status == "completed"

    @property
    def ended(self) -> bool:
        """Whether waiting changes nothing any more. Statuses that are not documented count as under way."""
        return self.status in {"completed", "failed"}


def start_request(fields: Sequence[str], connection_id: str | None) -> Request:
    """``POST /jobs/users-exports``; without a connection: of all of them."""
    body: dict[str, Any] = {"format": "json", "fields": [{"name": name} for name in fields]}
    if connection_id is not None:
        body["connection_id"] = connection_id
    return Request("POST", f"{API}/jobs/users-exports", "POST /jobs/users-exports", body, scopes=EXPORT)


def job_request(job_id: str) -> Request:
    """``GET /jobs/{id}``."""
    return Request("GET", f"{API}/jobs/{segment(job_id)}", "GET /jobs/{id}", scopes=EXPORT)


def read_job(response: Response) -> Job:
    """
    Read a job.

    :raises AmbiguousError: when the answer is none
    """
    row = decoded(response)
    with suppress(TypeError, KeyError):
        job_id, status = row["id"], row["status"]
        location = row.get("location")
        if isinstance(job_id, str) and job_id and isinstance(status, str):
            return Job(
                job_id,
                status,
                location if isinstance(location, str) and location else None,
                _whole(row.get("percentage_done")),
                _whole(row.get("time_left_seconds")),
            )
    raise AmbiguousError(f"Auth0 answered {response.status} without a job")


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def check_location(url: str, settings: Settings) -> None:
    """
    Refuse a location that is not encrypted on its way, but for an emulator's on this machine.

    :raises AnswerError: which does not quote it
    """
    with suppress(ValueError):
        parts = urlsplit(url)
        host = parts.hostname or ""
        if host and parts.scheme == "https":
            return
        if parts.scheme == "http" and settings.loopback and is_loopback(host):
            return
    raise AnswerError(
        "Auth0 gave a location of the export that is no https URL. Nothing was fetched from there"
    )
