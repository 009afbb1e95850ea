from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.linking.options import Options, checked_evidence

NOTHING: dict[str, Any] = {"carry": (), "carry_except": (), "conflicts": "primary", "guards": ()}


def checked(**changes: Any) -> Options:
    return Options.checked(**{**NOTHING, **changes})


def test_the_defaults_are_those_of_the_operator() -> None:
    assert Options() == Options(
        carry=("user_metadata", "app_metadata"),
        carry_except=(),
        conflicts="primary",
        guards=("not_blocked",),
        dry_run=False,
    )


@pytest.mark.parametrize(
    ("given", "field", "read"),
    [
        pytest.param({"carry": ["app_metadata"]}, "carry", ("app_metadata",), id="carry a list"),
        pytest.param({"carry": ()}, "carry", (), id="carry nothing"),
        pytest.param({"carry": {"user_metadata"}}, "carry", ("user_metadata",), id="carry a set"),
        pytest.param(
            {"carry_except": ["app_metadata.roles", "user_metadata"]},
            "carry_except",
            ("app_metadata.roles", "user_metadata"),
            id="paths",
        ),
        pytest.param(
            {"carry_except": ("user_metadata.a.b.c",)},
            "carry_except",
            ("user_metadata.a.b.c",),
            id="deep path",
        ),
        pytest.param({"conflicts": "secondary"}, "conflicts", "secondary", id="secondary"),
        pytest.param({"conflicts": "fail"}, "conflicts", "fail", id="fail"),
        pytest.param(
            {"guards": ["same_email", "not_blocked"]}, "guards", ("same_email", "not_blocked"), id="guards"
        ),
        pytest.param(
            {"guards": ["verified_email: okta,my-entra"]},
            "guards",
            ("verified_email: okta,my-entra",),
            id="a guard with names, as it was given",
        ),
        pytest.param({"dry_run": True}, "dry_run", True, id="dry run"),
    ],
)
def test_options_are_read(given: dict[str, Any], field: str, read: object) -> None:
    assert getattr(checked(**given), field) == read


@pytest.mark.parametrize(
    ("given", "told"),
    [
        pytest.param(
            {"carry": "user_metadata"}, "carry: expected a list of names, got str", id="carry a text"
        ),
        pytest.param({"carry": None}, "carry: expected a list of names, got NoneType", id="carry none"),
        pytest.param({"carry": [7]}, "carry: expected names, got int", id="carry numbers"),
        pytest.param({"carry": ["metadata"]}, "carry: 'metadata' is not known", id="carry unknown"),
        pytest.param({"carry_except": "app_metadata.x"}, "carry_except: expected a list", id="path a text"),
        pytest.param({"carry_except": ["rights.x"]}, "carry_except: the part before", id="path elsewhere"),
        pytest.param({"carry_except": [""]}, "carry_except: the part before", id="path empty"),
        pytest.param(
            {"carry_except": ["app_metadata."]}, "is no dotted path", id="path with a dot at its end"
        ),
        pytest.param({"carry_except": ["app_metadata..x"]}, "is no dotted path", id="path with two dots"),
        pytest.param({"conflicts": "newest"}, "conflicts: 'newest' is not known", id="conflicts unknown"),
        pytest.param({"conflicts": None}, "conflicts: None is not known", id="conflicts none"),
        pytest.param({"conflicts": ["primary"]}, "conflicts: ['primary'] is not", id="conflicts a list"),
        pytest.param({"guards": ["not_blocked", "nice"]}, "guards: 'nice' is not known", id="guard unknown"),
        pytest.param({"guards": "not_blocked"}, "guards: expected a list", id="guards a text"),
        pytest.param({"guards": 7}, "guards: expected a list", id="guards a number"),
    ],
)
def test_an_option_that_cannot_be_is_refused_by_name(given: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError) as caught:
        checked(**given)

    assert told in str(caught.value)


def test_a_refusal_names_what_is_known() -> None:
    with pytest.raises(InputError) as caught:
        checked(guards=["nice"])

    for name in ("not_blocked", "verified_email", "same_email", "not_enterprise_secondary"):
        assert name in str(caught.value)


def test_evidence_is_a_mapping_with_known_keys() -> None:
    given = {"email": "ada@x", "verified": True}
    read = checked_evidence(given)

    assert read == given
    assert read is not given
    assert checked_evidence(None) == {}
    assert checked_evidence({}) == {}


@pytest.mark.parametrize(
    ("evidence", "told"),
    [
        pytest.param(["email"], "evidence: expected a mapping, got list", id="list"),
        pytest.param("email", "evidence: expected a mapping, got str", id="text"),
        pytest.param({"shoe": 42}, "evidence: unknown keys ['shoe']", id="unknown key"),
        pytest.param({"email": b"ada@x"}, "evidence: holds a value that is no JSON", id="bytes"),
    ],
)
def test_other_evidence_is_refused(evidence: object, told: str) -> None:
    with pytest.raises(InputError) as caught:
        checked_evidence(evidence)

    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("guard", "told"),
    [
        pytest.param("verified_email:", "holds an empty name", id="nothing named"),
        pytest.param("verified_email:okta,,x", "holds an empty name", id="nothing between"),
        pytest.param("verified_email:okta, ", "holds an empty name", id="nothing at the end"),
        pytest.param("same_email:okta", "'same_email:okta' is not known; known are", id="another guard"),
        pytest.param("verified_mail:okta", "'verified_mail:okta' is not known", id="no guard"),
        pytest.param(":okta", "':okta' is not known", id="no name"),
    ],
)
def test_a_guard_whose_names_are_none_is_refused(guard: str, told: str) -> None:
    with pytest.raises(InputError) as caught:
        checked(guards=[guard])

    assert f"guards: {guard!r}" in str(caught.value)
    assert told in str(caught.value)


def test_a_journals_header_has_a_guard_as_it_was_given() -> None:
    assert checked(guards=["verified_email: okta"]).to_json()["guards"] == ["verified_email: okta"]
