"""What other accounts of a primary brought it: that stays when what one brought is taken back."""

from __future__ import annotations

from collections.abc import Mapping

from airflow_provider_auth0link.linking.carry import Brought
from airflow_provider_auth0link.linking.journal import Journal
from airflow_provider_auth0link.linking.outcome import Outcome
from airflow_provider_auth0link.linking.records import Key
from airflow_provider_auth0link.linking.snapshot import combined
from airflow_provider_auth0link.linking.tries import LINKED
from airflow_provider_auth0link.model import UserId


def may_be_linked(outcome: Outcome | None) -> bool:
    """Tell whether a pair that ended so may be linked by a run of ours."""
    return outcome is not None and (outcome.name in {LINKED, "unknown"} or outcome.tried)


def brought_to(
    primary: UserId, journal: Journal, but: Key, ended: Mapping[Key, Outcome | None]
) -> list[Brought]:
    """
    Return what was brought to a primary by the accounts that the journal says may be linked to it.

    :param but: the pair that is taken back
    :param ended: how pairs ended since the journal was read; None: not yet
    """
    found = []
    for known in journal.history.of_primary(str(primary)):
        outcome = ended.get(known.key)
        stays = known.outcome == LINKED or known.tried if outcome is None else may_be_linked(outcome)
        snapshot = combined(journal.snapshots(known.key, known.refs)) if stays and known.key != but else None
        if snapshot is not None:
            found.append(snapshot.brought(journal.history.options(known.refs)))
    return found
