"""Made-up users that look like a tenant some years old: people with two or three accounts each."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_auth0link.emulator.accounts import DATABASE, SOCIAL, Json
from airflow_provider_auth0link.emulator.names import COMPANIES, DOMAINS, FAMILY, GIVEN, HOBBIES, PLANS, ROLES

LEGACY = "legacy-customers"
"""A second database connection, left from a migration."""
INVOICES = "https://invoices.example.com"
"""An API with permissions."""
START = datetime(2019, 1, 7, 8, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who has accounts."""

    number: int
    given: str
    family: str
    email: str
    company: str

    @property
    def name(self) -> str:
        """Full name."""
        return f"{self.given} {self.family}"


def believable_users(count: int, seed: int, *, rights: bool = False) -> list[Json]:
    """
    Make users in the form of an Auth0 users export. The same arguments give the same users.

    Among them: the same person by e-mail and password, by Google, by GitHub (integer ids), by SAML
    (ids with several pipes), by Entra ID, by passwordless e-mail and SMS; e-mails in mixed case,
    unverified and blocked accounts, names in both Unicode spellings, metadata that collides.

    :param count: accounts
    :param seed: of all chance in it
    :param rights: whether some have roles, permissions and organizations, as a tenant's seeds name them
    """
    chance = random.Random(seed)  # noqa: S311 - made-up people, no secrets
    users: list[Json] = []
    taken: set[str] = set()
    for person in _people(chance):
        if len(users) >= count:
            break
        users.extend(_accounts(person, chance, taken)[: count - len(users)])
    chance.shuffle(users)
    if rights:
        for row in users:
            row.update(_rights(chance))
    return users


def _rights(chance: random.Random) -> Json:
    """What some accounts hold: roles, a permission, a membership with a role in it."""
    kept: Json = {}
    if _happens(chance, 0.3):
        kept["roles"] = chance.sample(ROLES, chance.randrange(1, 3))
    if _happens(chance, 0.1):
        name = chance.choice(("read:invoices", "write:invoices"))
        kept["permissions"] = [{"resource_server_identifier": INVOICES, "permission_name": name}]
    if _happens(chance, 0.15):
        kept["organizations"] = {chance.choice(COMPANIES): chance.sample(ROLES, chance.randrange(2))}
    return kept


def _people(chance: random.Random) -> Iterator[Person]:
    number = 0
    while True:
        number += 1
        given, family = chance.choice(GIVEN), chance.choice(FAMILY)
        company = chance.choice(COMPANIES)
        local = _plain(f"{given}.{family}") or "someone"
        yield Person(number, given, family, f"{local}{number}@{chance.choice(DOMAINS)}", company)


def _plain(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name.lower()).encode("ascii", "ignore").decode()
    return "".join(each for each in letters if each.isalnum() or each == ".").strip(".")


def _accounts(person: Person, chance: random.Random, taken: set[str]) -> list[Json]:
    """One account for half of the people, two or three for the others."""
    how_many = chance.choices((1, 2, 3), (5, 4, 1))[0]
    kinds = chance.sample(list(KINDS), how_many, counts=[weight for _, weight in KINDS.values()])
    born = START + timedelta(minutes=chance.randrange(60 * 24 * 365 * 5))
    rows: list[Json] = []
    for kind in dict.fromkeys(kinds):
        born += timedelta(minutes=chance.randrange(60 * 24 * 200))
        rows.append(_account(person, _identity(person, kind, chance, taken), born, chance))
    return rows


def _identity(person: Person, kind: str, chance: random.Random, taken: set[str]) -> tuple[str, str, Any]:
    """Make provider, connection and id, again while somebody has that id: GitHub's are few enough to meet twice."""
    while True:
        provider, connection, user_id = KINDS[kind][0](person, chance)
        if (whole := f"{provider}|{user_id}") not in taken:
            taken.add(whole)
            return provider, connection, user_id


def _account(person: Person, identity: tuple[str, str, Any], born: datetime, chance: random.Random) -> Json:
    provider, connection, user_id = identity
    used = born + timedelta(days=chance.randrange(300), seconds=chance.randrange(86_400))
    row: Json = {
        "user_id": f"{provider}|{user_id}",
        "email": person.email,
        "email_verified": _happens(chance, 0.99 if provider in SOCIAL else 0.85),
        "name": person.name,
        "given_name": person.given,
        "family_name": person.family,
        "nickname": person.email.partition("@")[0],
        "created_at": _stamp(born),
        "updated_at": _stamp(used),
        "last_login": _stamp(used),
        "logins_count": chance.randrange(1, 400),
        "identities": [
            {
                "connection": connection,
                "provider": provider,
                "user_id": user_id,
                "isSocial": provider in SOCIAL,
            }
        ],
    }
    _vary(row, person, provider, chance)
    row |= _metadata(provider, chance)
    return row


def _vary(row: Json, person: Person, provider: str, chance: random.Random) -> None:
    """Spell as that provider would: social and enterprise ones keep case, databases do not."""
    if provider not in {"auth0", "email", "sms"} and _happens(chance, 0.4):
        local, _, domain = row["email"].partition("@")
        row["email"] = f"{local.title()}@{domain if _happens(chance, 0.5) else domain.title()}"
    if _happens(chance, 0.3):
        for key in ("name", "given_name", "family_name"):
            row[key] = unicodedata.normalize("NFD", row[key])
    if provider == "sms":
        row["phone_number"] = f"+1555{person.number:07d}"
        row["phone_verified"] = True
        for key in ("email", "email_verified", "nickname"):
            del row[key]
        row["name"] = row["phone_number"]
    if _happens(chance, 0.04):
        row["blocked"] = True


def _metadata(provider: str, chance: random.Random) -> Json:
    """Metadata that two accounts of a person have in part in common, and in part differ in."""
    user = {
        "language": chance.choice(("en", "de", "fr", "pl")),
        "hobbies": chance.sample(HOBBIES, chance.randrange(3)),
        "newsletter": {"weekly": _happens(chance, 0.5), "topics": chance.sample(HOBBIES, 1)},
    }
    app: Json = {
        "plan": chance.choice(PLANS),
        "roles": chance.sample(ROLES, chance.randrange(3)),
        "signup_source": provider,
    }
    if _happens(chance, 0.3):
        app["legacy"] = {"customer_number": chance.randrange(10_000, 99_999)}
    kept: Json = {}
    if _happens(chance, 0.8):
        kept["user_metadata"] = user
    if _happens(chance, 0.8):
        kept["app_metadata"] = app
    return kept


def _happens(chance: random.Random, share: float) -> bool:
    return chance.random() < share


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


Maker = Callable[[Person, random.Random], tuple[str, str, Any]]


def _hex(chance: random.Random, digits: int) -> str:
    return f"{chance.getrandbits(4 * digits):0{digits}x}"


def _digits(chance: random.Random, length: int) -> str:
    return str(chance.randrange(10 ** (length - 1), 10**length))


def _samlp(person: Person, chance: random.Random) -> tuple[str, str, Any]:
    connection = f"{person.company}-saml"
    ending = (
        f"emea|{person.number:06d}" if _happens(chance, 0.5) else f"{_plain(person.name)} {person.number}"
    )
    return "samlp", connection, f"{connection}|{ending}"


KINDS: dict[str, tuple[Maker, int]] = {
    "database": (lambda _, chance: ("auth0", DATABASE, _hex(chance, 24)), 8),
    "legacy": (lambda person, _: ("auth0", LEGACY, f"legacy-{person.number:07d}"), 3),
    "google": (lambda _, chance: ("google-oauth2", "google-oauth2", _digits(chance, 21)), 6),
    "github": (lambda _, chance: ("github", "github", chance.randrange(1_000, 90_000_000)), 3),
    "saml": (_samlp, 3),
    "entra": (lambda person, chance: ("waad", f"{person.company}-entra", _hex(chance, 43)), 2),
    "passwordless": (lambda _, chance: ("email", "email", _hex(chance, 24)), 2),
    "sms": (lambda _, chance: ("sms", "sms", _hex(chance, 24)), 1),
}
"""Kinds of accounts: what makes an id, and how often the kind is met."""
