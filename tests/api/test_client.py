from __future__ import annotations

import logging
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import pytest

from airflow_provider_auth0link.api.client import Auth0Client
from airflow_provider_auth0link.api.wire import Response
from airflow_provider_auth0link.api.work import Work
from airflow_provider_auth0link.errors import (
    AmbiguousError,
    Auth0LinkError,
    BadRequestError,
    ConflictError,
    ForbiddenError,
    MissingAccountError,
    RateLimitedError,
    SettingsError,
    UnauthorizedError,
    UnsentError,
)
from airflow_provider_auth0link.model import UserId
from airflow_provider_auth0link.settings import Settings
from tests.fakes.clock import START, FakeClock
from tests.fakes.secrets import SECRET, told_by
from tests.fakes.tenant import identity, user
from tests.fakes.threads import THREADS, at_once
from tests.fakes.transport import FakeTransport, Turn, answer, boom, granted

ADA = UserId("auth0", "64b1")
ADA_GOOGLE = UserId("google-oauth2", "1034")
ADA_USER = answer(200, user("auth0|64b1"))
LINKED = answer(201, [identity("auth0|64b1"), identity("google-oauth2|1034", "google-oauth2")])
NOTHING = Response(204, {})
LOST = AmbiguousError("reset")
UNSENT = UnsentError("no connection")

Verb = Callable[[Work], object]

READS = [
    pytest.param(lambda work: work.get_user(ADA), ADA_USER, id="get_user"),
    pytest.param(
        lambda work: work.connection_name("con_1"), answer(200, {"name": "db"}), id="connection_name"
    ),
    pytest.param(lambda work: work.probe(), answer(200, []), id="probe"),
    pytest.param(lambda work: work.roles(ADA), answer(200, [{"id": "rol_1"}]), id="roles"),
    pytest.param(lambda work: work.permissions(ADA), answer(200, []), id="permissions"),
    pytest.param(lambda work: work.organizations(ADA), answer(200, [{"id": "org_1"}]), id="organizations"),
    pytest.param(lambda work: work.member_roles("org_1", ADA), answer(200, []), id="member_roles"),
    pytest.param(lambda work: work.free("GET", "/x"), answer(200, {}), id="free read"),
]
WRITES = [
    pytest.param(lambda work: work.link(ADA, ADA_GOOGLE), LINKED, id="link"),
    pytest.param(lambda work: work.link_with(ADA, "e30.e30.x"), LINKED, id="link_with"),
    pytest.param(lambda work: work.link_with(ADA, "e30.e30.x", SECRET), LINKED, id="link_with, own token"),
    pytest.param(lambda work: work.unlink(ADA, ADA_GOOGLE), LINKED, id="unlink"),
    pytest.param(lambda work: work.update_user(ADA, {}), ADA_USER, id="update_user"),
    pytest.param(lambda work: work.add_roles(ADA, ["rol_1"]), NOTHING, id="add_roles"),
    pytest.param(lambda work: work.remove_roles(ADA, ["rol_1"]), NOTHING, id="remove_roles"),
    pytest.param(lambda work: work.add_permissions(ADA, [("a", "b")]), answer(201), id="add_permissions"),
    pytest.param(lambda work: work.remove_permissions(ADA, [("a", "b")]), NOTHING, id="remove_permissions"),
    pytest.param(lambda work: work.add_member("org_1", ADA), NOTHING, id="add_member"),
    pytest.param(lambda work: work.remove_member("org_1", ADA), NOTHING, id="remove_member"),
    pytest.param(lambda work: work.add_member_roles("org_1", ADA, ["r"]), NOTHING, id="add_member_roles"),
    pytest.param(
        lambda work: work.remove_member_roles("org_1", ADA, ["r"]), NOTHING, id="remove_member_roles"
    ),
    pytest.param(lambda work: work.free("POST", "/x", {}), answer(201, {}), id="free write"),
]


class Bench:
    """A client over a transport that answers by script."""

    def __init__(
        self, *turns: Turn, tokens: tuple[Turn, ...] = (), seconds: float = 600, **settings: Any
    ) -> None:
        self.clock = FakeClock()
        self.transport = FakeTransport(*turns, tokens=tokens)
        self.told: list[str] = []
        fields = settings or {"login": "client", "password": SECRET}
        self.client = Auth0Client(
            Settings.from_connection(host="acme.eu.auth0.com", **fields),
            self.transport,
            user_agent="tests/1",
            told=self.told.append,
            timing=self.clock.timing(),
        )
        self.work = self.client.work(correlation_id="dag/run/task", seconds=seconds)

    def fails(self, verb: Verb) -> Auth0LinkError:
        with pytest.raises(Auth0LinkError) as caught:
            verb(self.work)
        return caught.value

    @property
    def sent(self) -> int:
        return len(self.transport.sent)


@pytest.mark.parametrize(("verb", "good"), READS + WRITES)
def test_a_verb_is_one_request(verb: Verb, good: Response) -> None:
    bench = Bench(good)
    verb(bench.work)

    assert (bench.sent, bench.work.requests) == (1, 1)
    assert bench.clock.naps == []


@pytest.mark.parametrize(("verb", "good"), READS + WRITES)
def test_every_request_names_its_sender(verb: Verb, good: Response) -> None:
    bench = Bench(good)
    verb(bench.work)

    (sent,) = bench.transport.sent
    assert sent.headers["user-agent"] == "tests/1"
    assert sent.headers["accept"] == "application/json"
    assert bench.transport.token_requests == [] or (
        bench.transport.token_requests[0].headers == {"user-agent": "tests/1"}
    )


@pytest.mark.parametrize(("verb", "good"), READS)
def test_a_read_bears_no_correlation_id(verb: Verb, good: Response) -> None:
    bench = Bench(good)
    verb(bench.work)

    assert "x-correlation-id" not in bench.transport.sent[0].headers


@pytest.mark.parametrize(("verb", "good"), WRITES)
def test_a_write_bears_the_correlation_id_of_its_work(verb: Verb, good: Response) -> None:
    bench = Bench(good, good)
    verb(bench.work)
    verb(bench.client.work())

    assert bench.transport.sent[0].headers["x-correlation-id"] == "dag/run/task"
    assert "x-correlation-id" not in bench.transport.sent[1].headers


@pytest.mark.parametrize(("verb", "good"), READS + WRITES)
@pytest.mark.parametrize(
    ("headers", "naps"),
    [
        pytest.param({"retry_after": "7"}, [7.0], id="Retry-After"),
        pytest.param({"x_ratelimit_reset": f"{START + 2:.0f}"}, [2.0], id="reset"),
        pytest.param(
            {
                "date": formatdate(START - 300, usegmt=True),
                "x_ratelimit_reset": f"{START - 298:.0f}",
            },
            [2.0],
            id="reset by the server's clock",
        ),
        pytest.param({}, [], id="no header: the pace asks once more"),
    ],
)
def test_a_429_is_waited_out(verb: Verb, good: Response, headers: dict[str, str], naps: list[float]) -> None:
    bench = Bench(boom(429, "Global limit has been reached", **headers), good)
    verb(bench.work)

    assert bench.clock.naps == naps
    assert bench.work.requests == 2


def test_a_tenant_that_only_says_429_is_asked_ever_less_often_until_the_time_is_over() -> None:
    bench = Bench(*[boom(429, "x")] * 200, seconds=60)
    error = bench.fails(lambda work: work.get_user(ADA))

    assert isinstance(error, RateLimitedError)
    assert bench.clock() <= 160
    assert 8 <= bench.sent <= 16


@pytest.mark.parametrize(("verb", "good"), READS)
@pytest.mark.parametrize(
    "outage",
    [
        pytest.param(UNSENT, id="no connection"),
        pytest.param(LOST, id="reset"),
        pytest.param(boom(500, "x"), id="500"),
        pytest.param(boom(502, "x"), id="502"),
        pytest.param(boom(503, "x"), id="503"),
    ],
)
def test_a_read_is_repeated_after_an_outage(verb: Verb, good: Response, outage: Turn) -> None:
    bench = Bench(outage, outage, good)
    verb(bench.work)

    assert bench.clock.naps == [0.25, 0.5]
    assert bench.work.requests == 3


@pytest.mark.parametrize(("verb", "good"), WRITES)
@pytest.mark.parametrize(
    "outage",
    [
        pytest.param(LOST, id="reset"),
        pytest.param(boom(500, "x"), id="500"),
        pytest.param(boom(503, "x"), id="503"),
    ],
)
def test_a_write_that_may_have_been_done_is_not_repeated(verb: Verb, good: Response, outage: Turn) -> None:
    bench = Bench(outage, good)

    assert isinstance(bench.fails(verb), AmbiguousError)
    assert (bench.sent, bench.clock.naps) == (1, [])


@pytest.mark.parametrize(("verb", "good"), WRITES)
def test_a_write_that_was_not_sent_is_repeated(verb: Verb, good: Response) -> None:
    bench = Bench(UNSENT, UNSENT, good)
    verb(bench.work)

    assert bench.clock.naps == [0.25, 0.5]


@pytest.mark.parametrize(("verb", "good"), READS + WRITES)
@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        pytest.param(boom(400, "x"), BadRequestError, id="400"),
        pytest.param(boom(403, "x"), ForbiddenError, id="403"),
        pytest.param(boom(409, "x"), ConflictError, id="409"),
    ],
)
def test_a_refusal_is_final(
    verb: Verb, good: Response, refusal: Response, kind: type[Auth0LinkError]
) -> None:
    bench = Bench(refusal, good)

    assert type(bench.fails(verb)) is kind
    assert (bench.sent, bench.clock.naps) == (1, [])


@pytest.mark.parametrize(
    "turn",
    [
        pytest.param(UNSENT, id="no connection"),
        pytest.param(LOST, id="reset"),
        pytest.param(boom(503, "x"), id="503"),
        pytest.param(boom(429, "x"), id="429"),
        pytest.param(answer(200, {}), id="unreadable"),
    ],
)
def test_retries_end_with_the_budget(turn: Turn) -> None:
    bench = Bench(*[turn] * 100, seconds=60.0)

    assert bench.fails(lambda work: work.get_user(ADA)).retryable
    assert 5 < bench.sent < 100
    assert bench.clock() < 160.0


def test_a_budget_is_shared_by_all_requests_of_a_work() -> None:
    bench = Bench(ADA_USER, boom(429, "x", retry_after="20"), seconds=60.0)
    bench.work.get_user(ADA)
    bench.clock.pass_by(50)

    assert isinstance(bench.fails(lambda work: work.get_user(ADA)), RateLimitedError)
    assert bench.clock.naps == []
    assert bench.work.requests == 2


def test_each_work_counts_for_itself() -> None:
    bench = Bench(ADA_USER, ADA_USER, ADA_USER)
    other = bench.client.work()
    bench.work.get_user(ADA)
    other.get_user(ADA)
    other.get_user(ADA)

    assert (bench.work.requests, other.requests) == (1, 2)


def test_an_unreadable_read_is_read_again() -> None:
    cut = Response(200, {}, b'{"user_id": "auth0|6')
    bench = Bench(cut, answer(200, {}), ADA_USER)

    assert bench.work.get_user(ADA).id == ADA
    assert bench.work.requests == 3


@pytest.mark.parametrize(("verb", "good"), WRITES[:5])
def test_an_unreadable_write_may_have_been_done(verb: Verb, good: Response) -> None:
    bench = Bench(Response(201, {}, good.body[:-9]), good)

    assert isinstance(bench.fails(verb), AmbiguousError)
    assert bench.sent == 1


def _link_before(moment: float) -> Verb:
    return lambda work: work.link(ADA, ADA_GOOGLE, before=moment)


@pytest.mark.parametrize(
    "turn",
    [
        pytest.param(boom(429, "x", retry_after="20"), id="429"),
        pytest.param(UNSENT, id="no connection"),
    ],
)
def test_no_repeat_comes_after_the_moment_given(turn: Turn) -> None:
    bench = Bench(turn, LINKED)

    assert bench.fails(_link_before(100.2)).retryable
    assert (bench.sent, bench.clock.naps) == (1, [])


def test_a_repeat_before_the_moment_given_is_made() -> None:
    bench = Bench(boom(429, "x", retry_after="20"), LINKED)

    assert len(bench.work.link(ADA, ADA_GOOGLE, before=121.0)) == 2
    assert bench.clock() == 120.0


def test_nothing_is_sent_after_the_moment_given() -> None:
    bench = Bench(LINKED)
    bench.clock.pass_by(1.0)

    assert isinstance(bench.fails(_link_before(100.9)), UnsentError)
    assert (bench.sent, bench.work.requests) == (0, 0)


def test_nothing_is_sent_late_for_another_s_429() -> None:
    # The pause that another thread met holds this one's link back, while its readings grow old.
    bench = Bench(boom(429, "x", retry_after="120"))
    assert isinstance(bench.fails(_link_before(110)), RateLimitedError)

    assert isinstance(bench.fails(_link_before(160)), UnsentError)
    assert bench.sent == 1


def test_nothing_is_sent_late_for_a_token() -> None:
    bench = Bench(LINKED, tokens=(answer(429, retry_after="90"),))

    assert isinstance(bench.fails(_link_before(160)), UnsentError)
    assert bench.sent == 0


def test_a_pause_longer_than_the_budget_is_not_waited_for() -> None:
    bench = Bench(boom(429, "x", retry_after="700"), ADA_USER)
    bench.fails(_link_before(110))

    assert isinstance(bench.fails(lambda work: work.link(ADA, ADA_GOOGLE)), RateLimitedError)
    assert bench.clock.naps == []
    assert bench.work.get_user(ADA).id == ADA


def test_a_429_of_a_write_holds_back_all_writes_and_no_read() -> None:
    bench = Bench(boom(429, "x", retry_after="30"), ADA_USER, LINKED)
    bench.fails(_link_before(110))
    bench.work.get_user(ADA)

    assert bench.clock() == 100.0
    bench.client.work().link(ADA, ADA_GOOGLE)
    assert bench.clock() == 130.0


def test_a_429_after_other_failures_holds_its_class_no_longer_than_the_first() -> None:
    bench = Bench(LOST, LOST, LOST, LOST, boom(429, "x"), ADA_USER)

    bench.work.get_user(ADA)

    assert all(nap < 2 for nap in bench.clock.naps[4:])  # the four before it came to 4 s


def test_requests_per_second_is_kept() -> None:
    bench = Bench(
        *[ADA_USER] * 5, login="client", password=SECRET, extra={"requests_per_second": 2, "rate_share": 1}
    )
    for _ in range(5):
        bench.work.get_user(ADA)

    assert bench.clock() == 102.0


def test_a_long_wait_is_told_without_personal_data(caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(boom(429, "x", retry_after="4"), boom(429, "x", retry_after="40"), ADA_USER)
    with caplog.at_level(logging.INFO, "airflow_provider_auth0link.api.client"):
        bench.work.get_user(ADA)

    assert [record.getMessage() for record in caplog.records] == [
        "Auth0 answered 429 to GET /users/{id}: the tenant's rate limit is used up; trying again in 40 s"
    ]


EXPIRED = boom(401, "Expired token received for JSON Web Token validation")


@pytest.mark.parametrize(("verb", "good"), READS + WRITES[:2])
def test_an_expired_token_costs_one_renewal(verb: Verb, good: Response) -> None:
    bench = Bench(good, EXPIRED, good)
    verb(bench.work)
    verb(bench.work)

    assert [sent.bearer for sent in bench.transport.sent] == ["token-1", "token-1", "token-2"]
    assert bench.told == ["token-1", "token-2"]
    assert bench.clock.naps == []


def test_a_401_that_a_new_token_does_not_cure_is_final() -> None:
    bench = Bench(EXPIRED, EXPIRED, ADA_USER)

    assert isinstance(bench.fails(lambda work: work.get_user(ADA)), UnauthorizedError)
    assert len(bench.transport.token_requests) == 2


def test_many_threads_whose_token_expired_ask_for_one() -> None:
    def turn(sent_by: str) -> Response:
        return ADA_USER if sent_by == "token-2" else EXPIRED

    bench = Bench()
    transport = JudgingTransport(turn)
    client = Auth0Client(
        bench.client.settings, transport, user_agent="t", told=bench.told.append, timing=bench.clock.timing()
    )

    assert at_once(lambda: client.work().get_user(ADA).id) == [ADA] * THREADS
    assert len(transport.token_requests) == 2


class JudgingTransport(FakeTransport):
    """Answers API requests by the token that they bear."""

    def __init__(self, judge: Callable[[str], Response]) -> None:
        super().__init__()
        self._judge = judge

    def send(self, request: Any, headers: Any) -> Response:
        if request.path == "/oauth/token":
            return super().send(request, headers)
        return self._judge(headers["authorization"].removeprefix("Bearer "))


def test_a_ready_token_is_borne_and_never_renewed() -> None:
    bench = Bench(ADA_USER, EXPIRED, extra={"access_token": SECRET})
    bench.work.get_user(ADA)

    assert bench.told == [SECRET]
    assert bench.transport.sent[0].bearer == SECRET
    error = bench.fails(lambda work: work.get_user(ADA))
    assert isinstance(error, UnauthorizedError)
    assert "extra access_token" in str(error)
    assert bench.transport.token_requests == []
    assert SECRET not in told_by(error)


def test_a_user_s_own_token_is_borne_and_never_renewed() -> None:
    bench = Bench(LINKED, EXPIRED, LINKED)
    bench.work.link_with(ADA, "e30.e30.x", SECRET)

    assert bench.transport.sent[0].bearer == SECRET
    error = bench.fails(lambda work: work.link_with(ADA, "e30.e30.x", SECRET))
    assert isinstance(error, UnauthorizedError)
    assert "primary_access_token" in str(error)
    assert bench.transport.token_requests == []
    assert bench.sent == 2
    assert SECRET not in told_by(error)


def test_a_user_s_own_token_needs_no_credentials() -> None:
    bench = Bench(LINKED, login=None)

    assert len(bench.work.link_with(ADA, "e30.e30.x", SECRET)) == 2
    assert isinstance(bench.fails(lambda work: work.get_user(ADA)), SettingsError)
    assert bench.sent == 1


@pytest.mark.parametrize(
    ("held", "wanted", "missing"),
    [
        pytest.param("read:users update:users", ("update:users", "read:users"), None, id="held"),
        pytest.param("read:users", (), None, id="nothing wanted"),
        pytest.param(None, ("update:users",), None, id="not told"),
        pytest.param("read:users", ("update:users", "read:users"), "lacks update:users.", id="one missing"),
        pytest.param("", ("b", "a", "a"), "lacks a, b.", id="two missing"),
        pytest.param("b", ("a|b",), None, id="one of two held"),
        pytest.param("c", ("a|b",), "lacks a or b.", id="none of two held"),
    ],
)
def test_scopes_are_required_before_a_request(
    held: str | None, wanted: tuple[str, ...], missing: str | None
) -> None:
    bench = Bench(tokens=(granted("opaque", scope=held),))

    if missing is None:
        bench.work.require(*wanted)
    else:
        error = bench.fails(lambda work: work.require(*wanted))
        assert isinstance(error, ForbiddenError)
        assert missing in str(error)
        assert "acme.eu.auth0.com" in str(error)
    assert bench.sent == 0


def test_without_credentials_no_scope_is_required() -> None:
    bench = Bench(login=None)
    bench.work.require("update:users")

    assert bench.transport.token_requests == []


def test_scopes_are_told() -> None:
    assert Bench(tokens=(granted("t", scope="a b"),)).work.scopes() == frozenset({"a", "b"})
    assert Bench(tokens=(granted("t", scope=None),)).work.scopes() is None


@pytest.mark.parametrize(
    ("turn", "name"),
    [
        pytest.param(answer(200, {"name": "old-db"}), "old-db", id="there"),
        pytest.param(boom(404, "The connection does not exist."), None, id="not there"),
        pytest.param(answer(200, ["x"]), None, id="something else"),
        pytest.param(answer(200, {}), None, id="no name"),
    ],
)
def test_a_connection_s_name_is_read(turn: Turn, name: str | None) -> None:
    assert Bench(turn).work.connection_name("con_1") == name


def test_the_connections_are_asked_for_once_in_a_process() -> None:
    def slowly() -> Response:
        bench.clock.pass_by(1)
        return answer(200, [{"id": "con_1", "name": "old-db"}, {"id": "con_2", "name": "new-db"}])

    bench = Bench(slowly, tokens=(granted("t", scope="read:connections"),))
    found = at_once(lambda: bench.client.work().connection_ids())

    assert found == [{"old-db": "con_1", "new-db": "con_2"}] * THREADS
    assert bench.sent == 1


def test_the_connections_are_read_page_by_page() -> None:
    rows = [{"id": f"con_{number}", "name": f"db-{number}"} for number in range(130)]
    bench = Bench(answer(200, rows[:100]), answer(200, rows[100:]), tokens=(granted("t", scope=None),))

    assert bench.work.connection_ids() == {each["name"]: each["id"] for each in rows}


@pytest.mark.parametrize(
    ("scope", "turns"),
    [
        pytest.param("read:users", (), id="known to lack it"),
        pytest.param(None, (boom(403, "Insufficient scope"),), id="found to lack it"),
    ],
)
def test_connections_that_may_not_be_read_are_none(scope: str | None, turns: tuple[Turn, ...]) -> None:
    bench = Bench(*turns, tokens=(granted("t", scope=scope),))

    assert bench.work.connection_ids() is None
    assert bench.work.connection_ids() is None
    assert bench.sent == len(turns)


def test_an_outage_of_the_connections_is_not_kept() -> None:
    bench = Bench(LOST, answer(200, []), tokens=(granted("t", scope=None),), seconds=0)

    assert isinstance(bench.fails(lambda work: work.connection_ids()), AmbiguousError)
    assert bench.client.work().connection_ids() == {}


def test_a_missing_account_is_told() -> None:
    bench = Bench(boom(404, "The user does not exist.", "inexistent_user"))

    assert isinstance(bench.fails(lambda work: work.get_user(ADA)), MissingAccountError)


def test_an_update_answers_with_the_user() -> None:
    bench = Bench(answer(200, user("auth0|64b1", user_metadata={"a": 1})))

    assert bench.work.update_user(ADA, {"user_metadata": {"a": 1}})["user_metadata"] == {"a": 1}
    assert bench.transport.sent[0].request.json == {"user_metadata": {"a": 1}}


def test_a_free_request_answers_with_what_came() -> None:
    bench = Bench(answer(200, {"a": 1}), Response(204, {}))

    assert bench.work.free("get", "users/x") == {"a": 1}
    assert bench.work.free("DELETE", "/users/x") is None
    assert [sent.request.method for sent in bench.transport.sent] == ["GET", "DELETE"]


def test_the_probe_answers_with_the_headers() -> None:
    bench = Bench(answer(200, [], x_ratelimit_limit="50"))

    assert bench.work.probe() == {"x-ratelimit-limit": "50"}


def test_a_rest_is_taken_while_there_is_time() -> None:
    bench = Bench(seconds=1.0)

    assert bench.work.rest(1)
    assert bench.clock.naps == [0.25]
    assert bench.work.now() == 100.25
    assert not bench.work.rest(5)
    assert bench.clock.naps == [0.25]


def test_no_token_shows_in_an_error() -> None:
    bench = Bench(boom(403, SECRET), tokens=(granted(SECRET),))

    assert SECRET not in told_by(bench.fails(lambda work: work.get_user(ADA)))
