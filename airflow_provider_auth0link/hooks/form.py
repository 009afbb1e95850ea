"""The connection form of Airflow before 3.2, built from the same fields that later versions read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def widgets(fields: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return wtforms fields by name. wtforms comes with Airflow's web server only, so it is imported here."""
    from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget
    from wtforms import PasswordField, StringField
    from wtforms.validators import Optional

    made = {}
    for name, spec in fields.items():
        secret = spec["schema"].get("format") == "password"
        kind, widget = (
            (PasswordField, BS3PasswordFieldWidget()) if secret else (StringField, BS3TextFieldWidget())
        )
        made[name] = kind(
            spec["label"], description=spec["description"], widget=widget, validators=[Optional()]
        )
    return made
