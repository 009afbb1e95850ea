"""Plans as files: divided among workers."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.hooks.failing import failing_for_good
from airflow_provider_auth0link.operators import arguments
from airflow_provider_auth0link.operators.base import Auth0Operator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from airflow_provider_auth0link.linking.plan import Plan

MOST_SHARDS = 1024
"""Airflow maps a task over so many values at most, unless told otherwise (``[core] max_map_length``)."""

HELD_BYTES = 1 << 16
"""Of one shard in memory, before they are appended to its file."""


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
            "%d pairs in %d shards; %d repeats; sha256 %s",
            plan.planned,
            len(paths),
            plan.repeats,
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
