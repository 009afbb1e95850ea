"""
The page of a run of 100,000 pairs: time and memory beside reading the journal alone, and the page's size.

The journal is a made-up night: 4 links a second against a limit of 16 requests, a slower hour, a retry in the
morning, some refused, failed, unknown and undone. Reading and reporting go turn by turn, each in a process of its own;
the seconds are the processor's. Fails above 2 x, or when the page has 2 MB or more.

    python benchmarks/report.py [--pairs 100000] [--turns 3] [--page page.html]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from airflow_provider_auth0link.hooks.local_store import LocalStore
from airflow_provider_auth0link.keys import Seal
from airflow_provider_auth0link.linking.journal import Journal
from airflow_provider_auth0link.linking.records import INTENT, OUTCOME, UNDO_INTENT, UNDO_OUTCOME
from airflow_provider_auth0link.linking.words import pair_named

MOST, MOST_BYTES = 2.0, 2_000_000
TURNS = 3
GROUP = 1_000
BEGAN = datetime(2026, 11, 24, 22, 0, tzinfo=UTC)
OPTIONS = {
    "carry": ["user_metadata", "app_metadata"],
    "carry_except": ["app_metadata.roles"],
    "conflicts": "primary",
    "guards": ["not_blocked", "verified_email", "not_enterprise_secondary"],
    "snapshot": "full",
}
REFUSALS = {
    "drifted: email": 9,
    "not_blocked: the secondary is blocked": 7,
    "verified_email: the secondary's e-mail is not verified": 5,
    "drifted: verified": 3,
    "limit: with what is carried the primary's profile would cross Auth0's 10 KB": 1,
}
"""Reasons, and how often each comes beside the others."""
FIELDS = ("user_metadata.language", "user_metadata.theme", "app_metadata.legacy_id", "app_metadata.plan")

TURN = """
import json, sys, time
from airflow_provider_auth0link.hooks.journal import open_store
from airflow_provider_auth0link.linking.journal import read_history
from airflow_provider_auth0link.report.figures import of_journal
from airflow_provider_auth0link.report.page import render
def memory(name):
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))
store, page = open_store(sys.argv[1]), ""
before, began = memory("VmRSS"), time.process_time()
if sys.argv[2] == "report":
    page = render(of_journal(store))
else:
    history = read_history(store, None)
seconds = time.process_time() - began
if len(sys.argv) > 3:
    open(sys.argv[3], "w", encoding="utf-8").write(page)
print(json.dumps({"seconds": seconds, "mb": memory("VmHWM") - before, "bytes": len(page.encode())}))
"""


class Night:
    """Writes a journal as a run would, at times of its own."""

    def __init__(self, folder: Path, pairs: int) -> None:
        self.chance = Random(7)  # the same night every time
        self.folder, self.pairs = folder, pairs
        self.moment = BEGAN
        self.used = 0.0

    def write(self) -> None:
        """Write the night, the retry and the undo."""
        chosen = list(self._write("link", range(self.pairs), tried=1))
        self.moment += timedelta(hours=3)
        list(self._write("link", chosen, tried=2))
        self.moment += timedelta(hours=1)
        self._undo(range(0, self.pairs, max(1, self.pairs // 300)))

    def _journal(self, command: str, tried: int) -> Journal:
        return Journal(
            LocalStore(self.folder),
            writer=f"{tried}-0-{self.chance.getrandbits(128):032x}",
            tenant="acme.eu.auth0.com",
            header={
                "command": command,
                "plan_digest": "5" * 64,
                "options": OPTIONS if command == "link" else {"only": None},
            },
            seal=Seal(),
            at=lambda: self.moment.isoformat(timespec="seconds"),
            used=lambda: self.used,
        )

    def _write(self, command: str, numbers: Iterable[int], tried: int) -> Iterator[int]:
        """Link; the numbers of those that are to be tried again are handed out."""
        journal = self._journal(command, tried)
        file = f"{tried}-0-{0:032x}-0.snapshots"
        journal.store.write(file, b"")
        for count, number in enumerate(numbers, 1):
            self._passes(count)
            row = _pair(number)
            refused = number % 29 == 0
            if not refused:
                snapshot = {"file": file, "line": count}
                journal.note(INTENT, {**row, "carried": self._carried(number), "snapshot": snapshot})
            end = self._end(number, refused=refused, last=tried > 1)
            journal.note(OUTCOME, {**row, **end})
            if end["outcome"] in {"failed", "unknown"}:
                yield number
            if count % GROUP == 0:
                journal.commit()
        journal.commit()

    def _passes(self, count: int) -> None:
        slow = 0.45 < count / self.pairs < 0.6
        rate = (1.6 if slow else 3.9) + self.chance.uniform(-0.3, 0.3)
        self.moment += timedelta(seconds=1 / rate)
        self.used = min(0.55, count / 60) - self.chance.uniform(0.0, 0.06)

    def _carried(self, number: int) -> list[str]:
        return [each for at, each in enumerate(FIELDS, 2) if number % at == 0]

    def _end(self, number: int, *, refused: bool, last: bool) -> dict[str, Any]:
        if refused:
            return {"outcome": "refused", "reason": self._refusal(), "requests": 2}
        if number % 997 == 3:
            reason = f"{_names(number)}: the secondary account is not there: linked elsewhere or deleted"
            return {"outcome": "failed", "reason": reason, "requests": 5}
        if number % 499 == 5 and (not last or number % 5 == 0):
            answer = "no answer to POST /users/{id}/identities within the timeout"
            reason = f"{_names(number)}: whether they are linked is unknown. The link: {answer}"
            return {"outcome": "unknown", "reason": reason, "requests": 9}
        return {"outcome": "linked", "carried": self._carried(number), "requests": 4}

    def _refusal(self) -> str:
        (reason,) = self.chance.choices(list(REFUSALS), list(REFUSALS.values()))
        return reason

    def _undo(self, numbers: Iterable[int]) -> None:
        journal = self._journal("undo", 1)
        for number in numbers:
            if number % 29 == 0:
                continue
            self.moment += timedelta(seconds=0.6)
            row = _pair(number)
            journal.note(UNDO_INTENT, row)
            why = "the primary account is not there: deleted, or linked elsewhere. Nothing was touched"
            left = {"outcome": "left", "reason": f"{_names(number)}: {why}", "requests": 2}
            done = {"outcome": "undone", "requests": 6}
            journal.note(UNDO_OUTCOME, {**row, **(left if number % 7 == 0 else done)})
        journal.commit()


def _pair(number: int) -> dict[str, str]:
    kinds = (f"google-oauth2|{1_000_000_000 + number * 7_919}", f"samlp|old-idp|user{number}@example.com")
    return {
        "primary_user_id": f"auth0|{number * 2_654_435_761:024x}",
        "secondary_user_id": kinds[number % 3 == 0],
    }


def _names(number: int) -> str:
    """Name a pair as reasons do."""
    pair = _pair(number)
    return pair_named(pair["secondary_user_id"], pair["primary_user_id"])


def turn(folder: Path, what: str, *more: str) -> dict[str, float]:
    command = [sys.executable, "-c", TURN, str(folder), what, *more]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    told: dict[str, float] = json.loads(done.stdout)
    return told


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=100_000)
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--page", help="keep the page here")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as room:
        folder = Path(room)
        Night(folder, arguments.pairs).write()
        turns = [(turn(folder, "read"), turn(folder, "report")) for _ in range(arguments.turns)]
        if arguments.page:
            turn(folder, "report", arguments.page)
    read, made = (min(each, key=lambda told: told["seconds"]) for each in zip(*turns, strict=True))
    ratio = made["seconds"] / read["seconds"]
    print(f"{arguments.pairs:,} pairs")
    print(f"reading alone {read['seconds']:8.2f} s {read['mb']:8.0f} MB")
    print(
        f"the page      {made['seconds']:8.2f} s {made['mb']:8.0f} MB  {made['bytes'] / 1e6:.2f} MB of HTML"
    )
    print(f"ratio         {ratio:8.2f}   at most {MOST}")
    return int(ratio > MOST or made["bytes"] >= MOST_BYTES)


if __name__ == "__main__":
    sys.exit(main())
