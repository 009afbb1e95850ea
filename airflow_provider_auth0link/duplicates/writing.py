"""The plan and the rejects as lines: in one order, whatever the threads and the memory were."""

from __future__ import annotations

import json
from hashlib import sha256
from json.encoder import encode_basestring_ascii as _text
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from airflow_provider_auth0link.duplicates import reasons
from airflow_provider_auth0link.duplicates.rules import (
    METADATA_PREFIX,
    Rule,
    SameMetadata,
    VerifiedEmail,
    VerifiedPhone,
)
from airflow_provider_auth0link.duplicates.search import Search

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

BATCH = 20_000

SAMPLE = 20
"""Pairs that are shown to a person."""


class Written(NamedTuple):
    """A plan that was written: the sha256 of its bytes, and its first pairs by the records' numbers and the rule's."""

    digest: str
    first: list[tuple[int, int, int]]


def write_plan(database: DuckDBPyConnection, search: Search, file: BinaryIO) -> Written:
    """Write the pairs, star by star."""
    numbers = " ".join(f"WHEN {at} THEN p.n{at}" for at in range(len(search.rules)))
    rows = database.execute(
        f"SELECT p.user_id, s.user_id, g.rule, g.key, CASE g.rule {numbers} END, p.rec, s.rec "
        "FROM e JOIN a AS t ON e.star = t.rec JOIN a AS p ON e.parent = p.rec JOIN a AS s ON e.secondary = s.rec "
        "JOIN g USING (gid) ORDER BY t.user_id, e.depth, s.user_id"
    )
    digest = sha256()
    names = [json.dumps(rule.name) for rule in search.rules]
    first: list[tuple[int, int, int]] = []
    while batch := rows.fetchmany(BATCH):
        first += [(row[5], row[6], row[2]) for row in batch[: SAMPLE - len(first)]]
        data = "".join(
            f'{{"primary_user_id":{_text(primary)},"secondary_user_id":{_text(secondary)},"rule":{names[rule]}'
            f"{_evidence(search.rules[rule], key, number)}}}\n"
            for primary, secondary, rule, key, number, _, _ in batch
        ).encode()
        digest.update(data)
        file.write(data)
    return Written(digest.hexdigest(), first)


def _evidence(rule: Rule, key: str, number: bool) -> str:  # noqa: FBT001 - a column
    if isinstance(rule, VerifiedEmail) and not (rule.gmail or rule.subaddresses):
        return f',"evidence":{{"email":{_text(key)},"verified":true}}'  # by far the most, so without a detour
    found = evidence_of(rule, key, number=number)
    return f',"evidence":{json.dumps(found, sort_keys=True, separators=(",", ":"))}' if found else ""


def evidence_of(rule: Rule, key: str, *, number: bool) -> dict[str, Any]:
    """Return what a plan line says of both accounts."""
    if isinstance(rule, VerifiedEmail):
        return {"verified": True} if rule.gmail or rule.subaddresses else {"email": key, "verified": True}
    if isinstance(rule, VerifiedPhone):
        return {"phone": key, "verified": True}
    if isinstance(rule, SameMetadata):
        value = {METADATA_PREFIX + rule.path: json.loads(key) if number else key}
        return {**value, "verified": True} if rule.verified else value
    return {"verified": True} if "verified" in rule.evidence else {}


def write_rejects(database: DuckDBPyConnection, search: Search, file: BinaryIO) -> None:
    """Write what cannot be read, then what is not planned, each with why."""
    rows = database.execute("SELECT line, user_id, reason FROM told ORDER BY line")
    while batch := rows.fetchmany(BATCH):
        file.writelines(_told(*row) for row in batch)
    names = [rule.name for rule in search.rules]
    written = (
        "CASE o "
        + " ".join(f"WHEN {code} THEN '{reason}'" for reason, code in reasons.CODES.items())
        + " END"
    )
    groups = (
        "CASE g.rule " + " ".join(f"WHEN {at} THEN $rule{at}" for at in range(len(names))) + " END || g.key"
    )
    rows = database.execute(
        f"SELECT a.user_id, no.rule, {written} AS reason, left(sha256({groups}), 16) AS told, no.n "
        "FROM no JOIN a ON no.node = a.rec JOIN g USING (gid) ORDER BY a.user_id, no.rule, reason, told",
        {f"rule{at}": name for at, name in enumerate(names)},
    )
    quoted = [json.dumps(name) for name in names]
    while batch := rows.fetchmany(BATCH):
        file.write(
            "".join(
                f'{{"user_id":{_text(uid)},"rule":{quoted[rule]},"reason":"{reason}","group":"{group}","accounts":{accounts}}}\n'
                for uid, rule, reason, group, accounts in batch
            ).encode()
        )


def _told(line: int, user_id: str | None, reason: str) -> bytes:
    row = {"line": line, **({"user_id": user_id} if user_id else {}), "reason": reason}
    return json.dumps(row, separators=(",", ":")).encode() + b"\n"
