"""What the page says of a journal, as values. Pure, but for the store that it reads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from heapq import nsmallest
from typing import Any, TypeVar

from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.linking.journal import read_history
from airflow_provider_auth0link.linking.report import (
    FAILED,
    OPEN,
    REFUSED,
    STATES,
    UNDOING,
    UNKNOWN,
    Look,
    Report,
    Writer,
    report,
)
from airflow_provider_auth0link.linking.store import Store
from airflow_provider_auth0link.linking.tries import LEFT, UNDONE
from airflow_provider_auth0link.report.gathering import Gathered
from airflow_provider_auth0link.report.timeline import Timeline
from airflow_provider_auth0link.report.words import kind_of

Name = TypeVar("Name", str, str | None)

TITLE = "Account links"
STANDING = ("linked", "already_linked", LEFT)
"""Pairs in these states are one account now."""

ROWS_AT_MOST = 500
"""Of each state: the journal has all."""

REASONS_AT_MOST = 40
ALIKE_AT_MOST = 3
GAINS_AT_MOST = 40
RUNS_AT_MOST = 50

LISTED = (FAILED, UNKNOWN, OPEN, UNDOING, LEFT, REFUSED)
ACCOUNTS, PAIRS, PEOPLE = "accounts", "pairs", "people"
COUNTED = {
    "accounts": ("accounts in the export", ACCOUNTS),
    "candidates": ("accounts that share something with another", ACCOUNTS),
    "planned": ("pairs planned", PAIRS),
}
"""What is read of a plan's counts, what it is called, and what is counted."""


@dataclass(frozen=True, slots=True)
class Amount:
    """Something counted: a step of the funnel, or a field. ``unit``: of what, where that differs."""

    name: str
    count: int
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why pairs are in a state; None where it says itself why."""

    state: str
    reason: str | None
    count: int


@dataclass(frozen=True, slots=True)
class Listing:
    """Pairs of one state, the first of them."""

    state: str
    count: int
    rows: tuple[Look, ...]


@dataclass(frozen=True, slots=True)
class Undo:
    """What undos of this journal came to."""

    undone: int
    left: int
    unfinished: int
    requests: int


@dataclass(frozen=True, slots=True)
class Figures:
    """
    A journal in figures. Ids and reasons are as the journal has them: masking is the page's.

    ``rehearsal``: nothing of it happened at a tenant, and its speed was that of one machine: it has no ``timeline``.
    ``funnel`` goes from the accounts to the people. ``runs`` are in the order in which they began. ``requests`` are
    those of links. ``gains``: paths that links brought to their primary, by ``gains_of``, which is
    links or primaries. ``restorable``: links that can be undone.
    ``limit_per_s``: requests a second that the tenant allows, where that was given. ``another_plan``: the digest of
    the plan whose counts were given, where no run names it.
    """

    title: str
    rehearsal: bool
    where: str | None
    tenant: str | None
    began: datetime | None
    ended: datetime | None
    pairs: int
    requests: int
    funnel: tuple[Amount, ...]
    states: Mapping[str, int]
    reasons: tuple[Reason, ...]
    timeline: Timeline | None
    limit_per_s: float | None
    undo: Undo | None
    gains: tuple[Amount, ...]
    gains_more: int
    gains_of: str
    listings: tuple[Listing, ...]
    runs: tuple[Writer, ...]
    runs_before: int
    restorable: int
    forgotten: int
    another_plan: str | None = None

    def with_gains(self, primaries: Counter[str]) -> Figures:
        """Tell what primaries gained by those who know it better than the journal, which has no values."""
        return replace(self, **_gains(primaries, "primaries"))


def of_journal(
    store: Store,
    *,
    title: str | None = None,
    plan_counts: Mapping[str, Any] | None = None,
    limit_per_s: float | None = None,
) -> Figures:
    """
    Read a journal.

    :param title: what the page is called, by default "Account links"
    :param plan_counts: the counts of the plan's making; ``accounts``, ``candidates`` and ``planned`` are read
    :param limit_per_s: requests a second that the tenant refills, where that is known; else what the journal tells
    :raises InputError: when there is no journal, it is not readable, or the counts are none
    """
    counts = _counts(plan_counts or {})
    names = store.names()
    gathered = Gathered()
    read_history(store, None, names, gathered)
    told = report(gathered, names)
    if not told.segments:
        raise InputError(f"{store.where}: there is no journal. A dry run writes none")
    if told.rehearsed and limit_per_s is not None:
        raise InputError(
            "limit per second: this is the journal of a rehearsal, whose speed tells nothing of a tenant"
        )
    figures = _figures(told, gathered, title or TITLE, store.where, (counts, limit_per_s))
    return replace(figures, another_plan=_another_plan(told, plan_counts or {}))


def _figures(
    told: Report,
    gathered: Gathered,
    title: str,
    where: str,
    known: tuple[Mapping[str, int], float | None],
) -> Figures:
    """Put together what was read, and what is known beside it: a plan's counts, the limit."""
    counts, limit_per_s = known
    began, ended = gathered.clock.ends or (None, None)
    return Figures(
        title=title,
        rehearsal=told.rehearsed,
        where=where,
        tenant=told.tenant,
        began=began,
        ended=ended,
        pairs=told.states.total(),
        requests=gathered.requests,
        funnel=tuple(_funnel(told, gathered, counts)),
        states={state: told.states[state] for state in STATES if told.states[state]},
        reasons=tuple(_reasons(told)),
        timeline=None if told.rehearsed else _timeline(gathered, limit_per_s),
        limit_per_s=limit_per_s,
        undo=_undo(told, gathered),
        **_gains(gathered.gains(), "links"),
        listings=tuple(_listings(told)),
        runs=told.writers[-RUNS_AT_MOST:],
        runs_before=max(0, len(told.writers) - RUNS_AT_MOST),
        restorable=told.restorable,
        forgotten=told.forgotten,
    )


def _gains(counts: Counter[str], of: str) -> dict[str, Any]:
    rows = _ordered(counts)
    shown = tuple(Amount(*each) for each in rows[:GAINS_AT_MOST])
    return {"gains": shown, "gains_more": max(0, len(rows) - GAINS_AT_MOST), "gains_of": of}


def _counts(given: Mapping[str, Any]) -> dict[str, int]:
    counts = {name: given[name] for name in COUNTED if name in given}
    wrong = [name for name, count in counts.items() if type(count) is not int or count < 0]
    if wrong:
        raise InputError(f"plan_counts: {', '.join(wrong)}: expected a whole number, 0 or more")
    return counts


def _another_plan(told: Report, given: Mapping[str, Any]) -> str | None:
    """Return the digest that was given with the counts where runs name others alone, as those of a split plan do."""
    digest = given.get("plan_digest")
    names = {each.plan_digest for each in told.writers if each.plan_digest}
    return digest if isinstance(digest, str) and names and digest not in names else None


def _funnel(told: Report, gathered: Gathered, counts: Mapping[str, int]) -> Iterator[Amount]:
    named, standing = gathered.accounts(), sum(told.states[each] for each in STANDING)
    for key, (name, unit) in COUNTED.items():
        if key in counts:
            yield Amount(name, counts[key], unit)
    would = told.rehearsed
    yield Amount("accounts that the plan names" if would else "accounts in this journal", named, ACCOUNTS)
    yield Amount("pairs of the plan" if would else "pairs taken up", told.states.total(), PAIRS)
    yield Amount("pairs that would be linked" if would else "pairs linked", standing, PAIRS)
    people = "people that those accounts would be" if would else "people that those accounts are now"
    yield Amount(people, max(0, named - standing), PEOPLE)


def _reasons(told: Report) -> Iterator[Reason]:
    """Count why; reasons that quote other ids count as one."""
    for state in STATES:
        pairs = told.refusals if state == REFUSED else told.look
        reasons = [each.reason for each in pairs if each.state == state]
        counted = _ordered(_merged(Counter(kind_of(each) if each else None for each in reasons)))
        if not counted and told.states[state]:
            yield Reason(state, None, told.states[state])
        for reason, count in counted[:REASONS_AT_MOST]:
            yield Reason(state, reason, count)
        if rest := counted[REASONS_AT_MOST:]:
            yield Reason(state, f"{len(rest):,} other reasons", sum(count for _, count in rest))


def _ordered(counts: Counter[Name]) -> list[tuple[Name, int]]:
    """Return counts, the highest first; alike ones by name, for a journal is read in any order."""
    return sorted(counts.items(), key=lambda each: (-each[1], each[0] or ""))


def _merged(reasons: Counter[str | None]) -> Counter[str | None]:
    """Count reasons of one kind as one where there are many, such as conflicts at many fields."""
    kinds = Counter((each or "").partition(":")[0] for each in reasons)
    merged = Counter[str | None]()
    for reason, count in reasons.items():
        kind = (reason or "").partition(":")[0]
        merged[kind if kinds[kind] > ALIKE_AT_MOST else reason] += count
    return merged


def _listings(told: Report) -> Iterator[Listing]:
    for state in LISTED:
        pairs = told.refusals if state == REFUSED else told.look
        mine = (each for each in pairs if each.state == state)
        rows = nsmallest(ROWS_AT_MOST, mine, key=lambda each: (each.primary_user_id, each.secondary_user_id))
        if rows:
            yield Listing(state, told.states[state], tuple(rows))


def _undo(told: Report, gathered: Gathered) -> Undo | None:
    found = Undo(told.states[UNDONE], told.states[LEFT], told.states[UNDOING], gathered.undo_requests)
    tried = any(each.command == "undo" for each in told.writers)
    return found if tried or found.undone or found.left or found.unfinished else None


def _timeline(gathered: Gathered, limit_per_s: float | None) -> Timeline | None:
    """Lay out the speed; a limit in requests is one in links by what this run's links took."""
    linked = sum(each.linked for each in gathered.clock.seconds.values())
    limit = None
    if limit_per_s and linked and gathered.requests:
        limit = limit_per_s * linked / gathered.requests
    return gathered.clock.timeline(limit)
