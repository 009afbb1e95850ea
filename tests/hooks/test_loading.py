"""DuckDB is imported whole, whatever signal comes meanwhile."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.commands import environment

PLAN = """
import signal, sys, threading
from airflow_provider_auth0link.duplicates.search import Search
from airflow_provider_auth0link.hooks.planning import Limits, Places, write_plan

class Ended(BaseException): ...

def end(*_):
    raise Ended

for each in (signal.SIGTERM, signal.SIGALRM, signal.SIGINT):
    signal.signal(each, end)
idle = threading.Event()
threading.Thread(target=idle.wait, daemon=True).start()  # which may be the one that the signal goes to
search = Search.checked(rules=("verified_email",), primary=("oldest",))
try:
    write_plan(Places("users.ndjson", "plan.jsonl", "rejects.jsonl"), search, Limits(), None)
except BaseException as error:
    print(type(error).__name__, hasattr(sys.modules.get("duckdb"), "whole"))
"""

SIGNALLED = """
import os, signal
os.kill(os.getpid(), signal.{name})
for _ in range(1000):  # in which Python calls the handler
    pass
whole = True
"""


def planned(folder: Path, duckdb: str) -> str:
    """Plan in a fresh process, with another DuckDB."""
    (folder / "duckdb.py").write_text(duckdb)
    done = subprocess.run(
        [sys.executable, "-c", PLAN],
        cwd=folder,
        env=environment(PYTHONPATH=str(folder)),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert not (folder / "plan.jsonl").exists()
    return done.stdout.strip()


@pytest.mark.parametrize("name", ["SIGTERM", "SIGALRM", "SIGINT"])
def test_a_signal_waits_until_duckdb_is_imported(name: str, tmp_path: Path) -> None:
    assert planned(tmp_path, SIGNALLED.format(name=name)) == "Ended True"


@pytest.mark.parametrize(
    ("module", "error"), [("duckdb", "InputError False"), ("_duckdb", "ModuleNotFoundError False")]
)
def test_a_duckdb_that_is_broken_is_no_missing_one(module: str, error: str, tmp_path: Path) -> None:
    assert planned(tmp_path, f"raise ModuleNotFoundError(name={module!r})") == error
