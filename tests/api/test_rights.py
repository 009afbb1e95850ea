from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, strategies as st

from airflow_provider_auth0link.api import rights
from airflow_provider_auth0link.api.wire import Request, Response
from airflow_provider_auth0link.errors import AmbiguousError, AnswerError, InputError
from airflow_provider_auth0link.model import UserId
from tests.fakes.transport import answer

SAML = UserId("samlp", "acme|Ada Ö/1?#%")
USER = "/api/v2/users/samlp%7Cacme%7CAda%20%C3%96%2F1%3F%23%25"
MEMBER = "/api/v2/organizations/org%2F1/members/samlp%7Cacme%7CAda%20%C3%96%2F1%3F%23%25"


@pytest.mark.parametrize(
    ("request_", "method", "path", "body"),
    [
        pytest.param(
            rights.roles_page(SAML, 2), "GET", f"{USER}/roles?per_page=100&page=2", None, id="roles"
        ),
        pytest.param(
            rights.permissions_page(SAML, 0),
            "GET",
            f"{USER}/permissions?per_page=100&page=0",
            None,
            id="permissions",
        ),
        pytest.param(
            rights.organizations_page(SAML, 1),
            "GET",
            f"{USER}/organizations?per_page=100&page=1",
            None,
            id="organizations",
        ),
        pytest.param(
            rights.member_roles_page("org/1", SAML, 0),
            "GET",
            f"{MEMBER}/roles?per_page=100&page=0",
            None,
            id="member_roles",
        ),
        pytest.param(
            rights.connections_page(3),
            "GET",
            "/api/v2/connections?strategy=auth0&fields=id,name&include_fields=true&per_page=100&page=3",
            None,
            id="connections",
        ),
        pytest.param(
            rights.change_roles("POST", SAML, ["rol_2", "rol_1", "rol_2"]),
            "POST",
            f"{USER}/roles",
            {"roles": ["rol_1", "rol_2"]},
            id="roles, sorted and once",
        ),
        pytest.param(
            rights.change_permissions("DELETE", SAML, [("https://b", "x"), ("https://a", "y")]),
            "DELETE",
            f"{USER}/permissions",
            {
                "permissions": [
                    {"resource_server_identifier": "https://a", "permission_name": "y"},
                    {"resource_server_identifier": "https://b", "permission_name": "x"},
                ]
            },
            id="permissions, sorted",
        ),
        pytest.param(
            rights.change_member("POST", "org_1", SAML),
            "POST",
            "/api/v2/organizations/org_1/members",
            {"members": ["samlp|acme|Ada Ö/1?#%"]},
            id="member",
        ),
        pytest.param(
            rights.change_member_roles("DELETE", "org/1", SAML, ["rol_1"]),
            "DELETE",
            f"{MEMBER}/roles",
            {"roles": ["rol_1"]},
            id="roles of a member",
        ),
    ],
)
def test_a_request_goes_out_as_documented(
    request_: Request, method: str, path: str, body: dict[str, Any] | None
) -> None:
    assert (request_.method, request_.path, request_.json) == (method, path, body)


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_an_empty_list_is_never_sent(method: str) -> None:
    builds: list[Callable[[], Request]] = [
        lambda: rights.change_roles(method, SAML, []),
        lambda: rights.change_permissions(method, SAML, ()),
        lambda: rights.change_member_roles(method, "org_1", SAML, frozenset()),
    ]
    for build in builds:
        with pytest.raises(InputError, match="the list is empty"):
            build()


@pytest.mark.parametrize("organization", ["", ".", ".."])
def test_an_organization_that_leaves_its_place_is_refused(organization: str) -> None:
    with pytest.raises(InputError, match=r"^organization: "):
        rights.change_member("POST", organization, SAML)


@pytest.mark.parametrize(
    ("sources", "is_direct"),
    [
        pytest.param({}, True, id="none told"),
        pytest.param({"sources": None}, True, id="null"),
        pytest.param({"sources": []}, True, id="empty"),
        pytest.param({"sources": [{"source_type": "DIRECT", "source_id": ""}]}, True, id="direct"),
        pytest.param({"sources": [{"source_type": "ROLE"}]}, False, id="by a role"),
        pytest.param({"sources": [{"source_type": "ROLE"}, {"source_type": "DIRECT"}]}, True, id="both"),
    ],
)
def test_a_permission_tells_whether_it_was_granted_directly(
    sources: dict[str, Any], *, is_direct: bool
) -> None:
    row = {"resource_server_identifier": "https://a", "permission_name": "y", **sources}

    assert rights.permission_of(row) == (("https://a", "y"), is_direct)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="none"),
        pytest.param(b"<html>", id="HTML"),
        pytest.param(b"null", id="null"),
        pytest.param(b'{"roles": [], "total": 0}', id="with totals"),
        pytest.param(b"[null]", id="nulls"),
        pytest.param(b"[{}]", id="no id"),
        pytest.param(b'[{"id": 7}]', id="a number"),
        pytest.param(b'[{"id": ""}]', id="an empty id"),
        pytest.param(b'["rol_1"]', id="texts"),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, id="nested without end"),
    ],
)
def test_a_page_that_is_none_is_not_readable(body: bytes) -> None:
    with pytest.raises(AmbiguousError, match=r"^Auth0 answered 200 with"):
        rights.rows_of(rights.id_of, Response(200, {}, body))


def test_odd_sources_are_not_readable() -> None:
    row = {"resource_server_identifier": "https://a", "permission_name": "y", "sources": [{"a": 1}]}
    with pytest.raises(AmbiguousError):
        rights.rows_of(rights.permission_of, answer(200, [row]))


@given(st.lists(st.text(min_size=1), max_size=450, unique=True))
def test_all_pages_are_read_and_no_more(everything: list[str]) -> None:
    asked: list[int] = []

    def read(page: int) -> list[str]:
        asked.append(page)
        return everything[page * 100 : page * 100 + 100]

    assert rights.all_pages(read, "GET /x") == everything
    assert asked == list(range(len(everything) // 100 + 1))


def test_a_page_that_repeats_ends_the_reading() -> None:
    page = [f"rol_{number}" for number in range(100)]

    with pytest.raises(AnswerError, match=r"page 1 of GET /x with what earlier pages held"):
        rights.all_pages(lambda _: page, "GET /x")


def test_pages_without_end_end() -> None:
    with pytest.raises(AnswerError, match="more than 1000 pages"):
        rights.all_pages(lambda page: [f"{page}-{number}" for number in range(100)], "GET /x")
