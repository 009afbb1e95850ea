"""The error tree holds everywhere: one root, and every branch crosses a process border."""

from __future__ import annotations

import importlib
import inspect
import pickle
import pkgutil
from collections.abc import Iterator

import pytest

import airflow_provider_auth0link
from airflow_provider_auth0link import errors
from airflow_provider_auth0link.errors import Auth0LinkError

# The emulator shares nothing but nouns with the rest.
STRANGERS = ("airflow_provider_auth0link.emulator", "airflow_provider_auth0link.example_dags")


def _raised() -> Iterator[type[BaseException]]:
    path, prefix = airflow_provider_auth0link.__path__, "airflow_provider_auth0link."
    for found in pkgutil.walk_packages(path, prefix):
        if found.name.startswith(STRANGERS) or found.name.endswith("__main__"):
            continue
        module = importlib.import_module(found.name)
        for _, value in inspect.getmembers(module, inspect.isclass):
            if issubclass(value, BaseException) and value.__module__ == found.name:
                yield value


ERRORS = sorted(set(_raised()), key=lambda error: error.__name__)


def test_the_walk_finds_the_tree() -> None:
    assert Auth0LinkError in ERRORS
    assert {error.__name__ for error in ERRORS} >= {name for name in vars(errors) if name.endswith("Error")}


@pytest.mark.parametrize("error", ERRORS)
def test_every_error_descends_from_the_root(error: type[BaseException]) -> None:
    assert issubclass(error, Auth0LinkError)


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_crosses_a_process_border(error: type[BaseException]) -> None:
    copy = pickle.loads(pickle.dumps(error("what is wrong, and what to do")))

    assert type(copy) is error
    assert str(copy) == "what is wrong, and what to do"


@pytest.mark.parametrize("error", [error for error in ERRORS if error.__module__ == errors.__name__])
def test_the_drawn_tree_names_every_error(error: type[BaseException]) -> None:
    assert f" {error.__name__} " in (errors.__doc__ or "")
