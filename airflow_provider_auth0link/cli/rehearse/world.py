"""The tenant of a rehearsal: as much of an export as a plan is about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from airflow_provider_auth0link.emulator.accounts import Json, connection_of
from airflow_provider_auth0link.emulator.export import read_export
from airflow_provider_auth0link.emulator.options import Options
from airflow_provider_auth0link.emulator.rate import Limits
from airflow_provider_auth0link.emulator.seeds import Seeds
from airflow_provider_auth0link.emulator.tenant import Setup, Tenant, system_clock
from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.linking.options import METADATA
from airflow_provider_auth0link.linking.plan import Plan
from airflow_provider_auth0link.linking.report import REHEARSAL
from airflow_provider_auth0link.settings import Settings

ENDINGS = (".ndjson", ".jsonl", ".json", ".ndjson.gz", ".jsonl.gz", ".json.gz")
TOLD_EVERY = 10_000
TOLD_BY_ALL = ("email_verified", *METADATA)
"""Fields that guards and carry read, and that an export holds only where it was asked for them."""


@dataclass(slots=True)
class World:
    """
    What a rehearsal begins with.

    ``accounts``: good lines of the export; ``users``: those of them that the plan names, by whom losses are told;
    ``problems``: bad lines; ``absent``: fields that no account of the plan has; ``connections``: ids of the plan's
    connections and the names that they are taken for.
    """

    tenant: Tenant
    users: list[Json]
    accounts: int
    problems: list[str]
    absent: tuple[str, ...]
    connections: dict[str, str]

    @property
    def settings(self) -> Settings:
        """The connection that leads here."""
        return Settings.from_connection(
            host=REHEARSAL, login=self.tenant.tokens.client_id, password=self.tenant.client_secret
        )


@dataclass(slots=True)
class _Sieve:
    """Lets the accounts of a plan through, and notes what connections the others show."""

    wanted: set[str]
    told: Callable[[int], None] | None
    accounts: int = 0
    strategies: dict[str, str] = field(default_factory=dict)

    def keep(self, row: Json) -> bool:
        """Tell whether the plan names an account. ValueError when its metadata are none, as in what was CSV once."""
        for kind in METADATA:
            if not isinstance(row.get(kind) or {}, dict):
                raise ValueError(f"{kind} is no object")  # noqa: TRY004 - the export's one class for a bad line
        self.accounts += 1
        if self.told is not None and not self.accounts % TOLD_EVERY:
            self.told(self.accounts)
        for each in row["identities"]:
            self.strategies.setdefault(each["connection"], each["provider"])
        return row["user_id"] in self.wanted


def check_export(path: str) -> None:
    """
    Refuse what is no users export by its name, or is not there.

    :raises InputError: saying so
    """
    if not path.endswith(ENDINGS):
        raise InputError(f"{path}: is no users export by its name. Taken are {', '.join(ENDINGS)}")
    if not Path(path).is_file():
        raise InputError(f"{path}: is no file of this machine")


def load(path: str, plan: Plan, told: Callable[[int], None] | None = None) -> World:
    """
    Read the accounts that a plan names from an export, and make a tenant of them.

    Accounts that no pair names are counted and left out: nothing that a run asks is answered by them, and so a
    rehearsal's memory follows from its plan.

    :param told: called with the accounts read so far, now and then
    :raises InputError: when the export cannot be read, or holds no user
    """
    sieve = _Sieve(_ids(plan), told)
    try:
        export = read_export(Path(path), sieve.keep)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    if not sieve.accounts:
        raise InputError(f"{path}: is no Auth0 users export (JSON Lines): no line of it is a user")
    setup = Setup(Seeds(tuple(export.users)), Limits(), 0, 0, system_clock)
    tenant = Tenant(f"https://{REHEARSAL}", setup, Options())
    named = _named_connections(plan, export.users)
    for name, strategy in sieve.strategies.items():
        tenant.state.note_connection(name, strategy)
    known = {name: number for number, name in tenant.state.connections.items()}
    for number, name in named.items():
        tenant.state.connections.pop(known[name], None)
        tenant.state.connections[number] = name
    absent = tuple(name for name in TOLD_BY_ALL if not any(name in row for row in export.users))
    return World(tenant, export.users, sieve.accounts, export.problems, absent, named)


def _named_connections(plan: Plan, users: list[Json]) -> dict[str, str]:
    """
    Find out which connections the plan's ids mean: an export tells names only.

    It is the one that most of an id's secondaries are of.
    """
    if not plan.by_connection:
        return {}
    names: dict[str, set[str]] = {}
    for row in users:
        names.setdefault(row["user_id"], set()).add(connection_of(row))
    votes: dict[str, Counter[str]] = {}
    for star in plan.stars():
        for pair in star.pairs:
            if pair.connection_id is not None:
                votes.setdefault(pair.connection_id, Counter()).update(names.get(str(pair.secondary), ()))
    return {number: max(sorted(found), key=found.__getitem__) for number, found in votes.items() if found}


def _ids(plan: Plan) -> set[str]:
    """Return the ids of all accounts that a plan names."""
    ids = set()
    for star in plan.stars():
        ids.add(str(star.primary))
        ids.update(str(pair.secondary) for pair in star.pairs)
    return ids
