"""A journal's report as tables that a person likes to read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.text import Text

from airflow_provider_auth0link.cli.look import Ids, Prose, counted, table as new_table
from airflow_provider_auth0link.linking.report import REHEARSED, STATES, WOULD, Look, Report, Writer
from airflow_provider_auth0link.linking.words import LONGEST_LINE, visible, without_pair

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

NAMED_AT_MOST, RUNS_AT_MOST = 20, 20
VALUES_AT_MOST = 5
"""Of an option that is a list: an undo may name thousands of ids."""

DIGEST = 12
"""Letters of a plan's sha256 that are shown."""

STYLES = {
    "linked": "green", "already_linked": "green", "undone": "cyan", "left": "yellow", "refused": "yellow",
    "failed": "red", "unknown": "red", "open": "red", "undoing": "red",
}  # fmt: skip

MEANINGS = {
    "linked": "by a run of this journal",
    "already_linked": "before, by no run of this journal",
    "undone": "linked, and taken back",
    "left": "an undo did not touch it",
    "refused": "by a guard, the evidence or a limit",
    "failed": "not linked; a further run tries again",
    "unknown": "a further run looks again",
    "open": "begun, its end is not written; a further run settles it",
    "undoing": "an undo did not end; run it again",
}


def show(told: Report, where: str, console: Console) -> None:
    """Print a report."""
    for label, fact in (("Journal", where), ("Tenant", _tenant(told))):
        console.print(
            f"{label:<9}{visible(fact, LONGEST_LINE)}", markup=False, highlight=False, soft_wrap=True
        )
    console.print()
    for part in _parts(told):
        console.print(part)


def _tenant(told: Report) -> str:
    return "none: a rehearsal, nothing was changed" if told.rehearsed else told.tenant or "not told"


def _parts(told: Report) -> Iterator[RenderableType]:
    yield _states(told)
    if told.refused:
        yield _refused(told)
        yield _pairs("Refused pairs", told.refusals, with_state=False)
    if told.look:
        yield _pairs("Pairs to look at", told.look, with_state=True)
    if not told.rehearsed:
        yield _runs(told)
    yield from _options(told)
    if not told.rehearsed:
        yield Prose(_snapshots(told))


def _states(told: Report) -> Table:
    table = new_table(counted(told.states.total(), "pair"))
    table.add_column("")
    table.add_column("", justify="right")
    table.add_column("")
    names, meanings = (WOULD, MEANINGS | REHEARSED) if told.rehearsed else ({}, MEANINGS)
    for state in STATES:
        if count := told.states[state]:
            table.add_row(names.get(state, state), Text(f"{count:,}", style=STYLES[state]), meanings[state])
    table.show_header = False
    return table


def _refused(told: Report) -> Table:
    table = new_table("Refused, and why")
    table.add_column("reason", overflow="fold")
    table.add_column("pairs", justify="right")
    for reason, count in told.refused.most_common():
        table.add_row(_told(reason), f"{count:,}")
    return table


def _pairs(title: str, pairs: list[Look], *, with_state: bool) -> Table:
    """Name pairs, with how they stand where the title does not say it."""
    table = new_table(title)
    table.add_column("secondary\n  primary")
    if with_state:
        table.add_column("state", no_wrap=True)
    table.add_column("reason", overflow="fold")
    for each in pairs[:NAMED_AT_MOST]:
        state = [Text(each.state, style=STYLES[each.state])] if with_state else []
        reason = _told(without_pair(each.reason or "", each.secondary_user_id, each.primary_user_id))
        table.add_row(Ids(visible(each.secondary_user_id), visible(each.primary_user_id)), *state, reason)
    if (more := len(pairs) - NAMED_AT_MOST) > 0:
        table.caption = f"and {more:,} more; --json names all"
        table.caption_justify = "left"
    return table


def _told(text: str) -> Text:
    """Show a text of the journal: keys of accounts stand in it, and whoever made those may mean the terminal."""
    return Text(visible(text, LONGEST_LINE))


def _runs(told: Report) -> Table:
    table = new_table("Runs")
    for column in ("begun", "command"):
        table.add_column(column)
    for column in ("try", "map index"):
        table.add_column(column, justify="right")
    table.add_column("plan")
    for each in told.writers[-RUNS_AT_MOST:]:
        digest = (each.plan_digest or "")[:DIGEST]
        begun = each.begun.replace("T", " ").replace("+00:00", "Z")
        index = str(each.map_index) if each.map_index >= 0 else ""
        table.add_row(_told(begun), _told(each.command), str(each.tried), index, _told(digest))
    if (more := len(told.writers) - RUNS_AT_MOST) > 0:
        table.caption = f"and {more:,} before; --json names all"
        table.caption_justify = "left"
    return table


def _options(told: Report) -> Iterator[RenderableType]:
    """Say with which options the runs ran, each set of them once."""
    seen = dict.fromkeys(line for each in told.writers if (line := _of(each)))
    for line in seen:
        yield Prose(_told(line))
    if seen:
        yield ""


def _of(writer: Writer) -> str:
    said = [f"{name} {_value(value)}" for name, value in writer.options.items() if value not in ([], None)]
    return f"{writer.command}: {'; '.join(said)}" if said else ""


def _value(value: object) -> str:
    if not isinstance(value, list):
        return str(value)
    shown = ", ".join(map(str, value[:VALUES_AT_MOST]))
    return shown if len(value) <= VALUES_AT_MOST else f"{shown}, ... ({len(value):,} in all)"


def _snapshots(told: Report) -> str:
    text = f"{counted(told.snapshots, 'snapshot file')}. Can be undone: {counted(told.restorable, 'linked pair')}"
    text += f", and what was carried of {counted(told.carried, 'other')}." if told.carried else "."
    if told.forgotten:
        text += f" Cannot, for the snapshots were deleted: {counted(told.forgotten, 'pair')}."
    return text
