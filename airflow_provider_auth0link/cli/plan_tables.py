"""What a search for duplicates found, as tables that a person likes to read. No e-mail stands in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from rich.text import Text

from airflow_provider_auth0link.cli.look import counted, table as new_table
from airflow_provider_auth0link.linking.words import visible

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

    from airflow_provider_auth0link.duplicates.find import Found
    from airflow_provider_auth0link.hooks.planning import Places

KEYS_AT_MOST = 30
"""Of ``app_metadata`` that are named: a tenant may have one for each user."""

MEANINGS = {
    "told_twice": "stands twice in the source, and not alike",
    "ambiguous_id": "one id in two connections",
    "already_linked": "is an identity of another account by now",
    "blocked": "linking would let it in again",
    "connection_not_allowed": "of a connection that was not named",
    "unverified": "its e-mail or phone is not verified",
    "unproven_provider": "verified by a provider whose word is no proof",
    "group_too_large": "shares its key with too many: a shared mailbox?",
    "nobody_left": "the others of its group were left out",
    "enterprise_secondary": "of an enterprise or a directory: only ever a primary",
    "cut_off": "reached only through an enterprise account",
}


def show(found: Found, places: Places, console: Console) -> None:
    """Print where the plan is, and what is in it and what is not."""
    for label, fact in (("Plan", places.plan), ("sha256", found.digest), ("Rejects", places.rejects)):
        console.print(f"{label:<9}{fact}", markup=False, highlight=False, soft_wrap=True)
    console.print()
    for part in _parts(found):
        console.print(part)


def _parts(found: Found) -> Iterator[RenderableType]:
    yield _facts(found)
    if found.per_rule:
        yield _counts("Pairs by rule", ("rule", "pairs"), found.per_rule)
    if found.per_reason:
        yield _reasons(found.per_reason)
    if found.gained:
        yield _gained(found.gained)


def _facts(found: Found) -> Table:
    table = new_table(f"{counted(found.planned, 'pair')} planned")
    table.add_column("")
    table.add_column("", justify="right")
    table.add_column("")
    table.show_header = False
    for name, count, meaning in (
        ("accounts", found.accounts, "read"),
        ("unreadable", found.unreadable, "records that are no account; the rejects say which"),
        ("repeats", found.repeats, "of records that were read before, alike"),
        ("candidates", found.candidates, "share a key with another account"),
        ("people", found.stars, "each keeps one account, the primary"),
    ):
        table.add_row(name, f"{count:,}", meaning)
    return table


def _reasons(per_reason: Mapping[str, int]) -> Table:
    table = new_table("Not planned, and why")
    table.add_column("reason")
    table.add_column("accounts", justify="right")
    table.add_column("")
    for reason, count in per_reason.items():
        table.add_row(Text(reason), f"{count:,}", MEANINGS.get(reason, ""))
    return table


def _gained(gained: Mapping[str, int]) -> Table:
    """Name what primaries would gain: it often grants rights."""
    table = _counts("app_metadata gained", ("key", "primaries"), dict(list(gained.items())[:KEYS_AT_MOST]))
    if (more := len(gained) - KEYS_AT_MOST) > 0:
        table.caption = f"and {more:,} more; --json names up to 500"
        table.caption_justify = "left"
    return table


def _counts(title: str, columns: tuple[str, str], counts: Mapping[str, int]) -> Table:
    table = new_table(title)
    table.add_column(columns[0], overflow="fold")
    table.add_column(columns[1], justify="right")
    for name, count in counts.items():
        table.add_row(Text(visible(name)), f"{count:,}")
    return table
