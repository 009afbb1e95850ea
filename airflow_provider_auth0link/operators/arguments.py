"""
Arguments as they are after rendering, read strictly.

Jinja makes strings of everything: 'None', 'True', ''. With ``render_template_as_native_obj`` it makes other
types of strings. Both are read here, once, before anything is sent.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.hooks import ids
from airflow_provider_auth0link.model import UserId, id_text

UNSET = frozenset({"", "None"})


def optional_text(name: str, value: object) -> str | None:
    """Return a string argument, None when it is unset or rendered to '' or 'None'."""
    if value is None or (isinstance(value, str) and value in UNSET):
        return None
    if not isinstance(value, str):
        raise InputError(
            f"{name}: expected a string, got {type(value).__name__}. If the Dag sets "
            "render_template_as_native_obj, switch it off for this task"
        )
    return value


def text(name: str, value: object) -> str:
    """Return a string argument that must be there."""
    read = optional_text(name, value)
    if read is None:
        raise InputError(f"{name}: is empty")
    return read


def arrived(name: str, value: object, *, given: bool) -> None:
    """
    Refuse a limit that the Dag gave and that rendered to nothing: without it more would be changed than was meant.

    :param given: whether it was given when the task was built
    """
    if given and (value is None or (isinstance(value, str) and value in UNSET)):
        raise InputError(f"{name}: rendered to nothing. Mend where it comes from, or leave it out")


def flag(name: str, value: object) -> bool:
    """Return a switch: true or false, in any case, as a bool or as text."""
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else ""
    if word not in {"true", "false"}:
        raise InputError(f"{name}: must be true or false after rendering")
    return word == "true"


def choice(name: str, value: object, known: tuple[str, ...]) -> str:
    """Return one of a few words."""
    if value not in known:
        raise InputError(f"{name}: {value!r} is not known; known are {list(known)}")
    return str(value)


def texts(name: str, value: object) -> list[str]:
    """Return strings that are given as a list, or as JSON text of one; none when it is unset."""
    if isinstance(value, str) and value not in UNSET:
        with suppress(ValueError, RecursionError):
            value = json.loads(value)
    if value is None or (isinstance(value, str) and value in UNSET):
        return []
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        raise InputError(f"{name}: must be a list, or JSON text of one, after rendering")
    found = list(value)
    if not all(isinstance(each, str) and each not in UNSET for each in found):
        raise InputError(f"{name}: holds what is no text, or rendered to nothing")
    return found


def connection_id(value: object) -> str | None:
    """Return an Auth0 connection id, ``con_`` and letters or digits."""
    read = optional_text("connection_id", value)
    return None if read is None else ids.connection_id(read)


def optional_id(name: str, value: object) -> str | int | None:
    """Return an id, None when it is unset or rendered to '' or 'None'."""
    if value is None or (isinstance(value, str) and value in UNSET):
        return None
    id_text(value, name)
    return value if isinstance(value, str) else int(str(value))


def secondary(value: str | int, provider: str | None) -> UserId:
    """
    Read the secondary: a full id, or the bare part beside its provider.

    The bare part of an enterprise id holds pipes of its own (``connection|id``), so only the provider
    itself in front makes a full id of it.
    """
    if provider is None:
        return UserId.parse(value, "secondary_user_id")
    if "|" in provider:
        raise InputError("provider: holds a '|'. Give the part before it alone")
    rest = str(value).removeprefix(f"{provider}|")
    return UserId.of(provider, rest, "provider and secondary_user_id")


class Evidence(Mapping[str, Any]):
    """
    Evidence of a plan line that shows its keys only.

    Rendered Templates are kept in Airflow's database and shown to all; evidence holds e-mails.
    """

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = dict(values)

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"<evidence: {', '.join(map(str, self._values))}>"


def shown_evidence(value: object) -> object:
    """Wrap evidence after rendering, JSON text too; what is none is left for the check to refuse."""
    if isinstance(value, str):
        if value in UNSET:
            return None
        try:
            value = json.loads(value)
        except ValueError:
            return value
    return Evidence(value) if isinstance(value, Mapping) else value
