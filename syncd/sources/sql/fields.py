"""From the columns of one row to the fields of a record: compiled once per mapping, so that a row costs a few calls.

Performance rule: no SQLAlchemy types, no dictionaries per column name; raw tuples, places and converters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from syncd.model.kinds import Kind
from syncd.model.observations import Problem
from syncd.model.records.lists import Address
from syncd.sources import rows
from syncd.sources.expressions import AddressColumns, Expression
from syncd.sources.rows import BadValueError
from syncd.sources.sql.tables import Found, Scope

Row = Sequence[Any]
Part = tuple[str, Callable[[Row], Any], Callable[[Any], Any]]
"""A field: its name, how its raw value is taken from a row, how that is read."""


@dataclass(frozen=True)
class Reference:
    """A column that names another record, and the place of that record's own key (NULL: there is none)."""

    what: str
    named: int
    there: int


@dataclass
class Fields:
    """The compiled fields of one table."""

    scope: Scope
    zone: Any
    dialect: str
    parts: list[Part] = field(default_factory=list)
    columns: list[tuple[str, int, Callable[[Any], Any]]] = field(default_factory=list)
    derived: list[Part] = field(default_factory=list)
    """The parts again, told apart for speed: those that are one column, by its place, and the others."""
    fixed: dict[str, Any] = field(default_factory=dict)
    references: list[Reference] = field(default_factory=list)
    targets: dict[str, str] = field(default_factory=dict)

    def add(self, called: str, where: Expression | AddressColumns | None, read: Callable[[Any], Any]) -> None:
        """Compile the field that the mapping calls so; faults are noted in the catalogue."""
        if where is None:
            return
        if isinstance(where, AddressColumns):
            self._address(called, where)
            return
        expression, name, key = where, MEMBERS.get(called, called), f"{self.scope.key}.fields.{called}"
        if expression.constant is not None:
            try:
                self.fixed[name] = read(expression.constant)
            except BadValueError as bad:
                self.scope.catalogue.problems.append(f"{key}: {bad.text}")
            return
        if expression.values is not None:
            read = rows.translated(expression.values, read)
        elif expression.product is not None:
            read = rows.product
        get = self._getter(key, expression, as_day=name in _DAYS)
        if get is None:
            return
        if name in _DAYS and expression.column is not None:
            read = self._day_reader(expression.column, read)
        self._append(name, get, read, expression)
        target = self.scope.target(expression)
        if target is not None:
            self.targets[name] = target

    def _append(
        self, name: str, get: Callable[[Row], Any], read: Callable[[Any], Any], expression: Expression | None
    ) -> None:
        self.parts.append((name, get, read))
        if expression is not None and expression.column is not None:
            self.columns.append((name, get(range(len(self.scope.columns))), read))
        else:
            self.derived.append((name, get, read))

    def _getter(self, key: str, expression: Expression, *, as_day: bool) -> Callable[[Row], Any] | None:
        # PostgreSQL knows dates that Python does not (infinity, before our era); as text they stay one row's fault.
        as_text = as_day and self.dialect == "postgresql"
        places = [self.scope.place_of(key, name, as_text=as_text) for name in expression.references]
        if any(place is None for place in places):
            return None
        known = [place for place in places if place is not None]
        if expression.template is not None:
            return _template(expression.template, known)
        return itemgetter(*known)

    def _day_reader(self, column: str, read: Callable[[Any], Any]) -> Callable[[Any], Any]:
        kind = self.scope.type_of(column)
        if self.dialect == "mysql" and isinstance(kind, sa.TIMESTAMP):
            in_zone = rows.day_in_zone(self.zone)
            return lambda raw: read(raw) if raw is None else in_zone(raw)
        return read

    def refer(self, name: str, what: str, target: Found | None, key: str) -> None:
        """Check the field ``name`` against the table it refers to, when both are plain columns."""
        column = self.targets.get(name)
        if column is None or target is None:
            return
        other = target.alias(f"r_{name}")
        own = self.scope.found.table.c[column]
        self.scope.source = self.scope.source.outerjoin(other.table, own == other.table.c[key])
        self.references.append(
            Reference(what, self.scope.place(own, column), self.scope.place(other.table.c[key], f"r_{name}|{key}"))
        )

    def _address(self, name: str, columns: AddressColumns) -> None:
        key = f"{self.scope.key}.fields.{name}"
        lines = [self.scope.place_of(f"{key}.lines", column) for column in columns.lines]
        names = ("city", "region", "postal_code", "country")
        parts = [
            None if (column := getattr(columns, part)) is None else self.scope.place_of(f"{key}.{part}", column)
            for part in names
        ]
        known = [place for place in lines if place is not None]

        def read(row: Row) -> Address:
            texts = [rows.text(row[place]) for place in known]
            values = ["" if place is None else rows.text(row[place]) for place in parts]
            return Address(rows.address("\n".join(texts)).lines, *values)

        self._append(name, lambda row: row, read, None)

    def values(self, row: Row) -> dict[str, Any]:
        """The fields of one row; raises ``BadValueError`` at the first that cannot be used."""
        values = {name: read(row[place]) for name, place, read in self.columns}
        for name, get, read in self.derived:
            values[name] = read(get(row))
        return values

    def faults(self, row: Row) -> list[Problem]:
        """All that is wrong with the fields of one row."""
        found = []
        for name, get, read in self.parts:
            try:
                read(get(row))
            except BadValueError as bad:
                found.append(bad.problem(name))
        return found

    def dangling(self, row: Row) -> list[Problem]:
        """References of one row to rows that are not there."""
        return [
            rows.dangling(ref.what, row[ref.named])
            for ref in self.references
            if row[ref.there] is None and row[ref.named] is not None
        ]


_DAYS = frozenset({"issue_date", "due_date", "date"})


def _template(template: str, places: list[int]) -> Callable[[Row], str]:
    words = re.split(r"\{[^{}]+\}", template)

    def get(row: Row) -> str:
        values = [rows.text(row[place]) for place in places]
        joined = words[0] + "".join(value + word for value, word in zip(values, words[1:], strict=True))
        # What an empty column leaves behind is no part of the name; blanks inside the others are.
        return joined if all(values) else " ".join(joined.split())

    return get


READS: Mapping[str, Callable[[Any], Any]] = {
    "name": rows.name,
    "address": rows.address,
    "bill_to": rows.address,
    "email": rows.text,
    "contact": rows.text,
    "active": rows.truth,
    "client": rows.client_reference,
    "issue_date": rows.day,
    "due_date": rows.optional_day,
    "date": rows.day,
    "state": rows.state,
    "number": rows.text,
    "discount": rows.amount_or_zero,
    "tax": rows.amount_or_zero,
    "tax_code": rows.text,
    "total": rows.amount,
    "balance": rows.optional_amount,
    "notes": rows.text,
    "reference": rows.text,
    "amount": rows.amount,
    "save_to_qbo": rows.optional_truth,
    "remove_from_qbo": rows.optional_truth,
    "transaction_number": rows.text,
    "emails": rows.text,
    "cc_emails": rows.text,
    "tax_rate": rows.optional_amount,
    "tax_inclusive": rows.truth,
    "exchange_rate": rows.optional_amount,
    "method": rows.optional_reference,
    "method_name": rows.text,
    "credit_note": rows.credit_note_reference,
    "vendor": rows.vendor_reference,
    "approved": rows.truth,
    "reimbursable": rows.truth,
    "reimbursed": rows.truth,
    "paid": rows.optional_truth,
    "by_mark": rows.optional_truth,
    "report": rows.text,
    "category": rows.optional_reference,
    "category_name": rows.text,
    "project": rows.optional_reference,
    "project_name": rows.text,
    "client_name": rows.text,
    "merchant": rows.text,
    "item": rows.optional_reference,
    "item_name": rows.text,
    "description": rows.text,
    "quantity": rows.optional_amount,
    "rate": rows.optional_amount,
    "taxable": rows.optional_truth,
    "invoice": rows.invoice_reference,
    "currency": rows.currency,
    "owner_kind": rows.owner_kind,
    "owner": rows.owner_reference,
    "file_name": rows.name,
    "path": rows.text,
}
"""How each field is read."""

_LENIENT: Mapping[tuple[Kind, str], Callable[[Any], Any]] = {
    (Kind.CLIENT, "currency"): rows.optional_currency,
    (Kind.VENDOR, "currency"): rows.optional_currency,
    (Kind.EXPENSE, "currency"): rows.optional_currency,
    (Kind.PROJECT, "client"): rows.optional_reference,
    (Kind.PROJECT, "currency"): rows.optional_currency,
    (Kind.PURCHASE_ORDER, "currency"): rows.optional_currency,
}
"""Fields that may be empty on records of these kinds: an expense then has the company's own currency (R-108)."""

POSTAL = frozenset({"address", "bill_to"})
"""Fields that are postal addresses."""

MEMBERS: Mapping[str, str] = {"save_to_qbo": "save", "remove_from_qbo": "remove"}
"""What a record calls a field that a mapping calls otherwise."""


def reader_of(kind: Kind, called: str) -> Callable[[Any], Any]:
    """How the field that the mapping calls so is read on records of a kind."""
    return _LENIENT.get((kind, called)) or READS[called]
