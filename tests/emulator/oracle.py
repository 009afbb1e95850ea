"""
A judge of what a tenant answered: Auth0's own OpenAPI description.

Any test may end with ``assert problems(tenant) == []``. Where the description is not beside the
repository, answers are not compared with it, only with the form of Auth0's errors.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from airflow_provider_auth0link.emulator.records import RequestRecord
from airflow_provider_auth0link.emulator.server import Emulator

DESCRIPTION = Path(__file__).parents[3] / "shared" / "auth0" / "management-api.oas.json"

OPERATIONS = {
    "users_search": ("/users", "get"),
    "user_create": ("/users", "post"),
    "users_by_email": ("/users-by-email", "get"),
    "user_get": ("/users/{id}", "get"),
    "user_update": ("/users/{id}", "patch"),
    "user_delete": ("/users/{id}", "delete"),
    "link": ("/users/{id}/identities", "post"),
    "unlink": ("/users/{id}/identities/{provider}/{user_id}", "delete"),
    "connections": ("/connections", "get"),
    "connection": ("/connections/{id}", "get"),
    "roles": ("/users/{id}/roles", "get"),
    "roles_add": ("/users/{id}/roles", "post"),
    "roles_remove": ("/users/{id}/roles", "delete"),
    "permissions": ("/users/{id}/permissions", "get"),
    "permissions_add": ("/users/{id}/permissions", "post"),
    "permissions_remove": ("/users/{id}/permissions", "delete"),
    "organizations": ("/users/{id}/organizations", "get"),
    "members": ("/organizations/{id}/members", "get"),
    "members_add": ("/organizations/{id}/members", "post"),
    "members_remove": ("/organizations/{id}/members", "delete"),
    "member_roles": ("/organizations/{id}/members/{user_id}/roles", "get"),
    "member_roles_add": ("/organizations/{id}/members/{user_id}/roles", "post"),
    "member_roles_remove": ("/organizations/{id}/members/{user_id}/roles", "delete"),
    "export_create": ("/jobs/users-exports", "post"),
    "job": ("/jobs/{id}", "get"),
    "job_errors": ("/jobs/{id}/errors", "get"),
}

UNDOCUMENTED = {
    ("link", 404), ("unlink", 404), ("link", 413), ("user_update", 413), ("roles_remove", 400),
    ("organizations", 400), ("members_add", 404), ("members_remove", 404), ("member_roles_add", 404),
    ("member_roles_remove", 404),
}  # fmt: skip
"""Answers that the description leaves out, and a careful client expects nevertheless."""


def problems(tenant: Emulator) -> list[str]:
    """Say what is wrong with the answers that a tenant has given; faults are left aside."""
    return [f"{each.method} {each.path}: {text}" for each in tenant.requests for text in problems_of(each)]


def problems_of(record: RequestRecord) -> list[str]:
    """Say what is wrong with one answer."""
    if record.outcome == 0 or record.route == "download":
        return []
    payload = json.loads(record.answer) if record.answer else None
    if record.route == "token":
        return _of_token(record.outcome, payload)
    if record.outcome >= 400:
        return _of_error(record, payload)
    return _of_success(record, payload)


def _of_token(status: int, payload: Any) -> list[str]:
    wanted = (
        {"access_token", "expires_in", "scope", "token_type"}
        if status == 200
        else {"error", "error_description"}
    )
    return [] if set(payload) == wanted else [f"{status} with {sorted(payload)}"]


def _of_error(record: RequestRecord, payload: Any) -> list[str]:
    found = []
    if not {"statusCode", "error", "message"} <= payload.keys():
        found.append(f"an error with {sorted(payload)}")
    if payload.get("statusCode") != record.outcome:
        found.append("statusCode is not the status")
    if record.route in OPERATIONS and (record.route, record.outcome) not in UNDOCUMENTED:
        found += _undocumented(record)
    return found


def _of_success(record: RequestRecord, payload: Any) -> list[str]:
    if record.route not in OPERATIONS or description() is None:
        return []
    if wrong := _undocumented(record):
        return wrong
    content = operation(record.route)["responses"][str(record.outcome)].get("content")
    if content is None or record.outcome == 204:  # one 204 is described with a body that cannot be
        return [] if payload is None else ["a body where none is described"]
    errors = validator(record.route, record.outcome).iter_errors(payload)
    return [
        f"{'/'.join(map(str, each.path))}: {each.validator} is not met"
        for each in errors
        # Of the forms of a list two overlap: the last page by checkpoints has no "next".
        if (each.validator != "oneOf" or each.context) and not _of_all_connections(record, each)
    ]


def _of_all_connections(record: RequestRecord, error: ValidationError) -> bool:
    """Tell whether the name of a connection is missed in a job without one. Later descriptions do not ask for it."""
    return record.route == "export_create" and error.message == "'connection' is a required property"


def _undocumented(record: RequestRecord) -> list[str]:
    if description() is None or str(record.outcome) in operation(record.route)["responses"]:
        return []
    return [f"status {record.outcome} is not described"]


@functools.cache
def description() -> dict[str, Any] | None:
    """Return the description, or None where it is not at hand."""
    if not DESCRIPTION.exists():
        return None
    found: dict[str, Any] = json.loads(DESCRIPTION.read_text())
    return found


def operation(route: str) -> dict[str, Any]:
    """Return the description of a route."""
    path, method = OPERATIONS[route]
    found: dict[str, Any] = (description() or {})["paths"][path][method]
    return found


@functools.cache
def validator(route: str, status: int) -> Draft202012Validator:
    """Return a judge of one route's answers of one status."""
    resource = DRAFT202012.create_resource(description() or {})
    path, method = OPERATIONS[route]
    steps = ("paths", path, method, "responses", str(status), "content", "application/json", "schema")
    pointer = "/".join(
        each.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D") for each in steps
    )
    registry: Registry[Any] = Registry().with_resource("urn:management-api", resource)
    return Draft202012Validator({"$ref": f"urn:management-api#/{pointer}"}, registry=registry)
