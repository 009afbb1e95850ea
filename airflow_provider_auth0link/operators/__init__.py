"""What a Dag author types."""

from __future__ import annotations
