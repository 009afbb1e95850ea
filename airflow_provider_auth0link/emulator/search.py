"""``GET /users`` and ``fields``: a modest part of Auth0's search, a clear 400 for the rest."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from airflow_provider_auth0link.emulator.accounts import Json
from airflow_provider_auth0link.emulator.answers import ApiError, invalid_query

MOST = 1000
"""Records that paging reaches (List and search users)."""
CASELESS = ("email", "name", "nickname", "given_name", "family_name", "username")
"""Fields that search compares without case; ``users-by-email`` does not."""
_TERM = re.compile(r'([A-Za-z_.]+):(?:"((?:[^"\\]|\\.)*)"|([^\s"*?~^()\[\]{}:]+))')

Test = Callable[[Json], bool]


def term_tests(query: str) -> list[Test]:
    """
    Read ``field:"value"``, several joined by AND.

    :raises ApiError: 400 for anything else
    """
    tests: list[Test] = []
    for part in re.split(r"\s+AND\s+", query.strip()):
        match = _TERM.fullmatch(part)
        if match is None:
            raise invalid_query('q: this tenant reads field:"value" terms joined by AND')
        name, quoted, plain = match.groups()
        value = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else plain
        tests.append(_test_of(name, value))
    return tests


def _test_of(name: str, value: str) -> Test:
    if name.startswith("identities."):
        key = name.removeprefix("identities.")
        return lambda account: any(_text(each.get(key)) == value for each in account["identities"])
    if name in CASELESS:
        folded = value.casefold()
        return lambda account: _text(account.get(name)).casefold() == folded
    return lambda account: _text(account.get(name)) == value


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def number(
    params: Mapping[str, str], name: str, default: int, *, least: int = 0, most: int | None = None
) -> int:
    """Read a whole number of the query string. 400 when it is none or out of range."""
    text = params.get(name, "")
    if not text:
        return default
    if not re.fullmatch(r"-?\d{1,9}", text):
        raise invalid_query(f"Expected type integer but found type string on property {name}")
    value = int(text)
    if value < least:
        raise invalid_query(f"Value {value} is less than minimum {least} on property {name}")
    if most is not None and value > most:
        raise invalid_query(f"Value {value} is greater than maximum {most} on property {name}")
    return value


def flag(params: Mapping[str, str], name: str, *, default: bool) -> bool:
    """Read true or false of the query string."""
    text = params.get(name, "")
    if text not in {"", "true", "false"}:
        raise invalid_query(f"Expected type boolean but found type string on property {name}")
    return default if not text else text == "true"


def search(accounts: Iterable[Json], params: Mapping[str, str]) -> tuple[list[Json], Json]:
    """
    Search, sort and page.

    :param accounts: all of the tenant
    :param params: the query string
    :return: the page, and ``{start, limit, length, total}``
    """
    page = number(params, "page", 0)
    per_page = number(params, "per_page", 50, most=100)
    if page * per_page + per_page > MOST:
        text = (
            "You can only page through the first 1000 records. See "
            "https://auth0.com/docs/users/search/v3/view-search-results-by-page#limitation."
        )
        raise ApiError(400, text, "invalid_paging")
    tests = term_tests(params["q"]) if params.get("q") else []
    if connection := params.get("connection"):
        tests.append(_test_of("identities.connection", connection))
    found = [each for each in accounts if all(test(each) for test in tests)]
    _sort(found, params.get("sort", ""))
    start = page * per_page
    shown = found[start : start + per_page]
    return shown, {"start": start, "limit": per_page, "length": len(shown), "total": len(found)}


def _sort(found: list[Json], order: str) -> None:
    if not order:
        return
    match = re.fullmatch(r"([A-Za-z_]+):(-?1)", order)
    if match is None:
        raise invalid_query("sort: field:1 or field:-1")
    found.sort(key=lambda each: _text(each.get(match[1])), reverse=match[2] == "-1")


def selected(row: Json, params: Mapping[str, str]) -> Json:
    """Keep or leave out the ``fields`` that the query string names."""
    names = {each.strip() for each in params.get("fields", "").split(",")} - {""}
    include = flag(params, "include_fields", default=True)
    if not names:
        return row
    return {key: value for key, value in row.items() if (key in names) is include}
