"""A plan divided among workers."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pendulum
import pytest
from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import DAG, task

from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.linking.plan import read_plan
from airflow_provider_auth0link.operators.plan import SplitPlanOperator
from tests.operators.rig import Ran, run
from tests.operators.test_dag_run import RunDag, states, xcoms
from tests.operators.test_rendering import SECRET, find, rendered

STARS = [(f"auth0|p{star}", [f"github|{star}-{n}" for n in range(1 + star % 7)]) for star in range(60)]


def content() -> bytes:
    """Return a plan whose stars lie mixed, with blanks that no program would write and a repeat."""
    rows = [(primary, secondary) for primary, secondaries in STARS for secondary in secondaries]
    rows.sort(key=lambda row: row[1][::-1])
    lines = [
        f'{{"primary_user_id":   {json.dumps(primary)},"secondary_user_id" : {json.dumps(secondary)}}}'
        for primary, secondary in [*rows, rows[0]]
    ]
    return "\n\n".join(lines).encode()


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.jsonl"
    path.write_bytes(content())
    return path


def split(path: object, shards: Any = 4, **arguments: Any) -> Ran:
    return run(
        SplitPlanOperator(task_id="split", plan_path=str(path), shards=shards, **arguments),
    )


def lines(path: str) -> list[bytes]:
    return Path(path).read_bytes().splitlines(keepends=True)


def stars(path: str) -> set[str]:
    with Path(path).open("rb") as file:
        return {str(star.primary) for star in read_plan(file, path).stars()}


def test_the_shards_hold_each_line_once_as_it_was(plan: Path) -> None:
    ran = split(plan)

    assert ran.error is None
    there = [line for line in (plan.read_bytes() + b"\n").splitlines(keepends=True) if line.strip()]
    assert sorted(line for path in ran.value for line in lines(path)) == sorted(there)
    assert ran.pushed == {
        "plan_digest": hashlib.sha256(plan.read_bytes()).hexdigest(),
        "planned": sum(len(secondaries) for _, secondaries in STARS),
    }


def test_no_star_is_divided_and_the_shards_are_alike(plan: Path) -> None:
    ran = split(plan)

    primaries = [stars(path) for path in ran.value]
    assert sum(map(len, primaries)) == len(set.union(*primaries)) == len(STARS)
    sizes = [len(set(lines(path))) for path in ran.value]
    assert len(sizes) == 4
    assert max(sizes) - min(sizes) <= 1


def test_the_shards_lie_beside_the_plan_or_where_they_are_told_to(plan: Path, tmp_path: Path) -> None:
    (tmp_path / "shards").mkdir()

    beside = split(plan)
    told = split(plan, shards_path=str(tmp_path / "shards"))

    assert {Path(path).parent for path in beside.value} == {tmp_path}
    assert {Path(path).parent for path in told.value} == {tmp_path / "shards"}
    assert [Path(path).name for path in told.value] == [Path(path).name for path in beside.value]


def test_a_retry_writes_the_same_again(plan: Path) -> None:
    first = split(plan).value
    written = [Path(path).read_bytes() for path in first]
    Path(first[1]).unlink()

    again = split(plan).value

    assert again == first
    assert [Path(path).read_bytes() for path in again] == written
    assert len(list(plan.parent.iterdir())) == 1 + len(first)


def test_another_plan_or_another_number_of_shards_overwrites_nothing(plan: Path) -> None:
    first = split(plan).value
    other_number = split(plan, 3).value
    plan.write_bytes(plan.read_bytes() + b"\n")
    other_plan = split(plan).value

    assert len({*first, *other_number, *other_plan}) == 4 + 3 + 4


def test_empty_shards_are_none(plan: Path) -> None:
    ran = split(plan, 1024)

    assert len(ran.value) == len(STARS)
    assert all(stars(path) for path in ran.value)


def test_an_empty_plan_has_no_shards(plan: Path) -> None:
    plan.write_bytes(b"")

    ran = split(plan)

    assert ran.value == []
    assert ran.pushed == {"plan_digest": hashlib.sha256(b"").hexdigest(), "planned": 0}
    assert list(plan.parent.iterdir()) == [plan]


def test_a_zipped_plan_is_divided_alike(plan: Path, tmp_path: Path) -> None:
    zipped = tmp_path / "zipped.jsonl.gz"
    zipped.write_bytes(gzip.compress(content()))

    ran = split(zipped)

    assert ran.pushed["plan_digest"] == hashlib.sha256(zipped.read_bytes()).hexdigest()
    assert [lines(path) for path in ran.value] == [lines(path) for path in split(plan).value]


def test_a_csv_becomes_lines_of_json(tmp_path: Path) -> None:
    path = tmp_path / "plan.csv"
    path.write_text(
        "secondary_user_id,primary_user_id,rule,evidence.email,evidence.verified\n"
        'github|7,auth0|a,"two\nlines",ada@x,true\n'
    )

    (shard,) = split(path).value

    assert json.loads(Path(shard).read_bytes()) == {
        "primary_user_id": "auth0|a",
        "secondary_user_id": "github|7",
        "rule": "two\nlines",
        "evidence": {"email": "ada@x", "verified": True},
    }


def test_a_big_star_fills_more_than_memory_holds_of_it(tmp_path: Path) -> None:
    path = tmp_path / "plan.jsonl"
    star = [{"primary_user_id": "auth0|a", "secondary_user_id": f"github|{n}"} for n in range(3000)]
    path.write_text("".join(json.dumps(row) + "\n" for row in star))

    ran = split(path)

    assert [Path(shard).read_bytes() for shard in ran.value] == [path.read_bytes()]


def test_object_storage(plan: Path) -> None:
    from airflow.sdk.io import attach
    from fsspec.implementations.memory import MemoryFileSystem

    store = MemoryFileSystem()
    attach("memory", fs=store)
    store.pipe_file("/plans/night/plan.jsonl", content())

    ran = split("memory://plans/night/plan.jsonl")

    beside = split(plan)
    assert [path.rpartition("/")[0] for path in ran.value] == ["memory://plans/night"] * 4
    assert [store.cat_file(path.removeprefix("memory:/")) for path in ran.value] == [
        Path(path).read_bytes() for path in beside.value
    ]
    store.rm("/plans", recursive=True)


@pytest.mark.parametrize("shards", [4, "4", " 4 "], ids=repr)
def test_a_number_of_shards(shards: Any, plan: Path) -> None:
    assert len(split(plan, shards).value) == 4


@pytest.mark.parametrize(
    "shards",
    [0, -1, 1025, "1025", "9" * 5000, True, 4.0, "4.0", "", "None", None, "four", "\u0664", [4]],
    ids=lambda value: repr(value)[:12],
)
def test_what_is_no_number_of_shards_is_refused(shards: Any, plan: Path) -> None:
    ran = split(plan, shards)

    assert isinstance(ran.raised, InputError)
    assert isinstance(ran.raised, AirflowFailException)
    assert "shards: must be a whole number from 1 to 1024" in str(ran.raised)
    assert list(plan.parent.iterdir()) == [plan]


def test_a_plan_that_does_not_hold_together_writes_nothing(plan: Path) -> None:
    plan.write_bytes(content() + b'\n{"primary_user_id": "auth0|x", "secondary_user_id": "auth0|x"}')

    ran = split(plan)

    assert isinstance(ran.raised, InputError)
    assert "the same account, 'auth0|x'" in str(ran.raised)
    assert list(plan.parent.iterdir()) == [plan]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        pytest.param("", "plan_path: is empty", id="empty"),
        pytest.param("None", "plan_path: is empty", id="none"),
        pytest.param("/nowhere/plan.jsonl", "is not there", id="missing"),
    ],
)
def test_a_plan_that_is_not_there_is_said(path: str, told: str) -> None:
    assert told in str(split(path).raised)


def test_the_arguments_are_templates(plan: Path, tmp_path: Path) -> None:
    (tmp_path / "night").mkdir()
    with DAG("nightly", schedule=None) as dag:
        operator = SplitPlanOperator(
            task_id="split",
            plan_path="{{ folder }}/plan.jsonl",
            shards="{{ 1 + 2 }}",
            shards_path="{{ folder }}/{{ part }}",
        )
    context: Any = {"dag": dag, "task": operator, "folder": tmp_path, "part": "night"}
    operator.render_template_fields(context)

    ran = run(operator)

    assert [Path(path).parent for path in ran.value] == [tmp_path / "night"] * 3


def test_a_path_that_arrives_by_xcom_is_not_rendered() -> None:
    with DAG("nightly", schedule=None):
        mapped = SplitPlanOperator.partial(task_id="split", shards="{{ word }}").expand(plan_path=find())

    fields = rendered(mapped, {"find": [f"/{SECRET}.jsonl"]})

    assert fields["plan_path"] == f"/{SECRET}.jsonl"
    assert fields["shards"] == "rendered"


@pytest.mark.airflow_run
def test_a_task_is_mapped_over_the_shards(plan: Path, run_dag: RunDag) -> None:
    with DAG("split_and_merge", schedule=None, start_date=pendulum.datetime(2026, 1, 1)) as dag:

        @task
        def merge(plan_path: str) -> int:
            with Path(plan_path).open("rb") as file:
                return read_plan(file, plan_path).planned

        split = SplitPlanOperator(task_id="split", plan_path=str(plan), shards=3)
        merge.expand(plan_path=split.output)

    ran = run_dag(dag)

    assert states(ran, "merge") == {0: "success", 1: "success", 2: "success"}
    assert sum(xcoms(ran, "merge", "return_value").values()) == sum(xcoms(ran, "split", "planned").values())
