"""A local Auth0 tenant: stateful, rate limited, able to misbehave. Shares no code with the client."""

from __future__ import annotations
