"""Sample records of a profile: what its demonstration plays with, and what anybody can fill an empty database with."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from importlib import import_module
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from syncd.demo import STORIES
from syncd.errors import SourceMisconfigured
from syncd.sources.settings import SqlSourceConfig
from syncd.sources.sql import layout
from syncd.sources.sql.engine import url_of

Row = dict[str, Any]


class Sample:
    """Rows of the reference schema, collected and then written all at once."""

    def __init__(self) -> None:
        self._rows: dict[str, list[Row]] = {}

    def add(self, table: sa.Table, **columns: Any) -> int:
        """One more row; its id, counted from 1."""
        rows = self._rows.setdefault(table.name, [])
        rows.append({"id": len(rows) + 1, **columns})
        return len(rows)

    def rows(self, table: sa.Table) -> list[Row]:
        """What a table will hold."""
        return self._rows.get(table.name, [])

    def insert(self, engine: sa.Engine) -> None:
        """Write everything to an empty database with the reference schema."""
        insert_all(engine, ((table, self.rows(table)) for table in layout.metadata.sorted_tables))


def fill(config: SqlSourceConfig, profile: str) -> int:
    """Write the sample records of ``profile`` to the reference schema that ``config`` names; how many rows these are.

    Raises ``SourceMisconfigured`` where a table has rows already: nothing is mixed with what somebody entered.
    """
    if profile not in STORIES:
        raise SourceMisconfigured(
            f"There are no sample records for the profile {profile}.", remedy=f"There are for {', '.join(STORIES)}."
        )
    engine = sa.create_engine(url_of(config), hide_parameters=True)
    try:
        found = _rows_in(engine)
        if found:
            raise SourceMisconfigured(
                f"The database has rows already ({', '.join(sorted(found))}).", remedy="Name an empty database."
            )
        import_module(STORIES[profile]).SCENERY.business().insert(engine)
        return sum(_rows_in(engine).values())
    finally:
        engine.dispose()


def insert_all(engine: sa.Engine, tables: Iterable[tuple[sa.Table, list[Row]]]) -> None:
    """Write rows, table after table, in one transaction."""
    exact_text = engine.dialect.name == "sqlite"
    with engine.begin() as connection:
        for table, rows in tables:
            told = [_as_text(row) for row in rows] if exact_text else rows
            for _, alike in groupby(told, key=lambda row: row.keys()):  # a statement has one set of columns
                connection.execute(table.insert(), list(alike))


def _as_text(row: Row) -> Row:
    """Money and days as SQLite keeps them."""
    return {name: str(value) if isinstance(value, Decimal | date) else value for name, value in row.items()}


def _rows_in(engine: sa.Engine) -> dict[str, int]:
    with engine.connect() as connection:
        counts = {
            name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for name, table in layout.metadata.tables.items()
            if not name.startswith("syncd_")
        }
    return {name: count for name, count in counts.items() if count}
