"""What a rehearsal tells: of the accounts, the requests, and the time that they will take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_auth0link.cli.rehearse.effects import Effects, Primary, effects
from airflow_provider_auth0link.cli.rehearse.ends import End, ends_of
from airflow_provider_auth0link.cli.rehearse.play import Played, play
from airflow_provider_auth0link.cli.rehearse.times import Load, Time, classes, times
from airflow_provider_auth0link.cli.rehearse.world import World, load
from airflow_provider_auth0link.linking.options import METADATA, Options
from airflow_provider_auth0link.linking.plan import Plan
from airflow_provider_auth0link.linking.store import Store
from airflow_provider_auth0link.report.words import kind_of, masked_id, masked_text

Step = Callable[[str, int, int], None]
"""(what is done, done, of how many), while somebody looks on."""

CANNOT = (
    (
        "An export holds no roles, permissions and organizations: the requests that read them are counted, those that "
        "carry them are not."
    ),
    "What changes between the export and the run is not seen: the run looks again and refuses what no longer fits.",
    "Nobody else uses this tenant: logins and other clients draw on the same limits.",
)
"""What no rehearsal can show."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """
    A rehearsal, over.

    ``accounts``: of the export, ``named``: those of them that the plan names. ``reasons``: refused pairs by reason,
    without what it quotes.
    """

    plan_digest: str
    options: Options
    share: float
    accounts: int
    named: int
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    played: Played
    ends: tuple[End, ...]
    effects: Effects
    times: tuple[Time, ...]

    def ended(self, outcome: str) -> list[End]:
        """Return the pairs that ended so."""
        return [each for each in self.ends if each.outcome == outcome]

    @property
    def reasons(self) -> Counter[str]:
        """Refused pairs by reason."""
        return Counter(kind_of(each.reason or "no reason told") for each in self.ended("refused"))

    @property
    def people(self) -> int:
        """How many accounts would be left."""
        return self.accounts - len(self.ended("linked"))

    def to_json(self, *, show_emails: bool) -> dict[str, Any]:
        """Return all of it as one object. A public format."""
        said = {
            "plan_digest": self.plan_digest,
            "options": self.options.to_json(),
            "rate_share": self.share,
            "accounts": self.accounts,
            "named": self.named,
            "people": self.people,
            "problems": list(self.problems),
            **self.played.summary,
            "requests_by_group": dict(classes(self.played.routes).most_common()),
            "requests_by_route": dict(self.played.routes.most_common()),
            "times": [_time(each) for each in self.times],
            "refused_by_reason": dict(self.reasons.most_common()),
            "refused_pairs": [_pair(each) for each in self.ended("refused")],
            "failed_pairs": [_pair(each) for each in self.ended("failed") + self.ended("unknown")],
            "gained": dict(self.effects.gained.most_common()),
            "lost": {why: dict(paths.most_common()) for why, paths in self.effects.lost.items()},
            "primaries": [_primary(each) for each in self.effects.primaries],
            "oversize": [each.user_id for each in self.effects.oversize],
            "warnings": dict(self.played.warnings),
            "notes": [*self.notes, *CANNOT],
        }
        return said if show_emails else masked(said)


def rehearse(
    users: str, plan: Plan, options: Options, store: Store, *, share: float, told: Step | None = None
) -> Rehearsal:
    """
    Rehearse a plan.

    :param users: path of the tenant's own export
    :param store: where the journal is written
    :param share: the ``rate_share`` of the connection that the run will use
    :raises InputError: when the export cannot be read
    :raises Auth0LinkError: what ended the run
    """
    world = load(users, plan, (lambda count: told("reading", count, 0)) if told else None)
    played = play(world, plan, options, store, (lambda done, of: told("linking", done, of)) if told else None)
    ends = ends_of(store)
    found = effects(ends, world.users, world.tenant.state.account, options)
    return Rehearsal(
        plan.digest,
        options,
        share,
        world.accounts,
        len(world.users),
        tuple(world.problems),
        (*_notes(world, plan.planned), *_never_met(options, world)),
        played,
        tuple(ends),
        found,
        tuple(times(load_of(plan, played, share))),
    )


def load_of(plan: Plan, played: Played, share: float) -> Load:
    """Return what a run like this one asks of a tenant."""
    return Load(classes(played.routes), plan.planned, max(plan.sizes(), default=0), share)


def _never_met(options: Options, world: World) -> Iterator[str]:
    """Name what is not to be carried and is met nowhere: often a typing error, and of what grants rights."""
    left = {path for path in options.carry_except if path.partition(".")[0] in METADATA}
    for user in world.users:
        if left:
            left -= {place for kind in METADATA for place in _places(user.get(kind), kind)}
    for path in sorted(left) if world.users else ():
        yield f"carry_except: no account of the plan has anything at {path}"


def _places(value: object, path: str) -> Iterator[str]:
    if value is not None:
        yield path
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _places(inner, f"{path}.{key}")


def _notes(world: World, pairs: int) -> list[str]:
    notes = [
        f"No account of the plan has {name} in this export. If the tenant has it, export it: guards and carry read it."
        for name in world.absent
        if world.users
    ]
    if pairs and not world.users:
        notes = ["No account of the plan is in this export. Are both of the same tenant?"]
    return notes + [
        f"{number} is taken for the connection {name!r}: an export tells names, no ids."
        for number, name in world.connections.items()
    ]


def _time(time: Time) -> dict[str, Any]:
    return {"limits": time.plan, "seconds": round(time.seconds, 1), "bound": time.bound}


def _pair(end: End) -> dict[str, Any]:
    return {
        "primary_user_id": end.primary,
        "secondary_user_id": end.secondary,
        "outcome": end.outcome,
        "reason": end.reason,
    }


def _primary(primary: Primary) -> dict[str, Any]:
    return {
        "primary_user_id": primary.user_id,
        "secondary_user_ids": primary.secondaries,
        "gained": list(primary.gained),
        "lost": list(primary.lost),
        "profile_bytes": primary.size,
    }


def masked(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Mask e-mails in all texts, keys too; ids are told by their pipes."""
    if isinstance(value, dict):
        return {masked(key): masked(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [masked(each) for each in value]
    if not isinstance(value, str):
        return value
    return masked_id(value) if "|" in value and "'" not in value else masked_text(value)
