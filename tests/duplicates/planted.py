"""
Exports with planted truth: 14 kinds of families, each made together with what has to be found of it.

A family is a handful of accounts that share keys with each other and with nobody else. Its truth is written down where
it is made, under each rule alone and under all three together; nothing here searches.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

EMAIL, PHONE, LEGACY, ALL = "email", "phone", "legacy", "all"
RULES = {
    EMAIL: ("verified_email",),
    PHONE: ("verified_phone",),
    LEGACY: ("metadata:app_metadata.legacy_id",),
    ALL: ("verified_email", "verified_phone", "metadata:app_metadata.legacy_id"),
}
NAMES = {EMAIL: RULES[ALL][0], PHONE: RULES[ALL][1], LEGACY: RULES[ALL][2]}

CONNECTIONS = {
    "auth0": "Username-Password-Authentication",
    "sms": "sms",
    "google-oauth2": "google-oauth2",
    "github": "github",
    "waad": "corp-entra",
    "samlp": "corp-saml",
}

Account = dict[str, Any]


class Rejected(NamedTuple):
    """A row of the rejects about a candidate."""

    user_id: str
    rule: str
    reason: str
    accounts: int


class Spoilt(NamedTuple):
    """A row of the rejects about a line."""

    line: int
    reason: str
    user_id: str | None = None


@dataclass
class Truth:
    """What one choice of rules has to find."""

    pairs: set[tuple[str, str, str]] = field(default_factory=set)
    rejected: set[Rejected] = field(default_factory=set)

    def add(self, other: Truth) -> None:
        self.pairs |= other.pairs
        self.rejected |= other.rejected


@dataclass
class Family:
    """Accounts that belong together, lines that nobody can read, ids told again, and the truth by choice of rules."""

    accounts: list[Account] = field(default_factory=list)
    unreadable: list[tuple[bytes, str]] = field(default_factory=list)
    repeated: list[Account] = field(default_factory=list)
    truth: dict[str, Truth] = field(default_factory=lambda: {name: Truth() for name in RULES})

    def pair(self, by: str, primary: Account, secondary: Account) -> None:
        for name in (by, ALL):
            self.truth[name].pairs.add((primary["user_id"], secondary["user_id"], NAMES[by]))

    def reject(self, by: str, reason: str, *accounts: Account, of: int | None = None) -> None:
        for name in (by, ALL):
            self.truth[name].rejected |= {
                Rejected(each["user_id"], NAMES[by], reason, of or len(self.accounts)) for each in accounts
            }


class Maker:
    """Makes accounts with ids, e-mails and numbers that occur nowhere else."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self._made = 0

    def number(self) -> int:
        self._made += 1
        return self._made

    def account(self, provider: str = "auth0", *, logins: int = 0, **fields: Any) -> Account:
        """Make an account; with the most logins of its family it is the primary."""
        number = self.number()
        rest = f"{self.rng.getrandbits(60):015x}{number:05x}"
        identity: str | int = rest
        if provider == "github":
            rest = str(identity := 10_000 + number)
        elif provider == "samlp":
            rest = identity = f"corp-saml|{rest}|a/b c|{number}"
        own = {
            "connection": CONNECTIONS[provider],
            "provider": provider,
            "user_id": identity,
            "isSocial": False,
        }
        row = {
            "user_id": f"{provider}|{rest}",
            "identities": [own],
            "logins_count": logins,
            "created_at": f"20{self.rng.randint(10, 24)}-0{self.rng.randint(1, 9)}-11T10:{number % 60:02}:00.000Z",
            "name": f"Somebody {number}",
        }
        return {name: value for name, value in (row | fields).items() if value is not ...}

    def mailed(self, email: str, provider: str = "auth0", *, logins: int = 0, **fields: Any) -> Account:
        return self.account(provider, logins=logins, **{"email": email, "email_verified": True, **fields})

    def email(self, local: str = "ada") -> str:
        return f"{local}.{self.number()}@{self.rng.choice(['example.com', 'mail.example.org'])}"

    def phone(self) -> str:
        return f"+44{self.rng.randint(100, 999)}{self.number():07}"


def casing(make: Maker) -> Family:
    email = make.email("Ada.Lovelace")
    first = make.mailed(email, logins=9)
    others = [make.mailed(email.upper(), "google-oauth2"), make.mailed(f"  {email.lower()} ", "github")]
    family = Family([first, *others, make.mailed(f"x{email}")])
    for other in others:
        family.pair(EMAIL, first, other)
    return family


def unicode_forms(make: Maker) -> Family:
    email = make.email("zoë.ångström.ss")
    first = make.mailed(unicodedata.normalize("NFC", email), logins=5)
    second = make.mailed(unicodedata.normalize("NFD", email).upper(), "google-oauth2", logins=1)
    third = make.mailed(email.replace("ss", "ß"), "github", logins=0)
    stranger = make.mailed(email.replace("ë", "e"))  # another mailbox
    family = Family([first, second, third, stranger])
    family.pair(EMAIL, first, second)
    family.pair(EMAIL, first, third)
    return family


def unverified(make: Maker) -> Family:
    email = make.email()
    first, second = make.mailed(email, logins=2), make.mailed(email, "google-oauth2")
    flags = make.rng.choice([False, None, "yes", ...])
    third = make.mailed(email, "github", logins=50, email_verified=flags)
    if make.rng.random() < 0.5:
        family = Family([first, third])
        family.reject(EMAIL, "nobody_left", first)
    else:
        family = Family([first, second, third])
        family.pair(EMAIL, first, second)
    family.reject(EMAIL, "unverified", third)
    return family


def blocked(make: Maker) -> Family:
    email = make.email()
    family = Family(
        [make.mailed(email, blocked=False), make.mailed(email, "google-oauth2", logins=9, blocked=True)]
    )
    family.reject(EMAIL, "nobody_left", family.accounts[0])
    family.reject(EMAIL, "blocked", family.accounts[1])
    return family


def shared_mailbox(make: Maker) -> Family:
    email = make.email("office")
    many = [make.mailed(email, logins=each) for each in range(make.rng.randint(5, 9))]
    odd = make.mailed(email, email_verified=False)
    family = Family([*many, odd])
    family.reject(EMAIL, "group_too_large", *many)
    family.reject(EMAIL, "unverified", odd)
    return family


def waad_without_proof(make: Maker) -> Family:
    email = make.email()
    first, second = make.mailed(email), make.mailed(email, "waad", logins=9)
    family = Family([first, second])
    family.reject(EMAIL, "nobody_left", first)
    family.reject(EMAIL, "unproven_provider", second)
    return family


def saml_with_pipes(make: Maker) -> Family:
    email = make.email()
    mine, theirs = make.mailed(email, logins=3), make.mailed(email, "samlp", logins=make.rng.choice([1, 8]))
    family = Family([mine, theirs])
    if theirs["logins_count"] > 3:
        family.pair(EMAIL, theirs, mine)
    else:
        family.reject(EMAIL, "cut_off", mine)
        family.reject(EMAIL, "enterprise_secondary", theirs)
    return family


def already_linked(make: Maker) -> Family:
    email = make.email()
    ghost, third = make.mailed(email, "google-oauth2", logins=9), make.mailed(email, "github")
    holder = make.mailed(email, logins=4)
    linked = [dict(ghost["identities"][0]), *holder["identities"]]
    holder["identities"] = linked if make.rng.random() < 0.5 else linked[::-1]
    family = Family([ghost, holder, third])
    family.pair(EMAIL, holder, third)
    family.reject(EMAIL, "already_linked", ghost)
    return family


def chains(make: Maker) -> Family:
    email, phone, legacy = make.email(), make.phone(), make.number() + 70_000
    first = make.mailed(email, logins=9)
    second = make.mailed(email.title(), "google-oauth2", logins=1, phone_number=phone, phone_verified=True)
    third = make.mailed(
        make.email("other"),
        logins=5,
        phone_number=f"{phone[:4]} {phone[4:]}",
        phone_verified=True,
        app_metadata={"legacy_id": legacy},
    )
    fourth = make.mailed(make.email("new"), logins=7, app_metadata={"legacy_id": str(legacy)})
    family = Family([first, second, third, fourth])
    names = [each["user_id"] for each in family.accounts]
    family.truth[EMAIL].pairs = {(names[0], names[1], NAMES[EMAIL])}
    family.truth[PHONE].pairs = {(names[2], names[1], NAMES[PHONE])}
    family.truth[LEGACY].pairs = {(names[3], names[2], NAMES[LEGACY])}
    rules = (NAMES[EMAIL], NAMES[PHONE], NAMES[LEGACY])
    family.truth[ALL].pairs = set(zip(names, names[1:], rules, strict=False))
    return family


def phone_only(make: Maker) -> Family:
    phone = make.phone()
    first = make.account("sms", logins=2, phone_number=phone, phone_verified=True)
    second = make.account(
        phone_number=f"{phone[:3]} ({phone[3:6]}) {phone[6:]}", phone_verified=True, email=None
    )
    third = make.account("sms", logins=5, phone_number=phone, phone_verified=False)
    stranger = make.account(
        "sms", phone_number=phone[1:], phone_verified=True
    )  # not international: another number
    family = Family([first, second, third, stranger])
    family.pair(PHONE, first, second)
    family.reject(PHONE, "unverified", third, of=3)
    return family


def legacy_id(make: Maker) -> Family:
    number = make.number() + 500_000
    values = [number, str(number)]
    make.rng.shuffle(values)
    first = make.mailed(make.email(), logins=2, app_metadata={"legacy_id": values[0], "plan": "pro"})
    second = make.mailed(make.email(), "google-oauth2", app_metadata={"legacy_id": values[1]})
    third = make.mailed(make.email(), email_verified=False, app_metadata={"legacy_id": number})
    keyless: list[Any] = [True, True, None, [], {}, ""]
    odd = [make.mailed(make.email(), app_metadata={"legacy_id": each}) for each in keyless]
    nested = [make.mailed(make.email(), user_metadata={"legacy_id": number}) for _ in range(2)]
    family = Family([first, second, third, *odd, *nested])
    family.pair(LEGACY, first, second)
    family.reject(LEGACY, "unverified", third, of=3)
    return family


def malformed_lines(make: Maker) -> Family:
    email = make.email()
    line = json.dumps(make.mailed(email)).encode()
    first, second = make.mailed(email, logins=2), make.mailed(email, "google-oauth2")
    spoilt = [
        (line[: len(line) // 2], "no JSON"),
        (b"user_id,email", "no JSON"),
        (line + line, "no JSON"),
        (b"[" + line + b"]", "no JSON object"),
        (b'"' + email.encode() + b'"', "no JSON object"),
        (b"null", "no JSON object"),
        (_with(line, user_id=...), "no user_id"),
        (_with(line, user_id=None), "no user_id"),
        (_with(line, user_id=7), "user_id is no id"),
        (_with(line, user_id="64b1f0c2a3"), "user_id is no id"),
        (_with(line, user_id="|64b1f0c2a3"), "user_id is no id"),
        (_with(line, user_id="auth0|.."), "user_id is no id"),
        (_with(line, user_id="auth0|a\tb"), "user_id is no id"),
        (_with(line, identities={"provider": "auth0"}), "identities is no list of objects"),
        (_with(line, identities=["auth0"]), "identities is no list of objects"),
        (line.replace(b"Somebody", "Jos\xe9".encode("latin-1")), "no UTF-8"),
    ]
    family = Family([first, second], make.rng.sample(spoilt, 6))
    family.pair(EMAIL, first, second)
    return family


def _with(line: bytes, **fields: Any) -> bytes:
    row = json.loads(line) | fields
    return json.dumps({name: value for name, value in row.items() if value is not ...}).encode()


def duplicate_lines(make: Maker) -> Family:
    email, other, third = make.email(), make.email(), make.email()
    first, second = make.mailed(email, logins=2), make.mailed(email, "google-oauth2")
    twice = make.mailed(other, logins=5)
    twin = make.mailed(other, "github")
    here = make.mailed(third, logins=3)
    there = {**here, "identities": [{**here["identities"][0], "connection": "second-database"}]}
    both = make.mailed(third, "github")
    family = Family([first, second, twice, {**twice, "blocked": True}, twin, here, there, both])
    family.repeated = [dict(reversed(second.items())), {**first, "name": "another, of no matter"}]
    family.pair(EMAIL, first, second)
    family.reject(EMAIL, "told_twice", twice, of=2)
    family.reject(EMAIL, "nobody_left", twin, of=2)
    family.reject(EMAIL, "ambiguous_id", here, of=3)
    family.reject(EMAIL, "nobody_left", both, of=3)
    return family


def empty(make: Maker) -> Family:
    """Make accounts that have nothing in common but that a field is empty, and empty lines."""
    values: list[Any] = ["", "  ", None, ..., 7]
    accounts = [
        make.mailed(each, phone_number=each, phone_verified=True) for each in values for _ in range(2)
    ]
    accounts += [
        make.account(app_metadata=each) for each in (None, {}, ..., {"legacy_id": None}) for _ in range(2)
    ]
    for each in accounts:
        if each.get("phone_number") == 7:
            del each["phone_number"]
    return Family(accounts, [(each, "") for each in (b"", b"  ", b"\t")])


KINDS: Mapping[str, Callable[[Maker], Family]] = {
    each.__name__: each
    for each in (
        *(casing, unicode_forms, unverified, blocked, shared_mailbox, waad_without_proof, saml_with_pipes),
        *(already_linked, chains, phone_only, legacy_id, malformed_lines, duplicate_lines, empty),
    )
}


@dataclass
class World:
    """
    An export and its truth.

    ``accounts`` are those of the export in its order, without the lines that cannot be read. ``spoilt`` are the rows
    about lines that the rejects of ``lines`` begin with.
    """

    lines: bytes
    accounts: list[Account]
    spoilt: list[Spoilt]
    repeats: int
    truth: dict[str, Truth]


def world(seed: int, *, of_each: int = 3, only: str | None = None) -> World:
    """Make an export with some families of each kind, or of one, their lines mixed."""
    rng = Random(seed)
    make = Maker(rng)
    kinds = [KINDS[only]] if only else list(KINDS.values())
    families = [kind(make) for kind in kinds for _ in range(of_each)]
    truth = {name: Truth() for name in RULES}
    entries: list[tuple[bytes, Account | None, str]] = []
    for family in families:
        for name in RULES:
            truth[name].add(family.truth[name])
        entries += [(b"", each, "") for each in family.accounts]
        entries += [(b"", each, "repeat") for each in family.repeated]
        entries += [(line, None, reason) for line, reason in family.unreadable]
    rng.shuffle(entries)
    return _written(entries, truth, rng)


def _written(entries: list[tuple[bytes, Account | None, str]], truth: dict[str, Truth], rng: Random) -> World:
    lines, spoilt = [], []
    again = {account["user_id"] for _, account, what in entries if account and what == "repeat"}
    seen: set[str] = set()
    for number, (line, account, what) in enumerate(entries, 1):
        if account is None:
            lines.append(line)
            spoilt += [Spoilt(number, f"unreadable: {what}")] if what else []
            continue
        lines.append(
            json.dumps(account, ensure_ascii=rng.random() < 0.5).encode() + b"\r" * (rng.random() < 0.1)
        )
        if account["user_id"] in seen & again:
            spoilt.append(Spoilt(number, "repeat", account["user_id"]))
        seen.add(account["user_id"])
    accounts = [account for _, account, _ in entries if account]
    repeats = sum(each.reason == "repeat" for each in spoilt)
    return World(b"\n".join(lines) + b"\n", accounts, spoilt, repeats, truth)
