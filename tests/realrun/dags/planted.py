"""
Every way that a secret comes into a task, and tasks that end well and badly.

The accounts, connections and variables named here are those of ``plants.py``.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pendulum
from airflow.providers.common.compat.sdk import dag, task

from airflow_provider_auth0link.hooks.auth0 import Auth0Hook
from airflow_provider_auth0link.operators.link import LinkIdentityOperator, UnlinkIdentityOperator

CANARY = "rendered-canary-{{ dag.dag_id }}"
"""Rendered it must be found: it shows that the search looks where secrets would be."""

log = logging.getLogger(__name__)

# Airflow's own loggers stay at INFO: at DEBUG, Airflow 3 prints what it is told to mask.
for name in ("airflow_provider_auth0link", "urllib3"):
    logging.getLogger(name).setLevel(logging.DEBUG)


class TalkativeLink(LinkIdentityOperator):
    """Logs the tokens that were given to it: the masker has to know them by then."""

    def execute(self, context: Any) -> Any:
        log.info("given %s and %s", self.secondary_id_token, self.primary_access_token)
        return super().execute(context)


def ids(name: str) -> dict[str, Any]:
    return {"primary_user_id": f"auth0|{name}", "secondary_user_id": f"google-oauth2|{name}"}


@task
def canary(dag: Any = None) -> str:
    print(f"printed-canary-{dag.dag_id}")
    log.info("logged-canary-%s", dag.dag_id)
    return f"returned-canary-{dag.dag_id}"


@task
def pairs() -> list[dict[str, str]]:
    return [ids("kwargs0"), ids("kwargs1")]


@task
def primaries() -> list[str]:
    return ["auth0|list0", "auth0|list1"]


@task
def rows_for_tokens() -> list[dict[str, str]]:
    return [{"primary_user_id": "auth0|rows0"}, {"primary_user_id": "auth0|rows1"}]


@task
def talkative_hook() -> list[Any]:
    """Show all that a Dag author can get hold of."""
    hook = Auth0Hook("auth0_default")
    seen: list[Any] = [hook.get_user("google-oauth2|talk"), hook.get_identities("google-oauth2|talk")]
    seen.append(hook.link_identity("auth0|talk", "google-oauth2|talk"))
    seen.append(hook.request("GET", "/users/auth0%7Ctalk"))
    seen.append(hook.update_user("auth0|talk", {"nickname": "talk"}))
    seen.append(hook.test_connection())
    print(hook.settings, hook.get_conn(), vars(hook), seen)
    work = hook.work()
    log.info("fetched %s", hook.get_conn()._tokens.current(work._budget).value)
    return seen


@task(retries=1, retry_delay=timedelta(seconds=0))
def failing_hook(conn_id: str, path: str) -> None:
    """End in a traceback that has all of it among its locals."""
    hook = Auth0Hook(conn_id)
    settings = hook.settings
    try:
        hook.request("GET", path)
    except Exception as error:
        log.exception("the hook said")
        raise RuntimeError(f"{error!r} of {settings!r}") from error


@dag(schedule=None, start_date=pendulum.datetime(2026, 1, 1, tz="UTC"), catchup=False)
def planted() -> None:
    retried: dict[str, Any] = {"retries": 1, "retry_delay": timedelta(seconds=0)}
    bare: dict[str, Any] = {"carry": (), "guards": ()}
    canary()
    talkative_hook()

    # Both ways of the endpoint, each way to authenticate.
    LinkIdentityOperator(task_id="by_secret", **ids("secret"), rule=CANARY, include_profile_data=True)
    LinkIdentityOperator(task_id="by_key", auth0_conn_id="auth0_key", **ids("key"))
    LinkIdentityOperator(task_id="by_key_file", auth0_conn_id="auth0_key_file", **ids("file"))
    LinkIdentityOperator(task_id="by_token", auth0_conn_id="auth0_token", **ids("token"))
    LinkIdentityOperator(task_id="by_proxy", auth0_conn_id="auth0_proxy", **ids("proxy"))
    TalkativeLink(
        task_id="by_id_token",
        primary_user_id="auth0|idtoken",
        secondary_id_token="{{ var.value.some_id_token }}",
    )
    TalkativeLink(
        task_id="by_both_tokens",
        primary_user_id="auth0|both",
        secondary_id_token="{{ var.value.proof }}",
        primary_access_token="{{ var.value.bearer }}",
    )
    UnlinkIdentityOperator(task_id="unlinked", **ids("unlinked"))

    # Mapped, the token in each place that it may stand in.
    LinkIdentityOperator.partial(task_id="mapped_kwargs").expand_kwargs(pairs())
    TalkativeLink.partial(
        task_id="mapped_partial_token", secondary_id_token="{{ var.value.rows_proof }}", **retried
    ).expand_kwargs(rows_for_tokens())
    TalkativeLink.partial(
        task_id="mapped_ids", secondary_id_token="{{ var.value.list_proof }}", **retried
    ).expand(primary_user_id=primaries())
    TalkativeLink.partial(task_id="mapped_literal").expand_kwargs(
        [{"primary_user_id": "auth0|literal", "secondary_id_token": "{{ var.value.literal_proof }}"}]
    )
    LinkIdentityOperator.partial(task_id="mapped_tokens", primary_user_id="auth0|each").expand(
        secondary_id_token=["{{ var.value.each_proof }}"]
    )

    # Ends that are no success.
    LinkIdentityOperator(task_id="conflict", **ids("conflict"), **bare, **retried)
    LinkIdentityOperator(task_id="forbidden", auth0_conn_id="auth0_narrow", **ids("forbidden"), **retried)
    LinkIdentityOperator(task_id="unknown", auth0_conn_id="auth0_narrow", **ids("unknown"), **bare, **retried)
    LinkIdentityOperator(task_id="wrong_secret", auth0_conn_id="auth0_wrong", **ids("wrong"), **retried)
    LinkIdentityOperator(task_id="bad_key", auth0_conn_id="auth0_bad_key", **ids("badkey"), **retried)
    LinkIdentityOperator(
        task_id="not_a_token",
        primary_user_id="auth0|nota",
        secondary_id_token="{{ var.value.no_jwt }}",
        rule="{{ var.value.no_jwt }}",  # no token by its name: the masker has to know the value
    )
    LinkIdentityOperator(
        task_id="wrong_bearer",
        primary_user_id="auth0|wrongbearer",
        secondary_id_token="{{ var.value.proof }}",
        primary_access_token="{{ var.value.bearer }}",
    )
    failing_hook.override(task_id="hook_forbidden")("auth0_narrow", "/users/auth0%7Cforbidden")
    failing_hook.override(task_id="hook_missing")("auth0_default", "/users/auth0%7Cmissing")
    failing_hook.override(task_id="hook_two_ways")("auth0_two_ways", "/users")
    failing_hook.override(task_id="hook_unknown_extra")("auth0_unknown_extra", "/users")


planted()
