"""Who may be linked. Pure: two accounts as read just now in, a reason or nothing out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.model import ENTERPRISE_PROVIDERS, UNPROVEN_PROVIDERS, Account, same_email

EVIDENCE_KEYS = ("email", "verified", "phone")
EVIDENCE_PREFIX = "metadata:"

DRIFTED = "drifted"
"""How reasons begin that the evidence gives."""


def _not_blocked(primary: Account, secondary: Account) -> str | None:
    for role, account in (("primary", primary), ("secondary", secondary)):
        if account.blocked:
            return f"the {role} is blocked"
    return None


def _verified_email(primary: Account, secondary: Account, more: tuple[str, ...] = ()) -> str | None:
    """Look at the flags. *more* are providers and names of connections whose flag is no proof either."""
    for role, account in (("primary", primary), ("secondary", secondary)):
        if not account.raw.get("email"):
            return f"the {role} has no e-mail"
        if account.raw.get("email_verified") is not True:
            return f"the {role}'s e-mail is not verified"
        if account.id.provider in UNPROVEN_PROVIDERS or account.id.provider in more:
            return f"the {role}'s provider {account.id.provider} is no proof of an e-mail"
        if account.root is not None and account.root.connection in more:
            return f"the {role}'s connection {account.root.connection} is no proof of an e-mail"
    return None


def _same_email(primary: Account, secondary: Account) -> str | None:
    mine, theirs = primary.raw.get("email"), secondary.raw.get("email")
    if not (isinstance(mine, str) and isinstance(theirs, str) and mine and theirs):
        return "one of the accounts has no e-mail"
    return None if same_email(mine) == same_email(theirs) else "the e-mails differ"


def _not_enterprise_secondary(primary: Account, secondary: Account) -> str | None:  # noqa: ARG001 - a guard's form
    providers = {secondary.id.provider, *(identity.provider for identity in secondary.identities)}
    found = sorted(providers & set(ENTERPRISE_PROVIDERS))
    return f"the secondary is an enterprise account ({', '.join(found)})" if found else None


GUARDS: Mapping[str, Callable[[Account, Account], str | None]] = {
    "not_blocked": _not_blocked,
    "verified_email": _verified_email,
    "same_email": _same_email,
    "not_enterprise_secondary": _not_enterprise_secondary,
}
_WITH_MORE = "verified_email"
"""The guard that takes names after a colon."""


def check_guard(guard: str) -> None:
    """
    Refuse what is no guard: a name, and after that of ``verified_email`` a colon and what it does not count.

    :raises InputError: saying what is known
    """
    name, colon, more = guard.partition(":")
    if name not in GUARDS or (colon and name != _WITH_MORE):
        raise InputError(f"guards: {guard!r} is not known; known are {list(GUARDS)}")
    if colon and "" in _names(more):
        raise InputError(
            f"guards: {guard!r} holds an empty name. After the colon stand providers and connections, "
            f"as in '{_WITH_MORE}:okta,my-entra-connection'"
        )


def refusal(guards: Iterable[str], primary: Account, secondary: Account) -> str | None:
    """Return why the pair must not be linked, with the guard's name before it; None when nothing stands against it."""
    for guard in guards:
        name, colon, more = guard.partition(":")
        guard_of = partial(_verified_email, more=_names(more)) if colon else GUARDS[name]
        reason = guard_of(primary, secondary)
        if reason:
            return f"{name}: {reason}"
    return None


def _names(more: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in more.split(","))


def check_evidence_keys(evidence: Mapping[str, Any]) -> None:
    """
    Refuse evidence that could not be checked again.

    :raises InputError: naming the unknown keys
    """
    unknown = [key for key in evidence if key not in EVIDENCE_KEYS and not _metadata_path(key)]
    if unknown:
        raise InputError(
            f"evidence: unknown keys {sorted(map(str, unknown))}; known are {list(EVIDENCE_KEYS)} "
            f"and '{EVIDENCE_PREFIX}<dotted path>', such as 'metadata:app_metadata.legacy_id'"
        )


def _metadata_path(key: object) -> list[str]:
    """Return the path of a ``metadata:`` key; empty when it is none."""
    if not isinstance(key, str) or not key.startswith(EVIDENCE_PREFIX):
        return []
    path = key.removeprefix(EVIDENCE_PREFIX).split(".")
    return path if len(path) > 1 and path[0] in {"user_metadata", "app_metadata"} and "" not in path else []


def drift(evidence: Mapping[str, Any], primary: Account, secondary: Account) -> str | None:
    """Return which evidence no longer holds on both accounts; None when all of it does."""
    gone = [key for key, value in evidence.items() if not _holds(key, value, evidence, (primary, secondary))]
    return f"{DRIFTED}: {', '.join(gone)}" if gone else None


def _holds(key: str, value: object, evidence: Mapping[str, Any], accounts: tuple[Account, ...]) -> bool:
    if key == "email":
        return all(_folded(each.raw.get("email")) == _folded(value) is not None for each in accounts)
    if key == "phone":
        return all(_digits(each.raw.get("phone_number")) == _digits(value) is not None for each in accounts)
    if key == "verified":
        fields = [name for name in ("email", "phone") if name in evidence] or ["email"]
        flags = ["email_verified" if name == "email" else "phone_verified" for name in fields]
        # Only true is verified: some providers send words, and bool("false") is true.
        return all((each.raw.get(flag) is True) is value for each in accounts for flag in flags)
    path = _metadata_path(key)
    return value is not None and all(_plain(_at(each, path)) == _plain(value) for each in accounts)


def _folded(value: object) -> str | None:
    return same_email(value) if isinstance(value, str) and value else None


def _digits(value: object) -> str | None:
    kept = "".join(letter for letter in str(value or "") if letter.isdigit() or letter == "+")
    return kept or None


def _at(account: Account, path: list[str]) -> object:
    value: object = account.metadata(path[0])
    for step in path[1:]:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _plain(value: object) -> str:
    """Compare 7 and "7" as equal: legacy ids are kept as either."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
