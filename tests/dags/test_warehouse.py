"""The examples that read a warehouse, where it lacks the table."""

from __future__ import annotations

from pathlib import Path

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from tests.dags.examples import documented_table, example

FINDS = {
    "example_batch": "find_pairs",
    "example_dedup_and_link": "find_duplicates",
    "example_taskflow": "find_duplicates",
}


@pytest.mark.parametrize("name", FINDS)
def test_a_warehouse_without_users_is_refused_for_good_with_what_to_do(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTH0LINK_FOLDER", str(tmp_path))
    monkeypatch.setenv("AUTH0LINK_WAREHOUSE_URL", f"sqlite:///{tmp_path / 'empty.db'}")
    module = example(name)

    with pytest.raises(
        AirflowFailException, match=r"no table users: .*AUTH0LINK_WAREHOUSE_URL.*CREATE TABLE"
    ):
        getattr(module, FINDS[name]).function()


@pytest.mark.parametrize("name", FINDS)
def test_each_example_shows_the_same_table(name: str) -> None:
    shown = " ".join(line.partition("--")[0].strip() for line in documented_table(example(name)).splitlines())

    assert " ".join(shown.split()) == (
        "CREATE TABLE users ( user_id VARCHAR(255) PRIMARY KEY, email VARCHAR(320), "
        "email_verified BOOLEAN NOT NULL, created_at VARCHAR(40) NOT NULL )"
    )
