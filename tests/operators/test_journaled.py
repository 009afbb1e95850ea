"""LinkIdentityOperator with a journal: one pair that is written down first."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_auth0link.errors import ForbiddenError, InputError
from airflow_provider_auth0link.operators.link import LinkIdentityOperator
from airflow_provider_auth0link.operators.undo import UndoLinksOperator
from tests.operators import rig
from tests.operators.rig import ADA, ADA_GOOGLE, PAIR, Json, MakeTenant, two_accounts

EVERYTHING = ("user_metadata", "app_metadata", "roles", "permissions", "organizations")


def with_rights() -> list[Json]:
    """Return Ada twice; by Google she may do more."""
    primary, secondary = two_accounts()
    return [
        {**primary, "roles": ["reader"], "organizations": {"acme": ["clerk"]}},
        {
            **secondary,
            "roles": ["reader", "writer"],
            "permissions": [{"resource_server_identifier": "https://api", "permission_name": "read:x"}],
            "organizations": {"acme": ["boss"], "other": []},
        },
    ]


def link(journal: Path | None, **arguments: Any) -> rig.Ran:
    path = str(journal) if journal else None
    return rig.run(LinkIdentityOperator(task_id="link", journal_path=path, **{**PAIR, **arguments}))


def undo(journal: Path) -> Json:
    value: Json = rig.run(UndoLinksOperator(task_id="undo", journal_path=str(journal))).value
    return value


@pytest.mark.parametrize("journaled", [True, False], ids=["journal", "no journal"])
def test_everything_is_carried(make_tenant: MakeTenant, tmp_path: Path, journaled: bool) -> None:
    tenant = make_tenant(*with_rights())
    ran = link(tmp_path if journaled else None, carry=EVERYTHING)

    assert ran.outcome == "linked", ran.said()
    assert ran.identities == [ADA, ADA_GOOGLE]
    (kept,) = tenant.state(volatile=False)
    assert sorted(kept["roles"]) == sorted(tenant.role_id(name) for name in ("reader", "writer"))
    assert len(kept["permissions"]) == 1
    assert {len(roles) for roles in kept["organizations"].values()} == {2, 0}
    assert "user_metadata.newsletter" in ran.link["carried"]
    assert len([each for each in ran.link["carried"] if each.startswith(("roles.", "permissions."))]) == 2


def test_a_journaled_link_can_be_undone(make_tenant: MakeTenant, tmp_path: Path) -> None:
    tenant = make_tenant(*with_rights())
    before = tenant.state(volatile=False)
    link(tmp_path, carry=EVERYTHING)

    assert undo(tmp_path)["undone"] == 1
    assert tenant.state(volatile=False) == before


def test_run_again_it_says_the_same_and_reads_once(make_tenant: MakeTenant, tmp_path: Path) -> None:
    tenant = make_tenant(*two_accounts())
    first = link(tmp_path)
    before = len(tenant.requests)
    again = link(tmp_path)

    assert (again.outcome, again.identities) == ("linked", first.identities)
    assert again.link == {**first.link, "requests": 1}
    assert [each.route for each in tenant.requests[before:]] == ["user_get"]


def test_a_retry_after_a_death_says_linked(make_tenant: MakeTenant, tmp_path: Path) -> None:
    tenant = make_tenant(*two_accounts())
    link(tmp_path)
    for path in sorted(tmp_path.glob("*.jsonl"))[1:]:
        path.unlink()  # the task died before its outcome was written down

    again = link(tmp_path)
    assert (again.outcome, again.identities) == ("linked", [ADA, ADA_GOOGLE])
    assert again.link["carried"] == ["user_metadata.newsletter", "app_metadata.roles", "app_metadata.legacy"]
    assert len(tenant.links_applied) == 1
    assert undo(tmp_path)["undone"] == 1


def test_a_dry_run_writes_nothing(make_tenant: MakeTenant, tmp_path: Path) -> None:
    make_tenant(*two_accounts())

    assert link(tmp_path / "j", dry_run=True).outcome == "would_link"
    assert not (tmp_path / "j").exists()


def test_an_id_token_and_a_journal_do_not_go_together(make_tenant: MakeTenant, tmp_path: Path) -> None:
    tenant = make_tenant(*two_accounts())
    token = tenant.id_token(ADA_GOOGLE)
    ran = link(tmp_path, secondary_user_id=None, secondary_id_token=token)

    assert isinstance(ran.raised, InputError)
    assert "journal_path: does not apply with secondary_id_token" in str(ran.error)
    assert tenant.requests == []


def test_scopes_of_the_snapshot_are_told_first(make_tenant: MakeTenant, tmp_path: Path) -> None:
    tenant = make_tenant(*two_accounts(), scopes="read:users update:users update:users_app_metadata")
    ran = link(tmp_path)

    assert isinstance(ran.raised, ForbiddenError)
    assert "read:organizations" in str(ran.error)
    assert {each.route for each in tenant.requests} == {"token"}


def test_two_links_into_one_primary_at_once_lose_nothing(make_tenant: MakeTenant) -> None:
    secondaries = [f"github|{n}" for n in range(6)]
    users = [{"user_id": name, "user_metadata": {"tags": [name]}} for name in secondaries]
    tenant = make_tenant({"user_id": ADA, "user_metadata": {"tags": []}}, *users, latency=0.02)
    threads = [
        threading.Thread(target=link, args=(None,), kwargs={"secondary_user_id": name})
        for name in secondaries
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert sorted((tenant.user(ADA) or {})["user_metadata"]["tags"]) == secondaries
