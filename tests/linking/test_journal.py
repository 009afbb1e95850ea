"""The journal: what it refuses, what it keeps apart, and what its records say of a pair."""

from __future__ import annotations

import json
from itertools import permutations
from typing import Any

import pytest
from cryptography.fernet import Fernet

from airflow_provider_auth0link.errors import InputError, SettingsError
from airflow_provider_auth0link.keys import Seal
from airflow_provider_auth0link.linking.history import History, Known
from airflow_provider_auth0link.linking.journal import forget_snapshots, read_history
from airflow_provider_auth0link.linking.records import encoded
from airflow_provider_auth0link.linking.report import report
from airflow_provider_auth0link.linking.tries import Ref
from airflow_provider_auth0link.model import Rights
from tests.fakes.store import MemoryStore
from tests.fakes.tenant import FakeTenant, identity, user
from tests.linking.rig import HOST, Rig

A, B = "auth0|a", "google-oauth2|b"
ONE, TWO, THREE = (f"{number}-0-" + f"{number}" * 32 for number in (1, 2, 3))


def record(n: int, kind: str, **more: Any) -> dict[str, Any]:
    return {"at": "", "kind": kind, "n": n, "primary_user_id": A, "secondary_user_id": B, **more}


def header(n: int) -> dict[str, Any]:
    return {"at": "", "kind": "header", "n": n, "format": 1, "tenant": HOST}


def known(*records: tuple[str, dict[str, Any]]) -> Known:
    """Fold records, each with its writer, in the worst order."""
    history = History()
    for writer, row in reversed(records):
        history.add(writer, [row])
    return history.of((A, B, ""))


def place(line: int) -> dict[str, Any]:
    return {"snapshot": {"file": "f", "line": line}}


def test_an_undo_that_ended_beside_another_ones_beginning_is_gone_on_with() -> None:
    linked = ((ONE, record(2, "intent", **place(0))), (ONE, record(3, "outcome", outcome="linked")))
    first = ((TWO, header(4)), (TWO, record(5, "undo_intent")))
    other = ((THREE, header(4)), (THREE, record(6, "undo_intent")))
    ended = ((TWO, record(7, "undo_outcome", outcome="undone")),)
    later = ((THREE, record(9, "undo_outcome", outcome="undone")),)
    told = known(*linked, *first, *other, *ended)
    done = known(*linked, *first, *other, *ended, *later)

    assert (told.undone, told.undoing, told.refs) == (False, True, (Ref("f", 0),))
    assert (done.undone, done.undoing, done.outcome, done.undone_refs) == (True, False, None, (Ref("f", 0),))


def test_an_undo_is_ended_by_a_writer_that_had_read_of_it() -> None:
    linked = ((ONE, record(2, "intent", **place(0))), (ONE, record(3, "outcome", outcome="linked")))
    dead = ((TWO, header(4)), (TWO, record(5, "undo_intent")))
    retry = ((THREE, header(6)), (THREE, record(7, "undo_outcome", outcome="undone")))

    assert known(*linked, *dead, *retry).undone


def test_an_intent_alone_may_have_linked() -> None:
    told = known((ONE, record(1, "intent", **place(0))))

    assert (told.outcome, told.tried, told.done, told.refs) == (None, True, False, (Ref("f", 0),))


@pytest.mark.parametrize(
    ("outcome", "open_", "tried", "done"),
    [
        ("linked", False, False, True),
        ("already_linked", False, False, True),
        ("refused", False, False, False),
        ("failed", False, False, False),
        ("failed", True, True, False),
        ("unknown", False, True, False),
    ],
)
def test_the_last_outcome_rules(outcome: str, open_: bool, tried: bool, done: bool) -> None:
    told = known(
        (ONE, record(1, "intent")),
        (ONE, record(2, "outcome", outcome="failed")),
        (ONE, record(3, "intent")),
        (ONE, record(4, "outcome", outcome=outcome, open=open_)),
    )

    assert (told.outcome, told.tried, told.done) == (outcome, tried, done)


def test_the_last_undo_is_told_until_a_new_try() -> None:
    linked = (ONE, record(1, "intent")), (ONE, record(2, "outcome", outcome="linked"))
    left = (TWO, record(3, "undo_outcome", outcome="left", reason="changed"))
    undone = (TWO, record(4, "undo_outcome", outcome="undone"))

    assert known(*linked).undo is None
    assert (known(*linked, left).undo, known(*linked, left).undo_reason) == ("left", "changed")
    assert (known(*linked, left, undone).undo, known(*linked, left, undone).undone) == ("undone", True)
    assert known(*linked, left, undone, (ONE, record(5, "intent"))).undo is None


def test_what_a_zombie_linked_is_not_somebody_elses_link() -> None:
    zombie, retry = (ONE, record(1, "intent", **place(0))), (TWO, record(1, "intent", **place(1)))
    told = known(zombie, retry, (TWO, record(2, "outcome", outcome="already_linked")))

    assert (told.outcome, told.done) == ("linked", True)
    assert told.refs == (Ref("f", 0), Ref("f", 1))


def test_a_link_that_was_seen_rules_over_a_zombies_failure() -> None:
    told = known(
        (ONE, record(1, "intent")),
        (TWO, record(2, "intent")),
        (TWO, record(3, "outcome", outcome="linked")),
        (ONE, record(4, "outcome", outcome="failed")),
    )

    assert told.outcome == "linked"


def test_an_undo_makes_a_pair_new_again() -> None:
    linked = (ONE, record(1, "intent", **place(0))), (ONE, record(2, "outcome", outcome="linked"))
    undone = (TWO, record(3, "undo_intent")), (TWO, record(4, "undo_outcome", outcome="undone"))

    assert known(*linked, undone[0]).undoing
    assert not known(*linked, undone[0]).done
    after = known(*linked, *undone)
    assert (after.outcome, after.undone, after.refs, after.undone_refs) == (None, True, (), (Ref("f", 0),))
    again = known(*linked, *undone, (ONE, record(5, "intent", **place(7))))
    assert (again.undone, again.tried, again.refs) == (False, True, (Ref("f", 7),))


@pytest.mark.parametrize(
    ("outcome", "undoing", "done"), [("left", False, True), ("failed", True, False), ("unknown", True, False)]
)
def test_an_undo_that_did_not_come_to_its_end(outcome: str, undoing: bool, done: bool) -> None:
    told = known(
        (ONE, record(1, "intent")),
        (ONE, record(2, "outcome", outcome="linked")),
        (TWO, record(3, "undo_intent")),
        (TWO, record(4, "undo_outcome", outcome=outcome)),
    )

    assert (told.outcome, told.undoing, told.done) == ("linked", undoing, done)


def segment(*records: dict[str, Any]) -> MemoryStore:
    return MemoryStore({f"{ONE}-0.jsonl": b"".join(encoded(each) for each in records)})


@pytest.mark.parametrize(
    ("data", "told"),
    [
        pytest.param(b"{", f"line 1 of {ONE}-0.jsonl is no record", id="cut off"),
        pytest.param(b"[]\n", "line 1 of", id="no object"),
        pytest.param(b'{"kind":"intent","n":1}\n', "line 1 of", id="no pair"),
        pytest.param(b'{"kind":"header","n":"1"}\n', "line 1 of", id="no number"),
        pytest.param(b'{"kind":"header","n":null}\n', "line 1 of", id="null for a number"),
        pytest.param(
            b'{"kind":"header","n":1,"format":2,"tenant":"acme.eu.auth0.com"}\n', "newer version", id="newer"
        ),
        pytest.param(
            b'{"kind":"header","n":1,"format":1,"tenant":"b.auth0.com"}\n', "'b.auth0.com'", id="another's"
        ),
        pytest.param(encoded(record(1, "intent", snapshot=7)), "names no snapshot's place", id="no place"),
    ],
)
def test_a_journal_that_is_not_for_us_is_refused(data: bytes, told: str) -> None:
    with pytest.raises(InputError) as caught:
        read_history(MemoryStore({f"{ONE}-0.jsonl": data}), HOST)
    assert told in str(caught.value)


def test_what_is_not_known_is_passed_over() -> None:
    store = segment(
        {"kind": "header", "n": 1, "format": 1, "tenant": HOST, "colour": "green"},
        {"kind": "weather", "n": 2, "sun": True},
        record(3, "outcome", outcome="linked", weight=7),
    )
    store.files |= {"id_map.csv": b"old,new", "notes.jsonl": b"not ours", "report.html": b"<p>"}

    history = read_history(store, None)
    assert [each.outcome for each in history] == ["linked"]
    assert history.highest == 3


UNMAPPED = "1--1-0b5f2c1e-8d3a-4c6b-9f10-2a7b3c4d5e6f"


def without_n(*records: dict[str, Any]) -> bytes:
    return b"".join(encoded({key: value for key, value in each.items() if key != "n"}) for each in records)


def test_a_journal_is_read_that_has_no_more_than_the_contract_says() -> None:
    data = without_n(header(0), record(0, "intent"), record(0, "outcome", outcome="linked"))
    store = MemoryStore({f"{UNMAPPED}-0.jsonl": data, f"{UNMAPPED}-0.snapshots": b""})
    history = read_history(store, HOST)
    told = report(history, store.names())

    assert (history.of((A, B, "")).outcome, history.highest) == ("linked", 3)
    assert [(each.tried, each.map_index) for each in told.writers] == [(1, -1)]
    assert (told.segments, told.snapshots) == (1, 1)
    assert forget_snapshots(store) == 1


def test_records_without_numbers_are_in_the_order_of_their_writers_segments() -> None:
    segments = {
        f"{UNMAPPED}-10.jsonl": without_n(
            record(0, "undo_intent"), record(0, "undo_outcome", outcome="undone")
        ),
        f"{UNMAPPED}-9.jsonl": without_n(record(0, "outcome", outcome="linked")),
        f"{UNMAPPED}-0.jsonl": encoded(header(7)) + without_n(record(0, "intent", **place(0))),
    }
    for names in permutations(segments):
        history = read_history(MemoryStore({name: segments[name] for name in names}), HOST)

        assert history.of((A, B, "")).undone
        assert history.highest == 11


def test_a_run_goes_on_from_records_without_numbers() -> None:
    rig = Rig(FakeTenant(user(A, "db", identity(B)), user("github|c")))
    rig.store.files[f"{UNMAPPED}-0.jsonl"] = without_n(header(0), record(0, "outcome", outcome="linked"))

    assert rig.link([[A, B], [A, "github|c"]]) == {"planned": 2, "linked": 2}
    assert [each["secondary_user_id"] for each in rig.records("intent")] == ["github|c"]


def test_what_a_writer_without_numbers_adds_meanwhile_comes_after_what_it_wrote_before() -> None:
    rig = Rig(FakeTenant())
    rig.store.files[f"{UNMAPPED}-0.jsonl"] = without_n(header(0), record(0, "intent"))
    journal = rig.journal()
    rig.store.files[f"{UNMAPPED}-1.jsonl"] = without_n(record(0, "outcome", outcome="linked"))

    (told,) = journal.meanwhile(A)
    assert (told.outcome, told.n) == ("linked", 3)


def run(seal: Seal) -> Rig:
    """Link a pair with a journal of this seal."""
    rig = Rig(
        FakeTenant(
            user(A), user(B, "g", user_metadata={"k": "private"}), rights={B: Rights(frozenset({"r"}))}
        )
    )
    plain = rig.journal
    rig.journal = lambda command="link", **changes: plain(command, **{"seal": seal, **changes})  # type: ignore[method-assign]  # a rig with a key
    rig.link([[A, B]])
    return rig


def test_with_a_key_snapshots_are_encrypted_and_undo_opens_them() -> None:
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    rig = run(Seal([old]))

    (name,) = [name for name in rig.store.files if name.endswith(".snapshots")]
    with pytest.raises(InputError):
        Seal().unseal(rig.store.files[name])
    assert b"private" in Seal([new, old]).unseal(rig.store.files[name])
    assert rig.undo() == {"planned": 1, "undone": 1}


def test_a_snapshot_that_no_key_opens_stops_an_undo_before_it_begins() -> None:
    rig = run(Seal([Fernet.generate_key().decode()]))
    other = Rig(rig.tenant, rig.store)
    before = other.state()

    with pytest.raises(SettingsError, match="journal_secret"):
        other.undo()
    assert other.state() == before


def test_a_snapshot_that_no_key_opens_beside_others_that_one_does_fails_alone() -> None:
    rig = run(Seal())
    rig.tenant.users["github|c"] = user("github|c", "github")
    rig.link([[A, "github|c"]])
    name = next(each for each in rig.store.files if each.endswith(".snapshots"))
    rig.store.files[name] = Seal([Fernet.generate_key().decode()]).seal(b"{}")

    assert rig.undo() == {"planned": 2, "undone": 1, "failed": 1}


def test_records_without_a_header_are_refused_whoever_asks() -> None:
    rig = run(Seal())
    rig.store.files[f"{TWO}-1.jsonl"] = encoded(record(99, "outcome", outcome="linked"))

    for tenant in (HOST, None):
        with pytest.raises(InputError, match=f"segments of {TWO} have no header"):
            read_history(rig.store, tenant)


@pytest.mark.parametrize("data", [b"", encoded(header(1))], ids=["empty", "a header alone"])
def test_what_a_killed_writer_leaves_of_its_first_segment_keeps_nobody_from_reading(data: bytes) -> None:
    rig = run(Seal())
    rig.store.files[f"{TWO}-0.jsonl"] = data

    assert len(read_history(rig.store, HOST)) == 1


def test_a_first_segment_that_a_listing_passed_over_is_read_all_the_same() -> None:
    rig = run(Seal())
    first, *_ = sorted(name for name in rig.store.files if name.endswith(".jsonl"))
    later = [name for name in rig.store.files if name != first]

    assert any(name.endswith(".jsonl") for name in later)
    assert len(read_history(rig.store, HOST, later)) == 1


def test_snapshots_can_be_forgotten_apart_from_the_index() -> None:
    rig = run(Seal())
    index = {name: data for name, data in rig.store.files.items() if name.endswith(".jsonl")}

    assert forget_snapshots(rig.store) == 1
    assert rig.store.files == index


def test_no_token_of_an_identity_provider_stands_in_a_snapshot() -> None:
    tenant = FakeTenant(user(A), user(B, "g"))
    tenant.users[B]["identities"][0] |= {
        "access_token": "planted",
        "profileData": {"refresh_token": "planted"},
    }
    rig = Rig(tenant)
    rig.link([[A, B]])

    for name, data in rig.store.files.items():
        text = Seal().unseal(data) if name.endswith(".snapshots") else data
        assert b"planted" not in text


@pytest.mark.parametrize("writer", ["", "1-0-x", "../1-0-" + "a" * 32, "1-0-" + "A" * 32])
def test_a_writers_name_is_of_one_form(writer: str) -> None:
    with pytest.raises(InputError, match="no writer's name"):
        Rig(FakeTenant()).journal(writer=writer)


def test_a_snapshot_that_is_none_is_named() -> None:
    rig = run(Seal())
    (name,) = [name for name in rig.store.files if name.endswith(".snapshots")]
    rig.store.files[name] = Seal().seal(json.dumps({"account": 7}).encode() + b"\n")

    assert rig.undo() == {"planned": 1, "failed": 1}
    assert f"line 1 of {name} is no snapshot" in rig.records("undo_outcome")[0]["reason"]
