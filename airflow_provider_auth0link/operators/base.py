"""What the operators share: rendering that leaves XCom values alone, and secrets kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.common.compat.sdk import AirflowSkipException, BaseOperator

from airflow_provider_auth0link.errors import Auth0LinkError, InputError, LinkFailedError
from airflow_provider_auth0link.hooks.auth0 import Auth0Hook
from airflow_provider_auth0link.hooks.correlation import of_context
from airflow_provider_auth0link.hooks.masking import mask_secret
from airflow_provider_auth0link.linking.words import LONGEST_LINE, counted, escaped, pair_named, visible
from airflow_provider_auth0link.model import IdentityRow, UserId, looks_like_token
from airflow_provider_auth0link.operators.arguments import text
from airflow_provider_auth0link.operators.links import URL_KEY, Auth0UserLink, dashboard_url

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_auth0link.linking.outcome import Outcome

SUCCEED, SKIP, FAIL = "succeed", "skip", "fail"


class Auth0Operator(BaseOperator):
    """
    Base of all operators here.

    Values that arrive by XCom are never rendered, mapped or not: user ids and e-mails come from identity
    providers, and a Jinja expression in one of them would be run with the Dag's rights.
    """

    ui_color = "#eb5424"
    secret_fields: ClassVar[tuple[str, ...]] = ()
    renamed_fields: ClassVar[Mapping[str, str]] = {"is_dry_run": "dry_run"}

    def _do_render_template_fields(
        self,
        parent: Any,
        template_fields: Iterable[str],
        context: Any,
        jinja_env: Any,
        seen_oids: set[int],
    ) -> None:
        """Render, but for what the expansion of a mapped task took from XCom; then register the secrets."""
        fields = list(template_fields)
        if parent is self:
            arrived = _arrived_by_xcom(self, context, fields)
            fields = [name for name in fields if name not in arrived]
        super()._do_render_template_fields(parent, fields, context, jinja_env, seen_oids)
        if parent is self:
            self._after_rendering()

    def _after_rendering(self) -> None:
        for name in self.secret_fields:
            value = getattr(self, name)
            if isinstance(value, str) and value:
                mask_secret(value)


class PairOperator(Auth0Operator):
    """Base of the operators for one pair."""

    operator_extra_links = (Auth0UserLink(),)

    auth0_conn_id: str
    xcom_name: ClassVar[str]
    toward: ClassVar[str]
    """What stands between secondary and primary in a sentence."""
    primary_user_id: str
    secondary_user_id: str | int | None
    _told = False

    @contextmanager
    def _telling(self, context: Context) -> Iterator[None]:
        """Push an outcome also where an argument, the connection or the journal is refused: nothing was linked."""
        self._told = False
        try:
            yield
        except Auth0LinkError as error:
            if not self._told:
                self._push_refusal(context, error)
            raise

    def _push_refusal(self, context: Context, error: Auth0LinkError) -> None:
        row: dict[str, Any] = {
            "outcome": "failed",
            "reason": str(error),
            "primary_user_id": self._given(self.primary_user_id),
            "secondary_user_id": self._given(self.secondary_user_id),
            "carried": [],
            "requests": 0,
        }
        try:
            context["ti"].xcom_push(key=self.xcom_name, value=row)
        except Exception:  # ids may hold what no database takes; the error itself must be told
            self.log.warning("The outcome could not be pushed", exc_info=True)

    def _given(self, value: object) -> str | int | None:
        """Return an id as it was given, None for what is none and for a token in its place."""
        if not isinstance(value, str | int) or isinstance(value, bool):
            return None
        secrets = [getattr(self, name) for name in self.secret_fields]
        return None if value in secrets or looks_like_token(value) else value

    def _hook(self, context: Context) -> Auth0Hook:
        name = of_context(context)
        if name:
            self.log.info("X-Correlation-ID of the changes in the tenant's log: %s", name)
        return Auth0Hook(text("auth0_conn_id", self.auth0_conn_id), correlation_id=name)

    def _report(self, context: Context, row: Mapping[str, Any], url: str) -> None:
        """Push the outcome before anything is raised: downstream tasks of a skipped or failed one read it."""
        self._told = True
        context["ti"].xcom_push(key=self.xcom_name, value=dict(row))
        context["ti"].xcom_push(key=URL_KEY, value=url)

    def _deliver(
        self, context: Context, hook: Auth0Hook, outcome: Outcome, pair: tuple[UserId, UserId], then: str
    ) -> None:
        """
        Tell the outcome: XCom, log, and the end of the task that was asked for.

        :param then: succeed, skip or fail, for an outcome that is no error or a refusal
        """
        primary, secondary = pair
        self._report(context, outcome.to_xcom(primary, secondary), dashboard_url(hook.settings, primary))
        for warning in outcome.warnings:
            self.log.warning("%s", visible(warning, LONGEST_LINE))
        two = pair_named(secondary, primary, self.toward)
        self.log.info(
            "%s: %s, %s%s%s",
            outcome.name,
            two,
            counted(outcome.requests, "request"),
            visible(_carried(outcome), LONGEST_LINE),
            visible(_why(outcome, two), LONGEST_LINE),
        )
        if then == SKIP:
            why = outcome.reason or f"{secondary} and {primary}"
            raise AirflowSkipException(f"{outcome.name}: {escaped(why)}")
        if outcome.error is not None:
            raise _with_reason(outcome.error, outcome.reason)
        if then == FAIL:
            raise LinkFailedError(
                f"{outcome.name}: {secondary} and {primary}, and the task is told to fail then"
            )


def _carried(outcome: Outcome) -> str:
    """Name what was carried, for the end of a line."""
    if not outcome.carried:
        return ""
    deed = "would carry" if outcome.name == "would_link" else "carried"
    return f", {deed} {', '.join(outcome.carried)}"


def _why(outcome: Outcome, pair: str) -> str:
    """Give the reason, for the end of a line that names the pair already."""
    return f": {outcome.reason.removeprefix(f'{pair}: ')}" if outcome.reason else ""


def _with_reason(error: Auth0LinkError, reason: str | None) -> Auth0LinkError:
    """Keep the class of an error, and say what else is known."""
    return type(error)(reason) if reason else error


def ended(attempt: Callable[[], Outcome]) -> Outcome:
    """
    Make an outcome of an error too, so that it is told by XCom before it is raised.

    :raises InputError: nothing was asked of the tenant; it is told as a refusal
    """
    from airflow_provider_auth0link.linking.outcome import Outcome

    try:
        return attempt()
    except InputError:
        raise
    except Auth0LinkError as error:
        return Outcome.ended("failed", error)


def identity_rows(outcome: Outcome, *, include_profile_data: bool = False) -> list[IdentityRow]:
    """Return the XCom ``return_value``."""
    return [each.to_xcom(include_profile_data=include_profile_data) for each in outcome.identities]


def _arrived_by_xcom(operator: Auth0Operator, context: Mapping[str, Any], fields: list[str]) -> set[str]:
    """
    Name the template fields whose values a mapped task took from XCom.

    Airflow means to leave those alone, but takes a string that came in a dict of ``expand_kwargs`` for one that
    was written in the Dag, and renders it: so on 2.11, 3.1, 3.2 and 3.3.
    """
    dag = context.get("dag")
    mapped = dag.task_dict.get(operator.task_id) if dag is not None else None
    partial = getattr(mapped, "partial_kwargs", None)
    if mapped is None or partial is None:
        return set()
    arguments = {name: operator.renamed_fields.get(name, name) for name in fields}
    value = mapped._get_specified_expand_input().value  # noqa: SLF001 - Airflow offers no public way
    if isinstance(value, Mapping):  # expand(name=...): each argument has a source of its own
        taken = {name for name, source in value.items() if hasattr(source, "resolve")}
    else:  # expand_kwargs(xcom), or [...] with dicts written in the Dag and single ones from XCom among them
        source = value if hasattr(value, "resolve") else value[context["ti"].map_index]
        taken = set() if isinstance(source, Mapping) else set(arguments.values()) - set(partial)
    return {
        name
        for name, argument in arguments.items()
        if argument in taken and not _is_default(mapped, argument, getattr(operator, name))
    }


def _is_default(mapped: Any, argument: str, value: object) -> bool:
    """Tell whether a value is the very one that ``default_args`` hold: those are not in the partial arguments."""
    places = (mapped.dag, mapped.task_group)
    return any(value is place.default_args.get(argument) for place in places if place and place.default_args)
