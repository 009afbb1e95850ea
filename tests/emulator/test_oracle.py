from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_auth0link.emulator.records import RequestRecord
from airflow_provider_auth0link.emulator.routes import route_of
from tests.emulator import oracle

LINK = ("POST", "/api/v2/users/auth0%7C1/identities")
ERROR = {"statusCode": 400, "error": "Bad Request", "message": "no"}


def judged(method: str, path: str, status: int, payload: Any) -> list[str]:
    route, args = route_of(method, path)
    body = b"" if payload is None else json.dumps(payload).encode()
    record = RequestRecord(method, path, operation=route, args=args, outcome=status, answer=body)
    return oracle.problems_of(record)


@pytest.mark.parametrize(
    ("status", "payload"),
    [
        (400, {"statusCode": 400, "message": "no"}),
        (400, {**ERROR, "statusCode": 401}),
    ],
)
def test_an_error_of_another_form_is_found(status: int, payload: Any) -> None:
    assert judged(*LINK, status, payload) != []


def test_a_token_answer_of_another_form_is_found() -> None:
    assert judged("POST", "/oauth/token", 200, {"access_token": "a"}) != []
    assert judged("POST", "/oauth/token", 401, {"error": "access_denied"}) != []


@pytest.mark.parametrize(
    ("method", "path", "status", "payload"),
    [
        (*LINK, 200, []),
        (*LINK, 201, {"identities": []}),
        (*LINK, 201, [{"provider": "auth0", "user_id": "1"}]),
        (*LINK, 201, [{"provider": "auth0", "user_id": 1.5, "connection": "x"}]),
        ("GET", "/api/v2/users/auth0%7C1", 200, {"user_id": 1}),
        ("GET", "/api/v2/users/auth0%7C1", 418, {**ERROR, "statusCode": 418}),
        ("DELETE", "/api/v2/users/auth0%7C1", 204, {}),
    ],
)
def test_what_the_description_does_not_say_is_found(
    method: str, path: str, status: int, payload: Any
) -> None:
    found = judged(method, path, status, payload)

    assert (found != []) is (oracle.description() is not None)


def test_what_it_says_is_let_pass() -> None:
    row = {"provider": "github", "user_id": 1, "connection": "github"}

    assert judged(*LINK, 201, [row]) == []
    assert judged(*LINK, 400, ERROR) == []
    assert judged("DELETE", "/api/v2/users/auth0%7C1", 204, None) == []
    assert (
        judged("GET", "/api/v2/users", 200, {"start": 0, "limit": 1, "length": 0, "total": 0, "users": []})
        == []
    )
