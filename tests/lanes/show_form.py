"""Print the form of an Auth0 connection as this Airflow's web interface has it, and the extra links it knows."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import Any

from airflow.providers_manager import ProvidersManager


def of_airflow_2() -> dict[str, Any]:
    """Read what the connection page of Airflow 2 is made of."""
    manager = ProvidersManager()  # type: ignore[no-untyped-call]  # Airflow's own constructor
    widgets = {
        name.removeprefix("extra__auth0__"): widget
        for name, widget in manager.connection_form_widgets.items()
        if name.startswith("extra__auth0__")
    }
    relabeling = manager.field_behaviours["auth0"]["relabeling"]
    return {
        "labels": {name: relabeling.get(name) for name in ("host", "login", "password")},
        "fields": {name: widget.field.args[0] for name, widget in widgets.items()},
        "secret": [name for name, widget in widgets.items() if widget.is_sensitive],
    }


def of_airflow_3() -> dict[str, Any]:
    """Ask what the API server asks for the connection page."""
    from airflow.api_fastapi.core_api.services.ui.connections import HookMetaService

    form = next(
        each.model_dump() for each in HookMetaService.hook_meta_data() if each.connection_type == "auth0"
    )
    fields = {name: field["schema"] for name, field in form["extra_fields"].items()}
    return {
        "labels": {name: form["standard_fields"][name]["title"] for name in ("host", "login", "password")},
        "fields": {name: schema["title"] for name, schema in fields.items()},
        "secret": [name for name, schema in fields.items() if schema.get("format") == "password"],
    }


if __name__ == "__main__":
    form = of_airflow_2() if version("apache-airflow").startswith("2.") else of_airflow_3()
    links = ProvidersManager().extra_links_class_names  # type: ignore[no-untyped-call]  # as above
    print(json.dumps(form | {"links": links}))
