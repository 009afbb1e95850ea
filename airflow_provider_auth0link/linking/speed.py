"""How fast units of work end. Pure, but for the clock that it is given."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

RATE_S = 5.0


@dataclass(slots=True)
class Speed:
    """Units ended per second, over the last seconds."""

    clock: Callable[[], float]
    _ends: deque[float] = field(default_factory=deque)
    _began: float = 0.0

    def __post_init__(self) -> None:
        self._began = self.clock()

    def ended(self) -> None:
        """Take note of one."""
        self._ends.append(self.clock())

    def per_second(self) -> float:
        """Return the speed now."""
        now = self.clock()
        while self._ends and self._ends[0] < now - RATE_S:
            self._ends.popleft()
        return len(self._ends) / max(min(RATE_S, now - self._began), 0.25)
