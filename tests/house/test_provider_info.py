"""The provider's metadata, held against Airflow's own schemas."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from airflow_provider_auth0link import get_provider_info
from tests.house.tree import ROOT

INFO = get_provider_info()
CONNECTION = INFO["connection-types"][0]


def _schema(name: str) -> Any:
    import airflow

    return json.loads((Path(airflow.__file__).parent / name).read_text())


def _resolve(dotted: str) -> Any:
    module, _, name = dotted.rpartition(".")
    return getattr(importlib.import_module(module), name)


def test_it_keeps_to_the_schema_of_installed_providers() -> None:
    jsonschema.Draft7Validator(_schema("provider_info.schema.json")).validate(INFO)


def test_its_form_keeps_to_the_schema_of_connection_types() -> None:
    # Airflow checks the form's part against no schema when it runs. This file is where it is written down.
    schema = _schema("provider.yaml.schema.json")
    types = {**schema["properties"]["connection-types"], "definitions": schema.get("definitions", {})}

    jsonschema.Draft7Validator(types).validate(INFO["connection-types"])
    assert CONNECTION["conn-fields"]


def test_the_names_agree_with_the_hook() -> None:
    hook = _resolve(CONNECTION["hook-class-name"])

    assert hook.conn_type == CONNECTION["connection-type"]
    assert hook.hook_name == CONNECTION["hook-name"]


def test_the_old_form_hides_and_names_the_same_fields() -> None:
    behaviour = _resolve(CONNECTION["hook-class-name"]).get_ui_field_behaviour()

    declared = CONNECTION["ui-field-behaviour"]
    assert set(behaviour["hidden_fields"]) >= set(declared["hidden-fields"])
    assert behaviour["relabeling"] == declared["relabeling"]
    assert behaviour["placeholders"].items() >= declared["placeholders"].items()


@pytest.mark.parametrize("kind", ["operators", "hooks", "triggers"])
def test_the_modules_named_are_there(kind: str) -> None:
    for entry in INFO[kind]:
        for module in entry["python-modules"]:
            assert importlib.import_module(module).__doc__


@pytest.mark.parametrize("name", INFO["extra-links"])
def test_the_extra_links_are_links(name: str) -> None:
    from airflow.providers.common.compat.sdk import BaseOperatorLink

    assert issubclass(_resolve(name), BaseOperatorLink)


def test_reading_it_imports_no_airflow() -> None:
    # Every Airflow process reads it at its start.
    code = "import sys, airflow_provider_auth0link as it; it.get_provider_info(); print(*sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)

    loaded = {name.partition(".")[0] for name in answer.stdout.decode().split()}
    assert "airflow_provider_auth0link" in loaded
    assert loaded & {"airflow", "jwt", "pendulum", "requests", "starlette"} == set()
