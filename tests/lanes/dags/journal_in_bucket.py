"""A task that keeps a journal in a bucket, as a task of a worker does: its connections come from Airflow."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import dag, task

from airflow_provider_auth0link.hooks.journal import open_store


@dag(schedule=None)
def journal_in_bucket() -> None:
    @task
    def keep(run_id: str | None = None) -> list[str]:
        store = open_store(f"s3://aws_default@audit/auth0/{run_id}")
        store.write("one.jsonl", b"1")
        store.write("two.jsonl", b"2")
        return [data.decode() for _, data in store.read_many(store.names())]

    keep()


journal_in_bucket()
