"""
Find one person's accounts though nothing in them is the same: names, phones and e-mails with typos, by Splink.

Splink (``pip install "splink>=5"``) learns from the export itself how telling each agreement is, and gives each pair of
accounts a probability. From the parameter ``threshold`` on a pair is planned, if both e-mails are verified and neither
account is blocked or an enterprise one. Between ``review_from`` and the threshold, and wherever something stands
against a likely pair, a person decides. In ``AUTH0LINK_FOLDER``, a folder that all workers reach, lie then

- ``splink-<run>.jsonl``, the plan that the next task looks at, and links when ``dry_run`` is off;
- ``splink-<run>-review.jsonl``, the pairs for a person, in the plan's own format: delete the lines of those who are
  two, and give the rest to an operator as its ``plan_path``. An account that still has two primaries is refused there;
- ``splink-<run>-scores.csv``, each pair's probability, what became of it, and why.

The export has to name ``given_name`` and ``family_name`` or ``name``, ``phone_number``, ``email``, ``email_verified``,
``blocked``, ``identities``, ``logins_count`` and ``created_at``.
"""

from __future__ import annotations

import csv
import json
import os
from collections import defaultdict
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pendulum
from airflow.providers.common.compat.sdk import (
    AirflowFailException,
    Param,
    dag,
    get_current_context,
    task,
)

from airflow_provider_auth0link.operators.batch import LinkIdentitiesOperator

FOLDER = os.environ.get("AUTH0LINK_FOLDER", str(Path("auth0link").absolute()))
LEAST_ACCOUNTS = 200
LEARNED_FROM = (("phone",), ("family_name", "given_name"))  # by pairs that share these, all of them
MOST_TOGETHER = 5
PLANNED, SETTLED = "planned", "settled by other pairs"

COLUMNS = {
    **dict.fromkeys(("user_id", "email", "phone_number", "name", "given_name", "family_name"), "VARCHAR"),
    **dict.fromkeys(("email_verified", "blocked"), "BOOLEAN"),
    "logins_count": "BIGINT",
    "created_at": "VARCHAR",
    "identities": "STRUCT(provider VARCHAR, user_id VARCHAR)[]",
}
# What is compared, in letters that providers spell alike; and why an account may not be planned.
ACCOUNTS = """
    WITH linked AS (
        SELECT user_id AS holder, unnest(identities) AS identity FROM export
    )
    SELECT user_id, lower(trim(email)) AS email, lower(split_part(trim(email), '@', 1)) AS mailbox,
           nullif(lower(strip_accents(coalesce(given_name, split_part(name, ' ', 1)))), '') AS given_name,
           nullif(lower(strip_accents(coalesce(family_name, split_part(name, ' ', -1)))), '') AS family_name,
           nullif(right(regexp_replace(phone_number, '[^0-9]', '', 'g'), 9), '') AS phone,
           coalesce(logins_count, 0) AS logins, coalesce(created_at, '9999') AS created_at,
           CASE WHEN blocked THEN 'blocked'
                WHEN email_verified IS NOT true THEN 'e-mail not verified'
                WHEN split_part(user_id, '|', 1) IN ('waad', 'samlp', 'adfs', 'ad', 'okta', 'oidc', 'google-apps')
                    THEN 'enterprise account'
                WHEN EXISTS (FROM linked WHERE holder <> export.user_id
                             AND identity.provider || '|' || identity.user_id = export.user_id)
                    THEN 'linked already'
           END AS against
    FROM export
    WHERE user_id LIKE '%|%'
    QUALIFY count(*) OVER (PARTITION BY user_id) = 1
"""


class Scored(NamedTuple):
    """Two accounts, and how probable it is that they are one person's."""

    left: str
    right: str
    probability: float


class Decided(NamedTuple):
    """A pair, the account that stays first, and ``PLANNED``, ``SETTLED`` or why a person has to decide."""

    primary: str
    secondary: str
    probability: float
    decision: str


class Known(NamedTuple):
    """What decides about an account. ``rank``: the smaller, the sooner it is the one that stays."""

    against: str | None
    rank: tuple[int, str, str]


def scores(export: Path, least: float) -> tuple[dict[str, Known], list[Scored]]:
    """Read an export, let Splink learn from it, and return the pairs that are as probable as *least*."""
    try:
        import duckdb
        from splink import DuckDBAPI, Linker
    except ModuleNotFoundError as error:
        raise AirflowFailException(
            f'the worker has no {error.name}: pip install "splink>=5" "airflow-provider-auth0link[plan]"'
        ) from None

    with duckdb.connect() as database:
        database.read_json(
            str(export), format="newline_delimited", columns=COLUMNS, ignore_errors=True
        ).create("export")
        database.sql(ACCOUNTS).create("accounts")
        rows = database.sql("SELECT user_id, against, logins, created_at FROM accounts").fetchall()
        known = {row[0]: Known(row[1], (-row[2], row[3], row[0])) for row in rows}
        _check_enough(database, len(known))
        linker = Linker(DuckDBAPI(database).register("accounts"), _settings(), log_level=None)
        _train(linker)
        table = linker.inference.predict(threshold_match_probability=least).physical_name
        found = database.sql(f"SELECT user_id_l, user_id_r, match_probability FROM {table} ORDER BY ALL")  # noqa: S608 - Splink's own name
        return known, [Scored(*row) for row in found.fetchall()]


def _check_enough(database: Any, accounts: int) -> None:  # noqa: ANN401 - imported only where it is used
    if accounts < LEAST_ACCOUNTS:
        raise AirflowFailException(
            f"{accounts} accounts: too few for Splink to learn from, {LEAST_ACCOUNTS} at least"
        )
    for shared in LEARNED_FROM:
        told = " AND ".join(f"{each} IS NOT NULL" for each in shared)
        many = f"FROM accounts WHERE {told} GROUP BY {', '.join(shared)} HAVING count(*) > 1 LIMIT 1"
        if not database.sql(f"SELECT 1 {many}").fetchall():
            raise AirflowFailException(
                f"no two accounts share {' and '.join(shared)}: Splink learns from such pairs. "
                "Export these fields, or change the comparisons and LEARNED_FROM"
            )


def _settings() -> Any:  # noqa: ANN401 - Splink has no types here
    from splink import SettingsCreator, block_on, comparison_library as compare

    return SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="user_id",
        comparisons=[
            compare.NameComparison("given_name"),
            compare.NameComparison("family_name"),
            compare.DamerauLevenshteinAtThresholds("phone", [1, 2]),
            compare.DamerauLevenshteinAtThresholds("mailbox", [1]),
        ],
        blocking_rules_to_generate_predictions=[
            block_on("phone"),
            block_on("email"),
            block_on("family_name", "substr(given_name, 1, 1)"),
            block_on("given_name", "substr(family_name, 1, 2)"),
            block_on("mailbox"),
        ],
    )


def _train(linker: Any) -> None:  # noqa: ANN401 - as above
    from splink import block_on

    linker.training.estimate_probability_two_random_records_match(
        [block_on("email"), block_on("phone", "family_name")], recall=0.7
    )
    linker.training.estimate_u_using_random_sampling(max_pairs=5e6, seed=1)
    for shared in LEARNED_FROM:
        linker.training.estimate_parameters_using_expectation_maximisation(block_on(*shared))


def decide(known: dict[str, Known], pairs: Iterable[Scored], threshold: float) -> list[Decided]:
    """Decide about each pair: planned, left to a person with the reason, or settled by others of the plan."""
    likely = list(pairs)
    sure: dict[str, set[str]] = defaultdict(set)
    for left, right, probability in likely:
        if probability >= threshold and not (known[left].against or known[right].against):
            sure[left].add(right)
            sure[right].add(left)
    stars: dict[str, dict[str, str | None]] = {}
    for primary in sorted(sure, key=lambda each: known[each].rank):
        if primary not in stars:
            star = _reached(primary, sure)
            stars |= dict.fromkeys(star, star)
    decided = []
    for left, right, probability in likely:
        star = stars.get(left, {}) if right in stars.get(left, {}) else {}
        first, second = sorted((left, right), key=lambda each: known[each].rank)
        if star.get(first) == second:  # the star reached it from the one that ranks lower
            first, second = second, first
        reason = known[first].against or known[second].against
        if not (reason or star):
            reason = f"below {threshold}"
        elif not reason and len(star) > MOST_TOGETHER:
            reason = f"more than {MOST_TOGETHER} accounts together"
        told = reason or (PLANNED if star[second] == first else SETTLED)
        decided.append(Decided(first, second, probability, told))
    return sorted(decided)


def _reached(primary: str, sure: dict[str, set[str]]) -> dict[str, str | None]:
    """Return who is connected with an account, each with the one that it was reached from: the nearest first."""
    found: dict[str, str | None] = {primary: None}
    for each in (order := [primary]):
        for other in sorted(sure[each] - found.keys()):
            found[other] = each
            order.append(other)
    return found


@task
def match(source: str) -> str:
    """Write the plan, the pairs for a person, and all scores; return the plan's path."""
    context = get_current_context()
    params = context["params"]
    folder = Path(FOLDER)
    known, pairs = scores(folder / source, params["review_from"])
    plan = folder / f"splink-{context['run_id']}.jsonl"
    beside = {name: plan.with_name(f"{plan.stem}-{name}") for name in ("review.jsonl", "scores.csv")}
    with (
        plan.open("w") as planned,
        beside["review.jsonl"].open("w") as review,
        beside["scores.csv"].open("w", newline="") as told,
    ):
        table = csv.writer(told)
        table.writerow(["primary_user_id", "secondary_user_id", "probability", "decision"])
        for primary, secondary, probability, decision in decide(known, pairs, params["threshold"]):
            table.writerow([primary, secondary, f"{probability:.6f}", decision])
            line: dict[str, Any] = {
                "primary_user_id": primary,
                "secondary_user_id": secondary,
                "rule": "splink",
            }
            if decision == PLANNED:
                planned.write(json.dumps(line | {"evidence": {"verified": True}}) + "\n")
            elif decision != SETTLED:
                review.write(json.dumps(line) + "\n")
    return str(plan)


@dag(
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=1)},
    params={
        "source": Param(
            "users.ndjson.gz", type="string", title="The export: a name in AUTH0LINK_FOLDER, or a whole path"
        ),
        "threshold": Param(
            0.999, type="number", minimum=0.5, maximum=1, title="Planned from this probability on"
        ),
        "review_from": Param(
            0.5, type="number", minimum=0, maximum=1, title="A person decides from this one on"
        ),
        "max_links": Param(default=500, type="integer", minimum=0, title="More links than this are refused"),
        "dry_run": Param(default=True, type="boolean", title="Only look, change nothing"),
    },
    tags=["auth0", "example"],
)
def example_splink() -> None:
    # [START howto_splink]
    plan = match("{{ params.source }}")
    LinkIdentitiesOperator(
        task_id="link",
        plan_path=plan,  # type: ignore[arg-type]  # Airflow hands over the XCom
        journal_path=FOLDER + "/journals/{{ run_id }}",
        max_links="{{ params.max_links }}",
        carry_except=("app_metadata.roles",),  # rights do not move with an account
        guards=("not_blocked", "verified_email", "not_enterprise_secondary"),
        dry_run="{{ params.dry_run }}",
    )
    # [END howto_splink]


example_splink()
