"""The page of a run, from its journal to a file, both wherever Airflow reaches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def write_report(
    journal_path: str,
    path: str,
    *,
    plan_counts: Mapping[str, Any] | None = None,
    show_emails: bool = False,
    title: str | None = None,
    limit_per_s: float | None = None,
) -> str:
    """
    Write one HTML page about a journal. It may lie in the journal's own folder, and is replaced when it is there.

    :param journal_path: a folder, or ``s3://conn_id@bucket/prefix``
    :param path: a local path or an object storage URL
    :param plan_counts: what ``PlanLinksOperator`` returned
    :param show_emails: show ids and reasons as they are; else what looks like an e-mail in them is masked
    :param title: what the page is called, by default "Account links"
    :param limit_per_s: requests a second that the tenant allows, where that is known
    :return: ``path``
    :raises InputError: when there is no journal, it is not readable, or the page may not be written
    """
    from airflow_provider_auth0link.hooks import files
    from airflow_provider_auth0link.hooks.journal import open_store
    from airflow_provider_auth0link.report.figures import of_journal
    from airflow_provider_auth0link.report.page import render

    with files.writing(path) as file:
        figures = of_journal(
            open_store(journal_path), title=title, plan_counts=plan_counts, limit_per_s=limit_per_s
        )
        file.write(render(figures, show_emails=show_emails).encode("utf-8"))
    return path
