"""The demo itself: a warehouse, runs of the example Dags, and what came of them."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_auth0link.cli.demo.child import Child, settings
from airflow_provider_auth0link.cli.demo.result import Result, Run, changed, conf_of, fails
from airflow_provider_auth0link.cli.demo.screen import Screen
from airflow_provider_auth0link.cli.demo.tables import compared, tables
from airflow_provider_auth0link.cli.demo.warehouse import User, read_id_map, write_users
from airflow_provider_auth0link.cli.look import counted

if TYPE_CHECKING:
    from rich.console import Console

    from airflow_provider_auth0link.emulator.server import Emulator

DRIVER = "airflow_provider_auth0link.cli.demo.driver"
STEPS = {
    "import": "Airflow is imported",
    "database": "Airflow {airflow} makes a metadata database of its own",
    "run": "Airflow runs {dag}",
}

PATIENCE = 300.0
"""Seconds after which the runs are given up."""

LOG_LINES = 40
"""How much of Airflow's log a failure shows."""


@dataclass(frozen=True, slots=True)
class Scene:
    """
    What the demo plays with.

    :param folder: where all that it writes goes
    :param dags: the examples' files, in the order in which they run; the last one's links are shown singly
    :param users: as the warehouse knows them
    :param tenant: as it is today
    """

    folder: Path
    dags: Sequence[Path]
    users: list[User]
    tenant: Emulator


def play(scene: Scene, console: Console) -> int:
    """Run the Dags and show what they did. Return 0 when they did all they should, 1 when not."""
    begun = time.monotonic()
    warehouse = scene.folder / "warehouse.db"
    write_users(warehouse, scene.users)
    accounts = len(scene.tenant.users())
    console.print(
        f"A made-up Auth0 tenant with {accounts} accounts stands at {scene.tenant.url}", highlight=False
    )
    runs = _airflow(scene, warehouse, console)
    if len(runs) < len(scene.dags) or fails(runs):
        return _failed(scene, runs, console)
    console.print()
    if len(runs) > 1:
        console.print(compared(runs))
    last = runs[-1]
    for table in tables(
        Result.from_driver(last.told),
        users=len(scene.users),
        requests=last.requests,
        id_map=read_id_map(warehouse),
    ):
        console.print(table)
    console.print(
        f"\nDone in {time.monotonic() - begun:.0f} s. The Dags: {scene.dags[-1].parent}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    return 0


def _airflow(scene: Scene, warehouse: Path, console: Console) -> list[Run]:
    """Run the Dags in a child process, one after another. Return those that ended, up to one that failed."""
    home = scene.folder / "airflow"
    dags = home / "dags"
    dags.mkdir(parents=True)
    for dag in scene.dags:
        shutil.copy(dag, dags)
    environment = settings(
        os.environ,
        home=home,
        dags=dags,
        connection=scene.tenant.connection(),
        warehouse=warehouse,
        kept=scene.folder / "auth0link",
    )
    runs: list[Run] = []
    with (
        Screen(console) as screen,
        Child([DRIVER], environment=environment, folder=home, log=_log(scene)) as child,
    ):
        events = child.events(lambda: _show_how_far(scene.tenant, screen), seconds=PATIENCE)
        before = scene.tenant.state(volatile=False)
        for dag in scene.dags:
            scene.tenant.clear_requests()
            child.order({"dag": dag.stem, "conf": conf_of(dag.stem, runs)})
            told = _result(events, screen)
            if told is None:
                break
            now = scene.tenant.state(volatile=False)
            runs.append(
                Run(dag.stem, told, len(scene.tenant.requests), len(now), changed(before, now), screen.end())
            )
            if told["state"] != "success":
                break
        child.order(None)
        for _event in events:
            pass  # nothing more is told, but its end is waited for
    return runs


def _result(events: Iterator[dict[str, Any]], screen: Screen) -> dict[str, Any] | None:
    """Show the stages up to a run's end. Return what was told of it; None when the child ended before."""
    for event in events:
        if stage := event.get("stage"):
            screen.begin(STEPS[stage].format(**event))
        else:
            told: dict[str, Any] = event["result"]
            return told
    return None


def _show_how_far(tenant: Emulator, screen: Screen) -> None:
    if requests := len(tenant.requests):
        screen.say(f"{counted(requests, 'request')}, {counted(len(tenant.users()), 'account')}")


def _failed(scene: Scene, runs: Sequence[Run], console: Console) -> int:
    """Show the end of Airflow's log. The tenant's secret stands nowhere in it, and is cut out if it did."""
    text = _log(scene).read_text(encoding="utf-8", errors="replace")
    lines = text.replace(scene.tenant.client_secret, "***").splitlines()[-LOG_LINES:]
    for line in fails(runs):
        console.print(line, markup=False, highlight=False)
    console.print("The run failed. The end of Airflow's log:\n", style="bold red")
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
    return 1


def _log(scene: Scene) -> Path:
    return scene.folder / "airflow.log"
