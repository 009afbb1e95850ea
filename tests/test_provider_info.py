from __future__ import annotations

import json

import pytest

from airflow_provider_auth0link.provider_info import FIELDS, UI_LABELS, provider_info

SECRETS = {"private_key", "access_token", "journal_secret"}


def test_secrets_and_no_others_are_masked_in_the_form() -> None:
    masked = {name for name, field in FIELDS.items() if field["schema"].get("format") == "password"}

    assert masked == SECRETS


@pytest.mark.parametrize("name", FIELDS)
def test_a_field_has_a_label_a_help_text_and_may_stay_empty(name: str) -> None:
    field = FIELDS[name]

    assert field["label"]
    assert field["description"].endswith(".")
    assert "null" in field["schema"]["type"]


def test_labels_differ() -> None:
    labels = [*UI_LABELS.values(), *(field["label"] for field in FIELDS.values())]

    assert len(labels) == len(set(labels))


def test_it_can_be_written_as_json() -> None:
    told = provider_info()

    assert json.loads(json.dumps(told)) == told
    (connection,) = told["connection-types"]
    assert connection["connection-type"] == "auth0"
    assert connection["ui-field-behaviour"]["hidden-fields"] == ["schema"]
    assert connection["conn-fields"].keys() == FIELDS.keys()
