"""What the bodies of requests may hold (Management API reference, "Metadata field names and data types")."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from airflow_provider_auth0link.emulator.accounts import Json
from airflow_provider_auth0link.emulator.answers import ApiError, invalid_body, type_name
from airflow_provider_auth0link.emulator.linking import NOT_CONFIGURED, Named

PROVIDERS = frozenset(
    {
        "ad", "adfs", "amazon", "apple", "dropbox", "bitbucket", "auth0-oidc", "auth0", "baidu",
        "bitly", "box", "custom", "daccount", "dwolla", "email", "evernote-sandbox", "evernote",
        "exact", "facebook", "fitbit", "github", "google-apps", "google-oauth2", "instagram", "ip",
        "line", "linkedin", "oauth1", "oauth2", "office365", "oidc", "okta", "paypal",
        "paypal-sandbox", "pingfederate", "planningcenter", "salesforce-community",
        "salesforce-sandbox", "salesforce", "samlp", "sharepoint", "shopify", "shop", "sms",
        "soundcloud", "thirtysevensignals", "twitter", "untappd", "vkontakte", "waad", "weibo",
        "windowslive", "wordpress", "yahoo", "yandex",
    }
)  # fmt: skip
"""``UserIdentityProviderEnum``. Auth0's list moves: providers of loaded users are taken too."""

APP_METADATA_REFUSED = frozenset(
    {
        "__tenant", "_id", "blocked", "clientID", "created_at", "email_verified", "email",
        "globalClientID", "global_client_id", "identities", "lastIP", "lastLogin", "loginsCount",
        "metadata", "multifactor_last_modified", "multifactor", "updated_at", "user_id",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Field:
    """What one property may be: JSON types, shortest, longest, pattern."""

    types: tuple[str, ...]
    shortest: int = 0
    longest: int | None = None
    pattern: str | None = None

    def problem(self, value: object) -> str | None:
        """Say what is wrong with a value, or None."""
        found = type_name[type(value)]
        if found not in self.types:
            return f"Expected type {' or '.join(self.types)} but found type {found}"
        if not isinstance(value, str):
            return None
        if len(value) < self.shortest:
            return f"String is too short ({len(value)} chars), minimum {self.shortest}"
        if self.longest is not None and len(value) > self.longest:
            return f"String is too long ({len(value)} chars), maximum {self.longest}"
        if self.pattern is not None and not re.fullmatch(self.pattern, value):
            return f"String does not match pattern {self.pattern}"
        return None


def _text(shortest: int = 0, longest: int | None = None, pattern: str | None = None) -> Field:
    return Field(("string",), shortest, longest, pattern)


def _nullable(field: Field) -> Field:
    return Field((*field.types, "null"), field.shortest, field.longest, field.pattern)


_FLAG = Field(("boolean",))
_METADATA = Field(("object",))
_EMAIL = _text(3, None, r"[^@\s]+@[^@\s]+")
_COMMON: dict[str, Field] = {
    "email": _EMAIL,
    "phone_number": _text(0, None, r"\+[0-9]{1,15}"),
    "given_name": _text(1, 150),
    "family_name": _text(1, 150),
    "name": _text(1, 300),
    "nickname": _text(1, 300),
    "picture": _text(1, None, r"https?://\S+"),
    "password": _text(1),
    "username": _text(1, 128),
}
_PLAIN: dict[str, Field] = {
    "blocked": _FLAG,
    "email_verified": _FLAG,
    "phone_verified": _FLAG,
    "verify_email": _FLAG,
    "user_metadata": _METADATA,
    "app_metadata": _METADATA,
    "connection": _text(1),
}
CREATE: dict[str, Field] = {**_COMMON, **_PLAIN, "user_id": _text(0, 255, r"\S*")}
UPDATE: dict[str, Field] = {
    **{name: _nullable(field) for name, field in _COMMON.items()},
    **_PLAIN,
    "verify_phone_number": _FLAG,
    "client_id": _text(1),
}
LINK: dict[str, Field] = {
    "provider": _text(),
    "user_id": Field(("string", "integer"), 1),
    "connection_id": _text(0, None, r"con_[A-Za-z0-9]{16}"),
    "link_with": _text(),
}


def checked(body: object, fields: Mapping[str, Field]) -> Json:
    """
    Check a body.

    :param body: decoded JSON or form
    :param fields: what it may hold
    :raises ApiError: 400 naming the first property that is wrong, never its value
    """
    if not isinstance(body, dict):
        raise invalid_body(f"Expected type object but found type {type_name[type(body)]}.")
    for name, value in body.items():
        if name not in fields:
            raise invalid_body(f"Additional properties not allowed: {name}.")
        if problem := fields[name].problem(value):
            raise ApiError(400, f"Payload validation error: '{problem}' on property {name}.", "invalid_body")
    for name in ("user_metadata", "app_metadata"):
        _check_metadata(name, body.get(name) or {})
    return body


def _check_metadata(name: str, metadata: Json) -> None:
    for key in _keys(metadata):
        if "." in key or "$" in key:
            raise ApiError(
                400, f"Payload validation error: 'keys hold no . or $' on property {name}.", "invalid_body"
            )
    refused = sorted(APP_METADATA_REFUSED & metadata.keys()) if name == "app_metadata" else []
    if refused:
        text = f"Payload validation error: 'must not contain {', '.join(refused)}' on property {name}."
        raise ApiError(400, text, "invalid_body")


def _keys(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _keys(inner)


def link_body(body: object, known: frozenset[str]) -> Named | str:
    """
    Read the body of a link.

    :param body: decoded JSON or form
    :param known: providers that the tenant has users of
    :return: the secondary as it is named, or the ID token of ``link_with``
    :raises ApiError: 400
    """
    checked(body, LINK)
    row: Json = body if isinstance(body, dict) else {}
    if not row:
        raise invalid_body("Too few properties defined (0), minimum 1.")
    if "link_with" in row:
        if len(row) > 1:
            raise invalid_body("link_with must be sent alone.")
        return str(row["link_with"])
    provider = row.get("provider")
    if provider is None:
        # node-auth0#554 shows this answer to a body without a provider.
        raise ApiError(400, NOT_CONFIGURED, "inexistent_connection")
    if provider not in PROVIDERS | known:
        raise ApiError(
            400,
            f"Payload validation error: 'No enum match for: {provider}' on property provider.",
            "invalid_body",
        )
    if "user_id" not in row:
        raise invalid_body("Missing required property: user_id.")
    return Named(provider, str(row["user_id"]), row.get("connection_id"))
