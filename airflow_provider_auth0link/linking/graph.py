"""
Who becomes whom: the pairs of a plan as a graph, kept in arrays.

Accounts and pairs are numbers here, in the order in which the plan names them. A plan may hold a million pairs,
so no object is kept for a pair or an account but the text of its id and what is checked of it.
"""

from __future__ import annotations

from array import array
from bisect import insort
from collections.abc import Iterator

from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.linking.evidence import united_text
from airflow_provider_auth0link.linking.lines import Line

NAMED = 10
"""So many offenders are named, the first of the plan, and the others counted."""

NONE = -1
_CYCLE = -2

Note = tuple[str | None, str | None, str | None]
"""Of a pair: connection id, rule, evidence as JSON text."""


class Offenders:
    """What is wrong with a plan: the first of it by line, and how much more there is."""

    def __init__(self) -> None:
        self._first: list[tuple[int, str]] = []
        self._count = 0

    def add(self, number: int, wrong: str) -> None:
        """Take one offender, with the number of its line."""
        self._count += 1
        insort(self._first, (number, wrong))
        del self._first[NAMED:]

    def refuse(self, what: str, line: str) -> None:
        """
        Refuse the plan when there is an offender.

        :param what: the plan's name
        :param line: what a line is called
        :raises InputError: naming the first ten
        """
        if not self._count:
            return
        named = "; ".join(f"{line} {number}: {wrong}" for number, wrong in self._first)
        more = f"; and {self._count - NAMED} more" if self._count > NAMED else ""
        raise InputError(f"{what}: nothing of it is linked, {self._count} wrong: {named}{more}")


class Graph:
    """
    The pairs of a plan. ``add`` line by line, then ``close`` once, then read.

    A secondary has one primary. Two accounts may share an id on two connections, so the same pair may stand twice
    with different connection ids: the second is a *twin* of the first.
    """

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.primaries = array("i")
        self.secondaries = array("i")
        self.notes: list[Note | None] = []
        self.records = array("i")  # by record of the plan: its pair
        self.twins: dict[int, list[int]] = {}  # by pair: those that differ from it in connection alone
        self.roots = array("i")  # by account
        self._into = array("i")  # by account: the first pair of which it is the secondary
        self._first = array("i")  # by account: the first pair of which it is the primary
        self._next = array("i")  # by pair: the next one of the same primary
        self._index: dict[str, int] = {}
        self._numbers = array("q")  # by pair: the plan's line
        self._plain: dict[Note, Note] = {}
        self._accused: set[int] = set()
        self._offenders = Offenders()

    @property
    def repeats(self) -> int:
        """How many records said again what an earlier one said."""
        return len(self.records) - len(self.primaries)

    def wrong(self, number: int, why: str) -> None:
        """Take a line that could not be read."""
        self._offenders.add(number, why)

    def add(self, number: int, line: Line) -> None:
        """Take a line, or what is wrong with it beside the lines before."""
        if line.primary == line.secondary:
            self.wrong(number, f"primary and secondary are the same account, {line.primary!r}")
            return
        primary, secondary = self._account(line.primary), self._account(line.secondary)
        first = self._into[secondary]
        if first == NONE:
            self._into[secondary] = self._take(number, primary, secondary, line)
        elif self.primaries[first] != primary:
            if secondary not in self._accused:
                self._accused.add(secondary)
                other = self.ids[self.primaries[first]]
                self.wrong(
                    number,
                    f"{line.secondary!r} has two primaries, {other!r} (before) and {line.primary!r}",
                )
        else:
            self._again(number, first, line)

    def close(self, what: str, line: str) -> None:
        """
        End the adding: look for cycles, and find each account's primary of all.

        :param what: the plan's name, for the message
        :param line: what a line is called, for the message
        :raises InputError: naming the first offenders of all kinds
        """
        self.roots = array(
            "i", (account if pair == NONE else NONE for account, pair in enumerate(self._into))
        )
        for account, pair in enumerate(self._into):
            if self.roots[account] == NONE:
                root = self.roots[self.primaries[pair]]
                if root == NONE:
                    self._climb(account)
                else:
                    self.roots[account] = root
        self._offenders.refuse(what, line)
        self._index, self._plain, self._accused = {}, {}, set()
        self._numbers = array("q")
        self._sort_siblings()

    def trees(self) -> Iterator[tuple[int, list[int]]]:
        """
        Give each account that is no secondary, with all pairs below it.

        The trees come in the order of their first pairs in the plan. A tree's pairs come depth first, siblings
        in the plan's order, twins one after another.
        """
        given = bytearray(len(self.ids))
        for primary in self.primaries:
            root = self.roots[primary]
            if not given[root]:
                given[root] = 1
                yield root, self._below(root)

    def _account(self, text: str) -> int:
        number = self._index.get(text)
        if number is None:
            number = self._index[text] = len(self.ids)
            self.ids.append(text)
            self._into.append(NONE)
        return number

    def _take(self, number: int, primary: int, secondary: int, line: Line) -> int:
        pair = len(self.primaries)
        note = line[2:]
        self.primaries.append(primary)
        self.secondaries.append(secondary)
        if line.evidence is None:  # connections and rules are few
            note = self._plain.setdefault(note, note)
        self.notes.append(None if note == (None, None, None) else note)
        self._numbers.append(number)
        self.records.append(pair)
        return pair

    def _again(self, number: int, first: int, line: Line) -> None:
        """Take a line whose pair is there: a repeat, or a twin on another connection."""
        known = {(self.notes[pair] or (None,))[0]: pair for pair in (first, *self.twins.get(first, ()))}
        if line.connection_id not in known:
            if line.connection_id is None or None in known:
                self.wrong(
                    number,
                    f"{line.secondary!r} stands with a connection_id on one line and without on another. "
                    "Give it on both or on none",
                )
                return
            twin = self._take(number, self.primaries[first], self.secondaries[first], line)
            self.twins.setdefault(first, []).append(twin)
            return
        pair = known[line.connection_id]
        connection_id, rule, evidence = self.notes[pair] or (None, None, None)
        try:
            note = (connection_id, rule or line.rule, united_text(evidence, line.evidence))
        except InputError as error:
            self.wrong(number, f"{line.secondary!r}: {error}")
            return
        self.notes[pair] = None if note == (None, None, None) else note
        self.records.append(pair)

    def _climb(self, account: int) -> None:
        """Find the root of an account and of all on the way to it; or the cycle that the way ends in."""
        way: list[int] = []
        seen: set[int] = set()
        while self.roots[account] == NONE and account not in seen:
            way.append(account)
            seen.add(account)
            account = self.primaries[self._into[account]]
        root = self.roots[account]
        if root == NONE:
            root = _CYCLE
            self._accuse(way[way.index(account) :])
        for each in way:
            self.roots[each] = root

    def _accuse(self, cycle: list[int]) -> None:
        """Name a cycle by its accounts, each the secondary of the next, and by its first line."""
        number, at = min((self._numbers[self._into[account]], at) for at, account in enumerate(cycle))
        ordered = cycle[at:] + cycle[:at]
        shown = [repr(self.ids[account]) for account in (*ordered[:NAMED], ordered[0])]
        if len(ordered) > NAMED:
            shown.insert(-1, f"... ({len(ordered) - NAMED} more)")
        self.wrong(number, f"a cycle: {' into '.join(shown)}")

    def _sort_siblings(self) -> None:
        self._first = array("i", [NONE]) * len(self.ids)
        self._next = array("i", [NONE]) * len(self.primaries)
        for pair in range(len(self.primaries) - 1, -1, -1):
            if self._into[self.secondaries[pair]] == pair:  # twins come along with their first
                primary = self.primaries[pair]
                self._next[pair] = self._first[primary]
                self._first[primary] = pair

    def _below(self, root: int) -> list[int]:
        pairs: list[int] = []
        ahead = [self._first[root]]
        while ahead:
            pair = ahead.pop()
            if pair == NONE:
                continue
            pairs.append(pair)
            pairs.extend(self.twins.get(pair, ()))
            ahead.append(self._next[pair])
            ahead.append(self._first[self.secondaries[pair]])
        return pairs
