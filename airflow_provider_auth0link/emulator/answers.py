"""What the tenant says: answers, and Auth0's error bodies."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Literal

JSON_TYPE = "application/json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """
    An answer before it goes on the wire.

    *body* is text already, or a file, or empty. *fault* is the kind of one that struck while it was made.
    """

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = JSON_TYPE
    fault: str | None = None

    def with_headers(self, *headers: tuple[str, str]) -> Answer:
        """Return the same answer with more headers."""
        return replace(self, headers=self.headers + headers)

    def struck_by(self, kind: str) -> Answer:
        """Return the same answer, telling of a fault."""
        return replace(self, fault=kind)


def answer(payload: object, status: int = 200, *headers: tuple[str, str]) -> Answer:
    """Build an answer from what can be written as JSON."""
    return Answer(status, utf8(json.dumps(payload, ensure_ascii=False)), headers)


def utf8(text: str) -> bytes:
    """
    Encode JSON, or what is made of it.

    Half a surrogate, which a body may bring as an escape, goes out as that escape: so writes JSON.stringify, which
    answers of Node come from (ECMAScript 2019, "Well-formed JSON.stringify").
    """
    return text.encode(errors="backslashreplace")


class ApiError(Exception):
    """
    The tenant says no: ``{"statusCode", "error", "message", "errorCode"?}``.

    :param status: HTTP status
    :param message: Auth0's text
    :param code: Auth0's ``errorCode``; optional, as some real bodies have none
    :param extra: further keys of the body
    """

    def __init__(self, status: int, message: str, code: str | None = None, **extra: Any) -> None:  # noqa: ANN401 - JSON
        super().__init__(message)
        self.status = status
        body = {"statusCode": status, "error": HTTPStatus(status).phrase, "message": message, **extra}
        self.body = body if code is None else {**body, "errorCode": code}

    def answer(self) -> Answer:
        """Return the error as it goes out."""
        return answer(self.body, self.status)


class TokenError(Exception):
    """``/oauth/token`` says no: ``{"error", "error_description"}``."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.error = error

    def answer(self) -> Answer:
        """Return the error as it goes out."""
        return answer({"error": self.error, "error_description": str(self)}, self.status)


def invalid_body(problem: str) -> ApiError:
    """400 about the body; "the message will vary" (Management API)."""
    return ApiError(400, f"Payload validation error: '{problem}'", "invalid_body")


def invalid_uri(problem: str) -> ApiError:
    """400 about the path."""
    return ApiError(400, f"Path validation error: '{problem}'", "invalid_uri")


def invalid_query(problem: str) -> ApiError:
    """400 about the query string."""
    return ApiError(400, f"Query validation error: '{problem}'", "invalid_query_string")


def unauthorized(message: str) -> ApiError:
    """401 as recorded from a real tenant: no ``errorCode``, the text a second time in ``attributes``."""
    return ApiError(401, message, attributes={"error": message})


def insufficient_scope(expected: tuple[str, ...], *, every: bool = False) -> ApiError:
    """403 as recorded from a real tenant."""
    which = "all" if every else "any"
    text = f"Insufficient scope, expected {which} of: {','.join(expected)}"
    return ApiError(403, text, "insufficient_scope")


def missing_user(status: int = 404) -> ApiError:
    """Tell that a user is not there. 404 on most routes; linking may say 400."""
    return ApiError(status, "The user does not exist.", "inexistent_user")


def too_many_requests(group: str = "Global limit") -> ApiError:
    """429 naming the bucket that ran dry."""
    return ApiError(429, f"{group} has been reached", "too_many_requests")


type_name: dict[type, Literal["null", "boolean", "integer", "number", "string", "array", "object"]] = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}
"""JSON's name of a decoded value's type, for messages."""
