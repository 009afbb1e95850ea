"""What accounts hold forges no line of a task's log, nor of the error that ends the task."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowSkipException

from airflow_provider_auth0link.errors import OutcomeUnknownError
from airflow_provider_auth0link.hooks.auth0 import Auth0Hook
from airflow_provider_auth0link.hooks.failing import failing_for_good
from airflow_provider_auth0link.operators.batch import LinkIdentitiesOperator
from airflow_provider_auth0link.operators.link import LinkIdentityOperator, UnlinkIdentityOperator
from airflow_provider_auth0link.operators.undo import UndoLinksOperator
from tests.operators.rig import ADA, ADA_GOOGLE, PAIR, MakeTenant, Ran, run

KEY = "x\n[2026-01-01] ERROR - forged\r\x1b]0;title\x07\u202e\u2028"
SHOWN = r"x\n[2026-01-01] ERROR - forged\r\x1b]0;title\x07\u202e\u2028"
PATH = f"user_metadata.{SHOWN}"
BOTH = f"both accounts have a value at {PATH}"

Captured = pytest.CaptureFixture[str]


def accounts(key: str = KEY, kind: str = "user_metadata", *, met: bool = True) -> list[dict[str, Any]]:
    """Return two accounts, of which the second brings a key; where they are *met*, the first has it too."""
    return [
        {"user_id": ADA, kind: {key: 1} if met else {}},
        {"user_id": ADA_GOOGLE, kind: {key: 2}},
    ]


def link(**arguments: Any) -> Ran:
    return run(LinkIdentityOperator(task_id="link", **PAIR, **arguments))


def merge(folder: Path, **arguments: Any) -> Ran:
    more: Any = {"guards": (), **arguments}
    return run(
        LinkIdentitiesOperator(task_id="merge", pairs=[[ADA, ADA_GOOGLE]], journal_path=str(folder), **more)
    )


def log_of(capsys: Captured) -> str:
    """Return the log; what Airflow colours it with is no account's."""
    said = re.sub(r"\x1b\[\d*m", "", capsys.readouterr().out)
    assert [letter for letter in ("\r", "\x1b", "\x07", "\u202e", "\u2028") if letter in said] == []
    assert [line for line in said.splitlines() if line.startswith("[2026-01-01]")] == []
    return said


def test_a_batch_names_refused_pairs_on_one_line_each(
    make_tenant: MakeTenant, tmp_path: Path, capsys: Captured
) -> None:
    make_tenant(*accounts())
    merge(tmp_path / "j", conflicts="fail")

    assert f"refused: '{ADA_GOOGLE}' into '{ADA}': conflicts: {BOTH}" in log_of(capsys)


def test_a_batch_s_dry_run_names_what_would_be_gained(
    make_tenant: MakeTenant, tmp_path: Path, capsys: Captured
) -> None:
    make_tenant(*accounts(kind="app_metadata", met=False))
    merge(tmp_path / "j", dry_run=True)

    assert f"would gain app_metadata.{SHOWN}: 1 pair" in log_of(capsys)


def test_an_undo_names_what_it_leaves(make_tenant: MakeTenant, tmp_path: Path, capsys: Captured) -> None:
    make_tenant(*accounts(met=False))
    merge(tmp_path / "j")
    Auth0Hook().update_user(ADA, {"user_metadata": {KEY: 3}})
    run(UndoLinksOperator(task_id="undo", journal_path=str(tmp_path / "j")))

    assert f": {PATH}" in log_of(capsys)


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_journal_is_named_where_there_is_one(
    dry_run: bool, make_tenant: MakeTenant, tmp_path: Path, capsys: Captured
) -> None:
    make_tenant(*accounts(met=False))
    ran = merge(tmp_path / "j", dry_run=dry_run)

    assert ran.value["journal"] == str(tmp_path / "j")
    assert ("; journal none, a dry run" if dry_run else f"; journal {tmp_path / 'j'}") in log_of(capsys)


def test_one_pair_is_told_like_one_of_a_batch(make_tenant: MakeTenant, capsys: Captured) -> None:
    make_tenant({"user_id": ADA}, {"user_id": ADA_GOOGLE, "blocked": True})
    link()
    link(guards=())
    run(UnlinkIdentityOperator(task_id="unlink", **PAIR))

    said = log_of(capsys)
    assert f"refused: '{ADA_GOOGLE}' into '{ADA}', 2 requests: not_blocked: the secondary is blocked" in said
    assert f"linked: '{ADA_GOOGLE}' into '{ADA}', 3 requests" in said
    assert f"unlinked: '{ADA_GOOGLE}' from '{ADA}', 1 request" in said


def test_one_pair_names_what_was_carried(make_tenant: MakeTenant, capsys: Captured) -> None:
    make_tenant(*accounts(met=False))
    result = link(guards=())

    assert result.link["carried"] == [f"user_metadata.{KEY}"]
    assert f"carried {PATH}" in log_of(capsys)


def test_one_pair_that_is_refused(make_tenant: MakeTenant, capsys: Captured) -> None:
    make_tenant(*accounts())
    failed = link(conflicts="fail")
    skipped = link(conflicts="fail", on_refused="skip")

    assert str(failed.raised) == f"conflicts: {BOTH}"
    assert isinstance(skipped.raised, AirflowSkipException)
    assert str(skipped.raised) == f"refused: conflicts: {BOTH}"
    assert KEY in failed.link["reason"]
    log_of(capsys)


def test_an_error_that_is_tried_again_is_told_on_one_line_too() -> None:
    with pytest.raises(OutcomeUnknownError) as caught, failing_for_good():
        raise OutcomeUnknownError(KEY)

    assert str(caught.value) == SHOWN
