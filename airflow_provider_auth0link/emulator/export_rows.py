"""
What stands in the file of a users export, and what may be asked of one.

"Bulk Export User Data" and ``POST /jobs/users-exports`` of the Management API reference. UNCONFIRMED, as
neither says so: which fields are exported when none are named, the format when none is, and that in
JSON too a nested field stands under its path, or its ``export_as``, at the root.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from airflow_provider_auth0link.emulator.accounts import Json, without_tokens
from airflow_provider_auth0link.emulator.answers import ApiError, invalid_body, utf8
from airflow_provider_auth0link.emulator.bodies import Field, checked

DEFAULT_FIELDS = (
    "user_id", "email", "email_verified", "name", "given_name", "family_name", "nickname", "picture",
    "created_at", "updated_at",
)  # fmt: skip
MOST_CSV_FIELDS = 30
METADATA = frozenset({"user_metadata", "app_metadata"})
DATES = frozenset({"created_at", "updated_at", "last_login", "last_password_reset"})
"""Made by Auth0: not escaped in CSV."""

_TITLE = Field(("string",), 1, 100)
_BODY: dict[str, Field] = {
    "connection_id": Field(("string",), 0, None, r"con_[A-Za-z0-9]{16}"),
    "format": Field(("string",), 0, None, "json|csv"),
    "limit": Field(("integer",)),
    "fields": Field(("array",)),
}
_FIELD: dict[str, Field] = {"name": _TITLE, "export_as": _TITLE}

_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """
    What an export is to hold.

    :param columns: title in the file, and steps to the value
    :param told: the body, as jobs repeat it
    """

    format: str
    columns: tuple[tuple[str, Path], ...]
    connection_id: str | None
    limit: int | None
    told: Json

    @property
    def head(self) -> bytes:
        """What stands before the users."""
        return b"" if self.format == "json" else _csv_line([_quoted(title) for title, _ in self.columns])

    def line(self, account: Json) -> bytes:
        """Write one user."""
        if self.format == "json":
            return utf8(_JSON.encode(self._row(account))) + b"\n"
        row = self._row(account)
        return _csv_line([_cell(row.get(title), path) for title, path in self.columns])

    def _row(self, account: Json) -> Json:
        row = {}
        for title, path in self.columns:
            value = _value(account, path)
            if value is not None:
                row[title] = [without_tokens(each) for each in value] if path == ("identities",) else value
        return row


def wanted(body: object) -> Wanted:
    """
    Read what is asked for.

    :param body: decoded JSON; None for an empty one
    :raises ApiError: 400
    """
    row = checked({} if body is None else body, _BODY)
    if row.get("limit", 1) < 1:
        raise invalid_body(f"Value {row['limit']} is less than minimum 1 on property limit")
    fields = [_field(each) for each in row.get("fields", ())]
    columns = tuple(fields or ((name, (name,)) for name in DEFAULT_FIELDS))
    form = row.get("format", "json")
    if form == "csv":
        _check_csv(columns)
    return Wanted(form, columns, row.get("connection_id"), row.get("limit"), {**row, "format": form})


def _field(row: object) -> tuple[str, Path]:
    given = checked(row, _FIELD)
    if "name" not in given:
        raise invalid_body("Missing required property: name on property fields")
    steps = re.findall(r"[^.\[\]]+", given["name"])
    if not steps:
        raise invalid_body("String does not match a path on property name")
    path = tuple(int(each) if each.isdecimal() and number else each for number, each in enumerate(steps))
    return str(given.get("export_as", given["name"])), path


def _check_csv(columns: tuple[tuple[str, Path], ...]) -> None:
    if len(columns) > MOST_CSV_FIELDS:
        raise invalid_body(
            f"Array is too long ({len(columns)}), maximum {MOST_CSV_FIELDS} on property fields"
        )
    if whole := [path[0] for _, path in columns if len(path) == 1 and path[0] in METADATA]:
        raise ApiError(400, f"{whole[0]} cannot be exported as a single object in CSV.", "invalid_body")


def _value(account: Json, path: Path) -> Any:  # noqa: ANN401 - decoded JSON
    value: Any = account.get(str(path[0]))
    for step in path[1:]:
        if isinstance(value, dict):
            value = value.get(str(step))
        elif isinstance(value, list) and isinstance(step, int):
            value = value[step] if step < len(value) else None
        else:
            return None
    return value


def _cell(value: object, path: Path) -> str:
    """Write a value as CSV: strings with a quote before them, against injected formulas (OWASP)."""
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    if path[0] in DATES:
        return str(value)
    return _quoted("'" + (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)))


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _csv_line(cells: list[str]) -> bytes:
    return utf8(",".join(cells) + "\n")
