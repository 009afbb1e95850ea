"""People with several accounts each, spelled as people and providers spell: for matching by probability."""

from __future__ import annotations

import json
from random import Random
from typing import Any, NamedTuple

GIVEN = (
    *(
        "Ada",
        "Grace",
        "Alan",
        "Edsger",
        "Barbara",
        "Donald",
        "Frances",
        "John",
        "Radia",
        "Tim",
        "Margaret",
        "Ken",
    ),
    *(
        "Leslie",
        "Niklaus",
        "Sophie",
        "Linus",
        "Zoë",
        "José",
        "Agnieszka",
        "Tomasz",
        "Ingrid",
        "Matteo",
        "Yuki",
    ),
    *(
        "Charlotte",
        "Dmitri",
        "Farah",
        "Hendrik",
        "Ibrahim",
        "Katarina",
        "Lorenzo",
        "Mireille",
        "Oluwaseun",
        "Priya",
    ),
)
FAMILY = tuple(
    start + end
    for start in (
        "Love",
        "Hop",
        "Tur",
        "Dijk",
        "Lis",
        "Knu",
        "Alm",
        "Back",
        "Perl",
        "Ham",
        "Lam",
        "Wend",
        "Mül",
        "Now",
    )
    for end in (
        "lace",
        "per",
        "ing",
        "stra",
        "kov",
        "thal",
        "qvist",
        "us",
        "man",
        "ilton",
        "port",
        "son",
        "ler",
        "ak",
    )
)
DOMAINS = ("example.com", "example.org", "mail.example.net", "post.example")

Json = dict[str, Any]


class People(NamedTuple):
    """Accounts, and the pairs of user ids that are one person's, each sorted."""

    accounts: list[Json]
    same: set[tuple[str, str]]

    def ndjson(self) -> bytes:
        """Return the export."""
        return b"".join(json.dumps(each).encode() + b"\n" for each in self.accounts)


def people(count: int, seed: int) -> People:
    """
    Make *count* persons, every third with a second account in which something is misspelled.

    Every tenth shares a phone number and the family name with another person, and many bear another's name.
    """
    rng = Random(seed)
    accounts: list[Json] = []
    same = set()
    before: Json = {}
    for number in range(count):
        person = _person(rng, number)
        if number % 10 == 1 and person["given_name"] != before["given_name"]:  # of one household
            person |= {"phone_number": before["phone_number"], "family_name": before["family_name"]}
        before = person
        first = _account("auth0", f"{rng.getrandbits(48):012x}{number:04x}", person, rng)
        accounts.append(first)
        if number % 3 == 0:
            second = _account("google-oauth2", str(10_000 + number), _misspelled(rng, person), rng)
            accounts.append(second)
            same.add((first["user_id"], second["user_id"]))
    rng.shuffle(accounts)
    return People(accounts, same)


def _person(rng: Random, number: int) -> Json:
    given, family = rng.choice(GIVEN), rng.choice(FAMILY)
    return {
        "given_name": given,
        "family_name": family,
        "email": f"{given}.{family}{number}@{rng.choice(DOMAINS)}".lower(),
        "phone_number": f"+4917{rng.randrange(10**8):08}",
    }


def _misspelled(rng: Random, person: Json) -> Json:
    """Change the e-mail's domain, or only its letters' case, and one thing or two more."""
    local, _, domain = person["email"].partition("@")
    other = rng.choice([domain.upper(), *(each for each in DOMAINS if each != domain)])
    found = {**person, "email": f"{local}@{other}"}
    what = rng.random()
    if what < 0.15:
        found["phone_number"] = None
    elif what < 0.3:  # another mailbox altogether
        found["email"] = f"{rng.getrandbits(32):08x}@{other}"
    for field in rng.sample(("given_name", "family_name", "phone_number", "email"), rng.randint(1, 2)):
        found[field] = _with_typo(rng, found[field])
    return found


def _with_typo(rng: Random, text: str | None) -> str | None:
    if text is None:
        return None
    local, at, domain = text.partition("@")
    return f"{_typo(rng, local)}{at}{domain}"


def _typo(rng: Random, text: str) -> str:
    """Swap two letters or digits beside each other, not the first ones."""
    at = rng.randrange(len(text) // 2, len(text) - 1)
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def _account(provider: str, rest: str, person: Json, rng: Random) -> Json:
    connection = {"auth0": "Username-Password-Authentication"}.get(provider, provider)
    return {
        "user_id": f"{provider}|{rest}",
        **person,
        "name": f"{person['given_name']} {person['family_name']}",
        "email_verified": True,
        "identities": [{"provider": provider, "user_id": rest, "connection": connection, "isSocial": False}],
        "created_at": f"20{rng.randint(15, 24)}-01-01T00:00:00.000Z",
        "logins_count": rng.randrange(100),
    }
