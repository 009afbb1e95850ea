"""What has to hold on every Airflow that the provider says it runs on."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

from airflow_provider_auth0link import __version__, get_provider_info
from airflow_provider_auth0link.emulator.server import Emulator
from tests.lanes.lane import Lane

IMPORTS = """
import importlib, pkgutil
import airflow_provider_auth0link as package
for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    importlib.import_module(found.name)
    print(found.name)
"""

SHOW_FORM = Path(__file__).with_name("show_form.py")

DEDUP_USERS = [
    ("auth0|ada", "ada@example.com", "2024-01-01T00:00:00.000Z"),
    ("google-oauth2|1034", "Ada@Example.com", "2025-01-01T00:00:00.000Z"),
    ("samlp|acme|old|ada", "ada@example.com", "2025-06-01T00:00:00.000Z"),
    ("google-oauth2|2045", "grace@example.com", "2024-01-01T00:00:00.000Z"),
    ("github|77", "grace@example.com", "2025-01-01T00:00:00.000Z"),
    ("auth0|alan", "alan@example.com", "2024-01-01T00:00:00.000Z"),
]


def test_every_module_imports_and_none_of_ours_warns(lane: Lane) -> None:
    answer = lane.python("-W", "always", "-c", IMPORTS)

    imported = answer.stdout.split()
    assert "airflow_provider_auth0link.operators.link" in imported
    assert "airflow_provider_auth0link.hooks.auth0" in imported
    assert [line for line in answer.stderr.splitlines() if _is_a_warning_of_ours(line)] == []


def test_airflow_sees_the_provider(lane: Lane) -> None:
    listed = lane.airflow("providers", "list", "--output", "json")
    providers = json.loads(listed[listed.index("[{") :])

    ours = [row for row in providers if row["package_name"] == "airflow-provider-auth0link"]
    assert [row["version"] for row in ours] == [__version__]


def test_airflow_shows_the_connection_form_and_knows_the_link(lane: Lane) -> None:
    shown = json.loads(lane.python(str(SHOW_FORM)).stdout.splitlines()[-1])

    info = get_provider_info()
    connection = info["connection-types"][0]
    fields = connection["conn-fields"]
    assert shown["labels"] == connection["ui-field-behaviour"]["relabeling"]
    assert shown["fields"] == {name: field["label"] for name, field in fields.items()}
    assert sorted(shown["secret"]) == sorted(
        name for name, field in fields.items() if field["schema"].get("format") == "password"
    )
    assert set(info["extra-links"]) <= set(shown["links"])


def test_the_dedup_example_links_what_it_finds(lane: Lane, tmp_path: Path) -> None:
    warehouse = tmp_path / "warehouse.db"
    _fill(warehouse)
    blocked = {"github|77"}
    users = [_user(user_id, email, user_id in blocked) for user_id, email, _ in DEDUP_USERS]

    with Emulator(users=users) as tenant:
        lane.airflow(
            "dags",
            "test",
            "example_dedup_and_link",
            AIRFLOW_CONN_AUTH0_DEFAULT=tenant.connection(),
            AUTH0LINK_WAREHOUSE_URL=f"sqlite:///{warehouse}",
        )
        linked = tenant.links_applied
        links = [
            record for record in tenant.requests if record.method == "POST" and "identities" in record.path
        ]

    assert linked == {("auth0|ada", "google-oauth2|1034"): 1}
    assert [record.status for record in links] == [201]
    with sqlite3.connect(warehouse) as connection:
        id_map = connection.execute("SELECT old_user_id, new_user_id FROM auth0_id_map").fetchall()
        refused = connection.execute("SELECT user_id FROM auth0_refused ORDER BY 1").fetchall()
    connection.close()
    assert id_map == [("google-oauth2|1034", "auth0|ada")]
    assert refused == [("github|77",), ("samlp|acme|old|ada",)]


def test_an_id_from_an_xcom_reaches_the_wire_unrendered(lane: Lane) -> None:
    pairs = [
        ("auth0|mapped", "samlp", "i|{{ conn.auth0_default.password }}"),
        ("auth0|{{ ti.task_id }}", "google-oauth2", "1034"),
        ("auth0|{{ run_id }}", "samlp", "j|{{ conn.auth0_default.password }}"),
    ]
    ids = [account for primary, provider, rest in pairs for account in (primary, f"{provider}|{rest}")]

    with Emulator(users=[_user(user_id, "ada@example.com") for user_id in ids]) as tenant:
        lane.airflow("dags", "test", "ids_from_xcom", AIRFLOW_CONN_AUTH0_DEFAULT=tenant.connection())
        wire = [record for record in tenant.requests if record.path.startswith("/api/v2/users/")]

    reads = {record.path for record in wire if record.method == "GET"}
    assert reads >= {f"/api/v2/users/{quote(account, safe='')}" for account in ids}

    links = [(record.path, record.body) for record in wire if record.method == "POST"]
    expected = [
        (f"/api/v2/users/{quote(primary, safe='')}/identities", {"provider": provider, "user_id": rest})
        for primary, provider, rest in pairs
    ]
    assert sorted(links, key=str) == sorted(expected, key=str)


def test_batches_by_xcom_and_by_shards_and_their_undo(lane: Lane, tmp_path: Path) -> None:
    secret = "{{ conn.auth0_default.password }}"
    ids = ["auth0|one", f"samlp|i|{secret}", "auth0|{{ run_id }}", "github|two"]
    ids += [f"auth0|p{n}" for n in range(5)] + [f"github|{{{{ ti.task_id }}}}{n}" for n in range(5)]
    if _asset_events(lane) == "dataset_event":
        lane.airflow("dags", "reserialize")  # Airflow 2 keeps events of datasets that it knows alone

    with Emulator(users=[_user(user_id, "ada@example.com") for user_id in ids]) as tenant:
        before = tenant.state(volatile=False)
        printed = lane.airflow(
            "dags",
            "test",
            "batch_in_shards",
            AIRFLOW_CONN_AUTH0_DEFAULT=tenant.connection(),
            AUTH0LINK_LANE_ROOM=str(tmp_path),
        )
        applied, after = tenant.links_applied, tenant.state(volatile=False)

    assert applied == {
        ("auth0|one", f"samlp|i|{secret}"): 1,
        ("auth0|{{ run_id }}", "github|two"): 1,
        **{(f"auth0|p{n}", f"github|{{{{ ti.task_id }}}}{n}"): 1 for n in range(5)},
    }
    assert after == before
    assert "planned 7, undone 7" in printed
    assert {path.suffix for path in (tmp_path / "journal").iterdir()} == {".jsonl", ".snapshots"}
    shown = _rows(lane, "SELECT rendered_fields FROM rendered_task_instance_fields WHERE task_id = 'by_xcom'")
    assert json.loads(shown[0])["pairs"] == "2 pairs"
    events = _rows(lane, f"SELECT extra FROM {_asset_events(lane)}")
    assert {name: count for name, count in json.loads(events[0]).items() if name in {"planned", "linked"}} == {
        "planned": 2, "linked": 2
    }  # fmt: skip


def _rows(lane: Lane, query: str) -> list[str]:
    """Return one column out of the database of an Airflow."""
    with sqlite3.connect(lane.home / "airflow.db") as connection:
        rows = [row[0] for row in connection.execute(query).fetchall()]
    connection.close()
    return rows


def _asset_events(lane: Lane) -> str:
    """Return what the table is called: Airflow 2 called assets datasets."""
    return _rows(lane, "SELECT name FROM sqlite_master WHERE name IN ('asset_event', 'dataset_event')")[0]


def _is_a_warning_of_ours(line: str) -> bool:
    return "Warning: " in line and "airflow_provider_auth0link" in line.partition("Warning: ")[0]


def _fill(warehouse: Path) -> None:
    with sqlite3.connect(warehouse) as connection:
        connection.execute(
            "CREATE TABLE users (user_id VARCHAR(255) PRIMARY KEY, email VARCHAR(320), "
            "email_verified BOOLEAN NOT NULL, created_at VARCHAR(40) NOT NULL)"
        )
        connection.executemany("INSERT INTO users VALUES (?, ?, 1, ?)", DEDUP_USERS)
    connection.close()


def _user(user_id: str, email: str, blocked: bool = False) -> dict[str, Any]:
    return {"user_id": user_id, "email": email, "email_verified": True, "blocked": blocked}
