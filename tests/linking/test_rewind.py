"""Taking back what was written, where somebody may have written since."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from airflow_provider_auth0link.linking.merge import merge, same
from airflow_provider_auth0link.linking.rewind import brought_by, taken_back
from tests.fakes.tenant import account
from tests.linking.test_merge import CONFLICTS, METADATA, patched


@given(METADATA, METADATA, CONFLICTS)
def test_what_is_carried_can_be_taken_back(mine: Any, theirs: Any, conflicts: str) -> None:
    primary = account("auth0|1", user_metadata=mine)
    change = merge(
        primary,
        account("google-oauth2|2", user_metadata=theirs),
        carry=("user_metadata",),
        conflicts=conflicts,
    )
    now = patched(primary, change.body)
    back, left = taken_back(
        {"user_metadata": mine}, {"user_metadata": now.metadata("user_metadata")}, change.body
    )

    without_nulls = {key: value for key, value in mine.items() if value is not None}
    after = patched(now, back).metadata("user_metadata")
    assert left == []
    assert same({key: value for key, value in after.items() if value is not None}, without_nulls)


@pytest.mark.parametrize(
    ("before", "written", "now", "back", "left"),
    [
        pytest.param({}, {"a": 1}, {"a": 1}, {"a": None}, [], id="was not there: unset"),
        pytest.param({"a": 0}, {"a": 1}, {"a": 1}, {"a": 0}, [], id="was another: restored"),
        pytest.param({"a": [1]}, {"a": [1, 2]}, {"a": [1, 2]}, {"a": [1]}, [], id="array restored"),
        pytest.param({}, {"a": 1}, {}, {}, [], id="not written, or gone already"),
        pytest.param({"a": 0}, {"a": 1}, {"a": 0}, {}, [], id="as it was already"),
        pytest.param({}, {"a": 1}, {"a": 2}, {}, ["a"], id="changed since: left"),
        pytest.param({"a": 0}, {"a": 1}, {}, {}, ["a"], id="removed since: left"),
        pytest.param({}, {"a": 1}, {"a": True}, {}, ["a"], id="true is not 1: left"),
        pytest.param(
            {},
            {"a": {"x": 1}},
            {"a": {"x": 1, "y": 2}},
            {"a": {"y": 2}},
            [],
            id="grown since: ours goes, theirs stays",
        ),
        pytest.param(
            {"a": {"x": 0}},
            {"a": {"x": 1, "z": 1}},
            {"a": {"x": 2, "z": 1}},
            {"a": {"x": 2}},
            ["a.x"],
            id="changed in part: the rest goes back",
        ),
        pytest.param({"a": [1]}, {"a": [1, 2]}, {"a": [3, 2, 1]}, {"a": [3, 1]}, [], id="array grown since"),
        pytest.param({}, {"a": [2]}, {"a": [2, 3]}, {"a": [3]}, [], id="new array grown since"),
        pytest.param(
            {"a": {"x": None}}, {"a": {"x": 1}}, {"a": {"x": 1}}, {"a": {"x": None}}, [], id="null restored"
        ),
        pytest.param({}, {"a": {"b": {"c": 1}}}, {"a": {"b": {"c": 1}}}, {"a": None}, [], id="deep and new"),
        pytest.param(
            {}, {"a": 1, "b": 2}, {"a": 1, "b": 3, "c": 4}, {"a": None}, ["b"], id="each for itself"
        ),
    ],
)
def test_only_what_still_is_as_written_is_taken_back(
    before: Any, written: Any, now: Any, back: Any, left: list[str]
) -> None:
    body, kept_paths = taken_back(
        {"user_metadata": before}, {"user_metadata": now}, {"user_metadata": written}
    )

    assert same(body, {"user_metadata": back} if back else {})
    assert kept_paths == [f"user_metadata.{path}" for path in left]


@pytest.mark.parametrize(
    ("written", "now", "theirs", "back"),
    [
        pytest.param({"a": 1}, {"a": 1}, {"a": 1}, {}, id="the same value"),
        pytest.param({"a": 1}, {"a": 1}, {"a": 2}, {"a": None}, id="another value"),
        pytest.param(
            {"a": {"x": 1, "y": 2}}, {"a": {"x": 1, "y": 2}}, {"a": {"x": 1}}, {"a": {"x": 1}}, id="a part"
        ),
        pytest.param({"a": [1, 2]}, {"a": [1, 2]}, {"a": [2]}, {"a": [2]}, id="an element"),
    ],
)
def test_what_another_linked_account_brought_too_stays(
    written: Any, now: Any, theirs: Any, back: Any
) -> None:
    stays = brought_by({"user_metadata": theirs})
    body, left = taken_back({}, {"user_metadata": now}, {"user_metadata": written}, stays)

    assert same(body, {"user_metadata": back} if back else {})
    assert left == []
