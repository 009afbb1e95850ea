"""The console script as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]  # its stubs are not installed

ROOT = Path(__file__).parents[2]
CODE = "import sys; from airflow_provider_auth0link.cli import main; sys.exit(main())"


def command(*arguments: str, before: str = "") -> list[str]:
    """Return the command line; *before* is Python that runs first."""
    return [sys.executable, "-c", f"{before}\n{CODE}", *arguments]


def environment(**more: str) -> dict[str, str]:
    """Return the environment for a command: without any Airflow setting, and with *more*."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    return {**kept, "PYTHONPATH": str(ROOT), **more}


def auth0link(
    *arguments: str, cwd: Path, before: str = "", env: Mapping[str, str] | None = None, **options: Any
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        command(*arguments, before=before),
        cwd=cwd,
        env=dict(env) if env is not None else environment(),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        **options,
    )


def gone(process: psutil.Process) -> bool:
    """Wait for a process to end; nobody may be there to reap it."""
    try:
        process.wait(timeout=30)
    except psutil.TimeoutExpired:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    return True
