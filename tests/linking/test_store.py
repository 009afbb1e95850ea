from __future__ import annotations

import pytest

from airflow_provider_auth0link.errors import InputError, StoreError
from airflow_provider_auth0link.linking.store import Store, checked_name, is_name
from tests.fakes.store import STEPS_OF_A_DELETE, STEPS_OF_A_WRITE, Died, DroppingStore, MemoryStore


@pytest.mark.parametrize("name", ["1--1-0f3c-0.jsonl", "a", "A_b.c=d+e-f", "x" * 200])
def test_names_of_files(name: str) -> None:
    assert is_name(name)
    assert checked_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        ".hidden",
        "-x",
        "a/b",
        "a\\b",
        "a b",
        "é",
        "a\n",
        "a?b",
        "a#b",
        "a%2Fb",
        "a*",
        "x" * 201,
    ],
    ids=ascii,
)
def test_names_of_nothing(name: str) -> None:
    assert not is_name(name)
    with pytest.raises(InputError, match="no name for a file of a journal"):
        checked_name(name)


def _use(store: Store) -> None:
    store.write("one", b"1" * 10)
    store.write("two", b"2" * 10)
    store.delete("one")


def test_a_store_in_memory() -> None:
    store = MemoryStore({"zero": b"0"})

    _use(store)

    assert sorted(store.names()) == ["two", "zero"]
    assert dict(store.read_many(["zero", "two"])) == {"zero": b"0", "two": b"2" * 10}
    with pytest.raises(StoreError, match="two exists already in memory"):
        store.write("two", b"")
    with pytest.raises(StoreError, match="one is not in memory"):
        store.read("one")


def _found(steps: int, seed: int) -> dict[str, bytes]:
    store = DroppingStore(steps, seed=seed)
    with pytest.raises(Died):
        _use(store)
    with pytest.raises(Died):
        store.names()
    assert store.survivors().files == store.survivors().files
    return store.survivors().files


def test_a_machine_that_lives() -> None:
    store = DroppingStore()

    _use(store)

    assert store.steps_taken == 2 * STEPS_OF_A_WRITE + STEPS_OF_A_DELETE
    assert store.survivors().files == store.files == {"two": b"2" * 10}


def test_what_a_dead_machine_leaves() -> None:
    """Whatever was written whole before stays; the write under way shows all of its fates."""
    part, whole, half = ".unfinished-two", b"2" * 10, b"2" * 5
    fates = [
        {str(sorted(_found(STEPS_OF_A_WRITE + extra, seed).items())) for seed in range(40)}
        for extra in range(STEPS_OF_A_WRITE)
    ]
    before = ("one", b"1" * 10)

    def seen(*more: tuple[str, bytes]) -> str:
        return str(sorted([before, *more]))

    assert fates == [
        {seen()},
        {seen(), seen((part, b""))},
        {seen(), seen((part, b"")), seen((part, half)), seen((part, whole))},
        {seen(), seen(("two", whole))},
    ]


def test_a_delete_under_way_is_done_or_not() -> None:
    found = [_found(2 * STEPS_OF_A_WRITE + 1, seed) for seed in range(20)]

    assert {tuple(sorted(each)) for each in found} == {("two",), ("one", "two")}


def test_leftovers_are_not_listed() -> None:
    store = MemoryStore({".unfinished-one": b"1", "two": b"2"})

    assert store.names() == ["two"]
