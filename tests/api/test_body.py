from __future__ import annotations

import datetime as dt

import pytest

from airflow_provider_auth0link.api.body import check_json, check_mapping
from airflow_provider_auth0link.errors import InputError
from tests.fakes.secrets import SECRET, told_by


def _endless() -> list[object]:
    inner: list[object] = []
    inner.append(inner)
    return inner


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(dt.date(2027, 1, 15), id="date"),
        pytest.param({SECRET}, id="set"),
        pytest.param(float("nan"), id="NaN"),
        pytest.param(_endless(), id="endless"),
        pytest.param({(1, 2): SECRET}, id="a key that is no text"),
    ],
)
def test_what_json_does_not_know_is_refused_and_not_quoted(value: object) -> None:
    with pytest.raises(InputError, match=r"^body: holds something that JSON does not know") as caught:
        check_mapping({"a": [SECRET, value]}, "body")

    assert SECRET not in told_by(caught.value)


def test_a_body_may_be_a_list_where_auth0_takes_one() -> None:
    check_json(["all-applications"], "json")
    check_mapping({"a": None}, "body")

    with pytest.raises(InputError, match=r"^body: expected a mapping, got list$"):
        check_mapping(["a"], "body")
