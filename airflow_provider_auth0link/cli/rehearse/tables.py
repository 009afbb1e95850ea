"""A rehearsal as tables that a person likes to read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from rich.text import Text

from airflow_provider_auth0link.cli.look import Ids, Prose, counted, in_words, table as new_table
from airflow_provider_auth0link.cli.rehearse.effects import WHY
from airflow_provider_auth0link.cli.rehearse.ends import End
from airflow_provider_auth0link.cli.rehearse.times import CLASSES, classes
from airflow_provider_auth0link.cli.rehearse.told import CANNOT, Rehearsal
from airflow_provider_auth0link.linking.report import REHEARSED
from airflow_provider_auth0link.linking.words import visible, without_pair
from airflow_provider_auth0link.report.words import masked_id, masked_text

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

NAMED_AT_MOST, PATHS_AT_MOST, PROBLEMS_AT_MOST = 20, 30, 10

STYLES = {
    "linked": "green",
    "already_linked": "green",
    "refused": "yellow",
    "failed": "red",
    "unknown": "red",
}
MEANINGS = {
    "linked": "would be linked",
    "already_linked": "are linked already",
    "refused": f"would be refused: {REHEARSED['refused']}",
    "failed": f"would fail: {REHEARSED['failed']}",
    "unknown": f"are unknown: {REHEARSED['unknown']}",
}


class Tables:
    """
    The tables of one rehearsal.

    :param told: the rehearsal
    :param show_emails: whether e-mails stand in full
    """

    def __init__(self, told: Rehearsal, *, show_emails: bool) -> None:
        self._told, self._shows = told, show_emails

    def show(self, console: Console) -> None:
        """Print them."""
        for part in self._parts():
            console.print(part)

    def _parts(self) -> Iterator[RenderableType]:
        effects = self._told.effects
        yield self._accounts()
        yield self._outcomes()
        if self._told.ended("refused"):
            reasons = [(self._text(reason), count) for reason, count in self._told.reasons.items()]
            yield _counts("Refused, and why", ("reason", "pairs"), reasons)
            yield self._pairs("Refused pairs", self._told.ended("refused"))
        if failed := self._told.ended("failed") + self._told.ended("unknown"):
            yield self._pairs("Failed pairs", failed)
        if effects.gained:
            yield self._gained()
        if any(effects.lost.values()):
            yield self._lost()
        if effects.oversize:
            yield self._oversize()
        yield self._requests()
        yield self._times()
        yield from self._notes()

    def _accounts(self) -> Table:
        told = self._told
        table = _facts("From accounts to people")
        rows = [
            (told.accounts, "accounts in the export"),
            (told.named, "accounts that the plan names"),
            (len(told.ended("linked")), "accounts that would become another's identity"),
            (told.people, "accounts that would be left"),
        ]
        for count, meaning in rows:
            table.add_row(f"{count:,}", meaning)
        if told.problems:
            table.add_row(f"{len(told.problems):,}", "left out: no account in its line of the export")
        return table

    def _outcomes(self) -> Table:
        summary = self._told.played.summary
        table = _facts(f"{counted(summary['planned'], 'pair')} planned")
        for name, meaning in MEANINGS.items():
            if summary[name]:
                table.add_row(Text(f"{summary[name]:,}", style=STYLES[name]), meaning)
        if summary.get("repeats"):
            table.add_row(f"{summary['repeats']:,}", "left out: said by another line of the plan too")
        return table

    def _pairs(self, title: str, ends: list[End]) -> Table:
        table = new_table(title)
        table.add_column("secondary\n  primary")
        table.add_column("reason", overflow="fold")
        for each in ends[:NAMED_AT_MOST]:
            reason = without_pair(each.reason or "", each.secondary, each.primary)
            table.add_row(self._ids(each.secondary, each.primary), self._text(reason))
        return _cut(table, len(ends), NAMED_AT_MOST)

    def _gained(self) -> Table:
        """Name every path of ``app_metadata``: it often grants rights."""
        gained = self._told.effects.gained.most_common()
        rights = [each for each in gained if each[0].startswith("app_metadata")]
        others = [each for each in gained if not each[0].startswith("app_metadata")]
        rows = [(self._text(path), count) for path, count in rights + others[:PATHS_AT_MOST]]
        table = _counts("What primaries gain", ("path", "primaries"), rows)
        return _cut(table, len(others), PATHS_AT_MOST)

    def _lost(self) -> Table:
        table = new_table("What is not at the primary afterwards")
        table.add_column("path", overflow="fold")
        table.add_column("accounts", justify="right")
        table.add_column("why")
        rows = [
            (why, *each) for why, paths in self._told.effects.lost.items() for each in paths.most_common()
        ]
        for why, path, count in rows[:PATHS_AT_MOST]:
            table.add_row(self._text(path), f"{count:,}", WHY[why])
        return _cut(table, len(rows), PATHS_AT_MOST)

    def _oversize(self) -> Table:
        oversize = self._told.effects.oversize
        table = new_table("Profiles over 10 KB")
        table.add_column("primary")
        table.add_column("bytes", justify="right")
        for each in oversize[:NAMED_AT_MOST]:
            table.add_row(self._ids(each.user_id), f"{each.size:,}")
        return _cut(table, len(oversize), NAMED_AT_MOST)

    def _requests(self) -> Table:
        groups = classes(self._told.played.routes)
        table = _facts(counted(groups.total(), "request"))
        for group, count in groups.most_common():
            table.add_row(f"{count:,}", CLASSES.get(group, group))
        return table

    def _times(self) -> Table:
        table = new_table(f"How long it will take, alone on the tenant, rate_share {self._told.share:g}")
        table.add_column("limits as published")
        table.add_column("time", justify="right")
        table.add_column("what decides")
        for each in self._told.times:
            table.add_row(each.plan, in_words(each.seconds), each.bound)
        return table

    def _notes(self) -> Iterator[RenderableType]:
        for problem in self._told.problems[:PROBLEMS_AT_MOST]:
            yield Prose(self._text(f"Export, {problem}"))
        if (more := len(self._told.problems) - PROBLEMS_AT_MOST) > 0:
            yield f"and {counted(more, 'more line')}"
        for warning, count in self._told.played.warnings.most_common():
            yield Prose(self._text(f"{counted(count, 'pair')}: {warning}"))
        for note in (*self._told.notes, *CANNOT):
            yield Prose(self._text(note))

    def _ids(self, *ids: str) -> Ids:
        return Ids(*(visible(each if self._shows else masked_id(each)) for each in ids))

    def _text(self, text: str) -> Text:
        return Text(visible(text if self._shows else masked_text(text)))


def _facts(title: str) -> Table:
    """Return an empty table of numbers and what they count."""
    table = new_table(title)
    table.add_column("", justify="right")
    table.add_column("")
    table.show_header = False
    return table


def _counts(title: str, columns: tuple[str, str], counts: Iterable[tuple[Text, int]]) -> Table:
    table = new_table(title)
    table.add_column(columns[0], overflow="fold")
    table.add_column(columns[1], justify="right")
    for name, count in counts:
        table.add_row(name, f"{count:,}")
    return table


def _cut(table: Table, count: int, most: int) -> Table:
    """Say how many rows were left out."""
    if count > most:
        table.caption = f"and {count - most:,} more; --json names all"
        table.caption_justify = "left"
    return table
