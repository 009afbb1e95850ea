from __future__ import annotations

import gzip
import random
import zlib

import pytest
from hypothesis import given, strategies as st

from airflow_provider_auth0link.api import export_lines
from airflow_provider_auth0link.api.export_lines import CHUNK_BYTES, Passing
from airflow_provider_auth0link.errors import ExportError

LINES = b'{"user_id": "auth0|1"}\n{"user_id": "auth0|2"}\n'


def passed(data: bytes, size: int = 1 << 16) -> tuple[bytes, int]:
    """Let a file pass in parts of a size."""
    passing = Passing()
    text = b"".join(
        plain
        for start in range(0, len(data), size)
        for plain in passing.plain(data[start : start + size])
    )  # fmt: skip
    return text, passing.end()


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        pytest.param(b"", 0, id="nobody"),
        pytest.param(LINES, 2, id="two"),
        pytest.param(LINES + b'{"user_id": "auth0|3"}', 3, id="no newline at the end"),
        pytest.param(LINES + b"  \r", 2, id="blanks at the end"),
        pytest.param(b'"' + b"x" * (3 * CHUNK_BYTES) + b'"\n', 1, id="a long line"),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 1 << 16])
def test_a_whole_file_passes(text: bytes, lines: int, size: int) -> None:
    assert passed(gzip.compress(text), size) == (text, lines)


@given(
    texts=st.lists(st.binary(max_size=200), min_size=1, max_size=4),
    padding=st.integers(0, 5),
    size=st.integers(1, 64),
)
def test_members_one_after_another_are_one_file(texts: list[bytes], padding: int, size: int) -> None:
    texts = [text.replace(b"\n", b"") + b"\n" for text in texts]
    data = b"".join(gzip.compress(text) for text in texts) + bytes(padding)

    assert passed(data, size) == (b"".join(texts), len(texts))


@given(cut=st.integers(0, len(gzip.compress(LINES)) - 1), size=st.integers(1, 64))
def test_a_cut_file_is_not_whole(cut: int, size: int) -> None:
    with pytest.raises(ExportError, match="ended early"):
        passed(gzip.compress(LINES)[:cut], size)


@given(place=st.integers(10, len(gzip.compress(LINES, mtime=0)) - 1), bit=st.integers(0, 7))
def test_a_changed_bit_is_found_or_changes_nothing(place: int, bit: int) -> None:
    data = bytearray(gzip.compress(LINES, mtime=0))
    data[place] ^= 1 << bit

    try:
        text, lines = passed(bytes(data))
    except ExportError:
        return
    assert (text, lines) == (LINES, 2)  # a bit that only fills a byte up


@pytest.mark.parametrize(
    "text", [b'{"user_id": "au', LINES + b'{"user_id": "au', LINES + b"[" * 100_000, LINES + b"\xff"]
)
def test_a_cut_last_line_is_found(text: bytes) -> None:
    with pytest.raises(ExportError, match="last line of the download is cut"):
        passed(gzip.compress(text))


@pytest.mark.parametrize(
    "data", [b"<html>please log in</html>", LINES, gzip.compress(LINES) + b"more", zlib.compress(LINES)]
)
def test_what_is_no_gzip_is_refused(data: bytes) -> None:
    with pytest.raises(ExportError, match="damaged") as caught:
        passed(data)

    assert "log in" not in str(caught.value)


def test_an_error_of_nothing_at_all() -> None:
    with pytest.raises(ExportError, match="ended early, after 0 lines"):
        Passing().end()


def test_a_bomb_is_met_in_small_parts() -> None:
    passing = Passing()
    packed = gzip.compress((b" " * 99 + b"\n") * 500_000)

    sizes = [len(plain) for plain in passing.plain(packed)]

    assert (max(sizes), sum(sizes)) == (CHUNK_BYTES, 50_000_000)
    assert passing.end() == 500_000


def test_a_line_without_an_end_is_not_kept_for_ever() -> None:
    passing = Passing()
    packed = gzip.compress(bytes(export_lines.LONGEST_LINE + CHUNK_BYTES), compresslevel=1)

    with pytest.raises(ExportError, match="a line longer than any user"):
        for _ in passing.plain(packed):
            pass


def test_the_bytes_come_out_as_they_went_in() -> None:
    chance = random.Random(7)
    text = b"".join(bytes(chance.choices(range(32, 127), k=80)) + b"\n" for _ in range(20_000))

    assert passed(gzip.compress(text), 1000) == (text, 20_000)
