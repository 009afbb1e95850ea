from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from airflow_provider_auth0link.cli.rehearse.effects import Effects, effects
from airflow_provider_auth0link.cli.rehearse.ends import End
from airflow_provider_auth0link.linking.options import METADATA, Options

A, B, C = "auth0|a", "google-oauth2|b", "github|3"


def row(user_id: str, *, connection: str | None = None, **fields: Any) -> dict[str, Any]:
    provider, _, rest = user_id.partition("|")
    identity = {"provider": provider, "connection": connection or provider, "user_id": rest}
    return {"user_id": user_id, "identities": [identity], **fields}


def told(before: Iterable[dict[str, Any]], after: dict[str, Any], *secondaries: str, **given: Any) -> Effects:
    ends = [End(A, each, None, "linked", None, ()) for each in secondaries or (B,)]
    options = Options(**{"carry": METADATA, **given})
    return effects(ends, before, {after["user_id"]: after}.get, options)


def test_only_what_was_linked_counts() -> None:
    ends = [End(A, B, None, outcome, None, ("app_metadata.x",)) for outcome in ("refused", "already_linked")]

    assert effects(ends, [row(A), row(B)], {A: row(A)}.get, Options()).primaries == []


def test_a_path_is_gained_once_by_a_primary() -> None:
    ends = [End(A, each, None, "linked", None, ("app_metadata.x",)) for each in (B, C)]

    found = effects(ends, [row(A), row(B), row(C)], {A: row(A)}.get, Options())

    assert found.gained == {"app_metadata.x": 1}
    assert [each.secondaries for each in found.primaries] == [[B, C]]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        pytest.param({}, "conflict", id="conflict"),
        pytest.param({"carry": ("user_metadata",)}, "not_carried", id="kind"),
        pytest.param({"carry_except": ("app_metadata.deep",)}, "carry_except", id="tree"),
        pytest.param({"carry_except": ("app_metadata.deep.x",)}, "carry_except", id="leaf"),
        pytest.param(
            {"carry_except": ("app_metadata.deep.x.y", "app_metadata.de")}, "conflict", id="no-part"
        ),
    ],
)
def test_why_a_value_is_lost(options: dict[str, Any], why: str) -> None:
    theirs: dict[str, Any] = {
        "app_metadata": {"deep": {"x": 1}, "kept": [1, {"a": 2}], "none": None, "empty": {}}
    }
    mine: dict[str, Any] = {"app_metadata": {"deep": {"x": True}, "kept": [{"a": 2}, 1, 3]}}

    found = told([row(A, **mine), row(B, **theirs)], row(A, **mine), **options)

    assert {key: dict(paths) for key, paths in found.lost.items() if paths} == {
        why: {"app_metadata.deep.x": 1}
    }
    assert found.primaries[0].lost == ("app_metadata.deep.x",)


def test_elements_of_arrays_and_whole_trees_are_missed() -> None:
    theirs: dict[str, Any] = {"user_metadata": {"tags": ["x", "y"], "tree": {"a": 1, "b": {"c": 2}}}}
    after = row(A, user_metadata={"tags": ["x"], "tree": "text"})

    found = told([row(A), row(B, **theirs)], after)

    assert found.lost["conflict"] == {
        "user_metadata.tags": 1,
        "user_metadata.tree.a": 1,
        "user_metadata.tree.b.c": 1,
    }


def test_the_primarys_own_value_may_be_the_one_that_is_lost() -> None:
    before = [row(A, app_metadata={"plan": "pro"}), row(B, app_metadata={"plan": "free"})]

    found = told(before, row(A, app_metadata={"plan": "free"}), conflicts="secondary")

    assert found.lost["conflict"] == {"app_metadata.plan": 1}


def test_root_attributes_stay_with_the_identity_or_go() -> None:
    before = [
        row(A, email="ada@example.com", name="Ada", created_at="2020-01-01T00:00:00.000Z"),
        row(
            B,
            email="ada@example.com",
            name="A. L.",
            nickname="",
            blocked=False,
            logins_count=3,
            created_at="1970-01-01T00:00:00.000Z",
            updated_at="2024-01-01T00:00:00.000Z",
            multifactor=["guardian"],
        ),
    ]

    found = told(before, before[0])

    assert found.lost["profile_data"] == {"name": 1}
    assert found.lost["gone"] == {"logins_count": 1, "multifactor": 1}
    assert found.primaries[0].lost == ()


@pytest.mark.parametrize(
    ("theirs", "lost"),
    [("Ada@Example.com", {}), ("ada@EXAMPLE.com ", {}), ("ada@example.org", {"email": 1}), (7, {"email": 1})],
    ids=repr,
)
def test_e_mails_are_compared_as_rules_compare_them(theirs: object, lost: dict[str, int]) -> None:
    before = [row(A, email="ada@example.com"), row(B, email=theirs)]

    assert told(before, before[0]).lost["profile_data"] == lost


def test_of_two_accounts_under_one_id_the_linked_one_counts() -> None:
    before = [
        row(A),
        row(B, connection="old", app_metadata={"x": 1}),
        row(B, connection="new", app_metadata={"y": 1}),
    ]
    end = End(A, B, "new", "linked", None, ())

    found = effects([end], before, {A: row(A)}.get, Options())

    assert found.lost["conflict"] == {"app_metadata.y": 1}


def test_a_profile_that_was_over_the_limit_before_is_no_news() -> None:
    small, large = {"bio": "x" * 6000}, {"bio": "x" * 12_000}

    assert [each.user_id for each in told([row(A, **small), row(B)], row(A, **large)).oversize] == [A]
    assert told([row(A, **large), row(B)], row(A, **large)).oversize == []
