"""``auth0link demo``: example Dags, run by Airflow over HTTP against a made-up tenant, on this machine."""

from __future__ import annotations

import argparse
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import airflow_provider_auth0link
from airflow_provider_auth0link.cli.tenant import emulator_module
from airflow_provider_auth0link.errors import InputError

KEPT = {
    "warehouse.db": "the warehouse, SQLite: users, and which id became which",
    "auth0link": "the journal of the batch and its undo, and the map of ids",
    "airflow": "Airflow's home: its database, the Dags, the logs of the tasks",
    "airflow.log": "what Airflow printed",
}

DAGS = ("example_batch", "example_undo", "example_dedup_and_link")
USERS, SEED = 240, 218
RATE, BURST, LATENCY = 50, 50, 0.02
"""Requests a second and bucket as on Private Cloud 1x (Auth0 rate limit policy); seconds of an answer."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--keep",
        type=Path,
        metavar="DIR",
        help="keep the warehouse, journal, Airflow's home and its log in this new folder (default: leave nothing)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Play the demo. Return 0 when the run did all it should, 1 when it did not."""
    server = emulator_module()
    dags = [example(name) for name in DAGS]
    from rich.console import Console

    from airflow_provider_auth0link.cli.demo.play import Scene, play
    from airflow_provider_auth0link.cli.demo.warehouse import overnight
    from airflow_provider_auth0link.emulator.users import believable_users

    users = believable_users(USERS, SEED)
    today = overnight(users)
    with (
        _folder(arguments.keep) as folder,
        server.Emulator(users=today, rate=RATE, burst=BURST, latency=LATENCY, seed=SEED) as tenant,
    ):
        console = Console()
        code = play(Scene(folder, dags, users, tenant), console)
        if arguments.keep is not None:
            console.print(kept(folder), highlight=False, markup=False, soft_wrap=True)
        return code


def kept(folder: Path) -> str:
    """Say what a folder holds now, and what to try with it."""
    lines = [f"\nKept in {folder}:"]
    lines += [f"  {name:<14}{what}" for name, what in KEPT.items() if (folder / name).exists()]
    journal = next(iter(sorted((folder / "auth0link" / "journals").glob("*"))), None)
    if journal is not None:
        path = shlex.quote(str(journal))
        page = shlex.quote(str(folder / "report.html"))
        lines += ["Try next:", f"  auth0link journal {path}", f"  auth0link report {path} -o {page}"]
    return "\n".join(lines)


def example(name: str) -> Path:
    """
    Find an example Dag, in the installed package or beside it in a checkout.

    :raises InputError: when it is in neither place
    """
    package = Path(airflow_provider_auth0link.__file__).parent
    for folder in (package / "example_dags", package.parent / "dags_examples"):
        if (found := folder / f"{name}.py").is_file():
            return found
    raise InputError(f"{name}.py is neither in {package.name}/example_dags nor in dags_examples. Reinstall")


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """Give a folder to work in: a temporary one, or the new one that is to be kept."""
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="auth0link-demo-") as folder:
            yield Path(folder)
        return
    try:
        keep.mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise InputError(
            f"--keep: {keep} cannot be made ({error.strerror}). Give a folder that is not there yet"
        ) from None
    yield keep.resolve()
