"""The page goes from a journal's place to a file's, on this machine and on object storage."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from airflow.sdk.io import attach
from fsspec.implementations.memory import MemoryFileSystem

from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.hooks import files
from airflow_provider_auth0link.hooks.journal import open_store
from airflow_provider_auth0link.hooks.report import write_report
from airflow_provider_auth0link.linking.journal import read_history
from tests.fakes.tenant import FakeTenant, user
from tests.linking.rig import Rig

A, B = "auth0|a", "samlp|x|e@example.com"


@pytest.fixture
def journal(tmp_path: Path) -> str:
    """Return where the journal of a run lies."""
    rig = Rig(FakeTenant(user(A), user(B)))
    rig.link([[A, B]])
    folder = tmp_path / "journal"
    folder.mkdir()
    for name, data in rig.store.files.items():
        (folder / name).write_bytes(data)
    return str(folder)


@pytest.fixture
def bucket() -> Iterator[str]:
    """A folder on a file system that is not this machine's."""
    file_system = MemoryFileSystem()
    attach("memory", fs=file_system)
    file_system.mkdir("/pages")
    yield "memory://pages"
    file_system.rm("/pages", recursive=True)


@pytest.fixture(params=["path", "object storage"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A folder that can be written to, in each way to name one."""
    return str(request.getfixturevalue("bucket")) if request.param == "object storage" else str(tmp_path)


def read(path: str) -> str:
    with files.reading(path) as file:
        return file.read().decode()


def test_the_page_is_written_where_it_is_wanted(journal: str, folder: str) -> None:
    path = files.within(folder, "report.html")

    assert write_report(journal, path, title="Rehearsal", plan_counts={"accounts": 1_234}) == path

    page = read(path)
    assert "<h1>Rehearsal: acme.eu.auth0.com</h1>" in page
    assert "1,234" in page


def test_it_may_lie_beside_the_journal_and_be_written_again(journal: str) -> None:
    path = files.within(journal, "report.html")

    write_report(journal, path)
    before = read(path)
    write_report(journal, path)

    assert read(path) == before
    assert len(read_history(open_store(journal), None)) == 1


def test_e_mails_are_shown_on_request_alone(tmp_path: Path) -> None:
    rig = Rig(FakeTenant(user(A), user(B, blocked=True)))
    rig.link([[A, B]], guards=("not_blocked",))
    for name, data in rig.store.files.items():
        (tmp_path / name).write_bytes(data)
    masked, shown = str(tmp_path / "masked.html"), str(tmp_path / "shown.html")

    write_report(str(tmp_path), masked)
    write_report(str(tmp_path), shown, show_emails=True)

    assert ("e@example.com" in read(masked), "e@example.com" in read(shown)) == (False, True)


def test_where_there_is_no_journal_no_page_is_left(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no journal"):
        write_report(str(tmp_path / "none"), str(tmp_path / "report.html"))

    assert list(tmp_path.iterdir()) == []


def test_a_page_that_has_no_place_is_said(journal: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="its folder or bucket is not there"):
        write_report(journal, str(tmp_path / "none" / "report.html"))
