from __future__ import annotations

import csv
import gzip
import io
import json
from typing import Any

import pytest

from airflow_provider_auth0link.emulator.answers import ApiError
from airflow_provider_auth0link.emulator.export_rows import DEFAULT_FIELDS, wanted
from tests.emulator.conftest import MakeTenant
from tests.emulator.exporter import completed, fetched, started

USER: dict[str, Any] = {
    "user_id": "auth0|1",
    "email": "ada@example.com",
    "email_verified": False,
    "name": 'Ada "Countess" =1+1\nÞ',
    "logins_count": 7,
    "created_at": "2026-01-02T03:04:05.678Z",
    "app_metadata": {"plan": "pro", "deep": {"er": [1, {"x": None}]}, "none": None},
    "identities": [
        {"provider": "auth0", "user_id": "1", "connection": "db", "isSocial": False, "access_token": "secret"}
    ],
}


def line(*fields: str, **titles: str) -> Any:
    asked = [{"name": name} for name in fields]
    asked += [{"name": name, "export_as": title} for title, name in titles.items()]
    return json.loads(wanted({"fields": asked}).line(USER))


def test_only_the_fields_asked_for_stand_in_a_line() -> None:
    assert line("user_id", "logins_count") == {"user_id": "auth0|1", "logins_count": 7}


def test_a_user_without_a_field_lacks_the_key() -> None:
    assert line("user_id", "phone_number", "app_metadata.none", "app_metadata.plan.x") == {
        "user_id": "auth0|1"
    }


def test_nested_fields_are_reached_by_their_path() -> None:
    assert line("app_metadata.plan", "identities[0].connection", "identities[1].connection") == {
        "app_metadata.plan": "pro",
        "identities[0].connection": "db",
    }
    assert line("app_metadata.deep.er[0]", "app_metadata.deep") == {
        "app_metadata.deep.er[0]": 1,
        "app_metadata.deep": {"er": [1, {"x": None}]},
    }


def test_a_field_may_stand_under_another_name() -> None:
    assert line(mail="email", plan="app_metadata.plan") == {"mail": "ada@example.com", "plan": "pro"}


def test_tokens_of_identity_providers_are_not_told() -> None:
    assert line("identities") == {"identities": [{key: USER["identities"][0][key] for key in ROOT}]}


ROOT = ("provider", "user_id", "connection", "isSocial")


@pytest.mark.parametrize("body", [None, {}, {"fields": []}])
def test_without_fields_it_is_a_set_of_its_own(body: Any) -> None:
    found = json.loads(wanted(body).line(USER))

    assert found == {name: USER[name] for name in DEFAULT_FIELDS if name in USER}


def test_a_refusal_quotes_no_value() -> None:
    with pytest.raises(ApiError) as caught:
        wanted({"connection_id": "ada@example.com"})

    assert "ada@example.com" not in str(caught.value)


def test_csv_is_escaped_against_formulas(make_tenant: MakeTenant) -> None:
    _, api = make_tenant(USER, {"user_id": "auth0|2"}, export_seconds=0)
    names = [
        "user_id",
        "name",
        "email_verified",
        "logins_count",
        "created_at",
        "app_metadata.deep",
        "phone_number",
    ]
    fields = [{"name": name} for name in names] + [{"name": "email", "export_as": 'the "mail"'}]
    job = completed(api, started(api, format="csv", fields=fields))

    text = gzip.decompress(fetched(job["location"]).content).decode()

    head, ada, other = csv.reader(io.StringIO(text))
    assert head == [*names, 'the "mail"']
    assert ada == [
        "'auth0|1",
        "'" + USER["name"],
        "false",
        "7",
        USER["created_at"],
        """'{"er": [1, {"x": null}]}""",
        "",
        "'ada@example.com",
    ]
    assert other[:4] == ["'auth0|2", "", "", ""]
    assert '"\'Ada ""Countess"" =1+1' in text
    assert ".csv.gz?" in job["location"]


def test_csv_takes_thirty_fields() -> None:
    fields = [{"name": f"user_metadata.{number}"} for number in range(30)]

    assert len(wanted({"format": "csv", "fields": fields}).columns) == 30
