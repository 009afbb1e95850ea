"""What the primaries of a plan would gain: keys of ``app_metadata``, which often grants rights."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MOST_ARRAYS = 100
"""Places of lists that are compared one by one. Where there are more, each is named as one that may gain."""


def gained(database: DuckDBPyConnection) -> dict[str, int]:
    """
    Count the primaries that would gain a key, by dotted path: one that they lack, or a list with other values.

    The shapes of metadata are few where accounts are many, so shapes are compared, not accounts.
    """
    database.execute(
        "CREATE TABLE gain AS SELECT *, json_structure(mine)::VARCHAR AS mine_shape, "
        "json_structure(theirs)::VARCHAR AS theirs_shape "
        "FROM (SELECT e.star, p.app_metadata AS mine, s.app_metadata AS theirs FROM e JOIN a AS p ON e.star = p.rec "
        "JOIN a AS s ON e.secondary = s.rec WHERE s.app_metadata IS NOT NULL)"
    )
    pairs = database.execute(
        "SELECT mine_shape, theirs_shapes, count(*) FROM (SELECT star, any_value(mine_shape) AS mine_shape, "
        "list_sort(list(DISTINCT theirs_shape)) AS theirs_shapes FROM gain GROUP BY star) GROUP BY ALL"
    ).fetchall()
    counts: Counter[str] = Counter()
    lists: Counter[tuple[str, ...]] = Counter()
    for mine_shape, theirs_shapes, primaries in pairs:
        mine = _places(mine_shape) or {}
        theirs: dict[tuple[str, ...], str] = {}
        for shape in theirs_shapes:
            theirs |= _TOO_DEEP if (places := _places(shape)) is None else places
        for path, kind in theirs.items():
            if path not in mine and not _within(path, mine):
                counts[_dotted(path)] += primaries
            elif kind == "list" and mine.get(path) == "list":
                lists[path] += primaries
    for at, (path, primaries) in enumerate(sorted(lists.items())):
        compared = at < MOST_ARRAYS and all(map(_is_said, path))
        counts[_dotted(path)] += _other_values(database, path) if compared else primaries
    return {path: count for path, count in sorted(counts.items()) if count}


def _is_said(step: str) -> bool:
    """Tell whether DuckDB's paths can say a key."""
    return bool(step) and not {'"', "\\", "*"} & set(step)


def _other_values(database: DuckDBPyConnection, path: tuple[str, ...]) -> int:
    """Count the primaries that hold a list at a place, where one of their secondaries holds another value."""
    place = "$" + "".join(f'."{step}"' for step in path[1:])
    found = database.execute(
        "SELECT count(DISTINCT star) FROM (SELECT star, json_extract(mine, $place) AS m, "
        "json_extract(theirs, $place) AS t FROM gain) "
        "WHERE json_type(m) = 'ARRAY' AND json_type(t) = 'ARRAY' AND m <> t "
        "AND NOT list_has_all(json_extract(m, '$[*]'), json_extract(t, '$[*]'))",
        {"place": place},
    ).fetchone()
    return int(found[0]) if found else 0


_NOTHING = ("NULL", "JSON")
"""What DuckDB calls null, and an object without keys."""

_TOO_DEEP: dict[tuple[str, ...], str] = {("app_metadata",): "value"}
"""Told of metadata that are nested deeper than Python goes: that something is gained, not what."""


def _places(shape: str | None) -> dict[tuple[str, ...], str] | None:
    """Return the places of a shape that hold a value; None when it is too deep."""
    try:
        return dict(_leaves(json.loads(shape))) if shape else {}
    except RecursionError:
        return None


def _leaves(shape: Any, path: tuple[str, ...] = ("app_metadata",)) -> Iterator[tuple[tuple[str, ...], str]]:  # noqa: ANN401 - JSON
    """Give the places that hold a value, with "list" or "value". An empty object is nothing, as null is."""
    if isinstance(shape, Mapping):
        for key, inner in shape.items():
            yield from _leaves(inner, (*path, key))
    elif shape not in {None, *_NOTHING} if not isinstance(shape, list) else True:
        yield path, "list" if isinstance(shape, list) else "value"


def _within(path: tuple[str, ...], mine: Mapping[tuple[str, ...], str]) -> bool:
    """Tell whether a value of the primary stands where the path leads through, or the path where an object stands."""
    return any(path[:length] in mine for length in range(1, len(path))) or any(
        each[: len(path)] == path for each in mine
    )


def _dotted(path: tuple[str, ...]) -> str:
    return ".".join(path)
