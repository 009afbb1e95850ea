"""
What a run changed for the people: what primaries gained, and what of the accounts is nowhere any more. Pure.

Both are told of what stands at the tenant after the run beside what the export said before it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_auth0link.cli.rehearse.ends import End
from airflow_provider_auth0link.emulator.accounts import NOT_PROFILE, Json, connection_of, profile_of
from airflow_provider_auth0link.linking.merge import PROFILE_LIMIT_BYTES, same
from airflow_provider_auth0link.linking.options import METADATA, Options
from airflow_provider_auth0link.model import same_email

CONFLICT, EXCEPT, UNCARRIED = "conflict", "carry_except", "not_carried"
GONE, ASIDE = "gone", "profile_data"
WHY = {
    CONFLICT: "another value stands at the primary",
    EXCEPT: "named in carry_except",
    UNCARRIED: "its kind is not in carry",
    GONE: "gone with the account",
    ASIDE: "differs from the primary's; stays in the linked identity's profileData alone",
}
"""Why a value is not at the primary's root, or in its metadata."""

OF_ACCOUNT = NOT_PROFILE - {"user_id", "identities", "updated_at", *METADATA}
"""Root attributes that do not travel with an identity (User Account Linking)."""

MADE_UP = "1970-01-01T00:00:00.000Z"
"""What the tenant takes for a date that the export does not tell."""


@dataclass(slots=True)
class Primary:
    """One primary: who became it, what it gained, what of them and of it is lost, by path."""

    user_id: str
    secondaries: list[str]
    gained: tuple[str, ...]
    lost: tuple[str, ...]
    size: int


@dataclass(slots=True)
class Effects:
    """
    What a run changed.

    ``gained``: primaries by path. ``lost``: accounts by why and path. ``oversize``: primaries whose profile is over
    Auth0's limit now and was not before.
    """

    primaries: list[Primary] = field(default_factory=list)
    gained: Counter[str] = field(default_factory=Counter)
    lost: dict[str, Counter[str]] = field(default_factory=lambda: {why: Counter() for why in WHY})
    oversize: list[Primary] = field(default_factory=list)


def effects(
    ends: Iterable[End], users: Iterable[Json], now: Callable[[str], Json | None], options: Options
) -> Effects:
    """
    Compare before and after.

    :param users: accounts before, as the export told them
    :param now: gives an account as it is after the run
    """
    before: dict[str, list[Json]] = {}
    for row in users:
        before.setdefault(row["user_id"], []).append(row)
    stars: dict[str, list[End]] = {}
    for end in ends:
        if end.outcome == "linked":
            stars.setdefault(end.primary, []).append(end)
    found = Effects()
    for primary, linked in stars.items():
        after = now(primary)
        if after is not None and primary in before:
            rows = [row for end in linked for row in _row(before.get(end.secondary, []), end.connection)]
            _count(
                found,
                (before[primary][0], after),
                linked,
                list(_losses(before[primary][0], rows, after, options)),
            )
    return found


def _gained(carried: Iterable[str], after: Json) -> Iterator[str]:
    """
    Give the paths of all values that were carried, as the making of a plan names them.

    A run tells an object that the primary lacked by its own path; what grants a right is a value in it.
    """
    places = [place for kind in METADATA for place in _places(kind, after.get(kind))]
    for path in dict.fromkeys(carried):
        yield from [each for each in places if each == path or each.startswith(f"{path}.")] or [path]


def _places(path: str, value: object) -> Iterator[str]:
    """Give the paths of all values; a list is one."""
    rest = [(path, value)]
    while rest:
        place, held = rest.pop()
        if isinstance(held, Mapping):
            rest += [(f"{place}.{key}", inner) for key, inner in list(held.items())[::-1]]
        elif held is not None:
            yield place


def _row(rows: list[Json], connection: str | None) -> list[Json]:
    """Return the account that was linked: of two under one id, that of the connection."""
    matching = [row for row in rows if connection in {None, connection_of(row)}]
    return (matching or rows)[:1]


def _count(
    found: Effects, states: tuple[Json, Json], linked: list[End], losses: list[tuple[str, str]]
) -> None:
    before, after = states
    gained = tuple(dict.fromkeys(_gained((path for end in linked for path in end.carried), after)))
    lost = tuple(dict.fromkeys(path for why, path in losses if why not in {GONE, ASIDE}))
    primary = Primary(before["user_id"], [end.secondary for end in linked], gained, lost, _size(after))
    found.primaries.append(primary)
    found.gained.update(gained)
    for why, path in losses:
        found.lost[why][path] += 1
    if _size(before) <= PROFILE_LIMIT_BYTES < primary.size:
        found.oversize.append(primary)


def _losses(
    primary: Json, secondaries: list[Json], after: Json, options: Options
) -> Iterator[tuple[str, str]]:
    """Give why and path of all that is not at the primary, each account's for itself."""
    for row in secondaries:
        for path in _missing(row, after):
            yield _why(path, options), path
        for name, value in profile_of(row).items():
            if value not in (None, "") and not _alike(name, value, after.get(name)):
                yield ASIDE, name
        for name in sorted(OF_ACCOUNT & row.keys()):
            if row[name] and row[name] != MADE_UP:
                yield GONE, name
    for path in _missing(primary, after):  # the secondary's value won
        yield CONFLICT, path


def _alike(name: str, value: object, now: object) -> bool:
    """Tell whether the primary has the value too; e-mails are compared as the rules and guards compare them."""
    if name == "email" and isinstance(value, str) and isinstance(now, str):
        return same_email(value) == same_email(now)
    return same(value, now)


def _why(path: str, options: Options) -> str:
    if path.partition(".")[0] not in options.metadata:
        return UNCARRIED
    if any(path == each or path.startswith(f"{each}.") for each in options.carry_except):
        return EXCEPT
    return CONFLICT


def _missing(row: Json, after: Json) -> Iterator[str]:
    """Give the paths of metadata whose values do not stand in *after*; arrays hold sets of values."""
    rest: list[tuple[str, Any, Any]] = [(kind, row.get(kind), after.get(kind)) for kind in reversed(METADATA)]
    while rest:
        path, value, now = rest.pop()
        if isinstance(value, Mapping):
            inside = now if isinstance(now, Mapping) else {}
            rest += [(f"{path}.{key}", inner, inside.get(key)) for key, inner in list(value.items())[::-1]]
        elif isinstance(value, list) and isinstance(now, list):
            held = {_text(each) for each in now}
            if any(_text(each) not in held for each in value):
                yield path
        elif value is not None and not same(value, now):
            yield path


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True)


def _size(account: Json) -> int:
    """Return the bytes of a profile as it is read."""
    return len(json.dumps(account, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))
