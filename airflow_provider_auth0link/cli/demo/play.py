"""The demo itself: a warehouse, a run of the example Dag, and what came of it."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_auth0link.cli.demo.child import Child, settings
from airflow_provider_auth0link.cli.demo.result import Result
from airflow_provider_auth0link.cli.demo.screen import Screen
from airflow_provider_auth0link.cli.demo.tables import tables
from airflow_provider_auth0link.cli.demo.warehouse import User, read_id_map, write_users

if TYPE_CHECKING:
    from rich.console import Console

    from airflow_provider_auth0link.emulator.server import Emulator

DRIVER = "airflow_provider_auth0link.cli.demo.driver"
STEPS = {
    "import": "Airflow is imported",
    "database": "Airflow {airflow} makes a metadata database of its own",
    "run": "Airflow runs {dag}",
    "read": "Airflow's task instances and XComs are read",
}

PATIENCE = 300.0
"""Seconds after which the run is given up."""

LOG_LINES = 40
"""How much of Airflow's log a failure shows."""


@dataclass(frozen=True, slots=True)
class Scene:
    """
    What the demo plays with.

    :param folder: where all that it writes goes
    :param dag: the example's file
    :param users: as the warehouse knows them
    :param tenant: as it is today
    """

    folder: Path
    dag: Path
    users: list[User]
    tenant: Emulator


def play(scene: Scene, console: Console) -> int:
    """Run the Dag and show what it did. Return 0 when it did all it should, 1 when it did not."""
    begun = time.monotonic()
    warehouse = scene.folder / "warehouse.db"
    write_users(warehouse, scene.users)
    accounts = len(scene.tenant.users())
    console.print(
        f"A made-up Auth0 tenant with {accounts} accounts stands at {scene.tenant.url}", highlight=False
    )
    told = _airflow(scene, warehouse, console)
    result = Result.from_driver(told) if told else None
    if result is None or not result.succeeded:
        return _failed(scene, console)
    shown = tables(
        result,
        users=len(scene.users),
        requests=len(scene.tenant.requests),
        id_map=read_id_map(warehouse),
    )
    console.print()
    for table in shown:
        console.print(table)
    console.print(
        f"\nDone in {time.monotonic() - begun:.0f} s. The Dag: {scene.dag}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    return 0


def _airflow(scene: Scene, warehouse: Path, console: Console) -> dict[str, Any] | None:
    """Run the Dag in a child process. Return what its driver told at the end; None when it told nothing."""
    home = scene.folder / "airflow"
    dags = home / "dags"
    dags.mkdir(parents=True)
    shutil.copy(scene.dag, dags)
    environment = settings(
        os.environ, home=home, dags=dags, connection=scene.tenant.connection(), warehouse=warehouse
    )
    child = Child([DRIVER, scene.dag.stem], environment=environment, folder=home, log=_log(scene))
    told: dict[str, Any] | None = None
    with Screen(console) as screen, child:
        for event in child.events(lambda: _show_how_far(scene.tenant, screen), seconds=PATIENCE):
            if stage := event.get("stage"):
                screen.begin(STEPS[stage].format(dag=scene.dag.stem, **event))
            else:
                told = event["result"]
        if told:
            screen.end()
    return told


def _show_how_far(tenant: Emulator, screen: Screen) -> None:
    if requests := len(tenant.requests):
        screen.say(f"{requests} requests, linked {len(tenant.links_applied)}")


def _failed(scene: Scene, console: Console) -> int:
    """Show the end of Airflow's log. The tenant's secret stands nowhere in it, and is cut out if it did."""
    text = _log(scene).read_text(encoding="utf-8", errors="replace")
    lines = text.replace(scene.tenant.client_secret, "***").splitlines()[-LOG_LINES:]
    console.print("The run failed. The end of Airflow's log:\n", style="bold red")
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
    return 1


def _log(scene: Scene) -> Path:
    return scene.folder / "airflow.log"
