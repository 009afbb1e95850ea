"""
The console script ``auth0link``.

Each command is a module with ``configure(parser)`` and ``run(arguments) -> exit code``. Only the one that is
asked for is imported, so that ``auth0link --help`` waits for neither Airflow nor a web server.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NamedTuple

from airflow_provider_auth0link import __version__
from airflow_provider_auth0link.cli.ending import complain, terminated_like_interrupted
from airflow_provider_auth0link.errors import InputError

INTERRUPTED, BROKEN_PIPE = 130, 141  # 128 and the signal, as shells count


class Command(NamedTuple):
    """A command's name, its module in this package, and one line of help."""

    name: str
    module: str
    help: str


COMMANDS = (
    Command("demo", "demo", "link duplicates of a made-up tenant, with Airflow, on this machine"),
    Command("emulator", "emulator", "run a local Auth0 tenant until Ctrl-C"),
    Command("plan", "plan", "find duplicates in an export of users, and write a plan of their links"),
    Command("rehearse", "rehearse", "link a plan on a copy of the tenant, and say what that would change"),
    Command("check", "check", "say what a connection may do, and how fast"),
    Command(
        "journal", "journal", "say what the journal of a run holds; write its id map, delete its snapshots"
    ),
    Command("report", "report", "write a run's journal as one page of HTML, to read, print or hand on"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """
    Run a command and return its exit code.

    :param argv: the arguments after the program's name, by default those of the process
    :returns: 0 success, 1 the answer is no, 2 something given is wrong, 130 interrupted or terminated
    """
    argv = sys.argv[1:] if argv is None else argv
    parser = _parser(argv)
    if not argv:
        parser.print_help(sys.stderr)
        parser.exit(2, "\nauth0link: error: name a command\n")
    arguments = parser.parse_args(argv)
    try:
        with terminated_like_interrupted():
            return int(arguments.run(arguments))
    except InputError as error:
        complain(error)
        return 2
    except BrokenPipeError:  # whoever read has seen enough; the interpreter must not flush once more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except OSError as error:
        complain(f"{error.strerror or error}: {error.filename or 'a file'}")
        return 2
    except KeyboardInterrupt:
        print("auth0link: interrupted", file=sys.stderr)
        return INTERRUPTED


def _parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    """Build the parser, with the arguments of the command that is asked for."""
    parser = argparse.ArgumentParser(
        prog="auth0link", description="Link (merge) Auth0 user accounts from Apache Airflow."
    )
    parser.add_argument("--version", action="version", version=f"auth0link {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    asked = next((word for word in argv if not word.startswith("-")), None)
    for command in COMMANDS:
        child = commands.add_parser(command.name, help=command.help, description=command.help)
        if command.name == asked:
            module = import_module(f"{__name__}.{command.module}")
            module.configure(child)
            child.set_defaults(run=module.run)
    return parser
