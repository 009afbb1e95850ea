"""Progress while the demo works: a spinner on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from rich.status import Status
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console


class Screen:
    """
    Steps, one after the other; a context manager.

    :param console: where they are shown
    :param clock: monotonic seconds
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._done = "✓ " if console.encoding.lower().startswith("utf") else "ok "
        self._step: tuple[str, float] | None = None
        self._spinner = Status("", console=console)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._spinner.stop()

    def begin(self, text: str) -> None:
        """Show that the step before is done and this one is on."""
        self.end()
        self._step = (text, self._clock())
        if self._console.is_terminal:
            self._spinner.update(Text(text))
            self._spinner.start()
        else:
            self._console.print(Text(f"{text} ..."))

    def say(self, far: str) -> None:
        """Show how far the step is, where a line can be rewritten."""
        if self._step:
            self._spinner.update(Text(f"{self._step[0]}: {far}"))

    def end(self) -> float:
        """Show that the step is done, and how long it took. Return the seconds; 0 when none is on."""
        self._spinner.stop()
        if self._step is None:
            return 0.0
        text, begun = self._step
        seconds = self._clock() - begun
        self._console.print(Text.assemble((self._done, "green"), text, (f" ({seconds:.0f} s)", "dim")))
        self._step = None
        return seconds
