"""What may stand in no file of the project."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.house.tree import ROOT, files, relative

# The letter in brackets keeps this file out of its own net.
BANNED = {
    "a path of one machine": r"(?<![\w.~}])/(wor[k]|roo[t]|home/\w+|tmp/env[s]|opt/pyp[i])(/|\b)",
    "the host of a package registry": r"pyp[i]\.org|python[h]osted|registry\.npm[j]s|deb\.deb[i]an",
    "a private key": r"-----BEGIN (RSA |EC )?PRIVATE KE[Y]-----\s*(\\n)?MII",
}
PICTURES = {".png", ".jpg", ".gif", ".ico"}


@pytest.mark.parametrize("path", [path for path in files() if path.suffix not in PICTURES], ids=relative)
def test_nothing_banned_stands_in(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    assert [what for what, pattern in BANNED.items() if re.search(pattern, text)] == []


@pytest.mark.parametrize("path", sorted((ROOT / ".ci" / "locks").glob("*.txt")), ids=relative)
def test_a_lock_pins_by_name_version_and_hash(path: Path) -> None:
    packages = re.sub(r" *\\\n *", " ", path.read_text()).splitlines()

    assert packages
    assert [
        package
        for package in packages
        if not re.fullmatch(r"[\w.-]+(\[[\w,-]+\])?==\S+( ; [^#]+?)?( --hash=sha256:[0-9a-f]{64})+", package)
    ] == []
