"""``GET /connections``."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from airflow_provider_auth0link.emulator.accounts import Json
from airflow_provider_auth0link.emulator.answers import ApiError
from airflow_provider_auth0link.emulator.calls import listing
from airflow_provider_auth0link.emulator.search import selected
from airflow_provider_auth0link.emulator.state import State


def connection_row(state: State, connection_id: str) -> Json:
    """Return a connection. 404 when there is none of this id."""
    name = state.connections.get(connection_id)
    if name is None:
        raise ApiError(404, "The connection does not exist.", "inexistent_connection")
    return {
        "id": connection_id,
        "name": name,
        "strategy": state.strategies[name],
        "options": {},
        "realms": [name],
        "is_domain_connection": False,
    }


def listed(state: State, params: Mapping[str, str], strategies: Collection[str]) -> Json | list[Json]:
    """
    List connections.

    :param params: ``name``, ``fields``, ``page``, ``per_page``, ``include_totals``, ``from``, ``take``
    :param strategies: those wanted; none for all
    """
    rows = [connection_row(state, each) for each in state.connections]
    if strategies:
        rows = [each for each in rows if each["strategy"] in strategies]
    if name := params.get("name"):
        rows = [each for each in rows if each["name"] == name]
    return listing([selected(each, params) for each in rows], params, "connections", checkpoints=True)
