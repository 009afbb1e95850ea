"""The warehouse of the demo: last night's copy of the tenant's users, and what has happened to them since."""

from __future__ import annotations

import copy
import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

User = dict[str, Any]

USERS = """
    CREATE TABLE users (
        user_id VARCHAR(255) PRIMARY KEY,
        email VARCHAR(320),
        email_verified BOOLEAN NOT NULL,
        created_at VARCHAR(40) NOT NULL
    )
"""


def write_users(path: Path, users: Sequence[User]) -> None:
    """Write the table that the example reads, to a new SQLite file."""
    rows = [
        (each["user_id"], each.get("email"), bool(each.get("email_verified")), each["created_at"])
        for each in users
    ]
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(USERS)
        database.executemany("INSERT INTO users VALUES (?, ?, ?, ?)", rows)


def read_id_map(path: Path) -> list[tuple[str, str]]:
    """Return the rows (old id, new id) that the Dag wrote."""
    with closing(sqlite3.connect(path)) as database:
        return list(database.execute("SELECT old_user_id, new_user_id FROM auth0_id_map ORDER BY 1"))


def overnight(users: Sequence[User]) -> list[User]:
    """
    Return the users as they are today: some changed after the copy was made.

    Of the younger accounts of a person some were linked by hand, some blocked, some got another e-mail or
    have one to verify again. Guards find such things; a table from last night cannot.
    """
    today = {each["user_id"]: copy.deepcopy(each) for each in users}
    for number, (elder, younger) in enumerate(_younger(users)):
        now = today[younger["user_id"]]
        match number % 20:
            case 1:
                today[elder["user_id"]]["identities"] += now["identities"]
                del today[younger["user_id"]]
            case 6:
                now["email_verified"] = False
            case 11:
                now["blocked"] = True
            case 16:
                now["email"] = "moved." + now["email"]
            case _:
                pass
    return list(today.values())


def _younger(users: Sequence[User]) -> list[tuple[User, User]]:
    """Pair each later account of a verified e-mail with the first one."""
    people = defaultdict(list)
    for each in sorted(users, key=lambda user: (user["created_at"], user["user_id"])):
        if each.get("email_verified") and each.get("email"):
            people[each["email"].lower()].append(each)
    return [(first, other) for first, *others in people.values() for other in others]
