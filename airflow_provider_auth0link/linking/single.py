"""One pair with a journal: the steps of a star, each record made durable before the next step."""

from __future__ import annotations

from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.linking.job import key
from airflow_provider_auth0link.linking.journal import Journal
from airflow_provider_auth0link.linking.options import Options
from airflow_provider_auth0link.linking.outcome import Outcome
from airflow_provider_auth0link.linking.plan import Star
from airflow_provider_auth0link.linking.snapshot import combined
from airflow_provider_auth0link.linking.star import StarRun
from airflow_provider_auth0link.linking.units import Tenants
from airflow_provider_auth0link.model import Pair


def link_journaled(tenants: Tenants, pair: Pair, options: Options, journal: Journal) -> Outcome:
    """
    Link one pair and write it down: a retry after a death goes on from there. A dry run only reads the journal.

    :param options: with ``snapshot``
    :return: as ``link_pair``; of a pair that the journal calls done, its outcome with the identities as they are now
    """
    run = StarRun(Star(pair.primary, (pair,)), options, tenants, journal)
    before = run.outcomes[0]
    if before is not None:
        tenant = tenants.work()
        account = tenant.get_user(pair.primary)
        done = Outcome.done(before.name, account.identities, pair.primary, requests=tenant.requests)
        return done.with_(carried=_carried(journal, pair))
    outcome: Outcome | None = None
    for note in run.steps():
        if not options.dry_run:
            journal.note(note.kind, note.row, note.snapshot)
            journal.commit()
        outcome = note.outcome or outcome
    if outcome is None:
        raise RuntimeError("a pair's steps ended without an outcome")
    return outcome


def _carried(journal: Journal, pair: Pair) -> tuple[str, ...]:
    """Return what earlier tries carried; nothing where their snapshots were forgotten, or no key opens them."""
    try:
        earlier = combined(journal.snapshots(key(pair), journal.history.of(key(pair)).refs))
    except InputError:
        return ()
    return tuple(earlier.carry.paths) if earlier is not None else ()
