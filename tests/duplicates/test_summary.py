"""The page that a person approves: what accounts hold is shown in it, and is no part of it."""

from __future__ import annotations

from pathlib import Path

from airflow_provider_auth0link.duplicates.summary import MOST_LETTERS, markdown
from tests.duplicates.test_find import account, search


def row_of(user_id: str, folder: Path) -> str:
    found = search(
        [account("auth0|1", "ada@x.org", logins_count=5), account(user_id, "ada@x.org")], folder
    ).found
    return next(line for line in markdown(found).splitlines() if line.startswith("| `auth0\\|1`"))


def cells(row: str) -> list[str]:
    """Divide a row as GitHub Flavored Markdown does: a backslash takes the pipe or the backslash behind it."""
    parts, letters = [""], iter(row.strip("|"))
    for letter in letters:
        if letter == "|":
            parts.append("")
        else:
            parts[-1] += letter + (next(letters, "") if letter == "\\" else "")
    return [part.strip() for part in parts]


def test_an_id_stays_in_its_code_span(tmp_path: Path) -> None:
    for number, text in enumerate(
        ("a|b", "a\\|[x](https://x.org)", "a\\\\|b", "`b`|c\\", "<b>|&amp;", "*a*|\n")
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        divided = cells(row_of(f"auth0|{text.strip()}", folder))

        assert len(divided) == 4, text
        assert all(each[0] == each[-1] == "`" and "`" not in each[1:-1] for each in divided), text


def test_what_turns_a_line_around_is_seen(tmp_path: Path) -> None:
    assert "<U+202E>gnp.x" in row_of("auth0|\u202egnp.x", tmp_path)


def test_what_is_endless_is_cut(tmp_path: Path) -> None:
    assert len(row_of(f"auth0|{'x' * 5000}", tmp_path)) < 2 * MOST_LETTERS
