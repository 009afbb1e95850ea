"""Our errors on their way to Airflow: what no retry would change must not be retried, and each is told on one line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from airflow.providers.common.compat.sdk import AirflowFailException

from airflow_provider_auth0link.errors import Auth0LinkError
from airflow_provider_auth0link.linking.words import escaped

_made: dict[type[Auth0LinkError], type[Auth0LinkError]] = {}


@contextmanager
def failing_for_good() -> Iterator[None]:
    """
    Let a permanent error end the task without Airflow's retries. Others pass as they are.

    Airflow logs their texts. What cannot be seen in those is escaped: keys of accounts may stand there, and one with
    a line break would forge a line.
    """
    try:
        yield
    except AirflowFailException:
        raise
    except Auth0LinkError as error:
        error.args = (escaped(str(error)),)
        if error.retryable:
            raise
        raise final(error) from error.__cause__


def final(error: Auth0LinkError) -> Auth0LinkError:
    """
    Return the same error as an ``AirflowFailException`` too.

    It is both, so that a task may still catch ``ForbiddenError`` and Airflow still does not retry it.
    """
    return _both(type(error))(str(error))


def _both(ours: type[Auth0LinkError]) -> type[Auth0LinkError]:
    if ours in _made:
        return _made[ours]

    def reduce(self: Auth0LinkError) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return final, (ours(str(self)),)

    _made[ours] = type(
        ours.__name__, (ours, AirflowFailException), {"__reduce__": reduce, "__doc__": ours.__doc__}
    )
    return _made[ours]
