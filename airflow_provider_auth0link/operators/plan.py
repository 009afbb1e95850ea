"""Plans as files: made of accounts that are one person's, and divided among workers."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from airflow_provider_auth0link.duplicates.search import Search
from airflow_provider_auth0link.errors import InputError, StoppedError
from airflow_provider_auth0link.hooks.failing import failing_for_good
from airflow_provider_auth0link.hooks.planning import PRIMARY, RULES, Limits, Places, write_plan
from airflow_provider_auth0link.hooks.tables import SqlQuery
from airflow_provider_auth0link.linking.words import counted
from airflow_provider_auth0link.operators import arguments
from airflow_provider_auth0link.operators.base import Auth0Operator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_auth0link.duplicates.find import Found
    from airflow_provider_auth0link.linking.plan import Plan

__all__ = ["PlanLinksOperator", "SplitPlanOperator", "SqlQuery"]

MOST_SHARDS = 1024
"""Airflow maps a task over so many values at most, unless told otherwise (``[core] max_map_length``)."""

HELD_BYTES = 1 << 16
"""Of one shard in memory, before they are appended to its file."""


class PlanLinksOperator(Auth0Operator):
    """
    Find accounts that are one person's in an export or a table, and write the plan that links them.

    Nothing is asked of the tenant. Beside the plan stands a file of rejects: every account that shared a key with
    another and was not planned, with the reason, and every record that could not be read. The same accounts give the
    same plan, byte for byte. Accounts without duplicates, and an empty export, give an empty plan: a success.

    XCom ``return_value``: counts of accounts, candidates, pairs, per rule and per reason. XCom ``plan_path``,
    ``plan_digest`` (sha256 of the plan's file), ``planned`` (pairs), and ``summary_markdown``, the summary for whoever
    approves, e-mails masked.

    :param source: accounts: a file that ends in .ndjson, .jsonl, .json, .csv or .parquet, all but the last with .gz
        too; a local path or an object storage URL. Or ``SqlQuery(conn_id, sql, parameters=None)`` (templated)
    :param plan_path: where the plan goes, .jsonl or .jsonl.gz (templated)
    :param rejects_path: where the rejects go, by default beside the plan: plan.rejects.jsonl (templated)
    :param rules: what makes accounts one person's, first rule first: "verified_email", "verified_phone",
        "metadata:app_metadata.legacy_id" and the like, or rules of ``duplicates.rules``
    :param primary: which account stays, first choice first: "most_logins", "latest_login", "oldest", "has_metadata",
        "connections:db,google-oauth2"
    :param connections: plan accounts of these connections only
    :param max_group: more accounts than this under one key are a shared mailbox, say, and are not planned
    :param enterprise_secondaries: plan enterprise and directory accounts as secondaries too
    :param memory_limit: for DuckDB, such as "1GB"; what is more goes to temporary files
    :param threads: for DuckDB, by default one for each core
    """

    template_fields = ("source", "plan_path", "rejects_path")
    template_ext = (".sql",)
    _running = False

    def __init__(
        self,
        *,
        source: str | SqlQuery,
        plan_path: str,
        rejects_path: str | None = None,
        rules: Sequence[Any] = RULES,
        primary: Sequence[Any] = PRIMARY,
        connections: Sequence[str] | None = None,
        max_group: int = 5,
        enterprise_secondaries: bool = False,
        memory_limit: str = "1GB",
        threads: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.plan_path = plan_path
        self.rejects_path = rejects_path
        self.rules = rules
        self.primary = primary
        self.connections = connections
        self.max_group = max_group
        self.enterprise_secondaries = enterprise_secondaries
        self.memory_limit = memory_limit
        self.threads = threads
        self._search()  # a typing error is told when the Dag is parsed

    def execute(self, context: Context) -> dict[str, Any]:
        """Read the accounts, write the plan, and return what was found."""
        from airflow_provider_auth0link.duplicates.summary import counts, markdown

        with failing_for_good():
            places = self._places()
            search, limits = self._search(), Limits(self.memory_limit, self.threads)
            self._running = True
            try:
                found = write_plan(places, search, limits, self._tell())
            finally:
                self._running = False
        row = counts(found)
        self._tell_end(found, places)
        pushed = {
            "plan_path": places.plan,
            "plan_digest": found.digest,
            "planned": found.planned,
            "summary_markdown": markdown(found),
        }
        for key, value in pushed.items():
            context["ti"].xcom_push(key=key, value=value)
        self._hand_on(context, {**row, "plan_path": places.plan, "plan_digest": found.digest})
        return row

    def _hand_on(self, context: Context, told: dict[str, Any]) -> None:
        """Put what was found into the event of every asset that the author declared."""
        events = context.get("outlet_events")
        for outlet in self.outlets or ():
            if events is not None and hasattr(outlet, "uri"):
                event = events[outlet]
                event.extra = {**(event.extra or {}), **told}

    def on_kill(self) -> None:
        """Stop at once. Airflow 3 only calls this on SIGTERM, and kills five seconds later: that would leave files."""
        if self._running:
            self._running = False
            raise StoppedError("told to stop before the plan was written. A retry begins anew")

    def _search(self) -> Search:
        return Search.checked(
            rules=self.rules,
            primary=self.primary,
            connections=self.connections,
            max_group=self.max_group,
            enterprise_secondaries=self.enterprise_secondaries,
        )

    def _places(self) -> Places:
        source = self.source
        if isinstance(source, SqlQuery):
            arguments.text("source.conn_id", source.conn_id)
            arguments.text("source.sql", source.sql)
        else:
            source = arguments.text("source", source)
        return Places.checked(
            source,
            arguments.text("plan_path", self.plan_path),
            arguments.optional_text("rejects_path", self.rejects_path),
        )

    def _tell(self) -> Callable[[str, float], None]:
        """Log each thing that is begun."""
        told: list[str] = []

        def tell(what: str, _part: float) -> None:
            if what not in told:
                told.append(what)
                self.log.info("%s", what)

        return tell

    def _tell_end(self, found: Found, places: Places) -> None:
        self.log.info(
            "%s accounts, %s unreadable records, %s candidates: %s pairs planned for %s people",
            *(
                f"{count:,}"
                for count in (found.accounts, found.unreadable, found.candidates, found.planned, found.stars)
            ),
        )
        for doubt in found.doubts:
            self.log.warning("%s", doubt)
        for rule, count in found.per_rule.items():
            self.log.info("%s: %s pairs", rule, f"{count:,}")
        for reason, count in found.per_reason.items():
            self.log.info("not planned, %s: %s accounts", reason, f"{count:,}")
        if found.nothing_read:
            self.log.warning("No record of the source is an account. Is it a users export? See the rejects")
        self.log.info("Plan %s, sha256 %s; rejects %s", places.plan, found.digest, places.rejects)


class SplitPlanOperator(Auth0Operator):
    """
    Divide a plan among workers, for ``LinkIdentitiesOperator.partial(...).expand(plan_path=split.output)``.

    Accounts that become one primary stay together, and the shards are alike in pairs. A line of JSON is written as
    it lies in the plan, byte for byte, repeats too; a CSV becomes lines of JSON. A shard's name holds the plan's
    digest, so a retry writes the same bytes to the same files.

    XCom ``return_value``: the paths of the shards, none for an empty one. XCom ``plan_digest``: sha256 of the plan's
    bytes. XCom ``planned``: its pairs, repeats not counted.

    :param plan_path: .jsonl, .jsonl.gz or .csv; a local path or an object storage URL such as
        ``s3://conn@bucket/key`` (templated)
    :param shards: how many at most, 1 to 1,024 (templated)
    :param shards_path: the folder to write them to, by default the plan's own. All workers must reach it (templated)
    """

    template_fields = ("plan_path", "shards", "shards_path")

    def __init__(
        self, *, plan_path: str, shards: int | str, shards_path: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.plan_path = plan_path
        self.shards = shards
        self.shards_path = shards_path

    def execute(self, context: Context) -> list[str]:
        """Read the plan, write the shards, and return where they are."""
        from airflow_provider_auth0link.hooks import files

        with failing_for_good(), tempfile.TemporaryFile() as copy:
            path = arguments.text("plan_path", self.plan_path)
            shards = _shards(self.shards)
            folder = arguments.optional_text("shards_path", self.shards_path) or files.folder_of(path)
            with files.reading(path) as file:
                files.copy(file, copy)
            plan = _read(copy, path)
            paths = _write(copy, plan, files.name_of(path), folder, shards)
        context["ti"].xcom_push(key="plan_digest", value=plan.digest)
        context["ti"].xcom_push(key="planned", value=plan.planned)
        self.log.info(
            "%s in %s; %s; sha256 %s",
            counted(plan.planned, "pair"),
            counted(len(paths), "shard"),
            counted(plan.repeats, "repeat"),
            plan.digest,
        )
        return paths


def _shards(value: object) -> int:
    """Read the number of shards strictly: Jinja makes text of it."""
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        value = int(value) if len(value) <= 9 else MOST_SHARDS + 1  # noqa: PLR2004 - far over what is taken
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_SHARDS:
        raise InputError(f"shards: must be a whole number from 1 to {MOST_SHARDS} after rendering")
    return value


def _read(copy: BinaryIO, path: str) -> Plan:
    from airflow_provider_auth0link.linking.plan import read_plan

    copy.seek(0)
    return read_plan(copy, path)


def _write(copy: BinaryIO, plan: Plan, name: str, folder: str, shards: int) -> list[str]:
    """Sort the records into files of this machine, then bring each to its place."""
    from airflow_provider_auth0link.hooks import files
    from airflow_provider_auth0link.linking.lines import ending_of, raw_records
    from airflow_provider_auth0link.linking.split import shard_of_records

    ending = ending_of(name)
    copy.seek(0)
    with tempfile.TemporaryDirectory() as room:
        sorted_records = zip(shard_of_records(plan, shards), raw_records(copy, ending), strict=True)
        paths = []
        for number, part in enumerate(_sorted(sorted_records, Path(room)), 1):
            shard = f"{name[: -len(ending)]}.{plan.digest[:16]}.{number}-of-{shards}.jsonl"
            paths.append(files.within(folder, shard))
            with part.open("rb") as source, files.writing(paths[-1]) as target:
                files.copy(source, target)
    return paths


def _sorted(records: Iterable[tuple[int, bytes]], room: Path) -> Iterator[Path]:
    """Append each record to its shard's file; give the files in order. Few are open at once, however many there are."""
    held: dict[int, bytearray] = {}
    for shard, raw in records:
        held.setdefault(shard, bytearray()).extend(raw)
        if len(held[shard]) >= HELD_BYTES:
            _append(room / str(shard), held[shard])
    for shard in sorted(held):
        _append(room / str(shard), held[shard])
        yield room / str(shard)


def _append(path: Path, held: bytearray) -> None:
    with path.open("ab") as file:
        file.write(held)
    held.clear()
