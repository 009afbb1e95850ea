"""
Settle, do not repeat.

A link cannot be taken back by repeating it, and an answer can get lost on its way. So after every answer that
does not decide, the accounts are read, and what they show is the outcome:

==========================================  ==========================================================
answer to the POST                          then
==========================================  ==========================================================
2xx, readable                               linked
timeout, reset, 5xx, unreadable 2xx         identity at the primary: linked. Secondary alive: repeat, while
                                            there is time. Gone: failed
409, 400 "same identity"                    identity at the primary: already linked, or linked when an earlier
                                            try of ours may have done it. Else one repeat, then failed
404, 400 about a missing account            the same look, and which of the two is missing; never a repeat
the look fails too                          unknown
==========================================  ==========================================================

Auth0's pages do not say which of 400, 404 and 409 a repeated link gets, so all of them are looked into.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from airflow_provider_auth0link.errors import (
    AmbiguousError,
    Auth0LinkError,
    ConflictError,
    LinkDelayedError,
    LinkFailedError,
    MissingAccountError,
    OutcomeUnknownError,
    SameIdentityError,
)
from airflow_provider_auth0link.linking.outcome import Outcome
from airflow_provider_auth0link.linking.tenant import Tenant
from airflow_provider_auth0link.linking.words import pair_named
from airflow_provider_auth0link.model import Account, Identity, UserId


@dataclass(frozen=True, slots=True)
class Wanted:
    """The link to look for. ``connection`` is the name of the secondary's, None when it is not known."""

    primary: UserId
    secondary: UserId
    connection: str | None = None

    def __str__(self) -> str:
        return pair_named(self.secondary, self.primary)

    def among(self, identities: Iterable[Identity]) -> bool:
        """Tell whether the secondary's identity is one of these."""
        return any(
            each.is_root_of(self.secondary) and self.connection in {None, each.connection}
            for each in identities
        )

    def held_by(self, account: Account) -> bool:
        """Tell whether the account read is the primary with the secondary's identity linked to it."""
        return account.holds(self.secondary, self.connection) is not None


@dataclass(frozen=True, slots=True)
class Look:
    """What a reading of both accounts showed. None: not there."""

    primary: Account | None
    linked: bool = False
    secondary: Account | None = None


DATABASE = "auth0"
"""The one provider whose ids several connections may share: those of databases."""


def look(tenant: Tenant, wanted: Wanted, *, tried: bool = False) -> Look:
    """
    Read the primary, then the secondary, until the two readings fit together.

    :param tried: a try of ours may have linked it: then an identity at the primary is taken for that one

    Where the connection is not known, an identity of the same id may be another database's. The account itself
    tells: it is gone when it was linked.

    A link that is still under way may be applied between the two: then the secondary is gone though the
    primary did not show it yet. So a secondary that is gone sends the eye back to the primary once more.
    """
    primary = read(tenant, wanted.primary)
    if primary is None:
        return Look(None, secondary=read(tenant, wanted.secondary))
    held = primary.holds(wanted.secondary, wanted.connection)
    unsure = wanted.connection is None and wanted.secondary.provider == DATABASE and not tried
    if held is not None and not unsure:
        return Look(primary, linked=True)
    secondary = read(tenant, wanted.secondary)
    if held is not None and (secondary is None or secondary.root is None or _is_of(held, secondary.root)):
        return Look(primary, linked=True)
    if secondary is None:
        primary = read(tenant, wanted.primary)
        if primary is not None and wanted.held_by(primary):
            return Look(primary, linked=True)
    return Look(primary, secondary=secondary)


def _is_of(one: Identity, other: Identity) -> bool:
    return one.connection == other.connection


def read(tenant: Tenant, user_id: UserId) -> Account | None:
    """Read an account, None when it is not there."""
    try:
        return tenant.get_user(user_id)
    except MissingAccountError:
        return None


def settle_link(
    tenant: Tenant, wanted: Wanted, post: Callable[[], list[Identity]], *, tried_before: bool = False
) -> Outcome:
    """
    Link, and find out what became of it.

    :param post: sends the link once
    :param tried_before: an earlier try, of which only the intent is known, may have done it
    :return: linked, already_linked, failed or unknown
    """
    maybe_done = tried_before
    conflicts = 0
    attempt = 0
    while True:
        attempt += 1
        try:
            return _done(post(), wanted)
        except Auth0LinkError as error:
            answer = error
        maybe_done = maybe_done or isinstance(answer, AmbiguousError)
        conflicts += isinstance(answer, ConflictError | SameIdentityError)
        if not maybe_done and not _asks_for_a_look(answer):
            return Outcome.ended("failed", answer)
        try:
            seen = look(tenant, wanted, tried=maybe_done)
        except Auth0LinkError as error:
            return Outcome.ended("unknown", _unknown(wanted, answer, error), tried=maybe_done)
        if seen.primary is not None and seen.linked:
            name = "linked" if maybe_done else "already_linked"
            return Outcome.done(name, seen.primary.identities, wanted.primary)
        failure = _failure(wanted, seen, answer, conflicts)
        if failure is None and not tenant.rest(attempt):
            failure = LinkDelayedError(f"{wanted}: not linked within the time given. Last: {answer}")
        if failure is not None:
            return Outcome.ended("failed", failure, seen.primary, tried=maybe_done)


def _done(identities: list[Identity], wanted: Wanted) -> Outcome:
    """
    Take an answer for one to this link only when the secondary's identity stands in it.

    :raises AmbiguousError: when it does not: then the accounts are looked at
    """
    if wanted.among(identities):
        return Outcome.done("linked", identities, wanted.primary, answered=True)
    others = sorted({each.connection for each in identities if each.is_root_of(wanted.secondary)})
    if others:  # two accounts under one id: a repeat would link the second one too
        stranger = LinkFailedError(
            f"{wanted}: Auth0 linked the account of connection {', '.join(others)}, not the one of "
            f"{wanted.connection} that was read. Look at both, and give connection_id"
        )
        return Outcome("failed", reason=str(stranger), identities=tuple(identities), error=stranger)
    raise AmbiguousError("Auth0 answered that it is done, but with identities that lack the secondary's")


def _asks_for_a_look(answer: Auth0LinkError) -> bool:
    return isinstance(answer, AmbiguousError | ConflictError | SameIdentityError | MissingAccountError)


def _failure(wanted: Wanted, seen: Look, answer: Auth0LinkError, conflicts: int) -> Auth0LinkError | None:
    """Return why the pair is not linked and will not be; None when the link may be repeated."""
    if seen.primary is None:
        return LinkFailedError(f"{wanted}: the primary account is not there. Deleted, or linked elsewhere?")
    if seen.secondary is None:
        return LinkFailedError(f"{wanted}: the secondary account is not there: linked elsewhere or deleted")
    if isinstance(answer, AmbiguousError):
        return None
    if isinstance(answer, ConflictError | SameIdentityError):
        return (
            None if conflicts == 1 else LinkFailedError(f"{wanted}: conflict. {answer}, yet both are there")
        )
    if isinstance(answer, MissingAccountError):
        shared = ". Do two share the id? Give connection_id" if wanted.secondary.provider == DATABASE else ""
        return LinkFailedError(f"{wanted}: {answer}, yet both accounts are there{shared}")
    return answer


def _unknown(wanted: Wanted, answer: Auth0LinkError, reading: Auth0LinkError) -> OutcomeUnknownError:
    return OutcomeUnknownError(
        f"{wanted}: whether they are linked is unknown. The link: {answer}. The reading after it: {reading}. "
        "Look at both accounts"
    )


def not_arrived(
    tenant: Tenant, primary: UserId, secondary: Account, identities: tuple[Identity, ...]
) -> tuple[str, ...]:
    """Say how many of the secondary's identities the primary has not, after one more look."""
    if not _missing(secondary, identities):
        return ()
    with suppress(Auth0LinkError):
        holder = read(tenant, primary)
        identities += holder.identities if holder else ()
    gone = len(_missing(secondary, identities))
    return (f"{gone} of the secondary's identities did not arrive at the primary",) if gone else ()


def _missing(secondary: Account, identities: tuple[Identity, ...]) -> set[tuple[str, str, str]]:
    there = {(each.provider, each.user_id, each.connection) for each in identities}
    return {(each.provider, each.user_id, each.connection) for each in secondary.identities} - there


def settle_unlink(
    tenant: Tenant, wanted: Wanted, delete: Callable[[], list[Identity]], *, tried_before: bool = False
) -> Outcome:
    """
    Unlink, and find out what became of it.

    :param delete: sends the unlink once
    :return: unlinked, not_linked, failed or unknown
    """
    maybe_done = tried_before
    attempt = 0
    while True:
        attempt += 1
        try:
            return Outcome.done("unlinked", delete(), wanted.primary)
        except Auth0LinkError as error:
            answer = error
        maybe_done = maybe_done or isinstance(answer, AmbiguousError)
        if not maybe_done and not answer_may_mean_absent(answer):
            return Outcome.ended("failed", answer)
        try:
            primary = read(tenant, wanted.primary)
        except Auth0LinkError as error:
            return Outcome.ended("unknown", _unknown_unlink(wanted, answer, error))
        if primary is None:
            gone = LinkFailedError(
                f"{wanted}: the primary account is not there. Deleted, or linked elsewhere?"
            )
            return Outcome.ended("failed", gone)
        if not wanted.held_by(primary):
            name = "unlinked" if maybe_done else "not_linked"
            return Outcome.done(name, primary.identities, wanted.primary)
        if not isinstance(answer, AmbiguousError):
            return Outcome.ended("failed", answer, primary)
        if not tenant.rest(attempt):
            late = LinkDelayedError(f"{wanted}: not unlinked within the time given. Last: {answer}")
            return Outcome.ended("failed", late, primary)


def answer_may_mean_absent(answer: Auth0LinkError) -> bool:
    """Auth0 documents no answer for an identity that is not linked: any 400 or 404 may be it."""
    from airflow_provider_auth0link.errors import BadRequestError

    return isinstance(answer, BadRequestError | AmbiguousError | ConflictError)


def _unknown_unlink(wanted: Wanted, answer: Auth0LinkError, reading: Auth0LinkError) -> OutcomeUnknownError:
    return OutcomeUnknownError(
        f"{wanted}: whether they are unlinked is unknown. The unlink: {answer}. The reading after it: {reading}. "
        "Look at the primary account"
    )
