"""What a journal says as a whole: its runs, how its pairs stand, and which of them somebody should look at. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from airflow_provider_auth0link.linking.history import History, Known
from airflow_provider_auth0link.linking.records import SEGMENT, SNAPSHOTS, WRITER
from airflow_provider_auth0link.linking.tries import LEFT, UNDONE
from airflow_provider_auth0link.linking.undoing import is_ours

OPEN, UNDOING, REFUSED, FAILED, UNKNOWN = "open", "undoing", "refused", "failed", "unknown"

STATES = ("linked", "already_linked", UNDONE, LEFT, REFUSED, FAILED, UNKNOWN, OPEN, UNDOING)
"""
How a pair can stand. ``left``: linked, and an undo that was asked for did not touch it. ``open``: a try began, and how
it ended is not written. ``undoing``: an undo began or failed, and is to be run again.
"""

UNFINISHED = (FAILED, UNKNOWN, OPEN, UNDOING)
"""What a further run of the link or of the undo tries again; refused pairs too, but those end nothing that began."""

REHEARSAL = "rehearsal.invalid"
"""The tenant of a rehearsal's journal. No tenant can have this name (RFC 2606), so no run takes it for its own."""

TO_LOOK_AT = frozenset({LEFT, *UNFINISHED})


class Writer(NamedTuple):
    """One try of one task. ``begun`` is ISO 8601, for people; ``map_index`` is -1 where the task is not mapped."""

    begun: str
    command: str
    tried: int
    map_index: int
    plan_digest: str | None
    options: Mapping[str, Any]


class Look(NamedTuple):
    """A pair that somebody should look at."""

    primary_user_id: str
    secondary_user_id: str
    connection_id: str | None
    state: str
    reason: str | None


REHEARSED = {
    "linked": "by a run of this plan with these options",
    "already_linked": "before, as the export tells",
    "refused": "by a guard, the evidence or a limit",
    "failed": "an account is not in the export, or Auth0 would say no",
    "unknown": "the rehearsal was cut short",
    "open": "the rehearsal was cut short",
}
"""What states mean where nothing happened at any tenant."""

WOULD = {"linked": "would be linked", "refused": "would be refused", "failed": "would fail"}
"""How they are called there, where they are called otherwise."""


@dataclass(slots=True)
class Report:
    """
    A journal in numbers.

    ``writers`` are in the order in which they began. ``states`` counts pairs; ``refused`` counts the refused among
    them by the first part of their reason, ``refusals`` names them, ``look`` those to look at. ``restorable``: linked
    pairs that have a snapshot. ``carried``: pairs that are not linked, of which something was carried that an undo
    takes back. ``forgotten``: those of both whose snapshots are gone, so that nothing can be undone.
    """

    tenant: str | None
    writers: tuple[Writer, ...]
    segments: int
    snapshots: int
    states: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    look: list[Look] = field(default_factory=list)
    refusals: list[Look] = field(default_factory=list)
    restorable: int = 0
    carried: int = 0
    forgotten: int = 0

    @property
    def rehearsed(self) -> bool:
        """Whether it is a rehearsal's: nothing happened at any tenant."""
        return self.tenant == REHEARSAL

    @property
    def unfinished(self) -> int:
        """How many pairs a further run may end."""
        return sum(self.states[state] for state in UNFINISHED)

    def to_json(self) -> dict[str, Any]:
        """Return it as one object. A public format."""
        return {
            "tenant": self.tenant,
            "runs": [each._asdict() for each in self.writers],
            "pairs": self.states.total(),
            "states": {state: self.states[state] for state in STATES},
            "refused": dict(self.refused.most_common()),
            "segments": self.segments,
            "snapshots": self.snapshots,
            "restorable": self.restorable,
            "carried": self.carried,
            "forgotten": self.forgotten,
            "look_at": [each._asdict() for each in self.look],
            "refused_pairs": [each._asdict() for each in self.refusals],
        }


def report(history: History, names: Collection[str]) -> Report:
    """
    Sum up a journal.

    :param names: of all files in its folder
    """
    snapshots = {name for name in names if SNAPSHOTS.fullmatch(name)}
    headers = sorted(
        history.headers.items(), key=lambda each: (each[1]["n"], str(each[1].get("at")), each[0])
    )
    told = Report(
        tenant=next((str(each["tenant"]) for _, each in headers if each.get("tenant")), None),
        writers=tuple(_writer(name, header) for name, header in headers),
        segments=sum(SEGMENT.fullmatch(name) is not None for name in names),
        snapshots=len(snapshots),
    )
    for known in history:
        _count(told, known, snapshots)
    for rows in (
        told.refusals,
        told.look,
    ):  # a journal's files come in any order, and only the first are shown
        rows.sort(key=lambda each: (each.primary_user_id, each.secondary_user_id, each.connection_id or ""))
    return told


def state_of(known: Known) -> str:
    """Return how a pair stands."""
    if known.undone:
        return UNDONE
    if known.undoing or (is_ours(known) and known.undo in {FAILED, UNKNOWN}):
        return UNDOING
    if known.done and known.undo == LEFT:
        return LEFT
    return known.outcome if known.outcome in STATES else OPEN


def _count(told: Report, known: Known, snapshots: Collection[str]) -> None:
    state = state_of(known)
    told.states[state] += 1
    primary, secondary, connection_id = known.key
    if state == REFUSED:
        told.refused[(known.reason or "no reason told").partition(":")[0]] += 1
        told.refusals.append(Look(primary, secondary, connection_id or None, state, known.reason))
    if state in TO_LOOK_AT:
        reason = known.undo_reason if state in {LEFT, UNDOING} else known.reason
        told.look.append(Look(primary, secondary, connection_id or None, state, reason))
    if is_ours(known):
        if not any(ref.file in snapshots for ref in known.refs):
            told.forgotten += 1
        elif known.may_be_linked or known.undoing:
            told.restorable += 1
        else:
            told.carried += 1


def _writer(name: str, header: Mapping[str, Any]) -> Writer:
    match = WRITER.fullmatch(name)
    digest, options = header.get("plan_digest"), header.get("options")
    return Writer(
        str(header.get("at") or ""),
        str(header.get("command") or "?"),
        int(match["tried"]) if match else 0,
        int(match["map_index"]) if match else -1,
        str(digest) if digest else None,
        options if isinstance(options, Mapping) else {},
    )
