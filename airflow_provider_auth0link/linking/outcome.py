"""What became of a pair, as a value."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from airflow_provider_auth0link.errors import Auth0LinkError
from airflow_provider_auth0link.linking.records import CARRIED
from airflow_provider_auth0link.linking.words import pair_named
from airflow_provider_auth0link.model import Account, Identity, Pair, UserId, root_first


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    The truth about one pair.

    ``name``: linked, already_linked, would_link, refused, failed or unknown; of an unlink: unlinked,
    not_linked, would_unlink, failed or unknown. ``error`` is there for refused, failed and unknown.
    ``warnings`` are for the log and hold no personal data. ``tried``: a lost try of ours may still be applied.
    ``answered``: Auth0 said so to this try; else it was found by looking, and may be another's.
    ``open``: something of it stands at the primary, for a later try or an undo to take up.
    ``standing``: what was carried stands there, and the link was surely not made. ``taken_back``: what was carried, by
    earlier tries too, was taken off again.
    """

    name: str
    reason: str | None = None
    identities: tuple[Identity, ...] = ()
    carried: tuple[str, ...] = ()
    error: Auth0LinkError | None = None
    warnings: tuple[str, ...] = ()
    tried: bool = field(default=False, compare=False)
    open: bool = field(default=False, compare=False)
    standing: bool = field(default=False, compare=False)
    taken_back: bool = field(default=False, compare=False)
    answered: bool = field(default=False, compare=False)
    requests: int = field(default=0, compare=False)

    @classmethod
    def done(
        cls,
        name: str,
        identities: list[Identity] | tuple[Identity, ...],
        primary: UserId,
        **more: Any,  # noqa: ANN401 - fields of this class
    ) -> Outcome:
        """Build a good end, with the primary's identities as they are now."""
        return cls(name, identities=tuple(root_first(identities, primary)), **more)

    @classmethod
    def ended(
        cls,
        name: str,
        error: Auth0LinkError,
        seen: Account | None = None,
        **more: Any,  # noqa: ANN401 - fields of this class
    ) -> Outcome:
        """Build an end that is no success: refused, failed or unknown."""
        identities = tuple(root_first(seen.identities, seen.id)) if seen else ()
        return cls(name, reason=str(error), identities=identities, error=error, **more)

    def to_xcom(self, primary: UserId, secondary: UserId) -> dict[str, Any]:
        """Return the row of the XCom ``link``. A public format."""
        row: dict[str, Any] = {"outcome": self.name}
        if self.reason:
            row["reason"] = self.reason
        return {
            **row,
            "primary_user_id": str(primary),
            "secondary_user_id": str(secondary),
            "carried": list(self.carried),
            "requests": self.requests,
        }

    @property
    def may_pass(self) -> bool:
        """Whether it failed in a way that a further try may not."""
        return self.error is not None and self.error.retryable

    def to_record(self) -> dict[str, Any]:
        """Return what a journal's record of this end says, beside the pair."""
        row: dict[str, Any] = {"outcome": self.name}
        if self.reason:
            row["reason"] = self.reason
        if self.carried:
            row["carried"] = list(self.carried)
        if self.warnings:
            row["warnings"] = list(self.warnings)
        if self.tried or self.open:
            row["open"] = True
        elif self.standing:
            row["open"] = CARRIED
        if self.taken_back:
            row["taken_back"] = True
        return {**row, "requests": self.requests}

    def with_(
        self,
        **changes: Any,  # noqa: ANN401 - fields of this class
    ) -> Outcome:
        """Return a copy with some fields changed."""
        return replace(self, **changes)


def names(pair: Pair) -> str:
    """Name a pair in a message."""
    return pair_named(pair.secondary, pair.primary)
