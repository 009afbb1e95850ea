"""
From accounts to pairs, in SQL on the staged table: who shares a key, who of them may be planned, who stays.

Tables: ``l`` identities that other accounts hold, ``m`` accounts by rule and key that they share, with why one is left
out (``o``, 0 for not), ``g`` the keys with how many share them (``n``) and may be planned (``free``), ``j`` those who
are joined, ``e`` the pairs, ``large`` and ``alone`` those whom the keys joined in vain.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_auth0link.duplicates import reasons
from airflow_provider_auth0link.duplicates.components import Joined, Solved, solve
from airflow_provider_auth0link.duplicates.records import iter_rows
from airflow_provider_auth0link.duplicates.search import Search
from airflow_provider_auth0link.duplicates.sources import one_file
from airflow_provider_auth0link.duplicates.staging import (
    IDENTITIES,
    order_sql,
)
from airflow_provider_auth0link.duplicates.words import names_sql, words_of

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

CODES = reasons.CODES
IDS = f"from_json(identities, '{IDENTITIES}')"


def find_candidates(database: DuckDBPyConnection, search: Search) -> None:
    """Find who has a key, and who of them may not be planned."""
    rules = range(len(search.rules))
    database.execute(
        "CREATE TABLE l AS SELECT user_id, i.provider || '|' || i.user_id AS held, "
        "nullif(i.connection, '') AS connection "
        f"FROM (SELECT user_id, unnest({IDS}) AS i FROM a WHERE identities IS NOT NULL) "
        "WHERE i.provider || '|' || i.user_id <> user_id"
    )
    database.execute(
        "CREATE TABLE x AS SELECT DISTINCT a.rec FROM a JOIN l ON a.user_id = l.held AND l.user_id <> a.user_id "
        "AND (l.connection = a.connection OR l.connection IS NULL OR a.connection IS NULL)"
    )
    database.execute("CREATE TABLE keyed AS " + " UNION ALL ".join(_keyed(search, at) for at in rules))


def _keyed(search: Search, at: int) -> str:
    """Return who has a key of a rule, and why one may not be planned under it."""
    words = words_of(search.rules[at])
    allowed = ""
    if search.connections is not None:
        names = names_sql(search.connections)
        allowed = (
            f"WHEN NOT coalesce(connection IN {names}, false) THEN {CODES[reasons.CONNECTION_NOT_ALLOWED]} "
        )
    unproven = ""
    if words.unproven:
        names = names_sql(words.unproven)
        unproven = f"WHEN split_part(user_id, '|', 1) IN {names} THEN {CODES[reasons.UNPROVEN_PROVIDER]} "
    return (
        f"SELECT node, {at} AS rule, k{at} AS key, any_value(CASE WHEN twin > 0 THEN twin "
        f"WHEN rec IN (SELECT rec FROM x) THEN {CODES[reasons.ALREADY_LINKED]} "
        f"WHEN blocked THEN {CODES[reasons.BLOCKED]} {allowed}"
        f"WHEN NOT p{at} THEN {CODES[reasons.UNVERIFIED]} {unproven}ELSE 0 END) AS o "
        f"FROM a WHERE k{at} IS NOT NULL GROUP BY node, k{at}"
    )


def find_groups(database: DuckDBPyConnection, search: Search) -> None:
    """Find the keys that accounts share, and who is joined by them."""
    database.execute(
        "CREATE TABLE g AS SELECT row_number() OVER () AS gid, * FROM (SELECT rule, key, count(*) AS n, "
        "count(*) FILTER (WHERE o = 0) AS free FROM keyed GROUP BY rule, key HAVING count(*) > 1)"
    )
    database.execute(
        "CREATE TABLE m AS SELECT node, gid, rule, o, n, free FROM keyed JOIN g USING (rule, key)"
    )
    database.execute(
        "CREATE TABLE j AS SELECT m.node, gid, rule, r.rank, r.enterprise FROM m JOIN (SELECT rec AS node, enterprise, "
        f"row_number() OVER (ORDER BY {order_sql(search)}) AS rank FROM a) AS r USING (node) "
        f"WHERE o = 0 AND n <= {search.max_group} AND free > 1"
    )


def find_pairs(database: DuckDBPyConnection, search: Search, work: Path) -> None:
    """Decide who stays and who is merged into whom."""
    stays = "false" if search.enterprise_secondaries else "enterprise"
    database.execute(
        "CREATE TABLE hard AS SELECT DISTINCT gid FROM (SELECT gid, "
        "count(*) OVER (PARTITION BY node) > 1 OR (rank > min(rank) OVER (PARTITION BY gid) "
        f"AND {stays}) AS hard FROM j) WHERE hard"
    )
    database.execute(
        "CREATE TABLE e AS SELECT star, 1 AS depth, star AS parent, node AS secondary, gid FROM "
        "(SELECT node, gid, arg_min(node, rank) OVER (PARTITION BY gid) AS star "
        "FROM j ANTI JOIN hard USING (gid)) WHERE node <> star"
    )
    solved = _solved(database, search)
    for name, rows in (("large", solved.too_large), ("alone", solved.alone)):
        _load(database, work / name, name, ("node",), [(each,) for each in rows])
    _load(database, work / "edges", "e", ("star", "depth", "parent", "secondary", "gid"), solved.edges)


def _solved(database: DuckDBPyConnection, search: Search) -> Solved:
    """Have the knots untied that SQL leaves: several keys at once, enterprise accounts."""
    groups: dict[int, Joined] = {}
    ranks: dict[int, int] = {}
    enterprise: set[int] = set()
    rows = database.execute(
        "SELECT gid, any_value(rule), list(node ORDER BY rank), list(rank ORDER BY rank), "
        "list(enterprise ORDER BY rank) FROM j SEMI JOIN hard USING (gid) GROUP BY gid ORDER BY gid"
    )
    for gid, rule, accounts, places, kinds in iter_rows(rows):
        groups[gid] = Joined(rule, tuple(accounts))
        ranks.update(zip(accounts, places, strict=True))
        if not search.enterprise_secondaries:
            enterprise.update(account for account, is_one in zip(accounts, kinds, strict=True) if is_one)
    return solve(groups, enterprise, ranks, search.max_group)


def _load(
    database: DuckDBPyConnection,
    path: Path,
    table: str,
    columns: tuple[str, ...],
    rows: Sequence[tuple[int, ...]],
) -> None:
    """Append rows of whole numbers to a table."""
    names = ", ".join(f"{name} BIGINT" for name in columns)
    database.execute(f"CREATE TABLE IF NOT EXISTS {table} ({names})")
    if rows:
        path.write_text("".join(",".join(map(str, row)) + "\n" for row in rows))
        kinds = ", ".join(f"'{name}': 'BIGINT'" for name in columns)
        database.execute(
            f"INSERT INTO {table} SELECT * FROM read_csv($path, header = false, auto_detect = false, "
            f"columns = {{{kinds}}})",
            {"path": one_file(path)},
        )


def find_rejects(database: DuckDBPyConnection, search: Search) -> None:
    """Say of each candidate, rule by rule, why it is not planned, in the table ``no``."""
    enterprise = CODES[reasons.ENTERPRISE_SECONDARY]
    database.execute("CREATE TABLE planned AS SELECT DISTINCT unnest([star, secondary]) AS node FROM e")
    database.execute(
        "CREATE TABLE no AS SELECT * FROM (SELECT node, gid, rule, n, CASE WHEN o > 0 THEN o "
        f"WHEN n > {search.max_group} OR (free > 1 AND node IN (SELECT node FROM large)) "
        f"THEN {CODES[reasons.GROUP_TOO_LARGE]} "
        "WHEN node IN (SELECT node FROM planned) THEN 0 "
        f"WHEN free < 2 THEN {CODES[reasons.NOBODY_LEFT]} "
        f"WHEN node IN (SELECT rec FROM a WHERE enterprise) THEN {enterprise} ELSE {CODES[reasons.CUT_OFF]} END AS o "
        "FROM m) WHERE o > 0"
    )
