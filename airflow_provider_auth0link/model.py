"""The nouns that rooms share: user ids, identities, accounts, pairs."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NotRequired, TypedDict

from airflow_provider_auth0link.errors import InputError

IDP_TOKENS = frozenset({"access_token", "access_token_secret", "refresh_token"})
"""Keys of an identity that Auth0 fills for holders of ``read:user_idp_tokens``: dropped on arrival."""


UNPROVEN_PROVIDERS = ("waad",)
"""
Providers whose ``email_verified`` is no proof of a mailbox.

Entra's e-mail is mutable and unverified (Descope 2023, "nOAuth").
"""

ENTERPRISE_PROVIDERS = (
    "ad", "adfs", "auth0-adldap", "custom", "google-apps", "ip", "oidc", "office365", "okta", "pingfederate",
    "samlp", "sharepoint", "waad",
)  # fmt: skip
"""
Providers of enterprise and directory-synced accounts.

Such an account "must be the primary": as secondary its id changes under SCIM (Auth0 docs: configure inbound SCIM).
"""

MOST_BITS = 128
"""Of an id that is an integer: GitHub's and its like have 64 at most."""


class IdentityRow(TypedDict):
    """One identity as it stands in XCom. Downstream Dags read this: a public format."""

    connection: str
    provider: str
    user_id: str
    isSocial: bool
    profileData: NotRequired[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class UserId:
    """
    The id of an Auth0 account, ``provider|rest``.

    It is split on the first pipe only: the rest of an enterprise id holds more of them
    (``samlp|connection|id at the IdP``), and may hold slashes, spaces and any Unicode.
    Unknown providers are let through, since Auth0's list moves.
    """

    provider: str
    rest: str

    @classmethod
    def parse(cls, value: object, field_name: str) -> UserId:
        """
        Read a full id.

        :param value: ``provider|rest``
        :param field_name: the argument it came from, for the message
        :raises InputError: when it is no id, or would leave its place in a URL path
        """
        text = id_text(value, field_name)
        provider, pipe, rest = text.partition("|")
        if not pipe:
            shown = "what looks like a token" if looks_like_token(text) else repr(text)
            raise InputError(f"{field_name}: {shown} has no '|'. Give the full id, such as 'auth0|64b1...'")
        return cls.of(provider, rest, field_name)

    @classmethod
    def of(cls, provider: str, rest: str, field_name: str) -> UserId:
        """Build an id from its two parts, each checked as a segment of a URL path."""
        for what, part in (("provider", provider), ("part after the first '|'", rest)):
            _check_segment(part, f"{field_name}: the {what}")
        return cls(provider, rest)

    def __str__(self) -> str:
        return f"{self.provider}|{self.rest}"


def looks_like_token(value: object) -> bool:
    """Tell a JSON Web Token that stands where an id belongs: it must not be told to anybody."""
    return isinstance(value, str) and re.match(r"\s*(Bearer\s+)?eyJ[\w-]*\.", value) is not None


def id_text(value: object, field_name: str) -> str:
    """
    Return an id as text.

    Auth0 gives some ids as integers (GitHub's). A float or a bool is what
    ``render_template_as_native_obj`` makes of an id that looks like a number: digits may be lost already.
    """
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise InputError(
            f"{field_name}: expected a string or an integer, got {type(value).__name__}. If the Dag sets "
            "render_template_as_native_obj, switch it off for this task: ids are not Python literals"
        )
    if isinstance(value, int) and value.bit_length() > MOST_BITS:  # Python refuses to write very long ones
        raise InputError(f"{field_name}: is no id, the number is too long")
    text = str(value)
    if not text:
        raise InputError(f"{field_name}: is empty. Give the id of an account, such as 'auth0|64b1...'")
    return text


def same_email(text: str) -> str:
    """
    Fold an e-mail for comparison: Unicode form and case, no tricks of single providers.

    The domain is put into small letters alone: to ``casefold`` faß.de is fass.de, but those are two domains, of two
    owners (IDNA 2008, RFC 5894, 7.2).
    """
    local, at, domain = unicodedata.normalize("NFC", text.strip()).rpartition("@")
    return unicodedata.normalize("NFC", f"{local.casefold()}{at}{domain.lower()}")


def connection_id_text(value: object) -> str:
    """
    Return an Auth0 connection id, ``con_`` and letters or digits.

    :raises InputError: for anything else: it would leave its place in a URL path, or is a name
    """
    if not (isinstance(value, str) and re.fullmatch(r"con_[A-Za-z0-9]+", value)):
        raise InputError(
            "connection_id: is no id of an Auth0 connection, such as 'con_0123456789abcdef'. "
            "A connection's name is not taken: two databases may bear the same user id"
        )
    return value


def _check_segment(part: str, where: str) -> None:
    if not part:
        raise InputError(f"{where} is empty")
    if part in {".", ".."}:
        raise InputError(f"{where} is {part!r}, which would leave the user's place in the URL path")
    # What can be printed has neither in it; asking that first is quick, and plans hold millions of ids.
    if not part.isprintable() and any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in part):
        raise InputError(f"{where} has a control character or half a surrogate pair in it")


@dataclass(frozen=True, slots=True)
class Identity:
    """
    One way to log in to an account. Its key is (provider, user id, connection name).

    ``profile`` is Auth0's ``profileData``. Tokens of the identity provider are never kept.
    """

    provider: str
    user_id: str
    connection: str
    is_social: bool = False
    profile: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Identity:
        """Read an identity as Auth0 sends it. KeyError, TypeError or InputError when it is none."""
        provider, connection = row["provider"], row["connection"]
        if not (isinstance(provider, str) and isinstance(connection, str)):
            raise TypeError("an identity's provider and connection are text")
        return cls(
            provider=provider,
            user_id=id_text(row["user_id"], "user_id"),
            connection=connection,
            is_social=bool(row.get("isSocial", False)),
            profile=without_tokens(row.get("profileData") or {}),
        )

    def is_root_of(self, account: UserId) -> bool:
        """Tell whether this identity gives the account its id. It need not be the first one."""
        return self.provider == account.provider and self.user_id == account.rest

    def to_xcom(self, *, include_profile_data: bool = False) -> IdentityRow:
        """Return the public row."""
        row = IdentityRow(
            connection=self.connection, provider=self.provider, user_id=self.user_id, isSocial=self.is_social
        )
        if include_profile_data:
            row["profileData"] = dict(self.profile)
        return row


def without_tokens(value: Any) -> Any:  # noqa: ANN401 - decoded JSON
    """Drop tokens of identity providers, however deep they lie."""
    if isinstance(value, Mapping):
        return {key: without_tokens(inner) for key, inner in value.items() if key not in IDP_TOKENS}
    if isinstance(value, list):
        return [without_tokens(inner) for inner in value]
    return value


def root_first(identities: Iterable[Identity], account: UserId) -> list[Identity]:
    """Keep Auth0's order, with the account's own identity in front."""
    return sorted(identities, key=lambda identity: not identity.is_root_of(account))


@dataclass(frozen=True, slots=True)
class Account:
    """A user as read from ``GET /users/{id}``, tokens of identity providers dropped."""

    id: UserId
    identities: tuple[Identity, ...]
    raw: Mapping[str, Any] = field(repr=False)

    @classmethod
    def from_json(cls, row: Mapping[str, Any]) -> Account:
        """Read a user. KeyError, TypeError or InputError when it is none."""
        return cls(
            id=UserId.parse(row["user_id"], "user_id"),
            identities=tuple(Identity.from_json(each) for each in row.get("identities") or ()),
            raw={**row, "identities": [without_tokens(each) for each in row.get("identities") or ()]},
        )

    @property
    def root(self) -> Identity | None:
        """The identity that gives the account its id."""
        return next((each for each in self.identities if each.is_root_of(self.id)), None)

    @property
    def blocked(self) -> bool:
        """Whether logins are blocked."""
        return bool(self.raw.get("blocked"))

    def metadata(self, kind: str) -> Mapping[str, Any]:
        """``user_metadata`` or ``app_metadata``; empty when there is none."""
        return self.raw.get(kind) or {}

    def holds(self, secondary: UserId, connection: str | None) -> Identity | None:
        """Return the linked identity that *secondary* became, when this account holds it."""
        if secondary == self.id:
            return None
        for each in self.identities:
            if each.is_root_of(secondary) and connection in {None, each.connection}:
                return each
        return None


@dataclass(frozen=True, slots=True)
class Rights:
    """
    What an account may do, apart from its metadata.

    ``roles`` are ids. ``permissions`` are those granted directly, as (API identifier, permission name).
    ``organizations`` are ids, each with the ids of the roles that the account has as its member.
    """

    roles: frozenset[str] = frozenset()
    permissions: frozenset[tuple[str, str]] = frozenset()
    organizations: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pair:
    """
    Two accounts to be one: *secondary* is merged into *primary*.

    ``evidence`` is what the plan knew of both accounts; it is checked again before the link.
    """

    primary: UserId
    secondary: UserId
    connection_id: str | None = None
    rule: str | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if self.primary == self.secondary:
            raise InputError(f"primary and secondary are the same account, {str(self.primary)!r}")

    def __iter__(self) -> Iterator[UserId]:
        return iter((self.primary, self.secondary))
