"""What is searched for, checked. Imports no DuckDB: a Dag file may build one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from airflow_provider_auth0link.duplicates.rules import Choice, Rule, choice_of, rule_of
from airflow_provider_auth0link.errors import InputError

LEAST_GROUP = 2
"""Accounts that can be one person's: two at least."""


@dataclass(frozen=True, slots=True)
class Search:
    """
    What makes accounts one person's, and what is planned of it.

    :param rules: the first one that a pair shares is told in the plan
    :param primary: which account stays, first choice first
    :param connections: only accounts of these are planned; None for all
    :param max_group: more accounts than this together are not planned
    :param enterprise_secondaries: plan enterprise and directory-synced accounts as secondaries too
    """

    rules: tuple[Rule, ...]
    primary: tuple[Choice, ...]
    connections: tuple[str, ...] | None = None
    max_group: int = 5
    enterprise_secondaries: bool = False

    @classmethod
    def checked(
        cls,
        *,
        rules: object,
        primary: object,
        connections: object = None,
        max_group: object = 5,
        enterprise_secondaries: object = False,
    ) -> Search:
        """
        Read what an author wrote.

        :raises InputError: saying which argument is wrong, and what is known
        """
        read = tuple(rule_of(each) for each in _several("rules", rules))
        names = [rule.name for rule in read]
        if not read:
            raise InputError("rules: give at least one, such as 'verified_email'")
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise InputError(f"rules: {twice} stands twice")
        return cls(
            rules=read,
            primary=tuple(choice_of(each) for each in _several("primary", primary)),
            connections=_connections(connections),
            max_group=_max_group(max_group),
            enterprise_secondaries=_flag("enterprise_secondaries", enterprise_secondaries),
        )


def _several(what: str, value: object) -> tuple[object, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise InputError(f"{what}: expected a list or a tuple, got {type(value).__name__}")
    return tuple(value)


def _connections(value: object) -> tuple[str, ...] | None:
    if value is None:
        return None
    names: list[str] = []
    for name in _several("connections", value):
        if not (isinstance(name, str) and name):
            raise InputError("connections: expected names of connections")
        names.append(name)
    if not names:
        raise InputError("connections: names none, so nothing could be planned. Leave it out for all")
    return tuple(names)


def _max_group(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < LEAST_GROUP:
        raise InputError(f"max_group: must be a whole number from {LEAST_GROUP} on")
    return value


def _flag(what: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise InputError(f"{what}: must be true or false")
    return value
