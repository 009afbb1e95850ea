"""The search finds a secret in whatever form it lies there."""

from __future__ import annotations

import base64
import json
import sqlite3
import zlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, urlencode

import jwt
import pytest

from airflow_provider_auth0link.emulator.keys import client_key_pem
from tests.realrun.search import found, made_up

SECRET = made_up("secret")
FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "in JSON": lambda text: json.dumps({"a": text}),
    "in a form": lambda text: urlencode({"a": text}),
    "in a path": lambda text: quote(text, safe=""),
    "basic, no offset": lambda text: _in_base64(f"abc{text}:x"),
    "basic, offset 1": lambda text: _in_base64(f"a{text}"),
    "basic, offset 2": lambda text: _in_base64(f"ab{text}:xyz"),
}


def _in_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _home(tmp_path: Path, cell: object) -> Path:
    with sqlite3.connect(tmp_path / "airflow.db") as database:
        database.execute("CREATE TABLE things (id INTEGER, thing)")
        database.execute("INSERT INTO things VALUES (1, ?)", (cell,))
    database.close()
    return tmp_path


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_a_form_is_found_in_a_cell_a_file_and_a_line(tmp_path: Path, form: Callable[[str], str]) -> None:
    home = _home(tmp_path, form(SECRET))
    (home / "logs").mkdir()
    (home / "logs" / "task.log").write_text(f"said {form(SECRET)} again")

    assert found(
        home, ["nothing", f"line\n{form(SECRET)}"], {"it": SECRET, "another": made_up("secret")}
    ) >= {
        "it in things.thing",
        "it in logs/task.log",
        "it in what was printed",
    }


@pytest.mark.parametrize(
    "cell", [zlib.compress(SECRET.encode()), b"\x80\x04" + SECRET.encode(), "x" * 9000 + SECRET]
)
def test_a_cell_is_looked_into(tmp_path: Path, cell: object) -> None:
    assert "it in things.thing" in found(_home(tmp_path, cell), [], {"it": SECRET})


@pytest.mark.parametrize("newline", [" ", "\\n", "", "\r\n"], ids=repr)
def test_a_key_is_found_by_a_part_of_it(tmp_path: Path, newline: str) -> None:
    lines = client_key_pem().splitlines()
    home = _home(tmp_path, f"... {newline.join(lines[9:12])} ...")

    assert "key in things.thing" in found(home, [], {"key": client_key_pem()})


@pytest.mark.parametrize("part", [1, 2], ids=["claims", "signature"])
def test_a_jwt_is_found_by_a_part_of_it(tmp_path: Path, part: int) -> None:
    token = jwt.encode({"sub": "auth0|ada"}, "of this test alone, and long enough", algorithm="HS256")
    home = _home(tmp_path, token.split(".")[part])

    assert "token in things.thing" in found(home, [], {"token": token})


def test_nothing_is_found_where_nothing_is(tmp_path: Path) -> None:
    assert (
        found(_home(tmp_path, made_up("secret")), ["secret"], {"it": SECRET, "key": client_key_pem()})
        == set()
    )
