"""A call to the Management API, and what operations read of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from airflow_provider_auth0link.emulator.accounts import Json, split
from airflow_provider_auth0link.emulator.answers import ApiError, invalid_query, invalid_uri, missing_user
from airflow_provider_auth0link.emulator.routes import Route, decoded
from airflow_provider_auth0link.emulator.search import flag, number

if TYPE_CHECKING:
    from airflow_provider_auth0link.emulator.state import State
    from airflow_provider_auth0link.emulator.tokens import Grant


@dataclass(frozen=True, slots=True)
class Call:
    """
    A request to the Management API, as its operation sees it.

    :param route: the operation
    :param path: as it came, without the query
    :param args: still encoded path parameters
    :param params: query string
    :param query: the same, as it came: a parameter may stand in it several times
    :param body: reads the decoded body; raises 400 when it cannot be read
    :param grant: what the token allows
    """

    route: Route
    path: str
    args: list[str]
    params: Mapping[str, str]
    query: str
    body: Callable[[], Any]
    grant: Grant

    def user_id(self, position: int = 0) -> str:
        """
        Return the user id among the path parameters.

        :raises ApiError: 400 when it is none, 403 when the token is another user's own
        """
        user_id = decoded(self.args[position])
        try:
            split(user_id)
        except ValueError:
            raise invalid_uri("Object didn't pass validation for format user-id") from None
        of_subject = all("current_user" in each for each in self.grant.scopes & set(self.route.scopes))
        if of_subject and user_id != self.grant.subject:
            raise ApiError(403, "User to be acted on does not match subject in bearer token.")
        return user_id

    def every(self, name: str) -> list[str]:
        """Return all values of a parameter."""
        return parse_qs(self.query).get(name, [])

    def account(self, state: State, position: int = 0) -> Json:
        """Return the account among the path parameters. 404 when there is none."""
        account = state.account(self.user_id(position))
        if account is None:
            raise missing_user()
        return account


def listing(
    rows: list[Json],
    params: Mapping[str, str],
    key: str,
    last_page: int | None = None,
    *,
    checkpoints: bool = False,
) -> Json | list[Json]:
    """
    Return one page of a list.

    :param rows: all
    :param params: ``page``, ``per_page`` (1 to 100, default 50), ``include_totals``; or ``from`` and ``take``
    :param key: under which the page stands beside totals or ``next``
    :param last_page: highest page that may be asked for
    :param checkpoints: whether ``from`` and ``take`` are read
    :raises ApiError: 400
    """
    if checkpoints and {"from", "take"} & params.keys():
        return _from(rows, params, key)
    per_page = number(params, "per_page", 50, least=1, most=100)
    start = number(params, "page", 0, most=last_page) * per_page
    page = rows[start : start + per_page]
    if not flag(params, "include_totals", default=False):
        return page
    return {"start": start, "limit": per_page, "total": len(rows), key: page}


def _from(rows: list[Json], params: Mapping[str, str], key: str) -> Json:
    """Page by checkpoints: ``next`` stands in the answer while there is more."""
    if "page" in params:
        raise invalid_query("page cannot be combined with from and take")
    start = number(params, "from", 0)
    end = start + number(params, "take", 50, least=1, most=100)
    return {key: rows[start:end], **({"next": str(end)} if end < len(rows) else {})}
