"""The worlds that the contract suite runs in: one way of speaking about people's edits, several stores behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import date
from decimal import Decimal
from typing import Any, Protocol

import sqlalchemy as sa
from msgspec import UNSET

from syncd.errors import SourceUnavailable
from syncd.model.kinds import Kind, State
from syncd.model.observations import Problem
from syncd.model.records import Record
from syncd.model.records.forms import CreditNote, Estimate, Invoice, Line
from syncd.model.records.lists import Address, Client
from syncd.model.records.payments import CreditApplication, Payment
from syncd.model.records.purchases import BillLine, Expense, PurchaseOrder
from syncd.sources.base import Source
from syncd.sources.memory import MemorySource
from syncd.sources.registry import open_source, source_config
from syncd.sources.shapes import SHAPES
from syncd.sources.sql import create_reference_schema, layout


def client(name: str = "Zoë Müller", **more: Any) -> Client:
    return Client(**{"id": "", "name": name, "currency": "USD", "email": "", "address": Address(), **more})


def line(amount: str = "10.00", description: str = "Work", **more: Any) -> Line:
    return Line(amount=Decimal(amount), description=description, **more)


_FORM: dict[str, Any] = {
    "id": "",
    "issue_date": date(2026, 3, 1),
    "currency": "USD",
    "state": State.PUBLISHED,
    "number": "",
    "transaction_number": "",
    "bill_to": Address(),
    "emails": "",
    "cc_emails": "",
    "notes": "",
    "tax": Decimal(0),
    "tax_code": "",
    "tax_inclusive": False,
}


def _form(client_id: str, lines: tuple[Line, ...], /, **more: Any) -> dict[str, Any]:
    lines = lines or (line(),)
    values: dict[str, Any] = {**_FORM, "client": client_id, "lines": lines, **more}
    added = Decimal(0) if values["tax_inclusive"] else values["tax"]
    values.setdefault("total", sum((part.amount for part in lines), added) - values.get("discount", Decimal(0)))
    return values


def invoice(client_id: str, *lines: Line, **more: Any) -> Invoice:
    return Invoice(**_form(client_id, lines, **{"discount": Decimal(0), "paid": False, **more}))


def credit_note(client_id: str, *lines: Line, **more: Any) -> CreditNote:
    return CreditNote(**_form(client_id, lines, **more))


def estimate(client_id: str, *lines: Line, **more: Any) -> Estimate:
    return Estimate(**_form(client_id, lines, **{"discount": Decimal(0), **more}))


def payment(client_id: str, amount: str = "10.00", **more: Any) -> Payment:
    values = {"currency": "USD", "reference": "", "notes": "", "method": "", "allocations": (), **more}
    return Payment(**{"id": "", "client": client_id, "date": date(2026, 3, 9), "amount": Decimal(amount), **values})


def application(client_id: str, credit_note_id: str, **more: Any) -> CreditApplication:
    values = {"currency": "USD", "date": date(2026, 3, 10), "allocations": (), **more}
    return CreditApplication(**{"id": "", "client": client_id, "credit_note": credit_note_id, **values})


def expense(vendor_id: str, amount: str = "12.50", **more: Any) -> Expense:
    values = {"date": date(2026, 3, 3), "approved": True, "reimbursable": True, "currency": "USD", **more}
    return Expense(**{"id": "", "vendor": vendor_id, "amount": Decimal(amount), **values})


def order(vendor_id: str, *lines: BillLine, **more: Any) -> PurchaseOrder:
    lines = lines or (BillLine(amount=Decimal("10.00"), description="Timber"),)
    total = sum((part.amount for part in lines), Decimal(0))
    values = {"date": date(2026, 3, 4), "currency": "USD", "number": "", "notes": "", "total": total, **more}
    return PurchaseOrder(**{"id": "", "vendor": vendor_id, "lines": lines, **values})


class World(Protocol):
    """A source, and what people do to it behind syncd's back."""

    source: Source

    def add(self, record: Record) -> str:
        """Enter a record; returns its id."""

    def rename(self, kind: Kind, record_id: str, text: str) -> None:
        """Change one field of a record: its name where it has one, else its notes, else its currency."""

    def remove(self, kind: Kind, record_id: str) -> None:
        """Delete a record."""

    def spoil(self, kind: Kind, record_id: str) -> None:
        """Make a record one that cannot be read."""

    def outage(self) -> AbstractContextManager[None]:
        """The source is out of reach while this lasts."""


class MemoryWorld:
    def __init__(self) -> None:
        self.source = MemorySource()

    def add(self, record: Record) -> str:
        return self.source.put(record)

    def rename(self, kind: Kind, record_id: str, text: str) -> None:
        seen = self.source.read(kind, [record_id])[record_id]
        field = told(kind)
        values = {name: getattr(seen.record, name) for name in seen.record.__struct_fields__}
        self.source.put(type(seen.record)(**{**values, field: "EUR" if field == "currency" else text}))

    def remove(self, kind: Kind, record_id: str) -> None:
        self.source.remove(kind, record_id)

    def spoil(self, kind: Kind, record_id: str) -> None:
        self.source.flaw(kind, record_id, Problem("spoiled", "Spoiled."))

    def outage(self) -> AbstractContextManager[None]:
        return self.source.outage()

    def close(self) -> None:
        self.source.close()


def _as_people_do(connection: Any, _: Any) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = OFF")  # people's rows need not survive a power cut during a test


class SqlWorld:
    """The reference schema in a database; people write with plain SQL, through a connection of their own."""

    def __init__(self, url: str, *, schema: bool = True, **config: Any) -> None:
        self.url = url
        self.people = sa.create_engine(url, poolclass=sa.pool.NullPool)
        if self.people.dialect.name == "sqlite":
            sa.event.listen(self.people, "connect", _as_people_do)
        if schema:
            create_reference_schema(self.people)
            config.setdefault("schema", "reference")
        self.source = open_source(source_config({"type": "sql", "url": url, **config}))

    @property
    def dialect(self) -> str:
        return {"mariadb": "mysql"}.get(self.people.dialect.name, self.people.dialect.name)

    def sql(self, statement: str, **values: Any) -> list[Any]:
        with self.people.begin() as connection:
            result = connection.execute(sa.text(statement), values)
            return [tuple(row) for row in result] if result.returns_rows else []

    def insert(self, table: str, values: Mapping[str, Any]) -> str:
        quote = self.people.dialect.identifier_preparer.quote
        names = ", ".join(quote(name) for name in values)
        marks = ", ".join(f":{name}" for name in values)
        with self.people.begin() as connection:
            statement = f"INSERT INTO {table} ({names}) VALUES ({marks})"
            if self.dialect == "postgresql":
                return str(connection.execute(sa.text(f"{statement} RETURNING id"), dict(values)).scalar_one())
            return str(connection.execute(sa.text(statement), dict(values)).lastrowid)

    def add(self, record: Record) -> str:
        """By the names of columns alone; what has no column is left out, and what the record does not say, too."""
        kind = next(kind for kind, shape in SHAPES.items() if shape.make is type(record))
        record_id = self.insert(table_of(kind), self._row(table_of(kind), record))
        for place, part in enumerate(getattr(record, "lines", ())):
            self.add_line(record_id, part, place + 1, kind)
        parts = {Kind.CREDIT_APPLICATION: "credit_application_part"}.get(kind, "payment_allocation")
        for part in getattr(record, "allocations", ()):
            self.insert(parts, self._row(parts, part) | {f"{kind}_id": int(record_id)})
        for part in getattr(record, "credits", ()):
            self.insert("payment_credit", self._row("payment_credit", part) | {"payment_id": int(record_id)})
        return record_id

    def add_line(self, form_id: str, part: Line, place: int, kind: Kind = Kind.INVOICE) -> str:
        values = self._row(f"{kind}_line", part)
        return self.insert(f"{kind}_line", values | {f"{kind}_id": int(form_id), "position": place})

    def _row(self, table: str, record: Any) -> dict[str, Any]:
        columns = layout.metadata.tables[table].columns.keys()
        values: dict[str, Any] = {}
        for name in record.__struct_fields__:
            value, column = getattr(record, name), _COLUMNS.get(name, name)
            if name == "approved" and "status" in columns:
                values["status"] = "approved" if value else "pending_approval"
            if column not in columns or name == "id" or value is UNSET:
                continue
            if isinstance(value, Address):
                values[column] = "\n".join(value.lines)
                parts = ("city", "region", "postal_code", "country")
                values |= {part: getattr(value, part) for part in parts if part in columns}
            elif column.endswith("_id") and column != "qbo_id":
                values[column] = int(value) if value else None
            else:
                values[column] = (value or None) if column == "qbo_id" else plain(value)
        return values

    def rename(self, kind: Kind, record_id: str, text: str) -> None:
        field = told(kind)
        text = "EUR" if field == "currency" else text
        self.sql(f"UPDATE {table_of(kind)} SET {field} = :text WHERE id = :id", text=text, id=int(record_id))

    def remove(self, kind: Kind, record_id: str) -> None:
        self.sql(f"DELETE FROM {table_of(kind)} WHERE id = :id", id=int(record_id))

    def spoil(self, kind: Kind, record_id: str) -> None:
        field = told(kind)
        wrong = f"{field} = ''" if field in {"name", "file_name"} else "currency = 'ZZZ'"
        self.sql(f"UPDATE {table_of(kind)} SET {wrong} WHERE id = :id", id=int(record_id))

    @contextmanager
    def outage(self) -> Iterator[None]:
        database = self.source.database  # type: ignore[attr-defined]

        def refuse(*_: Any) -> None:
            raise sa.exc.OperationalError("connect", None, OSError("server closed the connection"), True)

        sa.event.listen(database.engine, "engine_connect", refuse)
        try:
            yield
        finally:
            sa.event.remove(database.engine, "engine_connect", refuse)

    def empty(self) -> None:
        """Delete everything that earlier tests left."""
        with self.people.begin() as connection:
            for table in reversed(layout.metadata.sorted_tables):
                connection.exec_driver_sql(f"DELETE FROM {table.name}")
            connection.exec_driver_sql("DELETE FROM syncd_tombstone")

    def close(self) -> None:
        self.source.close()
        self.people.dispose()


_COLUMNS = {
    "save": "save_to_qbo",
    "remove": "remove_from_qbo",
    "external_id": "qbo_id",
    "vendor": "member_id",
    "owner": "owner_id",
    **{name: f"{name}_id" for name in ("client", "item", "invoice", "credit_note", "method", "category", "project")},
}
_TABLES = {Kind.TAX_CODE: "tax_rate", Kind.CATEGORY: "expense_category", Kind.VENDOR: "member"}


def table_of(kind: Kind) -> str:
    """The table of the reference schema that holds a kind."""
    return _TABLES.get(kind, kind.value)


def told(kind: Kind) -> str:
    """The field that people change in these tests."""
    fields = SHAPES[kind].make.__struct_fields__
    return next(field for field in ("name", "notes", "currency", "file_name") if field in fields)


def plain(value: Any) -> Any:
    """A value as any program would bind it: exact numbers and dates as text where the database has no type for them."""
    if value is UNSET:
        return None
    if isinstance(value, State):
        return value.value
    return format(value, "f") if isinstance(value, Decimal) else value.isoformat() if isinstance(value, date) else value


__all__ = [
    "MemoryWorld",
    "SourceUnavailable",
    "SqlWorld",
    "World",
    "application",
    "client",
    "credit_note",
    "expense",
    "invoice",
    "line",
    "payment",
    "plain",
    "table_of",
    "told",
]
