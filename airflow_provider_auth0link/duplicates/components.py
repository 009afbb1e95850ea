"""
People whose accounts are held together by more than one key: who stays, and who is merged into whom. Pure.

Accounts are numbers here, a lower one the better primary. What one key alone holds together is decided in SQL.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Joined(NamedTuple):
    """A key that several accounts share, all of them free to be linked: the rule's place, and the accounts."""

    rule: int
    accounts: tuple[int, ...]


class Edge(NamedTuple):
    """A line of the plan: ``secondary`` into ``parent``, found by a key. ``star`` is what all become in the end."""

    star: int
    depth: int
    parent: int
    secondary: int
    group: int


@dataclass(frozen=True, slots=True)
class Solved:
    """Pairs, and who was left alone: in a component that is too large, or behind an enterprise account."""

    edges: list[Edge]
    too_large: list[int]
    alone: list[int]


def solve(
    groups: Mapping[int, Joined], enterprise: Collection[int], ranks: Mapping[int, int], max_group: int
) -> Solved:
    """
    Decide all that the groups hold together.

    :param groups: by number; accounts of one component may stand in several
    :param enterprise: accounts that may stay, but not be merged into another
    :param ranks: of each account: the lower, the better a primary
    :param max_group: accounts in a component, at most
    """
    solved = Solved([], [], [])
    of_account: dict[int, list[int]] = {}
    for number, joined in groups.items():
        for account in joined.accounts:
            of_account.setdefault(account, []).append(number)
    for component in _components(of_account, groups):
        if len(component) > max_group:
            solved.too_large.extend(component)
        else:
            _plan(component, groups, of_account, enterprise, ranks, solved)
    return solved


def _components(of_account: Mapping[int, Sequence[int]], groups: Mapping[int, Joined]) -> Iterator[set[int]]:
    seen: set[int] = set()
    for account in of_account:
        if account not in seen:
            component = _reached(account, of_account, groups)
            seen |= component
            yield component


def _reached(
    start: int,
    of_account: Mapping[int, Sequence[int]],
    groups: Mapping[int, Joined],
    within: Collection[int] = (),
) -> set[int]:
    component, left = {start}, [start]
    while left:
        for number in of_account[left.pop()]:
            new = [
                each
                for each in groups[number].accounts
                if each not in component and (not within or each in within)
            ]
            component.update(new)
            left.extend(new)
    return component


def _plan(  # noqa: PLR0917 - one step of solve(), whose arguments these are
    accounts: set[int],
    groups: Mapping[int, Joined],
    of_account: Mapping[int, Sequence[int]],
    enterprise: Collection[int],
    ranks: Mapping[int, int],
    solved: Solved,
) -> None:
    """Plan a component, and what it falls apart into: no account is reached through one that may not be merged."""
    left = [accounts]
    while left:
        part = left.pop()
        if len(part) == 1:
            solved.alone.extend(part)
            continue
        primary = min(part, key=ranks.__getitem__)
        reached = _star(primary, part, groups, of_account, enterprise, ranks, solved.edges)
        if len(reached) == 1:
            solved.alone.append(primary)
        rest = part - reached
        while rest:
            piece = _reached(min(rest), of_account, groups, rest)
            left.append(piece)
            rest -= piece


def _star(  # noqa: PLR0917 - one step of solve(), whose arguments these are
    primary: int,
    part: set[int],
    groups: Mapping[int, Joined],
    of_account: Mapping[int, Sequence[int]],
    enterprise: Collection[int],
    ranks: Mapping[int, int],
    edges: list[Edge],
) -> set[int]:
    """Reach out from the primary, a step at a time. Of several ways to an account: rule by rule, the best parent."""
    reached, depth, ring = {primary}, 0, [primary]
    while ring:
        depth += 1
        ways = sorted(
            (groups[number].rule, ranks[parent], number, parent, account)
            for parent in ring
            for number in of_account[parent]
            for account in groups[number].accounts
            if account in part and account not in reached and account not in enterprise
        )
        ring = []
        for _, _, number, parent, account in ways:
            if account not in reached:
                reached.add(account)
                ring.append(account)
                edges.append(Edge(primary, depth, parent, account, number))
    return reached
