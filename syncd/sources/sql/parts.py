"""Writes the parts of records that have rows of their own: lines, allocations, credits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from msgspec import UNSET

from syncd.model.records.forms import Line
from syncd.sources.expressions import ChildTable, Expression
from syncd.sources.lines import matched
from syncd.sources.sql.capability import fields_of, is_column
from syncd.sources.sql.readers import ChildReader
from syncd.sources.sql.tables import raw
from syncd.sources.sql.values import NotWritableError, Shelf


class PartShelf:
    """One table of parts of the record that a write is about, inside its transaction."""

    def __init__(self, shelf: Shelf, child: ChildReader, config: ChildTable, record_id: str) -> None:
        self.shelf = shelf
        self.child = child
        self.config = config
        self.fields = fields_of(config)
        self.connection = shelf.connection
        self.table: Any = child.fields.scope.found.table
        self.parent = raw(shelf.reader.native(record_id))
        self.mother = child.parent_column == self.parent
        self.record_id = record_id

    def set(self, wished: Sequence[Any], *, fresh: bool = False) -> None:
        """Make the parts these; ``fresh``: the record is new and has none."""
        if fresh and not wished:
            return
        (self._set_keyed if self.child.part.keyed else self._set_lines)(wished, fresh)

    def delete(self) -> None:
        """Delete all."""
        self.connection.execute(sa.delete(self.table).where(self.mother))

    def _there(self, fresh: bool) -> tuple[list[Any], list[Any]]:
        if fresh:
            return [], []
        statement = self.child.select.where(self.mother)
        found = self.connection.execute(statement.order_by(*self.child.order)).fetchall()
        children = self.child.group(found).get(self.record_id)
        return ([], []) if children is None else (children.built, children.bad)

    def _insert(self, values: Mapping[str, Any]) -> None:
        bound = {column: raw(value) for column, value in values.items()}
        self.connection.execute(sa.insert(self.table).values({**bound, self.config.parent: self.parent}))

    # Lines: known by their key, recognised by what they say ----------------------------------------------------------

    def _set_lines(self, wished: Sequence[Line], fresh: bool) -> None:
        """In this order, keeping the row of every line that is still there (C-R16)."""
        have, bad = self._there(fresh)
        if self.config.id is None:
            # Rows without a key cannot be told apart: all are replaced.
            self.delete()
            have, bad = [], []
        kept = matched(have, wished)
        places = _positions(have, kept, len(wished))
        gone = [line.id for place, line in enumerate(have) if place not in kept.values()]
        gone += [str(row[self._own()]) for row in bad]
        order = self.config.order if self.config.order not in {None, self.config.id} else None
        for place, line in enumerate(wished):
            values = self._values(line)
            old = have[kept[place]] if place in kept else None
            if old is not None:
                was = self._values(old)
                values = {column: value for column, value in values.items() if value != was.get(column)}
            if order is not None and places is not None:
                values[order] = places[place]
            if old is None:
                self._insert(values)
            elif values:
                bound = {column: raw(value) for column, value in values.items()}
                self.connection.execute(sa.update(self.table).where(self._line(old.id)).values(bound))
        # Last, so that SQLite cannot give a new line the number of one that goes.
        for line_id in gone:
            self.connection.execute(sa.delete(self.table).where(self._line(line_id)))

    def _own(self) -> int:
        if self.child.id_place is None:
            raise NotWritableError("The lines of this source have no key of their own.")
        return self.child.id_place

    def _line(self, line_id: str) -> sa.ColumnElement[bool]:
        column = self.table.c[self.config.id or ""]
        value: Any = int(line_id) if isinstance(column.type, sa.Integer) else line_id
        same: sa.ColumnElement[bool] = column == raw(value)
        return same

    def _values(self, line: Line) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name in type(self.fields).model_fields:
            expression: Expression | None = getattr(self.fields, name)
            value = getattr(line, name)
            if expression is None or expression.column is None or not is_column(expression) or value is UNSET:
                continue
            if name == "item_name" and not value:
                continue
            values[expression.column] = self._stored(expression, name, value)
        return values

    def _stored(self, expression: Expression, name: str, value: Any) -> Any:
        return self.shelf.stored(self.child.fields.scope.found, expression, name, value)

    # Allocations and credits: known by what they refer to ------------------------------------------------------------

    def _set_keyed(self, wished: Sequence[Any], fresh: bool) -> None:
        """As a set, keeping the row of everything that is still referred to."""
        have, bad = self._there(fresh)
        name = self.child.part.refers[0]
        where: Expression = getattr(self.fields, name)
        if not is_column(where) or not is_column(self.fields.amount):
            raise NotWritableError(f"{self.config.table} has no columns that could be written.")
        referred, amount_name = where.column or "", self.fields.amount.column or ""
        old, new = _amounts(name, have), _amounts(name, wished)
        if bad or len(old) != len(have):
            self.delete()
            old = {}
        for other in old.keys() - new.keys():
            one = self.table.c[referred] == raw(self._stored(where, name, other))
            self.connection.execute(sa.delete(self.table).where(self.mother, one))
        for other, amount in new.items():
            names, value = self._stored(where, name, other), self._stored(self.fields.amount, "amount", amount)
            if other not in old:
                self._insert({referred: names, amount_name: value})
            elif old[other] != amount:
                statement = sa.update(self.table).where(self.mother, self.table.c[referred] == raw(names))
                self.connection.execute(statement.values({amount_name: raw(value)}))


def _amounts(name: str, parts: Iterable[Any]) -> dict[str, Any]:
    return {getattr(part, name): part.amount for part in parts}


def _positions(have: Sequence[Line], kept: Mapping[int, int], count: int) -> dict[int, int] | None:
    """New positions for all wished lines; None when those in the table are right as they are."""
    if len(kept) == len(have) == count and all(place == old for place, old in kept.items()):
        return None
    return {place: place + 1 for place in range(count)}
