"""Words for numbers, for messages."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """Return "1 pair", "1,234 pairs"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
