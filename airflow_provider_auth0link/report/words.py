"""Text from elsewhere as anybody may read it: e-mails masked, and what is quoted left out. Pure."""

from __future__ import annotations

import re

_AT = r"(?:@|%40|\uff20|\ufe6b)"
"""The sign of an e-mail: as it is, percent-encoded, full width, small."""

_BETWEEN = re.compile(r"([\s|'\"<>(),;]+)")
_SIGN = re.compile(_AT, re.IGNORECASE)
_QUOTED = re.compile(r"(?<!\w)'(?:[^'\\]|\\.)*'(?!\w)|\"(?:[^\"\\]|\\.)*\"")
"""As Python quotes an id in a message; an apostrophe within a word is none."""


_PAIR = re.compile(r"^…(?: into …)?: ")


def masked_id(text: str) -> str:
    """Mask each part between pipes that may hold an e-mail: its first letter and its top-level domain stay."""
    return "|".join(_masked(part) if _SIGN.search(part) else part for part in text.split("|"))


def masked_text(text: str) -> str:
    """Mask what looks like an e-mail in a sentence; ids stand in quotes there, and may hold spaces."""
    text = _QUOTED.sub(lambda found: found[0][0] + masked_id(found[0][1:-1]) + found[0][-1], text)
    return "".join(_masked(part) if _SIGN.search(part) else part for part in _BETWEEN.split(text))


def _masked(email: str) -> str:
    name, *_, domain = _SIGN.split(email)
    _, dot, last = domain.rpartition(".")
    return f"{name[:1]}***@***{f'.{last}' if dot and last.isalpha() else ''}"


def kind_of(reason: str) -> str:
    """Return a reason without what it quotes, nor the pair that it begins with, so that alike ones count as one."""
    return _PAIR.sub("", _QUOTED.sub("…", reason))
