"""The files of the project, as the house rules look at them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "airflow_provider_auth0link"
EXAMPLES = ROOT / "dags_examples"

# What tools leave behind. It is in no commit.
LEFT_BEHIND = {"__pycache__", "build", "dist"}
SHOWN = {".ci", ".gitignore"}


def files(folder: Path = ROOT) -> Iterator[Path]:
    """Give every file that belongs to the project, below *folder*."""
    for path in sorted(folder.iterdir()):
        if path.name in LEFT_BEHIND or (path.name.startswith(".") and path.name not in SHOWN):
            continue
        if path.is_dir():
            yield from files(path)
        else:
            yield path


def modules(folder: Path = ROOT) -> list[Path]:
    """Return the Python files below *folder*."""
    return [path for path in files(folder) if path.suffix == ".py"]


def relative(path: Path) -> str:
    """Return the name that a failing test shows."""
    return str(path.relative_to(ROOT))
