"""``auth0link journal``: what a journal says, the ids that its links changed, and its snapshots deleted."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any, TextIO

from airflow_provider_auth0link.cli.ending import complain
from airflow_provider_auth0link.cli.look import counted
from airflow_provider_auth0link.cli.lookup import as_airflow_commands_do
from airflow_provider_auth0link.errors import Auth0LinkError, InputError

if TYPE_CHECKING:
    from airflow_provider_auth0link.linking.history import History
    from airflow_provider_auth0link.linking.report import Report
    from airflow_provider_auth0link.linking.store import Store


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "path", metavar="PATH", help="the journal_path of a run: a folder, or s3://conn_id@bucket/prefix"
    )
    parser.add_argument(
        "--id-map",
        metavar="FILE",
        help="write old_user_id,new_user_id of all that is linked to this CSV file",
    )
    parser.add_argument(
        "--earlier",
        metavar="FILE",
        action="append",
        default=[],
        help="an id map of before: its rows are kept and followed on; the oldest first, may be given again",
    )
    parser.add_argument(
        "--forget-snapshots",
        action="store_true",
        help="delete the snapshots, and the personal data in them; after that nothing can be undone",
    )
    parser.add_argument(
        "--yes", action="store_true", help="do not ask before snapshots are deleted; only a terminal is asked"
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="print one JSON object, with every pair that was refused or is to be looked at",
    )


def run(arguments: argparse.Namespace) -> int:
    """Read a journal and do what is asked. 0 done, 1 not done, 2 something given is wrong."""
    if arguments.earlier and not arguments.id_map:
        raise InputError("--earlier: there is no id map to put its rows into. Add --id-map FILE")
    if arguments.yes and not arguments.forget_snapshots:
        raise InputError(
            "--yes: there is nothing that is asked about. Add --forget-snapshots, or leave it out"
        )
    try:
        out = sys.stdout
        with as_airflow_commands_do():
            return _run(arguments, out)
    except InputError:
        raise
    except Auth0LinkError as error:
        complain(error)
        return 1


def _run(arguments: argparse.Namespace, out: TextIO) -> int:
    from airflow_provider_auth0link.hooks.journal import open_store
    from airflow_provider_auth0link.linking.journal import read_history
    from airflow_provider_auth0link.linking.report import report

    store = open_store(arguments.path)
    names = store.names()
    history = read_history(store, None, names)
    told = report(history, names)
    if not told.segments:
        raise InputError(f"{store.where}: there is no journal. A dry run writes none")
    done: dict[str, Any] = {}
    said: list[str] = []
    if arguments.id_map:
        rows = _write(history, told, arguments)
        done["id_map"] = {"path": arguments.id_map, "rows": rows}
        said.append(f"{counted(rows, 'id')} written to {arguments.id_map}")
    deleted: int | None = 0
    if arguments.forget_snapshots:
        deleted = _forget(arguments, told, store)
        done["deleted"] = deleted or 0
        said.append(_what_went(deleted, told, store))
        told = report(history, store.names())  # as it stands now
    if arguments.json:
        print(json.dumps({"journal": store.where, **told.to_json(), **done}, indent=2), file=out)
    else:
        _show(told, store, said, out)
    return int(deleted is None)


def _show(told: Report, store: Store, said: list[str], out: TextIO) -> None:
    from rich.console import Console

    from airflow_provider_auth0link.cli.journal_tables import show
    from airflow_provider_auth0link.linking.words import escaped

    show(told, store.where, Console(file=out))
    for line in said:
        print(f"\n{escaped(line)}", file=out)


def _what_went(deleted: int | None, told: Report, store: Store) -> str:
    """Say what a deletion took, by what there was before it."""
    if deleted is None:
        return "No snapshot was deleted."
    text = f"{counted(deleted, 'snapshot file')} deleted in {store.where}."
    if told.restorable and not told.rehearsed:
        text += f" What is lost with them: {counted(told.restorable, 'linked pair')} can no longer be undone."
    return text


def _write(history: History, told: Report, arguments: argparse.Namespace) -> int:
    """Write the id map and return how many rows it has."""
    from airflow_provider_auth0link.hooks.id_maps import earlier_rows, write

    if told.rehearsed:
        raise InputError("--id-map: this is the journal of a rehearsal, by which no id changed")
    return write(history, arguments.id_map, earlier_rows(arguments.earlier, "--earlier"))


def _forget(arguments: argparse.Namespace, told: Report, store: Store) -> int | None:
    """Delete the snapshots and return how many; None when whoever was asked said no."""
    from airflow_provider_auth0link.linking.journal import forget_snapshots

    _warn(told)
    agreed = arguments.yes or not _is_watched() or _agrees(told, store)
    return forget_snapshots(store) if agreed else None


def _is_watched() -> bool:
    """Tell whether somebody sits there who can be asked; a closed stdin is None."""
    return sys.stdin is not None and sys.stdin.isatty()


def _warn(told: Report) -> None:
    """Say what a deletion would cost, whoever reads it: a script's log too."""
    if told.unfinished and not told.rehearsed:
        print(
            f"Not finished: {counted(told.unfinished, 'pair')}. Without snapshots a later run cannot take back what "
            "was carried for them: run the task again first.",
            file=sys.stderr,
        )


def _agrees(told: Report, store: Store) -> bool:
    """Ask whoever sits there. Anything but yes is no."""
    cost = f" Nothing of {counted(told.restorable, 'linked pair')} can be undone after that."
    print(
        f"Delete {counted(told.snapshots, 'snapshot file')} in {store.where}?{'' if told.rehearsed else cost} [y/N] ",
        end="",
        file=sys.stderr,
        flush=True,
    )
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
