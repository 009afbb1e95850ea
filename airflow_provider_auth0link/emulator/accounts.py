"""Accounts and identities as a tenant keeps them: the dicts of an Auth0 users export, completed."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

IDP_TOKENS = ("access_token", "access_token_secret", "refresh_token")
"""Keys of an identity that only holders of ``read:user_idp_tokens`` see."""

NOT_PROFILE = frozenset(
    {
        "user_id", "identities", "user_metadata", "app_metadata", "blocked", "blocked_for", "created_at",
        "updated_at", "last_login", "last_ip", "last_password_reset", "logins_count", "multifactor",
        "multifactor_last_modified", "guardian_authenticators",
    }
)  # fmt: skip
"""Root attributes that do not travel with an identity when its account is linked."""

SOCIAL = frozenset(
    {
        "amazon", "apple", "bitbucket", "box", "dropbox", "evernote", "facebook", "fitbit", "github",
        "google-oauth2", "instagram", "line", "linkedin", "oauth2", "paypal", "salesforce", "shopify",
        "soundcloud", "twitter", "vkontakte", "weibo", "windowslive", "wordpress", "yahoo", "yandex",
    }
)  # fmt: skip
ENTERPRISE = frozenset(
    {
        "ad",
        "adfs",
        "auth0-adldap",
        "google-apps",
        "ip",
        "office365",
        "oidc",
        "okta",
        "pingfederate",
        "samlp",
        "waad",
    }
)
NUMERIC = frozenset({"github"})
"""Providers whose identities bear an integer as ``user_id``."""

DATABASE = "Username-Password-Authentication"
"""The name that Auth0 gives to a tenant's first database connection."""


def split(user_id: str) -> tuple[str, str]:
    """
    Split an id on the first pipe; the rest of an enterprise id holds more of them.

    :raises ValueError: when it has no two parts
    """
    provider, pipe, rest = user_id.partition("|")
    if not (provider and pipe and rest):
        raise ValueError("user_id is not of the form provider|id")
    return provider, rest


def full_id(identity: Json) -> str:
    """Return ``provider|user_id`` of an identity."""
    return f"{identity['provider']}|{identity['user_id']}"


def root_identity(account: Json) -> Json:
    """Return the identity that gives the account its id. It need not be the first."""
    for identity in account["identities"]:
        if full_id(identity) == account["user_id"]:
            return identity  # type: ignore[no-any-return]  # decoded JSON
    raise ValueError(f"{account['user_id']!r} has no identity of its own id")


def connection_of(account: Json) -> str:
    """Return the name of the connection that an account came by."""
    return str(root_identity(account)["connection"])


def derived_identity(user_id: str) -> Json:
    """Build the identity that an id tells of, for exports whose fields leave identities out."""
    provider, rest = split(user_id)
    connection = DATABASE if provider == "auth0" else provider
    if provider in ENTERPRISE and "|" in rest:
        connection = rest.partition("|")[0]
    number = provider in NUMERIC and rest.isdecimal()
    return {
        "connection": connection,
        "provider": provider,
        "user_id": int(rest) if number else rest,
        "isSocial": provider in SOCIAL,
    }


def completed(row: Json, now: str) -> Json:
    """
    Check a user and fill in what an account cannot be without.

    :param row: a user as in an export; taken over, not copied
    :param now: for dates that are not given
    :raises ValueError: when it is no user; the message names the field, not the value
    """
    if not isinstance(row.get("user_id"), str):
        raise ValueError("user_id is missing or no string")  # noqa: TRY004 - one class for all that is wrong
    split(row["user_id"])
    identities = row.setdefault("identities", [derived_identity(row["user_id"])])
    if not isinstance(identities, list) or not identities:
        raise ValueError("identities is no list, or empty")
    for identity in identities:
        _check_identity(identity)
    root_identity(row)
    row.setdefault("created_at", now)
    row.setdefault("updated_at", row["created_at"])
    return row


def _check_identity(identity: object) -> None:
    if not isinstance(identity, dict):
        raise ValueError("an identity is no object")  # noqa: TRY004 - as above
    for key, kinds in (("provider", str), ("connection", str), ("user_id", str | int)):
        if not isinstance(identity.get(key), kinds) or isinstance(identity[key], bool) or identity[key] == "":
            raise ValueError(f"an identity has no {key}")
    identity.setdefault("isSocial", identity["provider"] in SOCIAL)


def profile_of(account: Json) -> Json:
    """Return the attributes that go with an identity as ``profileData``."""
    return {key: value for key, value in account.items() if key not in NOT_PROFILE}


def without_tokens(identity: Json) -> Json:
    """Return an identity as seen without ``read:user_idp_tokens``."""
    return {key: value for key, value in identity.items() if key not in IDP_TOKENS}


def seen(account: Json, *, idp_tokens: bool) -> Json:
    """Return an account as a caller sees it."""
    if idp_tokens:
        return account
    return {**account, "identities": [without_tokens(each) for each in account["identities"]]}


def identities_seen(account: Json, *, idp_tokens: bool) -> list[Json]:
    """
    Return identities as link and unlink answer them.

    The account's own identity carries ``profileData`` here too (go-auth0's recorded link).
    """
    rows = []
    for identity in account["identities"]:
        row = dict(identity) if idp_tokens else without_tokens(identity)
        if full_id(row) == account["user_id"]:
            row.setdefault("profileData", profile_of(account))
        rows.append(row)
    return rows
