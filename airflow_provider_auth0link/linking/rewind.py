"""
Taking back what was written, where somebody may have written since. Pure.

Three values meet: what was written, what is to stand there again, and what stands there now. Where the value now
is the one that was written, it goes back; where somebody changed it, it is left and named.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_auth0link.linking.merge import same, text_of, texts_of

Metadata = Mapping[str, Mapping[str, Any]]
"""By kind (``user_metadata``, ``app_metadata``) and first-level key."""

Path = tuple[str, ...]

Stays = Callable[[Path, Any], bool]
"""(path, value) to whether the value stays, since another linked account brought it too."""


def _none_stays(path: Path, value: object) -> bool:  # noqa: ARG001 - the form of Stays
    return False


def taken_back(
    before: Metadata, now: Metadata, written: Metadata, stays: Stays = _none_stays
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """
    Compute the PATCH that takes a carry back off the primary.

    :param before: what stood there; a key that is not in it was absent
    :param now: what stands there now
    :param written: what was written
    :param stays: tells which values another linked account brought too
    :return: the body, where null unsets, and the paths that somebody changed since and that are left
    """
    back: dict[str, dict[str, Any]] = {}
    left: list[str] = []
    for kind, keys in written.items():
        for key, value in keys.items():
            current = now.get(kind, {}).get(key)
            after = _rewound((kind, key), value, before.get(kind, {}).get(key), current, stays, left)
            if not same(after, current):
                back.setdefault(kind, {})[key] = after
    return back, left


def _rewound(path: Path, written: Any, before: Any, now: Any, stays: Stays, left: list[str]) -> Any:  # noqa: ANN401, PLR0917 - decoded JSON; three values that meet at one place
    """Return what is to stand at one place."""
    if same(written, before) or same(now, before):
        return now
    if isinstance(written, Mapping) and isinstance(now, Mapping):
        return _object(path, written, before, now, stays, left)
    if isinstance(written, list) and isinstance(now, list):
        return _array(path, written, before, now, stays)
    if _stays_whole(path, now, stays):
        return _united(before, now)
    if not same(now, written):
        left.append(".".join(path))
        return now
    return before


def _object(  # noqa: PLR0917 - three values that meet at one place
    path: Path,
    written: Mapping[str, Any],
    before: Any,  # noqa: ANN401 - decoded JSON
    now: Mapping[str, Any],
    stays: Stays,
    left: list[str],
) -> Any:  # noqa: ANN401 - decoded JSON
    """Go back leaf by leaf. Where nothing is another's, what stood there before stands again."""
    stood = before if isinstance(before, Mapping) else {}
    after = dict(now)
    for key, value in written.items():
        kept = _rewound((*path, key), value, stood.get(key), now.get(key), stays, left)
        if kept is None and key not in stood:
            after.pop(key, None)
        elif key in now or kept is not None:
            after[key] = kept
    after |= {key: value for key, value in stood.items() if key not in written and key not in now}
    if after or isinstance(before, Mapping):
        return after
    return before if before is None or same(now, written) or not same(now, after) else now


def _array(path: Path, written: list[Any], before: Any, now: list[Any], stays: Stays) -> Any:  # noqa: ANN401 - decoded JSON
    """Take out the elements that came with the carry; keep those of others, and their order."""
    stood = before if isinstance(before, list) else []
    ours = texts_of(written)
    came = ours - texts_of(stood)
    kept = [each for each in now if text_of(each) not in came or stays(path, [each])]
    there = ours | texts_of(kept)
    after = [*(each for each in stood if text_of(each) not in there), *kept]
    if same(now, written) and not any(stays(path, [each]) for each in written if text_of(each) in came):
        return before
    if after or isinstance(before, list):
        return after
    return before if before is None or same(now, written) or not same(now, after) else now


def _stays_whole(path: Path, now: Any, stays: Stays) -> bool:  # noqa: ANN401 - decoded JSON
    """Tell whether a value stays, or all that is in it does: several accounts may have brought it together."""
    if stays(path, now):
        return True
    if isinstance(now, Mapping):
        return bool(now) and all(_stays_whole((*path, key), value, stays) for key, value in now.items())
    return isinstance(now, list) and bool(now) and all(stays(path, [each]) for each in now)


def _united(before: Any, now: Any) -> Any:  # noqa: ANN401 - decoded JSON
    """Return what would stand had what was written never been: a value that stays would have met what stood there."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        return {**before, **{key: _united(before.get(key), value) for key, value in now.items()}}
    if isinstance(before, list) and isinstance(now, list):
        stood = texts_of(before)
        return [*before, *(each for each in now if text_of(each) not in stood)]
    return now


def brought_by(account_metadata: Metadata) -> Stays:
    """
    Return the test whether an account's own metadata hold a value at a path.

    :param account_metadata: as its snapshot has them
    """

    def stays(path: Path, value: Any) -> bool:  # noqa: ANN401 - decoded JSON
        held: Any = account_metadata
        for step in path:
            held = held.get(step) if isinstance(held, Mapping) else None
        if isinstance(held, list) and isinstance(value, list):
            return texts_of(value) <= texts_of(held)
        return held is not None and same(_without_nulls(held), _without_nulls(value))

    return stays


def _without_nulls(value: Any) -> Any:  # noqa: ANN401 - decoded JSON
    """Leave out the nulls of objects, which are never carried."""
    if not isinstance(value, Mapping):
        return value
    return {key: _without_nulls(inner) for key, inner in value.items() if inner is not None}
