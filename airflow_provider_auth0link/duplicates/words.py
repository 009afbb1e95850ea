"""Keys of rules as DuckDB computes them, and as Python does where a text is not plain ASCII."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from airflow_provider_auth0link.duplicates.rules import (
    Rule,
    SameMetadata,
    SqlRule,
    VerifiedEmail,
    VerifiedPhone,
)
from airflow_provider_auth0link.model import same_email

GMAIL = ("gmail.com", "googlemail.com")

FLAGS = ("email_verified", "phone_verified")
JSON_FIELDS = ("user_metadata", "app_metadata")
TEXT_FIELDS = (
    *("email", "phone_number", "username", "name", "given_name", "family_name", "nickname"),
    *("last_login", "created_at"),
)


class Words(NamedTuple):
    """
    A rule in DuckDB's words, over the columns of the staged accounts.

    ``raw`` is the text that the key is made of, NULL for none, ``hard`` whether SQL cannot make the key of it; then
    ``fold`` does. ``easy`` is the key else. ``proof`` tells whether the account has proven it, ``number`` whether the
    key is a number in the account. ``unproven`` are providers whose word is no proof. ``fields`` are read for it.

    No ``IN`` with several values: DuckDB makes a join of it, and a join loses the order of a file.
    """

    fields: frozenset[str]
    raw: str
    easy: str
    hard: str
    fold: Callable[[str], str | None]
    proof: str
    unproven: tuple[str, ...] = ()
    number: str = "false"


def words_of(rule: Rule, *, narrow: bool = False) -> Words:
    """
    Say a rule in DuckDB's words.

    :param narrow: metadata are structures that hold the rules' keys alone
    """
    if isinstance(rule, VerifiedEmail):
        return _email(rule)
    if isinstance(rule, VerifiedPhone):
        return _phone()
    if isinstance(rule, SameMetadata):
        return _metadata(rule, narrow=narrow)
    return _own(rule)


def text_sql(text: str) -> str:
    """Return text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def names_sql(names: Iterable[str]) -> str:
    """Return texts as an SQL list in parentheses."""
    return "(" + (", ".join(map(text_sql, names)) or "NULL") + ")"


def _email(rule: VerifiedEmail) -> Words:
    plain = "lower(email)"
    return Words(
        fields=frozenset({"email", "email_verified"}),
        raw="email",
        easy=_tricks_sql(rule, plain),
        # A text with a blank in front is less than '!', and so is its last letter where one is behind.
        hard="(strlen(email) <> length(email) OR email < '!' OR email[-1] < '!')",
        fold=lambda text: _tricks(rule, same_email(text)) if text.strip() else None,
        proof="email_verified",
        unproven=rule.unproven,
    )


def _tricks_sql(rule: VerifiedEmail, plain: str) -> str:
    """Drop what an author asked for, as ``_tricks`` does."""
    local, domain = (f"regexp_extract({plain}, '(?s)^(.*)@([^@]*)$', {part})" for part in (1, 2))
    easy = plain
    if rule.subaddresses:
        easy = f"CASE WHEN contains({plain}, '@') THEN split_part({local}, '+', 1) || '@' || {domain} ELSE {plain} END"
    if rule.gmail:
        is_gmail = " OR ".join(f"{domain} = {text_sql(each)}" for each in GMAIL)
        short = f"replace(split_part({local}, '+', 1), '.', '') || '@gmail.com'"
        easy = f"CASE WHEN contains({plain}, '@') AND ({is_gmail}) THEN {short} ELSE {easy} END"
    return easy


def _tricks(rule: VerifiedEmail, text: str) -> str:
    local, at, domain = text.rpartition("@")
    if rule.gmail and at and domain in GMAIL:
        return local.partition("+")[0].replace(".", "") + "@gmail.com"
    if rule.subaddresses and at:
        local = local.partition("+")[0]
    return f"{local}{at}{domain}"


def _phone() -> Words:
    return Words(
        fields=frozenset({"phone_number", "phone_verified"}),
        raw="phone_number",
        easy="nullif(regexp_replace(phone_number, '[^0-9+]', '', 'g'), '')",
        hard="strlen(phone_number) <> length(phone_number)",
        fold=lambda text: "".join(each for each in text if each.isdigit() or each == "+") or None,
        proof="phone_verified",
    )


_PLAIN_NUMBER = "-?[1-9][0-9]{0,17}|0"


def _metadata(rule: SameMetadata, *, narrow: bool) -> Words:
    kind, *steps = rule.path.split(".")
    place = text_sql("$" + "".join(f'."{step}"' for step in steps))
    value = ".".join(f'"{step}"' for step in (kind, *steps)) if narrow else f"json_extract({kind}, {place})"
    raw = f"({value}::VARCHAR)"
    text = f"json_extract_string({value}, '$')"
    return Words(
        fields=frozenset({kind, *(["email_verified"] if rule.verified else [])}),
        raw=raw,
        easy=(
            f"CASE WHEN {raw}[1] = '\"' THEN nullif({text}, '') "
            f"WHEN regexp_full_match({raw}, '{_PLAIN_NUMBER}') THEN {raw} END"
        ),
        hard=f"(strpos('-0123456789', {raw}[1]) > 0 AND NOT regexp_full_match({raw}, '{_PLAIN_NUMBER}'))",
        fold=_number_text,
        proof="email_verified" if rule.verified else "true",
        unproven=rule.unproven if rule.verified else (),
        number=f"coalesce({raw}[1] <> '\"', false)",
    )


def _number_text(text: str) -> str | None:
    """Return a number as the guard of evidence compares it."""
    try:
        return json.dumps(json.loads(text))
    except ValueError:
        return None


def _own(rule: SqlRule) -> Words:
    named = set(re.findall(r"\w+", f"{rule.key_sql} {rule.verified_sql}"))
    told = {key.partition(":")[2].partition(".")[0] if ":" in key else key for key in rule.evidence}
    more = {"email": {"email"}, "phone": {"phone_number"}, "verified": {*FLAGS, "email", "phone_number"}}
    for key in told:
        named |= more.get(key, {key})
    key = f"nullif(({rule.key_sql})::VARCHAR, '')"
    return Words(
        fields=frozenset(named & {*TEXT_FIELDS, *FLAGS, *JSON_FIELDS, "logins_count"}) | set(rule.columns),
        raw=key,
        easy=key,
        hard="false",
        fold=lambda text: text,
        proof=f"coalesce(({rule.verified_sql})::BOOLEAN, false)",
    )
