"""How the commands look: tables without a frame, which read well as plain text too."""

from __future__ import annotations

from rich import box
from rich.table import Table

from airflow_provider_auth0link.linking.words import counted

__all__ = ["counted", "table"]


def table(title: str) -> Table:
    """Return an empty table under a title."""
    return Table(title=title, title_style="bold", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
