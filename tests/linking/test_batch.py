"""Many pairs: order, chains, what is written down, resumption, and ends before the end."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from airflow_provider_auth0link.errors import (
    AmbiguousError,
    Auth0LinkError,
    BadRequestError,
    ConflictError,
    ForbiddenError,
    InputError,
    SameIdentityError,
    StoppedError,
    StoreError,
)
from airflow_provider_auth0link.linking.job import Job
from airflow_provider_auth0link.linking.options import Options
from airflow_provider_auth0link.linking.pair import link_steps
from airflow_provider_auth0link.model import Pair, Rights, UserId
from tests.fakes.store import Died, DroppingStore, MemoryStore
from tests.fakes.tenant import FakeTenant, Trouble, identity, user
from tests.linking.rig import EVERYTHING, NOTHING, Rig, ended

A, B, C, D = "auth0|a", "google-oauth2|b", "facebook|c", "github|d"
LOST = AmbiguousError("the connection broke")


def people() -> FakeTenant:
    """Return four accounts of one person, with data that meet and rights of their own."""
    return FakeTenant(
        user(A, "db", user_metadata={"tags": ["x"], "deep": {"one": 1}}, email="p@x", email_verified=True),
        user(B, "google-oauth2", user_metadata={"tags": ["y"], "deep": {"two": 2}}, app_metadata={"k": 1}),
        user(
            C, "facebook", user_metadata={"deep": {"two": 3, "none": None}}, app_metadata={"k": 2, "m": [1]}
        ),
        user(D, "github", identity("twitter|t", "twitter", profileData={}), app_metadata={"m": [2]}),
        rights={
            A: Rights(roles=frozenset({"rol_a"}), organizations={"org_1": frozenset({"rol_o"})}),
            B: Rights(
                roles=frozenset({"rol_a", "rol_b"}),
                permissions=frozenset({("api", "read:x")}),
                organizations={"org_1": frozenset({"rol_p"}), "org_2": frozenset({"rol_o"})},
            ),
            D: Rights(roles=frozenset({"rol_b", "rol_d"}), organizations={"org_2": frozenset({"rol_q"})}),
        },
    )


CHAIN = [[A, B], [B, C], [A, D]]


def test_everything_of_a_chain_arrives_at_its_end() -> None:
    rig = Rig(people())

    assert rig.link(CHAIN) == {"planned": 3, "linked": 3}
    assert list(rig.tenant.users) == [A]
    kept = rig.tenant.users[A]
    assert [f"{each['provider']}|{each['user_id']}" for each in kept["identities"]] == [
        A,
        B,
        C,
        D,
        "twitter|t",
    ]
    assert kept["user_metadata"] == {"tags": ["x", "y"], "deep": {"one": 1, "two": 2}}
    assert kept["app_metadata"] == {"k": 1, "m": [1, 2]}
    assert rig.tenant.rights[A] == Rights(
        roles=frozenset({"rol_a", "rol_b", "rol_d"}),
        permissions=frozenset({("api", "read:x")}),
        organizations={"org_1": frozenset({"rol_o", "rol_p"}), "org_2": frozenset({"rol_o", "rol_q"})},
    )


def test_nothing_changes_before_its_intent_is_durable() -> None:
    rig = Rig(people())
    seen: list[tuple[str, int]] = []

    def look(verb: str) -> Callable[[], object]:
        return lambda: seen.append((verb, len(rig.records("intent"))))

    for verb in ("update_user", "add_roles", "link"):
        rig.tenant.meets(verb, *[Trouble(before=look(verb))] * 3)
    rig.link(CHAIN)

    assert [number for verb, number in seen if verb == "link"] == [1, 2, 3]
    assert all(number > 0 for _, number in seen)


def test_the_journal_tells_all_of_it() -> None:
    rig = Rig(people())
    rig.link(CHAIN)
    header, intents, outcomes = (rig.records(kind) for kind in ("header", "intent", "outcome"))

    assert [(row["format"], row["tenant"], row["command"]) for row in header] == [
        (1, "acme.eu.auth0.com", "link")
    ]
    assert [row["secondary_user_id"] for row in intents] == [B, C, D]
    assert {row["primary_user_id"] for row in intents} == {A}
    assert intents[1]["planned_primary_user_id"] == B
    assert intents[0]["carried"] == [
        "user_metadata.tags",
        "user_metadata.deep.two",
        "app_metadata.k",
        "roles.rol_b",
        "permissions.read:x@api",
        "organizations.org_1.rol_p",
        "organizations.org_2",
        "organizations.org_2.rol_o",
    ]
    assert [each["provider"] for each in intents[2]["identities"]] == ["github", "twitter"]
    assert [row["outcome"] for row in outcomes] == ["linked"] * 3
    numbers = [row["n"] for name in rig.store.written for row in _rows(rig.store, name)]
    assert numbers == sorted(set(numbers))


def _rows(store: MemoryStore, name: str) -> list[dict[str, Any]]:
    from airflow_provider_auth0link.linking.records import decoded

    return list(decoded(name, store.files[name])) if name.endswith(".jsonl") else []


def test_no_metadata_and_no_profile_stand_in_the_index() -> None:
    tenant = FakeTenant(user(A), user(B, "g", email="secret@x.com", user_metadata={"k": "private"}))
    rig = Rig(tenant)
    rig.link([[A, B]])

    index = b"".join(data for name, data in rig.store.files.items() if name.endswith(".jsonl"))
    assert b"secret@x.com" not in index
    assert b"private" not in index
    assert b'"user_metadata.k"' in index


def test_pairs_that_are_done_are_not_asked_about() -> None:
    rig = Rig(people())
    rig.link(CHAIN)
    before = list(rig.tenant.calls)

    assert rig.link(CHAIN) == {"planned": 3, "linked": 3}
    assert rig.tenant.calls == before
    assert len(rig.records("header")) == 1


def test_a_pair_refused_cuts_off_what_hangs_on_it() -> None:
    tenant = people()
    tenant.users[B]["blocked"] = True
    rig = Rig(tenant)

    assert rig.link(CHAIN, guards=("not_blocked",)) == {"planned": 3, "linked": 1, "refused": 2}
    reasons = {row["secondary_user_id"]: row.get("reason", "") for row in rig.records("outcome")}
    assert reasons[B] == "not_blocked: the secondary is blocked"
    assert reasons[C].startswith("cut off: it was to follow 'google-oauth2|b' into 'auth0|a'")
    assert {B, C} <= set(tenant.users)
    del tenant.users[B]["blocked"]
    assert rig.link(CHAIN, guards=("not_blocked",)) == {"planned": 3, "linked": 3}


def test_the_plans_own_pair_is_what_evidence_is_checked_on() -> None:
    tenant = FakeTenant(
        user(A, email="a@x"), user(B, "g", email="b@x"), user(C, "f", email="b@x"), user(D, "h", email="d@x")
    )
    lines = [
        {"primary_user_id": A, "secondary_user_id": B},
        {"primary_user_id": B, "secondary_user_id": C, "evidence": {"email": "b@x"}},
        {"primary_user_id": C, "secondary_user_id": D, "evidence": {"email": "b@x"}},
    ]
    rig = Rig(tenant)

    assert rig.link(lines) == {"planned": 3, "linked": 2, "refused": 1}
    assert rig.records("outcome")[-1]["reason"] == "drifted: email"


def test_the_middle_of_a_chain_that_is_linked_already_is_known_from_the_journal() -> None:
    lines = [
        {"primary_user_id": A, "secondary_user_id": B},
        {"primary_user_id": B, "secondary_user_id": C, "evidence": {"email": "b@x"}},
    ]
    rig = Rig(FakeTenant(user(A, email="a@x"), user(B, "g", email="b@x"), user(C, "f", email="b@x")))
    rig.tenant.meets("link", None, Trouble(BadRequestError("400")))

    assert rig.link(lines) == {"planned": 2, "linked": 1, "failed": 1}
    assert rig.link(lines) == {"planned": 2, "linked": 2}


def test_the_middle_of_a_chain_that_somebody_linked_stands_for_itself() -> None:
    inside = identity(B, "g", profileData={"email": "b@x"})
    tenant = FakeTenant(user(A, "db", inside, email="a@x"), user(C, "f", email="b@x"))
    lines = [
        {"primary_user_id": A, "secondary_user_id": B},
        {"primary_user_id": B, "secondary_user_id": C, "evidence": {"email": "b@x"}},
    ]

    assert Rig(tenant).link(lines) == {"planned": 2, "linked": 1, "already_linked": 1}


def test_a_link_refused_for_good_leaves_the_primary_as_it_was() -> None:
    rig = Rig(people())
    before = rig.state()
    rig.tenant.meets("link", Trouble(BadRequestError("400: unable to link")))

    assert rig.link([[A, B]]) == {"planned": 1, "failed": 1}
    assert rig.state() == before
    assert "what was carried is taken back" in rig.records("outcome")[0]["reason"]


@pytest.mark.parametrize("already", [ConflictError, SameIdentityError], ids=["409", "400"])
@pytest.mark.parametrize("verb", ["update_user", "add_roles", "add_member", "link"])
def test_a_lost_answer_is_settled(verb: str, already: type[Auth0LinkError]) -> None:
    undisturbed = Rig(people())
    undisturbed.link(CHAIN)
    for done in (True, False):
        tenant = people()
        tenant._already = already
        tenant.meets(verb, Trouble(LOST, done=done))
        rig = Rig(tenant)

        assert rig.link(CHAIN) == {"planned": 3, "linked": 3}
        assert rig.state() == undisturbed.state()


def test_what_failed_in_passing_gets_one_further_pass() -> None:
    tenant = people()
    tenant.meets("get_user", Trouble(AmbiguousError("the connection broke")))
    rig = Rig(tenant)

    assert rig.link(CHAIN) == {"planned": 3, "linked": 3}
    assert [row["outcome"] for row in rig.records("outcome")] == ["failed"] * 2 + ["linked"] * 3


def test_a_token_that_lacks_a_scope_ends_the_run() -> None:
    tenant = people()
    tenant.meets("link", Trouble(ForbiddenError("403")))
    batch = Rig(tenant).batch([[A, B], [C, D]])

    with pytest.raises(ForbiddenError):
        ended(batch)
    counts = batch.close()
    assert tenant.count("link") == 1
    assert (counts["planned"], counts["failed"]) == (2, 2)


def test_after_a_stop_nothing_is_begun_and_the_counts_add_up() -> None:
    tenant = people()
    rig = Rig(tenant)
    batch = rig.batch(CHAIN)
    tenant.meets("link", Trouble(after=lambda: batch.stop(0)))
    batch.start()

    assert batch.wait(20)
    counts = batch.close()
    assert (counts["linked"], counts["failed"], counts["unknown"]) == (1, 2, 0)
    assert [row["outcome"] for row in rig.records("outcome")] == ["linked"]
    assert rig.link(CHAIN) == {"planned": 3, "linked": 3}


def test_what_a_stop_kept_from_being_sent_counts_as_no_try() -> None:
    pairs = [[f"auth0|p{number}", f"g|s{number}"] for number in range(3)]
    people = [user(each, each.partition("|")[0]) for pair in pairs for each in pair]
    rig = Rig(FakeTenant(*people))
    batch = rig.batch(pairs)
    rig.tenant.meets("link", Trouble(before=lambda: batch.stop(0)))
    batch.start()
    assert batch.wait(20)
    counts = batch.close()
    linked = next(row["secondary_user_id"] for row in rig.records("outcome") if row["outcome"] == "linked")
    late = [(primary, secondary) for primary, secondary in pairs if secondary != linked]
    for primary, secondary in late:  # somebody else links them
        rig.tenant.link(UserId.parse(primary, ""), UserId.parse(secondary, ""))

    assert (counts["linked"], counts["failed"], counts["unknown"]) == (1, 2, 0)
    assert batch.tally.fresh == 1
    assert len(rig.records("intent")) == 3
    assert rig.link(pairs) == {"planned": 3, "linked": 1, "already_linked": 2}
    assert rig.undo() == {"planned": 1, "undone": 1}


def test_what_may_have_been_sent_before_a_stop_is_unknown() -> None:
    primary, secondary = UserId.parse("auth0|p", ""), UserId.parse("g|s", "")
    job = Job.of(Pair(primary, secondary))
    job.tried = True
    tenant = FakeTenant(user(str(primary)), user(str(secondary), "g"))
    steps = link_steps(tenant, job, Options.checked(**EVERYTHING))
    next(steps)
    with pytest.raises(StopIteration) as end:
        steps.throw(StoppedError("stopped before it was sent"))

    assert end.value.value.name == "unknown"
    assert tenant.count("link") == 0


def test_a_journal_that_cannot_be_written_ends_the_run_before_a_change() -> None:
    class Full(MemoryStore):
        def write(self, name: str, data: bytes) -> None:
            raise StoreError(f"{name}: no space left")

    rig = Rig(people(), Full())
    before = rig.state()
    with pytest.raises(StoreError):
        rig.link(CHAIN)
    assert rig.state() == before


def test_a_dry_run_checks_and_changes_nothing() -> None:
    tenant = people()
    tenant.users[C]["blocked"] = True
    rig = Rig(tenant)
    before = rig.state()

    counts = rig.link(CHAIN, guards=("not_blocked",), dry_run=True)
    assert counts == {"planned": 3, "would_link": 2, "refused": 1}
    assert rig.state() == before
    assert rig.store.files == {}


def test_a_dry_run_with_nothing_to_check_asks_nothing() -> None:
    rig = Rig(people())

    assert rig.link(CHAIN, dry_run=True, **{**NOTHING, "snapshot": None}) == {"planned": 3, "would_link": 3}
    assert rig.tenant.calls == []


def test_without_carry_and_guards_a_pair_costs_two_requests() -> None:
    rig = Rig(people())
    rig.link([[A, B]], **NOTHING)

    assert rig.tenant.calls == ["get_user", "link"]


class Noting(FakeTenant):
    """A tenant that notes which connection every link names."""

    def link(self, primary: UserId, secondary: UserId, connection_id: str | None = None, **more: Any) -> Any:
        self.calls.append(str(connection_id))
        return super().link(primary, secondary, connection_id, **more)


def test_another_databases_account_under_the_same_id_is_named_in_the_link() -> None:
    one, two = "auth0|same", "con_0000000000000001"
    tenant = Noting(user(A), user(one, "second"), connections={two: "second", "con_0000000000000002": "db"})

    assert Rig(tenant).link([[A, one]]) == {"planned": 1, "linked": 1}
    assert tenant.calls[-2:] == [two, "link"]


def test_an_identity_of_another_database_is_not_taken_for_the_account() -> None:
    one = "auth0|same"
    tenant = FakeTenant(user(A, "db", identity(one, "first")), user(one, "second"))
    tenant.meets("link", Trouble(ConflictError("409")), Trouble(ConflictError("409")))

    assert Rig(tenant).link([[A, one]]) == {"planned": 1, "failed": 1}
    assert one in tenant.users


def test_a_journal_of_another_tenant_is_refused() -> None:
    rig = Rig(people())
    rig.link([[A, B]])

    with pytest.raises(InputError, match="belongs to the tenant"):
        rig.journal(tenant="other.auth0.com")


def world() -> FakeTenant:
    tenant = people()
    tenant.users |= {each["user_id"]: each for each in (user("auth0|p", user_metadata={"v": [1]}),)}
    for n in range(3):
        tenant.users[f"github|p{n}"] = user(f"github|p{n}", "github", user_metadata={"v": [n], f"k{n}": n})
    return tenant


WORLD = [*CHAIN, *[["auth0|p", f"github|p{n}"] for n in range(3)]]


@pytest.mark.parametrize("already", [ConflictError, SameIdentityError], ids=["409", "400"])
def test_a_death_at_any_moment_of_the_journal_costs_nothing(already: type[Auth0LinkError]) -> None:
    undisturbed = Rig(world())
    undisturbed.link(WORLD)
    counting = DroppingStore()
    Rig(world(), counting).link(WORLD)
    for steps in range(counting.steps_taken + 1):
        tenant = world()
        tenant._already = already
        store = DroppingStore(steps, seed=steps)
        died = Rig(tenant, store)
        with suppress(Died):
            died.link(WORLD)
        rig = Rig(tenant, store.survivors())

        assert rig.link(WORLD) == {"planned": 6, "linked": 6}, f"died after {steps} steps"
        assert rig.state() == undisturbed.state(), f"died after {steps} steps"
        assert rig.undo() == {"planned": 6, "undone": 6}, f"died after {steps} steps"
        assert rig.state() == Rig(world()).state(), f"died after {steps} steps"


@pytest.mark.parametrize("guards", [(), ("not_blocked",)], ids=["", "a chain that is read first"])
@pytest.mark.parametrize("lost_reads", [1, 100], ids=["read again in the further pass", "never read"])
def test_a_link_that_may_be_ours_stays_so_until_a_reading_tells(
    lost_reads: int, guards: tuple[str, ...]
) -> None:
    """What was sent and could not be looked at is unknown, whatever a further pass meets, and an undo takes it back."""
    before = Rig(people()).state()
    rig = Rig(people())
    outage = [Trouble(LOST)] * lost_reads
    rig.tenant.meets("link", Trouble(LOST, done=True, after=lambda: rig.tenant.meets("get_user", *outage)))

    counts = rig.link([[A, B], [B, C]], guards=guards)

    first = [row["outcome"] for row in rig.records("outcome") if row["secondary_user_id"] == B]
    if lost_reads == 1:
        assert counts == {"planned": 2, "linked": 2}
        assert first == ["unknown", "linked"]
    else:
        assert counts == {"planned": 2, "unknown": 1, "failed": 1}
        assert first == ["unknown", "unknown"]
    rig.tenant._troubles.clear()
    assert rig.link([[A, B], [B, C]], guards=guards) == {"planned": 2, "linked": 2}
    assert rig.undo() == {"planned": 2, "undone": 2}
    assert rig.state() == before
