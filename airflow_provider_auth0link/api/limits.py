"""What answers say of the tenant's limits, and which class of route a request belongs to. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_provider_auth0link.api.bucket import Told
from airflow_provider_auth0link.api.retry import told_time
from airflow_provider_auth0link.api.wire import Request, Response

MOST_DIGITS = 12


def limit_of(headers: Mapping[str, str]) -> tuple[int | None, int | None]:
    """Return the bucket's size and what is left of it, as ``x-ratelimit-limit`` and ``-remaining`` tell."""
    size, left = (_whole(headers.get(f"x-ratelimit-{name}", "")) for name in ("limit", "remaining"))
    return size, left


def _whole(text: str) -> int | None:
    """Read a whole number; one with too many digits to be meant counts as none."""
    return int(text) if text.isdecimal() and len(text) <= MOST_DIGITS else None


def lane(request: Request) -> str:
    """
    Return the class of route, for the pace: the smaller plans keep buckets for groups of endpoints.

    Which group ``POST /users/{id}/identities`` belongs to is not documented, so it is a class of its own.
    """
    family = request.name.partition(" ")[2] or request.name
    if family.endswith(("/identities", "/identities/{provider}/{user_id}")):
        return "identities"
    return ("read " if request.safe else "write ") + family.split("/{", 1)[0]


def priority(request: Request) -> int:
    """Return who goes first, lower before higher: a pair that was begun is finished before another is begun."""
    return {"GET": 2, "PATCH": 1}.get(request.method, 0)


def told_of(response: Response) -> Told:
    """Return what an answer says of its bucket."""
    headers = response.headers
    limit, remaining = limit_of(headers)
    reset, retry_after = (_whole(headers.get(name, "")) for name in ("x-ratelimit-reset", "retry-after"))
    return Told(
        limit=limit,
        remaining=remaining,
        reset=None if reset is None else float(reset),
        date=told_time(headers),
        retry_after=None if retry_after is None else float(retry_after),
    )
