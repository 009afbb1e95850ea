"""What a search found, for XCom and for a person who is to approve it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from airflow_provider_auth0link.duplicates.find import Found

MOST_KEYS = 500
"""Of app_metadata that are named. Rights have few names; more are ids that somebody used as keys."""

MOST_LETTERS = 200
"""Of an id or a key that are shown."""


def counts(found: Found) -> dict[str, Any]:
    """Return the numbers alone: no id and no e-mail."""
    return {
        "accounts": found.accounts,
        "unreadable": found.unreadable,
        "repeats": found.repeats,
        "candidates": found.candidates,
        "planned": found.planned,
        "stars": found.stars,
        "per_rule": dict(found.per_rule),
        "per_reason": dict(found.per_reason),
        "gained": dict(_told(found)),
        "gained_keys": len(found.gained),
        "plan_digest": found.digest,
    }


def markdown(found: Found) -> str:
    """
    Return a page in Markdown: the numbers, what primaries would gain, and a sample with masked e-mails.

    What comes from accounts stands in code spans, in which Markdown marks up nothing.
    """
    parts = [
        f"**{found.planned:,}** of {found.accounts:,} accounts would be merged into **{found.stars:,}** others.",
        _table(("rule", "pairs"), [(_code(rule), f"{pairs:,}") for rule, pairs in found.per_rule.items()]),
    ]
    if found.per_reason or found.unreadable or found.repeats:
        rows = [(reason.replace("_", " "), f"{number:,}") for reason, number in found.per_reason.items()]
        rows += [("repeated lines", f"{found.repeats:,}")] if found.repeats else []
        rows += [("unreadable lines", f"{found.unreadable:,}")] if found.unreadable else []
        parts += ["Left out, and why:", _table(("reason", "accounts"), rows)]
    parts += _gains(found)
    if found.sample:
        parts += [
            f"The first {len(found.sample)}:" if found.planned > len(found.sample) else "All:",
            _sample(found),
        ]
    parts.append(f"Plan: sha256 `{found.digest}`")
    return "\n\n".join(parts) + "\n"


def _gains(found: Found) -> list[str]:
    if not found.gained:
        return ["No primary would gain a key of `app_metadata`."]
    more = len(found.gained) - MOST_KEYS
    end = [f"**... and {more:,} more keys**, which nobody has looked at."] if more > 0 else []
    rows = [(_code(key), f"{number:,}") for key, number in _told(found)]
    return ["**Keys of `app_metadata` that primaries would gain.** They often grant rights:",
            _table(("key", "primaries"), rows), *end]  # fmt: skip


def _told(found: Found) -> list[tuple[str, int]]:
    """Return the keys that are named, the commonest first."""
    return sorted(found.gained.items(), key=lambda each: (-each[1], each[0]))[:MOST_KEYS]


def _sample(found: Found) -> str:
    rows = [
        (
            _code(each.primary_user_id),
            _code(each.secondary_user_id),
            _code(each.rule),
            _code(each.email) if each.email else "",
        )
        for each in found.sample
    ]
    return _table(("stays", "is merged into it", "rule", "e-mail"), rows, right=())


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], right: tuple[int, ...] = (1,)) -> str:
    ruler = ["---:" if at in right else "---" for at in range(len(head))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ruler, *rows))


def _code(text: str) -> str:
    """
    Return text as a code span in a table's cell: nothing in it is markup, and it stays on one line.

    A cell ends at a pipe before which an even number of backslashes stands, in a code span too (GitHub Flavored
    Markdown, tables). So a pipe gets one, and a blank before it where the text has a backslash there.
    """
    short = text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]}..."
    seen = "".join(each if each.isprintable() else _escape(each) for each in short)
    plain = seen.replace("\\|", "\\ |").replace("|", "\\|").replace("`", "'")
    return f"`{plain}`" if plain.strip() else ""


def _escape(letter: str) -> str:
    """Show what cannot be seen, and might turn a line around; a control character as a blank."""
    return " " if letter < " " or letter == "\x7f" else f"<U+{ord(letter):04X}>"
