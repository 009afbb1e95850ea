"""Arguments that are wrong or did not arrive: told before the first request, and nothing is changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.operators.batch import LinkIdentitiesOperator
from airflow_provider_auth0link.operators.undo import UndoLinksOperator
from tests.operators import rig
from tests.operators.rig import MakeTenant

NOTHING: list[Any] = ["", "None", None]


@pytest.mark.parametrize("rendered", NOTHING, ids=["empty", "text", "none"])
@pytest.mark.parametrize("name", ["plan_digest", "max_links"])
def test_a_limit_that_renders_to_nothing_lets_nothing_through(
    make_tenant: MakeTenant, tmp_path: Path, name: str, rendered: str | None
) -> None:
    tenant = make_tenant({"user_id": "auth0|ada"}, {"user_id": "github|ada"})
    limit: dict[str, Any] = {name: "{{ ti.xcom_pull('approve') }}"}
    operator = LinkIdentitiesOperator(
        task_id="many", pairs=[["auth0|ada", "github|ada"]], journal_path=str(tmp_path / "j"), **limit
    )
    setattr(operator, name, rendered)  # as Airflow does

    error = rig.run(operator).error
    assert isinstance(error, InputError)
    assert f"{name}: rendered to nothing" in str(error)
    assert tenant.requests == []


@pytest.mark.parametrize("rendered", NOTHING, ids=["empty", "text", "none"])
def test_an_undo_of_some_never_becomes_one_of_all(
    make_tenant: MakeTenant, tmp_path: Path, rendered: str | None
) -> None:
    tenant = make_tenant()
    operator = UndoLinksOperator(
        task_id="many", journal_path=str(tmp_path), only="{{ ti.xcom_pull('find') }}"
    )
    operator.only = rendered  # as Airflow does

    error = rig.run(operator).error
    assert isinstance(error, InputError)
    assert "only: rendered to nothing" in str(error)
    assert tenant.requests == []


@pytest.mark.parametrize(
    "path",
    ["no/such/map.csv", "", ["map.csv"], "s3://key:word@bucket/map.csv"],
    ids=["no-folder", "a-folder", "a-list", "a-secret"],
)
def test_a_map_without_a_place_is_told_before_the_links(
    make_tenant: MakeTenant, tmp_path: Path, path: Any
) -> None:
    tenant = make_tenant({"user_id": "auth0|ada"}, {"user_id": "github|ada"})
    place = f"{tmp_path}/{path}" if path in ("no/such/map.csv", "") else path
    operator = LinkIdentitiesOperator(
        task_id="many",
        pairs=[["auth0|ada", "github|ada"]],
        journal_path=str(tmp_path / "j"),
        id_map_path=place,
    )

    error = rig.run(operator).error
    assert isinstance(error, InputError)
    assert "word" not in str(error).replace("passwords", "")
    assert tenant.requests == []
