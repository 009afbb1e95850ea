"""
Secrets planted in a real run of the Airflow beside the running interpreter.

``python -m tests.realrun.plant`` runs ``dags/planted.py`` by scheduler and workers, which takes minutes on
Airflow 2, reads over the REST API what it can, and says which secrets were found. The tests run the same Dag
by ``airflow dags test``.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.fernet import Fernet

from airflow_provider_auth0link.emulator.server import Emulator
from tests.lanes.lane import Lane
from tests.realrun.plants import Plants, plant_connections, plant_users, plant_variables
from tests.realrun.proxy import RefusingProxy, refusing_proxy
from tests.realrun.search import forms, found
from tests.realrun.stack import AIRFLOW_2, stack

DAG_ID = "planted"

SEED = """
import json, sys
from airflow.utils.db import initdb
initdb()
from airflow.models import Connection, Variable
from airflow.utils.session import create_session
given = json.load(open(sys.argv[1]))
with create_session() as session:
    for name, fields in given["connections"].items():
        session.add(Connection(conn_id=name, **fields | {"extra": json.dumps(fields["extra"])}))
    for name, value in given["variables"].items():
        session.add(Variable(key=name, val=value))
"""
"""Makes Airflow's database, with connections and variables encrypted in it."""


@dataclass(frozen=True)
class Planted:
    """
    An Airflow in which secrets lie.

    ``printed`` is what its processes printed and its servers answered.
    """

    lane: Lane
    tenant: Emulator
    proxy: RefusingProxy
    environment: dict[str, str]
    plants: Plants
    printed: list[str] = field(default_factory=list)

    def dags_test(self) -> None:
        """Run the Dag to its end. Tasks of it fail, as they should, and then Airflow 3 does as well."""
        answer = self.lane.attempt("airflow", "dags", "test", DAG_ID, **self.environment)
        self.printed.extend((answer.stdout, answer.stderr))

    def secrets(self) -> dict[str, str]:
        """Return all secrets by name, those made in the run too: tokens fetched, assertions."""
        made = {}
        for number, record in enumerate(self.tenant.requests):
            if record.route == "token" and isinstance(record.body, dict):
                made[f"assertion {number}"] = record.body.get("client_assertion")
                made[f"fetched token {number}"] = json.loads(record.answer).get("access_token")
        return self.plants.secrets | {name: value for name, value in made.items() if value}

    def in_use(self) -> set[str]:
        """Name the secrets that went to the tenant or the proxy, or came from there."""
        wire = "\n".join(self.proxy.passwords).encode()
        for record in self.tenant.requests:
            wire += b"\n".join((record.raw_body, record.answer, *(value for _, value in record.raw_headers)))
        return {
            name for name, value in self.secrets().items() if any(f.encode() in wire for f in forms(value))
        }

    def leaks(self) -> set[str]:
        """Say which secrets were found, and where."""
        return found(self.lane.home, self.printed, self.secrets())


@contextmanager
def planted(home: Path) -> Iterator[Planted]:
    """
    Prepare a run. Tenant and proxy live as long as the ``with`` block.

    :param home: an empty folder. What is in it afterwards was written by Airflow
    """
    dags = Path(__file__).parent / "dags"
    shutil.copytree(dags, home / "dags", ignore=shutil.ignore_patterns("__pycache__"))
    plants = Plants()
    with tempfile.TemporaryDirectory() as outside, Emulator() as tenant, refusing_proxy() as proxy:
        key_file = Path(outside, "key.pem")
        key_file.write_text(tenant.private_key)
        plant_users(tenant, plants)
        plant_variables(tenant, plants)
        plant_connections(tenant, plants, str(key_file), proxy.server_port)
        # A connection and a variable lie in the environment, the others in the database.
        stored = Plants(connections=dict(plants.connections), variables=dict(plants.variables))
        environment = {
            "AIRFLOW__CORE__FERNET_KEY": Fernet.generate_key().decode(),
            "AIRFLOW__LOGGING__NAMESPACE_LEVELS": "airflow_provider_auth0link=DEBUG urllib3=DEBUG",
            "AIRFLOW_CONN_AUTH0_DEFAULT": json.dumps(stored.connections.pop("auth0_default")),
            "AIRFLOW_VAR_PROOF": stored.variables.pop("proof"),
        }
        seeds = Path(outside, "seeds.json")
        seeds.write_text(json.dumps(vars(stored)))
        if AIRFLOW_2:  # whose "dags test" masks nothing; workers do
            (home / "config").mkdir()
            (home / "config" / "airflow_local_settings.py").write_text("MASK_SECRETS_IN_LOGS = True\n")
        lane = Lane(home)
        lane.python("-c", SEED, str(seeds), **environment)
        yield Planted(lane, tenant, proxy, environment, plants)


def main() -> int:
    """Run it all, say what was found, and return 1 when there was anything."""
    programs = ["scheduler"] if AIRFLOW_2 else ["scheduler", "dag-processor"]
    with tempfile.TemporaryDirectory() as folder, planted(Path(folder)) as run:
        with stack(run.lane, *programs, **run.environment) as airflow:
            instances = f"/dags/{DAG_ID}/dagRuns/{airflow.run(DAG_ID)}/taskInstances"
            tasks = airflow.call("GET", instances, limit=100)["task_instances"]
            for each in tasks:
                xcoms = f"{instances}/{each['task_id']}/xcomEntries"
                run.printed.append(
                    json.dumps([each, airflow.call("GET", xcoms, map_index=each["map_index"])])
                )
            run.printed.append(json.dumps(airflow.call("GET", "/connections")))
        leaks = run.leaks()
        logs = len(list(run.lane.home.rglob("*.log")))
        print(
            f"{len(tasks)} task instances, {logs} log files, {len(run.secrets())} secrets, {len(leaks)} leaks"
        )
    print(*sorted(leaks), sep="\n")
    return int(bool(leaks))


if __name__ == "__main__":
    sys.exit(main())
