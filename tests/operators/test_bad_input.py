"""What bad input gets: a clear error before any request, naming the field and the mend, never the secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_auth0link.emulator.server import Emulator
from airflow_provider_auth0link.errors import (
    ForbiddenError,
    InputError,
    SettingsError,
    UnauthorizedError,
)
from airflow_provider_auth0link.operators.link import LinkIdentityOperator, UnlinkIdentityOperator
from tests.operators.rig import (
    ADA,
    PAIR,
    PLAIN,
    FakeTaskInstance,
    Json,
    MakeTenant,
    Ran,
    connect,
    run,
    two_accounts,
)

BAD_IDS = [
    pytest.param("auth0", "has no '|'", id="no-pipe"),
    pytest.param("|64b1", "the provider is empty", id="no-provider"),
    pytest.param("auth0|", "the part after the first '|' is empty", id="no-rest"),
    pytest.param("auth0|.", "would leave the user's place", id="dot"),
    pytest.param("auth0|..", "would leave the user's place", id="dots"),
    pytest.param("..|64b1", "would leave the user's place", id="dots-for-a-provider"),
    pytest.param("auth0|a\nb", "control character", id="newline"),
    pytest.param("auth0|\x7f", "control character", id="delete"),
    pytest.param("auth0|\ud800", "half a surrogate pair", id="surrogate"),
    pytest.param(True, "render_template_as_native_obj", id="bool"),
    pytest.param(1.5, "render_template_as_native_obj", id="float"),
    pytest.param(["auth0|1"], "expected a string or an integer, got list", id="list"),
]


@pytest.mark.parametrize(("value", "said"), BAD_IDS)
@pytest.mark.parametrize("name", ["primary_user_id", "secondary_user_id"])
@pytest.mark.parametrize("operator", [LinkIdentityOperator, UnlinkIdentityOperator])
def test_an_id_that_is_none(operator: Any, name: str, value: Any, said: str, tenant: Emulator) -> None:
    ran = run(operator(task_id="it", **{**PAIR, name: value}))

    assert isinstance(ran.error, InputError)
    assert isinstance(ran.error, AirflowFailException)
    assert str(ran.error).startswith(name)
    assert said in str(ran.error)
    assert tenant.requests == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param({"primary_user_id": ""}, "primary_user_id: is empty", id="no-primary"),
        pytest.param(
            {"secondary_user_id": None},
            "secondary: name it by secondary_user_id, or by secondary_id_token",
            id="no-secondary",
        ),
        pytest.param({"secondary_user_id": ADA}, "the same account", id="self-link"),
        pytest.param(
            {"provider": "auth0", "secondary_user_id": "ada"}, "the same account", id="self-by-parts"
        ),
        pytest.param({"provider": "auth0|x"}, "provider: holds a '|'", id="provider-with-a-pipe"),
        pytest.param({"provider": ["auth0"]}, "provider: expected a string, got list", id="provider-list"),
        pytest.param({"provider": {}}, "provider: expected a string, got dict", id="provider-dict"),
        pytest.param(
            {"connection_id": "legacy"}, "connection_id: is no id of an Auth0", id="connection-name"
        ),
        pytest.param(
            {"connection_id": "con_../x"}, "connection_id: is no id of an Auth0", id="connection-path"
        ),
        pytest.param(
            {"connection_id": 7}, "connection_id: expected a string, got int", id="connection-number"
        ),
        pytest.param({"carry": ["metadata"]}, "carry: 'metadata' is not known; known are", id="carry"),
        pytest.param({"carry": "user_metadata"}, "carry: expected a list of names, got str", id="carry-text"),
        pytest.param({"carry": [1]}, "carry: expected names, got int", id="carry-number"),
        pytest.param({"carry_except": ["rights"]}, "carry_except: ", id="except-no-path"),
        pytest.param({"carry_except": ["app_metadata..x"]}, "carry_except: ", id="except-empty-part"),
        pytest.param({"conflicts": "newest"}, "conflicts: 'newest' is not known; known are", id="conflicts"),
        pytest.param({"guards": ["not_bloked"]}, "guards: 'not_bloked' is not known; known are", id="guards"),
        pytest.param({"guards": None}, "guards: expected a list of names, got NoneType", id="guards-none"),
        pytest.param({"on_already_linked": "ok"}, "on_already_linked: 'ok' is not known", id="on-linked"),
        pytest.param({"on_refused": "succeed"}, "on_refused: 'succeed' is not known", id="on-refused"),
        pytest.param({"evidence": {"name": "Ada"}}, "evidence: unknown keys ['name']", id="evidence-key"),
        pytest.param({"evidence": {"metadata:x": 1}}, "evidence: unknown keys", id="evidence-path"),
        pytest.param(
            {"evidence": "{'email': 1}"}, "evidence: expected a mapping, got str", id="evidence-text"
        ),
        pytest.param(
            {"evidence": {"verified": "perhaps"}},
            "evidence: 'verified' must be true or false",
            id="evidence-verified",
        ),
        pytest.param({"evidence": ["email"]}, "evidence: expected a mapping, got list", id="evidence-list"),
        pytest.param({"dry_run": "yes"}, "dry_run: must be true or false after rendering", id="dry-run"),
        pytest.param({"dry_run": 1}, "dry_run: must be true or false after rendering", id="dry-run-number"),
        pytest.param({"dry_run": None}, "dry_run: must be true or false after rendering", id="dry-run-none"),
        pytest.param({"dry_run": ""}, "dry_run: must be true or false after rendering", id="dry-run-empty"),
        pytest.param({"journal_path": "ftp://journal"}, "ftp", id="journal"),
        pytest.param({"rule": 7}, "rule: expected a string, got int", id="rule"),
        pytest.param({"auth0_conn_id": ""}, "auth0_conn_id: is empty", id="no-connection"),
        pytest.param(
            {"auth0_conn_id": []}, "auth0_conn_id: expected a string, got list", id="connection-list"
        ),
    ],
)
def test_an_argument_that_is_wrong(arguments: Json, said: str, tenant: Emulator) -> None:
    ran = run(LinkIdentityOperator(task_id="link", **{**PAIR, **arguments}))

    assert isinstance(ran.error, InputError)
    assert isinstance(ran.error, AirflowFailException)
    assert said in str(ran.error)
    assert tenant.requests == []
    assert ran.pushed == {"link": refusal_of(ran, **{**PAIR, **arguments})}


def refusal_of(ran: Ran, **given: Any) -> Json:
    """Return the outcome that is to be pushed where an argument is refused."""
    return {
        "outcome": "failed",
        "reason": str(ran.error),
        "primary_user_id": given["primary_user_id"],
        "secondary_user_id": given["secondary_user_id"],
        "carried": [],
        "requests": 0,
    }


@pytest.mark.parametrize(
    ("operator", "key"), [(LinkIdentityOperator, "link"), (UnlinkIdentityOperator, "unlink")]
)
@pytest.mark.parametrize(
    ("given", "told"),
    [
        pytest.param(7, 7, id="number"),
        pytest.param("no pipe", "no pipe", id="text"),
        pytest.param("auth0|a\nb", "auth0|a\nb", id="newline"),
        pytest.param(True, None, id="bool"),
        pytest.param(1.5, None, id="float"),
        pytest.param(["auth0|1"], None, id="list"),
    ],
)
def test_a_refused_id_is_pushed_as_it_was_given(
    operator: Any, key: str, given: Any, told: Any, tenant: Emulator
) -> None:
    ran = run(operator(task_id="it", **{**PAIR, "primary_user_id": given}))

    assert ran.pushed == {key: {**refusal_of(ran, **PAIR), "primary_user_id": told}}


def test_a_connection_that_is_refused_is_pushed(tenant: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(tenant, monkeypatch, rate_share="7")
    ran = run(LinkIdentityOperator(task_id="link", **PAIR))

    assert isinstance(ran.error, SettingsError)
    assert ran.pushed == {"link": refusal_of(ran, **PAIR)}


def test_no_token_is_pushed_in_the_place_of_an_id(tenant: Emulator) -> None:
    token = tenant.id_token(ADA)
    ends = [
        run(LinkIdentityOperator(task_id="link", **{**PAIR, "secondary_user_id": token})),
        run(LinkIdentityOperator(task_id="link", **PAIR, secondary_id_token=token)),
        run(
            LinkIdentityOperator(
                task_id="link",
                primary_user_id="planted",
                secondary_id_token="planted",
                guards=("not_blocked",),
            )
        ),
    ]

    assert [ran.link["secondary_user_id"] for ran in ends] == [None, PAIR["secondary_user_id"], None]
    assert ends[2].link["primary_user_id"] is None
    assert token not in f"{ends!r}{[ran.said() for ran in ends]}"


def test_an_error_outlives_an_outcome_that_cannot_be_pushed(
    tenant: Emulator, capsys: pytest.CaptureFixture[str]
) -> None:
    class Dead(FakeTaskInstance):
        def xcom_push(self, key: str, value: Any) -> None:
            raise OSError("the server is gone")

    ran = run(LinkIdentityOperator(task_id="link", **{**PAIR, "dry_run": "yes"}), Dead())

    assert isinstance(ran.raised, InputError)
    assert "The outcome could not be pushed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param({"secondary_user_id": ADA}, "the same account", id="self"),
        pytest.param({"secondary_user_id": ""}, "secondary_user_id: is empty", id="no-secondary"),
        pytest.param({"on_not_linked": "ok"}, "on_not_linked: 'ok' is not known", id="on-not-linked"),
        pytest.param({"connection": 7}, "connection: expected a string, got int", id="connection"),
        pytest.param({"dry_run": "perhaps"}, "dry_run: must be true or false", id="dry-run"),
    ],
)
def test_an_argument_of_unlink_that_is_wrong(arguments: Json, said: str, tenant: Emulator) -> None:
    ran = run(UnlinkIdentityOperator(task_id="unlink", **{**PAIR, **arguments}))

    assert isinstance(ran.error, InputError)
    assert isinstance(ran.error, AirflowFailException)
    assert said in str(ran.error)
    assert tenant.requests == []


PEM = "-----BEGIN PRIVATE KEY-----\nplanted+key\n-----END PRIVATE KEY-----"
KEY: Json = {"password": None, "private_key": PEM}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"host": None}, "Host is empty", id="no-host"),
        pytest.param({"host": "acme.eu.auth0.com/api/v2"}, "Host holds a path", id="path"),
        pytest.param({"host": "https://acme.eu.auth0.com/?x=1"}, "Host holds a path", id="query"),
        pytest.param(
            {"host": "https://u:planted-pw@acme.eu.auth0.com"}, "Host holds user info", id="user-info"
        ),
        pytest.param({"host": "http://acme.eu.auth0.com"}, "Host asks for plain http", id="plain-http"),
        pytest.param({"host": "ftp://acme.eu.auth0.com"}, "Host has the scheme 'ftp'", id="scheme"),
        pytest.param({"host": "acme eu auth0 com"}, "Host is no domain name", id="no-domain"),
        pytest.param({"schema": "https"}, "Schema must be empty", id="schema"),
        pytest.param({"rate_limit": 16}, "unknown extras ['rate_limit']; known are", id="unknown-extra"),
        pytest.param({"private_key": PEM}, "extra private_key is no readable private key", id="pem"),
        pytest.param(KEY, "extra private_key is no readable private key", id="pem-alone"),
        pytest.param({"private_key_path": "/nowhere/key.pem"}, "extra private_key_path: ", id="pem-path"),
        pytest.param(
            {"access_token": "planted-token"}, "access_token stands beside a client secret", id="both"
        ),
        pytest.param({"access_token": "two words"}, "access_token holds white space", id="odd-token"),
        pytest.param({"login": None}, "Login (client id) is missing", id="no-login"),
        pytest.param({"password": None}, "Login and Password", id="no-secret"),
        pytest.param({"signing_alg": "HS256"}, "extra signing_alg is 'HS256'; known are", id="algorithm"),
        pytest.param({"rate_share": 0}, "extra rate_share must be a number over 0", id="share-zero"),
        pytest.param(
            {"rate_share": 1.5}, "extra rate_share must be a number over 0 and at most 1", id="share"
        ),
        pytest.param({"rate_share": "most"}, "extra rate_share must be a number over 0", id="share-text"),
        pytest.param({"requests_per_second": -1}, "extra requests_per_second must be", id="rate"),
        pytest.param({"timeout": True}, "extra timeout must be a number over 0", id="timeout"),
        pytest.param(
            {"journal_secret": "planted"}, "extra journal_secret must hold Fernet keys", id="fernet"
        ),
        pytest.param({"verify": "/nowhere/ca.pem"}, "extra verify: no CA bundle", id="verify"),
        pytest.param({"proxy": "proxy:3128"}, "extra proxy must be a URL", id="proxy"),
        pytest.param({"audience": 7}, "extra audience must be text", id="audience"),
    ],
)
def test_a_connection_that_is_wrong(
    changes: Json, said: str, tenant: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(tenant, monkeypatch, **changes)

    ran = run(LinkIdentityOperator(task_id="link", **PAIR))

    assert isinstance(ran.error, SettingsError)
    assert isinstance(ran.error, AirflowFailException)
    assert said in str(ran.error)
    assert tenant.requests == []
    assert not any(
        secret in ran.said() for secret in ("planted", tenant.client_secret, "PRIVATE KEY-----\nMI")
    )


def test_verify_may_be_off_on_loopback_only(tenant: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(tenant, monkeypatch, verify=False)
    assert run(LinkIdentityOperator(task_id="link", **PAIR, dry_run=True)).outcome == "would_link"

    connect(tenant, monkeypatch, verify=False, host="acme.eu.auth0.com")
    ran = run(LinkIdentityOperator(task_id="link", **PAIR, dry_run=True))

    assert isinstance(ran.error, SettingsError)
    assert "verify may be false on loopback only" in str(ran.error)


def test_a_secret_and_a_key_together(tenant: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(tenant, monkeypatch, private_key=tenant.private_key)

    ran = run(LinkIdentityOperator(task_id="link", **PAIR))

    assert isinstance(ran.error, SettingsError)
    assert "Password (client secret) and extra private_key are both set" in str(ran.error)
    assert tenant.client_secret not in ran.said()
    assert tenant.private_key.splitlines()[1] not in ran.said()
    assert tenant.requests == []


def test_a_key_and_the_path_of_one_together(
    tenant: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "key.pem"
    path.write_text(tenant.private_key)
    connect(tenant, monkeypatch, password=None, private_key=tenant.private_key, private_key_path=str(path))

    ran = run(LinkIdentityOperator(task_id="link", **PAIR))

    assert isinstance(ran.error, SettingsError)
    assert "private_key and private_key_path are set. Keep one" in str(ran.error)


def test_a_scope_that_is_missing_is_named_before_any_request(make_tenant: MakeTenant) -> None:
    tenant = make_tenant(*two_accounts(), scopes="read:connections")

    for operator in (LinkIdentityOperator, UnlinkIdentityOperator):
        ran = run(operator(task_id="it", **PAIR))

        assert isinstance(ran.error, ForbiddenError)
        assert isinstance(ran.error, AirflowFailException)
        assert "update:users" in str(ran.error)
        assert "Grant it to the application" in str(ran.error)
    assert tenant.counts == {"token": 1}


def test_a_secret_that_is_not_accepted(tenant: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(tenant, monkeypatch, password="planted-secret")

    ran = run(LinkIdentityOperator(task_id="link", **PAIR))

    assert isinstance(ran.error, UnauthorizedError)
    assert isinstance(ran.error, AirflowFailException)
    assert "Check Login and the credentials" in str(ran.error)
    assert "planted" not in ran.said()
    assert tenant.counts == {"token": 1}


def test_an_audience_that_is_not_the_tenants(tenant: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    connect(tenant, monkeypatch, audience="https://login.acme.com/api/v2/")

    ran = run(LinkIdentityOperator(task_id="link", **PAIR))

    assert isinstance(ran.error, UnauthorizedError)
    assert "set extra audience to the canonical tenant's" in str(ran.error)


def test_401_after_the_renewal_ends_it(make_tenant: MakeTenant) -> None:
    # A token that is over as soon as it is issued: each renewal brings another of the kind.
    tenant = make_tenant(*two_accounts(), token_lifetime=0)

    ran = run(LinkIdentityOperator(task_id="link", **PAIR, **PLAIN))

    assert isinstance(ran.error, UnauthorizedError)
    assert isinstance(ran.error, AirflowFailException)
    assert [each.status for each in tenant.requests if each.route == "link"] == [401, 401]
    assert tenant.links_applied == {}
