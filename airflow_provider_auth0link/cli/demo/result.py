"""What the runs did, read from their task instances, their XComs and the tenant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_auth0link.cli.look import counted

Link = Mapping[str, Any]
Account = Mapping[str, Any]

BATCH, UNDO, MAPPED = "example_batch", "example_undo", "example_dedup_and_link"

COUNTS = ("linked", "already_linked", "refused", "undone")


@dataclass(frozen=True, slots=True)
class Run:
    """
    A run that ended.

    :param dag: its id
    :param told: by the driver
    :param requests: that the tenant answered, those for tokens among them
    :param accounts: of the tenant, after it
    :param changed: how many accounts were not as before the first run, or not there
    :param seconds: that it took, Airflow's own among them
    """

    dag: str
    told: Mapping[str, Any]
    requests: int
    accounts: int
    changed: int
    seconds: float

    @property
    def summary(self) -> Mapping[str, Any]:
        """What the task for many pairs returned; empty where there is none."""
        return next(
            (
                task["xcom"]
                for task in self.told["tasks"]
                if isinstance(task["xcom"], Mapping) and "journal" in task["xcom"]
            ),
            {},
        )

    def count(self, outcome: str) -> int:
        """Return how many pairs ended so."""
        if self.dag == MAPPED:
            return len(Result.from_driver(self.told).of(outcome))
        return int(self.summary.get(outcome, 0))


def changed(before: Sequence[Account], now: Sequence[Account]) -> int:
    """Count the accounts that differ between two moments, the missing and the new ones too."""
    then, today = ({each["user_id"]: each for each in rows} for rows in (before, now))
    return sum(then.get(user_id) != today.get(user_id) for user_id in then.keys() | today.keys())


def conf_of(dag: str, runs: Sequence[Run]) -> dict[str, Any]:
    """Return what a run is started with: an undo takes the journal of the run before."""
    if dag == UNDO:
        return {"journal": runs[-1].summary["journal"], "dry_run": False}
    return {}


def fails(runs: Sequence[Run]) -> list[str]:
    """Say of each run that did not do what it should what that is."""
    return [f"{run.dag}: {lack}" for number, run in enumerate(runs) if (lack := _lack(run, runs[:number]))]


def _lack(run: Run, earlier: Sequence[Run]) -> str | None:
    if run.told["state"] != "success":
        return f"the run ended as {run.told['state']}"
    if run.dag == MAPPED and not Result.from_driver(run.told).succeeded:
        return "not every pair has an outcome"
    if run.dag == BATCH and not run.count("linked"):
        return "no pair was linked"
    if run.dag == UNDO and run.count("undone") != earlier[-1].count("linked"):
        return f"{run.count('undone')} of {earlier[-1].count('linked')} links were taken back"
    if run.dag == UNDO and run.changed:
        return f"{counted(run.changed, 'account')} not as before"
    return None


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
