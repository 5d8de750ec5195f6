"""From rows to records. Compiled once per mapping; the work per row is a few calls and one struct.

Performance rule: no SQLAlchemy types, no dictionaries per column name; raw tuples, places and converters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import msgspec
import sqlalchemy as sa
from msgspec import UNSET

from syncd.errors import SourceMisconfigured
from syncd.model.observations import Flawed, Present, Problem
from syncd.model.records import Address, Allocation, Client, Invoice, Item, Kind, Line, Payment, Record, State
from syncd.model.values import fingerprint
from syncd.sources import rows
from syncd.sources.rows import BadValueError
from syncd.sources.settings import AddressColumns, Expression
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

    def add(self, name: str, expression: Expression | None, read: Callable[[Any], Any]) -> None:
        """Compile one field; faults are noted in the catalogue."""
        if expression is None:
            return
        key = f"{self.scope.key}.fields.{name}"
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

    def address(self, columns: AddressColumns | None) -> None:
        """Compile the postal address of a client."""
        if columns is None:
            return
        key = f"{self.scope.key}.fields.address"
        lines = [self.scope.place_of(f"{key}.lines", name) for name in columns.lines]
        names = ("city", "region", "postal_code", "country")
        parts = [
            None if (column := getattr(columns, name)) is None else self.scope.place_of(f"{key}.{name}", column)
            for name in names
        ]
        known = [place for place in lines if place is not None]

        def read(row: Row) -> Address:
            texts = [rows.text(row[place]) for place in known]
            values = ["" if place is None else rows.text(row[place]) for place in parts]
            return Address(tuple(line for text in texts for line in text.splitlines() if line.strip()), *values)

        self._append("address", lambda row: row, read, None)

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


@dataclass
class ChildReader:
    """Reads the lines of invoices, or the allocations of payments, many parents at a time."""

    what: str
    fields: Fields
    make: type[Line] | type[Allocation]
    parent_column: sa.ColumnElement[Any]
    parent_place: int
    id_place: int | None
    select: sa.Select[Any]
    order: tuple[sa.ColumnElement[Any], ...]
    changed: sa.ColumnElement[Any] | None

    def group(self, found: Iterable[Row]) -> dict[str, Children]:
        """Build the children of each parent from rows in order."""
        groups: dict[str, Children] = {}
        fixed = self.fields.fixed
        columns, derived = self.fields.columns, self.fields.derived
        references = self.fields.references
        make, parent, own = self.make, self.parent_place, self.id_place
        previous = None
        last, children = None, Children()
        for row in found:
            mother = row[parent]
            if mother != last:
                # By canonical id: the two columns may be of different types.
                last, children = mother, groups.setdefault(rows.key(mother), Children())
            try:
                values = {name: read(row[place]) for name, place, read in columns}
                for name, get, read in derived:
                    values[name] = read(get(row))
            except BadValueError:
                children.problems.extend(self._placed(self.fields.faults(row), len(children)))
                children.add_bad(row)
                continue
            if own is not None:
                if row[own] == previous:
                    raise SourceMisconfigured(
                        f"A row of {self.fields.scope.found.name} was read twice.",
                        remedy="A join must find one row at most: join on the other table's key.",
                    )
                previous = row[own]
                values["id"] = str(previous)
            children.built.append(make(**values, **fixed))
            for ref in references:
                if row[ref.there] is None and row[ref.named] is not None:
                    children.problems.extend(self._placed(self.fields.dangling(row), len(children) - 1))
                    break
        return groups

    def _placed(self, problems: list[Problem], before: int) -> list[Problem]:
        word = "Line" if self.make is Line else "Part"
        return [
            msgspec.structs.replace(p, text=f"{word} {before + 1}: {p.text}", field=f"{self.what}.{p.field}")
            for p in problems
        ]


class Children:
    """What was built for one parent, and what was wrong with it."""

    __slots__ = ("bad", "built", "problems")

    def __init__(self) -> None:
        self.built: list[Any] = []
        self.bad: list[Row] = []
        self.problems: list[Problem] = []

    def __len__(self) -> int:
        return len(self.built) + len(self.bad)

    def add_bad(self, row: Row) -> None:
        """Keep a row that nothing could be built of: it counts, and it is part of the version."""
        self.bad.append(row)


_NONE = Children()


@dataclass
class KindReader:
    """Reads one kind: its statement, and how a row becomes ``Present`` or ``Flawed``."""

    kind: Kind
    fields: Fields
    found: Found
    id_name: str
    id_type: sa.types.TypeEngine[Any]
    select: sa.Select[Any]
    version_place: int | None
    qbo_place: int | None
    children: ChildReader | None
    changed: sa.ColumnElement[Any] | None
    changed_type: sa.types.TypeEngine[Any]
    changed_unit: str
    tombstones: sa.Select[Any] | None
    removed_at: sa.ColumnElement[Any] | None
    removed_type: sa.types.TypeEngine[Any]
    number_column: sa.ColumnElement[Any] | None
    where: sa.ColumnElement[bool] | None

    @property
    def id_column(self) -> sa.ColumnElement[Any]:
        """The key of the table."""
        return self.found.table.c[self.id_name]

    @property
    def id_is_integer(self) -> bool:
        """Whether keys are integers: then their sum and maximum tell of changes cheaply."""
        return isinstance(self.id_type, sa.Integer)

    def native(self, record_id: str) -> Any:
        """A canonical id as a value of the key column; None when no row can have it."""
        if not self.id_is_integer:
            return record_id
        try:
            value = int(record_id)
        except ValueError:
            return None
        return value if str(value) == record_id and abs(value) < 2**63 else None

    def matching(self, ids: Sequence[str]) -> sa.ColumnElement[bool]:
        """The condition that picks these ids."""
        if self.id_is_integer:
            return self.id_column.in_([value for value in map(self.native, ids) if value is not None])
        if isinstance(self.id_type, sa.String):
            return self.id_column.in_(list(ids))
        return sa.cast(self.id_column, sa.Text()).in_(list(ids))

    def build(self, row: Row, groups: Mapping[str, Children]) -> Present | Flawed:
        """One record, or why there is none."""
        record_id = rows.key(row[0])
        children = groups.get(record_id, _NONE)
        problems = list(children.problems)
        record: Record | None = None
        try:
            values = self.fields.values(row)
        except BadValueError:
            problems = [*self.fields.faults(row), *problems]
        else:
            values["id"] = record_id
            if not problems:
                record = self._record(values, row, children)
        for ref in self.fields.references:
            if row[ref.there] is None and row[ref.named] is not None:
                problems = [*self.fields.dangling(row), *problems]
                break
        if record is not None and not problems:
            problems = self._whole(record)
        place = self.version_place
        if problems or record is None:
            version = fingerprint(repr((tuple(row), children.built, children.bad)))
            return Flawed(record_id, version if place is None else str(row[place]), tuple(problems))
        return Present(record, fingerprint(record) if place is None else str(row[place]))

    def _record(self, values: dict[str, Any], row: Row, children: Children) -> Record:
        values.update(self.fields.fixed)
        if self.kind is Kind.CLIENT:
            return Client(**values)
        if self.kind is Kind.ITEM:
            return Item(**values)
        external = row[self.qbo_place] if self.qbo_place is not None else None
        if external is not None:
            values["external_id"] = rows.key(external)
        wanted = values.pop("save_to_qbo", True)
        if self.kind is Kind.PAYMENT:
            payment = Payment(allocations=tuple(children.built), **values)
            return payment if wanted or external else msgspec.structs.replace(payment, state=State.DRAFT)
        if not wanted and not external and values["state"] is not State.VOID:
            # Kept out of QuickBooks by the box in the source: it does not flow, exactly as a draft does not.
            values["state"] = State.DRAFT
        lines = tuple(children.built)
        if "total" not in values:
            values["total"] = (
                sum((line.amount for line in lines), start=rows.amount(0))
                - (values.get("discount") or 0)
                + (values.get("tax") or 0)
            )
        return Invoice(lines=lines, **values)

    def _whole(self, record: Record) -> list[Problem]:
        if isinstance(record, Invoice):
            return rows.invoice_problems(record)
        return rows.payment_problems(record) if isinstance(record, Payment) else []


READS: Mapping[str, Callable[[Any], Any]] = {
    "name": rows.name,
    "email": rows.text,
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
    "save_to_qbo": rows.truth,
    "item": rows.optional_reference,
    "item_name": rows.text,
    "description": rows.text,
    "quantity": rows.optional_amount,
    "rate": rows.optional_amount,
    "taxable": rows.optional_truth,
    "invoice": rows.invoice_reference,
    "currency": rows.currency,
}
"""How each field is read. A client's currency alone may be empty."""

__all__ = ["READS", "UNSET", "ChildReader", "Children", "Fields", "KindReader", "Reference", "Row"]
