"""What answers say of the tenant's limits, and which class of route a request belongs to. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_provider_auth0link.api.bucket import Told
from airflow_provider_auth0link.api.retry import told_time
from airflow_provider_auth0link.api.wire import API, Request, Response

MOST_DIGITS = 12

ONE_BUCKET = frozenset({"other", "organizations of a user"})
"""Groups of endpoints in which reads and writes draw on one bucket, or which have no writes."""

DELETED_APART = frozenset({"users", "identities", "rights"})
"""Groups in which ``DELETE`` may have another bucket than ``POST`` and ``PATCH``."""


def limit_of(headers: Mapping[str, str]) -> tuple[int | None, int | None]:
    """Return the bucket's size and what is left of it, as ``x-ratelimit-limit`` and ``-remaining`` tell."""
    size, left = (_whole(headers.get(f"x-ratelimit-{name}", "")) for name in ("limit", "remaining"))
    return size, left


def _whole(text: str) -> int | None:
    """Read a whole number; one with too many digits to be meant counts as none."""
    return int(text) if text.isdecimal() and len(text) <= MOST_DIGITS else None


def lane(request: Request) -> str:
    """
    Return the class of route, for the pace: requests of one class draw on one bucket, whatever the plan.

    The smaller plans keep a bucket for each of these groups of endpoints, and one for all other endpoints
    combined (rate limit configurations). Which one linking, roles and permissions draw on is not published,
    so they are classes of their own; what turns out to be one bucket, the pace makes one.
    """
    path = request.path.partition("?")[0].removeprefix(f"{API}/")
    group = _group(path.split("/"))
    if group in ONE_BUCKET:
        return group
    return f"{_kind(request, group)} {group}"


def _group(parts: list[str]) -> str:
    """Return the group of endpoints that a path below ``/api/v2`` belongs to."""
    family, last = parts[0], parts[-1]
    match len(parts):
        case 1 | 2 if family in {"users", "connections"}:
            return family
        case 1 if family == "users-by-email":
            return "users"
        case 3 | 5 if (family, parts[2]) == ("users", "identities"):
            return "identities"
        case 3 if family == "users" and last in {"roles", "permissions"}:
            return "rights"
        case 3 if (family, last) == ("users", "organizations"):
            return "organizations of a user"
        case 3 if (family, last) == ("organizations", "members"):
            return "members"
        case 5 if (family, parts[2], last) == ("organizations", "members", "roles"):
            return "member roles"
    return "other"


def _kind(request: Request, group: str) -> str:
    if request.safe:
        return "read"
    return "delete" if request.method == "DELETE" and group in DELETED_APART else "write"


def priority(request: Request) -> int:
    """Return who goes first, lower before higher: a pair that was begun is finished before another is begun."""
    if request.safe:
        return 2
    return 0 if "/identities" in request.name else 1


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
