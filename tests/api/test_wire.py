from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given, strategies as st
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from airflow_provider_auth0link.api import limits, refusals, rights, wire
from airflow_provider_auth0link.api.wire import Request, Response
from airflow_provider_auth0link.errors import (
    AmbiguousError,
    AnswerError,
    Auth0LinkError,
    BadRequestError,
    ConflictError,
    ForbiddenError,
    InputError,
    MissingAccountError,
    RateLimitedError,
    SameIdentityError,
    UnauthorizedError,
)
from airflow_provider_auth0link.model import UserId
from tests.emulator.oracle import OPERATIONS, description, operation
from tests.fakes.secrets import SECRET, told_by
from tests.fakes.tenant import identity, user
from tests.fakes.transport import answer, boom

ADA = UserId("auth0", "64b1")
SAML = UserId("samlp", "acme|Ada Ö/1?#%")
ADA_PATH = "/api/v2/users/auth0%7C64b1"
SAML_PATH = "/api/v2/users/samlp%7Cacme%7CAda%20%C3%96%2F1%3F%23%25"
TOKEN = "e30.e30.c2ln"

LINK = wire.link_request(ADA, SAML)
LINK_WITH = wire.link_with_request(ADA, TOKEN, bearer=SECRET)
UNLINK = wire.unlink_request(ADA, SAML)
GET = wire.get_user_request(ADA)
UPDATE = wire.update_user_request(ADA, {"user_metadata": {}})


@pytest.mark.parametrize(
    ("request_", "method", "path", "body"),
    [
        pytest.param(
            LINK,
            "POST",
            f"{ADA_PATH}/identities",
            {"provider": "samlp", "user_id": "acme|Ada Ö/1?#%"},
            id="link by id",
        ),
        pytest.param(
            wire.link_request(SAML, ADA, "con_0123456789abcdef"),
            "POST",
            f"{SAML_PATH}/identities",
            {"provider": "auth0", "user_id": "64b1", "connection_id": "con_0123456789abcdef"},
            id="link by id and connection",
        ),
        pytest.param(
            wire.link_with_request(ADA, TOKEN),
            "POST",
            f"{ADA_PATH}/identities",
            {"link_with": TOKEN},
            id="link by ID token",
        ),
        pytest.param(
            LINK_WITH, "POST", f"{ADA_PATH}/identities", {"link_with": TOKEN}, id="link by both tokens"
        ),
        pytest.param(
            UNLINK,
            "DELETE",
            f"{ADA_PATH}/identities/samlp/acme%7CAda%20%C3%96%2F1%3F%23%25",
            None,
            id="unlink",
        ),
        pytest.param(
            wire.unlink_request(SAML, ADA, "old db"),
            "DELETE",
            f"{SAML_PATH}/identities/auth0/old%20db%7C64b1",
            None,
            id="unlink of one connection",
        ),
        pytest.param(GET, "GET", ADA_PATH, None, id="get"),
        pytest.param(
            wire.update_user_request(SAML, {"user_metadata": {"a": None}}),
            "PATCH",
            SAML_PATH,
            {"user_metadata": {"a": None}},
            id="update",
        ),
        pytest.param(
            wire.get_connection_request("con_a/b"),
            "GET",
            "/api/v2/connections/con_a%2Fb?fields=name&include_fields=true",
            None,
            id="connection",
        ),
        pytest.param(
            wire.probe_request(),
            "GET",
            "/api/v2/users?per_page=1&page=0&fields=user_id&include_fields=true",
            None,
            id="probe",
        ),
    ],
)
def test_a_request_goes_out_as_documented(
    request_: Request, method: str, path: str, body: dict[str, Any] | None
) -> None:
    assert (request_.method, request_.path, request_.json) == (method, path, body)
    assert request_.form is None
    assert request_.safe is (method == "GET")


@pytest.mark.parametrize(
    ("request_", "scopes", "bearer"),
    [
        pytest.param(LINK, ("update:users",), None, id="link by id"),
        pytest.param(wire.link_with_request(ADA, TOKEN), ("update:users",), None, id="link by ID token"),
        pytest.param(LINK_WITH, ("update:current_user_identities",), SECRET, id="link by both tokens"),
        pytest.param(UNLINK, ("update:users",), None, id="unlink"),
        pytest.param(GET, ("read:users",), None, id="get"),
        pytest.param(UPDATE, ("update:users",), None, id="update"),
        pytest.param(
            wire.update_user_request(ADA, {"app_metadata": {}}),
            ("update:users_app_metadata",),
            None,
            id="update of app_metadata",
        ),
    ],
)
def test_a_request_knows_its_scopes_and_whose_token_it_bears(
    request_: Request, scopes: tuple[str, ...], bearer: str | None
) -> None:
    assert request_.scopes == scopes
    assert request_.bearer == bearer


MANY = [
    pytest.param(rights.roles_page(SAML, 2), "roles", id="roles"),
    pytest.param(rights.change_roles("POST", SAML, ["rol_2", "rol_1"]), "roles_add", id="add_roles"),
    pytest.param(rights.change_roles("DELETE", SAML, ["rol_1"]), "roles_remove", id="remove_roles"),
    pytest.param(rights.permissions_page(SAML, 0), "permissions", id="permissions"),
    pytest.param(
        rights.change_permissions("POST", SAML, [("b", "x"), ("a", "y")]),
        "permissions_add",
        id="add_permissions",
    ),
    pytest.param(
        rights.change_permissions("DELETE", SAML, [("a", "y")]), "permissions_remove", id="remove_permissions"
    ),
    pytest.param(rights.organizations_page(SAML, 0), "organizations", id="organizations"),
    pytest.param(rights.change_member("POST", "org_1", SAML), "members_add", id="add_member"),
    pytest.param(rights.change_member("DELETE", "org_1", SAML), "members_remove", id="remove_member"),
    pytest.param(rights.member_roles_page("org_1", SAML, 0), "member_roles", id="member_roles"),
    pytest.param(
        rights.change_member_roles("POST", "org_1", SAML, ["rol_1"]),
        "member_roles_add",
        id="add_member_roles",
    ),
    pytest.param(
        rights.change_member_roles("DELETE", "org_1", SAML, ["rol_1"]),
        "member_roles_remove",
        id="remove_member_roles",
    ),
    pytest.param(rights.connections_page(0), "connections", id="connections"),
]

ROUTES = [
    pytest.param(LINK, "link", id="link by id"),
    pytest.param(wire.link_request(SAML, ADA, "con_0123456789abcdef"), "link", id="link, connection"),
    pytest.param(LINK_WITH, "link", id="link by token"),
    pytest.param(UNLINK, "unlink", id="unlink"),
    pytest.param(GET, "user_get", id="get"),
    pytest.param(UPDATE, "user_update", id="update"),
    pytest.param(wire.get_connection_request("con_1"), "connection", id="connection"),
    pytest.param(wire.probe_request(), "users_search", id="probe"),
]


@pytest.mark.parametrize(("request_", "route"), ROUTES + MANY)
def test_a_request_is_one_of_auth0_s_own_description(request_: Request, route: str) -> None:
    assert _strange(request_, route) == []


def _strange(request: Request, route: str) -> list[str]:
    """Say what Auth0's description does not know; nothing where the description is not at hand."""
    if description() is None:
        return []
    told = operation(route)
    template, _, query = request.path.removeprefix(wire.API).partition("?")
    known = {each["name"] for each in told["parameters"] if each["in"] == "query"}
    strange = [name for name in re.findall(r"(\w+)=", query) if name not in known]
    scopes = next(each for each in told["security"] if "oAuth2ClientCredentials" in each)
    strange += [scope for scope in request.scopes if scope not in scopes["oAuth2ClientCredentials"]]
    if request.json is not None:
        pointer = f"/paths/~1{template_of(route)}/{request.method.lower()}"
        body = f"{pointer}/requestBody/content/application~1json/schema"
        registry: Registry[Any] = Registry().with_resource(
            "urn:api", DRAFT202012.create_resource(description() or {})
        )
        judge = Draft202012Validator({"$ref": f"urn:api#{body}"}, registry=registry)
        strange += [each.message for each in judge.iter_errors(request.json)]
    return strange if template.count("/") == template_of(route).count("~1") + 1 else [template]


def template_of(route: str) -> str:
    """Return a route's template as part of a JSON pointer in a URL."""
    path, _ = OPERATIONS[route]
    return path.removeprefix("/").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")


@given(st.text(min_size=1))
def test_a_segment_never_leaves_its_place(part: str) -> None:
    encoded = wire.segment(part)

    assert re.fullmatch(r"[A-Za-z0-9_.~%-]+", encoded)
    assert unquote(encoded) == part


def test_the_api_path_of_an_id_holds_one_segment() -> None:
    assert wire.user_path(UserId("custom", "../../x")) == "/api/v2/users/custom%7C..%2F..%2Fx"


@pytest.mark.parametrize(
    ("method", "path", "sent"),
    [
        pytest.param("GET", "/users/auth0%7C1", "/api/v2/users/auth0%7C1", id="below"),
        pytest.param("get", "users", "/api/v2/users", id="no slash, lower case"),
        pytest.param("GET", "/api/v2/users", "/api/v2/users", id="whole"),
        pytest.param("GET", "api/v2/users", "/api/v2/users", id="whole, no slash"),
        pytest.param("GET", "/api/v2x/users", "/api/v2/api/v2x/users", id="a longer word"),
        pytest.param("GET", "/users?q=a%3Ab&page=..", "/api/v2/users?q=a%3Ab&page=..", id="query"),
        pytest.param("GET", "/users/auth0%7C..%2Fx", "/api/v2/users/auth0%7C..%2Fx", id="dots and more"),
        pytest.param("PUT", "/x/...", "/api/v2/x/...", id="three dots"),
    ],
)
def test_a_path_of_an_author_lies_below_the_api(method: str, path: str, sent: str) -> None:
    request = wire.free_request(method, path, {"a": 1})

    assert (request.method, request.path, request.json) == (method.upper(), sent, {"a": 1})


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("https://evil.example/users", id="another host"),
        pytest.param("//evil.example/users", id="another host, no scheme"),
        pytest.param("/api/v2//evil.example", id="another host behind the prefix"),
        pytest.param("/../oauth/token", id="climbs"),
        pytest.param("users/..", id="climbs at the end"),
        pytest.param("/users/./x", id="dot"),
        pytest.param("/users/%2e%2e/%2E%2E/oauth", id="climbs, encoded"),
        pytest.param("/users/.%2e", id="climbs, half encoded"),
        pytest.param("/users/..%2F..", id="climbs behind an encoded slash"),
        pytest.param("\\..\\x", id="backslash"),
        pytest.param("/users/a b", id="space"),
        pytest.param("/users\r\nx: y", id="header"),
        pytest.param("/users#x", id="fragment"),
    ],
)
def test_a_path_that_leaves_the_api_is_refused(path: str) -> None:
    with pytest.raises(InputError, match=r"^path: "):
        wire.free_request("GET", path, None)


@pytest.mark.parametrize("method", ["", "TRACE", "GET /x HTTP/1.1\r\n"])
def test_a_method_that_the_api_has_not_is_refused(method: str) -> None:
    with pytest.raises(InputError, match=r"^method: "):
        wire.free_request(method, "/users", None)


# FACTS: the errors that the description documents for a link, and those seen live.
DOCUMENTED: list[tuple[int, str, str | None, type[Auth0LinkError], str]] = [
    (400, "Invalid request URI. (varies)", "invalid_uri", BadRequestError, "invalid_uri"),
    (400, "Payload validation error: 'x' on property y", "invalid_body", BadRequestError, "invalid_body"),
    (
        400,
        "The provider/connection is not configured.",
        "inexistent_connection",
        BadRequestError,
        "not configured",
    ),
    (400, "Main identity and the new one are the same.", None, SameIdentityError, "are the same"),
    (400, "Invalid token (link_with).", None, BadRequestError, "not accepted"),
    (400, "JWT (link_with) contains an invalid aud claim.", None, BadRequestError, "aud"),
    (400, "JWT (link_with) must contains sub claim.", None, BadRequestError, "not accepted"),
    (400, "JWT (link_with) contains an invalid sub claim.", None, BadRequestError, "not accepted"),
    (400, "JWT (link_with) must have an alg of RS256.", None, BadRequestError, "RS256"),
    (
        400,
        "JWT (link_with) must have the same issuer as the calling user.",
        None,
        BadRequestError,
        "another issuer",
    ),
    (
        400,
        "JWT (link_with) must have an aud claim that matches that of the calling token's azp.",
        None,
        BadRequestError,
        "aud",
    ),
    (400, "Linking to an inexistent identity requires a connection.", None, MissingAccountError, "not there"),
    (400, "Linking to an inexistent identity is not allowed.", None, MissingAccountError, "not there"),
    (400, "Unable to link with the secondary account.", None, BadRequestError, "unable to link"),
    (400, "Provided secondary account not found.", None, MissingAccountError, "not there"),
    (400, "Whatever it says.", "inexistent_user", MissingAccountError, "not there"),
    (400, "Connection does not exist.", None, BadRequestError, "not valid"),
    (400, "Main identity cannot be removed.", None, BadRequestError, "main identity stays"),
    (401, "Invalid token.", None, UnauthorizedError, "Management token"),
    (401, "Expired token received for JSON Web Token validation", None, UnauthorizedError, "expired"),
    (
        403,
        "Insufficient scope; expected: update:users, update:current_user_identities.",
        "insufficient_scope",
        ForbiddenError,
        "lacks update:users",
    ),
    (
        403,
        "User to be acted on does not match subject in bearer token.",
        None,
        ForbiddenError,
        "belongs to another user",
    ),
    (404, "The user does not exist.", "inexistent_user", MissingAccountError, "not found"),
    (404, "User not found.", None, MissingAccountError, "not found"),
    (
        404,
        "The organization does not exist.",
        "inexistent_organization",
        BadRequestError,
        "organization is not",
    ),
    (404, "The resource server does not exist.", None, BadRequestError, "resource server is not there"),
    (404, "One or more roles do not exist.", None, BadRequestError, "role is not there"),
    (404, "The user is not a member of the organization.", None, BadRequestError, "no member"),
    (404, "The connection does not exist.", None, MissingAccountError, "not found"),
    (400, "No more permissions can be assigned to this user.", None, BadRequestError, "no more permissions"),
    (
        400,
        "No more roles can be assigned to this user.",
        None,
        BadRequestError,
        "user can be given no more roles",
    ),
    (400, "The role does not exist.", "inexistent_role", BadRequestError, "inexistent_role"),
    (409, "No more roles can be assigned to this organization member.", None, ConflictError, "no more roles"),
    (409, "Specified identity already exists.", None, ConflictError, "already exists"),
    (429, "Global limit has been reached", "too_many_requests", RateLimitedError, "rate limit"),
    (
        429,
        "Global per second users_write group limit has been reached",
        "too_many_requests",
        RateLimitedError,
        "limit",
    ),
    (500, "Internal error.", None, AmbiguousError, "may have done it"),
    (502, "Bad gateway.", None, AmbiguousError, "may have done it"),
    (503, "The query exceeded the timeout.", None, AmbiguousError, "may have done it"),
    (413, "Payload too large.", None, AnswerError, "not documented"),
    (302, "Found.", None, AnswerError, "not documented"),
]


@pytest.mark.parametrize(
    ("status", "message", "code", "kind", "told"),
    [pytest.param(*row, id=f"{row[0]} {row[1]}") for row in DOCUMENTED],
)
def test_an_error_is_told_for_what_it_is(
    status: int, message: str, code: str | None, kind: type[Auth0LinkError], told: str
) -> None:
    error = refusals.error_of(LINK, boom(status, message, code))

    assert type(error) is kind
    assert told in str(error)
    assert f"{status} to POST /users/{{id}}/identities" in str(error)


DESCRIBED_400S = [row[1] for row in DOCUMENTED if row[0] == 400]


def test_every_400_of_the_description_stands_in_the_table() -> None:
    told = (operation("link")["responses"]["400"] if description() else {}).items()
    texts = {text for key, text in told if key.startswith("x-description")}

    assert {text for text in texts if "will vary" not in text} <= set(DESCRIBED_400S)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="none"),
        pytest.param(b"<html>Bad gateway</html>", id="HTML"),
        pytest.param(b"\xff\xfe", id="no UTF-8"),
        pytest.param(b"[]", id="list"),
        pytest.param(b'"text"', id="text"),
        pytest.param(b"{}", id="empty"),
        pytest.param(b'{"message": null, "errorCode": null}', id="nulls"),
        pytest.param(b'{"message": ["a"], "errorCode": 7}', id="other types"),
        pytest.param(b'{"message": {"a": 1}, "errorCode": ["a"]}', id="deeper types"),
    ],
)
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        pytest.param(400, BadRequestError, id="400"),
        pytest.param(401, UnauthorizedError, id="401"),
        pytest.param(403, ForbiddenError, id="403"),
        pytest.param(404, MissingAccountError, id="404"),
        pytest.param(409, ConflictError, id="409"),
        pytest.param(429, RateLimitedError, id="429"),
        pytest.param(502, AmbiguousError, id="502"),
    ],
)
def test_an_error_without_a_body_is_told_by_its_status(
    body: bytes, status: int, kind: type[Auth0LinkError]
) -> None:
    assert type(refusals.error_of(LINK, Response(status, {}, body))) is kind


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 429, 500])
@pytest.mark.parametrize(
    "request_",
    [pytest.param(LINK, id="link"), pytest.param(LINK_WITH, id="link by token"), pytest.param(GET, id="get")],
)
def test_an_error_quotes_neither_body_nor_request(status: int, request_: Request) -> None:
    error = refusals.error_of(request_, boom(status, f"{SECRET} ada@acme.example", f"{SECRET}!"))

    assert not re.search(f"{SECRET}|ada@|64b1|acme|{TOKEN}", told_by(error))


def test_a_user_s_own_token_is_named_when_it_is_refused() -> None:
    assert "primary_access_token" in str(refusals.error_of(LINK_WITH, boom(401, "Invalid token.")))
    assert "lacks update:current_user_identities" in str(
        refusals.error_of(LINK_WITH, boom(403, "Insufficient"))
    )
    assert "lacks the endpoint's scope" in str(
        refusals.error_of(wire.free_request("GET", "/x", None), boom(403, ""))
    )


def test_reprs_show_neither_bodies_nor_tokens() -> None:
    answered = Response(200, {"x": SECRET}, SECRET.encode())

    assert not re.search(f"{SECRET}|{TOKEN}", repr([LINK_WITH, answered]))


def test_identities_are_read_in_auth0_s_order() -> None:
    rows = [identity("google-oauth2|1034", "google-oauth2"), identity("auth0|64b1")]

    assert [each.provider for each in wire.read_identities(answer(201, rows))] == ["google-oauth2", "auth0"]


def _cut(rows: Any) -> bytes:
    return json.dumps(rows).encode()[:-7]


UNREADABLE = [
    pytest.param(b"", id="none"),
    pytest.param(_cut([identity("auth0|1")]), id="cut"),
    pytest.param(b"<html>" + SECRET.encode(), id="HTML"),
    pytest.param(b"\xff" + SECRET.encode(), id="no UTF-8"),
    pytest.param(b"null", id="null"),
    pytest.param(b"7", id="number"),
    pytest.param(b'""', id="text"),
    pytest.param(b'{"statusCode": 201}', id="something else"),
    pytest.param(b"{}", id="empty object"),
    pytest.param(b"[]", id="empty list"),
    pytest.param(b"[{}]", id="no identity"),
    pytest.param(b'["auth0|1"]', id="texts"),
    pytest.param(b"[null]", id="nulls"),
    pytest.param(b"[" * 100_000 + b"]" * 100_000, id="nested without end"),
    pytest.param(b'[{"provider": null, "user_id": "1", "connection": "db"}]', id="no provider"),
    pytest.param(b'[{"provider": "auth0", "user_id": {}, "connection": "db"}]', id="an odd user id"),
    pytest.param(b'[{"provider": "auth0", "user_id": ' + b"9" * 4_000 + b', "connection": "db"}]', id="long"),
]


@pytest.mark.parametrize("body", UNREADABLE)
@pytest.mark.parametrize(
    "reader",
    [pytest.param(wire.read_identities, id="identities"), pytest.param(wire.read_account, id="account")],
)
def test_a_2xx_that_cannot_be_read_may_have_been_done(
    reader: Callable[[Response], object], body: bytes
) -> None:
    with pytest.raises(AmbiguousError, match=r"^Auth0 answered 201 with") as caught:
        reader(Response(201, {}, body))

    assert SECRET not in told_by(caught.value)


def test_an_account_is_read() -> None:
    assert wire.read_account(answer(200, user("auth0|64b1", nickname="ada"))).raw["nickname"] == "ada"


def test_an_error_nested_without_end_is_told_by_its_status() -> None:
    error = refusals.error_of(wire.probe_request(), Response(409, {}, b"[" * 100_000 + b"]" * 100_000))

    assert type(error) is ConflictError


def test_another_account_than_was_asked_for_is_not_taken() -> None:
    with pytest.raises(AnswerError, match="another account than was asked for") as caught:
        wire.read_account_of(UserId("auth0", "64b1"), answer(200, user("auth0|64b2")))

    assert "64b2" not in str(caught.value)


def test_an_account_without_identities_is_not_readable() -> None:
    bare = answer(200, {"user_id": "auth0|64b1", "identities": None})
    with pytest.raises(AmbiguousError, match="without identities"):
        wire.read_account_of(UserId("auth0", "64b1"), bare)


def test_an_empty_body_is_none() -> None:
    assert wire.decoded(Response(204, {})) is None
    assert wire.decoded(answer(200, {"a": [1]})) == {"a": [1]}


@pytest.mark.parametrize(
    ("headers", "limit"),
    [
        pytest.param({"x-ratelimit-limit": "50", "x-ratelimit-remaining": "49"}, (50, 49), id="both"),
        pytest.param({"x-ratelimit-limit": "50"}, (50, None), id="size alone"),
        pytest.param({}, (None, None), id="none"),
        pytest.param({"x-ratelimit-limit": "-1", "x-ratelimit-remaining": "many"}, (None, None), id="others"),
        pytest.param({"x-ratelimit-limit": "²"}, (None, None), id="a digit that is no decimal"),
    ],
)
def test_the_limit_is_read_from_the_headers(headers: dict[str, str], limit: tuple[Any, Any]) -> None:
    assert limits.limit_of(headers) == limit
