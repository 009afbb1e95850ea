from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from airflow_provider_auth0link import __version__
from airflow_provider_auth0link.cli import COMMANDS, main
from tests.cli.commands import ROOT, auth0link

WITHOUT_SERVER = "sys.modules.update(starlette=None, uvicorn=None)"


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--version"])

    assert end.value.code == 0
    assert capsys.readouterr().out == f"auth0link {__version__}\n"


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--help"])

    assert end.value.code == 0
    out = capsys.readouterr().out
    assert [command.name for command in COMMANDS if command.name not in out] == []


@pytest.mark.parametrize("name", [command.name for command in COMMANDS])
def test_each_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([name, "--help"])

    assert end.value.code == 0
    assert f"usage: auth0link {name}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "argv", [[], ["nonsense"], ["demo", "--nonsense"]], ids=["none", "unknown", "option"]
)
def test_what_is_not_understood_ends_with_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(argv)

    assert end.value.code == 2
    assert "usage: auth0link" in capsys.readouterr().err


def test_without_a_command_all_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([])

    written = capsys.readouterr()
    assert (end.value.code, written.out) == (2, "")
    assert [
        command.help.split()[0] for command in COMMANDS if f"    {command.name} " not in written.err
    ] == []
    assert written.err.endswith("name a command\n")


@pytest.mark.parametrize(
    ("argv", "unwanted"),
    [
        pytest.param(["--help"], {"airflow", "rich", "starlette", "uvicorn", "requests", "jwt"}, id="help"),
        pytest.param(["emulator", "--help"], {"airflow", "requests", "uvicorn"}, id="emulator"),
        pytest.param(["demo", "--help"], {"airflow", "requests", "uvicorn"}, id="demo"),
    ],
)
def test_nothing_is_imported_before_it_is_needed(argv: list[str], unwanted: set[str]) -> None:
    code = (
        "import sys; from airflow_provider_auth0link.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit: print(*sys.modules, file=sys.stderr)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code, *argv], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert unwanted & set(answer.stderr.split()) == set()


@pytest.mark.parametrize("name", ["demo", "emulator"])
def test_without_the_extra_the_answer_is_how_to_install_it(name: str, tmp_path: Path) -> None:
    answer = auth0link(name, cwd=tmp_path, before=f"import sys; {WITHOUT_SERVER}")

    assert answer.returncode == 2
    assert answer.stdout == ""
    assert 'pip install "airflow-provider-auth0link[emulator]"' in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


def test_another_missing_module_is_not_taken_for_the_extra(tmp_path: Path) -> None:
    answer = auth0link("emulator", cwd=tmp_path, before="import sys; sys.modules.update(asyncio=None)")

    assert answer.returncode == 1
    assert "ModuleNotFoundError" in answer.stderr
