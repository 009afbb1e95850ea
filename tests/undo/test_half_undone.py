"""An undo that began and did not end: nobody links the account meanwhile, and a later undo still restores it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy

import pytest

from airflow_provider_auth0link.errors import BadRequestError
from airflow_provider_auth0link.model import Rights
from tests.fakes.store import Died
from tests.fakes.tenant import FakeTenant, Trouble, user
from tests.linking.rig import Rig

A, B, S, T = "auth0|a", "auth0|b", "google-oauth2|s", "facebook|t"
ROLE = Rights(roles=frozenset({"rol_1"}))


def die() -> None:
    raise Died


def half_undone(verb: str, trouble: Trouble) -> Rig:
    """Return a rig where S was linked into A, and its undo stopped."""
    tenant = FakeTenant(
        user(A, user_metadata={"a": 1}),
        user(B),
        user(S, user_metadata={"own": "s"}),
        user(T),
        rights={S: ROLE},
    )
    rig = Rig(tenant)
    rig.link([[A, S]])
    tenant.meets(verb, trouble)
    with suppress(Died):
        rig.undo()
    tenant.no_more_troubles()
    return rig


@pytest.mark.parametrize("pair", [[B, S], [S, T], [A, S]], ids=["elsewhere", "as a primary", "again"])
@pytest.mark.parametrize(
    ("verb", "trouble"),
    [
        ("unlink", lambda: Trouble(after=die)),
        ("update_user", lambda: Trouble(BadRequestError("Auth0 answered 400"))),
    ],
    ids=["died", "failed"],
)
def test_it_is_not_linked_until_that_has_ended(
    pair: list[str], verb: str, trouble: Callable[[], Trouble]
) -> None:
    rig = half_undone(verb, trouble())

    assert rig.link([pair]) == {"planned": 1, "refused": 1}
    assert rig.undo() == {"planned": 1, "undone": 1}

    assert rig.tenant.users[S]["user_metadata"] == {"own": "s"}
    assert rig.tenant.rights[S] == ROLE
    assert rig.tenant.users[A]["user_metadata"] == {"a": 1}
    assert rig.link([pair]) == {"planned": 1, "linked": 1}


def test_it_is_restored_though_its_primary_is_gone() -> None:
    rig = half_undone("unlink", Trouble(after=die))
    del rig.tenant.users[A]

    assert rig.undo(dry_run=True) == {"planned": 1, "would_undo": 1}
    assert rig.undo() == {"planned": 1, "undone": 1}

    assert rig.tenant.users[S]["user_metadata"] == {"own": "s"}
    assert rig.tenant.rights[S] == ROLE
    assert "the primary account is not there" in rig.records("undo_outcome")[-1]["reason"]


def test_it_is_no_quiet_end_when_it_is_not_to_be_found() -> None:
    rig = half_undone("unlink", Trouble(after=die))
    emptied = rig.tenant.users.pop(S)

    assert rig.undo() == {"planned": 1, "failed": 1}
    assert "its snapshot is in the journal" in rig.records("undo_outcome")[-1]["reason"]

    rig.tenant.users[S] = emptied
    assert rig.undo() == {"planned": 1, "undone": 1}
    assert rig.tenant.users[S]["user_metadata"] == {"own": "s"}


def test_what_was_carried_elsewhere_first_is_taken_back_by_the_same_undo() -> None:
    tenant = FakeTenant(user(A), user(B), user(S, user_metadata={"own": "s"}), rights={S: ROLE})
    rig = Rig(tenant)
    before = deepcopy(rig.state())
    tenant.meets("link", Trouble(before=die))
    with suppress(Died):
        rig.link([[A, S]])
    assert tenant.rights[A] == ROLE
    rig.link([[B, S]])

    assert rig.undo() == {"planned": 2, "undone": 2}

    assert rig.state() == before


def test_a_pair_that_was_refused_first_counts_from_its_own_carry() -> None:
    users = [user(name, user_metadata={"p": value}) for name, value in ((A, "a"), (S, "a"), (T, "t"))]
    tenant = FakeTenant(*users)
    rig = Rig(tenant)
    before = deepcopy(rig.state())
    tenant.meets("link", Trouble(BadRequestError("Auth0 answered 400: Unable to link")))
    for _ in range(2):
        rig.link([[A, S], [A, T]], conflicts="secondary")

    assert rig.undo() == {"planned": 2, "undone": 2}

    assert rig.state() == before
