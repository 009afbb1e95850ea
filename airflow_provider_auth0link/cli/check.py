"""``auth0link check``: what a connection may do, and how fast."""

from __future__ import annotations

import argparse
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from airflow_provider_auth0link.api.scopes import OPERATORS, lacking
from airflow_provider_auth0link.cli.ending import complain
from airflow_provider_auth0link.cli.look import Prose, counted, in_words, table as new_table
from airflow_provider_auth0link.cli.lookup import as_airflow_commands_do
from airflow_provider_auth0link.cli.rates import FULL, LINK, METADATA, PUBLISHED, Rate, on_bucket
from airflow_provider_auth0link.errors import Auth0LinkError, InputError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

    from airflow_provider_auth0link.hooks.auth0 import Diagnosis

LINKS = 100_000
NEEDED = "LinkIdentityOperator"
"""The operator without whose scopes the answer is no."""
BATCH = "LinkIdentitiesOperator"
REQUESTS = (
    f"{BATCH} as it stands sends {sum(FULL.values())} requests for a pair that carries metadata, "
    f"{sum(METADATA.values())} of them with snapshot='metadata', which keeps no roles, permissions and organizations."
    " auth0link rehearse counts those of a plan."
)


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
    parser.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        help="name the scopes that are carried by operator too",
    )


def run(arguments: argparse.Namespace) -> int:
    """Ask the tenant and show what it said. 0 when links can be made, 1 when not, 2 for a bad connection."""
    from rich.console import Console

    try:
        with as_airflow_commands_do():
            diagnosis = _diagnosis(arguments.conn_id)
    except InputError:
        raise
    except Auth0LinkError as error:
        complain(error)
        return 1
    return show(diagnosis, Console(), verbose=arguments.verbose)


def _diagnosis(conn_id: str) -> Diagnosis:
    from airflow.providers.common.compat.sdk import AirflowNotFoundException

    from airflow_provider_auth0link.hooks.auth0 import Auth0Hook

    try:
        return Auth0Hook(conn_id).diagnose()
    except AirflowNotFoundException:
        raise InputError(_not_found(conn_id)) from None


def _not_found(conn_id: str) -> str:
    """Say why Airflow has no such connection. It passes over a variable that it cannot read."""
    variable = f"AIRFLOW_CONN_{conn_id.upper()}"
    if os.environ.get(variable):
        return (
            f"{variable} is set, but Airflow cannot read it. Give one JSON object, with double quotes,"
            " or a URI of which every part is percent-encoded"
        )
    return f"there is no connection {conn_id!r}. Add it in Airflow, or set {variable}"


def show(diagnosis: Diagnosis, console: Console, *, verbose: bool = False) -> int:
    """Print a diagnosis. Return 0 when the token carries all that linking needs, else 1."""
    facts = [("Tenant", diagnosis.tenant), ("Client", diagnosis.client_id or "none: a ready access token")]
    facts += [("Note", note) for note in diagnosis.notes]
    for label, fact in facts:
        console.print(f"{label:<8}{fact}", markup=False, highlight=False)
    is_missing, verdict = _verdict(diagnosis)
    console.print()
    for part in (
        *_scopes(diagnosis, verbose=verbose),
        _limit(diagnosis),
        "",
        _times(on_bucket(diagnosis.rate_limit)),
        "",
        Prose(REQUESTS),
        "",
        Prose(verdict),
    ):
        console.print(part)
    return int(is_missing)


def _verdict(diagnosis: Diagnosis) -> tuple[bool, Text]:
    """Tell whether something is missing, and what to do about it."""
    if diagnosis.scopes is None:
        return True, Text(
            f"The token does not say what it carries: {NEEDED} may lack a scope.", style="yellow"
        )
    missing = lacking(diagnosis.needs[NEEDED], diagnosis.scopes)
    if not missing:
        return False, _all_there(diagnosis.needs, diagnosis.scopes)
    return True, Text(
        f"{NEEDED} lacks {', '.join(missing)}. Grant it to this application in Auth0: "
        "Applications, APIs, Auth0 Management API, Machine to Machine.",
        style="red",
    )


def _all_there(needs: Mapping[str, Sequence[str]], scopes: Collection[str]) -> Text:
    """Say that links can be made, and which operators cannot do their work yet."""
    said = f"{NEEDED} has all that it needs"
    short = [
        (operator, count)
        for operator, needed in needs.items()
        if operator in OPERATORS and (count := len(lacking(needed, scopes)))
    ]
    if not short:
        return Text(f"{said}.", style="green")
    (first, count), *others = short
    told = [
        f"{first} lacks {counted(count, 'scope')}",
        *(f"{operator} {count}" for operator, count in others),
    ]
    return Text(f"{said}; {', '.join(told)}: see above.", style="yellow")


def _scopes(diagnosis: Diagnosis, *, verbose: bool) -> Iterator[RenderableType]:
    """Name the scopes that are carried, and for each operator those that are not."""
    if diagnosis.scopes is None:
        return
    wanted = {scope for needed in diagnosis.needs.values() for scope in needed}
    carried = sorted(wanted - set(lacking(wanted, diagnosis.scopes)))
    names = f": {', '.join(carried)}" if carried else ""
    yield Prose(
        f"Of the {len(wanted)} scopes that anything here needs the token carries {len(carried)}{names}."
    )
    yield ""
    yield _by_operator(diagnosis.needs, diagnosis.scopes, verbose=verbose)


def _by_operator(needs: Mapping[str, Sequence[str]], scopes: Collection[str], *, verbose: bool) -> Table:
    table = new_table("Scopes, by what needs them")
    table.add_column("operator")
    table.add_column("carried", justify="left" if verbose else "right", style="green", overflow="fold")
    table.add_column("missing", style="red", overflow="fold")
    for operator, needed in needs.items():
        missing = lacking(needed, scopes)
        present = [scope for scope in needed if scope not in missing]
        carried = "\n".join(present) if verbose else f"{len(present)} of {len(needed)}"
        table.add_row(
            Text(operator), Text(carried), Text("\n".join(missing)) if missing else Text("none", style="dim")
        )
    return table


def _limit(diagnosis: Diagnosis) -> Prose:
    if diagnosis.rate_limit is None:
        return Prose("No answer told the tenant's limit.")
    return Prose(
        f"The limit seen: a bucket of {diagnosis.rate_limit} requests, {diagnosis.rate_remaining} left."
        " How fast it is refilled stands in no header; limits with such a bucket are marked below."
    )


def _times(seen: Sequence[Rate]) -> Table:
    """Show what the limits mean in time, those first that no plan is known for."""
    table = new_table(f"Time for {LINKS:,} links, alone on the tenant")
    table.add_column("")
    table.add_column("limit")
    table.add_column("link alone", justify="right")
    table.add_column("LinkIdentitiesOperator as it stands", justify="right", max_width=len(BATCH))
    for rate in dict.fromkeys((*(each for each in seen if each not in PUBLISHED), *PUBLISHED)):
        mine = rate in seen
        times = [in_words(rate.seconds(LINKS, routes)) for routes in (LINK, FULL)]
        table.add_row(">" if mine else "", rate.title, *times, style="bold" if mine else "")
    table.caption = "150/min or 200/min: which of them a link draws on is not published."
    table.caption_justify = "right"
    return table
