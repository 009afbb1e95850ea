"""
What somebody gets who installs the distribution. Needs what ``make test-wheel`` builds and installs.

``.venvs/wheel`` holds the wheel and what it depends on, ``.venvs/consumer`` the extra ``[emulator]``
and pytest as well. Neither sees this checkout.
"""

from __future__ import annotations

import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from airflow_provider_auth0link import __version__
from tests.lanes.lane import ROOT, Lane

pytestmark = pytest.mark.wheel

NAME = f"airflow_provider_auth0link-{__version__}"
WHEEL = ROOT / "dist" / f"{NAME}-py3-none-any.whl"
SDIST = ROOT / "dist" / f"{NAME}.tar.gz"

TEST_OF_ANOTHER_PROJECT = """
from airflow_provider_auth0link.hooks.auth0 import Auth0Hook
from airflow_provider_auth0link.operators.link import LinkIdentityOperator


def test_two_accounts_become_one(auth0_tenant, monkeypatch):
    auth0_tenant.add_user({"user_id": "auth0|1", "email": "ada@example.com", "email_verified": True})
    auth0_tenant.add_user({"user_id": "google-oauth2|2", "email": "ada@example.com", "email_verified": True})
    monkeypatch.setenv("AIRFLOW_CONN_AUTH0_DEFAULT", auth0_tenant.connection())

    Auth0Hook().link_identity("auth0|1", "google-oauth2|2")

    assert auth0_tenant.links_applied == {("auth0|1", "google-oauth2|2"): 1}
    assert LinkIdentityOperator.template_fields
"""


def _stranger(environment: str, home: Path) -> Lane:
    return Lane(home, ROOT / ".venvs" / environment / "bin" / "python", checkout=False)


@pytest.fixture
def wheel() -> zipfile.ZipFile:
    """Return the wheel, opened."""
    return zipfile.ZipFile(WHEEL)


@pytest.fixture
def bare(tmp_path: Path) -> Lane:
    """Return an Airflow with the wheel and nothing else in it."""
    return _stranger("wheel", tmp_path)


@pytest.fixture
def consumer(tmp_path: Path) -> Lane:
    """Return an Airflow with the wheel, its extra ``[emulator]`` and pytest in it."""
    return _stranger("consumer", tmp_path)


def test_the_wheel_holds_the_package_and_the_examples_and_no_more(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())

    examples = {path.name for path in (ROOT / "dags_examples").glob("*.py")}
    inside = "airflow_provider_auth0link/example_dags/"
    assert {name.removeprefix(inside) for name in names if name.startswith(inside)} == examples
    assert {name.partition("/")[0] for name in names} == {"airflow_provider_auth0link", f"{NAME}.dist-info"}
    assert "airflow_provider_auth0link/py.typed" in names


def test_its_metadata_says_what_it_is(wheel: zipfile.ZipFile) -> None:
    metadata = Parser().parsestr(wheel.read(f"{NAME}.dist-info/METADATA").decode())

    assert metadata["Name"] == "airflow-provider-auth0link"
    assert metadata["Version"] == __version__
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert f"{NAME}.dist-info/licenses/LICENSE" in wheel.namelist()


def test_the_source_distribution_can_be_built_and_tested() -> None:
    with tarfile.open(SDIST) as archive:
        names = {name.removeprefix(f"{NAME}/") for name in archive.getnames()}

    assert names >= {
        "pyproject.toml",
        "Makefile",
        "LICENSE",
        "README.md",
        "CHANGELOG.md",
        ".ci/run",
        ".ci/locks/main.txt",
        "dags_examples/example_dedup_and_link.py",
        "tests/conftest.py",
    }
    assert [name for name in names if "__pycache__" in name or name.startswith(".venv")] == []


def test_airflow_describes_the_installed_provider(bare: Lane) -> None:
    told = bare.airflow("providers", "get", "airflow-provider-auth0link", "--output", "plain")

    assert "airflow-provider-auth0link" in told
    assert __version__ in told


def test_the_package_comes_from_the_wheel_and_its_examples_load(bare: Lane) -> None:
    code = (
        "from pathlib import Path; import airflow_provider_auth0link as package;"
        "from airflow.dag_processing.dagbag import DagBag;"
        "home = Path(package.__file__).parent; bag = DagBag(str(home / 'example_dags'));"
        "print(home); print(bag.import_errors); print(*sorted(bag.dags))"
    )
    home, errors, dags = bare.python("-c", code).stdout.splitlines()[-3:]

    assert Path(home).parent.name == "site-packages"
    assert errors == "{}"
    assert dags.split() == sorted(path.stem for path in (ROOT / "dags_examples").glob("*.py"))


def test_the_console_script_helps(bare: Lane) -> None:
    shown = bare.run("auth0link", "--help").stdout

    assert {"demo", "emulator", "check"} <= set(shown.replace(",", " ").split())


def test_a_journal_in_a_bucket_asks_for_its_extra(bare: Lane) -> None:
    code = (
        "from airflow_provider_auth0link.errors import InputError\n"
        "from airflow_provider_auth0link.hooks.journal import open_store\n"
        "try: open_store('s3://bucket/prefix')\n"
        "except InputError as error: print(error)"
    )
    told = bare.python("-c", code).stdout.splitlines()[-1]

    assert told.endswith("s3:// needs the extra [s3]: pip install 'airflow-provider-auth0link[s3]'")


def test_the_demo_runs_from_the_wheel_and_leaves_nothing(consumer: Lane, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()

    shown = consumer.run("auth0link", "demo", TMPDIR=str(temporary)).stdout

    assert "linked" in shown.lower()
    assert list(tmp_path.rglob("*")) == [temporary]


def test_another_project_tests_with_the_tenant(consumer: Lane, tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "tests").mkdir(parents=True)
    (project / "pyproject.toml").write_text("[tool.pytest.ini_options]\ntestpaths = ['tests']\n")
    (project / "tests" / "conftest.py").write_text(
        "from airflow_provider_auth0link.emulator.testing import auth0_tenant\n\n__all__ = ['auth0_tenant']\n"
    )
    (project / "tests" / "test_merge.py").write_text(TEST_OF_ANOTHER_PROJECT)

    shown = consumer.python("-m", "pytest", "--rootdir", str(project), str(project))

    assert "1 passed" in shown.stdout
