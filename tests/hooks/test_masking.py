"""Where each Airflow keeps its masker of secrets."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from airflow_provider_auth0link.hooks.masking import mask_secret

PLACES = ("airflow.sdk.log", "airflow.sdk.execution_time.secrets_masker", "airflow.utils.log.secrets_masker")


class Masker(ModuleType):
    """A module of an Airflow that is not installed here."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.masked: list[str] = []

    def mask_secret(self, value: str) -> None:
        self.masked.append(value)


@pytest.mark.parametrize("place", PLACES)
def test_the_first_place_that_is_there_is_told(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    masker = Masker(place)
    for each in PLACES:
        monkeypatch.setitem(sys.modules, each, None if PLACES.index(each) < PLACES.index(place) else masker)

    mask_secret("planted-secret")

    assert masker.masked == ["planted-secret"]


def test_a_module_without_a_masker_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    masker = Masker(PLACES[1])
    monkeypatch.setitem(sys.modules, PLACES[0], ModuleType(PLACES[0]))
    monkeypatch.setitem(sys.modules, PLACES[1], masker)

    mask_secret("planted-secret")

    assert masker.masked == ["planted-secret"]


def test_an_airflow_without_any_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for each in PLACES:
        monkeypatch.setitem(sys.modules, each, None)

    with pytest.raises(RuntimeError, match="no secrets masker") as caught:
        mask_secret("planted-secret")
    assert "planted" not in str(caught.value)


def test_this_airflows_own_is_told() -> None:
    from airflow.sdk._shared.secrets_masker import redact

    mask_secret("planted-for-this-test")

    assert redact("it is planted-for-this-test") == "it is ***"
