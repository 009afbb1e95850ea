"""``auth0link report``: a run's journal as one page of HTML."""

from __future__ import annotations

import argparse
import json
from typing import Any

from airflow_provider_auth0link.cli.ending import complain
from airflow_provider_auth0link.cli.lookup import as_airflow_commands_do
from airflow_provider_auth0link.errors import Auth0LinkError, InputError


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "journal",
        metavar="JOURNAL",
        help="the journal_path of a run: a folder, or s3://conn_id@bucket/prefix",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        required=True,
        help="where the page goes: a local path, or an object storage URL",
    )
    parser.add_argument(
        "--plan-counts",
        metavar="FILE",
        help="JSON with the counts of the plan, as auth0link plan --json prints them: the funnel begins there then",
    )
    parser.add_argument(
        "--limit-per-second",
        metavar="N",
        type=float,
        help="requests a second that the tenant allows, where known; else what the journal tells is shown",
    )
    parser.add_argument("--title", help="what the page is called; by default Account links")
    parser.add_argument(
        "--show-emails", action="store_true", help="show ids as they are; else e-mails in them are masked"
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the page. 0 written, 1 not written, 2 something given is wrong."""
    limit = arguments.limit_per_second
    if limit is not None and not 0 < limit < float("inf"):
        raise InputError("--limit-per-second: must be over 0")
    try:
        with as_airflow_commands_do():
            from airflow_provider_auth0link.hooks.report import write_report

            path = write_report(
                arguments.journal,
                arguments.output,
                plan_counts=_counts(arguments.plan_counts),
                show_emails=arguments.show_emails,
                title=arguments.title,
                limit_per_s=limit,
            )
    except InputError:
        raise
    except Auth0LinkError as error:
        complain(error)
        return 1
    print(f"Report {path}")
    return 0


def _counts(path: str | None) -> dict[str, Any] | None:
    """Read the plan's counts from a file."""
    if path is None:
        return None
    from airflow_provider_auth0link.hooks import files

    with files.reading(path) as file:
        try:
            counts = json.load(file)
        except (ValueError, RecursionError):
            counts = None
    if not isinstance(counts, dict):
        raise InputError(f"--plan-counts: {path} is no JSON object. auth0link plan --json prints one")
    return counts
