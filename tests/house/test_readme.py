"""What README and docs show can be pasted."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from airflow_provider_auth0link.duplicates.search import Search
from tests.house.tree import ROOT, files, relative


class Block(NamedTuple):
    """A fenced block of a page."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{relative(self.page)}:{self.line}"


PAGES = [path for path in files() if path.suffix == ".md"]


def _blocks() -> Iterator[Block]:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for found in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            line = text.count("\n", 0, found.start(2)) + 1
            yield Block(page, line, found[1], found[2])


BLOCKS = list(_blocks())


def test_the_readme_shows_code_and_the_two_commands() -> None:
    blocks = [block for block in BLOCKS if block.page == ROOT / "README.md"]
    lines = {line.partition("#")[0].strip() for block in blocks for line in block.text.splitlines()}

    assert any(block.language == "python" for block in blocks)
    assert {"make demo", "make test"} <= lines


def test_python_and_json_can_be_pasted() -> None:
    assert [str(block) for block in BLOCKS if not _can_be_read(block)] == []


def _can_be_read(block: Block) -> bool:
    try:
        match block.language:
            case "python":
                compile(block.text, str(block), "exec")
            case "json":
                json.loads(block.text)
    except (SyntaxError, ValueError):
        return False
    return True


def test_rules_that_are_shown_can_be_searched_by() -> None:
    shown = [block for block in BLOCKS if block.language == "python" and "\nrules = " in block.text]

    for block in shown:
        names: dict[str, Any] = {}
        exec(block.text, names)
        assert Search.checked(rules=names["rules"], primary=names.get("primary", ())).rules == names["rules"]
    assert shown


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links_within_the_project_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!\w+:|#)([^)#\s]+)", page.read_text(encoding="utf-8"))

    assert [target for target in targets if not (page.parent / target).exists()] == []
