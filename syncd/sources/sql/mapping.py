"""Puts a mapping and the tables of a database together, or says in one list why they do not fit."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from syncd.errors import SourceMisconfigured
from syncd.model.kinds import Kind
from syncd.sources.expressions import ChildTable
from syncd.sources.kinds import KindTable, SqlMapping
from syncd.sources.shapes import SHAPES, Part
from syncd.sources.sql.capability import child_tables, fields_of
from syncd.sources.sql.engine import Database
from syncd.sources.sql.fields import READS, Fields, reader_of
from syncd.sources.sql.readers import ChildReader, Graves, KindReader
from syncd.sources.sql.tables import Catalogue, Found, Scope, raw

_LOG_COLUMNS = ("journal_id", "kind", "record_id", "applied_at")


@dataclass
class Compiled:
    """A mapping that fits its database."""

    readers: Mapping[Kind, KindReader]
    configs: Mapping[Kind, KindTable]
    write_log: Found | None
    warnings: list[tuple[str, str, str]] = field(default_factory=list)
    """Key, what is doubtful, what to do: things that work but deserve a look."""


def compile_mapping(
    database: Database, connection: sa.Connection, mapping: SqlMapping, units: tuple[str, ...] = ()
) -> Compiled:
    """The mapping on these tables, restricted to the documents of these business units; none: all of them.

    Raises ``SourceMisconfigured`` with every fault found.
    """
    compiled, problems = try_mapping(database, connection, mapping, units)
    if compiled is None:
        raise SourceMisconfigured(
            "The mapping does not fit the database:\n  - " + "\n  - ".join(problems) + "\n",
            remedy="Correct these keys; 'syncd check' shows them again.",
        )
    return compiled


def try_mapping(
    database: Database, connection: sa.Connection, mapping: SqlMapping, units: tuple[str, ...] = ()
) -> tuple[Compiled | None, list[str]]:
    """The compiled mapping, or None and every fault found."""
    with warnings.catch_warnings():
        # A column of a type that SQLAlchemy does not know is read raw all the same.
        warnings.simplefilter("ignore", sa.exc.SAWarning)
        catalogue = Catalogue(connection)
        builder = _Builder(database, catalogue, mapping, units)
        readers = {kind: builder.kind(kind, table) for kind, table in mapping.tables.items()}
        log = builder.write_log()
    problems = list(dict.fromkeys([*catalogue.problems, *builder.refused_conditions(connection)]))
    if problems:
        return None, problems
    whole = {kind: reader for kind, reader in readers.items() if reader is not None}
    return Compiled(whole, mapping.tables, log, builder.doubts), []


class _Builder:
    def __init__(
        self, database: Database, catalogue: Catalogue, mapping: SqlMapping, units: tuple[str, ...] = ()
    ) -> None:
        self.database = database
        self.catalogue = catalogue
        self.mapping = mapping
        self.units = units
        self.doubts: list[tuple[str, str, str]] = []
        self._conditions: list[tuple[str, sa.FromClause, sa.ColumnElement[bool]]] = []

    def _condition(self, key: str, source: sa.FromClause, text: str | None) -> sa.ColumnElement[bool] | None:
        """A condition in the operator's own words, noted so that the database can be asked whether it is right."""
        if text is None:
            return None
        condition = sa.literal_column(f"({text})", sa.Boolean())
        self._conditions.append((f"{key}.where", source, condition))
        return condition

    def refused_conditions(self, connection: sa.Connection) -> list[str]:
        """Conditions that the database does not understand, each with its key and the database's words."""
        problems = []
        for key, source, condition in self._conditions:
            try:
                with connection.begin_nested():
                    tried: sa.Select[Any] = (
                        sa.select(sa.literal_column("1")).select_from(source).where(condition).limit(0)
                    )
                    connection.execute(tried).close()
            except sa.exc.DBAPIError as error:
                if self.database.lost(error):
                    raise
                problems.append(
                    f"{key}: expected a condition in SQL; the database says: {self.database.explain(error)}"
                )
        return problems

    def _fields(self, scope: Scope) -> Fields:
        return Fields(scope, self.database.zone, self.database.dialect)

    def write_log(self) -> Found | None:
        if self.mapping.write_log is None:
            return None
        found = self.catalogue.table("mapping.write_log", self.mapping.write_log)
        if found is not None:
            for name in _LOG_COLUMNS:
                self.catalogue.column("mapping.write_log", found, name)
        return found

    def kind(self, kind: Kind, config: KindTable) -> KindReader | None:
        key = f"mapping.{kind}"
        shape = SHAPES[kind]
        scope = Scope.open(self.catalogue, key, config.table, config.join)
        children = [self._children(f"{key}.{part.member}", part, child) for part, child in child_tables(kind, config)]
        graves = self._graves(key, config)
        if scope is None:
            return None
        column = self.catalogue.column(f"{key}.id", scope.found, config.id)
        if column is not None:
            scope.place(column, config.id)
        fields = self._fields(scope)
        for name in type(config.fields).model_fields:
            fields.add(name, getattr(config.fields, name), reader_of(kind, name))
        for name, other in shape.refers:
            self._refer(fields, name, other)
        version = None if config.version is None else scope.place_of(f"{key}.version", config.version)
        qbo = None if config.qbo_id is None else scope.place_of(f"{key}.qbo_id", config.qbo_id)
        changed = self._own(f"{key}.changed", scope.found, config.changed)
        self._doubt(kind, config, scope)
        where = self._where(key, config, scope)
        select = sa.select(*scope.columns).select_from(scope.source)
        number = fields.targets.get("number")
        if column is None:
            return None
        return KindReader(
            kind=kind,
            shape=shape,
            fields=fields,
            found=scope.found,
            id_name=config.id,
            id_type=scope.found.types[config.id],
            select=select if where is None else select.where(where),
            version_place=version,
            qbo_place=qbo if shape.has_external_id else None,
            children=tuple(child for child in children if child is not None),
            changed=changed,
            changed_type=scope.found.types.get(config.changed or "", sa.types.NullType()),
            changed_unit=config.changed_unit,
            graves=graves,
            number_column=scope.found.table.c[number] if number and number != config.id else None,
            where=where,
            joined=where is not None and _speaks_of(scope.joins, config.where, getattr(config, "business_unit", None)),
        )

    def _where(self, key: str, config: KindTable, scope: Scope) -> sa.ColumnElement[bool] | None:
        """What the operator says, and that the row is of one of the business units that are read."""
        where = self._condition(key, scope.source, config.where)
        named = getattr(config, "business_unit", None)
        column = None if named is None else scope.element(f"{key}.business_unit", named)
        if column is None or not self.units:
            return where
        ours: sa.ColumnElement[bool] = column.in_([raw(unit) for unit in self.units])
        if "" in self.units:
            ours = ours | column.is_(None)
        return ours if where is None else sa.and_(where, ours)

    def _own(self, key: str, found: Found, name: str | None) -> sa.ColumnElement[Any] | None:
        return None if name is None else self.catalogue.column(key, found, name)

    def _refer(self, fields: Fields, name: str, kind: Kind) -> None:
        target = self.mapping.tables.get(kind)
        if target is None:
            return
        found = self.catalogue.table(f"mapping.{kind}.table", target.table)
        if found is not None and target.id in found.types:
            fields.refer(name, kind.value, found, target.id)

    def _children(self, key: str, part: Part, config: ChildTable) -> ChildReader | None:
        scope = Scope.open(self.catalogue, key, config.table, config.join)
        if scope is None:
            return None
        parent = self.catalogue.column(f"{key}.parent", scope.found, config.parent)
        own = self._own(f"{key}.id", scope.found, config.id)
        order = self._own(f"{key}.order", scope.found, config.order)
        fields = self._fields(scope)
        if parent is not None:
            scope.place(parent, config.parent)
        described = fields_of(config)
        for name in type(described).model_fields:
            fields.add(name, getattr(described, name), READS[name])
        self._refer(fields, *part.refers)
        changed = self._own(f"{key}.changed", scope.found, config.changed)
        id_place = None if own is None or config.id is None or part.keyed else scope.place(own, config.id)
        if parent is None:
            return None
        self._loose(key, scope)
        select = sa.select(*scope.columns).select_from(scope.source)
        where = self._condition(key, scope.source, config.where)
        select = select if where is None else select.where(where)
        return ChildReader(
            part=part,
            fields=fields,
            parent_column=parent,
            parent_place=0,
            id_place=id_place,
            select=select,
            order=tuple(column for column in (parent, order, own) if column is not None),
            changed=changed,
        )

    def _graves(self, key: str, config: KindTable) -> Graves | None:
        dead = config.tombstones
        found = None if dead is None else self.catalogue.table(f"{key}.tombstones.table", dead.table)
        if dead is None or found is None:
            return None
        record = self.catalogue.column(f"{key}.tombstones.id", found, dead.id)
        removed = self.catalogue.column(f"{key}.tombstones.removed", found, dead.removed)
        remove = self._own(f"{key}.tombstones.remove", found, dead.remove)
        if record is None or removed is None:
            return None
        where = self._condition(f"{key}.tombstones", found.table, dead.where)
        return Graves(found.table, record, removed, remove, where)

    def _doubt(self, kind: Kind, config: KindTable, scope: Scope) -> None:
        key = f"mapping.{kind}"
        self._loose(key, scope)
        if config.id not in scope.found.unique:
            self.doubts.append(
                (
                    f"{key}.id",
                    f"{config.table}.{config.id} is not known to be unique.",
                    "Two rows with one id stop the reading of this kind; a unique index makes sure there are none.",
                )
            )
        if config.changed is None or config.version is not None:
            return
        self.doubts.extend(
            (
                f"{key}.changed",
                f"A change in {child.table} is seen only if it also moves {config.table}.{config.changed}.",
                "Make sure that it does (a trigger), name a changed column of the child table, or leave changed "
                "out: then every cycle reads everything.",
            )
            for _, child in child_tables(kind, config)
            if child.changed is None
        )

    def _loose(self, key: str, scope: Scope) -> None:
        self.doubts.extend(
            (
                f"{key}.join.{name}",
                f"The columns of {scope.joins[name].name} that are joined on are not known to be unique.",
                "A join must find one row at most; join on the table's key.",
            )
            for name in scope.loose_joins
        )


def _speaks_of(joins: Iterable[str], *said: str | None) -> bool:
    """Whether a condition needs the rows of a join, which it calls by its name."""
    return any(text is not None and re.search(rf"\b{re.escape(name)}\b", text) for name in joins for text in said)
