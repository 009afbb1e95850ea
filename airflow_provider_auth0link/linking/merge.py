"""
What of the secondary's metadata the primary gains. Pure, deep and idempotent.

Auth0 discards the secondary's metadata at the link, and its PATCH merges the first level only
(Auth0 docs: "Link User Accounts", "Metadata Field Names and Data Types"). So the merge is computed here, and
only first-level keys that change are sent, each with its whole new value. Arrays are united without
duplicates: concatenation would grow them at every retry. Null means absent.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_auth0link.model import Account

PROFILE_LIMIT_BYTES = 10 * 1024
"""Auth0's limit of a profile; larger ones "succeed for now, but may start to fail" (metadata fields and data)."""


@dataclass(frozen=True, slots=True)
class Merge:
    """
    The outcome of a merge.

    ``body`` is the PATCH for the primary, empty when nothing changes. ``carried`` are the dotted paths that
    the primary gains or changes, ``conflicts`` those where both sides have different values.
    """

    body: Mapping[str, Mapping[str, Any]] = field(repr=False)
    carried: tuple[str, ...]
    conflicts: tuple[str, ...]


@dataclass(slots=True)
class _Notes:
    never: frozenset[str]
    secondary_wins: bool
    carried: list[str]
    conflicts: list[str]


def merge(
    primary: Account,
    secondary: Account,
    *,
    carry: Iterable[str],
    carry_except: Iterable[str] = (),
    conflicts: str = "primary",
) -> Merge:
    """
    Compute what is carried.

    :param carry: ``user_metadata``, ``app_metadata``
    :param carry_except: dotted paths never carried, whole subtrees included
    :param conflicts: "primary" or "secondary" wins; "fail" counts as primary here and the caller refuses
    """
    notes = _Notes(frozenset(carry_except), conflicts == "secondary", [], [])
    body: dict[str, dict[str, Any]] = {}
    for kind in carry:
        if kind in notes.never:
            continue
        before = primary.metadata(kind)
        after = _united(before, secondary.metadata(kind), kind, notes)
        changed = {
            key: value for key, value in after.items() if key not in before or not same(value, before[key])
        }
        if changed:
            body[kind] = changed
    return Merge(body, tuple(notes.carried), tuple(notes.conflicts))


def same(one: object, other: object) -> bool:
    """Compare as JSON does: true is not 1."""
    return text_of(one) == text_of(other)


def text_of(value: object) -> str:
    """Return JSON of a value, the same for those that are the same."""
    return json.dumps(value, sort_keys=True)


def texts_of(values: Iterable[object]) -> set[str]:
    """Return JSON of each."""
    return {text_of(each) for each in values}


def _united(mine: Mapping[str, Any], theirs: Mapping[str, Any], path: str, notes: _Notes) -> dict[str, Any]:
    result = dict(mine)
    for key, value in theirs.items():
        place = f"{path}.{key}"
        if value is None or place in notes.never:
            continue
        if result.get(key) is None:
            taken = _pruned(value, place, notes.never)
            if taken is not None:
                result[key] = taken
                notes.carried.append(place)
        else:
            result[key] = _met(result[key], value, place, notes)
    return result


def _met(mine: Any, theirs: Any, place: str, notes: _Notes) -> Any:  # noqa: ANN401 - decoded JSON
    """Decide where both sides have a value."""
    if isinstance(mine, Mapping) and isinstance(theirs, Mapping):
        return _united(mine, theirs, place, notes)
    if isinstance(mine, list) and isinstance(theirs, list):
        held = texts_of(mine)
        new = {text: each for each in theirs if (text := text_of(each)) not in held}
        if new:
            notes.carried.append(place)
        return [*mine, *new.values()]
    taken = _pruned(theirs, place, notes.never)
    if taken is None or same(mine, taken):
        return mine
    notes.conflicts.append(place)
    if not notes.secondary_wins:
        return mine
    notes.carried.append(place)
    return taken


def _pruned(value: Any, place: str, never: frozenset[str]) -> Any:  # noqa: ANN401 - decoded JSON
    """Leave out what is never carried, and nulls; None when nothing is left of what was there."""
    if not isinstance(value, Mapping):
        return value
    kept = {
        key: _pruned(inner, f"{place}.{key}", never)
        for key, inner in value.items()
        if inner is not None and f"{place}.{key}" not in never
    }
    kept = {key: inner for key, inner in kept.items() if inner is not None}
    return kept if kept or not value else None


def crosses_profile_limit(primary: Account, body: Mapping[str, Mapping[str, Any]]) -> bool:
    """Tell whether the merge would bring the primary's profile over Auth0's limit."""
    after = {**primary.raw, **{kind: {**primary.metadata(kind), **new} for kind, new in body.items()}}
    return _size(primary.raw) <= PROFILE_LIMIT_BYTES < _size(after)


def _size(profile: Mapping[str, Any]) -> int:
    return len(json.dumps(profile, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))
