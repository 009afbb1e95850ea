"""Keys that SQL cannot make, made in Python: each text once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_auth0link.duplicates.database import load, number
from airflow_provider_auth0link.duplicates.records import iter_rows
from airflow_provider_auth0link.duplicates.search import Search
from airflow_provider_auth0link.duplicates.words import words_of

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


def fold_hashes(database: DuckDBPyConnection, search: Search, work: Path) -> None:
    """Make the keys' hashes that are wanting in the table ``n``."""
    for at in range(len(search.rules)):
        if _folded(database, search, at, "n", work):
            database.execute(
                f"UPDATE n SET h{at} = hash(f.k) FROM folded{at} AS f WHERE n.x{at} = f.x AND f.k IS NOT NULL"
            )


def fold_keys(database: DuckDBPyConnection, search: Search, work: Path) -> None:
    """Make the keys that are wanting in the table ``a``."""
    for at in range(len(search.rules)):
        if _folded(database, search, at, "a", work):
            database.execute(f"UPDATE a SET k{at} = f.k FROM folded{at} AS f WHERE a.x{at} = f.x")


def _folded(database: DuckDBPyConnection, search: Search, at: int, table: str, work: Path) -> int:
    """Fold the texts of a rule that were not folded yet. Returns how many are."""
    name, path = f"folded{at}", work / "folded.ndjson"
    database.execute(f"CREATE TABLE IF NOT EXISTS {name} (x VARCHAR, k VARCHAR)")
    texts = database.execute(
        f"SELECT DISTINCT x{at} FROM {table} WHERE x{at} IS NOT NULL AND x{at} NOT IN (SELECT x FROM {name})"
    )
    fold = words_of(search.rules[at]).fold
    with path.open("w") as file:
        file.writelines(json.dumps({"x": text, "k": fold(text)}) + "\n" for (text,) in iter_rows(texts))
    load(database, name, path, {"x": "VARCHAR", "k": "VARCHAR"})
    return number(database, f"SELECT count(*) FROM {name}")
