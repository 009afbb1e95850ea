"""The tenant of a connection, as a run of many pairs asks for it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_auth0link.api.work import Work
    from airflow_provider_auth0link.hooks.auth0 import Auth0Hook
    from airflow_provider_auth0link.linking.journal import Journal


class HookTenants:
    """
    Begins work at the tenant of a hook's connection; all of it has one correlation id.

    :param hook: whose connection
    """

    def __init__(self, hook: Auth0Hook) -> None:
        self._client = hook.get_conn()
        self._correlation_id = hook.correlation_id

    def work(self) -> Work:
        """Begin one piece of work."""
        return self._client.work(correlation_id=self._correlation_id)

    def width(self) -> int:
        """How many requests at once are worth having."""
        return self._client.width()

    @property
    def throttled(self) -> int:
        """How many requests met a 429 so far."""
        return self._client.pace.limited

    @property
    def drawn(self) -> float | None:
        """How far the emptiest of the tenant's buckets is drawn down, 0 to 1."""
        return self._client.pace.drawn()


def writer_of(context: Mapping[str, Any]) -> str:
    """Name this try of a task as a journal's writer: try, map index (-1: not mapped), and what makes it unique."""
    instance = context.get("ti") or context.get("task_instance")
    tried, index = getattr(instance, "try_number", None), getattr(instance, "map_index", None)
    tried = tried if isinstance(tried, int) and tried > 0 else 0
    index = index if isinstance(index, int) and index >= 0 else -1
    return f"{tried}-{index}-{uuid.uuid4().hex}"


def journal_of(
    hook: Auth0Hook,
    context: Mapping[str, Any],
    path: str,
    header: Mapping[str, Any],
    *,
    writes: bool = True,
) -> Journal:
    """
    Open a journal for this try of a task and read its history; nothing is written yet.

    :param path: a local folder, or an object storage URL
    :param header: what this writer says of itself: command, options
    :param writes: whether it will be written to: then it is seen that it can be
    :raises InputError: when it is a relative path, may not be written to, or is another tenant's, of a newer format, or
        not readable
    """
    import pendulum

    from airflow_provider_auth0link.hooks.journal import check_absolute, open_store
    from airflow_provider_auth0link.hooks.local_store import LocalStore
    from airflow_provider_auth0link.keys import Seal
    from airflow_provider_auth0link.linking.journal import Journal

    check_absolute(path)
    store = open_store(path)
    if writes and isinstance(store, LocalStore):
        store.check_writable()
    return Journal(
        store,
        writer=writer_of(context),
        tenant=hook.settings.host,
        header={**header, "correlation_id": hook.correlation_id},
        seal=Seal.of(hook.settings.journal_secret),
        at=lambda: pendulum.now("UTC").isoformat(timespec="seconds"),
        used=hook.get_conn().pace.drawn,
    )
