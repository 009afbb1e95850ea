"""Taking links back: what stands afterwards, what is left, and undos that die."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from airflow_provider_auth0link.errors import AmbiguousError, BadRequestError, InputError, RateLimitedError
from airflow_provider_auth0link.linking.journal import forget_snapshots
from airflow_provider_auth0link.linking.options import CARRIED, METADATA
from airflow_provider_auth0link.model import Rights, UserId
from tests.fakes.store import Died, DroppingStore
from tests.fakes.tenant import FakeTenant, Trouble, identity, user
from tests.linking.rig import NOTHING, Rig
from tests.linking.test_batch import CHAIN, WORLD, A, B, C, D, people, world

LOST = AmbiguousError("the connection broke")


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="everything"),
        pytest.param({"carry": METADATA}, id="default carry"),
        pytest.param({"conflicts": "secondary"}, id="secondary wins"),
        pytest.param({"carry": ()}, id="nothing carried"),
    ],
)
def test_after_run_and_undo_all_is_as_it_was(options: dict[str, Any]) -> None:
    rig = Rig(world())
    rig.link(WORLD, **options)

    assert rig.undo() == {"planned": 6, "undone": 6}
    assert rig.state() == Rig(world()).state()
    assert rig.undo() == {}


def test_a_blocked_account_is_blocked_again_before_all_else() -> None:
    tenant = FakeTenant(user(A), user(B, "g", blocked=True, user_metadata={"k": 1}))
    rig = Rig(tenant)
    rig.link([[A, B]])
    tenant.calls.clear()
    rig.undo()

    assert tenant.users[B]["blocked"] is True
    assert tenant.calls.index("update_user") > tenant.calls.index("unlink")


def test_merged_undone_and_merged_again() -> None:
    rig = Rig(world())
    rig.link(WORLD)
    merged = rig.state()
    rig.undo()

    assert rig.link(WORLD) == {"planned": 6, "linked": 6}
    assert rig.state() == merged
    assert rig.undo() == {"planned": 6, "undone": 6}
    assert rig.state() == Rig(world()).state()


def test_only_some_are_undone() -> None:
    rig = Rig(world())
    rig.link(WORLD)

    assert rig.undo(only=["github|p1"]) == {"planned": 1, "undone": 1}
    assert rig.tenant.users["auth0|p"]["user_metadata"] == {"v": [1, 0, 2], "k0": 0, "k2": 2}
    assert rig.tenant.users["github|p1"]["user_metadata"] == {"v": [1], "k1": 1}
    assert rig.undo() == {"planned": 5, "undone": 5}
    assert rig.state() == Rig(world()).state()


def test_only_names_secondaries_of_the_journal() -> None:
    rig = Rig(world())
    rig.link(WORLD)

    with pytest.raises(InputError, match=r"1 id not among this journal's secondaries: github\|x$"):
        rig.undo(only=["github|x", "github|p1"])
    with pytest.raises(InputError, match=r"auth0\|p\. Give the ids that were linked into a primary"):
        rig.undo(only=["auth0|p"])


@pytest.mark.parametrize("order", [(B, C), (C, B)], ids=["first linked first", "last linked first"])
def test_what_another_linked_account_brought_too_stays_until_that_is_undone(order: tuple[str, str]) -> None:
    both = Rights(roles=frozenset({"rol_x"}), organizations={"org_x": frozenset({"rol_y"})})

    def fresh() -> Rig:
        return Rig(
            FakeTenant(
                user(A),
                user(B, "g", user_metadata={"k": 1, "l": [1]}),
                user(C, "f", user_metadata={"k": 1, "l": [1, 2]}),
                rights={B: both, C: both},
            )
        )

    rig = fresh()
    rig.link([[A, B], [A, C]])
    rig.undo(only=[order[0]])
    kept = rig.tenant.users[A]["user_metadata"]
    assert (kept["k"], kept["l"]) == (1, [1, 2] if order[0] == B else [1])
    assert rig.tenant.rights[A] == both
    rig.undo(only=[order[1]])
    assert rig.state() == {**fresh().state(), A: (rig.state()[A][0], Rights())}
    assert rig.tenant.users[A].get("user_metadata", {}) == {}


def test_what_somebody_changed_since_is_left_and_reported() -> None:
    rig = Rig(people())
    rig.link(CHAIN)
    kept = rig.tenant.users[A]
    kept["user_metadata"]["deep"]["two"] = "changed"
    kept["user_metadata"]["deep"]["new"] = True
    kept["app_metadata"]["m"].append(9)

    assert rig.undo() == {"planned": 3, "undone": 3}
    assert rig.tenant.users[A]["user_metadata"] == {
        "tags": ["x"],
        "deep": {"one": 1, "two": "changed", "new": True},
    }
    assert rig.tenant.users[A]["app_metadata"] == {"m": [9]}
    left = [path for row in rig.records("undo_outcome") for path in row.get("left", [])]
    assert left == ["auth0|a: user_metadata.deep.two"]


def test_a_membership_that_was_given_more_roles_is_left() -> None:
    rig = Rig(people())
    rig.link([[A, B]])
    rights = rig.tenant.rights[A]
    rig.tenant.rights[A] = Rights(
        rights.roles, rights.permissions, {**rights.organizations, "org_2": frozenset({"rol_o", "rol_new"})}
    )
    rig.undo()

    assert rig.tenant.rights[A].organizations == {
        "org_1": frozenset({"rol_o"}),
        "org_2": frozenset({"rol_new"}),
    }
    assert rig.records("undo_outcome")[0]["left"] == ["auth0|a: organizations.org_2"]


def test_a_primary_that_is_gone_is_reported_and_nothing_touched() -> None:
    rig = Rig(people())
    rig.link([[A, B]])
    del rig.tenant.users[A]

    assert rig.undo() == {"planned": 1, "left": 1}
    assert "Nothing was touched" in rig.records("undo_outcome")[0]["reason"]


@pytest.mark.parametrize("alive", [True, False], ids=["unlinked by somebody", "linked elsewhere"])
def test_a_secondary_that_is_not_there_any_more_is_reported(alive: bool) -> None:
    rig = Rig(people())
    rig.link([[A, B]])
    kept = rig.tenant.users[A]
    kept["identities"] = kept["identities"][:1]
    if alive:
        rig.tenant.users[B] = user(B, "google-oauth2")
    before = rig.state()

    assert rig.undo() == {"planned": 1, "left": 1}
    assert rig.state() == before


def test_a_pair_that_was_linked_before_the_run_is_not_undone() -> None:
    rig = Rig(FakeTenant(user(A, "db", identity(B, "google-oauth2"))))
    assert rig.link([[A, B]]) == {"planned": 1, "already_linked": 1}

    assert rig.undo() == {}
    assert rig.tenant.count("unlink") == 0


def test_without_its_snapshot_nothing_is_touched() -> None:
    rig = Rig(people())
    rig.link(CHAIN)
    before = rig.state()
    assert forget_snapshots(rig.store) > 0

    assert rig.undo() == {"planned": 3, "left": 3}
    assert rig.state() == before
    assert rig.link(CHAIN) == {"planned": 3, "linked": 3}


def test_a_dry_run_says_what_would_be_undone() -> None:
    rig = Rig(people())
    rig.link(CHAIN)
    before, files = rig.state(), dict(rig.store.files)

    assert rig.undo(dry_run=True) == {"planned": 3, "would_undo": 3}
    assert (rig.state(), rig.store.files) == (before, files)


def test_the_carry_of_a_pair_that_was_never_linked_is_taken_back() -> None:
    rig = Rig(people())
    before = rig.state()

    def die() -> None:
        raise Died

    rig.tenant.meets("link", Trouble(before=die))
    with suppress(Died):
        rig.link([[A, B]])
    assert rig.state() != before

    assert rig.undo() == {"planned": 1, "undone": 1}
    assert rig.state() == before


@pytest.mark.parametrize(
    "verb", ["unlink", "update_user", "add_roles", "link", "remove_roles", "remove_member"]
)
@pytest.mark.parametrize("done", [True, False], ids=["done", "not done"])
def test_a_lost_answer_is_settled(verb: str, done: bool) -> None:
    rig = Rig(world())
    rig.link(WORLD)
    rig.tenant.meets(verb, Trouble(LOST, done=done))

    assert rig.undo() == {"planned": 6, "undone": 6}
    assert rig.state() == Rig(world()).state()


def test_a_death_at_any_moment_of_an_undo_costs_nothing() -> None:
    merged = Rig(world())
    merged.link(WORLD)
    counting = DroppingStore(files=merged.store.files)
    again = Rig(world())
    again.link(WORLD)
    again.store = counting
    again.undo()
    for steps in range(counting.steps_taken + 1):
        rig = Rig(world())
        rig.link(WORLD)
        store = DroppingStore(steps, seed=steps, files=rig.store.files)
        rig.store = store
        with suppress(Died):
            rig.undo()
        rig.store = store.survivors()

        counts = rig.undo()
        assert set(counts) <= {"planned", "undone"}, f"died after {steps} steps: {counts}"
        assert rig.state() == Rig(world()).state(), f"died after {steps} steps"
        assert rig.link(WORLD) == {"planned": 6, "linked": 6}, f"died after {steps} steps"


@pytest.mark.parametrize("verb", ["unlink", "update_user", "add_roles", "link", "remove_roles", "add_member"])
def test_a_death_in_the_middle_of_a_step_costs_nothing(verb: str) -> None:
    def die() -> None:
        raise Died

    for number in range(12):
        for trouble in (Trouble(before=die), Trouble(after=die)):
            rig = Rig(world())
            rig.link(WORLD)
            rig.tenant.meets(verb, *[None] * number, trouble)
            with suppress(Died):
                rig.undo()
            rig.tenant._troubles.clear()
            rig.undo()

            assert rig.state() == Rig(world()).state(), f"{verb} {number}, {trouble}"


def test_a_database_users_profile_is_restored() -> None:
    rig = Rig(FakeTenant(user(A), user("auth0|s", "db", name="Changed by hand", user_metadata={"k": 1})))
    before = rig.state()
    rig.link([[A, "auth0|s"]], **NOTHING)
    row = rig.tenant.users[A]["identities"][1]
    row["profileData"] = {"name": "s@x.com"}
    rig.undo()

    assert rig.state() == before


def test_an_identity_of_its_own_that_somebody_unlinked_is_left() -> None:
    rig = Rig(people())
    rig.link([[A, D]])
    kept = rig.tenant.users[A]
    kept["identities"] = [each for each in kept["identities"] if each["provider"] != "twitter"]
    rig.tenant.users["twitter|t"] = user("twitter|t", "twitter")

    assert rig.undo() == {"planned": 1, "undone": 1}
    assert rig.records("undo_outcome")[0]["left"] == ["github|d: identity twitter|t"]
    assert "twitter|t" in rig.tenant.users


@pytest.mark.parametrize("carry", [CARRIED, ()], ids=["carried", "nothing carried"])
@pytest.mark.parametrize("broken", [b"no snapshots", b""], ids=["another file", "an empty file"])
def test_a_snapshot_that_cannot_be_read_fails_its_pair_and_what_hangs_on_it_alone(
    broken: bytes, carry: tuple[str, ...]
) -> None:
    names = ("google-oauth2|1", "facebook|2", "github|3", "apple|4")
    people = [user(each, "db", user_metadata={"k": {each: 1}}) for each in (A, "auth0|q", *names)]
    rig = Rig(FakeTenant(*people))
    for primary, secondary in [*((A, each) for each in names[:3]), ("auth0|q", names[3])]:
        rig.link([[primary, secondary]], carry=carry)  # a file for each
    place = next(row["snapshot"] for row in rig.records("intent") if row["secondary_user_id"] == names[1])
    rig.store.files[place["file"]] = broken
    failing = set(names[:2] if carry else names[1:2])

    assert rig.undo() == {"planned": 4, "undone": 4 - len(failing), "failed": len(failing)}
    ends = {row["secondary_user_id"]: row for row in rig.records("undo_outcome")}
    assert {name for name, row in ends.items() if row["outcome"] == "failed"} == failing
    assert all(place["file"] in ends[name]["reason"] for name in failing)
    assert set(names) - rig.tenant.users.keys() == failing


def dies_at(verb: str, number: int, rig: Rig) -> None:
    """Let an undo die just before one of its calls."""

    def die() -> None:
        raise Died

    rig.tenant.meets(verb, *[None] * number, Trouble(before=die))
    with suppress(Died):
        rig.undo()
    rig.tenant._troubles.clear()


def restored_halfway() -> Rig:
    """Restore a database's user, who was blocked, and die before its rights and the primary's turn."""
    secondary = user(S, "db", name="Ada", picture="old", blocked=True, user_metadata={"k": 1, "l": 2})
    rig = Rig(FakeTenant(user(A), secondary, rights={S: Rights(roles=frozenset({"rol_x"}))}))
    rig.link([[A, S]])
    rig.tenant.users[A]["identities"][1]["profileData"] = {"name": "s@x.com"}
    dies_at("add_roles", 0, rig)
    assert rig.tenant.users[S]["name"] == "Ada"
    return rig


S = "auth0|s"


def test_an_undo_taken_up_again_leaves_what_somebody_changed_of_the_account_since() -> None:
    rig = restored_halfway()
    account = rig.tenant.users[S]
    account |= {"name": "Ada King", "blocked": False}
    del account["user_metadata"]["l"]

    assert rig.undo() == {"planned": 1, "undone": 1}
    assert (account["name"], account["picture"], account["blocked"]) == ("Ada King", "old", False)
    assert account["user_metadata"] == {"k": 1}
    assert rig.records("undo_outcome")[-1]["left"] == [
        f"{S}: blocked",
        f"{S}: user_metadata.l",
        f"{S}: name",
    ]
    assert rig.tenant.rights[S] == Rights(roles=frozenset({"rol_x"}))


def test_an_undo_that_died_before_the_account_was_restored_restores_it() -> None:
    rig = Rig(FakeTenant(user(A), user(S, "db", name="Ada", user_metadata={"k": 1})))
    before = rig.state()
    rig.link([[A, S]])
    rig.tenant.users[A]["identities"][1]["profileData"] = {"name": "s@x.com"}
    dies_at("update_user", 0, rig)

    assert rig.undo() == {"planned": 1, "undone": 1}
    assert rig.state() == before


def test_what_is_left_is_told_once_though_a_second_pass_finds_it_again() -> None:
    rig = Rig(people())
    rig.link([[A, B]])
    rig.tenant.users[A]["user_metadata"]["deep"]["two"] = "changed"
    rig.tenant.meets("remove_roles", Trouble(LOST))
    rig.tenant._ends = rig.tenant.clock() + 1

    assert rig.undo() == {"planned": 1, "undone": 1}
    ends = [(row["outcome"], row.get("left")) for row in rig.records("undo_outcome")]
    assert [name for name, _ in ends] == ["failed", "undone"]
    assert ends[-1][1] == [f"{A}: user_metadata.deep.two"]


@pytest.mark.parametrize("lost_reads", [1, 100], ids=["read again in the further pass", "never read"])
def test_an_unlink_that_may_be_ours_is_gone_on_with(lost_reads: int) -> None:
    """An account that was unlinked unseen is not taken for one that somebody unlinked: it is restored."""
    before = Rig(world()).state()
    rig = Rig(world())
    rig.link(WORLD)
    outage = [Trouble(LOST)] * lost_reads
    rig.tenant.meets("unlink", Trouble(LOST, done=True, after=lambda: rig.tenant.meets("get_user", *outage)))

    counts = rig.undo()

    if lost_reads == 1:
        assert counts == {"planned": 6, "undone": 6}
    else:
        assert counts["unknown"] == 1
        assert "undone" not in counts
        rig.tenant._troubles.clear()
        assert rig.undo()["undone"] == 6
    assert rig.state() == before


def levels() -> FakeTenant:
    """Build four accounts of one person, of which each is to be linked into the next, and two beside them."""
    return FakeTenant(
        user(
            A,
            "db",
            identity("sms|a", profileData={}),
            user_metadata={"v": [0], "a": 1},
            app_metadata={"r": ["x"]},
        ),
        user(
            B, "g", identity("sms|b", profileData={}), user_metadata={"v": [1], "b": {"k": 1}}, blocked=True
        ),
        user(C, "f", user_metadata={"v": [2], "b": {"l": 2}}, app_metadata={"r": ["y"]}),
        user(D, "h", user_metadata={"v": [3], "d": 0}),
        user("github|1", "github", user_metadata={"v": [4]}),
        user("github|2", "github", user_metadata={"v": [2, 5]}),
        rights={
            A: Rights(frozenset({"r1"}), organizations={"o": frozenset({"m"})}),
            B: Rights(frozenset({"r1", "r2"})),
            C: Rights(frozenset(), frozenset({("api", "read")}), {"o": frozenset({"n"})}),
        },
    )


RUNS = [[[B, A], [C, "github|1"]], [[C, B]], [[D, C], [D, "github|2"]]]
"""One run for each level: what became a primary in one is a secondary in the next."""

LEVELS = sum(map(len, RUNS))


def linked_by_levels(**options: Any) -> Rig:
    """Link by levels into one journal."""
    rig = Rig(levels())
    for pairs in RUNS:
        assert rig.link(pairs, **options) == {"planned": len(pairs), "linked": len(pairs)}
    return rig


@pytest.mark.parametrize(
    "options", [{}, {"conflicts": "secondary"}, {"carry": METADATA}, {"carry": ()}], ids=str
)
def test_one_undo_takes_back_all_levels_of_several_runs(options: dict[str, Any]) -> None:
    rig = linked_by_levels(**options)
    before = rig.state()

    assert rig.undo(dry_run=True) == {"planned": LEVELS, "would_undo": LEVELS}
    assert rig.state() == before
    assert rig.undo() == {"planned": LEVELS, "undone": LEVELS}
    assert rig.state() == Rig(levels()).state()
    assert [row["left"] for row in rig.records("undo_outcome") if row.get("left")] == []


@pytest.mark.parametrize(
    ("only", "end"),
    [
        pytest.param([A, B, C], {"planned": 3, "undone": 3}, id="a whole line"),
        pytest.param([B, C], {"planned": 2, "undone": 2}, id="the last two levels"),
        pytest.param([C], {"planned": 1, "undone": 1}, id="the last level"),
        pytest.param([A, C], {"planned": 2, "undone": 1, "left": 1}, id="one that hangs on what stays"),
        pytest.param(["github|1", C], {"planned": 2, "undone": 2}, id="beside the line"),
    ],
)
@pytest.mark.parametrize("dry_run", [False, True])
def test_some_of_the_levels_are_undone_and_then_the_rest(
    only: list[str], end: dict[str, int], dry_run: bool
) -> None:
    rig = linked_by_levels()
    foreseen = {name.replace("undone", "would_undo"): count for name, count in end.items()}

    if dry_run:
        assert rig.undo(only=only, dry_run=True) == foreseen
    assert rig.undo(only=only) == end
    rest = LEVELS - end["undone"]
    assert rig.undo() == {"planned": rest, "undone": rest}
    assert rig.state() == Rig(levels()).state()


def test_what_hangs_on_a_pair_that_failed_waits_and_the_rest_goes_on() -> None:
    rig = Rig(levels())
    rig.link([[C, B], ["github|1", "github|2"]])
    rig.link([[D, C], [D, "github|1"]])
    busy = Trouble(RateLimitedError("429"))
    rig.tenant.meets("unlink", None, busy, None, busy)

    assert rig.undo() == {"planned": 4, "undone": 2, "failed": 2}
    assert set(rig.tenant.users) == {A, D, "github|1", "github|2"}
    assert {row["secondary_user_id"] for row in rig.records("undo_intent")} == {"github|1", "github|2", C}
    assert rig.undo() == {"planned": 2, "undone": 2}
    assert rig.state() == Rig(levels()).state()


def test_a_death_at_any_moment_of_an_undo_of_levels_costs_nothing() -> None:
    counting = linked_by_levels()
    counting.store = DroppingStore(files=counting.store.files)
    counting.undo()
    for steps in range(counting.store.steps_taken + 1):
        rig = linked_by_levels()
        store = DroppingStore(steps, seed=steps, files=rig.store.files)
        rig.store = store
        with suppress(Died):
            rig.undo()
        rig.store = store.survivors()

        assert set(rig.undo()) <= {"planned", "undone"}, f"died after {steps} steps"
        assert rig.state() == Rig(levels()).state(), f"died after {steps} steps"


@pytest.mark.parametrize("verb", ["unlink", "update_user", "link"])
def test_a_death_in_the_middle_of_an_undo_of_levels_costs_nothing(verb: str) -> None:
    def die() -> None:
        raise Died

    for number in range(8):
        for trouble in (Trouble(before=die), Trouble(after=die)):
            rig = linked_by_levels()
            rig.tenant.meets(verb, *[None] * number, trouble)
            with suppress(Died):
                rig.undo()
            rig.tenant._troubles.clear()
            rig.undo()

            assert rig.state() == Rig(levels()).state(), f"{verb} {number}, {trouble}"


@pytest.mark.parametrize("values", [(0, 1, 0), (0, [0], 0), ({"a": 1}, 1, 0)], ids=str)
def test_runs_that_followed_each_other_into_one_primary_are_undone_at_once(values: tuple[Any, ...]) -> None:
    others = [user(f"github|{n}", "github", app_metadata={"k": each}) for n, each in enumerate(values)]
    rig = Rig(FakeTenant(user(A, app_metadata={"k": 0}), *others))
    before = rig.state()
    for each in others:
        rig.link([[A, each["user_id"]]], conflicts="secondary")

    assert rig.undo() == {"planned": 3, "undone": 3}
    assert rig.state() == before
    assert [row["left"] for row in rig.records("undo_outcome") if row.get("left")] == []


def test_a_circle_is_undone_by_the_order_of_its_links() -> None:
    rig = Rig(levels())
    rig.link([[A, B]])
    rig.tenant.unlink(UserId.parse(A, "a"), UserId.parse(B, "b"))
    rig.link([[B, A]])

    assert rig.undo() == {"planned": 2, "undone": 1, "left": 1}
    assert rig.tenant.users.keys() == levels().users.keys()


@pytest.mark.parametrize("forgotten", [C, B])
def test_a_dry_run_foresees_what_hangs_on_a_snapshot_that_is_gone(forgotten: str) -> None:
    rig = linked_by_levels()
    gone = next(each for each in rig.records("intent") if each["secondary_user_id"] == forgotten)
    rig.store.delete(gone["snapshot"]["file"])
    foreseen = rig.undo(dry_run=True)

    assert foreseen["left"]
    assert {name.replace("would_undo", "undone"): count for name, count in foreseen.items()} == rig.undo()


def test_a_dry_run_foresees_what_somebody_unlinked_from_the_last_primary() -> None:
    rig = linked_by_levels()
    rig.tenant.unlink(UserId.parse(D, "d"), UserId.parse(A, "a"))

    assert rig.undo(dry_run=True) == {"planned": LEVELS, "would_undo": LEVELS - 1, "left": 1}
    assert rig.undo() == {"planned": LEVELS, "undone": LEVELS - 1, "left": 1}


@pytest.mark.parametrize("retried", [False, True], ids=["undone at once", "refused in a retry first"])
def test_what_was_carried_of_a_pair_that_the_limit_held_back_is_taken_back(retried: bool) -> None:
    """Its link was surely not made, but its rights are the primary's until an undo, or a try that ends, looks."""
    before = Rig(world()).state()
    rig = Rig(world())
    primary, secondary = WORLD[0]
    rig.tenant.meets("link", *[Trouble(RateLimitedError("429"))] * 2)
    rig.tenant._ends = rig.tenant.clock()

    assert rig.link([[primary, secondary]]) == {"planned": 1, "failed": 1}
    assert rig.state() != before
    rig.tenant._ends += 600
    if retried:
        rig.tenant.meets("link", Trouble(BadRequestError("400: unable to link")))
        assert rig.link([[primary, secondary]]) == {"planned": 1, "failed": 1}
        assert rig.undo() == {}
    else:
        assert rig.undo() == {"planned": 1, "undone": 1}
    assert rig.state() == before


def test_with_secondaries_values_the_rest_of_a_primary_waits_for_a_pair_that_carried() -> None:
    first, second, primary = "github|first", "facebook|second", "auth0|primary"
    tenant = FakeTenant(
        user(primary, "db", user_metadata={"k": 0}),
        user(first, "github", user_metadata={"k": 1}),
        user(second, "facebook", user_metadata={"k": 0}),
    )
    rig = Rig(tenant)
    before = rig.state()
    tenant.meets("link", Trouble(RateLimitedError("429")))
    tenant._ends = tenant.clock()

    pairs = [[primary, first], [primary, second]]
    assert rig.link(pairs, conflicts="secondary", guards=("not_blocked",)) == {"planned": 2, "linked": 2}
    assert tenant.users[primary]["user_metadata"] == {"k": 0}
    assert rig.undo() == {"planned": 2, "undone": 2}
    assert rig.state() == before
