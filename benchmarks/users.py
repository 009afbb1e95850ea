"""
Users exports of any size, the same bytes for the same seed: what the benchmarks of plans read.

A block of 1,000 accounts is written once, with places for the block's number; every further block is that one with
its own number set in, so a million lines take some seconds. In 1,000 accounts some 120 share an e-mail with another,
which stands half the file away and is spelled otherwise; 20 share a phone number and 30 a legacy id; 80 e-mails are
not verified, 50 accounts are enterprise ones, 10 are blocked, 10 e-mails are not ASCII, 30 accounts have no e-mail.
Every tenth block has a line that is cut off, every twentieth a mailbox that 12 accounts share.

    python benchmarks/users.py [PATH [COUNT [SEED]]]
"""

from __future__ import annotations

import gzip
import json
import re
import sys
import tempfile
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any, NamedTuple

BLOCK = 1000
"""Accounts that are written once, and then again with another number."""

HEX, NUMBER, OTHER, CLOCK = "@HEX@", "@NUMBER@", "@OTHER@", "@CLOCK@"
"""Where a block's number stands: in ids, in e-mails and phones, that of the block half the file away, in times."""

BARE = "@BARE@"
"""Before text that becomes a number: GitHub's ids are, and so are many legacy ids."""

FIRST = (
    "ada",
    "grace",
    "alan",
    "edsger",
    "barbara",
    "donald",
    "frances",
    "john",
    "radia",
    "tim",
    "margaret",
    "ken",
)
LAST = (
    "lovelace",
    "hopper",
    "turing",
    "dijkstra",
    "liskov",
    "knuth",
    "allen",
    "backus",
    "perlman",
    "lee",
    "hamilton",
)
DOMAINS = ("example.com", "example.org", "mail.example.net", "post.example", "kunden.example.de")
STRANGE = ("zoë.müller", "josé.núñez", "łukasz.żak", "søren.ærø", "ünal.çelik")
MAILBOX, SHARING = 20, 12
CUT = 10

PLAIN = (
    (600, "auth0", "Username-Password-Authentication", False),
    (220, "google-oauth2", "google-oauth2", True),
    (60, "apple", "apple", True),
    (40, "facebook", "facebook", True),
    (30, "github", "github", True),
    (25, "waad", "corp-entra", False),
    (25, "samlp", "corp-saml", False),
)


class Slot(NamedTuple):
    """One of the 1,000: what it is before its block's number is set in."""

    number: int
    provider: str
    connection: str
    social: bool
    mail: str | None
    phone: str | None
    legacy: str | None
    verified: bool
    blocked: bool


def write_users(path: Path, count: int, *, seed: int = 1) -> None:
    """Write an export of *count* accounts, gzipped where the name ends in ``.gz``."""
    with gzip.GzipFile(path, "wb", 1, mtime=0) if path.suffix == ".gz" else path.open("wb") as file:
        for block in blocks(count, seed):
            file.write(block)


def blocks(count: int, seed: int = 1) -> Iterator[bytes]:
    """Give the lines of *count* accounts, a block at a time."""
    rng = Random(seed)
    slots = _slots(rng)
    rng.shuffle(slots)
    lines = [_line(slot, rng).encode() + b"\n" for slot in slots]
    whole = b"".join(lines)
    number = -(-count // BLOCK)
    for at in range(number):
        left = count - at * BLOCK
        block = whole if left >= BLOCK else b"".join(lines[:left])
        numbered = _numbered(block, at, (at + number // 2) % number)
        yield numbered if at % CUT and at % MAILBOX else _spoilt(numbered, at)


def _numbered(block: bytes, at: int, other: int) -> bytes:
    clock = f"{at // 60 % 60:02}:{at % 60:02}.{at * 7 % 1000:03}"
    for mark, text in ((HEX, f"{at:08x}"), (NUMBER, f"{at:07}"), (OTHER, f"{other:07}"), (CLOCK, clock)):
        block = block.replace(mark.encode(), text.encode())
    return block


def _spoilt(block: bytes, at: int) -> bytes:
    """Cut a line off, and in every second such block let some accounts share a mailbox."""
    lines = block.splitlines(keepends=True)
    lines[-1] = lines[-1][: len(lines[-1]) // 2].rstrip() + b"\n"
    for place in range(0 if at % MAILBOX else min(SHARING, len(lines) - 1)):
        row = json.loads(lines[place])
        row |= {"email": f"support{at}@example.com", "email_verified": True}
        lines[place] = json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    return b"".join(lines)


def _slots(rng: Random) -> list[Slot]:
    kinds = [kind[1:] for kind in PLAIN for _ in range(kind[0])]
    rng.shuffle(kinds)
    return [_slot(number, *kind, rng) for number, kind in enumerate(kinds)]


def _slot(number: int, provider: str, connection: str, social: bool, rng: Random) -> Slot:  # noqa: FBT001 - of PLAIN
    """The first 120 share e-mails, two and two; others phones and legacy ids; the rest is each one's own."""
    pair, second = divmod(number, 2)
    mail: str | None = _mail(number)
    if number < 120:
        mail = _mail(pair) if not second else _spelled(_mail(pair).replace(NUMBER, OTHER), pair)
    elif number >= 970:
        mail = None
    phone, legacy = _phone(number, rng), _legacy(number, rng)
    if 200 <= number < 220:
        phone = f"+1{pair:04}{NUMBER}" if not second else f"+1 {pair:04}-{OTHER}"
    if 300 <= number < 330:
        legacy = f"{BARE}{pair}{OTHER}" if second else f"{pair}{NUMBER}"
    return Slot(
        number,
        provider,
        connection,
        social,
        mail,
        phone,
        legacy,
        number % 25 not in {3, 14},
        number % 100 == 7,
    )


def _mail(number: int) -> str:
    if number % 100 == 50:
        return f"{STRANGE[number // 100 % len(STRANGE)]}.{number}.{NUMBER}@exämple.de"
    first, last = FIRST[number % len(FIRST)], LAST[number // len(FIRST) % len(LAST)]
    return f"{first}.{last}.{number}.{NUMBER}@{DOMAINS[number % len(DOMAINS)]}"


def _spelled(mail: str, pair: int) -> str:
    """Spell an e-mail as another provider may: in other letters' case, in the other Unicode form."""
    if not mail.isascii():
        return unicodedata.normalize("NFD", mail)
    local, domain = mail.split("@", 1)[0], mail.rpartition("@")[2]
    return mail if pair % 3 == 0 else f"{local.title()}{mail[len(local) : -len(domain)]}{domain.title()}"


def _phone(number: int, rng: Random) -> str | None:
    return f"+44{number:04}{NUMBER}" if rng.random() < 0.15 or number >= 970 else None


def _legacy(number: int, rng: Random) -> str | None:
    return f"{BARE if number % 2 else ''}{number + BLOCK}{NUMBER}" if rng.random() < 0.4 else None


def _line(slot: Slot, rng: Random) -> str:
    rest = f"{rng.getrandbits(64):016x}{HEX}"
    if slot.provider == "samlp":
        rest = f"corp-saml|{rest}|{slot.number}"
    if slot.provider == "github":
        rest = f"{slot.number + 1}{NUMBER}"
    row: dict[str, Any] = {"user_id": f"{slot.provider}|{rest}"}
    if slot.mail is not None:
        row |= {"email": slot.mail, "email_verified": slot.verified}
    if slot.phone is not None:
        row |= {"phone_number": slot.phone, "phone_verified": slot.number % 10 != 9}
    identity: dict[str, Any] = {
        "connection": slot.connection,
        "user_id": BARE + rest if slot.provider == "github" else rest,
        "provider": slot.provider,
        "isSocial": slot.social,
    }
    if slot.social:
        identity["profileData"] = {"name": "Somebody", "picture": f"https://pictures.example.com/{rest}.png"}
    row |= {
        "identities": [identity],
        "name": FIRST[slot.number % len(FIRST)].title(),
        "nickname": f"{FIRST[slot.number % len(FIRST)]}{slot.number}",
        "picture": f"https://s.gravatar.com/avatar/{rng.getrandbits(128):032x}?s=480&r=pg&d=identicon",
        "user_metadata": {"language": rng.choice(["en", "de", "fr", "pl"]), "newsletter": rng.random() < 0.5},
        "app_metadata": _app_metadata(slot, rng),
        "created_at": _time(rng, 2016, 2022),
        "updated_at": _time(rng, 2023, 2025),
    }
    if rng.random() < 0.9:
        seen = {"last_login": _time(rng, 2023, 2025), "logins_count": 1 + int(rng.expovariate(0.05))}
        row |= {**seen, "last_ip": f"198.51.100.{rng.randrange(256)}"}
    if slot.blocked:
        row["blocked"] = True
    return re.sub(f'"{BARE}([^"]+)"', r"\1", json.dumps(row, ensure_ascii=False, separators=(",", ":")))


def _app_metadata(slot: Slot, rng: Random) -> dict[str, Any]:
    found: dict[str, Any] = {
        "plan": rng.choice(["free", "team", "pro"]),
        "tenant": {"region": "eu", "since": 2019},
    }
    if rng.random() < 0.1:
        found["roles"] = ["editor"]
    return found if slot.legacy is None else {**found, "legacy_id": slot.legacy}


def _time(rng: Random, first: int, last: int) -> str:
    day = f"{rng.randint(first, last)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"
    return f"{day}T{rng.randrange(24):02}:{CLOCK}Z"


def main(args: list[str]) -> int:
    """Write one, and print how fast beside writing the same lines with ``json`` one by one."""
    count = int(args[1]) if len(args) > 1 else 200_000
    seed = int(args[2]) if len(args) > 2 else 1
    with tempfile.TemporaryDirectory() as folder:
        path = Path(args[0]) if args else Path(folder, "users.ndjson")
        begun = perf_counter()
        write_users(path, count, seed=seed)
        taken = perf_counter() - begun
        size = path.stat().st_size
    line = json.loads(next(blocks(BLOCK, seed)).splitlines()[0])
    begun = perf_counter()
    for _ in range(count // 10):
        json.dumps(line)
    ratio = (perf_counter() - begun) * 10 / taken
    print(
        f"{count:,} users, {size // count} bytes each, {count / taken:,.0f} users/s, {ratio:.1f} x json.dumps"
    )
    return 0 if ratio > 1 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
