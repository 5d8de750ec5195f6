"""From a mapping to tables that are really there: every fault is collected, so that one run names them all."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from syncd.sources.expressions import Expression, Join

Column = sa.ColumnElement[Any]


class Raw(sa.types.UserDefinedType[Any]):
    """A value as the driver gives and takes it: the database knows its column's type, and SQLAlchemy adds nothing."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """Never part of a table's definition."""
        raise NotImplementedError


RAW = Raw()


def raw(value: Any) -> sa.BindParameter[Any]:
    """A value that the driver passes on as it is."""
    return sa.bindparam(None, value, type_=RAW, unique=True)


def placeholder(name: str) -> sa.BindParameter[Any]:
    """A value that is given by name on execution, and that the driver passes on as it is."""
    return sa.bindparam(name, type_=RAW)


@dataclass(frozen=True)
class Found:
    """A table of the database with what the mapping needs to know of its columns."""

    name: str
    table: sa.FromClause
    types: Mapping[str, sa.types.TypeEngine[Any]]
    nullable: frozenset[str]
    unique: frozenset[str]

    def alias(self, name: str) -> Found:
        """The same table under another name, for joins."""
        return Found(self.name, self.table.alias(name), self.types, self.nullable, self.unique)


@dataclass
class Catalogue:
    """Looks tables and columns up, once each, and notes what is missing under the configuration's own key."""

    connection: sa.Connection
    problems: list[str] = field(default_factory=list)
    _tables: dict[str, Found | None] = field(default_factory=dict)
    _names: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._inspector = sa.inspect(self.connection)

    def table(self, key: str, name: str) -> Found | None:
        """The table or view ``name`` (``schema.name`` for another schema); noted as missing under ``key``."""
        if name not in self._tables:
            self._tables[name] = self._look_up(name)
        found = self._tables[name]
        if found is None:
            if not self._names:
                self._names = sorted([*self._inspector.get_table_names(), *self._inspector.get_view_names()])
            self.problems.append(
                f"{key}: found {name!r}, expected a table or view of the database{_near(name, self._names)}"
            )
        return found

    def _look_up(self, name: str) -> Found | None:
        schema, dot, rest = name.rpartition(".")
        for in_schema, called in ((None, name), *(((schema, rest),) if dot else ())):
            try:
                columns = self._inspector.get_columns(called, schema=in_schema)
            except sa.exc.NoSuchTableError:
                continue
            if not columns:
                continue
            keys = self._inspector.get_pk_constraint(called, schema=in_schema).get("constrained_columns") or []
            unique = set(keys) if len(keys) == 1 else set()
            for rule in self._inspector.get_unique_constraints(called, schema=in_schema):
                unique.update(c for c in rule["column_names"] if c and len(rule["column_names"]) == 1)
            for index in self._inspector.get_indexes(called, schema=in_schema):
                if index.get("unique") and len(index["column_names"]) == 1:
                    unique.update(c for c in index["column_names"] if c)
            return Found(
                name=name,
                table=sa.table(called, *(sa.column(c["name"], c["type"]) for c in columns), schema=in_schema),
                types={c["name"]: c["type"] for c in columns},
                nullable=frozenset(c["name"] for c in columns if c.get("nullable", True) and c["name"] not in keys),
                unique=frozenset(unique),
            )
        return None

    def column(self, key: str, found: Found, name: str) -> Column | None:
        """A column of ``found``; noted as missing under ``key``."""
        if name in found.types:
            return found.table.c[name]
        self.problems.append(f"{key}: found {name!r}, expected a column of {found.name}{_near(name, found.types)}")
        return None


def _near(name: str, names: Iterable[str]) -> str:
    have = list(names)
    lower = {n.casefold(): n for n in have}
    close = [lower[n] for n in difflib.get_close_matches(name.casefold(), lower, n=1)]
    if close:
        return f" (did you mean {close[0]!r}?)"
    shown = ", ".join(have[:12]) + (", ..." if len(have) > 12 else "")
    return f" (there are: {shown or 'none'})"


@dataclass
class Scope:
    """One mapped table with its joins: resolves ``Column`` and ``join.Column`` and gives each a place in the row."""

    catalogue: Catalogue
    key: str
    found: Found
    source: sa.FromClause
    joins: dict[str, Found] = field(default_factory=dict)
    columns: list[Column] = field(default_factory=list)
    originals: list[Column] = field(default_factory=list)
    """The columns as they are, for conditions; ``columns`` has them as they are selected."""
    _places: dict[str, int] = field(default_factory=dict)
    loose_joins: list[str] = field(default_factory=list)
    """Joins whose columns are not known to be unique: they could repeat rows."""

    @classmethod
    def open(cls, catalogue: Catalogue, key: str, table: str, joins: Mapping[str, Join]) -> Scope | None:
        """Look the table and its joins up; None when the table itself is missing."""
        found = catalogue.table(f"{key}.table", table)
        if found is None:
            for name, join in joins.items():
                catalogue.table(f"{key}.join.{name}.table", join.table)
            return None
        scope = cls(catalogue, key, found, found.table)
        for name, join in joins.items():
            scope._join(name, join)
        return scope

    def _join(self, name: str, join: Join) -> None:
        key = f"{self.key}.join.{name}"
        found = self.catalogue.table(f"{key}.table", join.table)
        if found is None:
            return
        if name == self.found.name:
            self.catalogue.problems.append(f"{key}: found {name!r}, expected a name that is not that of the table")
            return
        other = found.alias(name)  # so that where can speak of it, too
        pairs = []
        for theirs, ours in join.on.items():
            left = self.catalogue.column(f"{key}.on", other, theirs)
            right = self.element(f"{key}.on", ours)
            if left is not None and right is not None:
                pairs.append(left == right)
        self.joins[name] = other
        if pairs:
            self.source = self.source.outerjoin(other.table, sa.and_(*pairs))
        if not set(join.on) & other.unique:
            self.loose_joins.append(name)

    def element(self, key: str, reference: str) -> Column | None:
        """The column that ``reference`` names; noted under ``key`` when it is not there."""
        if reference in self.found.types:
            return self.found.table.c[reference]
        prefix, dot, column = reference.partition(".")
        if dot and prefix in self.joins:
            return self.catalogue.column(key, self.joins[prefix], column)
        if dot:
            known = ", ".join(sorted(self.joins)) or "none"
            self.catalogue.problems.append(f"{key}: found {reference!r}, expected one of the joins ({known})")
            return None
        return self.catalogue.column(key, self.found, reference)

    def type_of(self, reference: str) -> sa.types.TypeEngine[Any]:
        """The type of the column that ``reference`` names (which exists)."""
        if reference in self.found.types:
            return self.found.types[reference]
        prefix, _, column = reference.partition(".")
        return self.joins[prefix].types[column]

    def place(self, element: Column, name: str, *, as_text: bool = False) -> int:
        """Where in the row the raw value of ``element`` will stand; asked twice, answered the same."""
        mark = f"{name}|{as_text}"
        if mark not in self._places:
            # The raw value as the driver gives it: SQLAlchemy's own conversion would turn money on SQLite into a
            # float and back, and a date that is none into an exception.
            raw: Column = sa.cast(element, sa.Text()) if as_text else element
            self._places[mark] = len(self.columns)
            self.originals.append(element)
            self.columns.append(sa.type_coerce(raw, sa.types.NullType()).label(f"c{len(self.columns)}"))
        return self._places[mark]

    def place_of(self, key: str, reference: str, *, as_text: bool = False) -> int | None:
        """The place of the column that ``reference`` names."""
        element = self.element(key, reference)
        return None if element is None else self.place(element, reference, as_text=as_text)

    def target(self, expression: Expression | None) -> str | None:
        """The column of this table that the expression is, where it is one and can therefore be written."""
        if expression is None or expression.column is None or expression.column not in self.found.types:
            return None
        return expression.column
