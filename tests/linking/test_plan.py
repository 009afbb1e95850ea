"""A plan as a graph, beside a slow and plain model of the same rules."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import example, given, strategies as st

from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.linking.plan import Plan, Star, cut_off, read_plan
from airflow_provider_auth0link.linking.split import shard_of_records
from airflow_provider_auth0link.model import UserId

Edge = tuple[int, int]

NAMES = "abcdefghijklmnopqrstuvwxyz"


def account(number: int) -> str:
    return f"auth0|{NAMES[number]}" if number < len(NAMES) else f"auth0|{number}"


def plan_of(edges: Iterable[Edge]) -> Plan:
    return Plan.from_rows([[account(primary), account(secondary)] for primary, secondary in edges])


def drawn(text: str) -> Plan:
    """Return a plan that is drawn as ``a<b b<c``: b becomes a, c becomes b."""
    return Plan.from_rows([[f"auth0|{part[0]}", f"auth0|{part[2]}"] for part in text.split()])


def shown(star: Star) -> str:
    return " ".join(f"{pair.primary.rest}<{pair.secondary.rest}" for pair in star.pairs)


def refusal(rows: Sequence[object]) -> str:
    with pytest.raises(InputError) as caught:
        Plan.from_rows(rows)
    return str(caught.value)


class Model:
    """The rules as they are said, with no thought of time."""

    def __init__(self, edges: Sequence[Edge]) -> None:
        self.edges = list(dict.fromkeys(edges))

    @property
    def refused(self) -> bool:
        primaries: dict[int, set[int]] = {}
        for primary, secondary in self.edges:
            primaries.setdefault(secondary, set()).add(primary)
        two = any(len(each) > 1 for each in primaries.values())
        circle = any(primary in self.below(secondary) | {secondary} for primary, secondary in self.edges)
        return two or circle

    def below(self, top: int, without: frozenset[Edge] = frozenset()) -> set[int]:
        """Return the accounts that become *top*, over any number of pairs that are not left out."""
        reached: set[int] = set()
        while True:
            more = {s for p, s in self.edges if (p, s) not in without and p in reached | {top}}
            if more <= reached:
                return reached
            reached |= more

    def stars(self) -> list[tuple[int, list[Edge]]]:
        """Return each account that is no secondary, with its pairs, depth first."""
        secondaries = {secondary for _, secondary in self.edges}
        tops = [account for account in dict.fromkeys(p for p, _ in self.edges) if account not in secondaries]
        stars = [(top, self._walk(top)) for top in tops]
        return sorted(stars, key=lambda star: min(self.edges.index(edge) for edge in star[1]))

    def _walk(self, top: int) -> list[Edge]:
        found = []
        for edge in self.edges:
            if edge[0] == top:
                found += [edge, *self._walk(edge[1])]
        return found


@st.composite
def trees(draw: st.DrawFn) -> list[Edge]:
    """Chains and stars: each account becomes one that is before it in a random order, or none."""
    order = draw(st.permutations(range(draw(st.integers(1, 12)))))
    edges = []
    for at, secondary in enumerate(order[1:], 1):
        primary = draw(st.none() | st.integers(0, at - 1))
        if primary is not None:
            edges.append((order[primary], secondary))
    repeats = draw(st.lists(st.sampled_from(edges), max_size=3)) if edges else []
    return draw(st.permutations(edges + repeats))


ANY_EDGES = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=9)


@given(edges=trees() | ANY_EDGES)
@example(edges=[])
@example(edges=[(1, 2), (0, 1), (2, 3), (0, 4), (1, 5)])
@example(edges=[(0, 0)])
@example(edges=[(0, 1), (1, 2), (2, 0)])
@example(edges=[(3, 0), (0, 1), (1, 2), (2, 0)])
@example(edges=[(0, 1), (2, 1)])
def test_a_plan_is_what_the_model_says(edges: list[Edge]) -> None:
    model = Model(edges)
    if model.refused:
        with pytest.raises(InputError):
            plan_of(edges)
        return

    plan = plan_of(edges)

    assert plan.planned == len(model.edges)
    assert plan.repeats == len(edges) - len(model.edges)
    stars = [
        (str(star.primary), [(str(pair.primary), str(pair.secondary)) for pair in star.pairs])
        for star in plan.stars()
    ]
    assert stars == [
        (account(top), [(account(p), account(s)) for p, s in walk]) for top, walk in model.stars()
    ]
    assert list(plan.sizes()) == [len(walk) for _, walk in model.stars()]
    place = {edge: number for number, (_, walk) in enumerate(model.stars()) for edge in walk}
    assert list(plan.star_of_records()) == [place[edge] for edge in edges]


@given(edges=trees(), data=st.data())
def test_cut_off_is_what_the_model_says(edges: list[Edge], data: st.DataObject) -> None:
    model = Model(edges)
    for star, (top, walk) in zip(plan_of(edges).stars(), model.stars(), strict=True):
        refused = data.draw(st.sets(st.integers(0, len(walk) - 1)))
        reached = model.below(top, frozenset(walk[number] for number in refused))

        cut = cut_off(star, refused)

        assert cut == {at for at, edge in enumerate(walk) if at not in refused and edge[1] not in reached}


@given(edges=trees(), shards=st.integers(1, 5))
def test_shards_divide_no_star_and_are_alike(edges: list[Edge], shards: int) -> None:
    plan = plan_of(edges)
    shard_of = list(shard_of_records(plan, shards))
    stars = list(plan.star_of_records())

    assert len(set(zip(stars, shard_of, strict=True))) == len(set(stars))
    sizes = list(plan.sizes())
    fill = [0] * shards
    for star, shard in set(zip(stars, shard_of, strict=True)):
        fill[shard] += sizes[star]
    assert sum(fill) == plan.planned
    assert max(fill) - min(fill) <= max(sizes, default=0)
    assert [pairs > 0 for pairs in fill] == [number < len(sizes) for number in range(shards)]


def test_a_chain_is_one_star_with_its_own_pairs() -> None:
    stars = list(drawn("b<c x<y a<b b<d a<e").stars())

    assert [(str(star.primary), shown(star)) for star in stars] == [
        ("auth0|a", "a<b b<c b<d a<e"),
        ("auth0|x", "x<y"),
    ]


def test_stars_may_be_asked_for_again() -> None:
    plan = drawn("a<b c<d")

    assert list(plan.stars()) == list(plan.stars())


def test_a_refused_pair_cuts_off_all_behind_it() -> None:
    (star,) = drawn("a<b b<c c<d a<e").stars()

    assert cut_off(star, ()) == set()
    assert cut_off(star, [0]) == {1, 2}
    assert cut_off(star, [1]) == {2}
    assert cut_off(star, [0, 2]) == {1}
    assert cut_off(star, [3]) == set()


def test_a_long_chain_is_no_deep_recursion() -> None:
    count = 20_000
    edges = [(number, number + 1) for number in range(count)]

    (star,) = plan_of(reversed(edges)).stars()

    assert len(star.pairs) == count
    assert cut_off(star, [0]) == set(range(1, count))
    assert "a cycle" in refusal([[account(p), account(s)] for p, s in [*edges, (count, 0)]])


def test_the_offenders_are_named_with_their_rows() -> None:
    told = refusal(
        [
            ["auth0|a", "auth0|b"],
            ["auth0|c", "auth0|c"],
            ["auth0|d", "auth0|b"],
            ["auth0|e", "auth0|f"],
            ["auth0|g", "auth0|e"],
            ["auth0|f", "auth0|g"],
            ["auth0|x", "auth0|b"],
        ]
    )

    assert told == (
        "pairs: nothing of it is linked, 3 wrong: "
        "row 2: primary and secondary are the same account, 'auth0|c'; "
        "row 3: 'auth0|b' has two primaries, 'auth0|a' (before) and 'auth0|d'; "
        "row 4: a cycle: 'auth0|f' into 'auth0|e' into 'auth0|g' into 'auth0|f'"
    )


def test_the_first_ten_offenders_are_named_and_the_rest_counted() -> None:
    rows = [[account(n), account(n)] for n in range(12)]
    circle = [["auth0|x1", "auth0|x2"], ["auth0|x2", "auth0|x1"]]

    told = refusal([*circle, *rows])

    assert "13 wrong" in told
    assert "row 1: a cycle: 'auth0|x2' into 'auth0|x1' into 'auth0|x2'" in told
    assert "row 11: primary" in told
    assert "row 12" not in told
    assert told.endswith("; and 3 more")


def test_a_long_cycle_is_named_in_part() -> None:
    told = refusal([[account(n), account((n + 1) % 30)] for n in range(30)])

    assert "... (20 more) into" in told


PAIR: dict[str, Any] = {"primary_user_id": "auth0|a", "secondary_user_id": "auth0|b"}


def pairs(*changes: dict[str, Any]) -> list[Any]:
    """Return the pairs of a plan whose lines say the same two accounts."""
    (star,) = Plan.from_rows([{**PAIR, **each} for each in changes]).stars()
    return list(star.pairs)


def test_a_repeat_unites_what_is_checked() -> None:
    (pair,) = pairs(
        {"rule": "by e-mail", "evidence": {"email": "ada@x", "verified": True}},
        {"rule": "by number", "evidence": {"metadata:app_metadata.legacy": 7}},
        {"evidence": {"email": "ADA@x", "metadata:app_metadata.legacy": "7"}},
        {},
    )

    assert pair.rule == "by e-mail"
    assert pair.evidence == {"email": "ada@x", "verified": True, "metadata:app_metadata.legacy": 7}


def test_a_repeat_adds_what_the_first_line_lacks() -> None:
    (pair,) = pairs(
        {}, {"rule": "by phone", "evidence": {"phone": "+49 30 1"}}, {"evidence": {"phone": "+49301"}}
    )

    assert (pair.rule, pair.evidence) == ("by phone", {"phone": "+49 30 1"})


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        pytest.param({"email": "ada@x"}, {"email": "eve@x"}, "another email", id="email"),
        pytest.param({"phone": "1"}, {"phone": "2"}, "another phone", id="phone"),
        pytest.param({"verified": True}, {"verified": False}, "another verified", id="verified"),
        pytest.param(
            {"verified": True}, {"phone": "1"}, "'verified' speaks of another", id="verified of e-mail"
        ),
        pytest.param(
            {"phone": "1"}, {"verified": True}, "'verified' speaks of another", id="verified of e-mail, later"
        ),
        pytest.param(
            {"metadata:app_metadata.n": [1]},
            {"metadata:app_metadata.n": [2]},
            "another metadata",
            id="metadata",
        ),
    ],
)
def test_a_repeat_that_says_otherwise_refuses_the_plan(
    first: dict[str, Any], second: dict[str, Any], told: str
) -> None:
    message = refusal([{**PAIR, "evidence": first}, {**PAIR, "evidence": second}])

    assert "row 2: 'auth0|b': evidence: " in message
    assert told in message
    assert "@" not in message


def test_two_accounts_under_one_id_are_two_pairs() -> None:
    one, two = {"connection_id": "con_1"}, {"connection_id": "con_2"}
    plan = Plan.from_rows(
        [
            {**PAIR, **one},
            {"primary_user_id": "auth0|b", "secondary_user_id": "auth0|c"},
            {**PAIR, **two},
            {**PAIR, **one},
            {**PAIR, **two},
        ]
    )

    (star,) = plan.stars()
    assert (plan.planned, plan.repeats) == (3, 2)
    assert [(pair.secondary.rest, pair.connection_id) for pair in star.pairs] == [
        ("b", "con_1"),
        ("b", "con_2"),
        ("c", None),
    ]
    assert cut_off(star, [0]) == cut_off(star, [1]) == set()
    assert cut_off(star, [0, 1]) == {2}
    assert list(plan.star_of_records()) == [0] * 5


@pytest.mark.parametrize("changes", [[{}, {"connection_id": "con_1"}], [{"connection_id": "con_1"}, {}]])
def test_a_connection_on_one_line_alone_refuses_the_plan(changes: list[dict[str, Any]]) -> None:
    message = refusal([{**PAIR, **each} for each in changes])

    assert "row 2: 'auth0|b' stands with a connection_id on one line and without on another" in message


def test_two_primaries_are_two_on_two_connections_as_well() -> None:
    other = {**PAIR, "primary_user_id": "auth0|c", "connection_id": "con_2"}

    assert "has two primaries" in refusal([{**PAIR, "connection_id": "con_1"}, other])


def test_rows_keep_all_that_a_line_says() -> None:
    (pair,) = pairs(
        {"connection_id": "con_1", "rule": "same e-mail", "evidence": {"email": "ada@x", "verified": "True"}}
    )

    assert pair.primary == UserId("auth0", "a")
    assert pair.connection_id == "con_1"
    assert pair.rule == "same e-mail"
    assert pair.evidence == {"email": "ada@x", "verified": True}


def test_an_empty_plan_is_one() -> None:
    plan = Plan.from_rows([])

    assert (plan.planned, plan.repeats, list(plan.stars())) == (0, 0, [])


def test_rows_have_the_digest_of_their_canonical_lines() -> None:
    rows: list[object] = [["auth0|a", "auth0|b"], {**PAIR, "connection_id": "", "rule": None, "evidence": {}}]
    line = b'{"primary_user_id":"auth0|a","secondary_user_id":"auth0|b"}\n'

    assert Plan.from_rows(rows).digest == read_plan(io.BytesIO(line + line), "plan.jsonl").digest
    assert Plan.from_rows(rows).digest != Plan.from_rows(rows[:1]).digest


@pytest.mark.parametrize(
    ("row", "told"),
    [
        pytest.param(None, "expected an object with primary_user_id", id="none"),
        pytest.param("auth0|a", "expected an object", id="text"),
        pytest.param(["auth0|a"], "has 1 cell. Give two", id="one value"),
        pytest.param(["auth0|a", "auth0|b", "auth0|c"], "has 3 cells. Give two", id="three values"),
        pytest.param(["auth0|a", None], "secondary_user_id: is missing", id="none for an id"),
        pytest.param(
            ["auth0|a", 1.5], "secondary_user_id: expected a string or an integer, got float", id="float"
        ),
        pytest.param(["auth0|a", True], "expected a string or an integer, got bool", id="bool"),
        pytest.param([7, "auth0|b"], "primary_user_id: '7' has no '|'", id="number"),
        pytest.param(["auth0|a", "ada@example.com"], "secondary_user_id: has no '|'", id="e-mail for an id"),
        pytest.param(["auth0|a", "auth0|.."], "is '..', which would leave", id="dots"),
        pytest.param(["auth0|a", "auth0|\n"], "a control character", id="control character"),
        pytest.param(["auth0|a", "|b"], "the provider is empty", id="no provider"),
        pytest.param({"primary_user_id": "auth0|a"}, "secondary_user_id: is missing", id="no secondary"),
        pytest.param({**PAIR, "provider": "auth0"}, "unknown keys ['provider']; known are", id="unknown key"),
        pytest.param({**PAIR, "ada@example.com": 1}, "unknown keys ['<e-mail>']", id="e-mail for a key"),
        pytest.param(
            {**PAIR, "connection_id": "Users"}, "connection_id: is no id of", id="connection's name"
        ),
        pytest.param({**PAIR, "rule": 7}, "rule: expected text, got int", id="rule"),
        pytest.param({**PAIR, "evidence": "x"}, "evidence: expected a mapping", id="evidence"),
        pytest.param(
            {**PAIR, "evidence": {"ada@example.com": 1}}, "unknown keys ['<e-mail>']", id="evidence's key"
        ),
        pytest.param(
            {**PAIR, "evidence": {"verified": "yes"}}, "'verified' must be true or false", id="verified"
        ),
        pytest.param({**PAIR, "evidence": {"email": float("nan")}}, "no JSON", id="evidence no JSON"),
    ],
)
def test_a_row_that_is_none_is_refused_with_its_number(row: object, told: str) -> None:
    message = refusal([["auth0|x", "auth0|y"], row])

    assert message.startswith("pairs: nothing of it is linked, 1 wrong: row 2: ")
    assert told in message
    assert "@" not in message


@pytest.mark.parametrize("rows", [None, 7, "auth0|a", PAIR, json.dumps([PAIR])], ids=repr)
def test_what_is_no_list_of_rows_is_refused(rows: Any) -> None:
    assert "pairs: expected a list of plan lines" in refusal(rows)
