from __future__ import annotations

import base64
import json
from email.utils import formatdate
from typing import Any

import jwt
import pytest

from airflow_provider_auth0link.api.retry import Budget
from airflow_provider_auth0link.api.token import (
    ASSERTION_TYPE,
    StaticToken,
    Token,
    TokenFetcher,
    TokenSource,
    claimed_scopes,
    claims_of,
    subject_of,
)
from airflow_provider_auth0link.api.wire import Response
from airflow_provider_auth0link.errors import (
    AmbiguousError,
    Auth0LinkError,
    InputError,
    RateLimitedError,
    SettingsError,
    UnauthorizedError,
    UnsentError,
)
from airflow_provider_auth0link.model import UserId
from airflow_provider_auth0link.settings import Settings
from tests.fakes.clock import START, FakeClock
from tests.fakes.secrets import SECRET, pem, rsa_key, told_by
from tests.fakes.threads import THREADS, Crowd, at_once
from tests.fakes.transport import FakeTransport, Turn, answer, granted

HOST = "acme.eu.auth0.com"
BY_SECRET = Settings.from_connection(host=HOST, login="client", password=SECRET)
BY_KEY = Settings.from_connection(host=HOST, login="client", extra={"private_key": pem()})


class Bench:
    """A token source over a transport that answers token requests by script."""

    def __init__(
        self,
        *turns: Turn,
        settings: Settings = BY_SECRET,
        clock: FakeClock | None = None,
        seconds: float = 600,
    ) -> None:
        self.clock = clock or FakeClock()
        self.transport = FakeTransport(tokens=turns)
        self.told: list[str] = []
        self.fetch = TokenFetcher(
            settings,
            self.transport,
            timing=self.clock.timing(),
            unique=(f"jti-{number}" for number in range(1000)).__next__,
            told=self.told.append,
            headers={"user-agent": "tests"},
        )
        self.source = TokenSource(self.fetch, self.clock)
        self.budget = Budget(seconds, self.clock)

    def current(self) -> Token:
        return self.source.current(self.budget)

    def refused(self) -> Auth0LinkError:
        with pytest.raises(Auth0LinkError) as caught:
            self.current()
        return caught.value

    @property
    def asked(self) -> int:
        return len(self.transport.token_requests)

    def assertions(self) -> list[str]:
        return [(each.request.form or {})["client_assertion"] for each in self.transport.token_requests]


def claims(assertion: str, *, algorithm: str = "RS256") -> dict[str, Any]:
    """Verify an assertion's signature; its times are the test's own matter."""
    options = {"verify_exp": False, "verify_iat": False, "verify_aud": False}
    found: dict[str, Any] = jwt.decode(
        assertion,
        rsa_key().public_key(),
        algorithms=[algorithm],
        options=options,  # type: ignore[arg-type]  # a TypedDict of the library's that newer releases name
    )
    return found


def test_the_secret_goes_out_as_a_form() -> None:
    bench = Bench()
    token = bench.current()

    (sent,) = bench.transport.token_requests
    assert (sent.request.method, sent.request.path, sent.request.json) == ("POST", "/oauth/token", None)
    assert sent.request.form == {
        "grant_type": "client_credentials",
        "audience": f"https://{HOST}/api/v2/",
        "client_id": "client",
        "client_secret": SECRET,
    }
    assert dict(sent.headers) == {"user-agent": "tests"}
    assert (token.value, token.scopes) == ("token-1", frozenset({"read:users"}))


def test_a_token_fetched_is_told_before_anybody_gets_it() -> None:
    bench = Bench()

    assert bench.told == []
    assert bench.current().value == "token-1"
    assert bench.told == ["token-1"]


def test_many_threads_on_a_cold_source_ask_for_one_token() -> None:
    crowd = Crowd()

    def slow() -> Response:
        assert crowd.is_whole()
        return granted("the-one")

    bench = Bench(slow)

    def ask() -> str:
        crowd.come()
        return bench.current().value

    assert at_once(ask) == ["the-one"] * THREADS
    assert bench.asked == 1


def test_many_threads_that_met_a_401_cost_one_renewal() -> None:
    bench = Bench()
    old = bench.current()

    values = at_once(lambda: bench.source.after_refusal(old, bench.budget).value)

    assert values == ["token-2"] * THREADS
    assert bench.asked == 2
    assert bench.current().value == "token-2"


def test_a_token_refused_late_costs_nothing_more() -> None:
    bench = Bench()
    old = bench.current()
    bench.source.after_refusal(old, bench.budget)

    assert bench.source.after_refusal(old, bench.budget).value == "token-2"
    assert bench.asked == 2


def test_a_refusal_on_a_cold_source_gets_a_token() -> None:
    bench = Bench()

    assert bench.source.after_refusal(Token("older", None), bench.budget).value == "token-1"


@pytest.mark.parametrize(
    ("lives", "kept"),
    [
        pytest.param(86400, 86400 - 60, id="a day: a minute before its end"),
        pytest.param("600", 600 - 60, id="ten minutes, as text"),
        pytest.param(100, 90, id="short: a tenth before its end"),
        pytest.param(None, 86400 - 60, id="not told: a day"),
        pytest.param(0, 86400 - 60, id="nonsense, nothing: a day"),
        pytest.param(-5, 86400 - 60, id="nonsense, over before it began: a day"),
        pytest.param(float("nan"), 86400 - 60, id="nonsense, no number: a day"),
    ],
)
def test_a_token_is_renewed_before_it_expires(lives: object, kept: float) -> None:
    bench = Bench(granted("first", expires_in=lives))
    bench.current()
    bench.clock.pass_by(kept - 0.5)

    assert bench.current().value == "first"
    bench.clock.pass_by(0.5)
    assert bench.current().value == "token-2"
    assert bench.current().value == "token-2"


def test_a_token_s_life_counts_from_the_request() -> None:
    clock = FakeClock()

    def slow() -> Response:
        clock.pass_by(30.0)
        return granted("first", expires_in=100)

    bench = Bench(slow, clock=clock)
    bench.current()
    clock.pass_by(60.0)

    assert bench.current().value == "token-2"


def test_a_renewal_that_fails_leaves_the_source_able_to_try_again() -> None:
    bench = Bench(granted("first", expires_in=100), answer(403))
    bench.current()
    bench.clock.pass_by(95)

    assert isinstance(bench.refused(), UnauthorizedError)
    assert bench.current().value == "token-3"


@pytest.mark.parametrize(
    ("headers", "nap"),
    [
        pytest.param({"retry_after": "7"}, 7.0, id="Retry-After"),
        pytest.param({"x_ratelimit_reset": f"{START + 2:.0f}"}, 2.0, id="reset"),
        pytest.param({}, 0.25, id="no header"),
    ],
)
def test_a_429_is_waited_out(headers: dict[str, str], nap: float) -> None:
    bench = Bench(answer(429, {"error": "too_many_requests"}, **headers))

    assert bench.current().value == "token-2"
    assert bench.clock.naps == [nap]


def test_a_reset_is_read_by_the_server_s_clock() -> None:
    ahead = START + 300
    headers = {"date": formatdate(ahead, usegmt=True), "x_ratelimit_reset": f"{ahead + 2:.0f}"}
    bench = Bench(answer(429, **headers))
    bench.current()

    assert bench.clock.naps == [2.0]


def test_a_429_that_outlasts_the_budget_is_told_at_once() -> None:
    bench = Bench(answer(429, retry_after="700"))

    error = bench.refused()

    assert isinstance(error, RateLimitedError)
    assert error.retryable
    assert bench.clock.naps == []


@pytest.mark.parametrize(
    "outage",
    [
        pytest.param(UnsentError("no connection"), id="no connection"),
        pytest.param(AmbiguousError("reset"), id="reset"),
        pytest.param(answer(500), id="500"),
        pytest.param(answer(503), id="503"),
        pytest.param(answer(429), id="429"),
    ],
)
def test_an_outage_is_waited_out_within_the_budget(outage: Turn) -> None:
    assert Bench(outage, outage, outage).current().value == "token-4"

    lasting = Bench(*[outage] * 50, seconds=20.0)
    error = lasting.refused()
    assert error.retryable
    assert 5 < lasting.asked < 50
    assert sum(lasting.clock.naps) < 20.0


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="none"),
        pytest.param(b'{"access_token": "' + SECRET.encode(), id="cut"),
        pytest.param(b"\xff" + SECRET.encode(), id="no UTF-8"),
        pytest.param(b"[]", id="list"),
        pytest.param(b"null", id="null"),
        pytest.param(b'{"token_type": "Bearer"}', id="no token"),
        pytest.param(b'{"access_token": null}', id="token null"),
        pytest.param(b'{"access_token": ""}', id="token empty"),
        pytest.param(b'{"access_token": 7}', id="token a number"),
        pytest.param(b'{"access_token": "a\\r\\nx: y"}', id="token and a header"),
        pytest.param(b'{"access_token": "%s", "expires_in": "soon"}' % SECRET.encode(), id="life a word"),
    ],
)
def test_an_answer_without_a_token_is_an_outage(body: bytes) -> None:
    cut = Response(200, {}, body)
    bench = Bench(cut)

    assert bench.current().value == "token-2"
    assert bench.told == ["token-2"]
    error = Bench(*[cut] * 50, seconds=5.0).refused()
    assert isinstance(error, AmbiguousError)
    assert "without a token" in str(error)
    assert SECRET not in told_by(error)


@pytest.mark.parametrize(
    ("status", "told"),
    [
        pytest.param(400, "client id, secret or key is not accepted", id="400"),
        pytest.param(401, "client id, secret or key is not accepted", id="401"),
        pytest.param(403, "set extra audience to the canonical tenant's", id="403"),
        pytest.param(404, "Check Host", id="404"),
    ],
)
@pytest.mark.parametrize(
    "settings", [pytest.param(BY_SECRET, id="secret"), pytest.param(BY_KEY, id="private key")]
)
def test_credentials_that_are_refused_are_not_tried_again(settings: Settings, status: int, told: str) -> None:
    body = {"error": "access_denied", "error_description": SECRET}
    bench = Bench(answer(status, body, date=formatdate(START, usegmt=True)), settings=settings)

    error = bench.refused()

    assert isinstance(error, UnauthorizedError)
    assert told in str(error)
    assert SECRET not in told_by(error)
    assert (bench.asked, bench.clock.naps) == (1, [])


def test_without_credentials_nothing_is_sent() -> None:
    bench = Bench(settings=Settings.from_connection(host=HOST, login="client"))

    error = bench.refused()

    assert isinstance(error, SettingsError)
    assert "Set Login and Password" in str(error)
    assert bench.asked == 0


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "PS256"])
def test_an_assertion_is_signed_as_the_connection_says(algorithm: str) -> None:
    extra = {"private_key": pem(), "signing_alg": algorithm, "private_key_id": "the kid"}
    bench = Bench(settings=Settings.from_connection(host=HOST, login="client", extra=extra))
    bench.current()

    (sent,) = bench.transport.token_requests
    (assertion,) = bench.assertions()
    assert claims(assertion, algorithm=algorithm) == {
        "iss": "client",
        "sub": "client",
        "aud": f"https://{HOST}/",
        "iat": START,
        "exp": START + 60,
        "jti": "jti-0",
    }
    assert jwt.get_unverified_header(assertion) == {"alg": algorithm, "kid": "the kid", "typ": "JWT"}
    assert sent.request.form == {
        "grant_type": "client_credentials",
        "audience": f"https://{HOST}/api/v2/",
        "client_id": "client",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion,
    }


def test_without_a_key_id_the_assertion_names_none() -> None:
    bench = Bench(settings=BY_KEY)
    bench.current()

    assert "kid" not in jwt.get_unverified_header(bench.assertions()[0])


def test_every_attempt_bears_an_assertion_of_its_own() -> None:
    bench = Bench(answer(429), UnsentError("no connection"), answer(500), settings=BY_KEY)
    bench.current()

    told = [claims(each) for each in bench.assertions()]
    assert [each["jti"] for each in told] == ["jti-0", "jti-1", "jti-2", "jti-3"]
    assert all(0 < each["exp"] - each["iat"] <= 60 for each in told)
    assert told[3]["iat"] >= told[0]["iat"]


def _by_a_right_clock(bench: Bench) -> Response:
    """Answer as Auth0 does to an assertion whose times may be off: its own clock is right."""
    now = START + bench.clock() - 100
    told = claims(bench.assertions()[-1])
    if told["iat"] <= now + 10 and now < told["exp"] + 10:
        return granted("granted")
    return answer(401, {"error": "invalid_client"}, date=formatdate(now, usegmt=True))


@pytest.mark.parametrize(
    "off", [300, -300, 7 * 3600], ids=["five minutes fast", "five minutes slow", "hours"]
)
def test_a_clock_that_is_off_is_corrected_by_the_answer_s_date(off: int) -> None:
    bench = Bench(clock=FakeClock(epoch=START + off), settings=BY_KEY)
    bench.transport.will_answer_tokens(*[lambda: _by_a_right_clock(bench)] * 4)

    token = bench.current()
    assert token.value == "granted"
    assert (bench.asked, bench.clock.naps) == (2, [])
    bench.source.after_refusal(token, bench.budget)
    assert bench.asked == 3


@pytest.mark.parametrize(
    ("settings", "date"),
    [
        pytest.param(BY_KEY, START + 4, id="clock right"),
        pytest.param(BY_KEY, None, id="no date"),
        pytest.param(BY_SECRET, START + 300, id="a secret has no times"),
    ],
)
def test_a_refusal_that_no_clock_explains_is_final(settings: Settings, date: float | None) -> None:
    headers = {} if date is None else {"date": formatdate(date, usegmt=True)}
    bench = Bench(answer(401, **headers), settings=settings)

    assert isinstance(bench.refused(), UnauthorizedError)
    assert bench.asked == 1


def test_a_clock_is_corrected_once_only() -> None:
    dates = (START + 300, START + 900, START + 1500)
    turns = [answer(401, date=formatdate(date, usegmt=True)) for date in dates]
    bench = Bench(*turns, settings=BY_KEY)

    assert isinstance(bench.refused(), UnauthorizedError)
    assert bench.asked == 2


def test_errors_and_reprs_hold_no_secret() -> None:
    bench = Bench(answer(401, {"error_description": pem()}), settings=BY_KEY)
    error = bench.refused()
    shown = told_by(error) + repr([bench.transport.token_requests, Token(SECRET, None), bench.fetch])

    assert not [line for line in pem().splitlines() if line in shown]
    assert SECRET not in shown
    assert not any(each in shown for each in bench.assertions())


def test_a_ready_token_is_never_refreshed() -> None:
    source = StaticToken(SECRET)
    budget = Budget(600, FakeClock())
    token = source.current(budget)

    assert source.current(budget) is token
    assert (token.value, token.scopes) == (SECRET, None)
    with pytest.raises(UnauthorizedError, match="extra access_token is expired") as caught:
        source.after_refusal(token, budget)
    assert SECRET not in told_by(caught.value)


def unsigned(payload: object) -> str:
    """Build the form of a JWT around a payload."""
    middle = base64.urlsafe_b64encode(json.dumps(payload).encode()).decode().rstrip("=")
    return f"e30.{middle}.c2ln"


@pytest.mark.parametrize(
    ("token", "scopes"),
    [
        pytest.param(
            unsigned({"scope": "read:users update:users"}), {"read:users", "update:users"}, id="two"
        ),
        pytest.param(unsigned({"scope": ""}), set(), id="none granted"),
        pytest.param(unsigned({"sub": "x"}), None, id="not told"),
        pytest.param(unsigned({"scope": ["read:users"]}), None, id="no text"),
        pytest.param("opaque", None, id="opaque"),
    ],
)
def test_scopes_are_read_where_a_token_claims_them(token: str, scopes: set[str] | None) -> None:
    assert claimed_scopes(token) == scopes
    assert StaticToken(token).current(Budget(1, FakeClock())).scopes == scopes


def test_scopes_of_a_token_fetched_are_those_of_the_answer() -> None:
    claiming = unsigned({"scope": "read:users"})

    assert Bench(granted(claiming, scope="update:users")).current().scopes == frozenset({"update:users"})
    assert Bench(granted(claiming, scope=None)).current().scopes == frozenset({"read:users"})
    assert Bench(granted("opaque", scope=None)).current().scopes is None


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("", id="empty"),
        pytest.param(SECRET, id="opaque"),
        pytest.param(f"{unsigned({'sub': SECRET})}.x", id="four parts"),
        pytest.param(unsigned({"sub": SECRET}).rpartition(".")[0], id="two parts"),
        pytest.param(f"e30.{SECRET}!.c2ln", id="no base64"),
        pytest.param("e30.é.c2ln", id="not ASCII"),
        pytest.param(unsigned([SECRET]), id="list"),
        pytest.param("e30.bm8.c2ln", id="no JSON"),
        pytest.param("e30._w.c2ln", id="no UTF-8"),
        pytest.param(unsigned({"sub": SECRET}) + "\n", id="a newline behind"),
        pytest.param(unsigned({"sub": SECRET}) + "名", id="a signature that no header takes"),
    ],
)
def test_what_is_no_token_is_told_by_its_field(token: str) -> None:
    with pytest.raises(InputError, match=r"^secondary_id_token: is no JSON Web Token$") as caught:
        claims_of(token, "secondary_id_token")

    assert SECRET not in told_by(caught.value)


def test_a_token_of_a_user_tells_whose_it_is() -> None:
    assert subject_of(unsigned({"sub": "samlp|acme|ada"}), "secondary_id_token") == UserId(
        "samlp", "acme|ada"
    )


@pytest.mark.parametrize(
    ("payload", "told"),
    [
        pytest.param({}, "has no sub", id="none"),
        pytest.param({"sub": 7}, "has no sub", id="number"),
        pytest.param({"sub": "client@clients"}, "its sub: 'client@clients' has no", id="an application's"),
        pytest.param({"sub": "auth0|.."}, "would leave", id="dots"),
    ],
)
def test_a_token_of_nobody_is_refused(payload: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=r"^primary_access_token: ") as caught:
        subject_of(unsigned(payload), "primary_access_token")

    assert told in str(caught.value)
