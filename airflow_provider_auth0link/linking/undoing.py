"""The undo of a whole run: which pairs, in which order, as units of work."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping

from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.linking.batch import Batch
from airflow_provider_auth0link.linking.connected_undo import ConnectedUndo, connected
from airflow_provider_auth0link.linking.history import History, Known
from airflow_provider_auth0link.linking.journal import Journal
from airflow_provider_auth0link.linking.primary_undo import PrimaryUndo
from airflow_provider_auth0link.linking.tally import Tally
from airflow_provider_auth0link.linking.units import Tenants, Unit
from airflow_provider_auth0link.linking.words import counted

UNDO_OUTCOMES = ("undone", "would_undo", "left", "failed", "unknown")
NAMED_AT_MOST = 10


def is_ours(known: Known) -> bool:
    """Tell whether a run linked a pair, or may have, or left what it carried, and that is not undone."""
    return known.may_be_linked or known.standing or known.undoing


def undo_batch(
    journal: Journal,
    tenants: Tenants,
    clock: Callable[[], float],
    *,
    only: Collection[str] | None,
    dry_run: bool,
) -> Batch:
    """
    Prepare the undo of a journal's links.

    :param only: ids of secondaries; None: all. What an earlier undo has begun above one of them is ended first
    :raises InputError: when one of ``only`` is not in the journal
    """
    chosen = _chosen(journal.history, only)

    def units(tally: Tally, stopping: Callable[[], bool]) -> Iterator[Unit]:  # noqa: ARG001 - the form of Units
        def of(primary: str) -> PrimaryUndo:
            mine = chosen[primary]
            rest = [each for each in journal.history.of_primary(primary) if each not in mine]
            return PrimaryUndo(
                sorted(mine, key=lambda each: -each.n),
                [each for each in rest if is_ours(each) or each.done],
                tenants,
                journal,
                dry_run,
                stopping,
            )

        for group in connected(chosen):
            parts = [of(primary) for primary in group]
            yield parts[0] if len(parts) == 1 else ConnectedUndo(parts)

    planned = sum(len(each) for each in chosen.values())
    tally = Tally(UNDO_OUTCOMES, planned, clock)
    return Batch(units, tally, tenants, None if dry_run else journal, clock)


def _go_on(begun: Mapping[str, Known], chosen: dict[str, list[Known]]) -> None:
    """
    Add the pairs by which an earlier undo has begun to take a primary back.

    It is half restored. What is taken back from it now would be linked to it again when that undo goes on.

    :param begun: by secondary
    """
    primaries = set(chosen)
    while primaries:
        above = [begun[each] for each in primaries if each in begun]
        new = [each for each in above if each not in chosen.get(each.key[0], ())]
        for known in new:
            chosen.setdefault(known.key[0], []).append(known)
        primaries = {known.key[0] for known in new}


def _chosen(history: History, only: Collection[str] | None) -> dict[str, list[Known]]:
    """Return what is to be undone, by primary."""
    chosen: dict[str, list[Known]] = {}
    begun: dict[str, Known] = {}
    unknown = set(only or ())
    for known in history:
        primary, secondary, _ = known.key
        unknown.discard(secondary)
        if known.undoing:
            begun[secondary] = known
        if is_ours(known) and (only is None or secondary in only):
            chosen.setdefault(primary, []).append(known)
    if only is not None:
        _go_on(begun, chosen)
    if unknown:
        named = ", ".join(sorted(unknown)[:NAMED_AT_MOST])
        given = any(known.key[0] in unknown for known in history)
        raise InputError(
            f"only: {counted(len(unknown), 'id')} not among this journal's secondaries: {named}"
            + (". Give the ids that were linked into a primary, not the primary's own" if given else "")
        )
    return chosen
