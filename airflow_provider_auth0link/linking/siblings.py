"""What other accounts of a primary brought it, and which are gone again: for a carry that is taken back."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable, Iterator, Mapping

from airflow_provider_auth0link.linking.carry import Brought, Carry, Siblings
from airflow_provider_auth0link.linking.history import History, Known
from airflow_provider_auth0link.linking.journal import Journal
from airflow_provider_auth0link.linking.outcome import Outcome
from airflow_provider_auth0link.linking.records import Key
from airflow_provider_auth0link.linking.snapshot import combined
from airflow_provider_auth0link.linking.tries import LINKED, Life, Ref, Tries

Ended = Mapping[Key, Outcome | None]
"""How pairs ended since the journal was read; None: not yet."""


def may_be_linked(outcome: Outcome | None) -> bool:
    """Tell whether a pair that ended so may be linked by a run of ours."""
    return outcome is not None and (outcome.name in {LINKED, "unknown"} or outcome.tried)


def siblings_of(key: Key, journal: Journal, ended: Ended, here: list[Brought]) -> Siblings:
    """
    Return what the journal tells of a primary's other accounts, for a run that takes back what it carried of one.

    :param here: what accounts brought that this run linked
    """
    known = journal.history.of(key)
    below = [each for each in journal.history.of_primary(key[0]) if each.key != key]
    staying = [each for each in below if _stays(each, ended)]
    others = [*here, *brought_by(journal, staying)]
    if not known.last.refs:  # what this run itself read is all that it wrote over
        return Siblings(others)
    again = {each for each, outcome in ended.items() if may_be_linked(outcome)}
    gone = carries(journal, gone_since(journal.history, known, again=again))
    mine = brought_by(journal, [known]) if gone else []
    return Siblings(others, gone, mine[0] if mine else None)


def _stays(known: Known, ended: Ended) -> bool:
    outcome = ended.get(known.key)
    return known.may_be_linked if outcome is None else may_be_linked(outcome)


def brought_by(journal: Journal, pairs: Iterable[Known]) -> list[Brought]:
    """Return what accounts brought to their primary, by the options of their links."""
    found = []
    for known in pairs:
        snapshot = combined(journal.snapshots(known.key, known.refs))
        if snapshot is not None:
            found.append(snapshot.brought(journal.history.options(known.refs)))
    return found


def gone_since(
    history: History, known: Known, undone: Collection[Key] = (), again: Collection[Key] = ()
) -> list[tuple[Key, tuple[Ref, ...]]]:
    """
    Return the pairs, and snapshots, of which something was carried and taken back, and may have met this pair.

    That is what was taken back since this pair was first tried, for what this one brought as well was left for it. And
    what was taken back while one of those was there, for it may have been left to them first; and so on. What earlier
    tries of this pair itself carried is then among it. What was carried for a pair that was refused counts too.

    :param undone: pairs that were undone since the journal was read
    :param again: pairs that were linked since it was read, after an undo
    :return: the last one first
    """
    lives = list(_lives(history, known, undone, again))
    met: list[tuple[Key, Life]] = []
    count = -1
    while len(met) > count:
        count = len(met)
        others = min((life.tries.first_n for key, life in met if key != known.key), default=sys.maxsize)
        first = min([known.last.first_n, *(life.tries.first_n for _, life in met)])
        met = [(key, life) for key, life in lives if life.undone_n > (others if key == known.key else first)]
    found = [(life.tries.began_n, key, life.tries.refs) for key, life in met]
    return [(key, refs) for _, key, refs in sorted(found, reverse=True)]


def _lives(
    history: History, known: Known, undone: Collection[Key], again: Collection[Key]
) -> Iterator[tuple[Key, Life]]:
    """Give all that was carried to a primary and taken back, and not first tried when this pair was tried for good."""
    for each in history.of_primary(known.key[0]):
        is_over = each.undone or each.key in undone
        lives = list(each.past)
        if is_over:
            lives.append(Life(each.last, each.undone_n if each.undone else sys.maxsize))
        elif each.key != known.key and (each.key in again or _is_there(history, each, known)):
            continue  # what stands there may be of its last tries
        if spent := _spent(each.last):
            was = each.last._replace(refs=spent, began_n=each.last.first_n, began_by=each.last.first_by)
            lives.append(Life(was, each.last.spent_n))
        for life in lives:
            if not _is_later(history, life.tries, known.last):
                yield each.key, life


def _is_there(history: History, other: Known, known: Known) -> bool:
    """Tell whether a pair that is not undone was tried when another was tried for good."""
    standing = [ref for ref in other.last.refs if not ref.spent]
    return bool(standing) and not _is_later(history, other.last, known.last)


def _spent(tries: Tries) -> tuple[Ref, ...]:
    """Return the snapshots of tries whose carry was taken back, with that carry."""
    return tuple(ref._replace(spent=False) for ref in tries.refs if ref.spent)


def _is_later(history: History, other: Tries, known: Tries) -> bool:
    """
    Tell whether tries began when others had ended.

    Of one writer the numbers tell, and of one that began when the other's tries stood in the journal. Two writers
    that were at work at once count apart.
    """
    if other.began_by == known.tried_by:
        return other.began_n > known.tried_n
    return history.began(other.began_by) > known.tried_n


def carries(journal: Journal, which: Iterable[tuple[Key, tuple[Ref, ...]]]) -> list[Carry]:
    """Return what was carried of pairs, by their snapshots."""
    found = (combined(journal.snapshots(key, refs)) for key, refs in which)
    return [each.carry for each in found if each is not None and each.carry]
