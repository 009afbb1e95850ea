"""Starts export jobs, waits for them, and fetches their files: nothing of the package's own."""

from __future__ import annotations

import gzip
import json
from typing import Any

import requests

from tests.emulator.caller import Caller, eventually


def started(api: Caller, **body: Any) -> str:
    """Start a job, and return its id."""
    answer = api("POST", "jobs/users-exports", json=body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["id"])


def look(api: Caller, job_id: str) -> dict[str, Any]:
    """Look at a job once."""
    found: dict[str, Any] = api("GET", f"jobs/{job_id}").json()
    return found


def completed(api: Caller, job_id: str) -> dict[str, Any]:
    """Wait until a job's file is there."""
    assert eventually(lambda: look(api, job_id)["status"] == "completed")
    return look(api, job_id)


def first_location(api: Caller, job_id: str) -> str:
    """Wait until a job tells a location, and return the first one that it told."""
    told: list[Any] = []

    def is_told() -> bool:
        told.append(look(api, job_id).get("location"))
        return told[-1] is not None

    assert eventually(is_told)
    return str(told[-1])


def fetched(location: str, **options: Any) -> requests.Response:
    """Fetch a file, without a token."""
    return requests.get(location, timeout=30, **options)


def rows(packed: bytes) -> list[Any]:
    """Read a file's users."""
    return [json.loads(line) for line in gzip.decompress(packed).splitlines()]


def exported(api: Caller, **body: Any) -> list[Any]:
    """Export, from the job to the users."""
    return rows(fetched(completed(api, started(api, **body))["location"]).content)
