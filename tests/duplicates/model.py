"""
Who is the same person, slowly: every rule of the search as loops over all accounts, to stand beside the engine.

It knows nothing of the engine but its dataclasses. A file of lines goes in, the bytes of plan and rejects come out.
"""

from __future__ import annotations

import json
import unicodedata
from codecs import BOM_UTF8
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, NamedTuple

from airflow_provider_auth0link.duplicates.rules import (
    PreferConnections,
    SameMetadata,
    VerifiedEmail,
    VerifiedPhone,
)
from airflow_provider_auth0link.duplicates.search import Search
from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.model import UserId

ENTERPRISE = {
    *("ad", "adfs", "auth0-adldap", "custom", "google-apps", "ip", "oidc", "office365", "okta"),
    *("pingfederate", "samlp", "sharepoint", "waad"),
}
MATTERING = (
    *("email", "email_verified", "phone_number", "phone_verified", "blocked", "identities", "connection"),
    *("logins_count", "last_login", "created_at", "user_metadata", "app_metadata", "username"),
)
EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

Row = Mapping[str, Any]


class Twin(NamedTuple):
    """A rule in Python. ``proof`` returns why an account that has the key may not be planned."""

    name: str
    key: Callable[[Row], str | None]
    proof: Callable[[Row], str | None]
    evidence: Callable[[Row, str], dict[str, Any]]


@dataclass
class Person:
    """An account: what one or several records say of one id on one connection."""

    user_id: str
    connection: str | None
    copies: list[Row] = field(default_factory=list)

    @property
    def row(self) -> Row:
        return self.copies[0]

    @property
    def enterprise(self) -> bool:
        providers = {
            provider_of(self.row),
            *(each.get("provider") for each in self.row.get("identities") or ()),
        }
        return bool(providers & ENTERPRISE)


class Group(NamedTuple):
    """All accounts that share a key of a rule, excluded ones too."""

    rule: int
    key: str
    everyone: list[int]
    left: list[int]


class Answer(NamedTuple):
    """What the engine has to write."""

    plan: bytes
    rejects: bytes
    candidates: int


def read_lines(data: bytes) -> list[tuple[int, Row | str]]:
    """Return the records of NDJSON with their lines' numbers; for an unreadable one the reason."""
    lines = enumerate(data.removeprefix(BOM_UTF8).split(b"\n"), 1)
    return [(number, read_line(line)) for number, line in lines if line.strip()]


def read_line(line: bytes) -> Row | str:
    try:
        row = json.loads(line.decode(), parse_constant=_no_number)
    except UnicodeDecodeError:
        return "no UTF-8"
    except ValueError:
        return "no JSON"
    return read_row(row)


def _no_number(text: str) -> None:
    raise ValueError(text)


def read_row(row: object) -> Row | str:
    if not isinstance(row, dict):
        return "no JSON object"
    if row.get("user_id") is None:
        return "no user_id"
    try:
        UserId.parse(row["user_id"], "user_id")
    except InputError:
        return "user_id is no id"
    identities = row.get("identities")
    if identities is not None and not (
        isinstance(identities, list) and all(isinstance(each, dict) for each in identities)
    ):
        return "identities is no list of objects"
    return row


def provider_of(row: Row) -> str:
    return str(row["user_id"]).partition("|")[0]


def identity_id(identity: Row) -> str:
    return f"{identity.get('provider')}|{identity.get('user_id')}"


def root_of(row: Row) -> Row | None:
    return next((each for each in row.get("identities") or () if identity_id(each) == row["user_id"]), None)


def connection_of(row: Row) -> str | None:
    root = root_of(row)
    return (root or {}).get("connection") or row.get("connection") or None


def fold(text: str) -> str:
    local, at, domain = unicodedata.normalize("NFC", text.strip()).rpartition("@")
    return unicodedata.normalize("NFC", local.casefold() + at + domain.lower())


def twin_of(rule: object, others: Mapping[str, Twin]) -> Twin:
    if isinstance(rule, VerifiedEmail):
        return _email_twin(rule)
    if isinstance(rule, VerifiedPhone):
        return Twin(rule.name, phone, _phone_proof, lambda _, key: {"phone": key, "verified": True})
    if isinstance(rule, SameMetadata):
        return _metadata_twin(rule)
    return others[rule.name]  # type: ignore[attr-defined]  # a rule of one's own has one too


def _email_twin(rule: VerifiedEmail) -> Twin:
    def key(row: Row) -> str | None:
        email = row.get("email")
        if not isinstance(email, str) or not email.strip():
            return None
        local, at, domain = fold(email).rpartition("@")
        if rule.gmail and at and domain in {"gmail.com", "googlemail.com"}:
            return local.partition("+")[0].replace(".", "") + "@gmail.com"
        if rule.subaddresses and at:
            local = local.partition("+")[0]
        return f"{local}{at}{domain}"

    def evidence(_: Row, text: str) -> dict[str, Any]:
        return {"verified": True} if rule.gmail or rule.subaddresses else {"email": text, "verified": True}

    return Twin(rule.name, key, email_proof(rule.unproven), evidence)


def email_proof(unproven: Iterable[str]) -> Callable[[Row], str | None]:
    def proof(row: Row) -> str | None:
        if row.get("email_verified") is not True:
            return "unverified"
        return "unproven_provider" if provider_of(row) in unproven else None

    return proof


def phone(row: Row) -> str | None:
    found = "".join(each for each in row.get("phone_number") or "" if each.isdigit() or each == "+")
    return found or None


def _phone_proof(row: Row) -> str | None:
    return None if row.get("phone_verified") is True else "unverified"


def at_path(row: Row, path: str) -> object:
    value: object = row
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _metadata_twin(rule: SameMetadata) -> Twin:
    def key(row: Row) -> str | None:
        value = at_path(row, rule.path)
        if isinstance(value, str):
            return value or None
        return json.dumps(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

    def evidence(row: Row, _: str) -> dict[str, Any]:
        found = {f"metadata:{rule.path}": at_path(row, rule.path)}
        return {**found, "verified": True} if rule.verified else found

    proof = email_proof(rule.unproven) if rule.verified else lambda _: None
    return Twin(rule.name, key, proof, evidence)


def rank(search: Search, person: Person) -> tuple[Any, ...]:
    """Return what accounts are sorted by, the best first."""
    return (*(_place(choice, person) for choice in search.primary), person.user_id)


def _place(choice: object, person: Person) -> float | bool:
    row = person.row
    if isinstance(choice, PreferConnections):
        names = list(choice.names)
        return names.index(person.connection) if person.connection in names else len(names)
    name = getattr(choice, "name", choice)
    if name == "most_logins":
        return -(row.get("logins_count") or 0)
    if name == "latest_login":
        return (EARLIEST - instant(row.get("last_login"), EARLIEST)).total_seconds()
    if name == "oldest":
        return (instant(row.get("created_at"), LATEST) - EARLIEST).total_seconds()
    assert name == "has_metadata"
    return not (row.get("user_metadata") or row.get("app_metadata"))


def instant(text: str | None, absent: datetime) -> datetime:
    return datetime.fromisoformat(text) if text else absent


def answer(
    records: Sequence[tuple[int, Row | str]], search: Search, others: Mapping[str, Twin] | None = None
) -> Answer:
    """Search *records*; *others* are the twins of the rules of one's own, by name."""
    first: list[dict[str, Any]] = []
    people = _people(records, first)
    twins = [twin_of(rule, others or {}) for rule in search.rules]
    world = World(search, people, twins)
    world.search()
    lines = sorted(world.lines, key=lambda line: line[:3])
    rejects = sorted(world.rejects, key=lambda each: (each[0], each[1], json.dumps(each[2])))
    return Answer(
        b"".join(_json(line[3]) for line in lines),
        b"".join(_json(each) for each in [*first, *(each[2] for each in rejects)]),
        len(world.candidates),
    )


def _json(row: object) -> bytes:
    return json.dumps(row, separators=(",", ":")).encode() + b"\n"


def _people(records: Sequence[tuple[int, Row | str]], told: list[dict[str, Any]]) -> list[Person]:
    """Put the records of one id on one connection together; unreadable and repeated ones are told."""
    people: dict[tuple[str, str | None], Person] = {}
    for number, row in records:
        if isinstance(row, str):
            told.append({"line": number, "reason": f"unreadable: {row}"})
            continue
        key = (str(row["user_id"]), connection_of(row))
        person = people.setdefault(key, Person(*key))
        if any(_mattering(row) == _mattering(copy) for copy in person.copies):
            told.append({"line": number, "user_id": key[0], "reason": "repeat"})
        else:
            person.copies.append(row)
    return list(people.values())


def _mattering(row: Row) -> list[object]:
    return [json.dumps(row.get(name), sort_keys=True) for name in MATTERING]


class World:
    """One search. Accounts and rules are numbers here."""

    def __init__(self, search: Search, people: list[Person], twins: list[Twin]) -> None:
        self.people, self.twins, self._search = people, twins, search
        self.lines: list[tuple[str, int, str, dict[str, Any]]] = []
        self.rejects: list[tuple[str, int, dict[str, Any]]] = []
        self.candidates: set[int] = set()
        self._planned: set[int] = set()
        self._soft: list[tuple[int, Group, str]] = []  # told only of those who are planned nowhere
        self._same_id: dict[str, int] = defaultdict(int)
        for person in people:
            self._same_id[person.user_id] += 1

    def search(self) -> None:
        joined = [group for rule in range(len(self.twins)) for group in self._groups(rule)]
        for component in self._components(set(range(len(self.people))), joined):
            if len(component) > self._search.max_group:
                for who in component:
                    self._tell_all(who, joined, "group_too_large")
            else:
                self._plan(component, joined)
        for who, group, reason in self._soft:
            if who not in self._planned:
                self._tell(who, group, reason)

    def _groups(self, rule: int) -> list[Group]:
        """Return the groups of a rule that join somebody, and tell of those that do not."""
        shared: dict[str, list[int]] = defaultdict(list)
        for who, person in enumerate(self.people):
            for key in {self.twins[rule].key(copy) for copy in person.copies} - {None}:
                shared[str(key)].append(who)
        found = []
        for key, everyone in shared.items():
            if len(everyone) > 1:
                self.candidates.update(everyone)
                found.append(self._group(rule, key, everyone))
        return [group for group in found if group.left]

    def _group(self, rule: int, key: str, everyone: list[int]) -> Group:
        group = Group(rule, key, everyone, [])
        for who in everyone:
            reason = self._exclusion(who, rule)
            if reason:
                self._tell(who, group, reason)
            elif len(everyone) > self._search.max_group:
                self._tell(who, group, "group_too_large")
            else:
                group.left.append(who)
        if len(group.left) == 1:
            self._soft.append((group.left.pop(), group, "nobody_left"))
        return group

    def _exclusion(self, who: int, rule: int) -> str | None:
        person = self.people[who]
        allowed = self._search.connections
        if len(person.copies) > 1:
            return "told_twice"
        if self._same_id[person.user_id] > 1:
            return "ambiguous_id"
        if any(self._holds(other, person) for other in self.people):
            return "already_linked"
        if not (person.row.get("blocked") is None or person.row.get("blocked") is False):
            return "blocked"
        if allowed is not None and person.connection not in allowed:
            return "connection_not_allowed"
        return self.twins[rule].proof(person.row)

    @staticmethod
    def _holds(other: Person, person: Person) -> bool:
        """Tell whether an account has another's root identity among its linked ones."""
        return other.user_id != person.user_id and any(
            identity_id(each) == person.user_id
            and (
                not each.get("connection") or not person.connection or each["connection"] == person.connection
            )
            for copy in other.copies
            for each in copy.get("identities") or ()
        )

    @staticmethod
    def _components(among: set[int], joined: list[Group]) -> list[set[int]]:
        """Return who is connected by groups, as far as they are *among* those; single ones only if in a group."""
        parts: list[set[int]] = []
        for group in joined:
            merged = set(group.left) & among
            apart = [part for part in parts if not part & merged]
            for part in parts:
                merged |= part if part & merged else set()
            parts = [*apart, merged] if merged else parts
        return parts

    def _shared(self, one: int, other: int, joined: list[Group]) -> Group | None:
        """Return the group of the first rule that two accounts share."""
        return min(
            (group for group in joined if one in group.left and other in group.left),
            key=lambda group: group.rule,
            default=None,
        )

    def _rank(self, who: int) -> tuple[Any, ...]:
        return rank(self._search, self.people[who])

    def _plan(self, component: set[int], joined: list[Group]) -> None:
        primary = min(component, key=self._rank)
        if len(component) == 1:
            reason = "enterprise_secondary" if self.people[primary].enterprise else "cut_off"
            for group in joined:
                if primary in group.left:
                    self._soft.append((primary, group, reason))
            return
        depths = self._reach(primary, component, joined)
        if len(depths) > 1:
            self._planned |= depths.keys()
            rest = [component - depths.keys()]
        else:
            rest = [{primary}, component - {primary}]
        for part in rest:
            for each in self._components(part, joined):
                self._plan(each, joined)

    def _reach(self, primary: int, component: set[int], joined: list[Group]) -> dict[int, int]:
        """Write the lines of a star, and return who is in it, with the depths."""
        depths = {primary: 0}
        allowed = {
            who for who in component if self._search.enterprise_secondaries or not self.people[who].enterprise
        }
        for depth in range(1, len(component) + 1):
            parents = [who for who, at in depths.items() if at == depth - 1]
            for child in sorted(allowed - depths.keys()):
                links = [(group, up) for up in parents if (group := self._shared(up, child, joined))]
                if links:
                    group, up = min(links, key=lambda link: (link[0].rule, self._rank(link[1])))
                    depths[child] = depth
                    self._line(primary, depth, up, child, group)
        return depths

    def _line(self, star: int, depth: int, primary: int, secondary: int, group: Group) -> None:
        twin = self.twins[group.rule]
        evidence = twin.evidence(self.people[primary].row, group.key)
        row: dict[str, Any] = {
            "primary_user_id": self.people[primary].user_id,
            "secondary_user_id": self.people[secondary].user_id,
            "rule": twin.name,
        }
        row |= {"evidence": dict(sorted(evidence.items()))} if evidence else {}
        self.lines.append((self.people[star].user_id, depth, row["secondary_user_id"], row))

    def _tell_all(self, who: int, joined: list[Group], reason: str) -> None:
        for group in joined:
            if who in group.left:
                self._tell(who, group, reason)

    def _tell(self, who: int, group: Group, reason: str) -> None:
        name, user_id = self.twins[group.rule].name, self.people[who].user_id
        row = {
            "user_id": user_id,
            "rule": name,
            "reason": reason,
            "group": sha256((name + group.key).encode()).hexdigest()[:16],
            "accounts": len(group.everyone),
        }
        self.rejects.append((user_id, group.rule, row))
