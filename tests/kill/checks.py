"""What has to hold, whatever was killed and when. Each check returns what does not."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

from airflow_provider_auth0link.linking.history import Known
from airflow_provider_auth0link.linking.snapshot import combined
from tests.kill.line import Asked
from tests.kill.scene import Scene, Told
from tests.kill.worker import journal_in
from tests.kill.world import Json, World

SHOWN = 3
LINK_NAMES = ("linked", "already_linked", "would_link", "refused", "failed", "unknown")
UNDO_NAMES = ("undone", "would_undo", "left", "failed", "unknown")
NOTHING: Json = {}


def done_pairs(scene: Scene, command: str) -> list[Known]:
    """Return the pairs that the journal says are done, as a run that begins now will find it."""
    history = journal_in(scene.journal, command).history
    return [each for each in history if (each.undone if command == "undo" else each.done)]


def nothing_asked_about(done: Iterable[Known], plan: list[Json], asked: list[Asked]) -> list[str]:
    """A resumed run asks nothing about pairs that are done, nor about primaries of which no pair is left."""
    keys = {(each.key[0], each.key[1]) for each in done}
    secondaries = {secondary for _, secondary in keys}
    left = {primary for primary, secondary in stars(plan) if (primary, secondary) not in keys}
    whole = {primary for primary, _ in keys} - left
    bare = {each.partition("|")[2] for each in secondaries}
    named = set[str]().union(*(each.names for each in asked)) if asked else set()
    return _told("asked about pairs that were done", named & (secondaries | whole | bare))


def stars(plan: list[Json]) -> list[tuple[str, str]]:
    """Return the pairs of a plan as they are linked: into the star's primary."""
    into = {line["secondary_user_id"]: line["primary_user_id"] for line in plan}

    def root(user_id: str) -> str:
        return root(into[user_id]) if user_id in into else user_id

    return [(root(line["primary_user_id"]), line["secondary_user_id"]) for line in plan]


def nothing_lost(here: World, scene: Scene) -> list[str]:
    """Of every account that is gone, the journal holds all: metadata, identities, roles, permissions, organizations."""
    accounts = {row["user_id"]: row for row in scene.tenant.state(volatile=False)}
    gone = {name: user for name, user in here.secondaries.items() if name not in accounts}
    journal = journal_in(scene.journal, "link")
    kept: dict[str, Json] = {}
    for known in journal.history:
        if known.key[1] in gone and (
            snapshot := combined(journal.snapshots(known.key, (*known.undone_refs, *known.refs)))
        ):
            kept[known.key[1]] = snapshot.to_json()
    return _told("lost", [f"{name}: {what}" for name in gone for what in _lost(gone[name], kept.get(name))])


def _lost(user: Json, kept: Json | None) -> list[str]:
    if kept is None:
        return ["all: the journal has no snapshot"]
    account, rights = kept["account"], kept.get("rights", NOTHING)
    permissions = [
        [each["resource_server_identifier"], each["permission_name"]] for each in user["permissions"]
    ]
    pairs: dict[str, tuple[Any, Any]] = {
        "user_metadata": (user["user_metadata"], account.get("user_metadata")),
        "app_metadata": (user["app_metadata"], account.get("app_metadata")),
        "name": (user["name"], account.get("name")),
        "identities": (len(user["identities"]), len(account["identities"])),
        "roles": (sorted(user["roles"]), rights.get("roles")),
        "permissions": (sorted(permissions), rights.get("permissions")),
        "organizations": (_sorted(user["organizations"]), rights.get("organizations")),
    }
    return [f"{what}: {had!r}, kept {has!r}" for what, (had, has) in pairs.items() if had != has]


def _sorted(organizations: Mapping[str, list[str]]) -> dict[str, list[str]]:
    return {name: sorted(roles) for name, roles in organizations.items()}


def same_tenant(scene: Scene, expected: list[Json], *, in_order: bool = True) -> list[str]:
    """
    The tenant is as the undisturbed run left it.

    :param in_order: whether lists have to have their order; two writers at one primary give no certain one
    """
    now = {row["user_id"]: row if in_order else _unordered(row) for row in scene.tenant.state(volatile=False)}
    then = {row["user_id"]: row if in_order else _unordered(row) for row in expected}
    other = sorted(name for name in now.keys() | then.keys() if now.get(name) != then.get(name))
    return _told("not as undisturbed", [_difference(name, now.get(name), then.get(name)) for name in other])


def _unordered(value: Any) -> Any:
    """Return JSON with its lists sorted."""
    if isinstance(value, dict):
        return {key: _unordered(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return sorted((_unordered(each) for each in value), key=json.dumps)
    return value


def _difference(name: str, now: Json | None, then: Json | None) -> str:
    if now is None or then is None:
        return f"{name}: {'missing' if now is None else 'should not be there'}"
    keys = sorted(key for key in now.keys() | then.keys() if now.get(key) != then.get(key))
    return f"{name}: " + "; ".join(f"{key}: {_apart(now.get(key), then.get(key))}" for key in keys)


def _apart(now: Any, then: Any) -> str:
    """Say where two values differ."""
    if isinstance(now, dict) and isinstance(then, dict):
        keys = sorted(key for key in now.keys() | then.keys() if now.get(key) != then.get(key))
        return "{" + "; ".join(f"{key}: {_apart(now.get(key), then.get(key))}" for key in keys) + "}"
    return f"{now!r}, not {then!r}"


def links_applied(scene: Scene, expected: Mapping[tuple[str, str], int]) -> list[str]:
    """Each link was applied exactly once, and no other."""
    now = scene.tenant.links_applied
    other = [
        f"{pair}: {now.get(pair, 0)} times" for pair in now.keys() | expected.keys() if now.get(pair) != 1
    ]
    more = [f"{pair}: not expected" for pair in now.keys() - expected.keys()]
    return _told("links", other + more)


def unlinks_applied(scene: Scene, expected: Iterable[tuple[str, str]], workers: Iterable[str]) -> list[str]:
    """Each secondary was unlinked exactly once."""
    counts = {secondary.partition("|")[2]: 0 for _, secondary in expected}
    for each in (each for worker in workers for each in scene.asked_by(worker)):
        name = unquote(each.path.rpartition("/")[2])
        if each.method == "DELETE" and "/identities/" in each.path and each.status == 200 and name in counts:
            counts[name] += 1
    return _told("unlinks", [f"{name}: {count} times" for name, count in counts.items() if count != 1])


def counts_hold(command: str, told: Told | None) -> list[str]:
    """A run came to its end, its counts add up, and nothing is unknown or failed."""
    if told is None:
        return ["a run ended without telling its counts"]
    names = UNDO_NAMES if command == "undo" else LINK_NAMES
    wrong = []
    if told["failure"] is not None or not told["ended"]:
        wrong.append(f"failure: {told['failure']}")
    if told["planned"] != sum(told[name] for name in names):
        wrong.append(f"the counts do not add up: {told}")
    if told["unknown"] or told["failed"] or told.get("left"):
        wrong.append(f"unknown, failed or left: {told}")
    if command == "undo" and told["examples"]:
        wrong.append(f"told as changed by somebody: {told['examples'][:SHOWN]}")
    return wrong


def counts_equal(command: str, told: Told, expected: Told, done: int) -> list[str]:
    """The resumed run counts as the undisturbed one; an undo counts what was left of it."""
    names = ("planned", *(UNDO_NAMES if command == "undo" else LINK_NAMES))
    wanted = {name: expected[name] for name in names}
    if command == "undo":
        wanted |= {"planned": expected["planned"] - done, "undone": expected["undone"] - done}
    counted = {name: told[name] for name in names}
    return [] if counted == wanted else [f"counts: {counted}, not {wanted}"]


def _told(what: str, found: Iterable[str]) -> list[str]:
    listed = sorted(found)
    more = [f"{what}: and {len(listed) - SHOWN} more"] if len(listed) > SHOWN else []
    return [f"{what}: {each}" for each in listed[:SHOWN]] + more
