"""The smallest cases of what once went wrong."""

from __future__ import annotations

from contextlib import suppress

import pytest

from airflow_provider_auth0link.errors import MissingAccountError
from tests.fakes.store import Died
from tests.fakes.tenant import FakeTenant, Trouble, user
from tests.linking.rig import Rig

A, B, C, D = "auth0|a", "google-oauth2|b", "facebook|c", "github|d"


def written_over() -> Rig:
    """Return a tenant where each secondary's values are written over those of the one before."""
    return Rig(
        FakeTenant(
            user(A, user_metadata={"k": 0, "n": {"x": 0}}),
            user(B, user_metadata={"k": 1, "n": {"x": 1}, "b": {"y": 1}}),
            user(C, user_metadata={"k": 2, "n": {"x": 2}, "b": {"y": 2}}),
            user(D, user_metadata={"k": 3, "n": {"x": [3]}}),
        )
    )


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([[B], [C], [D]], id="first linked first"),
        pytest.param([[C], [B], [D]], id="the middle first"),
        pytest.param([[B, C], [D]], id="two, then the last"),
        pytest.param([[D], [B], [C]], id="the last, then the first"),
        pytest.param([[D], [C], [B]], id="last linked first"),
    ],
)
def test_a_value_written_over_anothers_does_not_bring_that_back_once_it_is_undone(
    parts: list[list[str]],
) -> None:
    rig = written_over()
    rig.link([[A, B], [A, C], [A, D]], conflicts="secondary")
    for part in parts:
        assert rig.undo(only=part) == {"planned": len(part), "undone": len(part)}

    assert rig.state() == written_over().state()


def test_what_a_linked_account_wrote_over_is_nobodys_change() -> None:
    rig = written_over()
    rig.link([[A, B], [A, C]], conflicts="secondary")
    rig.undo(only=[B])

    assert rig.tenant.users[A]["user_metadata"] == {"k": 2, "n": {"x": 2}, "b": {"y": 2}}
    assert [row.get("left") for row in rig.records("undo_outcome")] == [None]


def test_a_link_made_again_is_undone_to_what_stood_before_it() -> None:
    rig = written_over()
    rig.link([[A, B]], conflicts="secondary")
    rig.undo()
    rig.link([[A, C]], conflicts="secondary")
    rig.link([[A, B], [A, C]], conflicts="secondary")
    rig.undo(only=[C])
    assert rig.tenant.users[A]["user_metadata"] == {"k": 1, "n": {"x": 1}, "b": {"y": 1}}
    rig.undo(only=[B])

    assert rig.state() == written_over().state()


@pytest.mark.parametrize("begun", [True, False], ids=["begun", "not begun"])
def test_what_an_account_had_is_not_given_to_another_one_of_its_id(begun: bool) -> None:
    one = "auth0|same"
    rig = Rig(FakeTenant(user(A), user(one, "first", user_metadata={"k": 1})))
    rig.link([[A, one]])
    if begun:
        rig.tenant.meets("update_user", Trouble(before=die))
        with suppress(Died):
            rig.undo()
    rig.tenant.users[one] = user(one, "second", user_metadata={"other": True})
    before = rig.state()

    assert rig.undo() == {"planned": 1, "failed" if begun else "left": 1}
    assert "an account of another connection bears its id" in rig.records("undo_outcome")[-1]["reason"]
    assert rig.state() == before


def die() -> None:
    raise Died


def test_a_refusal_of_one_of_two_accounts_that_share_an_id_says_what_to_give() -> None:
    rig = Rig(FakeTenant(user(A), user("auth0|same", "first")))
    rig.tenant.meets("link", Trouble(MissingAccountError("an account is not there")))
    rig.link([[A, "auth0|same"]])

    assert "Give connection_id" in rig.records("outcome")[0]["reason"]


@pytest.mark.parametrize(
    ("stood", "values"),
    [
        pytest.param([1], [[2], "x", [2, 3]], id="an array over a value over an array"),
        pytest.param([1, None], [1.5, []], id="an empty array over a value over an array"),
        pytest.param({"b": 1}, [0, {"a": 1}], id="an object over a value over an object"),
        pytest.param([], [0, [1], {"b": 1}], id="three kinds over an empty array"),
    ],
)
@pytest.mark.parametrize("order", [[None], [B, C, None]], ids=["all at once", "first linked first"])
def test_a_value_that_another_kind_was_written_over_stands_again(
    stood: object, values: list[object], order: list[str | None]
) -> None:
    def fresh() -> Rig:
        people = zip([B, C, D], values, strict=False)
        return Rig(
            FakeTenant(
                user(A, user_metadata={"s": stood}),
                *(user(name, user_metadata={"s": value}) for name, value in people),
            )
        )

    rig = fresh()
    rig.link([[A, name] for name in [B, C, D][: len(values)]], conflicts="secondary")
    for only in order:
        rig.undo(None if only is None else [only])

    assert rig.state() == fresh().state()


def test_what_another_account_brought_between_two_tries_of_a_pair_stays_with_it() -> None:
    rig = Rig(FakeTenant(user(A), user(B, user_metadata={"k": 1}), user(C, user_metadata={"k": 1})))
    before = rig.state()
    rig.tenant.meets("link", Trouble(before=die))
    with suppress(Died):
        rig.link([[A, B]])
    rig.link([[A, C]])
    rig.link([[A, B]])

    rig.undo(only=[B])
    assert rig.tenant.users[A]["user_metadata"] == {"k": 1}
    rig.undo(only=[C])
    assert rig.state() == before
