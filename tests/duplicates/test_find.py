"""The engine on small sources: what is planned, what is told, whatever the form of the source."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from airflow_provider_auth0link.duplicates.find import Found, find
from airflow_provider_auth0link.duplicates.rules import SqlRule
from airflow_provider_auth0link.duplicates.search import Search
from airflow_provider_auth0link.duplicates.sources import FileSource, Source
from airflow_provider_auth0link.errors import InputError

Json = dict[str, Any]

DEFAULT = ("most_logins", "latest_login", "oldest")


class Ran(NamedTuple):
    """What a search found and wrote."""

    found: Found
    plan: bytes
    rejects: bytes

    @property
    def pairs(self) -> list[tuple[str, str]]:
        return [(row["primary_user_id"], row["secondary_user_id"]) for row in rows(self.plan)]

    @property
    def reasons(self) -> dict[str, str]:
        return {row["user_id"]: row["reason"] for row in rows(self.rejects) if "user_id" in row}


def rows(data: bytes) -> list[Json]:
    return [json.loads(line) for line in data.splitlines()]


def account(user_id: str, email: str | None = None, **more: Any) -> Json:
    provider, _, rest = user_id.partition("|")
    row = {
        "user_id": user_id,
        "email": email,
        "email_verified": True,
        "identities": [{"provider": provider, "user_id": rest, "connection": provider}],
    }
    return row | more


def lines(accounts: Sequence[object]) -> bytes:
    return b"".join(
        each if isinstance(each, bytes) else json.dumps(each).encode() + b"\n" for each in accounts
    )


def run(
    source: Source,
    folder: Path,
    *,
    rules: Sequence[object] = ("verified_email",),
    primary: Sequence[object] = DEFAULT,
    memory_limit: str = "200MB",
    threads: int | None = 1,
    **options: Any,
) -> Ran:
    work = folder / f"work{len(list(folder.iterdir()))}"
    work.mkdir()
    plan, rejects = io.BytesIO(), io.BytesIO()
    found = find(
        source,
        Search.checked(rules=rules, primary=primary, **options),
        plan=plan,
        rejects=rejects,
        work=work,
        memory_limit=memory_limit,
        threads=threads,
    )
    return Ran(found, plan.getvalue(), rejects.getvalue())


def search(accounts: Sequence[object], folder: Path, **options: Any) -> Ran:
    path = folder / "users.ndjson"
    path.write_bytes(lines(accounts))
    return run(FileSource(path, ".ndjson"), folder, **options)


def test_the_same_verified_e_mail(tmp_path: Path) -> None:
    ran = search(
        [account("auth0|a", "Ada@Example.com "), account("github|7", "ada@example.com", logins_count=4)],
        tmp_path,
    )

    assert rows(ran.plan) == [
        {
            "primary_user_id": "github|7",
            "secondary_user_id": "auth0|a",
            "rule": "verified_email",
            "evidence": {"email": "ada@example.com", "verified": True},
        }
    ]
    assert (ran.found.accounts, ran.found.candidates, ran.found.planned, ran.rejects) == (2, 2, 1, b"")


def test_moments_are_compared_as_such(tmp_path: Path) -> None:
    early = account("auth0|early", "a@x.org", last_login="2024-01-02T03:00:00+02:00")
    late = account("github|late", "a@x.org", last_login="2024-01-02T02:00:00.000Z")

    assert search([early, late], tmp_path).pairs == [("github|late", "auth0|early")]


def test_what_cannot_be_read_is_told_by_its_line(tmp_path: Path) -> None:
    broken = [
        b"\n",
        b'{"user_id": "auth0|cut\n',
        b"[]\n",
        b'{"user_id": 7}\n',
        b'{"email": "a@x.org"}\n',
        b"\xff\n",
    ]
    spoilt = [
        *broken,
        b" \n",
        b'{"user_id": "a|b", "identities": {}}\n',
        b'{"user_id": NaN}\n',
    ]
    ran = search([*spoilt, account("auth0|a", "a@x.org"), account("auth0|b", "a@x.org")], tmp_path)

    assert rows(ran.rejects) == [
        {"line": 2, "reason": "unreadable: no JSON"},
        {"line": 3, "reason": "unreadable: no JSON object"},
        {"line": 4, "reason": "unreadable: user_id is no id"},
        {"line": 5, "reason": "unreadable: no user_id"},
        {"line": 6, "reason": "unreadable: no UTF-8"},
        {"line": 8, "reason": "unreadable: identities is no list of objects"},
        {"line": 9, "reason": "unreadable: no JSON"},
    ]
    assert (ran.found.unreadable, ran.found.accounts) == (7, 2)


def test_repeats_are_kept_once_and_told(tmp_path: Path) -> None:
    one, other = account("auth0|a", "a@x.org"), account("github|é", "a@x.org")
    ran = search([one, other, one, other, one], tmp_path)

    assert ran.pairs == [("auth0|a", "github|é")]
    assert rows(ran.rejects) == [
        {"line": 3, "user_id": "auth0|a", "reason": "repeat"},
        {"line": 4, "user_id": "github|é", "reason": "repeat"},
        {"line": 5, "user_id": "auth0|a", "reason": "repeat"},
    ]
    assert (ran.found.accounts, ran.found.repeats) == (2, 3)


def test_an_account_told_in_two_ways_is_not_planned(tmp_path: Path) -> None:
    ran = search(
        [
            account("auth0|a", "a@x.org", logins_count=1),
            account("auth0|a", "a@x.org", logins_count=2),
            account("github|1", "a@x.org"),
            account("github|2", "a@x.org"),
        ],
        tmp_path,
    )

    assert ran.pairs == [("github|1", "github|2")]
    assert ran.reasons == {"auth0|a": "told_twice"}
    assert ran.found.accounts == 3


def test_the_same_bytes_whatever_the_machine(tmp_path: Path) -> None:
    accounts: list[object] = []
    for number in range(20_000):
        strange = "é" if number % 50 == 0 else ""
        legacy = {"app_metadata": {"legacy_id": number % 9000}} if number % 3 == 0 else {}
        accounts.append(account(f"auth0|{number}{strange}", f"P{number % 15_000}{strange}@x.org", **legacy))
        accounts += [accounts[-1]] if number % 700 == 1 else []
        accounts += [b'{"cut\n'] if number % 1000 == 0 else []
    rules = ("verified_email", "metadata:app_metadata.legacy_id")
    machines = [(1, "1GB"), (2, "1GB"), (4, "400MB"), (2, "200MB")]

    first, *others = [
        search(accounts, tmp_path, rules=rules, threads=threads, memory_limit=memory)[1:]
        for threads, memory in machines
    ]

    assert others == [first] * 3
    assert first[0].count(b"\n") > 4_000
    assert first[1].count(b"unreadable") == 20


def test_too_little_memory_is_told(tmp_path: Path) -> None:
    accounts = [account(f"auth0|{number}", f"p{number}@x.org") for number in range(2_000)]

    with pytest.raises(InputError, match="memory_limit: '20MB' is too little"):
        search(accounts, tmp_path, memory_limit="20MB")


def test_a_wrong_limit_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="memory_limit must be a size"):
        search([], tmp_path, memory_limit="much")


@pytest.mark.parametrize(
    ("rule", "what", "said"),
    [
        pytest.param(SqlRule("own", "user_nam"), "key_sql", '.*column "user_nam" not found', id="column"),
        pytest.param(SqlRule("own", "lowr(username)"), "key_sql", ".*lowr does not exist", id="function"),
        pytest.param(SqlRule("own", "lower("), "key_sql", "Parser Error", id="no-sql"),
        pytest.param(SqlRule("own", "count(username)"), "key_sql", "Binder Error", id="aggregate"),
        pytest.param(SqlRule("own", "username", "proven"), "verified_sql", ".*proven", id="proof"),
        pytest.param(
            SqlRule("own", "username", "nope(1)"), "verified_sql", ".*nope does not", id="proof-function"
        ),
    ],
)
def test_the_sql_of_a_rule_is_told_where_it_is_wrong(
    rule: SqlRule, what: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=f"rules: DuckDB does not take the {what} of 'own': {said}"):
        search([account("auth0|a", "a@x.org")], tmp_path, rules=("verified_email", rule))


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(SqlRule("own", "username::INTEGER"), id="key"),
        pytest.param(SqlRule("own", "username", "username::INTEGER > 3"), id="proof"),
        pytest.param(SqlRule("own", "strptime(username, '%Y')::VARCHAR"), id="key-of-a-function"),
        pytest.param(
            SqlRule("own", "username", "strptime(username, '%Y') IS NULL"), id="proof-of-a-function"
        ),
        pytest.param(SqlRule("own", "username", "json_extract(username, '$.a') IS NULL"), id="proof-of-json"),
        pytest.param(SqlRule("own", "list_reduce(username[:0]::CHAR[], lambda a, b: a)"), id="key-of-a-list"),
    ],
)
def test_the_sql_of_a_rule_that_fails_at_an_account_is_told_without_what_it_holds(
    rule: SqlRule, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="rules: the SQL of 'own' fails at what an account holds") as raised:
        search(
            [account(f"auth0|{at}", "a@x.org", username="secret") for at in "ab"],
            tmp_path,
            rules=("verified_email", rule),
        )
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("asked", "doubts"),
    [
        pytest.param({}, [], id="none"),
        pytest.param(
            {"rules": ("verified_email", "metadata:app_metadata.legcy", "verified_phone")},
            ["no account has a text or a number at app_metadata.legcy", "no account has a phone number"],
            id="paths",
        ),
        pytest.param({"rules": ("metadata:app_metadata.old",)}, [], id="one-account-has-it"),
        pytest.param({"rules": ("metadata:app_metadata.older",)}, [], id="an-odd-one-has-it"),
        pytest.param(
            {"rules": (SqlRule("own", "username"),)}, ["the rule 'own' gives no account a key"], id="own-rule"
        ),
        pytest.param(
            {"connections": ("auth0", "dbb"), "primary": ("connections:github,dbb,gihub",)},
            [
                f"no account that shares a key with another is of connection {name!r}"
                for name in ("dbb", "gihub")
            ],
            id="connections",
        ),
    ],
)
def test_what_is_met_nowhere_is_told(asked: dict[str, Any], doubts: list[str], tmp_path: Path) -> None:
    accounts = [
        account("auth0|a", "a@x.org"),
        account("github|b", "a@x.org"),
        account("auth0|c", "c@x.org", app_metadata={"old": 7}),
        account("auth0|\u00e9", "d@x.org", app_metadata={"older": "8"}),
    ]

    assert list(search(accounts, tmp_path, **asked).found.doubts) == doubts


def test_where_nothing_is_there_nothing_is_missed(tmp_path: Path) -> None:
    asked = {"connections": ("db",), "rules": ("verified_email", "metadata:app_metadata.old")}

    assert search([], tmp_path, **asked).found.doubts == ()


def test_a_rule_of_ones_own(tmp_path: Path) -> None:
    rule = SqlRule(
        "same_crm",
        "lower(crm_id)",
        verified_sql="email_verified",
        evidence=("verified",),
        columns=("crm_id",),
    )
    ran = search(
        [account("auth0|a", "a@x.org", crm_id="C7"), account("github|b", "b@x.org", crm_id="c7")],
        tmp_path,
        rules=(rule,),
    )

    assert rows(ran.plan) == [
        {
            "primary_user_id": "auth0|a",
            "secondary_user_id": "github|b",
            "rule": "same_crm",
            "evidence": {"verified": True},
        }
    ]


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        ("ceo@fass.de", "ceo@faß.de"),
        ("ceo@\u03bf\u03c2.gr", "ceo@\u03bf\u03c3.gr"),
        ("x@susi.org", "x@\u017fusi.org"),
        ("x@fi.org", "x@\ufb01.org"),
    ],
)
def test_other_letters_are_another_domain(tmp_path: Path, mine: str, theirs: str) -> None:
    assert search([account("auth0|1", mine), account("auth0|2", theirs)], tmp_path).pairs == []


def test_case_is_folded_before_the_domain(tmp_path: Path) -> None:
    found = search([account("auth0|1", "stra\u00dfe@x.org"), account("auth0|2", "STRASSE@X.ORG")], tmp_path)

    assert found.pairs == [("auth0|1", "auth0|2")]


@pytest.mark.parametrize("name", ["u[1].ndjson", "u*.ndjson", "u?.ndjson"])
def test_a_file_name_is_no_pattern(tmp_path: Path, name: str) -> None:
    files = tmp_path / "files"
    files.mkdir()
    (files / "u1.ndjson").write_bytes(lines([account("auth0|9", "ada@x.org")]))
    (files / name).write_bytes(lines([account(f"auth0|{n}", "ada@x.org") for n in (1, 2)]))

    assert run(FileSource(files / name, ".ndjson"), tmp_path).pairs == [("auth0|1", "auth0|2")]


def test_columns_are_named_once(tmp_path: Path) -> None:
    path = tmp_path / "users.csv"
    path.write_text("user_id,email,email_verified,email_verified\nauth0|1,ada@x.org,false,true\n")

    with pytest.raises(InputError, match="twice"):
        run(FileSource(path, ".csv"), tmp_path)


@pytest.mark.parametrize(
    "paths",
    [
        pytest.param(("app_metadata.id", "app_metadata.ID"), id="one name in two cases"),
        pytest.param(("app_metadata.a", "app_metadata.a.b"), id="a key and one within it"),
        pytest.param(("app_metadata.a.b", "app_metadata.a.c", "user_metadata.a"), id="beside each other"),
        pytest.param(("app_metadata.it's", "app_metadata.x y.z"), id="odd names"),
    ],
)
def test_several_keys_of_metadata_are_told_apart(paths: tuple[str, ...], tmp_path: Path) -> None:
    def holding(user_id: str, path: str, value: object) -> Json:
        inner: Any = value
        kind, *steps = path.split(".")
        for step in reversed(steps):
            inner = {step: inner}
        return account(user_id) | {kind: inner}

    accounts = [
        holding(f"{provider}|{number}", path, number)
        for number, path in enumerate(paths, 1)
        for provider in ("auth0", "github")
    ]
    others = [account("auth0|text", app_metadata="id"), account("auth0|list", app_metadata=[1])]

    ran = search([*accounts, *others], tmp_path, rules=tuple(f"metadata:{path}" for path in paths))

    assert ran.pairs == [(f"auth0|{number}", f"github|{number}") for number in range(1, len(paths) + 1)]


@pytest.mark.parametrize("blank", [b"\n", b" \n\n", b"\r\n"], ids=["one", "two", "CRLF"])
@pytest.mark.parametrize("odd", ["auth0|zo\u00eb", "auth0|a\\\\b"], ids=["not ASCII", "backslash"])
def test_an_odd_record_behind_a_blank_line_is_found(blank: bytes, odd: str, tmp_path: Path) -> None:
    first = lines([account("github|a", "x@x.org", logins_count=2)])

    ran = search([first + blank, account(odd, "x@x.org")], tmp_path)

    assert ran.pairs == [("github|a", odd)]
    assert ran.rejects == b""


def test_bytes_tell_whether_a_file_is_packed_not_its_name(tmp_path: Path) -> None:
    path = tmp_path / "users.ndjson.gz"
    path.write_bytes(lines([account("auth0|a", "x@x.org"), account("auth0|b", "x@x.org")]))

    assert run(FileSource(path, ".ndjson.gz"), tmp_path).found.planned == 1


@pytest.mark.parametrize("first", [{}, {"identities": None}], ids=["with identities", "without"])
@pytest.mark.parametrize("identities", [[{}, None, {}], [1], "text", {"provider": "auth0"}, [[]]])
def test_what_is_no_list_of_objects_is_told_however_the_file_begins(
    first: Json, identities: object, tmp_path: Path
) -> None:
    head = account("auth0|a", "x@x.org") | first
    rest = [account(f"auth0|{number}", f"{number}@x.org") for number in range(3)]

    ran = search(
        [
            head if first == {} else {key: head[key] for key in head if key != "identities"},
            *rest,
            account("auth0|b", "x@x.org") | {"identities": identities},
        ],
        tmp_path,
    )

    assert [row["reason"] for row in rows(ran.rejects)] == ["unreadable: identities is no list of objects"]
