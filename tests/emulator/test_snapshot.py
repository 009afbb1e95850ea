from __future__ import annotations

import json

from hypothesis import given, strategies as st

from airflow_provider_auth0link.emulator.accounts import Json
from airflow_provider_auth0link.emulator.snapshot import BATCH, Snapshot
from airflow_provider_auth0link.emulator.state import State

SIZE = 2 * BATCH + 7


def written(account: Json) -> bytes:
    return json.dumps(account).encode() + b"\n"


def filled(size: int = SIZE) -> State:
    state = State(lambda: "2026-01-01T00:00:00.000Z")
    state.load([{"user_id": f"auth0|{number}"} for number in range(size)])
    return state


def change(state: State, number: int, action: str) -> None:
    account = state.account(f"auth0|{number}")
    if account is None:
        state.add({"user_id": f"auth0|{number}", "back": True})
    elif action == "remove":
        state.remove(account)
    else:
        state.unindex(account)
        account["name"] = account.get("name", "") + "x"
        state.index(account)


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, SIZE - 1), st.sampled_from(["remove", "change"])),
        max_size=30,
    )
)
def test_what_changes_meanwhile_is_not_seen(changes: list[tuple[int, int, str]]) -> None:
    state = filled()
    before = b"".join(written(each) for each in state)
    snapshot = Snapshot(state, state, written)
    found = []

    batches = snapshot.batches()
    for step in range(4):
        for at, number, action in changes:
            if at == step:
                change(state, number, action)
        found.append(next(batches, b""))

    assert b"".join(found) == before


def test_several_at_once_keep_apart() -> None:
    state = filled()
    first = Snapshot(state, state, written)
    change(state, 3, "change")
    second = Snapshot(state, state, written)
    change(state, 3, "remove")

    assert b'"name"' not in b"".join(first.batches())
    assert b"".join(second.batches()).count(b'"name": "x"') == 1
    assert state.watchers == []


def test_one_left_early_lets_go() -> None:
    state = filled()
    batches = Snapshot(state, state, written).batches()
    next(batches)
    batches.close()

    assert state.watchers == []
