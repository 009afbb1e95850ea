"""A local Auth0 tenant: stateful, rate limited, able to misbehave. Shares no code with the client it tests."""

from __future__ import annotations
