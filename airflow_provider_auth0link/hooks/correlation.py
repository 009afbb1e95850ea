"""
The ``X-Correlation-ID`` of a task: it stands in the tenant's log beside every change.

Auth0 keeps 64 characters of it (Management API introduction: ``references.correlation_id``).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

LENGTH = 64
_SAFE = " :+.[]()@=,;!*'~_-"


def correlation_id(dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> str:
    """
    Name a task instance in at most 64 characters, ``dag/task[map index]/run``.

    What is too long is cut, part by part, and a hash of the whole makes it unique; the log tells which
    task instance it stands for.
    """
    task = task_id if map_index < 0 else f"{task_id}[{map_index}]"
    parts = [quote(part, safe=_SAFE) for part in (dag_id, task, run_id)]
    whole = "/".join(parts)
    if len(whole) <= LENGTH:
        return whole
    digest = hashlib.sha256(f"{dag_id}\n{task}\n{run_id}".encode()).hexdigest()[:10]
    index = "" if map_index < 0 else f"[{map_index}]"
    run = re.sub(r"[^A-Za-z0-9]", "", run_id)
    return f"{parts[0]:.14}/{quote(task_id, safe=_SAFE):.12}{index:.8}/{run:.17}~{digest}"


def of_context(context: Mapping[str, Any]) -> str | None:
    """Return the correlation id of a running task, None outside of one."""
    instance = context.get("ti") or context.get("task_instance")
    names = [getattr(instance, name, None) for name in ("dag_id", "run_id", "task_id")]
    if not all(isinstance(name, str) for name in names):
        return None
    map_index = getattr(instance, "map_index", None)
    dag_id, run_id, task_id = map(str, names)
    return correlation_id(dag_id, run_id, task_id, map_index if isinstance(map_index, int) else -1)


def of_current_task() -> str | None:
    """Return the correlation id of the task that this code runs in, None outside of one."""
    from airflow.providers.common.compat.sdk import get_current_context

    try:
        context = get_current_context()
    except Exception:  # noqa: BLE001 - each Airflow has an error of its own for "no task runs here"
        return None
    return of_context(context)
