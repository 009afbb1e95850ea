"""What the operators for many pairs share: the journal, the run beside log lines and signals, and how it ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_auth0link.errors import (
    InputError,
    LinkDelayedError,
    LinkFailedError,
    OutcomeUnknownError,
    StoppedError,
)
from airflow_provider_auth0link.hooks.auth0 import Auth0Hook
from airflow_provider_auth0link.hooks.correlation import of_context
from airflow_provider_auth0link.linking.words import LONGEST_LINE, counted, visible
from airflow_provider_auth0link.operators.arguments import UNSET, optional_text, text
from airflow_provider_auth0link.operators.base import Auth0Operator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_auth0link.hooks.tenants import HookTenants
    from airflow_provider_auth0link.linking.batch import Batch
    from airflow_provider_auth0link.linking.journal import Journal

LOG_EVERY_S = 10.0
MOST_GAINS = 500

KILL_S = 4.0
"""What a run that is told to stop has for what is under way: Airflow kills five seconds after SIGTERM."""


class ManyOperator(Auth0Operator):
    """Base of the operators for many pairs."""

    auth0_conn_id: str
    journal_path: str
    max_failures: int | str = 0
    what: ClassVar[str] = "links"
    _batch: Batch | None = None
    _killed = False
    _stopping = False
    _told = False
    _planned = 0

    def on_kill(self) -> None:
        """Begin nothing new, write down what is answered within four seconds; the rest stays an open intent."""
        self._killed = True
        self._stop()

    def _stop(self) -> None:
        """Stop once: a signal may come while a timeout stops the run, and would wait for itself."""
        if self._batch is not None and not self._stopping:
            self._stopping = True
            self._batch.stop(KILL_S)

    @contextmanager
    def _telling(self, context: Context, names: tuple[str, ...]) -> Iterator[None]:
        """
        Push the counts also where the task ends before its run begins: what was planned counts as failed.

        :param names: of the counts between ``planned`` and ``requests``
        """
        began = time.monotonic()
        self._told, self._planned = False, 0
        try:
            yield
        finally:
            if not self._told:
                summary = {
                    "planned": self._planned,
                    **dict.fromkeys(names, 0),
                    "failed": self._planned,
                    "requests": 0,
                    "throttled": 0,
                    "seconds": round(time.monotonic() - began, 1),
                    "journal": _named(self.journal_path),
                }
                self._hand_on(context, summary, dying=True)

    def _hook(self, context: Context) -> Auth0Hook:
        name = of_context(context)
        if name:
            self.log.info("X-Correlation-ID of the changes in the tenant's log: %s", name)
        return Auth0Hook(text("auth0_conn_id", self.auth0_conn_id), correlation_id=name)

    def _journal(
        self, context: Context, hook: Auth0Hook, header: Mapping[str, Any], *, dry_run: bool
    ) -> Journal:
        from airflow_provider_auth0link.hooks.tenants import journal_of

        path = optional_text("journal_path", self.journal_path)
        if path is None:
            raise InputError(
                "journal_path: is empty. Give a folder that every worker reaches, or a URL such as "
                "s3://conn_id@bucket/prefix"
            )
        return journal_of(hook, context, path, header, writes=not dry_run)

    def _run(
        self, context: Context, batch: Batch, tenants: HookTenants, check: Callable[[], None]
    ) -> dict[str, Any]:
        """
        Run to the end, or to whatever ends it; the counts are pushed in any case.

        :param check: refuses what is not to be begun, before the first request
        """
        began = time.monotonic()
        self._batch = batch
        is_begun = False
        try:
            check()
            if self._killed:
                self._stop()
            is_begun = True
            batch.start()
            while not batch.wait(LOG_EVERY_S):
                self._tell(batch, tenants)
        finally:
            if not batch.wait(0):  # a timeout, or another signal
                self._stop()
            summary = {
                **batch.close(),
                "seconds": round(time.monotonic() - began, 1),
                "journal": self.journal_path,
            }
            if is_begun:
                self._tell_end(batch, summary)
            else:
                self.log.info("Nothing was begun; %s planned", counted(batch.tally.planned, "pair"))
            self._hand_on(context, summary, dying=batch.stopped)
            self._batch, self._killed, self._stopping = None, False, False
        return summary

    def _hand_on(self, context: Context, summary: Mapping[str, Any], *, dying: bool) -> None:
        """Hand the counts on: XCom, and an event on every asset that the author declared."""
        self._told = True
        try:
            context["ti"].xcom_push(key="summary", value=dict(summary))
            context["ti"].xcom_push(key="journal", value=summary["journal"])
        except Exception:
            if not dying:
                raise
            self.log.warning("The counts could not be pushed any more", exc_info=True)
        events = context.get("outlet_events")
        for outlet in self.outlets or ():
            if events is not None and hasattr(outlet, "uri"):
                event = events[outlet]
                event.extra = {**(event.extra or {}), **summary}

    def _tell(self, batch: Batch, tenants: HookTenants) -> None:
        """Log how the run goes. "limit used": how far the emptiest of the tenant's buckets is drawn down."""
        tally = batch.tally
        left, drawn = tally.seconds_left(), tenants.drawn
        self.log.info(
            "%s of %s done, %.1f %s/s, limit used %s, throttled %d, %s left",
            f"{tally.done:,}",
            f"{tally.planned:,}",
            tally.per_second(),
            self.what,
            "not told" if drawn is None else f"{drawn:.0%}",
            batch.throttled,
            "unknown time" if left is None else _duration(left),
        )

    def _tell_end(self, batch: Batch, summary: Mapping[str, Any]) -> None:
        """Log the counts, and reasons as far as they can be seen: keys of accounts in them may hold line breaks."""
        counts = ", ".join(f"{name} {value}" for name, value in summary.items() if name != "journal")
        where = summary["journal"] if batch.is_journaled else "none, a dry run"
        self.log.info("%s; journal %s", counts, where)
        for reason, count in batch.tally.refusals.most_common():
            self.log.info("refused %s: %s", f"{count:,}", visible(reason))
        for line in batch.tally.refused:
            self.log.info("refused: %s", visible(line, LONGEST_LINE))
        for warning, count in batch.tally.warnings.most_common():
            self.log.warning("%s: %s", counted(count, "pair"), visible(warning, LONGEST_LINE))
        for example in batch.tally.examples:
            self.log.warning("%s", visible(example, LONGEST_LINE))
        self._tell_gains(batch)

    def _tell_gains(self, batch: Batch) -> None:
        """Name the keys of ``app_metadata`` that primaries would gain, the commonest first: they often grant rights."""
        gains = sorted(batch.tally.gains.items(), key=lambda each: (-each[1], each[0]))
        for path, count in gains[:MOST_GAINS]:
            self.log.info("would gain %s: %s", visible(path), counted(count, "pair"))
        if len(gains) > MOST_GAINS:
            more = counted(len(gains) - MOST_GAINS, "more key")
            self.log.warning("would gain %s of app_metadata, not named here", more)

    def _end(self, batch: Batch, summary: Mapping[str, Any], max_failures: int) -> None:
        """Raise what the counts say: for good only where no retry would change anything."""
        if batch.failure is not None:
            raise batch.failure
        tally = batch.tally
        if batch.stopped:
            raise StoppedError(
                f"stopped before the end: {counted(tally.fresh, 'pair')} ended in this try. "
                "A retry goes on with the rest"
            )
        if summary["unknown"]:
            raise OutcomeUnknownError(
                f"unknown: {counted(summary['unknown'], 'pair')} may be done or not. A retry looks again; "
                "`auth0link journal` tells which"
            )
        if summary["failed"] > max_failures:
            error = LinkDelayedError if tally.passes else LinkFailedError
            raise error(
                f"failed: {counted(summary['failed'], 'pair')}, more than max_failures={max_failures}. "
                f"The log names the first ten with the reasons, `auth0link journal` all of a run that is no dry run"
            )

    def _whole_number(self, name: str, value: object) -> int | None:
        """Read a count strictly: Jinja makes text of it. None when it is unset."""
        if value is None or (isinstance(value, str) and value in UNSET):
            return None
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 12:  # noqa: PLR2004 - more digits than pairs
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise InputError(f"{name}: must be a whole number, 0 or more, after rendering")
        return value


def _named(path: object) -> str | None:
    """Name a journal in XCom, unless it is no place: keys may stand before the bucket of what is none."""
    from airflow_provider_auth0link.hooks.journal import parse

    with suppress(ValueError):
        if isinstance(path, str):
            parse(path)
            return path
    return None


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
