"""``auth0link rehearse``: a plan linked on a copy of the tenant, and what that would change, cost and take."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_auth0link.cli.ending import complain
from airflow_provider_auth0link.errors import Auth0LinkError, InputError
from airflow_provider_auth0link.linking.options import CONFLICTS, METADATA, SNAPSHOTS, Options
from airflow_provider_auth0link.settings import RATE_SHARE

if TYPE_CHECKING:
    from airflow_provider_auth0link.cli.rehearse.told import Rehearsal, Step
    from airflow_provider_auth0link.linking.plan import Plan
    from airflow_provider_auth0link.linking.store import Store

CARRY = METADATA
GUARDS = ("not_blocked", "verified_email", "not_enterprise_secondary")
"""As LinkIdentitiesOperator has them."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add = parser.add_argument
    add("users", metavar="USERS", help="the tenant's export: .ndjson, .jsonl or .json, each also .gz")
    add("plan", metavar="PLAN", help="what to link: .jsonl, .jsonl.gz or .csv")
    add(
        "--carry",
        metavar="NAME,NAME",
        type=_names,
        default=CARRY,
        help=f"as the operator's argument; default {','.join(CARRY)}; '' for nothing",
    )
    add("--carry-except", metavar="PATH,PATH", type=_names, default=(), help="never carried")
    add("--conflicts", choices=CONFLICTS, default="primary", help="whose value wins (default: %(default)s)")
    add(
        "--guards",
        metavar="NAME,NAME",
        type=_guards,
        default=GUARDS,
        help=f"default {','.join(GUARDS)}; '' for none",
    )
    add("--snapshot", choices=SNAPSHOTS, default="full", help="what is read for it (default: %(default)s)")
    add(
        "--rate-share",
        metavar="SHARE",
        type=_share,
        default=RATE_SHARE,
        help="of the connection that the run will use (default: %(default)s)",
    )
    add("--report", metavar="FILE", help="write the report of it as one HTML page")
    add("--journal", metavar="DIR", help="keep the journal, with the snapshots, in this new folder")
    add("--show-emails", action="store_true", help="do not mask e-mails")
    add("--json", action="store_true", help="print one JSON object, with every primary and refused pair")


def run(arguments: argparse.Namespace) -> int:
    """Rehearse. 0 when all would be linked or refused, 1 when some would fail, 2 when something given is wrong."""
    from airflow_provider_auth0link.cli.rehearse.told import rehearse
    from airflow_provider_auth0link.cli.rehearse.world import check_export

    check_export(arguments.users)
    options = Options.checked(
        carry=arguments.carry,
        carry_except=arguments.carry_except,
        conflicts=arguments.conflicts,
        guards=arguments.guards,
        snapshot=arguments.snapshot,
    )
    _check_folder(arguments.report)
    plan, store = _plan(arguments.plan), _store(arguments.journal)
    try:
        with _progress() as told:
            rehearsal = rehearse(arguments.users, plan, options, store, share=arguments.rate_share, told=told)
    except InputError:
        raise
    except Auth0LinkError as error:
        complain(error)
        return 1
    if arguments.report:
        _write_report(store, rehearsal, arguments)
    _show(rehearsal, arguments)
    summary = rehearsal.played.summary
    return int(bool(summary["failed"] or summary["unknown"]))


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _guards(text: str) -> tuple[str, ...]:
    """Read guards; what follows ``verified_email:`` is its own up to the next guard, whose name has an underscore."""
    guards: list[str] = []
    for name in _names(text):
        if guards and ":" in guards[-1] and "_" not in name:
            guards[-1] += f",{name}"
        else:
            guards.append(name)
    return tuple(guards)


def _share(text: str) -> float:
    value = float(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError("must be above 0, and 1 at most")
    return value


def _plan(path: str) -> Plan:
    from airflow_provider_auth0link.hooks import files
    from airflow_provider_auth0link.linking.plan import read_plan

    with files.reading(path) as file:
        return read_plan(file, path)


def _store(folder: str | None) -> Store:
    """Return where the journal goes: memory, or a new folder of this machine."""
    from airflow_provider_auth0link.cli.rehearse.store import MemoryStore
    from airflow_provider_auth0link.hooks.local_store import LocalStore

    if folder is None:
        return MemoryStore()
    store = LocalStore(Path(folder).absolute())
    if store.names():
        raise InputError(f"--journal: {folder} holds files already. A rehearsal needs a folder of its own")
    store.check_writable()
    return store


def _check_folder(path: str | None) -> None:
    """Refuse a report that has no place before the work, not after it."""
    if path is not None and (Path(path).is_dir() or not Path(path).absolute().parent.is_dir()):
        raise InputError(f"--report: {path} is a folder, or its folder is not there. Make that first")


def _write_report(store: Store, rehearsal: Rehearsal, arguments: argparse.Namespace) -> None:
    from airflow_provider_auth0link.hooks import files
    from airflow_provider_auth0link.report.figures import of_journal
    from airflow_provider_auth0link.report.page import render

    figures = of_journal(store, plan_counts={"accounts": rehearsal.accounts})
    figures = figures.with_gains(rehearsal.effects.gained)
    if arguments.journal is None:
        figures = replace(figures, where=None)
    with files.writing(arguments.report) as file:
        file.write(render(figures, show_emails=arguments.show_emails).encode())


def _show(rehearsal: Rehearsal, arguments: argparse.Namespace) -> None:
    if arguments.json:
        print(json.dumps(rehearsal.to_json(show_emails=arguments.show_emails), indent=2))
        return
    from rich.console import Console

    from airflow_provider_auth0link.cli.rehearse.tables import Tables

    Tables(rehearsal, show_emails=arguments.show_emails).show(Console(file=sys.stdout))


@contextmanager
def _progress() -> Iterator[Step | None]:
    """Show a bar while somebody looks on; it is gone at the end."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<8}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as progress:
        task = progress.add_task("begin", total=None)
        yield lambda what, done, of: progress.update(task, description=what, completed=done, total=of or None)
