"""The connection form of Airflow before 3.2, built from the same fields that later versions read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

UNCHANGED = "RATHER_LONG_SENSITIVE_FIELD_PLACEHOLDER"
"""What the web server of Airflow 2 puts the stored value back for (``airflow/www/views.py``)."""


class StoredSecret:
    """
    A password box that keeps a stored secret when the form is saved again.

    The usual box comes up empty, and the web server of Airflow 2 takes an empty field out of the extra: who
    edits the description would lose the private key. This one shows a stand-in for what is stored.

    :param box: the usual widget
    """

    input_type = "password"

    def __init__(self, box: Any) -> None:  # noqa: ANN401 - a widget of flask_appbuilder, absent in Airflow 3
        self._box = box
        self._box.hide_value = False

    def __call__(self, field: Any, **attributes: Any) -> Any:  # noqa: ANN401 - a field of wtforms
        """Render. What a person has just typed (``raw_data``) is neither stored yet nor shown again."""
        stored = field.data == UNCHANGED if field.raw_data else bool(field.data)
        return self._box(field, **attributes | {"value": UNCHANGED if stored else ""})


def widgets(fields: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return wtforms fields by name. wtforms comes with Airflow's web server only, so it is imported here."""
    from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget
    from wtforms import PasswordField, StringField
    from wtforms.validators import Optional

    made = {}
    for name, spec in fields.items():
        secret = spec["schema"].get("format") == "password"
        kind, widget = (
            (PasswordField, StoredSecret(BS3PasswordFieldWidget()))
            if secret
            else (StringField, BS3TextFieldWidget())
        )
        made[name] = kind(
            spec["label"], description=spec["description"], widget=widget, validators=[Optional()]
        )
    return made
