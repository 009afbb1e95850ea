"""Plans as files: three formats, read line by line."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
from typing import Any

import pytest
from hypothesis import given, strategies as st

from airflow_provider_auth0link.errors import InputError
from airflow_provider_auth0link.linking.lines import MOST_BYTES, read_row, records
from airflow_provider_auth0link.linking.plan import Plan, read_plan
from airflow_provider_auth0link.model import Pair, UserId

BOM = b"\xef\xbb\xbf"

LINES = b"""{"primary_user_id": "auth0|a", "secondary_user_id": "auth0|b"}

{"primary_user_id": "auth0|a", "secondary_user_id": "samlp|acme|{{ x }}|\xc3\xa4 b", "connection_id": "con_1",
""".replace(b",\n", b', "rule": "r", "evidence": {"email": "ada@x", "verified": true}}\r\n')

CSV = b"""primary_user_id,secondary_user_id,connection_id,rule,evidence.email,evidence.verified
auth0|a,auth0|b,,,,

auth0|a,samlp|acme|{{ x }}|\xc3\xa4 b,con_1,r,ada@x,true
"""

PAIRS = (
    Pair(UserId("auth0", "a"), UserId("auth0", "b")),
    Pair(
        UserId("auth0", "a"),
        UserId("samlp", "acme|{{ x }}|ä b"),
        "con_1",
        "r",
        {"email": "ada@x", "verified": True},
    ),
)


def read(content: bytes, name: str) -> Plan:
    return read_plan(io.BytesIO(content), name)


def pairs(content: bytes, name: str) -> tuple[Pair, ...]:
    return tuple(pair for star in read(content, name).stars() for pair in star.pairs)


def refusal(content: bytes, name: str = "s3://conn@bucket/plan.jsonl") -> str:
    with pytest.raises(InputError) as caught:
        read(content, name)
    assert "@" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "name"),
    [
        pytest.param(LINES, "plan.jsonl", id="jsonl"),
        pytest.param(BOM + LINES, "s3://conn@bucket/PLAN.JSONL", id="jsonl with a byte order mark"),
        pytest.param(LINES.rstrip(), "plan.jsonl", id="jsonl without its last newline"),
        pytest.param(gzip.compress(LINES), "plan.jsonl.gz", id="gzip"),
        pytest.param(
            gzip.compress(LINES[:70]) + gzip.compress(LINES[70:]), "plan.jsonl.gz", id="gzip in parts"
        ),
        pytest.param(CSV, "plan.csv", id="csv"),
        pytest.param(BOM + CSV.replace(b"\n", b"\r\n") + b",,,,,\r\n", "plan.csv", id="csv of a spreadsheet"),
    ],
)
def test_each_format_says_the_same(content: bytes, name: str) -> None:
    assert pairs(content, name) == PAIRS
    assert read(content, name).digest == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    "name", ["plan", "plan.json", "plan.csv.gz", "plan.gz", "plan.txt", "", "plan.jsonl/"], ids=repr
)
def test_the_ending_must_be_known(name: str) -> None:
    said = refusal(LINES, name)

    assert "must end in .jsonl, .jsonl.gz, .csv" in said
    assert said.startswith(repr(name.rpartition("/")[2] or name))


@pytest.mark.parametrize("name", ["plan.jsonl", "plan.csv"])
def test_an_empty_file_is_an_empty_plan(name: str) -> None:
    for content in (b"", BOM, b"\n \n"):
        plan = read(content, name)
        assert (plan.planned, list(plan.stars())) == (0, [])
        assert plan.digest == hashlib.sha256(content).hexdigest()


def test_a_csv_s_evidence_may_be_one_column_or_many() -> None:
    header = "primary_user_id,secondary_user_id,evidence,evidence.phone,evidence.metadata:app_metadata.id\n"
    rows = ['auth0|a,auth0|b,"{""email"": ""ada@x""}",+49,7', "auth0|a,auth0|c,,,"]

    one, two = pairs((header + "\n".join(rows)).encode(), "plan.csv")

    assert one.evidence == {"email": "ada@x", "phone": "+49", "metadata:app_metadata.id": "7"}
    assert two.evidence == {}


def test_a_csv_may_hold_newlines_and_names_the_line_a_record_begins_on() -> None:
    content = b'primary_user_id,secondary_user_id,rule\nauth0|a,auth0|b,"one\ntwo"\nauth0|c,auth0|c,\n'

    assert "line 4: primary and secondary are the same" in refusal(content, "plan.csv")
    (pair,) = pairs(content.partition(b"auth0|c")[0], "plan.csv")
    assert pair.rule == "one\ntwo"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        pytest.param(b"{", "is no JSON object", id="half"),
        pytest.param(b"ada@example.com", "is no JSON object", id="text"),
        pytest.param(b"{} {}", "is no JSON object", id="two"),
        pytest.param(b'["auth0|a", "auth0|b"]', "expected an object with primary_user_id", id="list"),
        pytest.param(b"7", "expected an object", id="number"),
        pytest.param(b"\xff{}", "is no UTF-8", id="no utf-8"),
        pytest.param(b"[" * 100_000, "is no JSON object", id="nested deep"),
        pytest.param(b"9" * 5000, "is no JSON object", id="long number"),
        pytest.param(
            b'{"primary_user_id": "auth0|a", "primary_user_id": "auth0|c"}', "a key stands twice", id="twice"
        ),
        pytest.param(b'{"evidence": {"email": NaN}}', "NaN is no JSON", id="no number"),
        pytest.param(b'{"primary_user_id": "auth0|\\ud800"}', "half a surrogate pair", id="half a letter"),
    ],
)
def test_a_line_that_is_none_is_refused_with_its_number(line: bytes, told: str) -> None:
    message = refusal(LINES + line + b"\n" + LINES)

    assert message.startswith("plan.jsonl: nothing of it is linked, 1 wrong: line 4: ")
    assert told in message


def test_all_lines_are_looked_at() -> None:
    assert "plan.jsonl: nothing of it is linked, 20 wrong: line 1: is no JSON" in refusal(b"{\n" * 20)


def test_a_line_without_end_is_not_read() -> None:
    assert "line 4: is longer than" in refusal(LINES + b" " * MOST_BYTES + b"{}")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(gzip.compress(LINES)[:-12], id="cut off"),
        pytest.param(LINES, id="no gzip"),
        pytest.param(gzip.compress(LINES)[:20] + b"\0" * 30, id="spoilt"),
    ],
)
def test_a_broken_gzip_is_refused(content: bytes) -> None:
    assert "the gzip file is broken or cut off here" in refusal(content, "plan.jsonl.gz")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param("auth0|a,auth0|b\n", "must name the columns", id="no header"),
        pytest.param("primary_user_id;secondary_user_id\n", "with commas between", id="semicolons"),
        pytest.param(
            "primary_user_id,email\n", "Unknown: ['email']; missing: ['secondary_user_id']", id="columns"
        ),
        pytest.param("primary_user_id,secondary_user_id,rule,rule\n", "each once", id="column twice"),
        pytest.param("ada@example.com,b\n", "Unknown: ['<e-mail>', 'b']", id="e-mail for a column"),
        pytest.param("primary_user_id,secondary_user_id\nauth0|a\n", "line 2: has 1 cells", id="short"),
        pytest.param("primary_user_id,secondary_user_id\na|b,c|d,e\n", "line 2: has 3 cells", id="long"),
        pytest.param('primary_user_id,secondary_user_id\n"a"b,c\n', "line 2: is no CSV", id="quotes"),
        pytest.param('primary_user_id,secondary_user_id\n"a|b,c|d\n', "line 2: is no CSV", id="open quote"),
        pytest.param(
            "primary_user_id,secondary_user_id,evidence\na|b,c|d,{\n",
            "line 2: evidence: is no JSON",
            id="evidence",
        ),
        pytest.param(
            'primary_user_id,secondary_user_id,evidence,evidence.email\na|b,c|d,"{""email"":""x""}",y\n',
            "evidence: stands in two columns",
            id="evidence twice",
        ),
        pytest.param(
            "primary_user_id,secondary_user_id,evidence.shoe\na|b,c|d,42\n",
            "unknown keys ['shoe']",
            id="shoe",
        ),
        pytest.param(
            "primary_user_id,secondary_user_id,evidence.verified\na|b,c|d,1\n",
            "must be true or",
            id="verified",
        ),
    ],
)
def test_a_csv_that_is_none_is_refused(content: str, told: str) -> None:
    assert told in refusal(content.encode(), "/data/plan.csv")


def test_a_csv_that_is_no_utf_8_is_refused() -> None:
    assert "line 1: is no UTF-8. Save the CSV as UTF-8" in refusal(
        "primary_user_id".encode("utf-16"), "plan.csv"
    )


class Trickling(io.RawIOBase):
    """A source that gives as many bytes as it likes, and no more than it was asked for."""

    def __init__(self, content: bytes) -> None:
        self._content = io.BytesIO(content)
        self._chance = random.Random(7)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        assert size > 0
        return self._content.read(self._chance.randint(1, min(size, 50)))


def test_a_file_is_read_as_a_stream() -> None:
    content = gzip.compress(LINES)

    plan = read_plan(Trickling(content), "plan.jsonl.gz")  # type: ignore[arg-type]  # all that is asked of it

    assert plan.planned == len(PAIRS)
    assert plan.digest == hashlib.sha256(content).hexdigest()


IDS = st.text(max_size=12) | st.from_regex(r"[a-z0-9-]+\|[ -~]+", fullmatch=True) | st.integers()


@given(value=IDS)
def test_an_id_is_taken_as_elsewhere(value: Any) -> None:
    try:
        parsed = str(UserId.parse(value, "primary_user_id"))
    except InputError:
        parsed = ""
    try:
        taken = read_row({"primary_user_id": value, "secondary_user_id": "auth0|b"}).primary
    except InputError:
        taken = ""

    assert taken == parsed


@given(
    primary=st.from_regex(r"[a-z]+\|\w+", fullmatch=True),
    rule=st.none() | st.text(),
    evidence=st.none() | st.fixed_dictionaries({}, optional={"email": st.text(), "verified": st.booleans()}),
)
def test_a_canonical_line_reads_as_itself(primary: str, rule: str | None, evidence: Any) -> None:
    line = read_row(
        {"primary_user_id": primary, "secondary_user_id": "auth0|0 0", "rule": rule, "evidence": evidence}
    )

    (again,) = records(io.BytesIO(line.to_bytes()), ".jsonl")

    assert again.line == line
    assert json.loads(line.to_bytes()).keys() <= {"primary_user_id", "secondary_user_id", "rule", "evidence"}
