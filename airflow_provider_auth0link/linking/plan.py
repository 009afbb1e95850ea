"""
A plan is a graph: pairs that share accounts belong together.

A chain (A from B, B from C) is one star: both B and C become A. All of a star is one unit of work. A plan in which
an account has two primaries, becomes itself, or goes in a circle is refused whole, before any request.

Two lines with the same primary, secondary and connection id are one pair. What both say is checked: their evidence
is united, and the first rule is kept. Where no one evidence says both, the plan is refused.
"""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, BinaryIO

from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.linking.graph import Graph
from airflow_provider_auth0link.linking.lines import (
    CHUNK_BYTES,
    Hashed,
    ending_of,
    found,
    records,
    without_mail,
)
from airflow_provider_auth0link.linking.words import counted
from airflow_provider_auth0link.model import Pair, UserId

PAIR = 2
"""Cells of a row: primary, secondary."""


@dataclass(frozen=True, slots=True)
class Star:
    """
    One unit of work: all accounts that become one primary.

    ``pairs`` come depth first from the primary, siblings in the plan's order. Each is the plan's own pair, so its
    primary is the star's, or the secondary of an earlier pair.
    """

    primary: UserId
    pairs: tuple[Pair, ...]


class Plan:
    """
    A plan that holds together. Pairs are made as they are asked for; between, they are texts and numbers.

    ``planned``: pairs, repeats not counted. ``repeats``: lines that said again what an earlier one said.
    ``digest``: sha256 in hex; of a file's bytes as they lie there, of the canonical lines where the plan came as rows.
    """

    def __init__(self, graph: Graph, digest: str) -> None:
        self._graph = graph
        self.planned = len(graph.primaries)
        self.repeats = graph.repeats
        self.digest = digest

    @classmethod
    def from_rows(cls, rows: Iterable[object]) -> Plan:
        """
        Read a plan as it arrives by XCom.

        :param rows: plan lines as mappings, or ``[primary, secondary]``
        :raises InputError: naming the first ten rows that are wrong, counted from 1
        """
        if isinstance(rows, str | bytes | Mapping) or not isinstance(rows, Iterable):
            raise InputError(f"pairs: expected a list of plan lines, got {type(rows).__name__}")
        graph, digest = Graph(), sha256()
        for number, row in enumerate(rows, 1):
            record = found(number, b"", _as_mapping(row))
            if isinstance(row, list | tuple) and len(row) != PAIR:
                graph.wrong(
                    number, f"has {counted(len(row), 'cell')}. Give two, [primary, secondary], or a plan line"
                )
            elif record.line is None:
                graph.wrong(number, record.wrong)
            else:
                graph.add(number, record.line)
                digest.update(record.line.to_bytes())
        graph.close("pairs", "row")
        return cls(graph, digest.hexdigest())

    @property
    def by_connection(self) -> bool:
        """Whether a pair names its connection."""
        return any(note is not None and note[0] is not None for note in self._graph.notes)

    @property
    def has_evidence(self) -> bool:
        """Whether a pair bears evidence."""
        return any(note is not None and note[2] is not None for note in self._graph.notes)

    def stars(self) -> Iterator[Star]:
        """Give the stars, in the order of their first pairs in the plan. May be called again."""
        graph = self._graph
        for root, below in graph.trees():
            ids = {root: _user_id(graph.ids[root])}
            pairs = []
            for pair in below:
                secondary = graph.secondaries[pair]
                if secondary not in ids:
                    ids[secondary] = _user_id(graph.ids[secondary])
                pairs.append(_pair(graph, pair, ids))
            yield Star(ids[root], tuple(pairs))

    def sizes(self) -> Iterator[int]:
        """Give the number of pairs of each star, in the order of ``stars``."""
        return (len(below) for _, below in self._graph.trees())

    def star_of_records(self) -> Iterator[int]:
        """Give for each record of the plan, repeats too, the place of its star in the order of ``stars``."""
        graph = self._graph
        place: dict[int, int] = {}
        for pair in graph.records:
            root = graph.roots[graph.primaries[pair]]
            yield place.setdefault(root, len(place))


def read_plan(file: BinaryIO, name: str) -> Plan:
    """
    Read a plan's file as a stream.

    :param file: opened for bytes
    :param name: the file's name or path; its ending tells the format: .jsonl, .jsonl.gz or .csv
    :raises InputError: naming the first ten lines that are wrong
    """
    what, ending = name.rpartition("/")[2], ending_of(name)
    hashed, graph = Hashed(file), Graph()
    try:
        for record in records(io.BufferedReader(hashed, CHUNK_BYTES), ending):
            if record.line is None:
                graph.wrong(record.number, record.wrong)
            else:
                graph.add(record.number, record.line)
    except InputError as error:
        raise InputError(f"{without_mail(what)}: {error}") from None
    graph.close(without_mail(what), "line")
    return Plan(graph, hashed.hexdigest())


def cut_off(star: Star, refused: Collection[int]) -> set[int]:
    """
    Return which pairs are reached only through refused ones.

    :param star: whose pairs are counted from 0
    :param refused: the pairs that were refused for themselves
    :return: further pairs; none of *refused* is among them
    """
    reached = {star.primary}
    cut = set()
    for number, pair in enumerate(star.pairs):
        if number in refused:
            continue
        if pair.primary in reached:
            reached.add(pair.secondary)
        else:
            cut.add(number)
    return cut


def _as_mapping(row: object) -> object:
    """Make a plan line of a row ``[primary, secondary]``."""
    if isinstance(row, list | tuple) and len(row) == PAIR:
        return {"primary_user_id": row[0], "secondary_user_id": row[1]}
    return row


def _user_id(text: str) -> UserId:
    """Read an id that was checked when the plan was."""
    provider, _, rest = text.partition("|")
    return UserId(provider, rest)


def _pair(graph: Graph, pair: int, ids: Mapping[int, UserId]) -> Pair:
    primary, secondary = ids[graph.primaries[pair]], ids[graph.secondaries[pair]]
    note = graph.notes[pair]
    if note is None:
        return Pair(primary, secondary)
    connection_id, rule, written = note
    evidence: dict[str, Any] = json.loads(written) if written else {}
    return Pair(primary, secondary, connection_id, rule, evidence)
