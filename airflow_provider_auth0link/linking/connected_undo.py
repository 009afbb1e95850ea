"""
Primaries that were merged on: their undo as one unit.

Where one run links a into b and a later one b into c, the account b is not there until it is taken back from c. So a
primary that is itself a secondary waits for that undo. Where one run carried a onto b and a later one linked it into c,
what stands on b can be taken back when a is there again.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from airflow_provider_auth0link.linking.history import Known
from airflow_provider_auth0link.linking.primary_undo import PrimaryUndo
from airflow_provider_auth0link.linking.units import Notes

Place = tuple[PrimaryUndo, int]
"""A primary, and which of its pairs."""


def connected(chosen: Mapping[str, Sequence[Known]]) -> Iterator[list[str]]:
    """
    Give the primaries that belong together, in the order of the first of each.

    :param chosen: pairs to be undone, by primary
    """
    beside: defaultdict[str, list[str]] = defaultdict(list)
    into: dict[str, str] = {}
    for primary, pairs in chosen.items():
        for known in pairs:
            secondary = known.key[1]
            for other in (secondary if secondary in chosen else None, into.setdefault(secondary, primary)):
                if other is not None and other != primary:
                    beside[primary].append(other)
                    beside[other].append(primary)
    seen: set[str] = set()
    for primary in chosen:
        if primary in seen:
            continue
        seen.add(primary)
        group = [primary]
        for each in group:  # it grows on the way
            new = [other for other in dict.fromkeys(beside.get(each, ())) if other not in seen]
            seen.update(new)
            group += new
        yield group


@dataclass(slots=True)
class ConnectedUndo:
    """The undo of several primaries that hang together. The last link goes first."""

    parts: list[PrimaryUndo]

    @property
    def unfinished(self) -> bool:
        """Whether a pair failed in a way that may pass, or is unknown."""
        return any(part.unfinished for part in self.parts)

    def steps(self) -> Notes:
        """Undo what is left. What hangs on a pair that failed waits for it; the others go on."""
        waiting: set[str] = set()
        restored: dict[str, Place] = {}
        for part, index in _in_order(self.parts):
            primary, secondary, _ = part.chosen[index].key
            if part.stopping():
                return
            if not part.is_over(index) and not {primary, secondary} & waiting:
                held_by = restored.get(primary)
                if held_by is not None and part.dry_run:
                    above, at = held_by
                    yield from part.foresee(index, partial(above.account, at))
                else:
                    yield from part.undo(index)
            if not part.is_over(index):
                waiting |= {primary, secondary}
            elif part.ended_as("would_undo", index):
                restored[secondary] = part, index


def _in_order(parts: Sequence[PrimaryUndo]) -> Iterator[Place]:
    """Give the pairs: those of a primary after the pair that took it away, otherwise the last link first."""
    ahead = Counter(known.key[1] for part in parts for known in part.chosen)
    waiting = {part.chosen[0].key[0]: (number, part) for number, part in enumerate(parts)}
    ready: list[tuple[int, int, int]] = []

    def let_go(primary: str) -> None:
        number, part = waiting.pop(primary)
        for index, known in enumerate(part.chosen):
            heapq.heappush(ready, (-known.n, number, index))

    for primary in [each for each in waiting if not ahead[each]]:
        let_go(primary)
    while ready or waiting:
        if not ready:  # a circle, of accounts that were unlinked since and linked the other way round
            let_go(max(waiting, key=lambda each: waiting[each][1].chosen[0].n))
            continue
        _, number, index = heapq.heappop(ready)
        yield parts[number], index
        secondary = parts[number].chosen[index].key[1]
        ahead[secondary] -= 1
        if not ahead[secondary] and secondary in waiting:
            let_go(secondary)
