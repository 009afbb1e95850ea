from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, strategies as st

from airflow_provider_auth0link.linking.merge import (
    PROFILE_LIMIT_BYTES,
    Merge,
    crosses_profile_limit,
    merge,
    same,
)
from airflow_provider_auth0link.model import Account
from tests.fakes.tenant import FakeTenant, account, user

KINDS = ("user_metadata", "app_metadata")
PRIMARY, SECONDARY = "auth0|1", "google-oauth2|2"


def kept(**metadata: Any) -> Account:
    return account(PRIMARY, **metadata)


def given_up(**metadata: Any) -> Account:
    return account(SECONDARY, **metadata)


def merged(mine: Any, theirs: Any, **options: Any) -> Merge:
    """Merge user metadata alone."""
    return merge(
        kept(user_metadata=mine), given_up(user_metadata=theirs), **{"carry": ("user_metadata",), **options}
    )


def patched(primary: Account, body: Any) -> Account:
    """Return the primary as the tenant has it after a PATCH."""
    tenant = FakeTenant({**primary.raw, "user_id": PRIMARY, "identities": user(PRIMARY)["identities"]})
    tenant.update_user(primary.id, body)
    return tenant.get_user(primary.id)


@pytest.mark.parametrize(
    ("mine", "theirs", "sent", "carried", "conflicts"),
    [
        pytest.param({}, {}, None, [], [], id="nothing"),
        pytest.param(None, {"a": 1}, {"a": 1}, ["a"], [], id="into nothing"),
        pytest.param({"a": 1}, None, None, [], [], id="from nothing"),
        pytest.param({"a": 1}, {"b": 2}, {"b": 2}, ["b"], [], id="only what changes"),
        pytest.param({"a": 1}, {"a": 1}, None, [], [], id="equal"),
        pytest.param({"a": {"x": 1, "y": 2}}, {"a": {"y": 2, "x": 1}}, None, [], [], id="equal, other order"),
        pytest.param({"a": 1}, {"a": 2}, None, [], ["a"], id="conflict"),
        pytest.param({"a": 1}, {"a": True}, None, [], ["a"], id="true is not 1"),
        pytest.param({"a": 0}, {"a": False}, None, [], ["a"], id="false is not 0"),
        pytest.param({"a": ""}, {"a": "x"}, None, [], ["a"], id="an empty text is a value"),
        pytest.param({"a": 7}, {"a": "7"}, None, [], ["a"], id="a number is no text"),
        pytest.param({"a": None}, {"a": 2}, {"a": 2}, ["a"], [], id="null gives way"),
        pytest.param({"a": 1}, {"a": None}, None, [], [], id="null takes nothing away"),
        pytest.param({}, {"a": None}, None, [], [], id="null is not carried"),
        pytest.param({}, {"a": {"b": None}}, None, [], [], id="nor nulls alone in an object"),
        pytest.param({}, {"a": {"b": None, "c": 1}}, {"a": {"c": 1}}, ["a"], [], id="nor beside a value"),
        pytest.param({"a": 1}, {"a": {"b": None}}, None, [], [], id="nulls alone are no conflict"),
        pytest.param({}, {"a": {}}, {"a": {}}, ["a"], [], id="an empty object"),
        pytest.param({}, {"a": []}, {"a": []}, ["a"], [], id="an empty array"),
        pytest.param(
            {"a": {"x": 1, "k": 0}}, {"a": {"y": 2}}, {"a": {"x": 1, "k": 0, "y": 2}}, ["a.y"], [], id="deep"
        ),
        pytest.param(
            {"a": {"b": {"x": 1}}, "c": 1},
            {"a": {"b": {"x": 2, "y": 3}}},
            {"a": {"b": {"x": 1, "y": 3}}},
            ["a.b.y"],
            ["a.b.x"],
            id="deeper, with a conflict",
        ),
        pytest.param({"a": [1, 2]}, {"a": [2, 3]}, {"a": [1, 2, 3]}, ["a"], [], id="arrays united"),
        pytest.param({"a": [1, 2]}, {"a": [2, 1]}, None, [], [], id="arrays with one content"),
        pytest.param({"a": [1]}, {"a": [3, 3]}, {"a": [1, 3]}, ["a"], [], id="no duplicates"),
        pytest.param({"a": [1]}, {"a": [True]}, {"a": [1, True]}, ["a"], [], id="true in an array is not 1"),
        pytest.param(
            {"a": [{"x": 1, "y": 2}]}, {"a": [{"y": 2, "x": 1}]}, None, [], [], id="objects in arrays"
        ),
        pytest.param({"a": [1]}, {"a": 1}, None, [], ["a"], id="an array and a value"),
        pytest.param({"a": {"x": 1}}, {"a": [1]}, None, [], ["a"], id="an object and an array"),
    ],
)
def test_the_primary_gains_and_never_loses(
    mine: Any, theirs: Any, sent: Any, carried: list[str], conflicts: list[str]
) -> None:
    change = merged(mine, theirs)

    assert change.body == ({"user_metadata": sent} if sent is not None else {})
    assert change.carried == tuple(f"user_metadata.{path}" for path in carried)
    assert change.conflicts == tuple(f"user_metadata.{path}" for path in conflicts)
    assert same(change.body, {"user_metadata": sent} if sent is not None else {})


@pytest.mark.parametrize(
    ("mine", "theirs", "sent"),
    [
        pytest.param({"a": 1}, {"a": 2}, {"a": 2}, id="value"),
        pytest.param({"a": 1}, {"a": True}, {"a": True}, id="true over 1"),
        pytest.param({"a": {"x": 1, "y": 1}}, {"a": {"x": 2}}, {"a": {"x": 2, "y": 1}}, id="deep"),
        pytest.param({"a": 1}, {"a": {"x": None, "y": 2}}, {"a": {"y": 2}}, id="object over a value"),
        pytest.param({"a": [1]}, {"a": [2]}, {"a": [1, 2]}, id="arrays are united all the same"),
        pytest.param({"a": 1}, {"a": None}, None, id="null wins nothing"),
    ],
)
def test_the_secondary_may_win(mine: Any, theirs: Any, sent: Any) -> None:
    change = merged(mine, theirs, conflicts="secondary")

    assert same(change.body, {"user_metadata": sent} if sent is not None else {})


def test_fail_counts_conflicts_as_primary_does() -> None:
    assert merged({"a": 1}, {"a": 2}, conflicts="fail") == merged({"a": 1}, {"a": 2}, conflicts="primary")


@pytest.mark.parametrize(
    ("paths", "sent"),
    [
        pytest.param((), {"a": {"x": 1, "y": {"z": 2}}, "b": 3}, id="none"),
        pytest.param(("user_metadata",), None, id="all of it"),
        pytest.param(("app_metadata.a",), {"a": {"x": 1, "y": {"z": 2}}, "b": 3}, id="of the other kind"),
        pytest.param(("user_metadata.b",), {"a": {"x": 1, "y": {"z": 2}}}, id="first level"),
        pytest.param(("user_metadata.a",), {"b": 3}, id="subtree"),
        pytest.param(("user_metadata.a.y",), {"a": {"x": 1}, "b": 3}, id="deep"),
        pytest.param(("user_metadata.a.y.z",), {"a": {"x": 1}, "b": 3}, id="last of an object"),
        pytest.param(("user_metadata.a.x", "user_metadata.a.y"), {"b": 3}, id="all of an object"),
        pytest.param(("user_metadata.a.x.q",), {"a": {"x": 1, "y": {"z": 2}}, "b": 3}, id="below a value"),
    ],
)
@pytest.mark.parametrize("conflicts", ["primary", "secondary"])
def test_what_is_excepted_is_never_carried(paths: tuple[str, ...], sent: Any, conflicts: str) -> None:
    change = merged({}, {"a": {"x": 1, "y": {"z": 2}}, "b": 3}, carry_except=paths, conflicts=conflicts)

    assert change.body == ({"user_metadata": sent} if sent else {})


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        pytest.param({"a": 1}, {"a": 2}, id="value"),
        pytest.param({"a": {"x": 1}}, {"a": {"x": 2}}, id="object"),
        pytest.param({"a": 1}, {"a": {"x": 2}}, id="object against a value"),
    ],
)
def test_what_is_excepted_is_no_conflict_either(mine: Any, theirs: Any) -> None:
    change = merged(
        mine, theirs, carry_except=("user_metadata.a", "user_metadata.a.x"), conflicts="secondary"
    )

    assert change == Merge({}, (), ())


def test_an_object_all_of_which_is_excepted_is_no_conflict() -> None:
    change = merged({"a": 1}, {"a": {"x": 2}}, carry_except=("user_metadata.a.x",), conflicts="fail")

    assert change == Merge({}, (), ())


def test_only_the_kinds_asked_for_are_carried() -> None:
    theirs = {"user_metadata": {"a": 1}, "app_metadata": {"b": 2}}

    assert merge(kept(), given_up(**theirs), carry=()).body == {}
    assert merge(kept(), given_up(**theirs), carry=("app_metadata",)).body == {"app_metadata": {"b": 2}}
    assert merge(kept(), given_up(**theirs), carry=KINDS).body == theirs


def test_a_merge_shows_no_values() -> None:
    assert "s3cret" not in repr(merged({}, {"a": "s3cret"}))


KEYS = st.sampled_from(["a", "b", "c"])
LEAVES = st.none() | st.booleans() | st.integers(0, 2) | st.sampled_from(["", "x", "1"])
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)
METADATA = st.dictionaries(KEYS, VALUES, max_size=3)
PATHS = st.lists(KEYS, min_size=1, max_size=3).map(lambda steps: ".".join(["user_metadata", *steps]))
CONFLICTS = st.sampled_from(["primary", "secondary", "fail"])


@given(METADATA, METADATA, CONFLICTS, st.sets(PATHS, max_size=2))
def test_a_merge_is_idempotent(mine: Any, theirs: Any, conflicts: str, never: set[str]) -> None:
    options: dict[str, Any] = {"carry": ("user_metadata",), "conflicts": conflicts, "carry_except": never}
    primary, secondary = kept(user_metadata=mine), given_up(user_metadata=theirs)
    once = merge(primary, secondary, **options)

    again = merge(patched(primary, once.body), secondary, **options)
    assert again.body == {}
    assert again.carried == ()
    if conflicts == "secondary":
        assert again.conflicts == ()


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Give what stands in objects, by its path; nulls are nothing, an empty object is something."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif value is not None:
        yield path, value


def at(value: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def within(part: Any, whole: Any) -> bool:
    """Tell whether nothing of *part* is lost: it is there as it was, or united with more."""
    if isinstance(part, list) and isinstance(whole, list):
        return all(any(same(each, other) for other in whole) for each in part)
    return same(part, whole) or (part == {} and isinstance(whole, dict))


@given(METADATA, METADATA)
def test_nothing_of_the_primary_is_lost(mine: Any, theirs: Any) -> None:
    change = merged(mine, theirs)
    after = patched(kept(user_metadata=mine), change.body).metadata("user_metadata")

    assert all(within(value, at(after, path)) for path, value in leaves(mine))


@given(METADATA, METADATA)
def test_nothing_of_the_secondary_is_lost_but_conflicts(mine: Any, theirs: Any) -> None:
    change = merged(mine, theirs)
    after = patched(kept(user_metadata=mine), change.body).metadata("user_metadata")

    for path, value in leaves(theirs):
        dotted = ".".join(("user_metadata", *path))
        lost = any(dotted == each or dotted.startswith(f"{each}.") for each in change.conflicts)
        assert lost or within(value, at(after, path)), dotted


@given(METADATA, METADATA)
def test_nothing_of_the_secondary_is_lost_when_it_wins(mine: Any, theirs: Any) -> None:
    change = merged(mine, theirs, conflicts="secondary")
    after = patched(kept(user_metadata=mine), change.body).metadata("user_metadata")

    assert all(within(value, at(after, path)) for path, value in leaves(theirs))


@given(METADATA, METADATA, CONFLICTS)
def test_only_first_level_keys_that_change_are_sent(mine: Any, theirs: Any, conflicts: str) -> None:
    body = merged(mine, theirs, conflicts=conflicts).body

    assert all(not same(value, mine.get(key)) for key, value in body.get("user_metadata", {}).items())
    assert all(value is not None for value in body.get("user_metadata", {}).values())
    assert all(body.values())


@given(METADATA, METADATA, CONFLICTS, PATHS)
def test_what_is_excepted_stays_as_it_is(mine: Any, theirs: Any, conflicts: str, never: str) -> None:
    change = merged(mine, theirs, conflicts=conflicts, carry_except=(never,))
    after = patched(kept(user_metadata=mine), change.body).metadata("user_metadata")
    path = tuple(never.split(".")[1:])

    before = at(mine, path)
    # A value of the secondary's that wins over a whole object takes its place, and no path is left below it.
    assert same(at(after, path), before) or at(after, path) is None


@given(METADATA, METADATA, CONFLICTS)
def test_the_secondary_is_only_read(mine: Any, theirs: Any, conflicts: str) -> None:
    written = json.dumps([mine, theirs])
    merged(mine, theirs, conflicts=conflicts)

    assert json.dumps([mine, theirs]) == written


def _sized(size: int) -> Account:
    """Build a primary whose profile is so many bytes long."""
    empty = len(json.dumps(kept(user_metadata={"a": ""}).raw, separators=(",", ":")))
    return kept(user_metadata={"a": "x" * (size - empty)})


@pytest.mark.parametrize(
    ("size", "more", "crosses"),
    [
        pytest.param(1000, {"b": "x" * 100}, False, id="far below"),
        pytest.param(PROFILE_LIMIT_BYTES - 8, {"b": 1}, False, id="up to the limit"),
        pytest.param(PROFILE_LIMIT_BYTES - 5, {"b": 1}, True, id="over the limit"),
        pytest.param(PROFILE_LIMIT_BYTES, {}, False, id="at the limit, nothing carried"),
        pytest.param(PROFILE_LIMIT_BYTES + 1, {"b": 1}, False, id="over it before: not the merge's doing"),
        pytest.param(PROFILE_LIMIT_BYTES - 20, {"b": "ö" * 8}, True, id="bytes count, not letters"),
        pytest.param(PROFILE_LIMIT_BYTES - 5, {"a": "x"}, False, id="a value replaced by a shorter one"),
    ],
)
def test_a_merge_that_crosses_the_profile_limit_is_told(size: int, more: Any, crosses: bool) -> None:
    assert crosses_profile_limit(_sized(size), {"user_metadata": more}) is crosses


def test_the_profile_limit_is_ten_kilobytes() -> None:
    assert PROFILE_LIMIT_BYTES == 10_240
