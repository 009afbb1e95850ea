"""The page: figures in, HTML out, with nothing to fetch and nothing that runs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow_provider_auth0link import __version__
from airflow_provider_auth0link.linking.guards import DRIFTED
from airflow_provider_auth0link.linking.report import REHEARSED, WOULD, Look, Writer
from airflow_provider_auth0link.linking.words import counted, visible, without_pair
from airflow_provider_auth0link.report.chart import NARROW, WIDE, chart, in_words
from airflow_provider_auth0link.report.figures import Figures, Reason
from airflow_provider_auth0link.report.words import masked_id, masked_text

if TYPE_CHECKING:
    from jinja2 import Template

MEANINGS = {
    "linked": "by a run of this journal",
    "already_linked": "before, by no run of this journal",
    "undone": "linked, and taken back",
    "left": "linked; an undo did not touch it",
    "refused": "by a guard, the evidence or a limit; nothing was changed",
    "failed": "not linked; a further run tries again",
    "unknown": "whether it is linked is not known; a further run looks again",
    "open": "begun, its end is not written; a further run settles it",
    "undoing": "an undo did not end; run it again",
}

DRIFT = f" {DRIFTED}: what the plan knew of the two no longer holds, or can no longer be read."

VALUES_AT_MOST = 5
"""Of an option that is a list: an undo may name thousands of ids."""

DIGEST = 12


class _Words(NamedTuple):
    """How text of the journal is shown."""

    show_emails: bool

    def id(self, text: object) -> str:
        return visible(str(text) if self.show_emails else masked_id(str(text)))

    def text(self, text: object) -> str:
        return visible(str(text) if self.show_emails else masked_text(str(text)))

    def reason(self, row: Look) -> str:
        """Leave out how reasons begin that name their pair, which stands in the row already."""
        reason = row.reason or "no reason told"
        return self.text(without_pair(reason, row.secondary_user_id, row.primary_user_id))


def render(figures: Figures, *, show_emails: bool = False) -> str:
    """
    Write the page.

    :param show_emails: show ids and reasons as they are; else what looks like an e-mail in them is masked
    """
    words = _Words(show_emails)
    timeline = figures.timeline
    return _template().render(
        figures=figures,
        words=words,
        heading=f"{figures.title}: {_what(figures, words)}",
        meanings=MEANINGS | (REHEARSED if figures.rehearsal else {}),
        labels={state: WOULD.get(state, state) if figures.rehearsal else state for state in MEANINGS},
        charts=[] if timeline is None else [chart(timeline, WIDE), chart(timeline, NARROW)],
        options=list(dict.fromkeys(_options(figures.runs, words))),
        when=_when,
        began=_began,
        drifted=_drifted,
        in_words=in_words,
        digest=DIGEST,
        version=__version__,
    )


@lru_cache(maxsize=1)
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("airflow_provider_auth0link", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["n"] = lambda count: f"{count:,}"
    environment.filters["counted"] = counted
    environment.filters["sentence"] = lambda text: text[:1].upper() + text[1:]
    return environment.get_template("page.html.j2")


def _what(figures: Figures, words: _Words) -> str:
    """Say what the page is about, for its title."""
    if figures.rehearsal:
        return "a rehearsal, nothing was changed"
    return words.text(figures.tenant or "tenant not told")


def _when(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _began(writer: Writer) -> str:
    return visible(writer.begun.replace("T", " ").replace("+00:00", " UTC"))


def _drifted(rows: Iterable[Look | Reason]) -> str:
    """Explain the word where one of these reasons begins with it."""
    return DRIFT if any((row.reason or "").startswith(DRIFTED) for row in rows) else ""


def _options(writers: tuple[Writer, ...], words: _Words) -> Iterator[tuple[str, tuple[tuple[str, str], ...]]]:
    """Say with which options the runs ran; alike ones are told once."""
    for each in writers:
        said = tuple(
            (words.text(name), words.text(_value(value)))
            for name, value in each.options.items()
            if value not in ([], None)
        )
        if said:
            yield words.text(each.command), said


def _value(value: Any) -> str:  # noqa: ANN401 - decoded JSON
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {part}" for name, part in value.items())
    if not isinstance(value, list):
        return str(value)
    shown = ", ".join(map(str, value[:VALUES_AT_MOST]))
    return shown if len(value) <= VALUES_AT_MOST else f"{shown}, … ({len(value):,} in all)"
