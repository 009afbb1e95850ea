"""The example that matches by probability: with the real Splink, and run by Airflow over HTTP."""

from __future__ import annotations

import csv
import gzip
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_auth0link.emulator.server import Emulator
from airflow_provider_auth0link.linking.lines import read_row
from tests.dags.examples import example
from tests.dags.people import People, people
from tests.dags.test_batch_runs import counts, summary
from tests.fakes.export import rows

RunDag = Callable[..., Any]

KNOWN = ("a", "b", "c", "d", "e", "f", "blocked")


def known(module: Any) -> dict[str, Any]:
    """Return accounts, each ranking before the next."""
    return {
        each: module.Known("blocked" if each == "blocked" else None, (0, "", each)) for each in sorted(KNOWN)
    }


def decisions(*pairs: tuple[str, str, float]) -> dict[tuple[str, str], str]:
    module = example("example_splink")
    decided = module.decide(known(module), [module.Scored(*pair) for pair in pairs], 0.9)
    return {(each.primary, each.secondary): each.decision for each in decided}


def test_a_likely_pair_is_planned_and_a_less_likely_one_is_for_a_person() -> None:
    assert decisions(("b", "a", 0.9), ("c", "d", 0.89)) == {("a", "b"): "planned", ("c", "d"): "below 0.9"}


def test_what_stands_against_a_pair_is_told() -> None:
    assert decisions(("a", "blocked", 1.0)) == {("a", "blocked"): "blocked"}


def test_each_secondary_is_planned_once() -> None:
    found = decisions(("a", "b", 1.0), ("a", "c", 1.0), ("b", "c", 1.0), ("c", "d", 0.95), ("b", "d", 0.6))

    assert found == {
        ("a", "b"): "planned",
        ("a", "c"): "planned",
        ("b", "c"): "settled by other pairs",
        ("c", "d"): "planned",
        ("b", "d"): "settled by other pairs",
    }


def test_the_one_that_stays_is_reached_from_whoever_knows_it() -> None:
    assert decisions(("a", "c", 1.0), ("c", "b", 1.0)) == {("a", "c"): "planned", ("c", "b"): "planned"}


def test_many_accounts_together_are_for_a_person() -> None:
    found = decisions(*((one, other, 1.0) for one, other in zip("abcde", "bcdef", strict=True)))

    assert set(found.values()) == {"more than 5 accounts together"}


@pytest.mark.parametrize(("count", "seed"), [(900, 1), (600, 4)])
def test_no_planned_pair_is_wrong_and_nearly_all_are_found(count: int, seed: int, tmp_path: Path) -> None:
    module, planted = example("example_splink"), people(count, seed)
    (tmp_path / "users.ndjson").write_bytes(planted.ndjson())

    decided = module.decide(*module.scores(tmp_path / "users.ndjson", 0.5), 0.999)

    planned = {_ids(each) for each in decided if each.decision == module.PLANNED}
    seen = {_ids(each) for each in decided}
    assert planned <= planted.same
    assert len(planned) >= 0.7 * len(planted.same)
    assert len(seen & planted.same) >= 0.97 * len(planted.same)
    assert len(seen) <= 2 * len(planted.same)


def test_an_export_that_teaches_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "users.ndjson").write_bytes(people(20, 1).ndjson() + b'{"user_id": "auth0|half\n')

    with pytest.raises(
        AirflowFailException, match="27 accounts: too few for Splink to learn from, 200 at least"
    ):
        example("example_splink").scores(tmp_path / "users.ndjson", 0.5)


def test_a_worker_without_splink_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "splink", None)

    with pytest.raises(AirflowFailException, match=r'no splink: pip install "splink>=5"'):
        example("example_splink").scores(tmp_path / "users.ndjson", 0.5)


def test_an_export_without_phones_is_refused_with_what_to_do(tmp_path: Path) -> None:
    planted = people(300, 1)
    for account in planted.accounts:
        account["phone_number"] = None
    (tmp_path / "users.ndjson").write_bytes(planted.ndjson())

    with pytest.raises(AirflowFailException, match=r"no two accounts share phone: .* Export these fields"):
        example("example_splink").scores(tmp_path / "users.ndjson", 0.5)


@pytest.fixture
def planted() -> People:
    found = people(300, 3)
    pair = next(iter(sorted(found.same)))
    for account in found.accounts:
        if account["user_id"] in pair:
            account["email_verified"] = account["user_id"] == pair[0]
    return found


@pytest.fixture
def tenant(planted: People, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    users = [{name: value for name, value in each.items() if value is not None} for each in planted.accounts]
    for user in users:
        del user["logins_count"]
    with Emulator(users=users) as running:
        monkeypatch.setenv("AIRFLOW_CONN_AUTH0_DEFAULT", running.connection())
        yield running


@pytest.mark.airflow_run
def test_likely_pairs_are_linked_and_the_others_written_down(
    run_dag: RunDag, tenant: Emulator, planted: People, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "users.ndjson.gz").write_bytes(gzip.compress(planted.ndjson()))
    monkeypatch.setenv("AUTH0LINK_FOLDER", str(tmp_path))

    ran = run_dag(example("example_splink").example_splink(), run_conf={"dry_run": False})

    plan = tmp_path / f"splink-{ran.run_id}.jsonl"
    review = plan.with_name(f"{plan.stem}-review.jsonl")
    lines = rows(plan.read_bytes())
    linked = {tuple(sorted((line["primary_user_id"], line["secondary_user_id"]))) for line in lines}
    assert str(ran.state) == "success"
    assert counts(summary(ran)) == {"planned": len(lines), "linked": len(lines)}
    assert len(tenant.links_applied) == len(lines) > 60
    assert linked <= planted.same
    assert all(read_row(line).rule == "splink" for line in rows(review.read_bytes()))
    assert review.stat().st_size > 0
    with plan.with_name(f"{plan.stem}-scores.csv").open() as file:
        told = {(row["primary_user_id"], row["secondary_user_id"]): row for row in csv.DictReader(file)}
    unproven = [row["decision"] for pair, row in told.items() if tuple(sorted(pair)) == min(planted.same)]
    assert unproven == ["e-mail not verified"]
    assert sum(row["decision"] == "planned" for row in told.values()) == len(lines)


def _ids(each: Any) -> tuple[str, ...]:
    return tuple(sorted((each.primary, each.secondary)))
