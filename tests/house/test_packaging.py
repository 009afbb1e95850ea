"""What the distribution promises."""

from __future__ import annotations

import importlib
import re
import tomllib

import pytest

from airflow_provider_auth0link import __version__, get_provider_info
from tests.house.tree import PACKAGE, ROOT, modules

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

PLUGGED = PROJECT["project"]["entry-points"].values()

ENTRY_POINTS = {
    **PROJECT["project"]["scripts"],
    **{name: target for group in PLUGGED for name, target in group.items()},
}


@pytest.mark.parametrize("target", ENTRY_POINTS.values(), ids=ENTRY_POINTS)
def test_an_entry_point_can_be_called(target: str) -> None:
    module, _, name = target.partition(":")

    assert callable(getattr(importlib.import_module(module), name))


def test_the_distribution_bears_the_provider_s_name() -> None:
    # Airflow takes a provider whose package-name is not that of its distribution for a mistake.
    assert PROJECT["project"]["name"] == get_provider_info()["package-name"]


def test_the_version_is_written_once() -> None:
    assert "version" not in PROJECT["project"]
    assert PROJECT["tool"]["hatch"]["version"]["path"] == "airflow_provider_auth0link/__init__.py"
    written = re.compile(rf"\b{re.escape(__version__)}\b")
    assert [path.name for path in modules(PACKAGE) if written.search(path.read_text())] == ["__init__.py"]


def test_the_changelog_s_newest_heading_is_this_version() -> None:
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert headings[0] in {"Unreleased", __version__}
    assert len(headings) == len(set(headings))


def test_the_package_is_typed() -> None:
    assert (PACKAGE / "py.typed").is_file()
