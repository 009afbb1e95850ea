"""How fast to go: an upper bound for this process, and a pause after a 429. Clock and sleep are arguments."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable


class Pace:
    """
    Lets requests pass one by one at most *per_second*, and none before the end of a pause.

    Shared by all threads of a process. Each caller reserves its moment under the lock and waits outside it.

    :param per_second: requests per second, or None for no bound of our own
    """

    def __init__(
        self, per_second: float | None, *, clock: Callable[[], float], sleep: Callable[[float], None]
    ) -> None:
        self._gap = 1 / per_second if per_second else 0.0
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._next = 0.0
        self._held_until: dict[str, float] = {}

    def wait(self, lane: str, until: float = math.inf) -> bool:
        """
        Wait until the next request of this class of route may leave.

        A pause is waited out before a moment is reserved: else it would hold back the other classes too.

        :param until: monotonic seconds; False, without a wait, when the moment would be later
        """
        while True:
            with self._lock:
                now = self._clock()
                free = max(now, self._held_until.get(lane, now))
                moment = max(free, self._next)
                # What need not wait leaves even late: the look after a lost answer is such a one.
                if now < moment > until:
                    return False
                if free == now:
                    self._next = moment + self._gap if self._gap else 0.0
                    break
            self._sleep(free - now)
        if moment > now:
            self._sleep(moment - now)
        return True

    def hold(self, lane: str, seconds: float) -> None:
        """Let no request of this class leave for so long: it met a 429, and the others would too."""
        with self._lock:
            until = self._clock() + seconds
            self._held_until[lane] = max(until, self._held_until.get(lane, until))
