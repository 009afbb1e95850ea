"""Sizes, and what code must not hold."""

from __future__ import annotations

import ast
import re
import tokenize
from pathlib import Path

import pytest

from tests.house.tree import EXAMPLES, PACKAGE, ROOT, modules, relative

MODULE_LINES = 300
FUNCTION_LINES = 40
CONSTRUCTOR_LINES = 60
"""An operator's arguments are its surface, and its constructor does nothing but take them."""

TEST_ROOM = ROOT / "tests"

Function = ast.FunctionDef | ast.AsyncFunctionDef

PRODUCT = [*modules(PACKAGE), *modules(EXAMPLES), *modules(ROOT / "benchmarks")]


@pytest.mark.parametrize("path", PRODUCT, ids=relative)
def test_a_module_keeps_to_its_budget(path: Path) -> None:
    text = path.read_text()
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, Function)]

    assert len(text.splitlines()) <= MODULE_LINES
    assert [f.name for f in functions if (f.end_lineno or 0) - f.lineno >= _lines(f)] == []


def _lines(function: Function) -> int:
    return CONSTRUCTOR_LINES if function.name == "__init__" else FUNCTION_LINES


@pytest.mark.parametrize("path", modules(), ids=relative)
def test_a_waiver_carries_its_code_and_its_reason(path: Path) -> None:
    waivers = [text for text in _comments(path) if re.search(r"#\s*(noqa|type:\s*ignore|ruff:|mypy:)", text)]
    proper = re.compile(r"# (noqa: [A-Z]+\d+(, [A-Z]+\d+)*|type: ignore\[[\w, -]+\]) +(-|#) *\S.*")

    assert [text for text in waivers if not proper.fullmatch(text)] == []


@pytest.mark.parametrize("path", modules(), ids=relative)
def test_nothing_is_left_undone(path: Path) -> None:
    undone = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|pragma: no cover")

    assert [text for text in _comments(path) if undone.search(text)] == []
    assert _used(path, r"NotImplementedError|pytest\.(mark\.)?(skip|skipif|xfail|importorskip)") == []


@pytest.mark.parametrize("path", modules(TEST_ROOM), ids=relative)
def test_no_test_mocks(path: Path) -> None:
    mocks = r"(unittest\.)?mock(\..+)?|pytest_mock(\..+)?|mocker|monkeypatch\.(set|del)attr"

    assert _used(path, mocks) == []


def _comments(path: Path) -> list[str]:
    with path.open("rb") as file:
        return [token.string for token in tokenize.tokenize(file.readline) if token.type == tokenize.COMMENT]


def _used(path: Path, pattern: str) -> list[str]:
    """Return the dotted names of a module, imports and arguments included, that a pattern matches whole."""
    used: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Name() | ast.Attribute():
                used.add(ast.unparse(node))
            case ast.arg(arg=name):
                used.add(name)
            case ast.Import(names=names):
                used |= {alias.name for alias in names}
            case ast.ImportFrom(module=module, names=names):
                used |= {f"{module}.{alias.name}" for alias in names}
    return sorted(name for name in used if re.fullmatch(pattern, name))
