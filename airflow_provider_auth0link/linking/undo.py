"""
Taking the links of a run back, from its journal.

Auth0 unlinks into an empty account. So an undo is: unlink, restore the snapshot, take what was carried back off
the primary. Pairs of one primary go in reverse order. What somebody changed since is left, and reported.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from airflow_provider_auth0link.errors import Auth0LinkError, LinkFailedError
from airflow_provider_auth0link.linking.carry import Carry, Siblings
from airflow_provider_auth0link.linking.history import Known
from airflow_provider_auth0link.linking.outcome import Outcome
from airflow_provider_auth0link.linking.records import Key
from airflow_provider_auth0link.linking.restore import named_connection, restore_account, restore_rights
from airflow_provider_auth0link.linking.settle import DATABASE, Wanted, read, settle_unlink
from airflow_provider_auth0link.linking.snapshot import Snapshot
from airflow_provider_auth0link.linking.tenant import Tenant
from airflow_provider_auth0link.linking.tries import LINKED
from airflow_provider_auth0link.linking.words import pair_named
from airflow_provider_auth0link.model import Account, UserId


@dataclass(frozen=True, slots=True)
class Begin:
    """
    What is about to be undone. It must be durable before the next step is taken.

    ``restored``: the account is what it was, and what is changed from now on is somebody's; that need not be durable.
    """

    restored: bool = False


UndoSteps = Generator[Begin, None, Outcome]


class News(NamedTuple):
    """
    What another undo, at work at once, wrote since the journal was opened.

    ``ours``: of the pair, when it began it. ``gone``: as ``Siblings.gone`` has them, with those that it began or
    ended; none when it began no other of the primary's pairs.
    """

    ours: Known | None
    gone: list[Carry]


def _no_news() -> News:
    return News(None, [])


@dataclass(slots=True)
class Undo:
    """
    One pair to be undone.

    ``snapshot`` is None when it was forgotten. ``siblings`` tell of the primary's other accounts: those that stay and
    were linked after it, for what stood there before it stands again anyway, and those that are undone already.
    ``freed`` are ids of the secondary's own identities that an undo took back from it since it was linked.
    ``unsure``: its unlink was sent, and what became of it is not known yet.
    """

    key: Key
    known: Known
    snapshot: Snapshot | None
    siblings: Siblings = field(default_factory=Siblings)
    freed: frozenset[str] = frozenset()
    news: Callable[[], News] = _no_news
    begun: bool = False
    unsure: bool = False
    restored: bool = False
    left: list[str] = field(default_factory=list)

    @property
    def primary(self) -> UserId:
        """The primary's id."""
        return UserId.parse(self.key[0], "primary_user_id")

    @property
    def secondary(self) -> UserId:
        """The secondary's id."""
        return UserId.parse(self.key[1], "secondary_user_id")

    def __str__(self) -> str:
        return pair_named(self.key[1], self.key[0], "from")


def undo_steps(tenant: Tenant, undo: Undo, *, dry_run: bool) -> UndoSteps:
    """
    Undo one pair: hands out its beginning, returns the outcome.

    :return: undone, would_undo, left (nothing was touched), failed (of one that has begun also for good) or unknown
    """
    undo.begun = undo.begun or undo.known.undoing
    undo.left = []
    try:
        return (yield from _undone(tenant, undo, dry_run=dry_run))
    except Auth0LinkError as error:
        return Outcome.ended("unknown" if undo.unsure else "failed", error)


def _undone(tenant: Tenant, undo: Undo, *, dry_run: bool) -> UndoSteps:
    primary = read(tenant, undo.primary)
    if undo.snapshot is None:
        return _left(undo, "its snapshot was deleted, so nothing could be restored")
    if primary is None:
        return (yield from _without_primary(tenant, undo, undo.snapshot, dry_run=dry_run))
    wanted = Wanted(undo.primary, undo.secondary, undo.known.connection)
    held = wanted.held_by(primary)
    account = read(tenant, undo.secondary) if not held or undo.secondary.provider == DATABASE else None
    if held == (account is not None):  # another unlinked it between the two readings?
        primary = read(tenant, undo.primary) or primary
        held = wanted.held_by(primary)
    undo.unsure = False
    undo.begun = undo.begun or (not held and undo.news().ours is not None)
    reason = _against(undo, account, undo.snapshot.account, held=held)
    if reason:
        return _left(undo, reason)
    if dry_run:
        return Outcome.done("would_undo", primary.identities, undo.primary)
    yield Begin()
    failed = yield from _rewind(tenant, undo, wanted, primary, undo.snapshot)
    if failed is not None:
        return failed
    after = tenant.get_user(undo.primary)
    return Outcome.done("undone", after.identities, undo.primary, reason=_report(undo.left))


def _without_primary(tenant: Tenant, undo: Undo, snapshot: Snapshot, *, dry_run: bool) -> UndoSteps:
    """End an undo that has emptied the account already, though its primary is gone; begin none."""
    gone = "the primary account is not there: deleted, or linked elsewhere"
    account = read(tenant, undo.secondary) if undo.begun else None
    if account is None or _against(undo, account, snapshot.account, held=False):
        return _left(undo, gone)
    if dry_run:
        return Outcome.done("would_undo", (), undo.primary)
    yield Begin()
    yield from _restored(tenant, undo, snapshot, again=True, ours=undo.news().ours)
    undo.left.append(f"{undo.primary}: {gone}")
    return Outcome.done("undone", (), undo.primary, reason=_report(undo.left))


def foreseen(tenant: Tenant, undo: Undo, primary: Account | None) -> Outcome:
    """
    Say what would become of a pair whose primary is itself to be restored first, so that it cannot be read yet.

    :param primary: as it will be restored; None when it cannot be
    :return: would_undo or left
    """
    wanted = Wanted(undo.primary, undo.secondary, undo.known.connection)
    if undo.snapshot is None:
        return _left(undo, "its snapshot was deleted, so nothing could be restored")
    if primary is None or not wanted.held_by(primary):
        return _left(undo, "the secondary was not at the primary any more when that was linked on")
    account = read(tenant, undo.secondary)
    reason = _against(undo, account, undo.snapshot.account, held=account is None)
    return _left(undo, reason) if reason else Outcome.done("would_undo", primary.identities, undo.primary)


def _rewind(
    tenant: Tenant, undo: Undo, wanted: Wanted, primary: Account, snapshot: Snapshot
) -> Generator[Begin, None, Outcome | None]:
    """Unlink, restore and take back. Returns an outcome only when the unlink came to no good end."""
    again, unlinked = undo.begun, False
    if wanted.held_by(primary):
        name = named_connection(primary, undo.secondary, undo.known.connection)
        end = settle_unlink(tenant, wanted, lambda: tenant.unlink(undo.primary, undo.secondary, name))
        if end.error is not None:
            undo.unsure = end.name == "unknown"
            undo.begun = undo.begun or end.error.retryable  # it was sent, and may be done later
            return end
        unlinked = end.name == "unlinked"
        undo.begun = True
    yield from _restored(tenant, undo, snapshot, again=again, ours=None if unlinked else undo.news().ours)
    undo.left += _take_back(tenant, undo, snapshot)
    return None


def _restored(
    tenant: Tenant, undo: Undo, snapshot: Snapshot, *, again: bool, ours: Known | None
) -> Generator[Begin, None, None]:
    """
    Give an account back what it had, where the undo has begun.

    :param again: whether an earlier try had begun it
    :param ours: of the pair, when another undo at work at once began it
    """
    if not undo.begun or (ours is not None and ours.undone):  # then another has restored it
        return
    restored = undo.known.restored or undo.restored or (ours is not None and ours.restored)
    undo.left += restore_account(
        tenant,
        snapshot,
        undo.primary,
        begun=lambda: again or undo.news().ours is not None,
        restored=restored,
        freed=undo.freed,
    )
    undo.restored = True
    if not restored:
        yield Begin(restored=True)
    restore_rights(tenant, snapshot)


def _against(undo: Undo, account: Account | None, then: Account, *, held: bool) -> str | None:
    """
    Return why nothing must be touched, None when nothing stands against it.

    :param account: read under the secondary's id, of which there may be two, on two connections
    :param then: the secondary in its snapshot
    :param held: whether the primary has its identity
    """
    if account is None:
        return None if held else "the secondary is not at the primary any more: linked elsewhere, or deleted"
    one, other = account.root, then.root
    if held or (one is not None and other is not None and one.connection != other.connection):
        return "an account of another connection bears its id: which of them is meant cannot be told"
    if not undo.begun and undo.known.outcome == LINKED:
        return "somebody unlinked it since"
    return None


def _take_back(tenant: Tenant, undo: Undo, snapshot: Snapshot) -> list[str]:
    """Take what was carried back off the primary, but for what accounts that stay linked brought too."""
    _, left = undo.siblings.take_back(tenant, snapshot.carry)
    theirs = undo.news().gone if left else []
    if theirs:  # what seems changed may be what another undo took back beside this one
        now = tenant.get_user(undo.primary)
        left = replace(undo.siblings, gone=theirs).still_left(snapshot.carry, now, left)
    return [f"{undo.primary}: {path}" for path in left]


def _left(undo: Undo, why: str) -> Outcome:
    """End an undo that cannot be done; one that has begun is not over."""
    if undo.begun:
        half = "The undo has begun, so the account may be emptied: its snapshot is in the journal"
        return Outcome.ended("failed", LinkFailedError(f"{undo}: {why}. {half}"))
    return Outcome("left", reason=f"{undo}: {why}. Nothing was touched")


def _report(left: list[str]) -> str | None:
    return f"changed since and left: {', '.join(left)}" if left else None


def row_of(undo: Undo, outcome: Outcome) -> dict[str, Any]:
    """Return the journal's record of an end."""
    row: dict[str, Any] = {"outcome": outcome.name, "requests": outcome.requests}
    if outcome.reason:
        row["reason"] = outcome.reason
    if undo.left:
        row["left"] = list(undo.left)
    return row
