"""Airflow on one side, ours on the other."""

from __future__ import annotations
