"""What answers say of the tenant's limits, and which class of route a request belongs to. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_provider_auth0link.api.bucket import Told
from airflow_provider_auth0link.api.retry import told_time
from airflow_provider_auth0link.api.wire import Request, Response


def limit_of(headers: Mapping[str, str]) -> tuple[int | None, int | None]:
    """Return the bucket's size and what is left of it, as ``x-ratelimit-limit`` and ``-remaining`` tell."""
    told = [headers.get(f"x-ratelimit-{name}", "") for name in ("limit", "remaining")]
    size, left = (int(text) if text.isdecimal() else None for text in told)
    return size, left


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
    reset, retry_after = (headers.get(name, "") for name in ("x-ratelimit-reset", "retry-after"))
    return Told(
        limit=limit,
        remaining=remaining,
        reset=float(reset) if reset.isdecimal() else None,
        date=told_time(headers),
        retry_after=float(retry_after) if retry_after.isdecimal() else None,
    )
