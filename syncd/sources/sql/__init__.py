"""Sources in SQL databases: PostgreSQL, MySQL and MariaDB, SQLite."""

from __future__ import annotations

from syncd.sources.sql.reference import create_reference_schema, upgrade_reference_schema

__all__ = ["create_reference_schema", "upgrade_reference_schema"]
