"""``auth0link plan``: from an export or a table's file to a plan that a person can approve. Needs no Airflow."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_provider_auth0link.duplicates.rules import (
    CHOICES,
    CONNECTIONS_PREFIX,
    METADATA_PREFIX,
    NAMED_RULES,
)
from airflow_provider_auth0link.duplicates.search import Search
from airflow_provider_auth0link.errors import InputError, StoppedError
from airflow_provider_auth0link.hooks.planning import PRIMARY, RULES, Limits, Places, write_plan

if TYPE_CHECKING:
    from airflow_provider_auth0link.hooks.planning import Told

MORE = """\
rules, the first one first; a pair may be found by any of them:
  verified_email         the same e-mail, case and Unicode form aside
  verified_phone         the same phone number
  metadata:PATH          the same text or number at a place in the metadata,
                         such as metadata:app_metadata.legacy_id
  Both accounts have to be verified: their phone for verified_phone, else their
  e-mail.

choices of the primary; each decides between what the ones before leave alike:
  most_logins  latest_login  oldest  has_metadata
  connections:NAME,NAME  the account of the connection that is named first

example:
  auth0link plan users.ndjson.gz -o plan.jsonl \\
      --rule verified_email --rule metadata:app_metadata.legacy_id
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = MORE
    add = parser.add_argument
    add("source", metavar="SOURCE", help="users: .ndjson, .jsonl, .json or .csv, each also .gz, or .parquet")
    add("-o", "--output", metavar="PLAN", required=True, help="write the plan there, .jsonl or .jsonl.gz")
    add(
        "--rejects",
        metavar="FILE",
        help="what was not planned, and why; by default beside the plan: plan.rejects.jsonl",
    )
    add("--rule", metavar="RULE", action="append", help="may be given again; default verified_email")
    add(
        "--primary",
        metavar="CHOICE",
        action="append",
        help=f"may be given again; default {', '.join(PRIMARY)}",
    )
    add("--connections", metavar="NAME,NAME", help="plan accounts of these connections only")
    add(
        "--max-group",
        metavar="N",
        type=int,
        default=5,
        help="more accounts under one key are a shared mailbox and are not planned; default 5",
    )
    add(
        "--enterprise-secondaries",
        action="store_true",
        help="let enterprise and directory accounts be secondaries too; linking changes their id for SCIM",
    )
    add("--memory-limit", metavar="SIZE", default="1GB", help="more goes to temporary files; default 1GB")
    add("--threads", metavar="N", type=int, help="default: one for each core")
    add("--json", action="store_true", help="print one JSON object instead of tables")


def run(arguments: argparse.Namespace) -> int:
    """Write the plan. 0 done, also when nothing was found; 2 something given is wrong."""
    from airflow_provider_auth0link.duplicates.summary import counts

    _check_names(arguments)
    names = arguments.connections
    search = Search.checked(
        rules=tuple(arguments.rule or RULES),
        primary=tuple(arguments.primary or PRIMARY),
        connections=None if names is None else tuple(name.strip() for name in names.split(",")),
        max_group=arguments.max_group,
        enterprise_secondaries=arguments.enterprise_secondaries,
    )
    places = Places.checked(arguments.source, arguments.output, arguments.rejects)
    try:
        with _progress() as told:
            found = write_plan(places, search, Limits(arguments.memory_limit, arguments.threads), told)
    except StoppedError:
        raise KeyboardInterrupt from None
    if found.nothing_read:
        print("auth0link: no record of the source is an account. Is it a users export?", file=sys.stderr)
    for doubt in found.doubts:
        print(f"auth0link: note: {doubt}", file=sys.stderr)
    if arguments.json:
        row = {**counts(found), "plan": places.plan, "plan_digest": found.digest, "rejects": places.rejects}
        print(json.dumps(row, indent=2))
        return 0
    from rich.console import Console

    from airflow_provider_auth0link.cli.plan_tables import show

    show(found, places, Console(file=sys.stdout))
    return 0


def _check_names(arguments: argparse.Namespace) -> None:
    """Refuse rules and choices that are none, with what can be typed here: a Dag's author may give values too."""
    for rule in arguments.rule or ():
        if rule not in NAMED_RULES and not rule.startswith(METADATA_PREFIX):
            known = ", ".join(NAMED_RULES)
            raise InputError(
                f"--rule: {rule!r} is no rule. Known are {known}, and {METADATA_PREFIX}PATH"
                f" such as {METADATA_PREFIX}app_metadata.legacy_id"
            )
    for choice in arguments.primary or ():
        if choice not in CHOICES and not choice.startswith(CONNECTIONS_PREFIX):
            known = ", ".join(CHOICES)
            raise InputError(
                f"--primary: {choice!r} is no choice. Known are {known}, and {CONNECTIONS_PREFIX}NAME,NAME"
            )


@contextmanager
def _progress() -> Iterator[Told | None]:
    """Show a bar while somebody looks on; it is gone at the end."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        SpinnerColumn,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<9}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as progress:
        task = progress.add_task("begin", total=1.0)
        yield lambda what, part: progress.update(task, description=what, completed=part)
