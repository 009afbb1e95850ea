"""LinkIdentitiesOperator and UndoLinksOperator against a served tenant."""

from __future__ import annotations

import gzip
import hashlib
import json
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowFailException, Asset

from airflow_provider_auth0link.errors import (
    ForbiddenError,
    InputError,
    LinkDelayedError,
    LinkFailedError,
    OutcomeUnknownError,
    StoppedError,
    StoreError,
    UnauthorizedError,
)
from airflow_provider_auth0link.hooks.auth0 import Auth0Hook
from airflow_provider_auth0link.hooks.failing import failing_for_good
from airflow_provider_auth0link.operators.batch import LinkIdentitiesOperator
from airflow_provider_auth0link.operators.pairs import rows_of, shown_pairs
from airflow_provider_auth0link.operators.undo import UndoLinksOperator
from tests.operators import rig
from tests.operators.rig import CONN, Json, MakeTenant, Ran


@dataclass
class Run:
    """Runs tasks; keeps what the last one pushed, failed or not, and the events of its assets."""

    xcoms: Json = field(default_factory=dict)
    events: Any = field(default_factory=lambda: defaultdict(SimpleNamespace))

    def __call__(self, kind: Any, **arguments: Any) -> Ran:
        return self.execute(self.prepared(kind, **arguments))

    def prepared(self, kind: Any, **arguments: Any) -> Any:
        """Build a task."""
        return kind(task_id="many", **arguments)

    def execute(self, operator: Any) -> Ran:
        """Run it; what it raises is raised here."""
        self.events = defaultdict(lambda: SimpleNamespace(extra={}))
        ran = rig.run(operator, outlet_events=self.events)
        self.xcoms = ran.pushed
        if ran.error is not None:
            raise ran.error
        return ran


@pytest.fixture
def run() -> Run:
    """A runner of tasks."""
    return Run()


NAMES = ("ada", "bob", "eve", "joe")
COUNTS = (
    "planned",
    "linked",
    "already_linked",
    "would_link",
    "refused",
    "failed",
    "unknown",
    "repeats",
    "requests",
    "throttled",
    "seconds",
    "journal",
)


def accounts() -> list[Json]:
    """Return two accounts of each of four people."""
    return [
        {
            "user_id": f"{provider}|{name}",
            "email": f"{name}@example.com",
            "email_verified": True,
            "user_metadata": {provider: name},
            "roles": [f"role-{provider}"],
        }
        for name in NAMES
        for provider in ("auth0", "github")
    ]


PAIRS = [[f"auth0|{name}", f"github|{name}"] for name in NAMES]


def merge(run: Run, journal: Path, **arguments: Any) -> Ran:
    return run(LinkIdentitiesOperator, **{"pairs": PAIRS, "journal_path": str(journal), **arguments})


def counts(summary: Json) -> Json:
    return {
        key: value
        for key, value in summary.items()
        if value and key not in {"requests", "seconds", "journal"}
    }


def test_a_plan_is_linked_and_counted(make_tenant: MakeTenant, run: Run, tmp_path: Path) -> None:
    tenant = make_tenant(*accounts())
    result = merge(run, tmp_path / "journal")

    assert tuple(result.value) == COUNTS
    assert counts(result.value) == {"planned": 4, "linked": 4}
    assert result.pushed["summary"] == result.value
    assert result.pushed["journal"] == str(tmp_path / "journal")
    assert result.value["requests"] == sum(each.route != "token" for each in tenant.requests)
    assert len(tenant.links_applied) == 4
    assert (tenant.user("auth0|ada") or {})["user_metadata"] == {"auth0": "ada", "github": "ada"}


def test_run_again_it_asks_nothing(make_tenant: MakeTenant, run: Run, tmp_path: Path) -> None:
    tenant = make_tenant(*accounts())
    merge(run, tmp_path)
    before = len(tenant.requests)

    again = merge(run, tmp_path)
    assert counts(again.value) == {"planned": 4, "linked": 4}
    assert again.value["requests"] == 0
    assert [each.route for each in tenant.requests[before:]] in ([], ["token"])


def test_and_undone_all_is_as_it_was(make_tenant: MakeTenant, run: Run, tmp_path: Path) -> None:
    tenant = make_tenant(*accounts())
    before = tenant.state(volatile=False)
    merge(run, tmp_path, carry=("user_metadata", "roles"))
    assert tenant.state(volatile=False) != before

    seen = run(UndoLinksOperator, journal_path=str(tmp_path), dry_run="true")
    assert counts(seen.value) == {"planned": 4, "would_undo": 4}
    some = run(UndoLinksOperator, journal_path=str(tmp_path), only='["github|ada"]')
    assert counts(some.value) == {"planned": 1, "undone": 1}
    rest = run(UndoLinksOperator, journal_path=str(tmp_path))
    assert counts(rest.value) == {"planned": 3, "undone": 3}
    assert rest.pushed["summary"] == rest.value
    assert tenant.state(volatile=False) == before


@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.gz", ".csv"])
def test_a_plan_comes_from_a_file_that_was_approved(
    make_tenant: MakeTenant, run: Run, tmp_path: Path, ending: str
) -> None:
    make_tenant(*accounts())
    lines = [{"primary_user_id": a, "secondary_user_id": b} for a, b in PAIRS]
    data = "\n".join(map(json.dumps, lines)).encode()
    if ending == ".csv":
        data = "\n".join(["primary_user_id,secondary_user_id", *map(",".join, PAIRS)]).encode()
    path = tmp_path / f"plan{ending}"
    path.write_bytes(gzip.compress(data) if ending.endswith("gz") else data)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()

    given: Json = {"pairs": None, "plan_path": str(path)}
    result = merge(run, tmp_path / "j", **given, plan_digest=f" sha256:{digest.upper()}")
    assert counts(result.value) == {"planned": 4, "linked": 4}
    with pytest.raises(InputError, match="another plan was approved"):
        merge(run, tmp_path / "j", **given, plan_digest="0" * 64)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param({"plan_path": "/p.jsonl"}, "exactly one", id="both"),
        pytest.param({"pairs": None}, "exactly one", id="none"),
        pytest.param({"pairs": [["a|1", f"b|{n}"] for n in range(10_001)]}, "give plan_path", id="too many"),
        pytest.param({"pairs": "a|1"}, "pairs: expected a list", id="text"),
        pytest.param({"pairs": [["a|1", "a|1"]]}, "a|1", id="itself"),
        pytest.param({"max_links": 3}, "would make 4 links, more than 3", id="too many links"),
        pytest.param({"max_links": "many"}, "max_links: must be a whole number", id="no number"),
        pytest.param({"max_links": [1]}, "max_links: must be a whole number", id="a list"),
        pytest.param({"max_links": 4.0}, "max_links: must be a whole number", id="a float"),
        pytest.param({"max_failures": -1}, "max_failures: must be a whole number", id="negative"),
        pytest.param({"dry_run": "maybe"}, "dry_run: must be true or false", id="dry run"),
        pytest.param({"journal_path": ""}, "journal_path: is empty. Give a folder", id="no journal"),
        pytest.param({"journal_path": "here"}, "'here' is relative", id="relative journal"),
        pytest.param({"journal_path": "/dev/null/j"}, "/dev/null/j cannot be a folder", id="no folder"),
        pytest.param(
            {"journal_path": f"/tmp/{'é' * 128}/j"}, "j cannot be a folder (File name too long)", id="long"
        ),
        pytest.param(
            {"journal_path": "~nobody-9/j"}, "journal_path: ~nobody-9/j: ~ names no user", id="nobody"
        ),
        pytest.param({"id_map_path": f"/tmp/{'n' * 256}"}, "is no name for a file (File name", id="long map"),
        pytest.param(
            {"id_map_path": f"/tmp/{'n' * 256}/m"}, "is no name for a file (File name", id="map's folder"
        ),
        pytest.param(
            {"pairs": None, "plan_path": f"/tmp/{'n' * 256}.csv"}, "is no name for a file", id="long plan"
        ),
        pytest.param({"plan_digest": "abc"}, "plan_digest: is no sha256", id="digest"),
        pytest.param({"pairs": [["a|1", "a|2", "a|3"]]}, "has 3 cells. Give two", id="three cells"),
        pytest.param({"pairs": None, "plan_path": "/data/plan.xlsx"}, "plan.xlsx", id="ending"),
    ],
)
def test_what_cannot_be_is_refused_before_the_first_request(
    make_tenant: MakeTenant, run: Run, tmp_path: Path, arguments: Json, told: str
) -> None:
    tenant = make_tenant(*accounts())
    with pytest.raises(InputError) as caught:
        merge(run, tmp_path / "j", **arguments)

    assert told in str(caught.value)
    assert isinstance(caught.value, AirflowFailException)
    assert tenant.requests == []
    assert not (tmp_path / "j").exists()
    summary = run.xcoms["summary"]
    assert tuple(summary) == COUNTS
    assert summary["planned"] == sum(summary[name] for name in COUNTS[1:7]) == summary["failed"]
    assert run.xcoms["journal"] == summary["journal"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param({"snapshot": "all"}, "snapshot: 'all' is not known", id="snapshot"),
        pytest.param({"snapshot": None}, "snapshot", id="no snapshot"),
        pytest.param({"carry": ("everything",)}, "carry: 'everything' is not known", id="carry"),
        pytest.param({"guards": ("not_block",)}, "guards: 'not_block' is not known", id="guards"),
        pytest.param({"conflicts": "mine"}, "conflicts: 'mine' is not known", id="conflicts"),
    ],
)
def test_a_typo_is_told_when_the_dag_is_parsed(arguments: Json, told: str) -> None:
    with pytest.raises(InputError) as caught:
        LinkIdentitiesOperator(task_id="merge", pairs=PAIRS, journal_path="/j", **arguments)

    assert told in str(caught.value)


def begun(run: Run, kind: Any, **arguments: Any) -> Json:
    """Run a task that must fail before its run begins, and return the counts that it pushed."""
    with pytest.raises(InputError):
        run(kind, **arguments)
    summary: Json = run.xcoms["summary"]
    assert summary.pop("seconds") >= 0
    return summary


NOTHING = {**dict.fromkeys(COUNTS[:10], 0), "journal": None}


def test_counts_are_pushed_for_another_plan_than_was_approved(
    make_tenant: MakeTenant, run: Run, tmp_path: Path
) -> None:
    tenant = make_tenant(*accounts())
    given: Json = {"pairs": PAIRS, "journal_path": str(tmp_path / "j"), "plan_digest": "0" * 64}

    assert begun(run, LinkIdentitiesOperator, **given) == {
        **NOTHING,
        "planned": 4,
        "failed": 4,
        "journal": str(tmp_path / "j"),
    }
    assert tenant.requests == []


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param({"pairs": [["a|1", "a|2"], ["a|2", "a|1"]]}, id="a cycle"),
        pytest.param({"pairs": [["a|1", "a|1"]]}, id="itself"),
        pytest.param({"pairs": [["a|1", "a|3"], ["a|2", "a|3"]]}, id="two primaries"),
        pytest.param(
            {"pairs": [{"primary_user_id": "a|1", "secondary_user_id": "a|2", "evidence": {"name": "x"}}]},
            id="unknown evidence",
        ),
        pytest.param({"pairs": [["a|1", f"b|{n}"] for n in range(10_001)]}, id="too many"),
        pytest.param({"max_links": "many"}, id="a bad argument"),
        pytest.param({"pairs": None, "plan_path": "/nowhere/plan.jsonl"}, id="no plan there"),
    ],
)
def test_counts_are_pushed_where_the_plan_is_not_read(
    arguments: Json, make_tenant: MakeTenant, run: Run, tmp_path: Path
) -> None:
    make_tenant(*accounts())
    given: Json = {"pairs": PAIRS, "journal_path": str(tmp_path), **arguments}

    assert begun(run, LinkIdentitiesOperator, **given) == {**NOTHING, "journal": str(tmp_path)}


def test_counts_are_pushed_for_a_journal_that_is_not_ours(
    make_tenant: MakeTenant, run: Run, tmp_path: Path
) -> None:
    make_tenant(*accounts())
    merge(run, tmp_path)
    make_tenant(*accounts())
    path = str(tmp_path)

    assert begun(run, LinkIdentitiesOperator, pairs=PAIRS, journal_path=path) == {
        **NOTHING,
        "planned": 4,
        "failed": 4,
        "journal": path,
    }
    names = ("planned", "undone", "would_undo", "left", "failed", "unknown", "requests", "throttled")
    undone = dict.fromkeys(names, 0)
    assert begun(run, UndoLinksOperator, journal_path=path) == {**undone, "journal": path}
    assert run.xcoms["journal"] == path
    assert begun(run, UndoLinksOperator, journal_path=path, only="[") == {**undone, "journal": path}
    keys = "s3://AKIA:planted-secret@bucket/j"
    assert begun(run, UndoLinksOperator, journal_path=keys) == {**undone, "journal": None}


def test_an_error_outlives_counts_that_cannot_be_pushed(
    make_tenant: MakeTenant, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    class Dead(rig.FakeTaskInstance):
        def xcom_push(self, key: str, value: Any) -> None:
            raise OSError("the server is gone")

    make_tenant(*accounts())
    operator = LinkIdentitiesOperator(task_id="many", pairs=PAIRS, journal_path=str(tmp_path), max_links="x")
    ran = rig.run(operator, Dead("many"))

    assert isinstance(ran.raised, InputError)
    assert "The counts could not be pushed any more" in capsys.readouterr().out


def test_what_is_refused_before_its_beginning_is_not_told_as_failures(
    make_tenant: MakeTenant, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_tenant(*accounts())
    with pytest.raises(InputError, match="would make 4 links, more than 1"):
        merge(run, tmp_path / "j", max_links=1)
    said = capsys.readouterr().out

    assert "Nothing was begun; 4 pairs planned" in said
    assert "failed 4" not in said
    assert counts(run.xcoms["summary"]) == {"planned": 4, "failed": 4}


def test_an_empty_plan_is_a_success_with_no_request(
    make_tenant: MakeTenant, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tenant = make_tenant(*accounts())
    result = merge(run, tmp_path / "j", pairs=[])

    assert "The plan is empty" in capsys.readouterr().out
    assert counts(result.value) == {}
    assert tenant.requests == []
    assert not (tmp_path / "j").exists()


def test_a_dry_run_changes_nothing_and_writes_no_journal(
    make_tenant: MakeTenant, run: Run, tmp_path: Path
) -> None:
    tenant = make_tenant(*accounts(), {"user_id": "github|bad", "email": "bad@example.com"})
    before = tenant.state(volatile=False)
    result = merge(run, tmp_path / "j", dry_run="True", pairs=[*PAIRS, ["auth0|ada", "github|bad"]])

    assert counts(result.value) == {"planned": 5, "would_link": 4, "refused": 1}
    assert tenant.state(volatile=False) == before
    assert not (tmp_path / "j").exists()


def test_a_dry_run_says_which_scopes_a_real_run_would_lack(
    make_tenant: MakeTenant, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_tenant(*accounts(), scopes="read:users")
    result = merge(run, tmp_path / "j", dry_run=True, snapshot="metadata")
    said = [line for line in capsys.readouterr().out.splitlines() if "lacks" in line]

    assert counts(result.value) == {"planned": 4, "would_link": 4}
    assert ["[warning" in line for line in said] == [True]
    assert "the token lacks update:users, update:users_app_metadata [" in said[0]
    with pytest.raises(ForbiddenError, match="lacks update:users, update:users_app_metadata"):
        merge(run, tmp_path / "j", snapshot="metadata")


def test_a_dry_run_with_all_scopes_warns_of_nothing(
    make_tenant: MakeTenant, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_tenant(*accounts())
    merge(run, tmp_path / "j", dry_run=True)

    assert "lacks" not in capsys.readouterr().out


def test_a_dry_run_with_nothing_to_check_asks_not_even_for_a_token(
    make_tenant: MakeTenant, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tenant = make_tenant(*accounts(), scopes="read:users")
    result = merge(run, tmp_path / "j", dry_run=True, carry=(), guards=())

    assert counts(result.value) == {"planned": 4, "would_link": 4}
    assert tenant.requests == []
    assert "lacks" not in capsys.readouterr().out


def granted(name: str, **app: Any) -> list[Json]:
    """Return two accounts of one person, of whom the second brings ``app_metadata``."""
    base = {"email": f"{name}@example.com", "email_verified": True}
    return [{"user_id": f"auth0|{name}", **base}, {"user_id": f"github|{name}", **base, "app_metadata": app}]


def gains(said: str) -> list[str]:
    """Return what a log says of gains."""
    return [
        line[line.index("would gain") :].partition(" [")[0]
        for line in said.splitlines()
        if "would gain" in line
    ]


def test_a_dry_run_names_every_key_of_app_metadata_that_a_primary_would_gain(
    make_tenant: MakeTenant, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    users = [*granted("ada", plan="planted-gold", roles=["admin"]), *granted("bob", plan="planted-gold")]
    users += granted("eve", plan="planted-gold") + granted("joe", **{"a\nb": 1})
    next(each for each in users if each["user_id"] == "github|eve")["email_verified"] = False
    make_tenant(*users)
    result = merge(run, tmp_path / "j", dry_run=True, carry_except=("app_metadata.roles",))
    said = capsys.readouterr().out

    assert counts(result.value) == {"planned": 4, "would_link": 3, "refused": 1}
    assert gains(said) == ["would gain app_metadata.plan: 2 pairs", r"would gain app_metadata.a\nb: 1 pair"]
    assert "planted-gold" not in said
    merge(run, tmp_path / "j", carry_except=("app_metadata.roles",))
    assert gains(capsys.readouterr().out) == []


def test_of_many_keys_the_log_says_how_many_it_does_not_name(
    make_tenant: MakeTenant, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_tenant(*granted("ada", **{f"k{n:03}": n for n in range(503)}))
    merge(run, tmp_path / "j", dry_run=True, pairs=PAIRS[:1])
    told = gains(capsys.readouterr().out)

    assert told[0] == "would gain app_metadata.k000: 1 pair"
    assert told[500] == "would gain 3 more keys of app_metadata, not named here"
    assert len(told) == 501


def test_a_dry_run_asks_nothing_about_what_is_done(make_tenant: MakeTenant, run: Run, tmp_path: Path) -> None:
    tenant = make_tenant(*accounts())
    merge(run, tmp_path, pairs=PAIRS[:3])
    before, files = len(tenant.requests), sorted(tmp_path.iterdir())
    result = merge(run, tmp_path, dry_run=True)

    assert counts(result.value) == {"planned": 4, "linked": 3, "would_link": 1}
    read = {each.path.rpartition("/")[2] for each in tenant.requests[before:] if each.route == "user_get"}
    assert read == {"auth0%7Cjoe", "github%7Cjoe"}
    assert sorted(tmp_path.iterdir()) == files


def test_a_refusal_is_no_failure(
    make_tenant: MakeTenant, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_tenant(*accounts(), {"user_id": "samlp|idp|x", "email": "ada@example.com", "email_verified": True})
    result = merge(run, tmp_path, pairs=[*PAIRS, ["auth0|ada", "samlp|idp|x"]])
    said = capsys.readouterr().out

    assert counts(result.value) == {"planned": 5, "linked": 4, "refused": 1}
    assert "refused 1: not_enterprise_secondary" in said
    assert "@example.com" not in said


def test_a_failure_for_good_ends_the_task_for_good(make_tenant: MakeTenant, run: Run, tmp_path: Path) -> None:
    make_tenant(*accounts())
    gone = [*PAIRS, ["auth0|ada", "github|gone"]]
    with pytest.raises(LinkFailedError, match="failed: 1 pair, more than max_failures=0") as caught:
        merge(run, tmp_path, pairs=gone)
    assert isinstance(caught.value, AirflowFailException)
    assert counts(run.xcoms["summary"]) == {"planned": 5, "linked": 4, "failed": 1}

    result = merge(run, tmp_path, pairs=gone, max_failures="1")
    assert counts(result.value) == {"planned": 5, "linked": 4, "failed": 1}


def test_a_scope_that_is_missing_is_told_before_the_first_request(
    make_tenant: MakeTenant, run: Run, tmp_path: Path
) -> None:
    tenant = make_tenant(*accounts(), scopes="read:users update:users update:users_app_metadata")
    with pytest.raises(
        ForbiddenError, match="lacks read:organization_member_roles, read:organizations"
    ) as caught:
        merge(run, tmp_path / "j")

    assert isinstance(caught.value, AirflowFailException)
    assert {each.route for each in tenant.requests} == {"token"}
    assert counts(merge(run, tmp_path / "j", snapshot="metadata").value) == {"planned": 4, "linked": 4}


def test_a_run_that_is_refused_tells_its_counts_too(
    make_tenant: MakeTenant, run: Run, tmp_path: Path
) -> None:
    tenant = make_tenant(*accounts())
    merge(run, tmp_path, pairs=PAIRS[:1])
    before = len(tenant.requests)
    with pytest.raises(InputError, match="would make 3 links, more than 2"):
        merge(run, tmp_path, max_links="2")

    assert tenant.requests[before:] == []
    assert counts(run.xcoms["summary"]) == {"planned": 4, "linked": 1, "failed": 3}
    assert run.xcoms["journal"] == str(tmp_path)
    assert counts(merge(run, tmp_path, max_links="3").value) == {"planned": 4, "linked": 4}


def test_a_token_that_is_refused_stops_the_run_at_once(
    make_tenant: MakeTenant, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [
        {"user_id": f"{provider}|{n}", "email_verified": True}
        for n in range(60)
        for provider in ("auth0", "github")
    ]
    tenant = make_tenant(*many)
    ready = tenant.user_access_token("machine@clients", "read:users update:users update:users_app_metadata")
    rig.connect(tenant, monkeypatch, login=None, password=None, access_token=ready)
    tenant.revoke_tokens()
    with pytest.raises(UnauthorizedError) as caught:
        merge(run, tmp_path, pairs=[[f"auth0|{n}", f"github|{n}"] for n in range(60)], snapshot="metadata")

    assert isinstance(caught.value, AirflowFailException)
    assert counts(run.xcoms["summary"]) == {"planned": 60, "failed": 60}
    assert len(tenant.requests) < 60
    assert {each.status for each in tenant.requests} == {401}


def test_what_an_undo_leaves_is_told(
    make_tenant: MakeTenant, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_tenant(*accounts())
    merge(run, tmp_path)
    Auth0Hook().unlink_identity("auth0|ada", "github|ada")
    left = run(UndoLinksOperator, journal_path=str(tmp_path))

    assert counts(left.value) == {"planned": 4, "undone": 3, "left": 1}
    assert "left: 'github|ada' from 'auth0|ada': somebody unlinked it since" in capsys.readouterr().out


def test_an_undo_names_the_scopes_that_it_lacks(make_tenant: MakeTenant, run: Run, tmp_path: Path) -> None:
    make_tenant(*accounts())
    merge(run, tmp_path, carry=("roles",))
    make_tenant(*accounts(), scopes="read:users update:users")

    with pytest.raises(InputError, match="belongs to the tenant"):
        run(UndoLinksOperator, journal_path=str(tmp_path))


def test_a_stop_ends_in_a_retry_that_goes_on(make_tenant: MakeTenant, run: Run, tmp_path: Path) -> None:
    tenant = make_tenant(*accounts(), latency=0.1)
    operator = run.prepared(LinkIdentitiesOperator, pairs=PAIRS, journal_path=str(tmp_path))
    threading.Timer(0.5, operator.on_kill).start()
    with pytest.raises(StoppedError, match="A retry goes on") as caught:
        run.execute(operator)

    assert not isinstance(caught.value, AirflowFailException)
    summary = run.xcoms["summary"]
    assert sum(summary[name] for name in COUNTS[1:7]) == summary["planned"] == 4
    assert summary["linked"] == len(tenant.links_applied) < 4
    assert counts(merge(run, tmp_path).value) == {"planned": 4, "linked": 4}
    assert len(tenant.links_applied) == 4


def test_a_stop_before_the_begin_begins_nothing(make_tenant: MakeTenant, run: Run, tmp_path: Path) -> None:
    tenant = make_tenant(*accounts())
    operator = run.prepared(LinkIdentitiesOperator, pairs=PAIRS, journal_path=str(tmp_path / "j"))
    operator.on_kill()
    with pytest.raises(StoppedError):
        run.execute(operator)

    assert tenant.links_applied == {}
    assert not (tmp_path / "j").exists()
    assert counts(run.xcoms["summary"]) == {"planned": 4, "failed": 4}
    assert counts(run.execute(operator).value) == {"planned": 4, "linked": 4}


@pytest.mark.parametrize(
    ("ended", "error", "for_good"),
    [
        pytest.param({"unknown": 1}, OutcomeUnknownError, False, id="unknown"),
        pytest.param({"unknown": 1, "failed": 9}, OutcomeUnknownError, False, id="unknown and failed"),
        pytest.param({"failed": 3}, LinkFailedError, True, id="failed for good"),
        pytest.param({"failed": 3, "passes": 1}, LinkDelayedError, False, id="one may pass"),
        pytest.param({"failed": 2}, None, False, id="as many as allowed"),
        pytest.param({"stopped": True}, StoppedError, False, id="stopped"),
        pytest.param({"failure": StoreError("full")}, StoreError, False, id="journal full"),
        pytest.param({"failure": ForbiddenError("403"), "unknown": 1}, ForbiddenError, True, id="forbidden"),
    ],
)
def test_how_a_task_ends(ended: Json, error: type[Exception] | None, for_good: bool) -> None:
    summary = {"unknown": 0, "failed": 0, **ended}
    batch: Any = SimpleNamespace(
        failure=ended.get("failure"),
        stopped=ended.get("stopped", False),
        tally=SimpleNamespace(passes=ended.get("passes", 0), fresh=5),
    )
    operator = LinkIdentitiesOperator(task_id="many", pairs=[], journal_path="j")
    raised: Exception | None = None
    try:
        with failing_for_good():
            operator._end(batch, summary, max_failures=2)
    except Exception as caught:
        raised = caught

    assert raised is None if error is None else isinstance(raised, error)
    assert isinstance(raised, AirflowFailException) is for_good


def test_the_pairs_show_themselves_as_a_count() -> None:
    rows = [["auth0|1", "github|1"]] * 1234
    assert str(shown_pairs(rows)) == "1,234 pairs"
    assert rows_of(shown_pairs(shown_pairs(json.dumps(rows[:2])))) == rows[:2]
    with pytest.raises(TypeError):
        json.dumps(shown_pairs(rows))


@pytest.mark.parametrize(
    ("given", "shown"),
    [("[('ada@example.com',)]", "str"), ('{"ada@example.com": 1}', "str"), ({"a@example.com": 1}, "dict")],
)
def test_what_is_no_pairs_is_not_shown_either(given: object, shown: str) -> None:
    assert str(shown_pairs(given)) == f"{shown}, no list of pairs"


@pytest.mark.parametrize("unset", [None, "", "None"], ids=["nothing", "empty", "word"])
def test_pairs_may_be_unset(unset: object) -> None:
    assert rows_of(shown_pairs(unset)) is None


def test_every_outlet_asset_gets_the_counts(make_tenant: MakeTenant, run: Run, tmp_path: Path) -> None:
    make_tenant(*accounts())
    asset = Asset("auth0_links")
    merge(run, tmp_path, outlets=[asset])

    assert counts(run.events[asset].extra) == {"planned": 4, "linked": 4}


def test_the_id_map_is_written(make_tenant: MakeTenant, run: Run, tmp_path: Path) -> None:
    make_tenant(*accounts())
    merge(run, tmp_path / "j", id_map_path=str(tmp_path / "map.csv"))

    lines = (tmp_path / "map.csv").read_text().split()
    assert lines[0] == "old_user_id,new_user_id"
    assert sorted(lines[1:]) == sorted(f"github|{name},auth0|{name}" for name in NAMES)


@pytest.mark.parametrize("as_json", [False, True], ids=["a list", "JSON text"])
def test_the_id_map_goes_on_where_earlier_ones_ended(
    as_json: bool, make_tenant: MakeTenant, run: Run, tmp_path: Path
) -> None:
    make_tenant(*accounts())
    first, second = tmp_path / "1.csv", tmp_path / "map.csv"
    first.write_text("old_user_id,new_user_id\nfacebook|0,github|ada\nfacebook|1,auth0|x\n")
    second.write_text("old_user_id,new_user_id\nfacebook|1,auth0|y\n")
    earlier: Any = [str(first), str(second)]
    merge(
        run,
        tmp_path / "j",
        pairs=PAIRS[:1],
        id_map_path=str(second),
        earlier_id_maps=json.dumps(earlier) if as_json else earlier,
    )

    assert second.read_text().split() == [
        "old_user_id,new_user_id",
        "facebook|0,auth0|ada",
        "facebook|1,auth0|y",
        "github|ada,auth0|ada",
    ]


@pytest.mark.parametrize(
    ("earlier", "told"),
    [
        pytest.param(["/nowhere/1.csv"], "earlier_id_maps: /nowhere/1.csv: is not there", id="not there"),
        pytest.param(["{bad}"], "bad.csv: line 2 is no row of an id map", id="a line"),
        pytest.param("{bad}", "earlier_id_maps: must be a list, or JSON text of one", id="no list"),
        pytest.param([""], "earlier_id_maps: holds what is no text, or rendered to nothing", id="empty"),
        pytest.param([7], "earlier_id_maps: holds what is no text", id="a number"),
        pytest.param({"a": 1}, "earlier_id_maps: must be a list", id="a mapping"),
    ],
)
def test_an_earlier_map_that_is_wrong_is_told_before_anything_is_linked(
    earlier: Any, told: str, make_tenant: MakeTenant, run: Run, tmp_path: Path
) -> None:
    tenant = make_tenant(*accounts())
    bad = tmp_path / "bad.csv"
    bad.write_text("old_user_id,new_user_id\nno id,auth0|x\n")
    place = {"{bad}": str(bad)}
    given = [place.get(each, each) for each in earlier] if isinstance(earlier, list) else earlier
    given = place.get(given, given) if isinstance(given, str) else given
    with pytest.raises(InputError) as caught:
        merge(run, tmp_path / "j", id_map_path=str(tmp_path / "map.csv"), earlier_id_maps=given)

    assert told in str(caught.value)
    assert tenant.requests == []
    assert not (tmp_path / "map.csv").exists()


def test_an_earlier_map_needs_one_to_go_into(make_tenant: MakeTenant, run: Run, tmp_path: Path) -> None:
    make_tenant(*accounts())
    with pytest.raises(InputError, match="earlier_id_maps: there is no id map to put their rows into"):
        merge(run, tmp_path / "j", earlier_id_maps=[str(tmp_path / "1.csv")])


@pytest.mark.parametrize("unset", [(), None, "", "None", "[]", "null"], ids=repr)
def test_earlier_maps_may_be_unset(unset: Any, make_tenant: MakeTenant, run: Run, tmp_path: Path) -> None:
    make_tenant(*accounts())
    assert counts(merge(run, tmp_path / "j", earlier_id_maps=unset).value) == {"planned": 4, "linked": 4}


def test_no_secret_and_no_mail_stand_in_the_journals_index(
    make_tenant: MakeTenant, run: Run, tmp_path: Path
) -> None:
    from cryptography.fernet import Fernet

    tenant = make_tenant(*accounts(), connection={"journal_secret": Fernet.generate_key().decode()})
    merge(run, tmp_path)
    everything = b"".join(path.read_bytes() for path in tmp_path.iterdir())

    assert tenant.client_secret.encode() not in everything
    assert b"@example.com" not in everything
    assert CONN.encode() not in everything
    assert counts(run(UndoLinksOperator, journal_path=str(tmp_path)).value) == {"planned": 4, "undone": 4}


@pytest.mark.parametrize(("map_index", "begin"), [(-1, "3--1-"), (0, "3-0-"), (12, "3-12-")])
def test_a_journals_files_are_named_by_try_and_map_index(
    map_index: int, begin: str, make_tenant: MakeTenant, run: Run, tmp_path: Path
) -> None:
    make_tenant(*accounts())
    instance = rig.FakeTaskInstance("many", map_index)
    instance.try_number = 3  # type: ignore[attr-defined]  # as Airflow's has it
    operator = LinkIdentitiesOperator(task_id="many", pairs=PAIRS, journal_path=str(tmp_path))

    assert rig.run(operator, instance).error is None
    assert {path.name[: len(begin)] for path in tmp_path.iterdir()} == {begin}
    assert counts(run(UndoLinksOperator, journal_path=str(tmp_path)).value) == {"planned": 4, "undone": 4}


def test_an_undo_of_no_journal_is_an_error(make_tenant: MakeTenant, run: Run, tmp_path: Path) -> None:
    tenant = make_tenant(*accounts())
    with pytest.raises(InputError, match=r"journal_path: no journal lies in .*/typo, so"):
        run(UndoLinksOperator, journal_path=str(tmp_path / "typo"))
    assert tenant.requests == []


@pytest.mark.parametrize(
    ("done", "speed", "drawn", "line"),
    [
        (0, 0.0, None, "0 of 100,000 done, 0.0 links/s, limit used not told, throttled 3, unknown time left"),
        (
            40_000,
            2.5,
            0.8,
            "40,000 of 100,000 done, 2.5 links/s, limit used 80%, throttled 3, 6 h 40 min left",
        ),
    ],
    ids=["begin", "midway"],
)
def test_how_a_run_goes_is_told(
    capsys: pytest.CaptureFixture[str], done: int, speed: float, drawn: float | None, line: str
) -> None:
    tally = SimpleNamespace(
        done=done,
        planned=100_000,
        per_second=lambda: speed,
        seconds_left=lambda: (100_000 - done) / speed if speed else None,
    )
    batch: Any = SimpleNamespace(tally=tally, throttled=3)
    tenants: Any = SimpleNamespace(drawn=drawn)
    LinkIdentitiesOperator(task_id="many", pairs=[], journal_path="j")._tell(batch, tenants)

    assert line in capsys.readouterr().out


@pytest.mark.parametrize("only", [7, {"a": 1}, "github|ada", [7]])
def test_only_is_a_list_of_ids(make_tenant: MakeTenant, run: Run, tmp_path: Path, only: Any) -> None:
    tenant = make_tenant(*accounts())
    with pytest.raises(InputError, match="only: "):
        run(UndoLinksOperator, journal_path=str(tmp_path), only=only)
    assert tenant.requests == []
