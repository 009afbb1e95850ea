"""The id map: which rows it has after links, undos and earlier maps, and its file."""

from __future__ import annotations

import io
import tempfile
from typing import BinaryIO, cast

import pytest
from hypothesis import given, strategies as st

from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.linking.history import History
from airflow_provider_auth0link.linking.idmap import id_map, read_id_map, write_id_map
from airflow_provider_auth0link.linking.journal import read_history
from tests.fakes.tenant import FakeTenant, user
from tests.linking.rig import Rig

WRITER = "1-0-" + "1" * 32
A, B, C, D = "auth0|a", "google-oauth2|b", "facebook|c", "samlp|x|d"


def journal(*links: tuple[str, str, str]) -> History:
    """Make a history of (old, new, what became of it), one after another; 'undone' was linked first."""
    history = History()
    number = 0
    for old, new, outcome in links:
        pair = {"at": "", "primary_user_id": new, "secondary_user_id": old}
        kinds = [("intent", None), ("outcome", "linked" if outcome in {"undone", "undoing"} else outcome)]
        if outcome == "open":
            kinds = [("intent", None)]
        elif outcome in {"undone", "undoing"}:
            kinds += [("undo_intent", None), ("undo_outcome", "undone")][: 1 + (outcome == "undone")]
        for kind, said in kinds:
            number += 1
            history.add(WRITER, [{**pair, "n": number, "kind": kind, **({"outcome": said} if said else {})}])
    return history


def test_what_is_linked_has_a_row_and_nothing_else() -> None:
    ends = ("linked", "already_linked", "refused", "failed", "unknown", "open", "undone", "undoing")
    told = journal(*((f"github|{end}", A, end) for end in ends))

    assert list(id_map(told)) == [("github|linked", A), ("github|already_linked", A)]


def test_rows_of_earlier_maps_are_followed_to_their_end() -> None:
    told = journal((A, B, "linked"))

    assert list(id_map(told, [(C, A), (D, "auth0|other")])) == [(C, B), (D, "auth0|other"), (A, B)]


def test_links_of_one_journal_are_followed_on_too() -> None:
    assert list(id_map(journal((C, B, "linked"), (B, A, "linked")))) == [(C, A), (B, A)]


def test_an_earlier_map_may_be_younger_than_the_journal() -> None:
    assert sorted(id_map(journal((C, B, "linked")), [(B, A)])) == [(C, A), (B, A)]


@pytest.mark.parametrize(
    ("told", "earlier", "rows"),
    [
        pytest.param(journal((B, A, "linked")), [(B, C)], [(B, A)], id="journal over earlier"),
        pytest.param(journal(), [(B, C), (B, A)], [(B, A)], id="last earlier map"),
        pytest.param(
            journal((B, C, "undone"), (B, A, "linked")), [], [(B, A)], id="linked elsewhere after an undo"
        ),
    ],
)
def test_the_last_link_of_an_id_counts(
    told: History, earlier: list[tuple[str, str]], rows: list[tuple[str, str]]
) -> None:
    assert list(id_map(told, earlier)) == rows


def test_an_undone_pair_loses_the_row_of_an_earlier_map() -> None:
    told = journal((B, A, "undone"), (C, A, "linked"))

    assert list(id_map(told, [(B, A)])) == [(C, A)]
    assert list(id_map(told, [(B, D)])) == [(B, D), (C, A)]  # that link is another's


@pytest.mark.parametrize(
    ("earlier", "rows"),
    [
        pytest.param([(A, B)], [(B, A), (C, A)], id="two, turned round"),
        pytest.param([(A, D), (D, B)], [(D, A), (B, A), (C, A)], id="three"),
        pytest.param([(A, A)], [(B, A), (C, A)], id="itself"),
    ],
)
def test_a_circle_ends_at_the_primary_of_its_last_link(
    earlier: list[tuple[str, str]], rows: list[tuple[str, str]]
) -> None:
    assert list(id_map(journal((B, A, "linked"), (C, B, "linked")), earlier)) == rows


IDS = st.sampled_from([f"auth0|{letter}" for letter in "abcdefg"])
ROWS = st.lists(st.tuples(IDS, IDS), max_size=20)


@given(ROWS)
def test_any_rows_end_where_no_row_goes_on(rows: list[tuple[str, str]]) -> None:
    mapped = dict(id_map(History(), rows))

    assert not mapped.keys() & set(mapped.values())
    assert mapped.keys() <= {old for old, _ in rows}


@given(ROWS)
def test_a_map_of_a_map_is_the_map(rows: list[tuple[str, str]]) -> None:
    once = list(id_map(History(), rows))

    assert list(id_map(History(), once)) == once


def test_a_long_chain_is_followed_at_once() -> None:
    length = 50_000
    chain = [(f"auth0|{n}", f"auth0|{n + 1}") for n in range(length)]

    assert {new for _, new in id_map(History(), reversed(chain))} == {f"auth0|{length}"}


def test_a_run_and_its_undo() -> None:
    rig = Rig(FakeTenant(user(A), user(B), user(C), user(D)))
    rig.link([[A, B], [B, C], [A, D]])

    assert sorted(id_map(read_history(rig.store, None))) == sorted([(B, A), (C, A), (D, A)])

    rig.undo(only=[C])

    assert sorted(id_map(read_history(rig.store, None))) == sorted([(B, A), (D, A)])


ROUND = [('samlp|i|ü, "q"', A), ("google-oauth2|1", "auth0|x y")]


def test_a_file_gives_back_what_was_written() -> None:
    file = io.BytesIO()

    assert write_id_map(iter(ROUND), file) == len(ROUND)
    assert file.getvalue().startswith(b"old_user_id,new_user_id\n")
    file.seek(0)
    assert list(read_id_map(file, "map.csv")) == ROUND


def test_an_empty_map_has_its_header() -> None:
    file = io.BytesIO()

    assert write_id_map([], file) == 0
    assert file.getvalue() == b"old_user_id,new_user_id\n"
    assert list(read_id_map(io.BytesIO(file.getvalue()), "map.csv")) == []


def test_a_temporary_file_can_be_written_to() -> None:
    with tempfile.NamedTemporaryFile() as file:
        write_id_map(ROUND, cast("BinaryIO", file))
        file.seek(0)
        assert list(read_id_map(cast("BinaryIO", file), "map.csv")) == ROUND


def test_further_columns_and_a_byte_order_mark_are_passed_over() -> None:
    data = b"\xef\xbb\xbfat,new_user_id,old_user_id\r\n1,auth0|a,facebook|c\r\n\r\n"

    assert list(read_id_map(io.BytesIO(data), "map.csv")) == [(C, A)]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"", "the first line must name", id="empty"),
        pytest.param(b"old,new\na|b,c|d\n", "the first line must name", id="other columns"),
        pytest.param(b"old_user_id,old_user_id,new_user_id\n", "the first line must name", id="twice"),
        pytest.param(b"old_user_id,new_user_id\na|b\n", "line 2 is no row", id="too short"),
        pytest.param(b"old_user_id,new_user_id\na|b,c|d\na@b.com,c|d\n", "line 3 is no row", id="no id"),
        pytest.param(b'old_user_id,new_user_id\n"a|b"x,c|d\n', "line 2 is no CSV", id="quotes"),
        pytest.param(b"old_user_id,new_user_id\na|\xff,c|d\n", "line 2 is no UTF-8", id="bytes"),
    ],
)
def test_what_is_no_map_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=f"map.csv: {message}") as refused:
        list(read_id_map(io.BytesIO(data), "map.csv"))
    assert "a@b" not in str(refused.value)
