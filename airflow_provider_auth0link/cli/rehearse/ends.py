"""How each pair of a run ended, as its journal tells it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from airflow_provider_auth0link.linking.records import INTENT, OUTCOME, SEGMENT, Key, decoded, key_of
from airflow_provider_auth0link.linking.store import Store


class End(NamedTuple):
    """
    One pair's end.

    ``connection``: the name of the secondary's, where the pair came to its intent. ``carried``: paths that the
    primary gained.
    """

    primary: str
    secondary: str
    connection: str | None
    outcome: str
    reason: str | None
    carried: tuple[str, ...]


def ends_of(store: Store) -> list[End]:
    """Read the ends of a run that had the journal for itself, in the order in which its pairs were begun."""
    outcomes: dict[Key, Mapping[str, Any]] = {}
    connections: dict[Key, str] = {}
    for record in _records(store):
        key = key_of(record)
        if record["kind"] == INTENT:
            if record.get("connection"):
                connections[key] = record["connection"]
        elif key not in outcomes or outcomes[key]["n"] < record["n"]:  # a further pass ended it otherwise
            outcomes[key] = record
    return [
        End(
            key[0],
            key[1],
            connections.get(key),
            record["outcome"],
            record.get("reason"),
            tuple(record.get("carried", ())),
        )
        for key, record in outcomes.items()
    ]


def _records(store: Store) -> Iterator[Mapping[str, Any]]:
    names = [name for name in store.names() if SEGMENT.fullmatch(name)]
    for name, data in store.read_many(names):
        yield from (each for each in decoded(name, data) if each["kind"] in {INTENT, OUTCOME})
