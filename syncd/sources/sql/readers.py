"""From rows to records, with the parts that have rows of their own, many records at a time.

Performance rule: no SQLAlchemy types, no dictionaries per column name; raw tuples, places and converters.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from syncd.errors import SourceMisconfigured
from syncd.model.kinds import Kind
from syncd.model.observations import Flawed, Present, Problem
from syncd.model.records import Record
from syncd.model.values import fingerprint
from syncd.sources import rows
from syncd.sources.rows import BadValueError
from syncd.sources.shapes import Part, Shape
from syncd.sources.sql.fields import Fields, Row
from syncd.sources.sql.tables import Found


@dataclass
class ChildReader:
    """Reads the lines of documents, the allocations or the credits of payments, many parents at a time."""

    part: Part
    fields: Fields
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
        make, parent, own = self.part.make, self.parent_place, self.id_place
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
        word = "Part" if self.part.keyed else "Line"
        return [
            msgspec.structs.replace(p, text=f"{word} {before + 1}: {p.text}", field=f"{self.part.member}.{p.field}")
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
Groups = Sequence[Mapping[str, Children]]
"""For each child table the children by their parent's id."""


@dataclass(frozen=True)
class Graves:
    """Where deletions are recorded: which row, when, and (where it is said) whether QBO's record is to go, too."""

    table: sa.FromClause
    record: sa.ColumnElement[Any]
    removed: sa.ColumnElement[Any]
    remove: sa.ColumnElement[Any] | None
    where: sa.ColumnElement[bool] | None

    def select(self, *columns: sa.ColumnElement[Any]) -> sa.Select[Any]:
        """Raw values of these columns, of all deletions."""
        raw: list[sa.ColumnElement[Any]] = [sa.type_coerce(column, sa.types.NullType()) for column in columns]
        found: sa.Select[Any] = sa.select(*raw).select_from(self.table)
        return found if self.where is None else found.where(self.where)


@dataclass
class KindReader:
    """Reads one kind: its statement, and how a row becomes ``Present`` or ``Flawed``."""

    kind: Kind
    shape: Shape
    fields: Fields
    found: Found
    id_name: str
    id_type: sa.types.TypeEngine[Any]
    select: sa.Select[Any]
    version_place: int | None
    qbo_place: int | None
    children: tuple[ChildReader, ...]
    changed: sa.ColumnElement[Any] | None
    changed_type: sa.types.TypeEngine[Any]
    changed_unit: str
    graves: Graves | None
    number_column: sa.ColumnElement[Any] | None
    where: sa.ColumnElement[bool] | None
    joined: bool
    """Whether ``where`` speaks of the joins as well."""

    @property
    def id_column(self) -> sa.ColumnElement[Any]:
        """The key of the table."""
        return self.found.table.c[self.id_name]

    @property
    def id_is_integer(self) -> bool:
        """Whether keys are integers: then their sum and maximum tell of changes cheaply."""
        return isinstance(self.id_type, sa.Integer)

    @property
    def rows(self) -> sa.FromClause:
        """What to count and list keys in: the table, with its joins where the condition needs them."""
        return self.fields.scope.source if self.joined else self.found.table

    @property
    def count(self) -> sa.ColumnElement[int]:
        """The number of rows, each counted once even if a careless join repeats it."""
        return sa.func.count(sa.distinct(self.id_column)) if self.joined else sa.func.count()

    def native(self, record_id: str) -> Any:
        """A canonical id as a value of the key column; None when no row can have it."""
        return native(self.id_type, record_id)

    def matching(self, ids: Sequence[str]) -> sa.ColumnElement[bool]:
        """The condition that picks these ids."""
        return matching(self.id_column, self.id_type, ids)

    def build(self, row: Row, groups: Groups) -> Present | Flawed:
        """One record, or why there is none."""
        record_id = rows.key(row[0])
        parts = [group.get(record_id, _NONE) for group in groups]
        problems = [problem for children in parts for problem in children.problems]
        record: Record | None = None
        try:
            values = self.fields.values(row)
        except BadValueError:
            problems = [*self.fields.faults(row), *problems]
        else:
            values["id"] = record_id
            if not problems:
                record = self._record(values, row, parts)
        for ref in self.fields.references:
            if row[ref.there] is None and row[ref.named] is not None:
                problems = [*self.fields.dangling(row), *problems]
                break
        if record is not None and not problems and self.shape.problems is not None:
            problems = self.shape.problems(record)
        place = self.version_place
        if problems or record is None:
            version = fingerprint(repr((tuple(row), [(children.built, children.bad) for children in parts])))
            return Flawed(record_id, version if place is None else str(row[place]), tuple(problems))
        return Present(record, fingerprint(record) if place is None else str(row[place]))

    def _record(self, values: dict[str, Any], row: Row, parts: Sequence[Children]) -> Record:
        values.update(self.fields.fixed)
        if self.qbo_place is not None and (external := row[self.qbo_place]) is not None:
            values["external_id"] = rows.key(external)
        for child, children in zip(self.children, parts, strict=True):
            values[child.part.member] = tuple(children.built)
        if "lines" in values and "total" not in values:
            values["total"] = (
                sum((line.amount for line in values["lines"]), start=rows.amount(0))
                - (values.get("discount") or 0)
                + ((not values.get("tax_inclusive") and values.get("tax")) or 0)
            )
        made: Record = self.shape.make(**values)
        return made


def native(column: sa.types.TypeEngine[Any], record_id: str) -> Any:
    """A canonical id as a value of a column of this type; None when no row can have it."""
    if not isinstance(column, sa.Integer):
        return record_id
    try:
        value = int(record_id)
    except ValueError:
        return None
    return value if str(value) == record_id and abs(value) < 2**63 else None


def matching(
    column: sa.ColumnElement[Any], of_type: sa.types.TypeEngine[Any], ids: Sequence[str]
) -> sa.ColumnElement[bool]:
    """The condition that picks the rows in which a column holds one of these canonical ids."""
    if isinstance(of_type, sa.Integer):
        return column.in_([value for value in (native(of_type, one) for one in ids) if value is not None])
    if isinstance(of_type, sa.String):
        return column.in_(list(ids))
    return sa.cast(column, sa.Text()).in_(list(ids))


__all__ = ["ChildReader", "Children", "Fields", "Graves", "Groups", "KindReader", "Row", "matching"]
