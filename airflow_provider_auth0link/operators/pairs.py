"""Pairs that arrive as an argument: shown as a count, read once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, overload

from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.linking.words import counted
from airflow_provider_auth0link.operators import arguments

MOST_PAIRS = 10_000
"""XCom is a table of Airflow's database; a larger plan belongs in a file."""


class Pairs(Sequence[Any]):
    """Rows that show themselves as a count."""

    def __init__(self, rows: Iterable[Any]) -> None:
        self._rows = list(rows)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        return self._rows[index]

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return counted(len(self), "pair")


class NoPairs:
    """What was given as pairs and is none: its kind is shown, not what is in it."""

    def __init__(self, value: object) -> None:
        self._kind = type(value).__name__

    def __repr__(self) -> str:
        return f"{self._kind}, no list of pairs"


def shown_pairs(value: object) -> Pairs | NoPairs | None:
    """Wrap rows after rendering, JSON text too."""
    if isinstance(value, Pairs | NoPairs):
        return value
    if value is None or (isinstance(value, str) and value in arguments.UNSET):
        return None
    rows = value
    if isinstance(value, str):
        with suppress(ValueError, RecursionError):
            rows = json.loads(value)
    if isinstance(rows, str | Mapping) or not isinstance(rows, Iterable):
        return NoPairs(value)
    return Pairs(rows)


def rows_of(value: object) -> list[Any] | None:
    """Read ``pairs``: rows, None when it is unset."""
    shown = shown_pairs(value)
    if shown is None:
        return None
    if isinstance(shown, NoPairs):
        raise InputError(
            f"pairs: expected a list of plan lines or rows, or JSON text of one, got {shown}. "
            "What a task returns is given as task.output, not as a template"
        )
    if len(shown) > MOST_PAIRS:
        raise InputError(
            f"pairs: {len(shown):,} are more than {MOST_PAIRS:,}. Write them to a file and give plan_path"
        )
    return list(shown)
