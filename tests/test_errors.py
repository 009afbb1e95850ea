from __future__ import annotations

import pytest

from airflow_provider_auth0link import errors
from airflow_provider_auth0link.errors import Auth0LinkError

TREE = (errors.__doc__ or "").split("::", 1)[1].split("Messages say", 1)[0]


def _drawn() -> list[tuple[str, bool]]:
    """Return the names of the drawn tree, and whether it calls each retryable."""
    rows = [line.lstrip("│├└─ ").split() for line in TREE.splitlines()]
    return [
        (row[0], row[1] == "yes")
        for row in rows
        if row and row[0].endswith("Error") and row[1] != "retryable:"
    ]


def _parent(name: str) -> str:
    """Return the name that the drawing puts a name below."""
    above = ["Auth0LinkError"]
    for line in TREE.splitlines():
        drawn = line.lstrip("│├└─ ")
        depth = (len(line) - len(drawn)) // 4
        if drawn.startswith(f"{name} "):
            return above[depth - 1]
        if drawn and depth:
            above[depth:] = [drawn.split()[0]]
    raise AssertionError(name)


@pytest.mark.parametrize(("name", "retryable"), _drawn(), ids=[name for name, _ in _drawn()])
def test_an_error_is_what_the_drawn_tree_says(name: str, retryable: bool) -> None:
    error = getattr(errors, name)

    assert error.retryable is retryable
    assert error.__mro__[1].__name__ == _parent(name)


def test_the_drawing_is_whole() -> None:
    assert {"Auth0LinkError", *(name for name, _ in _drawn())} == {
        name for name in vars(errors) if name.endswith("Error")
    }


def test_the_root_is_not_retried() -> None:
    assert Auth0LinkError.retryable is False
    assert issubclass(errors.InputError, ValueError)
