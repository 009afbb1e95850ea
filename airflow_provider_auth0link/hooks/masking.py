"""Registering secrets with Airflow's masker, whose place moved between versions."""

from __future__ import annotations

from importlib import import_module

_PLACES = (
    "airflow.sdk.log",  # 3.3, tells the supervisor too
    "airflow.sdk.execution_time.secrets_masker",  # 3.0 to 3.2
    "airflow.utils.log.secrets_masker",  # 2.x
)


def mask_secret(value: str) -> None:
    """Have Airflow replace this value by ``***`` in logs and rendered fields from now on."""
    for place in _PLACES:
        try:
            mask = import_module(place).mask_secret
        except (ImportError, AttributeError):
            continue
        mask(value)
        return
    raise RuntimeError("this Airflow has no secrets masker in any known place")
