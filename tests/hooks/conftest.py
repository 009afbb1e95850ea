from __future__ import annotations

from tests.operators.rig import make_tenant, tenant

__all__ = ["make_tenant", "tenant"]
