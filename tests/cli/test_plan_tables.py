from __future__ import annotations

import io

from rich.console import Console

from airflow_provider_auth0link.cli.plan_tables import show
from airflow_provider_auth0link.duplicates.find import Found
from airflow_provider_auth0link.hooks.planning import Places


def test_a_key_of_metadata_moves_no_cursor() -> None:
    found = Found(
        accounts=2, unreadable=0, repeats=0, candidates=2, planned=1, stars=1, per_rule={"verified_email": 1},
        per_reason={}, gained={"app_metadata.\x1b[2J\x1b]0;mine\x07": 1}, sample=(), digest="0" * 64,
    )  # fmt: skip
    places = Places.checked("users.ndjson", "plan.jsonl", None)
    written = io.StringIO()

    show(found, places, Console(file=written, width=100))

    assert "\x1b" not in written.getvalue()
    assert "\\x1b[2J" in written.getvalue()
