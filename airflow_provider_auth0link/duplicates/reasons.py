"""Why a candidate was not planned, and why a record could not be read. Words of the rejects file: a public format."""

from __future__ import annotations

TOLD_TWICE = "told_twice"
AMBIGUOUS_ID = "ambiguous_id"
ALREADY_LINKED = "already_linked"
BLOCKED = "blocked"
CONNECTION_NOT_ALLOWED = "connection_not_allowed"
UNVERIFIED = "unverified"
UNPROVEN_PROVIDER = "unproven_provider"
GROUP_TOO_LARGE = "group_too_large"
NOBODY_LEFT = "nobody_left"
ENTERPRISE_SECONDARY = "enterprise_secondary"
CUT_OFF = "cut_off"

REASONS = (
    TOLD_TWICE,
    AMBIGUOUS_ID,
    ALREADY_LINKED,
    BLOCKED,
    CONNECTION_NOT_ALLOWED,
    UNVERIFIED,
    UNPROVEN_PROVIDER,
    GROUP_TOO_LARGE,
    NOBODY_LEFT,
    ENTERPRISE_SECONDARY,
    CUT_OFF,
)
"""In the order in which they are asked: the first that applies is told."""

CODES = {reason: code for code, reason in enumerate(REASONS, 1)}
"""Numbers for SQL, where 0 is no reason."""

REPEAT = "repeat"

UNREADABLE = "unreadable: "
NO_UTF8 = "no UTF-8"
NO_JSON = "no JSON"
NO_OBJECT = "no JSON object"
NO_USER_ID = "no user_id"
BAD_USER_ID = "user_id is no id"
BAD_IDENTITIES = "identities is no list of objects"
WRONG_CELLS = "not as many cells as columns"
