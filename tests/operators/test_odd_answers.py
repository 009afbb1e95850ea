"""Answers that Auth0 documents, or a middlebox gives, and that a tenant in good order does not."""

from __future__ import annotations

from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_auth0link.errors import BadRequestError, ForbiddenError, LinkFailedError
from airflow_provider_auth0link.operators.link import LinkIdentityOperator, UnlinkIdentityOperator
from tests.operators.rig import ADA, CONN, PAIR, PLAIN, run
from tests.operators.scripted import Said, Scripted, problem

PRIMARY = "GET /api/v2/users/auth0%7Cada"
SECONDARY = "GET /api/v2/users/google-oauth2%7C1034"
LINK = "POST /api/v2/users/auth0%7Cada/identities"
UNLINK = "DELETE /api/v2/users/auth0%7Cada/identities/google-oauth2/1034"

ROOT = {"connection": "db", "provider": "auth0", "user_id": "ada"}
GOOGLE = {"connection": "google-oauth2", "provider": "google-oauth2", "user_id": "1034"}
ALONE: Said = (200, {"user_id": ADA, "identities": [ROOT]})
BOTH: Said = (200, {"user_id": ADA, "identities": [ROOT, GOOGLE]})
ALIVE: Said = (200, {"user_id": "google-oauth2|1034", "identities": [GOOGLE]})
LINKED: Said = (201, [ROOT, GOOGLE])

CONFLICT = problem(409, "Specified identity already exists.")
SAME = problem(400, "Main identity and the new one are the same.")


@pytest.mark.parametrize("answer", [pytest.param(CONFLICT, id="409"), pytest.param(SAME, id="400")])
def test_a_conflict_though_both_are_there_is_tried_once_more(
    answer: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Scripted({PRIMARY: [ALONE], SECONDARY: [ALIVE], LINK: [answer, LINKED]}) as tenant:
        monkeypatch.setenv(CONN, tenant.connection())
        ran = run(LinkIdentityOperator(task_id="link", **PAIR, **PLAIN))

    assert ran.outcome == "linked"
    assert tenant.counts[LINK] == 2


@pytest.mark.parametrize("answer", [pytest.param(CONFLICT, id="409"), pytest.param(SAME, id="400")])
def test_a_conflict_that_stays_is_a_failure(answer: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    with Scripted({PRIMARY: [ALONE], SECONDARY: [ALIVE], LINK: [answer]}) as tenant:
        monkeypatch.setenv(CONN, tenant.connection())
        ran = run(LinkIdentityOperator(task_id="link", **PAIR, **PLAIN))

    assert ran.outcome == "failed"
    assert "conflict" in ran.link["reason"]
    assert isinstance(ran.error, LinkFailedError)
    assert isinstance(ran.error, AirflowFailException)
    assert tenant.counts[LINK] == 2


def test_a_conflict_after_a_lost_answer_is_our_own_link(monkeypatch: pytest.MonkeyPatch) -> None:
    # The first look comes before the late link, the second one sees it.
    answers = {PRIMARY: [ALONE, BOTH], SECONDARY: [ALIVE], LINK: [(503, "<html>"), CONFLICT]}
    with Scripted(answers) as tenant:
        monkeypatch.setenv(CONN, tenant.connection())
        ran = run(LinkIdentityOperator(task_id="link", **PAIR, **PLAIN))

    assert ran.outcome == "linked"
    assert tenant.counts[LINK] == 2


def test_a_secondary_that_vanishes_between_two_readings_is_looked_for_once_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gone = problem(404, "The user does not exist.", "inexistent_user")
    answers = {PRIMARY: [ALONE, BOTH], SECONDARY: [gone], LINK: [(500, "")]}
    with Scripted(answers) as tenant:
        monkeypatch.setenv(CONN, tenant.connection())
        ran = run(LinkIdentityOperator(task_id="link", **PAIR, **PLAIN))

    assert ran.outcome == "linked"
    assert tenant.counts[LINK] == 1


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("", id="nothing"),
        pytest.param("{}", id="an-object"),
        pytest.param("null", id="null"),
        pytest.param('["linked"]', id="texts"),
        pytest.param([{"provider": "auth0"}], id="half-an-identity"),
        pytest.param([ROOT], id="without-the-secondary"),
        pytest.param([GOOGLE | {"user_id": "1035"}], id="of-somebody-else"),
    ],
)
def test_a_201_that_says_something_else_is_settled(body: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with Scripted({PRIMARY: [BOTH], LINK: [(201, body)]}) as tenant:
        monkeypatch.setenv(CONN, tenant.connection())
        ran = run(LinkIdentityOperator(task_id="link", **PAIR, **PLAIN))

    assert (ran.outcome, tenant.counts[LINK]) == ("linked", 1)
    assert ran.identities == [ADA, "google-oauth2|1034"]


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        pytest.param(
            problem(400, "The provider/connection is not configured.", "inexistent_connection"),
            BadRequestError,
            "not configured in the tenant",
            id="not-configured",
        ),
        pytest.param(
            problem(400, "Unable to link with the secondary account."),
            BadRequestError,
            "unable to link with this secondary account",
            id="unable",
        ),
        pytest.param(
            problem(403, "Insufficient scope, expected any of: update:users", "insufficient_scope"),
            ForbiddenError,
            "lacks update:users",
            id="scope",
        ),
        pytest.param(
            problem(400, "Payload validation error: 'planted-secret-of-a-person'", "invalid_body"),
            BadRequestError,
            "the request is not valid (invalid_body)",
            id="invalid",
        ),
    ],
)
def test_a_permanent_answer_ends_the_task_for_good(
    answer: Said, error: type[Exception], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Scripted({LINK: [answer]}) as tenant:
        monkeypatch.setenv(CONN, tenant.connection())
        ran = run(LinkIdentityOperator(task_id="link", **PAIR, **PLAIN))

    assert isinstance(ran.error, error)
    assert isinstance(ran.error, AirflowFailException)
    assert said in str(ran.error)
    assert ran.link["outcome"] == "failed"
    assert "planted" not in ran.said()
    assert tenant.counts == {"POST /oauth/token": 1, LINK: 1}


def test_what_was_carried_is_taken_back_when_the_link_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    body = {"user_metadata": {"language": "fr"}}
    carried = (200, {"user_id": ADA, "identities": [ROOT], **body})
    patch = "PATCH /api/v2/users/auth0%7Cada"
    answers = {
        PRIMARY: [ALONE, carried],
        SECONDARY: [(200, {**ALIVE[1], **body})],
        patch: [carried, ALONE],
        LINK: [problem(400, "Unable to link with the secondary account.")],
    }
    with Scripted(answers) as tenant:
        monkeypatch.setenv(CONN, tenant.connection())
        ran = run(LinkIdentityOperator(task_id="link", **PAIR))

    assert ran.outcome == "failed"
    assert ran.link["carried"] == []
    assert ran.link["reason"].endswith("; what was carried is taken back")
    assert str(ran.error) == ran.link["reason"]
    assert tenant.counts[patch] == 2


def test_an_unlink_that_is_refused_though_the_identity_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {PRIMARY: [BOTH], UNLINK: [problem(400, "Main identity cannot be removed.")]}
    with Scripted(answers) as tenant:
        monkeypatch.setenv(CONN, tenant.connection())
        ran = run(UnlinkIdentityOperator(task_id="unlink", **PAIR))

    assert ran.outcome == "failed"
    assert isinstance(ran.error, AirflowFailException)
    assert "main identity stays" in str(ran.error)
    assert tenant.counts[UNLINK] == 1


def test_a_token_that_names_no_scopes_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    with Scripted({LINK: [LINKED]}) as tenant:
        monkeypatch.setenv(CONN, tenant.connection())
        ran = run(LinkIdentityOperator(task_id="link", **PAIR, **PLAIN))

    assert ran.outcome == "linked"


@pytest.mark.parametrize("role", [PRIMARY, SECONDARY])
def test_an_account_that_was_not_asked_for_is_neither_guarded_nor_merged(
    role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other: Said = (200, {"user_id": "auth0|eve", "identities": [ROOT | {"user_id": "eve"}]})
    with Scripted({PRIMARY: [ALONE], SECONDARY: [ALIVE], LINK: [LINKED], role: [other]}) as tenant:
        monkeypatch.setenv(CONN, tenant.connection())
        ran = run(LinkIdentityOperator(task_id="link", **PAIR))

    assert (ran.outcome, tenant.counts[LINK]) == ("failed", 0)
    assert "another account" in ran.link["reason"]


def test_a_redirect_is_not_followed_with_the_token(monkeypatch: pytest.MonkeyPatch) -> None:
    with Scripted({LINK: [(307, "/elsewhere")], "POST /elsewhere": [LINKED]}) as tenant:
        monkeypatch.setenv(CONN, tenant.connection())
        ran = run(LinkIdentityOperator(task_id="link", **PAIR, **PLAIN))

    assert ran.outcome == "failed"
    assert "307" in str(ran.error)
    assert tenant.counts == {"POST /oauth/token": 1, LINK: 1}


def test_an_identity_of_the_secondary_that_did_not_arrive_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    more = {"connection": "sms", "provider": "sms", "user_id": "5"}
    nested = (200, {"user_id": "google-oauth2|1034", "identities": [GOOGLE, more]})
    with Scripted({PRIMARY: [ALONE], SECONDARY: [nested], LINK: [LINKED]}) as tenant:
        monkeypatch.setenv(CONN, tenant.connection())
        ran = run(LinkIdentityOperator(task_id="link", **PAIR))

    warnings = [line for line in capsys.readouterr().out.splitlines() if "did not arrive" in line]
    assert ran.outcome == "linked"
    assert len(warnings) == 1
    assert "1 of the secondary's identities did not arrive at the primary" in warnings[0]
