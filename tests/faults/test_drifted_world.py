"""Accounts that changed between the plan and the merge are refused one by one, the rest is linked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from airflow_provider_auth0link.emulator.server import Emulator
from airflow_provider_auth0link.hooks.auth0 import Auth0Hook
from airflow_provider_auth0link.hooks.journal import open_store
from airflow_provider_auth0link.linking.journal import read_history
from airflow_provider_auth0link.linking.report import report
from airflow_provider_auth0link.operators.batch import LinkIdentitiesOperator
from airflow_provider_auth0link.operators.export import ExportUsersOperator
from airflow_provider_auth0link.operators.plan import PlanLinksOperator
from tests.fakes.export import account
from tests.operators.rig import MakeTenant, make_tenant, run

__all__ = ["make_tenant"]

CASES = (
    "same",
    "mail",
    "wrong_case",
    "unverified",
    "blocked",
    "key",
    "deleted",
    "moved",
    "enterprise",
    "also_same",
)
LINKED = ("same", "wrong_case", "also_same")
"""What a change of letters' case is, is none."""


def people() -> list[dict[str, Any]]:
    """Return two accounts of each case, by one e-mail or, for ``key``, by one legacy id; and two others."""
    rows = []
    for name in CASES:
        for number, user_id in enumerate((f"auth0|{name}", f"google-oauth2|{name}")):
            mail = f"{name}{number if name == 'key' else ''}@example.com"
            more = {"app_metadata": {"legacy_id": name}} if name == "key" else {}
            rows.append(account(user_id, mail, logins_count=9 - number, **more))
    return [*rows, account("auth0|other", "other@example.com"), account("samlp|acme|x", "x@acme.example.com")]


def drift() -> None:
    """Change what the plan was made of, over the tenant's own API."""
    hook = Auth0Hook("auth0_default")
    hook.update_user("auth0|mail", {"email": "another@example.com", "email_verified": True})
    hook.update_user("auth0|wrong_case", {"email": "Wrong_Case@Example.com", "email_verified": True})
    hook.update_user("auth0|unverified", {"email_verified": False})
    hook.update_user("google-oauth2|blocked", {"blocked": True})
    hook.update_user("google-oauth2|key", {"app_metadata": {"legacy_id": "of somebody else"}})
    hook.request("DELETE", "users/google-oauth2%7Cdeleted")
    hook.link_identity("auth0|other", "google-oauth2|moved")
    hook.link_identity("google-oauth2|enterprise", "samlp|acme|x")


def test_each_change_is_refused_and_the_rest_is_linked(make_tenant: MakeTenant, tmp_path: Path) -> None:
    tenant: Emulator = make_tenant(*people())
    export, plan, journal = (str(tmp_path / name) for name in ("users.ndjson.gz", "plan.jsonl", "journal"))
    exported = run(ExportUsersOperator(task_id="export", path=export, poll_seconds=0.1))
    assert exported.error is None, exported.said()
    rules = ("verified_email", "metadata:app_metadata.legacy_id")
    planned = run(PlanLinksOperator(task_id="plan", source=export, plan_path=plan, rules=rules))
    assert planned.error is None, planned.said()
    assert planned.pushed["planned"] == len(CASES)
    drift()
    before = dict(tenant.links_applied)

    merged = run(
        LinkIdentitiesOperator(
            task_id="link",
            plan_path=plan,
            plan_digest=planned.pushed["plan_digest"],
            journal_path=journal,
            max_failures=len(CASES),
        )
    )

    assert merged.error is None, merged.said()
    store = open_store(journal)
    told = report(read_history(store, None), store.names())
    assert {each.secondary_user_id: each.reason for each in told.refusals} == {
        "google-oauth2|mail": "drifted: email",
        "google-oauth2|unverified": "drifted: verified",
        "google-oauth2|key": "drifted: metadata:app_metadata.legacy_id",
        "google-oauth2|blocked": "not_blocked: the secondary is blocked",
        "google-oauth2|enterprise": "not_enterprise_secondary: the secondary is an enterprise account (samlp)",
    }
    failed = {each.secondary_user_id: str(each.reason) for each in told.look}
    assert failed.keys() == {"google-oauth2|deleted", "google-oauth2|moved"}
    assert all("not there: linked elsewhere or deleted" in reason for reason in failed.values())
    assert told.states == {"linked": len(LINKED), "refused": 5, "failed": 2}
    assert tenant.links_applied == before | {(f"auth0|{name}", f"google-oauth2|{name}"): 1 for name in LINKED}
