"""A tenant in which everything that an undo has to bring back is found."""

from __future__ import annotations

from tests.faults.people import Json, identity, permission, user

ADA, BOB = "auth0|ada", "samlp|corp|bob|x/y z"
PLAN = [
    [ADA, "google-oauth2|ada"],
    ["google-oauth2|ada", "github|7"],
    [ADA, "facebook|ada"],
    [BOB, "auth0|bob"],
    [BOB, "windowslive|bob"],
]
SECONDARIES = [secondary for _, secondary in PLAN]


def world() -> list[Json]:
    """Build two persons with many accounts, and one who has nothing to do with them."""
    return [*_of_ada(), *_of_bob(), user("auth0|eve", user_metadata={"k": 1}, roles=["rol_a"])]


def _of_ada() -> list[Json]:
    return [
        user(
            ADA,
            identity("apple|ada", profileData={"email": "a@example.com"}),
            user_metadata={
                "v": 1,
                "list": [1, {"a": None}],
                "deep": {"own": None, "x": {"y": 1}},
                "it's ü|": "é",
            },
            app_metadata={"flags": {"beta": False}, "kind": {"was": "object"}},
            roles=["rol_a"],
            permissions=[permission("read:a")],
            organizations={"org_1": ["rol_a"], "org_none": []},
        ),
        user(
            "google-oauth2|ada",
            identity("twitter|77", profileData={"name": "ada t", "picture": "https://example.com/t.png"}),
            identity("github|70", profileData={"name": "ada g"}),
            user_metadata={"v": 2, "list": [1, 2, {"a": None}], "deep": {"x": {"y": 2, "z": None}, "g": []}},
            app_metadata={"flags": {"beta": True, "new": [None, 1]}, "kind": [1], "none": {"inner": None}},
            roles=["rol_a", "rol_b"],
            permissions=[permission("read:a"), permission("write:a")],
            organizations={"org_1": ["rol_b"], "org_2": ["rol_a"]},
        ),
        user(
            "github|7",
            user_metadata={"v": 3, "list": [2, 3, 3], "deep": {"x": 5, "h": {"i": {"j": [1]}}}},
            app_metadata={"kind": [1, 2], "m": 1.5},
            roles=["rol_b", "rol_c"],
            organizations={"org_2": ["rol_a", "rol_c"], "org_3": []},
            blocked=True,
        ),
        user("facebook|ada", user_metadata={"v": 2, "list": [2], "deep": {"g": []}}, roles=["rol_b"]),
    ]


def _of_bob() -> list[Json]:
    return [
        user(BOB, connection="corp", user_metadata={"a": {"b": {"c": 1}}}),
        user(
            "auth0|bob",
            identity("sms|bob", "sms", phone_number="+1555", isSocial=False, profileData={}),
            name="Changed by hand",
            username="bob",
            user_metadata={"a": {"b": {"d": 2}}, "s": "x"},
            app_metadata={"legacy": 12},
            permissions=[permission("read:a")],
            blocked=True,
        ),
        user(
            "windowslive|bob",
            user_metadata={"a": {"b": {"d": 3, "e": [None]}}, "s": "y"},
            organizations={"org_2": ["rol_b"]},
        ),
    ]


def others() -> list[Json]:
    """Build two accounts under one id, on two connections, and a primary for them."""
    return [
        user("auth0|p", user_metadata={"p": 1}),
        user("auth0|same", user_metadata={"first": True}),
        user("auth0|same", connection="second", email="second@example.com", user_metadata={"second": True}),
        user("auth0|q", connection="second"),
    ]
