"""A hook like those of databases."""

from __future__ import annotations

import sqlite3
from typing import Any

from airflow.providers.common.sql.hooks.sql import DbApiHook


class WarehouseHook(DbApiHook):
    """A database in a file, which is the connection's host."""

    conn_name_attr = "warehouse_conn_id"
    default_conn_name = "warehouse_default"
    conn_type = "warehouse"
    hook_name = "Warehouse"

    def get_conn(self) -> Any:
        """Open the file. Whoever opens it closes it."""
        name = getattr(self, self.conn_name_attr)
        return sqlite3.connect(self.get_connection(name).host or "")
