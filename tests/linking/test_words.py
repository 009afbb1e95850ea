"""Text from elsewhere: visible, not endless."""

from __future__ import annotations

import pytest

from airflow_provider_auth0link.linking.words import LONGEST, escaped, visible


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        pytest.param("plain text, <b>ü</b>", "plain text, <b>ü</b>", id="as it is"),
        pytest.param("a\u202eb", "a\\u202eb", id="turned around"),
        pytest.param("a\nb\x00", "a\\nb\\x00", id="control characters"),
        pytest.param("a\u200bb\u00a0c", "a\\u200bb\\xa0c", id="unseen"),
        pytest.param("\x1b]0;x\x07\x9b2J", "\\x1b]0;x\\x07\\x9b2J", id="a terminal's own words"),
        pytest.param("a\u2028b\x85c\r", "a\\u2028b\\x85c\\r", id="other line breaks"),
        pytest.param("\ud800", "\\ud800", id="half of a pair"),
    ],
)
def test_what_cannot_be_seen_is_shown(given: str, shown: str) -> None:
    assert visible(given) == escaped(given) == shown


def test_what_is_endless_is_cut_in_its_middle() -> None:
    shown = visible("a" * LONGEST + "b" * LONGEST)

    assert len(shown) == LONGEST + 3
    assert (shown[0], shown[-1]) == ("a", "b")
