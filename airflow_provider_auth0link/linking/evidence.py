"""Evidence of plan lines: kept as text, and united where two lines say the same pair."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.linking.options import checked_evidence
from airflow_provider_auth0link.model import same_email

_WORDS = {"true": True, "false": False}


def evidence_text(evidence: object) -> str | None:
    """
    Check evidence and return it as JSON with its keys in order; None when it is empty.

    :raises InputError: unless it is a mapping with known keys, ``verified`` true or false
    """
    checked = dict(checked_evidence(evidence))
    if "verified" in checked:
        checked["verified"] = _flag(checked["verified"])
    return _written(checked) if checked else None


def read_evidence(evidence: object) -> dict[str, Any]:
    """
    Read evidence that is given as an argument, as it is read from a plan line.

    :raises InputError: as ``evidence_text`` does
    """
    text = evidence_text(evidence)
    found: dict[str, Any] = json.loads(text) if text is not None else {}
    return found


def united_text(mine: str | None, theirs: str | None) -> str | None:
    """
    Return evidence that holds only where both hold, of two lines that say the same pair.

    :raises InputError: when no one evidence says what both say
    """
    if mine == theirs or theirs is None:
        return mine
    if mine is None:
        return theirs
    return _written(_united(json.loads(mine), json.loads(theirs)))


def _united(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    for key in mine.keys() & theirs.keys():
        if _comparable(key, mine[key]) != _comparable(key, theirs[key]):
            raise InputError(f"evidence: another {key} than an earlier line of the same pair")
    both = {**theirs, **mine}
    for each in (mine, theirs):
        # "verified" speaks of the e-mail or phone beside it, alone of the e-mail: it must go on doing so.
        if "verified" in each and not _verified_fields(each) <= _verified_fields(both):
            raise InputError(
                "evidence: 'verified' speaks of another field than in an earlier line of the same pair"
            )
    return both


def _flag(value: object) -> bool:
    flag = _WORDS.get(value.strip().lower()) if isinstance(value, str) else value
    if not isinstance(flag, bool):
        raise InputError("evidence: 'verified' must be true or false")
    return flag


def _verified_fields(evidence: Mapping[str, Any]) -> set[str]:
    return {"email", "phone"} & evidence.keys() or {"email"}


def _comparable(key: str, value: object) -> object:
    """Fold what the check of evidence folds too: letters' case, a phone's spaces, 7 and "7"."""
    if key == "email" and isinstance(value, str):
        return same_email(value)
    if key == "phone":
        return "".join(letter for letter in str(value) if letter.isdigit() or letter == "+")
    return value if isinstance(value, str | bool) else json.dumps(value, sort_keys=True)


def _written(evidence: Mapping[str, Any]) -> str:
    try:
        return json.dumps(evidence, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (ValueError, TypeError, RecursionError):
        raise InputError("evidence: holds a value that is no JSON") from None
