"""How this tenant behaves where Auth0's documentation is silent, and how it is set up."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

ALL_SCOPES = (
    "create:users read:users update:users delete:users "
    "read:users_app_metadata update:users_app_metadata create:users_app_metadata "
    "read:user_idp_tokens read:connections read:roles read:role_members create:role_members "
    "delete:role_members read:organizations read:organization_members create:organization_members "
    "delete:organization_members read:organization_member_roles create:organization_member_roles "
    "delete:organization_member_roles"
)
"""What a token carries unless told otherwise."""

Relinked = Literal[409, 400, 404, "missing"]


@dataclass(frozen=True, slots=True)
class Options:
    """
    A tenant's settings.

    Each of the first ten has more than one reading in Auth0's documentation and in recorded
    traffic; a careful client works with all of them.

    :param relink_status: answer to linking a pair that is linked already: 409 "Specified identity
        already exists.", 400 "Main identity and the new one are the same.", 404, or "missing" for
        400 "Provided secondary account not found."
    :param elsewhere_status: the same for an identity that belongs to another primary
    :param missing_status: answer to a link or unlink of a primary that does not exist: 404 or 400
    :param missing_secondary_status: the same for an account that ``link_with`` names
    :param link_inexistent: whether an unknown identity is made and linked when ``connection_id`` is given
    :param unlink_missing_status: answer to unlinking what is not linked: 400 or 404
    :param nested_order: whether a secondary's own identity stands before those linked to it, or after
    :param role_scopes: whether a user's roles need "all" the scopes that the reference lists for each
        operation (its answer to reading them: "expected all of"), or "any" one of them
    :param reset_at: what ``x-ratelimit-reset`` means: the "next" request let in, or the bucket "full"
    :param rate_headers: whether ``x-ratelimit-*`` stand in answers
    :param export_file: whether a users export is fetched as a "gzip" file, or "encoded" on its way only
        (``content-encoding: gzip``)
    :param export_seconds: from an export job to its file
    :param location_seconds: for which a file can be fetched from where a job says
    :param token_lifetime: seconds
    :param clock_offset: seconds by which the tenant's clock is ahead
    :param latency: seconds from request to answer
    :param latency_tail: seconds that an answer takes longer on average: most a little, a few much (exponential)
    :param scopes: what tokens carry, separated by spaces
    """

    relink_status: Relinked = 409
    elsewhere_status: Relinked = 409
    missing_status: Literal[404, 400] = 404
    missing_secondary_status: Literal[404, 400] = 400
    link_inexistent: bool = True
    unlink_missing_status: Literal[400, 404] = 400
    nested_order: Literal["root_first", "root_last"] = "root_first"
    role_scopes: Literal["all", "any"] = "all"
    reset_at: Literal["next", "full"] = "next"
    rate_headers: bool = True
    export_file: Literal["gzip", "encoded"] = "gzip"
    export_seconds: float = 1.0
    location_seconds: float = 60.0
    token_lifetime: int = 86400
    clock_offset: float = 0.0
    latency: float = 0.0
    latency_tail: float = 0.0
    scopes: str = ALL_SCOPES


def options_of(given: dict[str, Any]) -> Options:
    """
    Build options from keyword arguments.

    :raises ValueError: for an unknown name, or a value that is none of its readings
    """
    known = {each.name for each in fields(Options)}
    if unknown := sorted(given.keys() - known):
        raise ValueError(f"unknown options {unknown}; known are {sorted(known)}")
    if isinstance(given.get("scopes"), list | tuple | set | frozenset):
        given = {**given, "scopes": " ".join(sorted(given["scopes"]))}
    for name, hint in get_type_hints(Options).items():
        readings = get_args(hint) if get_origin(hint) is Literal else None
        if name in given and readings is not None and given[name] not in readings:
            raise ValueError(f"{name}: {given[name]!r} is none of {readings}")
    return Options(**given)
