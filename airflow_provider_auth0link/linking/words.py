"""Words for messages: numbers, and text from elsewhere as a person may read it. Pure."""

from __future__ import annotations

LONGEST = 240
"""Letters of one text that are shown; ids of identity providers and reasons are shorter, unless somebody plays."""

LONGEST_LINE = 2_000
"""Letters of a reason where it is told in full: it may name many paths."""


def counted(count: int, noun: str) -> str:
    """Return "1 pair", "1,234 pairs"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def pair_named(secondary: object, primary: object, toward: str = "into") -> str:
    """Name a pair in a message: ``'github|1' into 'auth0|2'``."""
    return f"{str(secondary)!r} {toward} {str(primary)!r}"


def without_pair(reason: str, secondary: object, primary: object) -> str:
    """Leave out how a reason begins that names its pair, where that stands beside it already."""
    return reason.removeprefix(f"{pair_named(secondary, primary)}: ")


def visible(text: str, longest: int = LONGEST) -> str:
    """Show what cannot be seen as its escape; cut what is endless in its middle."""
    if len(text) > longest:
        half = longest // 2
        text = f"{text[:half]} … {text[-half:]}"
    return escaped(text)


def escaped(text: str) -> str:
    """
    Show what cannot be seen as its escape: line breaks, what moves a terminal or turns text around, half a surrogate.

    Spaces of any kind but the plain one count as not seen too.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
