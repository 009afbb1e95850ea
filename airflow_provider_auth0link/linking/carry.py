"""What is saved of the secondary onto the primary, and taken back when the link is refused after all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from airflow_provider_auth0link.errors import AmbiguousError, LinkDelayedError, LinkFailedError
from airflow_provider_auth0link.linking.merge import Merge, crosses_profile_limit, merge, same
from airflow_provider_auth0link.linking.options import METADATA, Options
from airflow_provider_auth0link.linking.rewind import Stays, taken_back
from airflow_provider_auth0link.linking.rights import Gain, gained, give, over_limit, take
from airflow_provider_auth0link.linking.tenant import Tenant
from airflow_provider_auth0link.model import Account, Rights, UserId


@dataclass(frozen=True, slots=True)
class Change:
    """What one reading of both accounts says is to be carried."""

    merge: Merge
    gain: Gain

    @property
    def paths(self) -> list[str]:
        """Everything that the primary gains or that changes, by path."""
        return [*self.merge.carried, *self.gain.paths]


def computed(
    primary: Account,
    secondary: Account,
    options: Options,
    rights: tuple[Rights, Rights] = (Rights(), Rights()),
) -> Change:
    """
    Compute what these options carry.

    :param rights: the primary's and the secondary's
    :raises LinkFailedError: when users have nested their metadata too deep for this Python
    """
    with suppress(RecursionError):
        return Change(
            merge(
                primary,
                secondary,
                carry=options.metadata,
                carry_except=options.carry_except,
                conflicts=options.conflicts,
            ),
            gained(*rights, options.rights, options.carry_except),
        )
    raise LinkFailedError("the metadata is nested too deep to be carried. Leave it out of carry")


def against(change: Change, primary: Account, rights: Rights, options: Options) -> str | None:
    """Return why this must not be carried: conflicts, where they are to fail, and Auth0's limits."""
    if options.conflicts == "fail" and change.merge.conflicts:
        return f"conflicts: both accounts have a value at {', '.join(change.merge.conflicts[:10])}"
    if crosses_profile_limit(primary, change.merge.body):
        return "limit: with what is carried the primary's profile would cross Auth0's 10 KB"
    return over_limit(rights, change.gain)


@dataclass(slots=True)
class Carry:
    """
    What was written onto the primary so far, and what stood in its place before.

    It may be written in several rounds, since readings grow old, and by several tries of a task: the journal
    keeps it between them. ``before`` and ``body`` are by kind of metadata and first-level key.
    """

    primary: UserId
    before: dict[str, dict[str, Any]] = field(default_factory=dict)
    body: dict[str, dict[str, Any]] = field(default_factory=dict)
    gain: Gain = field(default_factory=Gain)
    paths: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.body or self.gain)

    def note(self, change: Change, reading: Account) -> None:
        """Note what is about to be written over *reading*. What others changed meanwhile is theirs: it stays."""
        for kind, written in change.merge.body.items():
            stands = reading.metadata(kind)
            self._note_kind(kind, written, {key: stands.get(key) for key in written})
        self.gain.add(change.gain)
        self.paths += [path for path in change.paths if path not in self.paths]

    def _note_kind(self, kind: str, written: Mapping[str, Any], stands: Mapping[str, Any]) -> None:
        ours, then = self.body.setdefault(kind, {}), self.before.setdefault(kind, {})
        for key, value in written.items():
            if key not in ours or not same(stands.get(key), ours[key]):
                then[key] = stands.get(key)
            ours[key] = value

    def then(self, later: Carry) -> None:
        """Take in what a later try wrote. The first view of the primary stands, unless others changed it since."""
        for kind, written in later.body.items():
            self._note_kind(kind, written, later.before.get(kind, {}))
        self.gain.add(later.gain)
        self.paths += [path for path in later.paths if path not in self.paths]

    def write(self, tenant: Tenant, change: Change) -> None:
        """
        Write onto the primary what was noted: metadata, then roles, permissions, organizations.

        :raises LinkDelayedError: when an answer was lost: read the primary, and note what is still missing
        """
        if change.merge.body:
            if "app_metadata" in change.merge.body:
                tenant.require("update:users_app_metadata")
            try:
                tenant.update_user(self.primary, change.merge.body)
            except AmbiguousError as error:
                raise LinkDelayedError(f"not linked: the metadata could not be carried. {error}") from None
        give(tenant, self.primary, change.gain)

    def take_back(self, tenant: Tenant, others: Iterable[Brought] = ()) -> tuple[bool, list[str]]:
        """
        Take it off the primary again.

        :param others: what other accounts that stay linked brought too: that stays
        :return: whether there was something to take, and the paths that somebody changed since, which are left
        :raises LinkDelayedError: when no answer came in the time given
        """
        kept = list(others)
        attempt = 0
        left: list[str] = []
        taken = False
        while self.body:
            attempt += 1
            now = tenant.get_user(self.primary)
            held = {kind: now.metadata(kind) for kind in METADATA}
            body, left = taken_back(self.before, held, self.body, _any(kept))
            if not body:
                break
            taken = True
            try:
                tenant.update_user(self.primary, body)
            except AmbiguousError:
                if not tenant.rest(attempt):
                    raise
            else:
                break
        rights, more = take(tenant, self.primary, _without(self.gain, kept))
        return taken or rights, left + more

    def still_left(self, now: Account, others: Iterable[Brought], left: Iterable[str]) -> list[str]:
        """Return which of the paths left are left on this reading too."""
        held = {kind: now.metadata(kind) for kind in METADATA}
        _, changed = taken_back(self.before, held, self.body, _any(list(others)))
        return [path for path in left if path in changed or path.partition(".")[0] not in METADATA]

    def without(self, gone: Carry) -> Carry:
        """Return this as it would be had *gone*, which was written before, never been: what stood here was its."""
        body, _ = taken_back(gone.before, self.before, gone.body)
        before = {kind: {**keys, **body.get(kind, {})} for kind, keys in self.before.items()}
        return Carry(self.primary, before, self.body, self.gain, self.paths)

    def to_json(self) -> dict[str, Any]:
        """Return it for a snapshot."""
        return {"before": self.before, "body": self.body, "gain": self.gain.to_json(), "paths": self.paths}

    @classmethod
    def from_json(cls, primary: UserId, row: Mapping[str, Any]) -> Carry:
        """Read it from a snapshot."""
        return cls(
            primary,
            {kind: dict(keys) for kind, keys in row.get("before", {}).items()},
            {kind: dict(keys) for kind, keys in row.get("body", {}).items()},
            Gain.from_json(row.get("gain", {})),
            list(row.get("paths", ())),
        )


@dataclass(frozen=True, slots=True)
class Brought:
    """What an account brought to its primary: whether a value is among its metadata, and its rights."""

    stays: Stays
    rights: Rights


@dataclass(frozen=True, slots=True)
class Siblings:
    """
    What a primary's other accounts have to do with the carry of one that is taken back.

    ``others`` is what those brought that stay linked: it stays. ``gone`` was carried of those that were taken back
    themselves since this one was carried, and carried before it; the last one first. What stood there was theirs, and
    what this one brought as well was left for it. ``brought`` is what this one brought.
    """

    others: list[Brought] = field(default_factory=list)
    gone: list[Carry] = field(default_factory=list)
    brought: Brought | None = None

    def take_back(self, tenant: Tenant, carry: Carry) -> tuple[bool, list[str]]:
        """
        Take a carry off the primary, and what was left there for it.

        :return: as of ``Carry.take_back``
        """
        own, *gone = _as_had_gone_never_been([carry, *self.gone])
        taken, left = own.take_back(tenant, self.others) if own else (False, [])
        if self.brought is None:
            return taken, left
        for each in gone:
            shared = _shared(each, self.brought.rights)
            if shared:
                more, _ = shared.take_back(tenant, [*self.others, _but(self.brought)])
                taken = taken or more
        return taken, left

    def still_left(self, carry: Carry, now: Account, left: Iterable[str]) -> list[str]:
        """Return which of the paths left are left on this reading too."""
        own, *_ = _as_had_gone_never_been([carry, *self.gone])
        return own.still_left(now, self.others, left)


def _as_had_gone_never_been(carries: list[Carry]) -> list[Carry]:
    """Return each as it would be without those after it, which were written before it. The last one comes first."""
    return [reduce(Carry.without, carries[number + 1 :], carry) for number, carry in enumerate(carries)]


def _shared(carry: Carry, mine: Rights) -> Carry:
    """Return what was carried of an account that is gone, as far as this one brought it too."""
    gain = Gain(
        carry.gain.roles & mine.roles,
        carry.gain.permissions & mine.permissions,
        carry.gain.joined & mine.organizations.keys(),
        {
            org: roles & mine.organizations.get(org, frozenset())
            for org, roles in carry.gain.member_roles.items()
            if roles & mine.organizations.get(org, frozenset())
        },
    )
    return Carry(carry.primary, carry.before, carry.body, gain)


def _but(brought: Brought) -> Brought:
    """Let stay what this account did not bring."""
    return Brought(lambda path, value: not brought.stays(path, value), Rights())


def _any(others: list[Brought]) -> Stays:
    return lambda path, value: any(each.stays(path, value) for each in others)


def _without(gain: Gain, others: list[Brought]) -> Gain:
    """Leave out what others brought too."""
    rest = Gain.from_json(gain.to_json())
    for each in others:
        rest.roles -= each.rights.roles
        rest.permissions -= each.rights.permissions
        rest.joined -= each.rights.organizations.keys()
        for org, roles in each.rights.organizations.items():
            rest.member_roles.get(org, set()).difference_update(roles)
    rest.member_roles = {org: roles for org, roles in rest.member_roles.items() if roles}
    return rest
