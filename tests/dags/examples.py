"""The examples as modules. They are shipped as files, so they are loaded as files."""

from __future__ import annotations

import importlib.util
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

EXAMPLES = Path(__file__).parents[2] / "dags_examples"


def example(name: str) -> ModuleType:
    """Load an example Dag's file."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def documented_table(module: ModuleType) -> str:
    """Return the CREATE TABLE that an example's docstring shows."""
    text = module.__doc__ or ""
    start = text.index("CREATE TABLE users")
    return text[start : text.index("\n    )", start)] + "\n)"


class Warehouse:
    """A SQLite file with a users table."""

    def __init__(self, path: Path, ddl: str) -> None:
        self.path = path
        self.url = f"sqlite:///{path}"
        self.run(ddl)

    def run(self, statement: str, *rows: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        """Run a statement, with each of the rows when there are any."""
        with closing(sqlite3.connect(self.path)) as database, database:
            if rows:
                database.executemany(statement, rows)
                return []
            return list(database.execute(statement))

    def add(self, users: Iterable[tuple[str, str | None, bool, str]]) -> None:
        """Add rows (user_id, email, email_verified, created_at)."""
        self.run("INSERT INTO users VALUES (?, ?, ?, ?)", *users)
