"""How the commands look: tables without a frame, which read well as plain text too."""

from __future__ import annotations

from rich import box
from rich.table import Table


def table(title: str) -> Table:
    """Return an empty table under a title."""
    return Table(title=title, title_style="bold", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)


def counted(count: int, noun: str) -> str:
    """Return "1 pair", "1,234 pairs"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
