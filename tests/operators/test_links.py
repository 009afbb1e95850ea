"""The button that leads to a user's page in Auth0's dashboard."""

from __future__ import annotations

import pytest

from airflow_provider_auth0link.model import UserId
from airflow_provider_auth0link.operators.link import LinkIdentityOperator, UnlinkIdentityOperator
from airflow_provider_auth0link.operators.links import Auth0UserLink, dashboard_url
from airflow_provider_auth0link.settings import Settings
from tests.operators.rig import Json

ACME = "https://manage.auth0.com/dashboard/eu/acme/users/auth0%7C64b1"


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        pytest.param({"host": "acme.eu.auth0.com"}, ACME, id="region"),
        pytest.param({"host": "https://Acme.EU.auth0.com/"}, ACME, id="as-pasted"),
        pytest.param(
            {"host": "acme-dev.us.auth0.com"},
            "https://manage.auth0.com/dashboard/us/acme-dev/users/auth0%7C64b1",
            id="us",
        ),
        pytest.param(
            {"host": "acme.auth0.com"},
            "https://manage.auth0.com/dashboard/us/acme/users/auth0%7C64b1",
            id="no-region",
        ),
        pytest.param(
            {"host": "login.acme.com", "extra": {"audience": "https://acme.eu.auth0.com/api/v2/"}},
            ACME,
            id="custom-domain-with-canonical-audience",
        ),
        pytest.param(
            {"host": "login.acme.com"}, "https://manage.auth0.com/#/users/auth0%7C64b1", id="custom-domain"
        ),
        pytest.param(
            {"host": "auth0.com.evil.example"},
            "https://manage.auth0.com/#/users/auth0%7C64b1",
            id="look-alike",
        ),
        pytest.param(
            {"host": "http://127.0.0.1:8080"},
            "http://127.0.0.1:8080/api/v2/users/auth0%7C64b1",
            id="loopback",
        ),
    ],
)
def test_the_page_of_a_user(fields: Json, url: str) -> None:
    settings = Settings.from_connection(**fields)

    assert dashboard_url(settings, UserId.parse("auth0|64b1", "")) == url


def test_the_id_is_encoded_whole() -> None:
    settings = Settings.from_connection(host="acme.eu.auth0.com")

    url = dashboard_url(settings, UserId.parse("samlp|acme|a/b?c#d é", ""))

    assert url.endswith("/users/samlp%7Cacme%7Ca%2Fb%3Fc%23d%20%C3%A9")


@pytest.mark.parametrize("operator", [LinkIdentityOperator, UnlinkIdentityOperator])
def test_both_operators_carry_it(operator: type[LinkIdentityOperator | UnlinkIdentityOperator]) -> None:
    assert [type(each) for each in operator.operator_extra_links] == [Auth0UserLink]
    assert Auth0UserLink.name == "Auth0 user"
