"""How the commands look: tables without a frame, which read well as plain text too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from rich import box
from rich.cells import cell_len, set_cell_size
from rich.measure import Measurement
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from airflow_provider_auth0link.linking.words import counted

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

__all__ = ["Ids", "Prose", "counted", "in_words", "table"]

MINUTE, HOUR, DAY = 60, 3_600, 86_400


class Plain(Table):
    """A table whose title is not broken, and whose lines end where their text ends."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Render the lines without the blanks that fill up the last column."""
        if self.title:
            self.min_width = min(cell_len(str(self.title)), options.max_width)
        yield from _trimmed(super().__rich_console__(console, options))


class Prose:
    """Sentences, whose lines end where their words end."""

    def __init__(self, text: Text | str) -> None:
        self._text = Text(text) if isinstance(text, str) else text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Render the lines without the blank at which each is broken."""
        yield from _trimmed(console.render(self._text, options))


def _trimmed(parts: Iterable[object]) -> Iterator[Segment]:
    """Leave out the blanks at the ends of lines."""
    for line in Segment.split_lines(part for part in parts if isinstance(part, Segment)):
        while line and not line[-1].text.strip():
            line.pop()
        for text, style, control in line[-1:]:
            line[-1] = Segment(text.rstrip(), style, control)
        yield from line
        yield Segment.line()


class Ids:
    """
    Ids below each other, the second and further ones set in. What has no room is cut out of their middle.

    A terminal would break them in two anywhere, and nobody could copy them.
    """

    def __init__(self, *ids: str) -> None:
        self._lines = [f"{'  ' if at else ''}{each}" for at, each in enumerate(ids)]

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """Ask for all the room they need, and give up half of the line to why they stand there."""
        full = min(max(map(cell_len, self._lines)), options.max_width)
        return Measurement(min(full, console.width // 2), full)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Render them."""
        for line in self._lines:
            yield Text(_elided(line, options.max_width), no_wrap=True)


def _elided(text: str, most: int) -> str:
    """Cut out the middle of a text that takes more cells than there are: an id's ends tell it from others."""
    if cell_len(text) <= most:
        return text
    behind = most // 3
    return f"{set_cell_size(text, most - behind - 1)}…{set_cell_size(text[::-1], behind)[::-1]}"


def table(title: str) -> Table:
    """Return an empty table under a title."""
    return Plain(title=title, title_style="bold", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)


def in_words(seconds: float) -> str:
    """Return a duration with two digits or so: ``33 min``, ``1.7 h``, ``2.3 d``."""
    if seconds < MINUTE:
        return f"{seconds:.0f} s"
    if seconds < HOUR:
        return f"{seconds / MINUTE:.0f} min"
    if seconds < DAY:
        return f"{seconds / HOUR:.1f} h"
    return f"{seconds / DAY:.1f} d"
