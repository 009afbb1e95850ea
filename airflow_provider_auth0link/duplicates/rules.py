"""
What makes two accounts one person's, and which of them stays.

A rule is a name, or a frozen dataclass with a stable repr: Airflow makes a new version of a Dag whenever a repr
differs. A rule of one's own is a ``SqlRule``. Nothing here imports DuckDB: a Dag file may import this module.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.model import UNPROVEN_PROVIDERS

METADATA_PREFIX = "metadata:"
CONNECTIONS_PREFIX = "connections:"

EVIDENCE_KEYS = ("email", "verified", "phone")
"""What a plan's evidence may speak of, beside ``metadata:<dotted path>`` (the plan's format)."""


@dataclass(frozen=True, slots=True)
class VerifiedEmail:
    """
    The same e-mail, verified on both sides. Case and Unicode form do not count.

    :param subaddresses: ada+news@x.org is ada@x.org too
    :param gmail: at gmail.com and googlemail.com dots and ``+tag`` do not count
    :param unproven: providers whose word is no proof
    """

    subaddresses: bool = False
    gmail: bool = False
    unproven: tuple[str, ...] = UNPROVEN_PROVIDERS
    name: str = field(default="verified_email", init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "unproven", _names("VerifiedEmail: unproven", self.unproven))


@dataclass(frozen=True, slots=True)
class VerifiedPhone:
    """The same phone number, verified on both sides. Only digits and ``+`` of it count."""

    name: str = field(default="verified_phone", init=False, repr=False)


@dataclass(frozen=True, slots=True)
class SameMetadata:
    """
    The same text or number at a place of the metadata, 7 and "7" being the same.

    :param path: ``app_metadata.legacy_id`` and the like. What users can write themselves, ``user_metadata`` above all,
        is no proof: whoever writes another's value there is taken for him
    :param verified: only accounts whose e-mail is verified count
    :param unproven: providers whose word is no proof of that
    """

    path: str
    verified: bool = True
    unproven: tuple[str, ...] = UNPROVEN_PROVIDERS
    name: str = field(default="", init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", metadata_path(self.path))
        object.__setattr__(self, "unproven", _names("SameMetadata: unproven", self.unproven))
        object.__setattr__(self, "name", METADATA_PREFIX + self.path)


@dataclass(frozen=True, slots=True)
class SqlRule:
    """
    A rule of one's own: expressions of DuckDB's SQL over the fields of an account.

    The fields: user_id, provider, connection, email, email_verified, phone_number, phone_verified, blocked, username,
    name, given_name, family_name, nickname, logins_count, last_login, created_at, and as JSON identities,
    user_metadata, app_metadata.

    :param name: stands in the plan
    :param key_sql: what must be the same; accounts where it is NULL or empty are left out
    :param verified_sql: true where the account has proved it
    :param evidence: what the batch shall check again: "email", "phone", "verified", "metadata:<dotted path>". One
        that does not hold for a pair at the time of the plan is left out of its line
    :param columns: further columns of the source that the expressions name, given to them as text
    """

    name: str
    key_sql: str
    verified_sql: str = "true"
    evidence: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for what in ("name", "key_sql", "verified_sql"):
            value = getattr(self, what)
            if not (isinstance(value, str) and value.strip()):
                raise InputError(f"SqlRule: {what} must be text that is not empty")
        object.__setattr__(self, "evidence", _names("SqlRule: evidence", self.evidence))
        object.__setattr__(self, "columns", _names("SqlRule: columns", self.columns))
        for key in self.evidence:
            if key not in EVIDENCE_KEYS:
                metadata_path(
                    _after(METADATA_PREFIX, key, f"evidence: {key!r} is none of {list(EVIDENCE_KEYS)}")
                )


Rule = VerifiedEmail | VerifiedPhone | SameMetadata | SqlRule


@dataclass(frozen=True, slots=True)
class PreferConnections:
    """The account whose connection is named first stays. Connections not named are last, all alike."""

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", _names("PreferConnections", self.names))
        if not self.names:
            raise InputError("PreferConnections: name at least one connection")


@dataclass(frozen=True, slots=True)
class NamedChoice:
    """A choice that is known by its name."""

    name: str


Choice = NamedChoice | PreferConnections

NAMED_RULES: Mapping[str, Callable[[], Rule]] = {
    "verified_email": VerifiedEmail,
    "verified_phone": VerifiedPhone,
}

CHOICES = ("most_logins", "latest_login", "oldest", "has_metadata")


def rule_of(value: object) -> Rule:
    """
    Read a rule: a name or a value.

    :raises InputError: naming the known ones
    """
    if isinstance(value, VerifiedEmail | VerifiedPhone | SameMetadata | SqlRule):
        return value
    if isinstance(value, str) and value in NAMED_RULES:
        return NAMED_RULES[value]()
    if isinstance(value, str) and value.startswith(METADATA_PREFIX):
        return SameMetadata(value.removeprefix(METADATA_PREFIX))
    raise InputError(
        f"rules: {value!r} is no rule. Known are 'verified_email', 'verified_phone', 'metadata:<dotted path>' such as "
        "'metadata:app_metadata.legacy_id', and the values VerifiedEmail, VerifiedPhone, SameMetadata, SqlRule"
    )


def choice_of(value: object) -> Choice:
    """
    Read a choice of the primary: a name or a value.

    :raises InputError: naming the known ones
    """
    if isinstance(value, PreferConnections):
        return value
    if isinstance(value, NamedChoice):
        value = value.name
    if isinstance(value, str) and value in CHOICES:
        return NamedChoice(value)
    if isinstance(value, str) and value.startswith(CONNECTIONS_PREFIX):
        names = value.removeprefix(CONNECTIONS_PREFIX).split(",")
        return PreferConnections(tuple(name.strip() for name in names))
    raise InputError(
        f"primary: {value!r} is no choice. Known are {list(CHOICES)}, 'connections:<name>,<name>', "
        "and the value PreferConnections"
    )


def metadata_path(value: object) -> str:
    """Check a dotted path into the metadata."""
    path = value.split(".") if isinstance(value, str) else []
    if len(path) < 2 or path[0] not in {"user_metadata", "app_metadata"} or not all(map(_is_step, path)):  # noqa: PLR2004 - a kind and a key
        raise InputError(
            f"{METADATA_PREFIX}{value}: is no path into the metadata, such as 'app_metadata.legacy_id'"
        )
    return ".".join(path)


def _is_step(step: str) -> bool:
    """A key of metadata has no dot, no quote, no backslash here: DuckDB's paths cannot say it."""
    return bool(re.fullmatch(r'[^"\\.\x00-\x1f*]+', step))


def _after(prefix: str, value: str, otherwise: str) -> str:
    if not value.startswith(prefix):
        raise InputError(f"SqlRule: {otherwise} nor '{METADATA_PREFIX}<dotted path>'")
    return value.removeprefix(prefix)


def _names(what: str, value: object) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise InputError(f"{what}: expected several names, got {type(value).__name__}")
    names = tuple(value)
    if not all(isinstance(name, str) and name for name in names):
        raise InputError(f"{what}: expected names, each text that is not empty")
    return names
