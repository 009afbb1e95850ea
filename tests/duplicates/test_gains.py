"""What a person is told that primaries would gain: nothing is hidden, whatever the metadata look like."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_auth0link.duplicates.gains import MOST_ARRAYS
from tests.duplicates.test_find import account, search


def gained(mine: Any, theirs: Any, folder: Path) -> dict[str, int]:
    accounts = [account(f"auth0|{n}", "ada@x.org", app_metadata=each) for n, each in ((1, mine), (2, theirs))]
    return search(accounts, folder).found.gained


@pytest.mark.parametrize(
    ("mine", "theirs", "told"),
    [
        ({"roles": ["user"]}, {"roles": ["admin"]}, ["app_metadata.roles"]),
        ({"roles": ["user", "admin"]}, {"roles": ["admin"]}, []),
        ({"roles": [["admin"]]}, {"roles": ["admin"]}, ["app_metadata.roles"]),
        ({"roles": [{"of": 1, "in": 2}]}, {"roles": [{"of": 1}]}, ["app_metadata.roles"]),
        ({"": [1]}, {"": [2]}, ["app_metadata."]),
        ({'a"\\': [1]}, {'a"\\': [2]}, ['app_metadata.a"\\']),
    ],
)
def test_a_list_with_other_values(mine: Any, theirs: Any, told: list[str], tmp_path: Path) -> None:
    assert list(gained(mine, theirs, tmp_path)) == told


@pytest.mark.parametrize("mine", [None, {}, {"admin": None}, {"admin": {}}, {"other": 1}])
def test_who_has_nothing_there_gains(mine: Any, tmp_path: Path) -> None:
    assert gained(mine, {"admin": {"all": True}}, tmp_path) == {"app_metadata.admin.all": 1}


def test_no_list_is_hidden_behind_many_others(tmp_path: Path) -> None:
    others: dict[str, list[int | str]] = {f"list{n:03}": [1] for n in range(MOST_ARRAYS)}

    told = gained({**others, "roles": ["user"]}, {**others, "roles": ["admin"]}, tmp_path)

    assert told == {"app_metadata.roles": 1}


def test_metadata_deeper_than_python_goes(tmp_path: Path) -> None:
    deep = '{"a":' * 3000 + "1" + "}" * 3000
    own = '"identities":[{"provider":"auth0","user_id":"2","connection":"auth0"}]'
    line = f'{{"user_id":"auth0|2","email":"ada@x.org","email_verified":true,{own},"app_metadata":{deep}}}\n'

    found = search([account("auth0|1", "ada@x.org"), line.encode()], tmp_path).found

    assert found.planned == 1
    assert found.gained == {"app_metadata": 1}
