"""Tenants whose every answer is judged when the test ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from airflow_provider_auth0link.emulator.server import Emulator
from tests.emulator.caller import Caller
from tests.emulator.oracle import problems

MakeTenant = Callable[..., tuple[Emulator, Caller]]


@pytest.fixture
def make_tenant() -> Iterator[MakeTenant]:
    tenants: list[Emulator] = []
    with ExitStack() as stack:

        def make(*users: Any, log_in: bool = True, **options: Any) -> tuple[Emulator, Caller]:
            tenant = stack.enter_context(Emulator(users=users, **options))
            tenants.append(tenant)
            api = stack.enter_context(Caller(tenant))
            if log_in:
                api.log_in()
            return tenant, api

        yield make
        assert [text for tenant in tenants for text in problems(tenant)] == []


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


class FakeClock:
    """A clock that tests turn."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.25

    def __call__(self) -> float:
        return self.now
