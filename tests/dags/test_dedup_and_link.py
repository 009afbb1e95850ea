from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.dags.examples import Warehouse, documented_table, example

ADA = ("auth0|ada", "ada@example.com", True, "2024-01-01T00:00:00.000Z")
ADA_GOOGLE = ("google-oauth2|ada", "Ada@Example.com", True, "2025-01-01T00:00:00.000Z")
ADA_SAML = ("samlp|acme|ada", "ADA@EXAMPLE.COM", True, "2026-01-01T00:00:00.000Z")


@pytest.fixture(scope="module")
def dag() -> ModuleType:
    return example("example_dedup_and_link")


@pytest.fixture
def warehouse(tmp_path: Path, dag: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    made = Warehouse(tmp_path / "warehouse.db", documented_table(dag))
    monkeypatch.setenv("AUTH0LINK_WAREHOUSE_URL", made.url)
    return made


def found(dag: ModuleType) -> list[tuple[str, str]]:
    return [(pair["primary_user_id"], pair["secondary_user_id"]) for pair in dag.find_duplicates.function()]


def write(dag: ModuleType, *links: dict[str, Any]) -> Any:
    return dag.write_id_map.function(iter(links))


def link(primary: str, secondary: str, outcome: str = "linked", **more: Any) -> dict[str, Any]:
    return {
        "outcome": outcome, "primary_user_id": primary, "secondary_user_id": secondary, "carried": [], **more
    }  # fmt: skip


def test_a_pair_is_a_plan_line(dag: ModuleType, warehouse: Warehouse) -> None:
    warehouse.add([ADA_GOOGLE, ADA])

    assert dag.find_duplicates.function() == [
        {
            "primary_user_id": "auth0|ada",
            "secondary_user_id": "google-oauth2|ada",
            "rule": "same verified e-mail",
            "evidence": {"email": "ada@example.com", "verified": True},
        }
    ]


def test_the_oldest_account_is_the_primary_of_all_others(dag: ModuleType, warehouse: Warehouse) -> None:
    warehouse.add([ADA_SAML, ADA, ADA_GOOGLE])

    assert found(dag) == [(ADA[0], ADA_GOOGLE[0]), (ADA[0], ADA_SAML[0])]


def test_among_equally_old_accounts_the_id_decides(dag: ModuleType, warehouse: Warehouse) -> None:
    warehouse.add([(name, "ada@example.com", True, ADA[3]) for name in ("auth0|b", "auth0|a", "auth0|c")])

    assert found(dag) == [("auth0|a", "auth0|b"), ("auth0|a", "auth0|c")]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(("auth0|x", "ada@example.com", False, ADA[3]), id="unverified"),
        pytest.param(("auth0|x", None, False, ADA[3]), id="no-email"),
        pytest.param(("auth0|x", "", True, ADA[3]), id="empty-email"),
        pytest.param(("auth0|x", "adah@example.com", True, ADA[3]), id="another-email"),
    ],
)
def test_who_shares_no_verified_email_is_nobodys_duplicate(
    dag: ModuleType, warehouse: Warehouse, other: tuple[str, str | None, bool, str]
) -> None:
    warehouse.add([ADA, other, ("auth0|empty", "", True, ADA[3])])

    assert found(dag) == []


def test_what_was_linked_is_written_and_not_found_again(dag: ModuleType, warehouse: Warehouse) -> None:
    warehouse.add([ADA, ADA_GOOGLE, ADA_SAML])
    found(dag)

    counts = write(dag, link(ADA[0], ADA_GOOGLE[0]), link(ADA[0], ADA_SAML[0], "already_linked"))

    assert counts == {"linked": 1, "already_linked": 1}
    assert warehouse.run("SELECT * FROM auth0_id_map ORDER BY 1") == [
        (ADA_GOOGLE[0], ADA[0]),
        (ADA_SAML[0], ADA[0]),
    ]
    assert found(dag) == []


def test_a_dry_run_writes_no_ids(dag: ModuleType, warehouse: Warehouse) -> None:
    warehouse.add([ADA, ADA_GOOGLE])
    before = found(dag)

    assert write(dag, link(ADA[0], ADA_GOOGLE[0], "would_link")) == {"would_link": 1}
    assert warehouse.run("SELECT * FROM auth0_id_map") == []
    assert found(dag) == before


def test_writing_twice_changes_nothing(dag: ModuleType, warehouse: Warehouse) -> None:
    found(dag)
    links = (link("auth0|a", "auth0|b"), link("auth0|a", "auth0|c", "refused", reason="not_blocked: ..."))
    write(dag, *links)
    before = [warehouse.run(f"SELECT * FROM {table}") for table in ("auth0_id_map", "auth0_refused")]

    write(dag, *links)

    assert [warehouse.run(f"SELECT * FROM {table}") for table in ("auth0_id_map", "auth0_refused")] == before
    assert before == [[("auth0|b", "auth0|a")], [("auth0|c", "not_blocked: ...")]]


def test_old_ids_follow_a_primary_that_is_linked_later(dag: ModuleType, warehouse: Warehouse) -> None:
    found(dag)
    write(dag, link("auth0|b", "auth0|c"))

    write(dag, link("auth0|a", "auth0|b"))

    assert warehouse.run("SELECT * FROM auth0_id_map ORDER BY 1") == [
        ("auth0|b", "auth0|a"),
        ("auth0|c", "auth0|a"),
    ]


def test_the_refused_make_way_for_the_others(dag: ModuleType, warehouse: Warehouse) -> None:
    people = 1030  # more than a run takes
    warehouse.add(
        (f"{provider}|{number:04}", f"user{number}@example.com", True, created)
        for number in range(people)
        for provider, created in (("auth0", ADA[3]), ("github", ADA_GOOGLE[3]))
    )
    first = found(dag)
    write(dag, *(link(*pair, "refused", reason="not_blocked: the secondary is blocked") for pair in first))

    second = found(dag)

    assert len(first) == len(second) == 1024
    assert second[: people - 1024] == [(f"auth0|{n:04}", f"github|{n:04}") for n in range(1024, people)]


def test_one_that_was_refused_can_be_linked_later(dag: ModuleType, warehouse: Warehouse) -> None:
    found(dag)
    write(dag, link("auth0|a", "auth0|b", "refused", reason="not_blocked: ..."))

    write(dag, link("auth0|a", "auth0|b"))

    assert warehouse.run("SELECT * FROM auth0_refused") == []
