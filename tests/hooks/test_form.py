"""
The connection form, declared in both of its ways.

wtforms and Flask-AppBuilder come with Airflow's old web server alone; the lanes see the real form of each
version. Here the two libraries are stood in for by classes that keep what they are given.
"""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from airflow_provider_auth0link.hooks.auth0 import Auth0Hook
from airflow_provider_auth0link.hooks.form import UNCHANGED, StoredSecret
from airflow_provider_auth0link.provider_info import FIELDS
from airflow_provider_auth0link.settings import EXTRAS


class Kept:
    """Keeps the arguments of its making."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.arguments = arguments
        self.named = named


class StringField(Kept):
    pass


class PasswordField(Kept):
    pass


class TextWidget(Kept):
    pass


class PasswordWidget(Kept):
    hide_value = True

    def __call__(self, field: Any, **attributes: Any) -> dict[str, Any]:
        return attributes


class Optional(Kept):
    pass


@pytest.fixture
def web_server(monkeypatch: pytest.MonkeyPatch) -> None:
    libraries: dict[str, dict[str, Any]] = {
        "flask_appbuilder": {},
        "flask_appbuilder.fieldwidgets": {
            "BS3TextFieldWidget": TextWidget,
            "BS3PasswordFieldWidget": PasswordWidget,
        },
        "wtforms": {"StringField": StringField, "PasswordField": PasswordField},
        "wtforms.validators": {"Optional": Optional},
    }
    for name, content in libraries.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)


def test_each_extra_that_is_read_has_its_field() -> None:
    assert sorted(FIELDS) == sorted(EXTRAS)


@pytest.mark.parametrize("name", FIELDS)
def test_each_field_says_what_it_is(name: str) -> None:
    field = FIELDS[name]

    assert set(field) == {"label", "description", "schema"}
    assert field["label"]
    assert field["description"].endswith(".")
    assert "null" in field["schema"]["type"]


def test_the_secret_ones_are_masked_in_form_and_api() -> None:
    # The form masks by format, Airflow's API by what the name holds.
    secret = {name for name, field in FIELDS.items() if field["schema"].get("format") == "password"}

    assert secret == {"private_key", "access_token", "journal_secret"}
    assert all(any(word in name for word in ("private_key", "token", "secret")) for name in secret)


@pytest.mark.usefixtures("web_server")
def test_the_old_form_has_the_same_fields() -> None:
    widgets = Auth0Hook.get_connection_form_widgets()

    assert list(widgets) == list(FIELDS)
    for name, widget in widgets.items():
        secret = FIELDS[name]["schema"].get("format") == "password"
        assert type(widget) is (PasswordField if secret else StringField)
        assert widget.arguments == (FIELDS[name]["label"],)
        assert widget.named["description"] == FIELDS[name]["description"]
        assert type(widget.named["widget"]) is (StoredSecret if secret else TextWidget)
        assert [type(each) for each in widget.named["validators"]] == [Optional]


@pytest.mark.parametrize(
    ("data", "typed", "shown"),
    [
        pytest.param("planted-key", None, UNCHANGED, id="stored"),
        pytest.param("", None, "", id="nothing-stored"),
        pytest.param(None, [], "", id="new"),
        pytest.param(UNCHANGED, [UNCHANGED], UNCHANGED, id="left-as-it-was"),
        pytest.param("planted-typo", ["planted-typo"], "", id="typed-and-refused"),
    ],
)
def test_a_stored_secret_is_stood_in_for(data: str | None, typed: list[str] | None, shown: str) -> None:
    box = StoredSecret(PasswordWidget())

    rendered = box(SimpleNamespace(data=data, raw_data=typed), id="private_key")

    assert rendered == {"id": "private_key", "value": shown}
    assert box.input_type == "password"


def test_the_old_form_hides_names_and_hints() -> None:
    behaviour = Auth0Hook.get_ui_field_behaviour()

    assert "schema" in behaviour["hidden_fields"]
    assert behaviour["relabeling"] == {
        "host": "Tenant domain",
        "login": "Client ID",
        "password": "Client secret",
    }
    assert behaviour["placeholders"]["host"] == "acme.eu.auth0.com"


def test_what_airflow_finds_a_hook_by() -> None:
    assert (Auth0Hook.conn_type, Auth0Hook.conn_name_attr) == ("auth0", "auth0_conn_id")
    assert Auth0Hook.default_conn_name == "auth0_default"
    assert Auth0Hook.hook_name == "Auth0 Management API"
