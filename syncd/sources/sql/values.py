"""Puts the values of records into rows: the reverse of the readers, for plain columns only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from msgspec import UNSET

from syncd.model.kinds import State
from syncd.model.records import Record
from syncd.model.records.lists import Address
from syncd.model.writes import EXTERNAL_ID, SourceWrite
from syncd.sources import rows
from syncd.sources.expressions import AddressColumns, Expression
from syncd.sources.kinds import KindTable
from syncd.sources.sql.capability import is_writable, stored_as
from syncd.sources.sql.engine import Database
from syncd.sources.sql.fields import MEMBERS, POSTAL
from syncd.sources.sql.readers import KindReader
from syncd.sources.sql.tables import Found, placeholder, raw

SENT = "sent"
"""The mark that the state says (V-10)."""
_REFERENCES = frozenset({"client", "item", "invoice", "credit_note", "method", "vendor", "category", "project"})


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
        return [name for name in names if name not in MEMBERS and is_writable(getattr(self.config.fields, name))]

    def header(self, wished: Record, names: Iterable[str], *, create: bool = False) -> dict[str, Any]:
        """Column values for these fields of a record. Raises ``NotWritableError``."""
        values: dict[str, Any] = {}
        for name in names:
            if name == EXTERNAL_ID:
                continue  # the write names it by itself, in qbo_id
            if name == SENT:
                values.update(self._sent(wished))
                continue
            called, where = self._place(name)
            value = getattr(wished, called)
            if value is UNSET and (create or called in POSTAL):
                continue
            if isinstance(where, AddressColumns):
                values.update(self._address(where, value))
            else:
                stored = postal_block(value) if isinstance(value, Address) else value
                values[where.column or ""] = self.stored(self.reader.found, where, called, stored)
        return values

    def _sent(self, wished: Record) -> dict[str, Any]:
        """The state of what was sent; nothing that was sent ever becomes unsent."""
        if getattr(wished, SENT) is not True:
            raise NotWritableError("A document that was sent cannot be made unsent.")
        return self.state(State.SENT)

    def wished(self, write: SourceWrite, names: Sequence[str]) -> dict[str, Any]:
        """Column values for these fields of an update. Raises ``NotWritableError``."""
        if write.record is not None:
            return self.header(write.record, names)
        if write.fields:
            raise NotWritableError("There is no record to take the values from.")
        return {}

    def state(self, state: State) -> dict[str, Any]:
        """The column value that puts a record into a state."""
        return self._plainly("state", state)

    def inactive(self) -> dict[str, Any]:
        """The column value that puts a record out of use."""
        return self._plainly("active", False)

    def unit(self, units: Sequence[str]) -> dict[str, Any]:
        """The business unit of a new row: the first of those that are read, so that the row is one of them."""
        column = getattr(self.config, "business_unit", None)
        return {column: units[0]} if units and units[0] and column is not None and "." not in column else {}

    def _plainly(self, name: str, value: Any) -> dict[str, Any]:
        _, where = self._place(name)
        if isinstance(where, AddressColumns):
            raise NotWritableError(f"An address cannot hold {name}.")
        return {where.column or "": self.stored(self.reader.found, where, name, value)}

    def _place(self, name: str) -> tuple[str, Expression | AddressColumns]:
        """Where a field is written, or else the name of what it refers to."""
        for called in (name, f"{name}_name"):
            where: Expression | AddressColumns | None = getattr(self.config.fields, called, None)
            if where is not None and is_writable(where):
                return called, where
        raise NotWritableError(f"The {self.config.table} of this source has no column for {name}.")

    def _address(self, columns: AddressColumns, address: Address) -> dict[str, Any]:
        names = ("city", "region", "postal_code", "country")
        homeless = [getattr(address, name) for name in names if getattr(columns, name) is None]
        lines = postal_lines(address.lines, *homeless)
        values: dict[str, Any] = {}
        if columns.lines:
            # More lines than columns: the last column takes the rest, and is split again when read.
            last = len(columns.lines) - 1
            parts = [*lines[:last], "\n".join(lines[last:])]
            parts += [""] * (len(columns.lines) - len(parts))
            values.update(zip(columns.lines, parts, strict=True))
        for name in names:
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
        if name == "state" and value in {State.LIVE, State.PUBLISHED}:
            # QBO's records are live or void; an invoice that lives there is a published one here.
            value = self.reader.shape.living
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
        """QBO's id, where the table keeps it; an empty one takes it away."""
        column = self.config.qbo_id
        return {} if column is None else {column: qbo_id or self._text(self.reader.found, column, "")}

    def holder(self, qbo_id: str) -> str | None:
        """The id of the row that already stands for this record of QBO."""
        if self.config.qbo_id is None:
            return None
        same = sa.cast(self.table.c[self.config.qbo_id], sa.Text()) == qbo_id
        if self.database.dialect == "mysql":
            same = self.table.c[self.config.qbo_id] == raw(qbo_id)
        statement = sa.select(self.reader.id_column).select_from(self.reader.fields.scope.source).where(same)
        if self.reader.where is not None:
            statement = statement.where(self.reader.where)
        found = self.connection.execute(statement).first()
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
        """Delete the row, whose parts are gone already."""
        self.connection.execute(sa.delete(self.table).where(self.reader.matching([record_id])))


def postal_block(address: Address) -> str:
    """An address as a block of text."""
    return "\n".join(postal_lines(address.lines, address.city, address.region, address.postal_code, address.country))


def postal_lines(lines: Iterable[str], *rest: str) -> list[str]:
    """The lines of an address, then what of it has no column of its own on one line more."""
    last = " ".join(part for part in rest if part.strip())
    return [*lines, last] if last else list(lines)
