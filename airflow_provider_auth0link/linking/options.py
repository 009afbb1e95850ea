"""What a Dag author may choose about a link, checked before anything is sent."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.linking.guards import check_evidence_keys, check_guard

METADATA = ("user_metadata", "app_metadata")
RIGHTS = ("roles", "permissions", "organizations")
CARRIED = METADATA + RIGHTS
SNAPSHOTS = ("full", "metadata")
CONFLICTS = ("primary", "secondary", "fail")


@dataclass(frozen=True, slots=True)
class Options:
    """
    How a pair is linked.

    ``carry``: what of the secondary is saved onto the primary before Auth0 discards it. ``carry_except``:
    dotted paths never carried. ``conflicts``: whose value wins. ``guards``: checked on fresh reads of both.
    ``snapshot``: what of the secondary is written down first, so that undo can restore it: "full" or "metadata";
    None: nothing, there is no journal.
    """

    carry: tuple[str, ...] = METADATA
    carry_except: tuple[str, ...] = ()
    conflicts: str = "primary"
    guards: tuple[str, ...] = ("not_blocked",)
    dry_run: bool = False
    snapshot: str | None = None

    @property
    def metadata(self) -> tuple[str, ...]:
        """The kinds of metadata that are carried."""
        return tuple(kind for kind in self.carry if kind in METADATA)

    @property
    def rights(self) -> tuple[str, ...]:
        """The kinds of rights that are carried."""
        return tuple(kind for kind in self.carry if kind in RIGHTS)

    @property
    def rights_read(self) -> tuple[str, ...]:
        """The kinds of the secondary's rights that are read: all for a full snapshot."""
        return RIGHTS if self.snapshot == "full" else self.rights

    def to_json(self) -> dict[str, Any]:
        """Return them as a journal's header has them."""
        return {
            "carry": list(self.carry),
            "carry_except": list(self.carry_except),
            "conflicts": self.conflicts,
            "guards": list(self.guards),
            "snapshot": self.snapshot,
        }

    @classmethod
    def checked(
        cls,
        *,
        carry: Iterable[str],
        carry_except: Iterable[str],
        conflicts: str,
        guards: Iterable[str],
        dry_run: bool = False,
        snapshot: str | None = None,
    ) -> Options:
        """
        Read the options as a Dag author gave them.

        :raises InputError: naming the argument, what is wrong and what is known
        """
        kinds = _words("carry", carry)
        for kind in kinds:
            _known("carry", kind, CARRIED)
        paths = _words("carry_except", carry_except)
        for path in paths:
            kind = path.partition(".")[0]
            _known("carry_except: the part before the first dot", kind, CARRIED)
            if "" in (path.split(".") if kind in METADATA else path.split(".", 1)):
                raise InputError(f"carry_except: {path!r} is no dotted path, such as 'app_metadata.roles'")
        _known("conflicts", conflicts, CONFLICTS)
        if snapshot is not None:
            _known("snapshot", snapshot, SNAPSHOTS)
        names = _words("guards", guards)
        for name in names:
            check_guard(name)
        return cls(kinds, paths, conflicts, names, dry_run, snapshot)


def checked_evidence(evidence: object) -> Mapping[str, Any]:
    """
    Read the evidence of a plan line: a mapping with keys of a closed list, None for no evidence.

    :raises InputError: for anything else
    """
    if evidence is None:
        return {}
    if not isinstance(evidence, Mapping):
        raise InputError(f"evidence: expected a mapping, got {type(evidence).__name__}")
    check_evidence_keys(evidence)
    with suppress(TypeError, ValueError, RecursionError):  # whose errors may hold what is in it
        json.dumps(dict(evidence))
        return dict(evidence)
    raise InputError("evidence: holds a value that is no JSON")


def _words(argument: str, value: Iterable[str]) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise InputError(f"{argument}: expected a list of names, got {type(value).__name__}")
    words = tuple(value)
    for word in words:
        if not isinstance(word, str):
            raise InputError(f"{argument}: expected names, got {type(word).__name__} among them")
    return words


def _known(argument: str, value: object, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InputError(f"{argument}: {value!r} is not known; known are {list(known)}")
