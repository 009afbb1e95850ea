"""
Mending what a write on old readings took from the primary.

Auth0's PATCH replaces a first-level key whole, and asks for no version. So where two writers are at one primary, a
task that is thought dead and its retry, one that slept between reading and writing writes over what the other
carried meanwhile. It learns this when it finds the link done that it had carried for. What the other carried
stands in the journal: it is carried once more.
"""

from __future__ import annotations

from airflow_provider_auth0link.errors import AmbiguousError, LinkDelayedError
from airflow_provider_auth0link.linking.carry import computed
from airflow_provider_auth0link.linking.journal import Journal
from airflow_provider_auth0link.linking.options import Options
from airflow_provider_auth0link.linking.snapshot import Snapshot, combined
from airflow_provider_auth0link.linking.tenant import Tenant
from airflow_provider_auth0link.model import UserId


def mend(tenant: Tenant, primary: UserId, journal: Journal, options: Options) -> bool:
    """
    Carry the metadata of all that others linked to a primary since the journal was opened once more.

    Rights are only ever added, so nothing of them is written over.

    :return: whether there is another
    :raises LinkDelayedError: when an answer was lost: to be done again
    :raises Auth0LinkError: likewise, when it could not be done
    """
    theirs = [each for each in journal.meanwhile(str(primary)) if each.may_be_linked]
    for known in sorted(theirs, key=lambda each: each.n):
        snapshot = combined(journal.snapshots(known.key, known.refs))
        if snapshot is not None:
            _carry_again(tenant, primary, snapshot, options)
    return bool(theirs)


def _carry_again(tenant: Tenant, primary: UserId, snapshot: Snapshot, options: Options) -> None:
    change = computed(tenant.get_user(primary), snapshot.account, options)
    if not change.merge.body:
        return
    try:
        tenant.update_user(primary, change.merge.body)
    except AmbiguousError as error:
        raise LinkDelayedError(f"what another worker carried could not be carried again. {error}") from None
