from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

CONFTEST = """
from airflow_provider_auth0link.emulator.testing import auth0_tenant

__all__ = ["auth0_tenant"]
"""

TEST = """
import json
import urllib.request

import pytest


@pytest.mark.parametrize("number", [1, 2])
def test_a_tenant_of_its_own(auth0_tenant, number):
    assert auth0_tenant.users() == []
    auth0_tenant.add_user({"user_id": f"auth0|{number}"})

    assert json.loads(auth0_tenant.connection())["conn_type"] == "auth0"
    with urllib.request.urlopen(auth0_tenant.url + "/_emulator/export") as answer:
        assert json.loads(answer.read())["user_id"] == f"auth0|{number}"
"""


def test_another_project_has_the_fixture(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_theirs.py").write_text(TEST)

    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    assert "2 passed" in done.stdout, done.stdout + done.stderr
