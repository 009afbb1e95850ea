"""Duplicates found in accounts, and written down as a plan with all that was left out of it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from airflow_provider_auth0link.duplicates import doubts, gains, groups, odd, writing
from airflow_provider_auth0link.duplicates.database import explained, number, opened
from airflow_provider_auth0link.duplicates.reasons import REASONS
from airflow_provider_auth0link.duplicates.records import records_of
from airflow_provider_auth0link.duplicates.search import Search
from airflow_provider_auth0link.duplicates.sources import Source

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MEMORY_LIMIT = "1GB"


class SamplePair(NamedTuple):
    """A pair for a person to look at, with the primary's e-mail, masked."""

    primary_user_id: str
    secondary_user_id: str
    rule: str
    primary_connection: str | None
    secondary_connection: str | None
    email: str | None


@dataclass(frozen=True, slots=True)
class Found:
    """
    What a search found.

    ``accounts`` are records that could be read, repeats left out. ``candidates`` share a key with another.
    ``planned`` are pairs, ``stars`` the accounts that they become. ``per_rule`` counts pairs, ``per_reason``
    accounts. ``gained``: dotted key of app_metadata to the number of primaries that would gain it. ``digest``:
    sha256 of the plan's bytes. ``doubts`` say what was looked for and met nowhere: often a typing error.
    """

    accounts: int
    unreadable: int
    repeats: int
    candidates: int
    planned: int
    stars: int
    per_rule: dict[str, int]
    per_reason: dict[str, int]
    gained: dict[str, int]
    sample: tuple[SamplePair, ...] = field(repr=False)
    digest: str
    doubts: tuple[str, ...] = ()

    @property
    def nothing_read(self) -> bool:
        """Whether there were records, and none was an account: the file may be another than was meant."""
        return self.unreadable > 0 and self.accounts == 0


def find(  # noqa: PLR0913 - what a search needs of the machine, each with a name
    source: Source,
    search: Search,
    *,
    plan: BinaryIO,
    rejects: BinaryIO,
    work: Path,
    memory_limit: str = MEMORY_LIMIT,
    threads: int | None = None,
    told: Callable[[str, float], None] | None = None,
) -> Found:
    """
    Find duplicates and write the plan.

    :param source: where the accounts are
    :param search: what is looked for
    :param plan: takes JSON lines, one pair each
    :param rejects: takes JSON lines: each candidate that is not planned, each record that cannot be read
    :param work: an empty folder, for what does not fit into memory
    :param memory_limit: of DuckDB, such as "1GB". The process itself needs some 200 MB beside it
    :param threads: of DuckDB, by default one for each core
    :param told: is told of each step by name, with the part that is done, 0 to 1
    :raises InputError: when DuckDB is not installed, the file is not there, or a rule's SQL is not taken
    """
    tell = told or _silent
    tell("reading", 0.0)
    records = records_of(source, work)
    with opened(work, memory_limit, threads) as database, explained(memory_limit):
        settled = odd.settle(database, records, search, work)
        tell("comparing", 0.7)
        _decide(database, search, work, tell)
        tell("writing", 0.9)
        with ThreadPoolExecutor(1) as beside:  # lines are written by Python while DuckDB compares
            gained = beside.submit(gains.gained, database.cursor())
            writing.write_rejects(database, search, rejects)
            written = writing.write_plan(database, search, plan)
        found = _found(database, search, settled, written, gained.result())
    tell("done", 1.0)
    return found


def _decide(
    database: DuckDBPyConnection, search: Search, work: Path, tell: Callable[[str, float], None]
) -> None:
    groups.find_candidates(database, search)
    groups.find_groups(database, search)
    tell("choosing", 0.8)
    groups.find_pairs(database, search, work)
    groups.find_rejects(database, search)


def _silent(step: str, part: float) -> None:
    """Tell nobody."""


def _found(
    database: DuckDBPyConnection,
    search: Search,
    settled: odd.Settled,
    written: writing.Written,
    gained: dict[str, int],
) -> Found:
    names = [rule.name for rule in search.rules]
    pairs = dict(database.execute("SELECT rule, count(*) FROM e JOIN g USING (gid) GROUP BY rule").fetchall())
    told = database.execute("SELECT o, count(DISTINCT node) FROM no GROUP BY o ORDER BY o").fetchall()
    candidates = number(database, "SELECT count(DISTINCT node) FROM m")
    return Found(
        accounts=settled.accounts - number(database, "SELECT count(*) FROM twin WHERE line <> node"),
        unreadable=settled.unreadable,
        repeats=settled.repeats,
        candidates=candidates,
        planned=number(database, "SELECT count(*) FROM e"),
        stars=number(database, "SELECT count(DISTINCT star) FROM e"),
        per_rule={name: pairs.get(at, 0) for at, name in enumerate(names)},
        per_reason={REASONS[code - 1]: count for code, count in told},
        gained=gained,
        sample=_sample(database, names, written.first),
        digest=written.digest,
        doubts=(
            *(settled.keyless if settled.accounts else ()),
            *(doubts.absent(database, search) if candidates else ()),
        ),
    )


def _sample(
    database: DuckDBPyConnection, names: list[str], pairs: list[tuple[int, int, int]]
) -> tuple[SamplePair, ...]:
    wanted = [rec for primary, secondary, _ in pairs for rec in (primary, secondary)]
    rows = database.execute(
        "SELECT rec, user_id, connection, email FROM a WHERE list_contains($wanted, rec)", {"wanted": wanted}
    )
    accounts = {rec: told for rec, *told in rows.fetchall()}
    return tuple(
        _sample_pair(names[rule], accounts[primary], accounts[secondary])
        for primary, secondary, rule in pairs
    )


def _sample_pair(rule: str, primary: list[str | None], secondary: list[str | None]) -> SamplePair:
    email = primary[2]
    return SamplePair(
        str(primary[0]), str(secondary[0]), rule, primary[1], secondary[1], masked(email) if email else None
    )


def masked(email: str) -> str:
    """Return an e-mail of which no person can be told: ``a***@e***.com``."""
    local, _, domain = email.rpartition("@")
    host, _, end = domain.rpartition(".")
    return f"{local[:1]}***@{host[:1]}***.{end}" if host else f"{local[:1]}***@***"
