"""The worlds that the contract suite runs in: one way of speaking about people's edits, several stores behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import date
from decimal import Decimal
from typing import Any, Protocol

import sqlalchemy as sa

from syncd.errors import SourceUnavailable
from syncd.model.observations import Problem
from syncd.model.records import UNSET, Address, Client, Invoice, Item, Kind, Line, Payment, Record, State
from syncd.sources.base import Source
from syncd.sources.memory import MemorySource
from syncd.sources.registry import open_source, source_config
from syncd.sources.sql import create_reference_schema, layout


def client(name: str = "Zoë Müller", **more: Any) -> Client:
    return Client(**{"id": "", "name": name, "currency": "USD", "email": "", "address": Address(), **more})


def line(amount: str = "10.00", description: str = "Work", **more: Any) -> Line:
    return Line(amount=Decimal(amount), description=description, **more)


def invoice(client_id: str, *lines: Line, **more: Any) -> Invoice:
    lines = lines or (line(),)
    values: dict[str, Any] = {
        "id": "",
        "client": client_id,
        "issue_date": date(2026, 3, 1),
        "currency": "USD",
        "state": State.PUBLISHED,
        "number": "",
        "notes": "",
        "discount": Decimal(0),
        "tax": Decimal(0),
        "tax_code": "",
        "lines": lines,
        **more,
    }
    values.setdefault("total", sum((part.amount for part in lines), Decimal(0)) - values["discount"] + values["tax"])
    return Invoice(**values)


def payment(client_id: str, amount: str = "10.00", **more: Any) -> Payment:
    values = {"currency": "USD", "reference": "", "notes": "", "allocations": (), **more}
    return Payment(**{"id": "", "client": client_id, "date": date(2026, 3, 9), "amount": Decimal(amount), **values})


class World(Protocol):
    """A source, and what people do to it behind syncd's back."""

    source: Source

    def add(self, record: Record) -> str:
        """Enter a record; returns its id."""

    def rename(self, kind: Kind, record_id: str, text: str) -> None:
        """Change one field of a record: a client's or item's name, notes otherwise."""

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
        field = "name" if kind in {Kind.CLIENT, Kind.ITEM} else "notes"
        values = {name: getattr(seen.record, name) for name in seen.record.__struct_fields__}
        self.source.put(type(seen.record)(**{**values, field: text}))

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
        if isinstance(record, Client):
            address = record.address if isinstance(record.address, Address) else Address()
            parts = {n: getattr(address, n) for n in ("city", "region", "postal_code", "country")}
            return self.insert(
                "client",
                {
                    "name": record.name,
                    "currency": plain(record.currency),
                    "email": plain(record.email),
                    "address": "\n".join(address.lines),
                    "active": record.active,
                    **parts,
                },
            )
        if isinstance(record, Item):
            return self.insert("item", {"name": record.name, "active": record.active})
        if isinstance(record, Payment):
            return self._add_payment(record)
        names = ("number", "issue_date", "due_date", "currency", "discount", "tax", "tax_code", "total", "notes")
        values = {name: plain(getattr(record, name)) for name in names}
        values |= {"client_id": int(record.client), "state": record.state.value, "qbo_id": record.external_id or None}
        record_id = self.insert("invoice", values)
        for place, part in enumerate(record.lines):
            self.add_line(record_id, part, place + 1)
        return record_id

    def add_line(self, invoice_id: str, part: Line, place: int) -> str:
        names = ("description", "quantity", "rate", "amount", "taxable")
        values = {name: plain(getattr(part, name)) for name in names}
        values |= {"invoice_id": int(invoice_id), "position": place, "item_id": int(part.item) if part.item else None}
        return self.insert("invoice_line", values)

    def _add_payment(self, record: Payment) -> str:
        values = {name: plain(getattr(record, name)) for name in ("date", "amount", "currency", "reference", "notes")}
        values |= {"client_id": int(record.client), "qbo_id": record.external_id or None}
        record_id = self.insert("payment", values)
        for part in record.allocations:
            values = {"payment_id": int(record_id), "invoice_id": int(part.invoice), "amount": plain(part.amount)}
            self.insert("payment_allocation", values)
        return record_id

    def rename(self, kind: Kind, record_id: str, text: str) -> None:
        field = "name" if kind in {Kind.CLIENT, Kind.ITEM} else "notes"
        self.sql(f"UPDATE {kind} SET {field} = :text WHERE id = :id", text=text, id=int(record_id))

    def remove(self, kind: Kind, record_id: str) -> None:
        self.sql(f"DELETE FROM {kind} WHERE id = :id", id=int(record_id))

    def spoil(self, kind: Kind, record_id: str) -> None:
        if kind in {Kind.CLIENT, Kind.ITEM}:
            self.sql(f"UPDATE {kind} SET name = '' WHERE id = :id", id=int(record_id))
        else:
            self.sql(f"UPDATE {kind} SET currency = 'ZZZ' WHERE id = :id", id=int(record_id))

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


def plain(value: Any) -> Any:
    """A value as any program would bind it: exact numbers and dates as text where the database has no type for them."""
    if value is UNSET:
        return None
    return format(value, "f") if isinstance(value, Decimal) else value.isoformat() if isinstance(value, date) else value


__all__ = ["MemoryWorld", "SourceUnavailable", "SqlWorld", "World", "client", "invoice", "line", "payment", "plain"]
