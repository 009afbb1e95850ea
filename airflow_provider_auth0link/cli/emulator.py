"""``auth0link emulator``: a local Auth0 tenant until Ctrl-C."""

from __future__ import annotations

import argparse
import shlex
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from airflow_provider_auth0link.api.scopes import UNWANTED
from airflow_provider_auth0link.cli.tenant import emulator_module
from airflow_provider_auth0link.emulator.options import ALL_SCOPES
from airflow_provider_auth0link.emulator.plans import PLANS, IdentitiesGroup, Refill
from airflow_provider_auth0link.errors import InputError

if TYPE_CHECKING:
    from airflow_provider_auth0link.emulator.server import Emulator

MADE_UP = 300
"""Users of a tenant that is started without any."""

PROBLEMS = 10
"""Bad lines of a file that are named."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--users",
        type=Path,
        metavar="FILE",
        help="an Auth0 users export, JSON Lines, may be .gz (default: made-up users)",
    )
    parser.add_argument("--count", type=whole, help=f"made-up users, without --users (default: {MADE_UP})")
    parser.add_argument(
        "--plan",
        choices=list(PLANS),
        metavar="NAME",
        help=f"the request limits that Auth0 publishes for a plan: {', '.join(PLANS)}",
    )
    parser.add_argument("--rate", type=positive, help="requests refilled in a second (default: no limit)")
    parser.add_argument("--burst", type=whole, help="requests that the bucket holds (default: one second's)")
    parser.add_argument(
        "--refill",
        choices=get_args(Refill),
        help="when the limits are refilled: all the time, or at the top of each second or minute "
        "(default: smooth)",
    )
    parser.add_argument(
        "--identities-group",
        choices=get_args(IdentitiesGroup),
        help="whose limit linking draws on, where a plan has one for writing users (default: write_users)",
    )
    parser.add_argument(
        "--latency", type=not_negative, default=0.0, help="seconds that each answer takes (default: 0)"
    )
    parser.add_argument("--port", type=port, default=0, help="a port on loopback (default: a free one)")
    parser.add_argument("--seed", type=int, default=0, help="of the made-up users and of chance (default: 0)")


def run(arguments: argparse.Namespace) -> int:
    """Run the tenant until SIGINT or SIGTERM, and return 0."""
    _check_limits(arguments)
    server = emulator_module()
    tenant = server.Emulator(
        users=_users(arguments),
        rate=arguments.rate,
        burst=arguments.burst,
        plan=arguments.plan,
        refill=arguments.refill or "smooth",
        identities_group=arguments.identities_group or "write_users",
        latency=arguments.latency,
        seed=arguments.seed,
        port=arguments.port,
        scopes=" ".join(scope for scope in ALL_SCOPES.split() if scope != UNWANTED),
    )
    try:
        with tenant:
            _announce(tenant)
            threading.Event().wait()
    except OSError as error:
        raise InputError(f"--port: {arguments.port} cannot be used: {error.strerror or error}") from None
    except KeyboardInterrupt:
        print("# The tenant is gone.")
    return 0


def _check_limits(arguments: argparse.Namespace) -> None:
    if arguments.users is not None and arguments.count is not None:
        raise InputError("--count: is how many users are made up; leave it out where --users brings them")
    if arguments.burst and not arguments.rate:
        raise InputError("--burst: needs --rate")
    if arguments.plan and arguments.rate:
        raise InputError("--plan: brings its rates; leave --rate and --burst out")
    if arguments.refill and not (arguments.plan or arguments.rate):
        raise InputError("--refill: needs --plan or --rate")
    if arguments.identities_group and not arguments.plan:
        raise InputError("--identities-group: needs --plan")


def _announce(tenant: Emulator) -> None:
    """Say where it is. All that stands here can be pasted into a shell."""
    print(f"# A tenant with {len(tenant.users()):,} users at {tenant.url}. Ctrl-C ends it.")
    print(f"export AIRFLOW_CONN_AUTH0_DEFAULT={shlex.quote(tenant.connection())}", flush=True)


def _users(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    if arguments.users is None:
        from airflow_provider_auth0link.emulator.users import believable_users

        return believable_users(arguments.count or MADE_UP, arguments.seed, rights=True)
    from airflow_provider_auth0link.emulator.export import read_export

    try:
        export = read_export(arguments.users)
    except OSError as error:
        raise InputError(f"--users: {arguments.users} cannot be read: {error.strerror or error}") from None
    if export.problems:
        shown = "\n  ".join(export.problems[:PROBLEMS])
        more = len(export.problems) - PROBLEMS
        raise InputError(
            f"--users: {arguments.users} is no Auth0 users export (JSON Lines):\n  {shown}"
            + (f"\n  and {more:,} more" if more > 0 else "")
        )
    return export.users


def positive(text: str) -> float:
    """Read a number above 0."""
    value = not_negative(text)
    if not value:
        raise argparse.ArgumentTypeError("must be above 0")
    return value


def not_negative(text: str) -> float:
    """Read a number, 0 or above."""
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError("must be 0 or above")
    return value


def whole(text: str) -> int:
    """Read a whole number above 0."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or above")
    return value


def port(text: str) -> int:
    """Read a port, or 0 for a free one."""
    value = int(text)
    if not 0 <= value <= 65_535:  # noqa: PLR2004 - the highest port
        raise argparse.ArgumentTypeError("must be 0 to 65535")
    return value
