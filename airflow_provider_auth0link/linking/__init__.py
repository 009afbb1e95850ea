"""Deciding, doing and settling links. No Airflow, no HTTP."""

from __future__ import annotations
