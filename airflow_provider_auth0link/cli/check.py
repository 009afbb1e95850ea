"""``auth0link check``: what a connection may do, and how fast."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_provider_auth0link.cli.rates import PUBLISHED, Rate, in_words, on_bucket
from airflow_provider_auth0link.errors import Auth0LinkError, InputError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from airflow_provider_auth0link.hooks.auth0 import Diagnosis

LINKS = 100_000
NEEDED = "LinkIdentityOperator"
"""The operator without whose scopes the answer is no."""

CONTEXT = "_AIRFLOW_PROCESS_CONTEXT"
"""Airflow 3 looks a connection up in its database only where this says "server"; its own commands set it."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "conn_id",
        nargs="?",
        default="auth0_default",
        metavar="CONN_ID",
        help="an Airflow connection, from the environment, a secrets backend or the metadata database"
        " (default: %(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Ask the tenant and show what it said. 0 when links can be made, 1 when not, 2 for a bad connection."""
    from airflow.providers.common.compat.sdk import AirflowNotFoundException
    from rich.console import Console

    from airflow_provider_auth0link.hooks.auth0 import Auth0Hook

    try:
        with _as_airflow_commands_do():
            diagnosis = Auth0Hook(arguments.conn_id).diagnose()
    except AirflowNotFoundException:
        raise InputError(
            f"there is no connection {arguments.conn_id!r}. Add it in Airflow, or set "
            f"AIRFLOW_CONN_{arguments.conn_id.upper()}"
        ) from None
    except InputError:
        raise
    except Auth0LinkError as error:
        print(f"auth0link: {error}", file=sys.stderr)
        return 1
    return show(diagnosis, Console())


def show(diagnosis: Diagnosis, console: Console) -> int:
    """Print a diagnosis. Return 0 when the token carries all that linking needs, else 1."""
    console.print(f"Tenant  {diagnosis.tenant}", markup=False, highlight=False)
    if diagnosis.client_id:
        console.print(f"Client  {diagnosis.client_id}", markup=False, highlight=False)
    for note in diagnosis.notes:
        console.print(note, markup=False, highlight=False)
    console.print(_scopes(diagnosis))
    for rate in on_bucket(diagnosis.rate_limit):
        ...
    return int(bool(missing(diagnosis, NEEDED)))


@contextmanager
def _as_airflow_commands_do() -> Iterator[None]:
    before = os.environ.get(CONTEXT)
    os.environ.setdefault(CONTEXT, "server")
    try:
        yield
    finally:
        if before is None:
            del os.environ[CONTEXT]
