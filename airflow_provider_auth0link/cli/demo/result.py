"""What the run did, read from its task instances and their XComs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Link = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Result:
    """
    A finished run.

    :param state: of the Dag run
    :param states: how many task instances of each task are in which state
    :param pairs: the plan lines that the first task found
    :param links: XCom ``link`` of each mapped task that pushed one, in the order of the pairs
    """

    state: str
    states: Mapping[str, Counter[str]]
    pairs: Sequence[Mapping[str, Any]]
    links: Sequence[Link]

    @classmethod
    def from_driver(cls, told: Mapping[str, Any]) -> Result:
        """Read what the driver told."""
        states: dict[str, Counter[str]] = {}
        xcoms: dict[str, list[Any]] = {}
        for task in told["tasks"]:
            states.setdefault(task["task_id"], Counter())[task["state"]] += 1
        for task in sorted(told["tasks"], key=lambda task: task["map_index"]):
            if task["xcom"] is not None:
                xcoms.setdefault(task["task_id"], []).append(task["xcom"])
        (pairs,) = xcoms.get("find_duplicates", [[]])
        return cls(told["state"], states, pairs, xcoms.get("link", []))

    @property
    def succeeded(self) -> bool:
        """Whether the run did all that it should."""
        return self.state == "success" and len(self.links) == len(self.pairs)

    def of(self, outcome: str) -> list[Link]:
        """Return the links with an outcome."""
        return [link for link in self.links if link["outcome"] == outcome]

    def examples(self, count: int) -> list[Link]:
        """Return up to *count* that were linked, of as many providers as there are."""
        linked = self.of("linked")
        firsts: dict[str, Link] = {}
        for link in linked:
            firsts.setdefault(link["secondary_user_id"].partition("|")[0], link)
        others = [link for link in linked if link not in firsts.values()]
        return [*firsts.values(), *others][:count]

    def refusals(self) -> list[tuple[str, list[Link]]]:
        """Group the refused by their reason, the most frequent first."""
        groups: dict[str, list[Link]] = {}
        for link in self.of("refused"):
            groups.setdefault(link.get("reason", "no reason told"), []).append(link)
        return sorted(groups.items(), key=lambda group: (-len(group[1]), group[0]))
