"""The runs as tables that a person likes to read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from airflow_provider_auth0link.cli.demo.result import COUNTS, UNDO, Link, Result, Run
from airflow_provider_auth0link.cli.look import table as new_table
from airflow_provider_auth0link.linking.guards import DRIFTED

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

SHOWN = 6
"""Links that stand for the others."""

EXAMPLE = 26
"""Letters of an example's id, so that reasons keep their room on 80 columns."""

LABELS = {"undone": "taken back"}

STATES = {"success": "green", "skipped": "yellow", "failed": "red", "upstream_failed": "red"}


def compared(runs: Sequence[Run]) -> Table:
    """Show the runs side by side."""
    table = new_table("The same duplicates, three times" if len(runs) == 3 else "The runs")  # noqa: PLR2004 - as it says
    table.add_column("")
    for run in runs:
        table.add_column(run.dag.removeprefix("example_"), justify="right")
    for name in COUNTS:
        row = [run.count(name) for run in runs]
        table.add_row(
            LABELS.get(name, name.replace("_", " ")), *(f"{count:,}" if count else "" for count in row)
        )
    table.add_row("accounts in the tenant then", *(f"{run.accounts:,}" for run in runs))
    table.add_row("not as they were at first", *_differing(runs))
    table.add_row("requests", *(f"{run.requests:,}" for run in runs))
    table.add_row("seconds", *(f"{run.seconds:.0f}" for run in runs))
    return table


def _differing(runs: Sequence[Run]) -> Iterator[Text]:
    for run in runs:
        yield Text(f"{run.changed:,}", style="green" if run.dag == UNDO and not run.changed else "")


def tables(
    result: Result, *, users: int, requests: int, id_map: Sequence[tuple[str, str]]
) -> Iterator[RenderableType]:
    """
    Yield what there is to see of a run.

    :param users: rows in the warehouse
    :param requests: that the tenant answered, those for tokens among them
    :param id_map: the rows (old id, new id) in the warehouse
    """
    yield _summary(result, users=users, requests=requests, ids=len(id_map))
    yield _tasks(result)
    if result.of("linked"):
        yield _linked(result)
    if result.of("refused"):
        yield _refused(result)


def _summary(result: Result, *, users: int, requests: int, ids: int) -> Table:
    table = new_table("What was found and done")
    table.add_column("")
    table.add_column("", justify="right")
    for label, count, style in (
        ("accounts in the warehouse", users, ""),
        ("duplicates found by SQL", len(result.pairs), ""),
        ("linked", len(result.of("linked")), "green"),
        ("already linked, by hand overnight", len(result.of("already_linked")), "green"),
        ("refused by a check", len(result.of("refused")), "yellow"),
        ("old ids mapped to new ones in the warehouse", ids, ""),
        ("requests to the tenant", requests, ""),
    ):
        table.add_row(label, Text(f"{count:,}", style=style))
    table.show_header = False
    return table


def _tasks(result: Result) -> Table:
    table = new_table("Airflow's task instances")
    table.add_column("task")
    seen = [state for state in STATES if any(state in states for states in result.states.values())]
    others = sorted({state for states in result.states.values() for state in states} - STATES.keys())
    for state in seen + others:
        table.add_column(state, justify="right", style=STATES.get(state))
    for task, states in result.states.items():
        table.add_row(task, *(str(states[state] or "") for state in seen + others))
    return table


def _linked(result: Result) -> Table:
    shown, count = result.examples(SHOWN), len(result.of("linked"))
    table = new_table("Linked" if len(shown) == count else f"Linked, {len(shown)} of {count}")
    table.add_column("this account\n  is now a login of", overflow="fold")
    table.add_column("carried over", overflow="fold")
    for link in shown:
        # One above the other: side by side, 80 columns would cut the ids in two.
        ids = Text(f"{link['secondary_user_id']}\n  {link['primary_user_id']}")
        table.add_row(ids, _carried(link))
    return table


def _carried(link: Link) -> Text:
    """Show the carried paths, a line for each kind of metadata."""
    kinds: dict[str, list[str]] = {}
    for path in link["carried"]:
        kind, _, rest = path.partition(".")
        kinds.setdefault(kind, []).append(rest)
    lines = [f"{kind}: {', '.join(filter(None, rests))}".removesuffix(": ") for kind, rests in kinds.items()]
    return Text("\n".join(lines)) if lines else Text("nothing it lacked", style="dim")


def _refused(result: Result) -> Table:
    table = new_table("Refused, and why")
    table.add_column("reason", overflow="fold", style="yellow")
    table.add_column("accounts", justify="right")
    table.add_column("for example", overflow="ellipsis", no_wrap=True, max_width=EXAMPLE)
    for reason, links in result.refusals():
        table.add_row(Text(reason), str(len(links)), Text(links[0]["secondary_user_id"]))
    if any(reason.startswith(DRIFTED) for reason, _ in result.refusals()):
        table.caption = f"{DRIFTED}: what the warehouse knew of the two no longer holds"
        table.caption_justify = "left"
    return table
