"""Puts the values of records into rows: the reverse of the readers, for plain columns only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from msgspec import UNSET

from syncd.model.records import Address, Allocation, Kind, Line, State
from syncd.sources import rows
from syncd.sources.lines import matched
from syncd.sources.settings import AllocationTable, ClientTable, Expression, KindTable, LineTable
from syncd.sources.sql.capability import child_table, is_column, stored_as
from syncd.sources.sql.engine import Database
from syncd.sources.sql.readers import ChildReader, KindReader
from syncd.sources.sql.tables import Found, placeholder, raw

_REFERENCES = frozenset({"client", "item", "invoice"})


class NotWritableError(ValueError):
    """The mapping has no column that takes this value."""


class Shelf:
    """The tables of one kind, for one write inside its transaction."""

    def __init__(self, connection: sa.Connection, database: Database, reader: KindReader, config: KindTable) -> None:
        self.connection = connection
        self.database = database
        self.reader = reader
        self.config = config
        self.table: Any = reader.found.table

    # The row itself --------------------------------------------------------------------------------------------------

    def creatable(self) -> list[str]:
        """The fields of a new record that have a column; a box such as save_to_qbo keeps the table's default."""
        names = type(self.config.fields).model_fields
        return [
            name
            for name in names
            if name != "save_to_qbo" and (name == "address" or is_column(getattr(self.config.fields, name)))
        ]

    def header(self, wished: Mapping[str, Any], *, create: bool = False) -> dict[str, Any]:
        """Column values for these fields of a record. Raises ``NotWritableError``."""
        values: dict[str, Any] = {}
        for name, value in wished.items():
            if name == "address":
                values.update(self._address(value))
                continue
            if name == "external_id":
                continue  # the write names it by itself, in qbo_id
            expression: Expression | None = getattr(self.config.fields, name, None)
            if not is_column(expression) or expression is None or expression.column is None:
                raise NotWritableError(f"The {self.config.table} of this source has no column for {name}.")
            if create and value is UNSET:
                continue
            values[expression.column] = self.stored(self.reader.found, expression, name, self._state(name, value))
        return values

    def _state(self, name: str, value: Any) -> Any:
        if name != "state":
            return value
        # QBO's records are live or void; an invoice that lives there is a published one here.
        if self.reader.kind is Kind.INVOICE and value is State.LIVE:
            return State.PUBLISHED
        return State.LIVE if self.reader.kind is Kind.PAYMENT and value is State.PUBLISHED else value

    def _address(self, value: Any) -> dict[str, Any]:
        columns = self.config.fields.address if isinstance(self.config, ClientTable) else None
        if columns is None or value is UNSET:
            return {}
        address: Address = value
        values: dict[str, Any] = {}
        if columns.lines:
            # More lines than columns: the last column takes the rest, and is split again when read.
            last = len(columns.lines) - 1
            parts = [*address.lines[:last], "\n".join(address.lines[last:])]
            parts += [""] * (len(columns.lines) - len(parts))
            values.update(zip(columns.lines, parts, strict=True))
        for name in ("city", "region", "postal_code", "country"):
            column = getattr(columns, name)
            if column is not None:
                values[column] = getattr(address, name)
        return {column: self._text(self.reader.found, column, text) for column, text in values.items()}

    def stored(self, found: Found, expression: Expression, name: str, value: Any) -> Any:
        """``value`` in the form in which the column holds it."""
        column = expression.column or ""
        kind = found.types[column]
        if value is UNSET or value is None:
            return None
        if expression.values is not None:
            value = stored_as(expression, value)
            if value is None:
                raise NotWritableError(f"The mapping has no value of {column} that stands for this {name}.")
            return int(value) if isinstance(kind, sa.Integer) else value
        return self._key(kind, name, value) if name in _REFERENCES else self._plain(found, column, value)

    def _plain(self, found: Found, column: str, value: Any) -> Any:
        kind = found.types[column]
        if isinstance(value, bool):
            return value if isinstance(kind, sa.Boolean) and self.database.dialect != "sqlite" else int(value)
        if isinstance(value, Decimal):
            return format(value, "f") if self.database.dialect == "sqlite" else value
        if isinstance(value, date):
            return self._day(kind, value)
        return self._text(found, column, str(value))

    def _day(self, kind: sa.types.TypeEngine[Any], value: date) -> Any:
        if self.database.dialect != "sqlite":
            return value
        return f"{value.isoformat()} 00:00:00" if isinstance(kind, sa.DateTime) else value.isoformat()

    def _text(self, found: Found, column: str, value: str) -> str | None:
        return None if not value and column in found.nullable else value

    def _key(self, kind: sa.types.TypeEngine[Any], name: str, value: str) -> Any:
        if not value:
            return None
        if not isinstance(kind, sa.Integer):
            return value
        if not value.isascii() or not value.removeprefix("-").isdigit():
            raise NotWritableError(f"{value[:30]!r} is no {name} of this source.")
        return int(value)

    def external(self, qbo_id: str) -> dict[str, Any]:
        """QBO's id, where the table keeps it."""
        return {} if self.config.qbo_id is None else {self.config.qbo_id: qbo_id}

    def holder(self, qbo_id: str) -> str | None:
        """The id of the row that already stands for this record of QBO."""
        if self.config.qbo_id is None:
            return None
        same = sa.cast(self.table.c[self.config.qbo_id], sa.Text()) == qbo_id
        if self.database.dialect == "mysql":
            same = self.table.c[self.config.qbo_id] == raw(qbo_id)
        found = self.connection.execute(sa.select(self.reader.id_column).where(same)).first()
        return None if found is None else rows.key(found[0])

    def update(self, record_id: str, values: dict[str, Any], version: str) -> bool:
        """Set these columns if the row has this version; False if it has another. Without values: nothing to do."""
        return self.update_all([(record_id, values, version)])

    def update_all(self, changes: Sequence[tuple[str, dict[str, Any], str]]) -> bool:
        """The same for many rows (id, columns, version) that are locked already; False where one has another version.

        A row without values is passed over: its lines are about to change.
        """
        groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        moment = self._moment() if self.config.changed is not None else None
        for record_id, values, version in changes:
            if values:
                bound = {"of": self.reader.native(record_id), "of_version": version, "moment": moment}
                bound |= {f"new_{place}": value for place, value in enumerate(values.values())}
                groups.setdefault(tuple(values), []).append(bound)
        return all(self._set(columns, rows_of_columns) for columns, rows_of_columns in groups.items())

    def _set(self, columns: tuple[str, ...], changes: list[dict[str, Any]]) -> bool:
        """One statement for all rows that set the same columns."""
        key: Any = self.reader.id_column
        if not self.reader.id_is_integer and not isinstance(self.reader.id_type, sa.String):
            key = sa.cast(key, sa.Text())
        statement = sa.update(self.table).where(key == placeholder("of"))
        sets: dict[str, Any] = {column: placeholder(f"new_{place}") for place, column in enumerate(columns)}
        if self.config.version is not None:
            column = self.table.c[self.config.version]
            if isinstance(column.type, sa.Integer):
                statement = statement.where(column == placeholder("of_version"))
                for change in changes:
                    change["of_version"] = int(change["of_version"])
                # Where no trigger counts versions, nobody else would; where one does, it comes to the same.
                sets[self.config.version] = column + 1
        if self.config.changed is not None:
            sets[self.config.changed] = placeholder("moment")
        statement = statement.values(sets)
        if len(changes) == 1:
            return self.connection.execute(statement, changes[0]).rowcount == 1
        done = self.connection.execute(statement, changes).rowcount
        # Not every driver counts the rows of many statements; they are locked, and their versions were compared.
        return done == len(changes) or not self.connection.dialect.supports_sane_multi_rowcount

    def _moment(self) -> Any:
        now = self.database.now(self.connection)
        return self.database.stamp(now, self.reader.changed_type, self.reader.changed_unit)

    def insert(self, values: dict[str, Any]) -> str:
        """Insert a row and return its id."""
        statement = sa.insert(self.table).values({column: raw(value) for column, value in values.items()})
        if self.database.dialect == "postgresql":
            key = sa.type_coerce(self.reader.id_column, sa.types.NullType())
            return rows.key(self.connection.execute(statement.returning(key)).scalar_one())
        if not self.reader.id_is_integer:
            raise NotWritableError(f"{self.config.table} does not number its rows by itself.")
        return str(self.connection.execute(statement).lastrowid)

    def delete(self, record_id: str) -> None:
        """Delete the row, its children first."""
        child = self.reader.children
        if child is not None:
            mother = child.parent_column == raw(self.reader.native(record_id))
            self.connection.execute(sa.delete(_table(child)).where(mother))
        self.connection.execute(sa.delete(self.table).where(self.reader.matching([record_id])))

    # Lines and allocations -------------------------------------------------------------------------------------------

    def _children(self, record_id: str) -> tuple[ChildReader, list[Any], list[Any]]:
        child = self.reader.children
        if child is None:
            raise NotWritableError(f"{self.config.table} has no lines.")
        statement = child.select.where(child.parent_column == raw(self.reader.native(record_id)))
        found = self.connection.execute(statement.order_by(*child.order)).fetchall()
        groups = child.group(found)
        children = groups.get(record_id)
        return child, [] if children is None else children.built, [] if children is None else children.bad

    def set_lines(self, record_id: str, wished: Sequence[Line], *, fresh: bool = False) -> None:
        """Make the lines these, in this order, keeping the row of every line that is still there (C-R16)."""
        config = child_table(self.config)
        if not isinstance(config, LineTable) or (fresh and not wished):
            return
        child, have, bad = self._children(record_id) if not fresh else (self._child(), [], [])
        table = _table(child)
        if config.id is None:
            # Rows without a key cannot be told apart: all are replaced.
            mother = child.parent_column == raw(self.reader.native(record_id))
            self.connection.execute(sa.delete(table).where(mother))
            have, bad = [], []
        kept = matched(have, wished)
        places = _positions(have, kept, len(wished))
        gone = [line.id for place, line in enumerate(have) if place not in kept.values()]
        gone += [str(row[self._own(child)]) for row in bad]
        for place, line in enumerate(wished):
            values = self._line_values(child.fields.scope.found, config, line)
            order = config.order if config.order not in {None, config.id} else None
            if place in kept:
                old = have[kept[place]]
                values = {
                    column: value
                    for column, value in values.items()
                    if value != self._line_values(child.fields.scope.found, config, old).get(column)
                }
                if order is not None and places is not None:
                    values[order] = places[place]
                if values:
                    bound = {column: raw(value) for column, value in values.items()}
                    self.connection.execute(sa.update(table).where(self._line(child, old.id)).values(bound))
            else:
                values[config.parent] = self.reader.native(record_id)
                if order is not None and places is not None:
                    values[order] = places[place]
                self.connection.execute(sa.insert(table).values({c: raw(v) for c, v in values.items()}))
        # Last, so that SQLite cannot give a new line the number of one that goes.
        for line_id in gone:
            self.connection.execute(sa.delete(table).where(self._line(child, line_id)))

    def _child(self) -> ChildReader:
        if self.reader.children is None:
            raise NotWritableError(f"{self.config.table} has no lines.")
        return self.reader.children

    def _own(self, child: ChildReader) -> int:
        if child.id_place is None:
            raise NotWritableError("The lines of this source have no key of their own.")
        return child.id_place

    def _line(self, child: ChildReader, line_id: str) -> sa.ColumnElement[bool]:
        config = child_table(self.config)
        name = (config.id if config is not None else None) or ""
        column = child.fields.scope.found.table.c[name]
        value: Any = int(line_id) if isinstance(column.type, sa.Integer) else line_id
        return column == raw(value)

    def _line_values(self, found: Found, config: LineTable, line: Line) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name in ("amount", "item", "item_name", "description", "quantity", "rate", "taxable"):
            expression: Expression | None = getattr(config.fields, name)
            value = getattr(line, name)
            if expression is None or expression.column is None or not is_column(expression) or value is UNSET:
                continue
            if name == "item_name" and not value:
                continue
            values[expression.column] = self.stored(found, expression, name, value)
        return values

    def set_allocations(self, record_id: str, wished: Sequence[Allocation], *, fresh: bool = False) -> None:
        """Make the allocations these, keeping the row of every invoice that is still paid."""
        config = child_table(self.config)
        if not isinstance(config, AllocationTable) or (fresh and not wished):
            return
        child, have, bad = self._children(record_id) if not fresh else (self._child(), [], [])
        table = _table(child)
        found = child.fields.scope.found
        fields = config.fields
        if not is_column(fields.invoice) or not is_column(fields.amount):
            raise NotWritableError(f"{config.table} has no columns that could be written.")
        mother = child.parent_column == raw(self.reader.native(record_id))
        invoice_name, amount_name = fields.invoice.column or "", fields.amount.column or ""
        invoices = found.table.c[invoice_name]
        if bad or len({part.invoice for part in have}) != len(have):
            self.connection.execute(sa.delete(table).where(mother))
            have = []
        old = {part.invoice: part.amount for part in have}
        new = {part.invoice: part.amount for part in wished}
        for invoice in old.keys() - new.keys():
            one = invoices == raw(self.stored(found, fields.invoice, "invoice", invoice))
            self.connection.execute(sa.delete(table).where(mother, one))
        for invoice, amount in new.items():
            names = raw(self.stored(found, fields.invoice, "invoice", invoice))
            value = raw(self.stored(found, fields.amount, "amount", amount))
            if invoice not in old:
                sets = {config.parent: raw(self.reader.native(record_id)), invoice_name: names, amount_name: value}
                self.connection.execute(sa.insert(table).values(sets))
            elif old[invoice] != amount:
                statement = sa.update(table).where(mother, invoices == names)
                self.connection.execute(statement.values({amount_name: value}))


def _table(child: ChildReader) -> Any:
    return child.fields.scope.found.table


def _positions(have: Sequence[Line], kept: Mapping[int, int], count: int) -> dict[int, int] | None:
    """New positions for all wished lines; None when those in the table are right as they are."""
    if len(kept) == len(have) == count and all(place == old for place, old in kept.items()):
        return None
    return {place: place + 1 for place in range(count)}
