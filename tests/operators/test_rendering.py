"""
What Jinja may touch: what the author of a Dag wrote, never what arrived by XCom.

Real Dags, real mapped operators and Airflow's own rendering; only the store of XComs is the test's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from airflow.sdk import DAG, BaseOperator, TaskGroup, task, task_group
from airflow.sdk.execution_time.task_runner import _serialize_rendered_fields

from airflow_provider_auth0link.operators.arguments import Evidence
from airflow_provider_auth0link.operators.link import LinkIdentityOperator, UnlinkIdentityOperator
from tests.operators.rig import FakeTaskInstance

SECRET = "{{ conn.auth0_default.password }}"
EVIL = f"samlp|i|{SECRET}"
WORDS = {"word": "rendered", "conn": {"auth0_default": {"password": "the-planted-secret"}}}


class Store(FakeTaskInstance):
    """A task instance with XComs of its upstream tasks."""

    def __init__(self, xcoms: Mapping[str, Any], map_index: int = 0) -> None:
        super().__init__(map_index=map_index)
        self.xcoms = xcoms

    def xcom_pull(self, task_ids: str, key: str = "return_value", **more: Any) -> Any:
        return json.loads(json.dumps(self.xcoms[task_ids]))


class Run:
    conf: Mapping[str, Any] = {}


def unmapped(operator: Any, xcoms: Mapping[str, Any] | None, map_index: int = 0) -> Any:
    """Render as a task runner does; return the operator that would be executed."""
    context = {
        "ti": Store(xcoms or {}, map_index),
        "task": operator,
        "dag": operator.dag,
        "dag_run": Run(),
        "params": {},
        **WORDS,
    }
    operator.render_template_fields(context)
    return context["task"]


def rendered(operator: Any, xcoms: Mapping[str, Any] | None = None, map_index: int = 0) -> dict[str, Any]:
    """Render; return the template fields by name."""
    done = unmapped(operator, xcoms, map_index)
    return {name: getattr(done, name) for name in done.template_fields}


def shown(operator: Any, xcoms: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Render; return what Rendered Templates will hold."""
    return dict(_serialize_rendered_fields(unmapped(operator, xcoms)))


def find() -> Any:
    """Declare the upstream task whose XCom holds pairs."""

    @task
    def find() -> list[dict[str, Any]]:
        return []

    return find()


PAIRS = [
    {
        "primary_user_id": "auth0|{{ word }}",
        "secondary_user_id": EVIL,
        "rule": SECRET,
        "evidence": {"email": f"{SECRET}@example.com"},
    }
]


def test_a_value_of_expand_kwargs_is_left_as_it_came() -> None:
    with DAG("nightly", schedule=None):
        link = LinkIdentityOperator.partial(task_id="link").expand_kwargs(find())

    fields = rendered(link, {"find": PAIRS})

    assert fields["primary_user_id"] == "auth0|{{ word }}"
    assert fields["secondary_user_id"] == EVIL
    assert fields["rule"] == SECRET
    assert dict(fields["evidence"]) == {"email": f"{SECRET}@example.com"}


@pytest.mark.parametrize("name", ["connection_id", "provider", "journal_path", "auth0_conn_id", "dry_run"])
def test_no_argument_of_expand_kwargs_is_rendered(name: str) -> None:
    with DAG("nightly", schedule=None):
        link = LinkIdentityOperator.partial(task_id="link").expand_kwargs(find())

    fields = rendered(link, {"find": [{**PAIRS[0], name: SECRET}]})

    assert fields["is_dry_run" if name == "dry_run" else name] == SECRET


def test_what_partial_gives_is_rendered() -> None:
    with DAG("nightly", schedule=None):
        link = LinkIdentityOperator.partial(
            task_id="link", dry_run="{{ word }}", auth0_conn_id="{{ word }}", secondary_id_token="{{ word }}"
        ).expand_kwargs(find())

    fields = rendered(link, {"find": PAIRS})

    assert fields["is_dry_run"] == "rendered"
    assert fields["auth0_conn_id"] == "rendered"
    assert fields["secondary_id_token"] == "rendered"
    assert fields["secondary_user_id"] == EVIL


def test_what_default_args_give_is_rendered() -> None:
    of_dag: Any = {"auth0_conn_id": "{{ word }}", "rule": "{{ word }}"}
    of_group: Any = {"dry_run": "{{ word }}"}
    with DAG("nightly", schedule=None, default_args=of_dag), TaskGroup("people", default_args=of_group):
        link = LinkIdentityOperator.partial(task_id="link").expand_kwargs(find())

    fields = rendered(link, {"people.find": [{**PAIRS[0], "rule": "{{ word }}"}]})

    assert fields["auth0_conn_id"] == "rendered"
    assert fields["is_dry_run"] == "rendered"
    assert fields["rule"] == "{{ word }}"
    assert fields["secondary_user_id"] == EVIL


def test_a_list_written_in_the_dag_is_rendered() -> None:
    with DAG("nightly", schedule=None):
        link = LinkIdentityOperator.partial(task_id="link").expand_kwargs(
            [
                {"primary_user_id": "auth0|1", "secondary_user_id": "sms|1"},
                {"primary_user_id": "auth0|{{ word }}", "secondary_user_id": "sms|{{ word }}"},
            ]
        )

    fields = rendered(link, map_index=1)

    assert fields["primary_user_id"] == "auth0|rendered"
    assert fields["secondary_user_id"] == "sms|rendered"


def test_a_value_from_xcom_in_a_list_written_in_the_dag_is_left_as_it_came() -> None:
    with DAG("nightly", schedule=None):
        link = LinkIdentityOperator.partial(task_id="link").expand(
            primary_user_id=["auth0|{{ word }}"], secondary_user_id=[find()]
        )

    fields = rendered(link, {"find": EVIL})

    assert fields["primary_user_id"] == "auth0|rendered"
    assert fields["secondary_user_id"] == EVIL


def test_a_whole_pair_from_xcom_in_a_list_is_left_as_it_came() -> None:
    with DAG("nightly", schedule=None):
        link = LinkIdentityOperator.partial(task_id="link", auth0_conn_id="{{ word }}").expand_kwargs(
            [{"primary_user_id": "auth0|1", "secondary_user_id": "sms|1"}, find()]
        )

    fields = rendered(link, {"find": {**PAIRS[0], "dry_run": SECRET}}, map_index=1)

    assert fields["primary_user_id"] == "auth0|{{ word }}"
    assert fields["secondary_user_id"] == EVIL
    assert fields["is_dry_run"] == SECRET
    assert fields["auth0_conn_id"] == "rendered"


def test_expand_leaves_what_comes_from_xcom_and_renders_what_is_written() -> None:
    with DAG("nightly", schedule=None):
        link = LinkIdentityOperator.partial(task_id="link", rule="{{ word }}").expand(
            primary_user_id=["auth0|{{ word }}"], secondary_user_id=find()
        )

    fields = rendered(link, {"find": [EVIL]})

    assert fields["primary_user_id"] == "auth0|rendered"
    assert fields["secondary_user_id"] == EVIL
    assert fields["rule"] == "rendered"


def test_an_unmapped_value_from_xcom_is_left_as_it_came() -> None:
    with DAG("nightly", schedule=None):
        link = LinkIdentityOperator(
            task_id="link",
            primary_user_id="auth0|{{ word }}",
            secondary_user_id=find(),
            evidence={"email": find()},
        )

    fields = rendered(link, {"find": EVIL, "find__1": f"{SECRET}@example.com"})

    assert fields["primary_user_id"] == "auth0|rendered"
    assert fields["secondary_user_id"] == EVIL
    assert dict(fields["evidence"]) == {"email": f"{SECRET}@example.com"}


def test_an_argument_of_a_mapped_group_is_left_as_it_came() -> None:
    with DAG("nightly", schedule=None) as dag:

        @task_group
        def merge(secondary: str) -> None:
            LinkIdentityOperator(
                task_id="link", primary_user_id="auth0|{{ word }}", secondary_user_id=secondary
            )

        merge.expand(secondary=find())

    fields = rendered(dag.get_task("merge.link"), {"find": ["sms|1", EVIL]}, map_index=1)

    assert fields["primary_user_id"] == "auth0|rendered"
    assert fields["secondary_user_id"] == EVIL


def test_an_unlink_leaves_them_too() -> None:
    with DAG("nightly", schedule=None):
        unlink = UnlinkIdentityOperator.partial(task_id="unlink", auth0_conn_id="{{ word }}").expand_kwargs(
            find()
        )

    fields = rendered(
        unlink, {"find": [{"primary_user_id": SECRET, "secondary_user_id": EVIL, "connection": SECRET}]}
    )

    assert fields["primary_user_id"] == SECRET
    assert fields["secondary_user_id"] == EVIL
    assert fields["connection"] == SECRET
    assert fields["auth0_conn_id"] == "rendered"


@pytest.mark.parametrize(
    ("native", "evidence"),
    [
        pytest.param(False, '{"email": "{{ word }}@example.com"}', id="as-text"),
        pytest.param(True, "{{ {'email': word ~ '@example.com'} }}", id="native"),
    ],
)
def test_evidence_may_be_a_template(native: bool, evidence: str) -> None:
    with DAG("nightly", schedule=None, render_template_as_native_obj=native):
        link = LinkIdentityOperator(
            task_id="link", primary_user_id="auth0|1", secondary_user_id="sms|1", evidence=evidence
        )

    assert dict(rendered(link)["evidence"]) == {"email": "rendered@example.com"}


@pytest.mark.parametrize("mapped", [False, True])
def test_rendered_templates_hide_tokens_and_show_of_evidence_the_keys(mapped: bool) -> None:
    arguments: dict[str, Any] = {
        "secondary_id_token": "planted-{{ word }}-token",
        "primary_access_token": "planted-access-token",
        "evidence": {"email": "ada@example.com", "verified": True},
    }
    with DAG("nightly", schedule=None):
        link: Any = (
            LinkIdentityOperator.partial(task_id="link").expand_kwargs(find())
            if mapped
            else LinkIdentityOperator(task_id="link", primary_user_id="auth0|1", **arguments)
        )

    fields = shown(link, {"find": [{"primary_user_id": "auth0|1", **arguments}]})

    assert fields["secondary_id_token"] == "***"
    assert fields["primary_access_token"] == "***"
    assert fields["evidence"] == "<evidence: email, verified>"
    assert fields["primary_user_id"] == "auth0|1"
    assert "planted" not in str(fields)
    assert "ada@example.com" not in str(fields)


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize("name", ["secondary_id_token", "primary_access_token"])
def test_a_token_is_masked_wherever_it_stands(name: str, mapped: bool) -> None:
    # A template may have put the same token into another field or a log line.
    token = "planted-token-in-the-clear"
    arguments: dict[str, Any] = {"primary_user_id": "auth0|1", name: token, "rule": f"by {token}"}
    with DAG("nightly", schedule=None):
        link: Any = (
            LinkIdentityOperator.partial(task_id="link").expand_kwargs(find())
            if mapped
            else LinkIdentityOperator(task_id="link", **arguments)
        )

    assert shown(link, {"find": [arguments]})["rule"] == "by ***"


def test_evidence_is_a_mapping_that_shows_its_keys() -> None:
    evidence = Evidence({"email": "ada@example.com"})

    assert evidence["email"] == "ada@example.com"
    assert (list(evidence), len(evidence)) == (["email"], 1)
    assert repr(evidence) == str(evidence) == "<evidence: email>"


@pytest.mark.parametrize("operator", [LinkIdentityOperator, UnlinkIdentityOperator])
def test_the_template_fields_are_attributes(operator: type[BaseOperator]) -> None:
    made = operator(task_id="it", primary_user_id="auth0|1", secondary_user_id="sms|1")

    assert all(hasattr(made, name) for name in operator.template_fields)
    assert {"primary_user_id", "secondary_user_id", "is_dry_run", "auth0_conn_id"} <= set(
        operator.template_fields
    )
