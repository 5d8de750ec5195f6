"""The ``Source`` over a SQL database: reading. Writing is in ``writer``, looking for faults in ``checks``."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

from syncd.errors import SourceMisconfigured, SourceUnavailable
from syncd.model.observations import Absent, Flawed, Present, Problem
from syncd.model.records import Invoice, Kind, State
from syncd.model.values import fingerprint
from syncd.model.writes import Outcome, SourceWrite
from syncd.sources import rows
from syncd.sources.base import Finding, KindCapability, SourceChanges
from syncd.sources.settings import SqlSourceConfig
from syncd.sources.sql import capability, checks, feed, layout, mapping, writer
from syncd.sources.sql.engine import Database, tolerate_bad_text
from syncd.sources.sql.mapping import Compiled
from syncd.sources.sql.readers import Children, KindReader, Row
from syncd.sources.sql.tables import RAW

_PAGE = 1000
_CHUNK = 500
"""Ids per statement; SQLite before 3.32 takes 999 parameters."""

_Answer = TypeVar("_Answer")
Seen = Present | Flawed


class SqlSource:
    """Clients, items, invoices and payments in PostgreSQL, MySQL or MariaDB, or SQLite."""

    def __init__(self, config: SqlSourceConfig) -> None:
        self.config = config
        self.mapping = layout.reference_mapping() if config.mapping is None else config.mapping
        self._capabilities = capability.capabilities(self.mapping, config.read_only)
        self.database = Database(config, read_only=not any(c.verbs for c in self._capabilities.values()))
        # Another mapping means another view of everything: what was read under the old one counts for nothing.
        shape = self.mapping.model_dump(mode="json")
        self._scope = fingerprint([self.database.identity(), config.time_zone, shape])
        self._compiled: Compiled | None = None
        self._lock = threading.Lock()

    # What it is ------------------------------------------------------------------------------------------------------

    def identity(self) -> str:
        """Dialect, host and database; never user or password."""
        return self.database.identity()

    def capabilities(self) -> Mapping[Kind, KindCapability]:
        """What the configuration offers, by kind; needs no connection."""
        return self._capabilities

    def check(self) -> list[Finding]:
        """Look at connection, tables, mapping and permissions; change nothing."""
        return checks.check(self.database, self.mapping, self._capabilities, self.config)

    def close(self) -> None:
        """Give back connections."""
        self.database.close()

    def compiled(self, connection: sa.Connection) -> Compiled:
        """The mapping on the tables that are there, looked up once. Raises ``SourceMisconfigured``."""
        with self._lock:
            if self._compiled is None:
                if self.config.mapping is None:
                    checks.require_reference(connection)
                self._compiled = mapping.compile_mapping(self.database, connection, self.mapping)
            return self._compiled

    def _reader(self, connection: sa.Connection, kind: Kind) -> KindReader:
        found = self.compiled(connection).readers.get(kind)
        if found is None:
            raise SourceMisconfigured(f"This source has no {kind}s.", remedy=f"Add a table mapping.{kind}.")
        return found

    # Reading ---------------------------------------------------------------------------------------------------------

    def needs_keys(self, watermark: str) -> frozenset[Kind]:
        """Kinds whose row counts moved without an explanation, or that have no change feed."""
        return self._patiently(lambda connection: self._needs_keys(connection, watermark))

    def _needs_keys(self, connection: sa.Connection, watermark: str) -> frozenset[Kind]:
        mark = feed.parse(watermark, self._scope)
        if mark is None:
            return frozenset(self.compiled(connection).readers)
        needed = set()
        for kind, reader in self.compiled(connection).readers.items():
            before = mark.kinds.get(kind.value)
            row = connection.execute(feed.tally_statement(reader, before)).one()
            if reader.changed is None or not feed.explained(reader, before, row):
                needed.add(kind)
        return frozenset(needed)

    def changes(self, watermark: str, known: Mapping[Kind, frozenset[str]] | None = None) -> SourceChanges:
        """Everything that changed since ``watermark``, in one consistent read transaction."""
        return self._patiently(lambda connection: self._changes(connection, watermark, known or {}))

    def _changes(
        self, connection: sa.Connection, watermark: str, known: Mapping[Kind, frozenset[str]]
    ) -> SourceChanges:
        compiled = self.compiled(connection)
        now = self.database.now(connection)
        mark = feed.parse(watermark, self._scope)
        if mark is not None and mark.moment > now:
            mark = None  # the database's clock was put back: stamps since then are worth nothing
        changed: dict[Kind, Mapping[str, Seen]] = {}
        suspects: dict[Kind, frozenset[str]] = {}
        counts: dict[Kind, int] = {}
        tallies: dict[Kind, feed.Tally] = {}
        whole, swept = set(), set()
        for kind, reader in compiled.readers.items():
            before = None if mark is None else mark.kinds.get(kind.value)
            row = connection.execute(feed.tally_statement(reader, before)).one()
            counts[kind], tallies[kind] = int(row[0]), feed.tally_of(row)
            keys = known.get(kind)
            if reader.changed is None or mark is None or before is None:
                found = _by_id(self._all(connection, reader, counts[kind]))
                whole.add(kind)
                if keys is not None:
                    suspects[kind] = keys - found.keys()
                    swept.add(kind)
            else:
                start = feed.since(mark, self.config.overlap_seconds)
                found = _by_id(self._changed(connection, reader, start, now))
                gone = self._tombstones(connection, reader, start, now) - found.keys()
                if keys is not None:
                    present = self._keys(connection, reader)
                    gone |= keys - present
                    # Rows that are neither known nor recent: entered late under an old stamp, or never of interest.
                    late = sorted(present - keys - found.keys())
                    found.update(_by_id(self._some(connection, reader, late)))
                    swept.add(kind)
                elif not feed.explained(reader, before, row):
                    tallies[kind] = before  # still unexplained the next time, until keys are compared
                suspects[kind] = frozenset(gone)
            changed[kind] = found
        return SourceChanges(
            changed=changed,
            suspects={kind: ids for kind, ids in suspects.items() if ids},
            counts=counts,
            watermark=feed.make(now, self._scope, tallies),
            whole=frozenset(whole),
            swept=frozenset(swept),
        )

    def read(self, kind: Kind, ids: Sequence[str]) -> Mapping[str, Present | Flawed | Absent]:
        """Point reads in one transaction; every id asked for is in the answer."""
        if not ids:
            return {}
        return self._patiently(lambda connection: self._read(connection, kind, ids))

    def _read(self, connection: sa.Connection, kind: Kind, ids: Sequence[str]) -> dict[str, Present | Flawed | Absent]:
        reader = self._reader(connection, kind)
        found = _by_id(self._some(connection, reader, ids))
        gone = Absent("", (f"no row with this id in {reader.found.name}",))
        return {key: found.get(key) or msgspec.structs.replace(gone, id=key) for key in ids}

    def scan(self, kind: Kind) -> Iterator[Present | Flawed]:
        """Every record, streamed in the order of its keys, in one consistent read."""
        lenient = False
        while True:
            begun = False
            try:
                with self._transaction(lenient) as connection:
                    reader = self._reader(connection, kind)
                    total = connection.execute(feed.tally_statement(reader, None)).one()[0]
                    for seen in self._all(connection, reader, total):
                        begun = True
                        yield seen
                return
            except _BadTextError:
                # Nothing may be answered twice: what comes after the first answers can only be a failure.
                if begun or lenient:
                    raise SourceUnavailable("The source holds text that cannot be read.") from None
                lenient = True

    # One transaction -------------------------------------------------------------------------------------------------

    def _patiently(self, ask: Callable[[sa.Connection], _Answer]) -> _Answer:
        """Ask in one read transaction; once more, with a tolerant decoder, where stored text is no UTF-8."""
        try:
            with self._transaction(lenient=False) as connection:
                return ask(connection)
        except _BadTextError:
            with self._transaction(lenient=True) as connection:
                return ask(connection)

    @contextmanager
    def _transaction(self, lenient: bool) -> Iterator[sa.Connection]:
        with self.database.reading() as connection:
            restore = tolerate_bad_text(connection) if lenient else None
            try:
                yield connection
            except sa.exc.OperationalError as error:
                if not lenient and self.database.dialect == "sqlite" and "UTF-8" in str(error.orig):
                    raise _BadTextError from None
                raise
            finally:
                if restore is not None:
                    restore()

    # Pages -----------------------------------------------------------------------------------------------------------

    def _all(self, connection: sa.Connection, reader: KindReader, expected: int) -> Iterator[Seen]:
        seen = 0
        for record in self._judged(connection, reader, self._pages(connection, reader, None), None):
            seen += 1
            yield record
        if seen != expected:
            raise SourceMisconfigured(
                f"{reader.found.name} has {expected:,} rows, but {seen:,} records were read from it.",
                remedy=f"Each row needs its own {reader.id_name}, not NULL; a join must find one row at most.",
            )

    def _changed(self, connection: sa.Connection, reader: KindReader, start: datetime, now: datetime) -> Iterator[Seen]:
        column = reader.changed
        if column is None:
            raise ValueError("this kind has no change feed")
        stamp = self.database.stamp(start, reader.changed_type, reader.changed_unit, now)
        condition: sa.ColumnElement[bool] = column >= stamp
        if column.name in reader.found.nullable:
            condition = condition | column.is_(None)
        child = reader.children
        if child is not None and child.changed is not None:
            stamp = self.database.stamp(start, child.changed.type, reader.changed_unit, now)
            condition = condition | reader.id_column.in_(
                sa.select(child.parent_column).where((child.changed >= stamp) | child.changed.is_(None))
            )
        pages = list(self._pages(connection, reader, condition))
        return self._judged(connection, reader, pages, [row for page in pages for row in page[0]])

    def _some(self, connection: sa.Connection, reader: KindReader, ids: Sequence[str]) -> Iterator[Seen]:
        pages = [
            page
            for start in range(0, len(ids), _CHUNK)
            for page in self._pages(connection, reader, reader.matching(ids[start : start + _CHUNK]))
        ]
        return self._judged(connection, reader, pages, [row for page in pages for row in page[0]])

    def _pages(
        self, connection: sa.Connection, reader: KindReader, condition: sa.ColumnElement[bool] | None
    ) -> Iterator[tuple[Sequence[Row], Mapping[str, Children]]]:
        """Rows in the order of their keys, a page at a time, each page with its children: two statements a page.

        Pages by key and not a server-side cursor: MySQL allows one open cursor per connection, and lines have to be
        read beside invoices in the same transaction.
        """
        key = reader.id_column
        statement = reader.select if condition is None else reader.select.where(condition)
        statement = statement.order_by(key).limit(_PAGE)
        later = statement.where(key > sa.bindparam("after", type_=RAW))
        page = _fetch(connection, statement)
        while page:
            yield page, self._children(connection, reader, page, dense=condition is None)
            if len(page) < _PAGE:
                return
            page = _fetch(connection, later, {"after": page[-1][0]})

    def _children(
        self, connection: sa.Connection, reader: KindReader, page: Sequence[Row], *, dense: bool
    ) -> Mapping[str, Children]:
        child = reader.children
        if child is None:
            return {}
        parent = child.parent_column
        statement = child.select.order_by(*child.order)
        if dense and reader.id_is_integer and reader.where is None:
            between = statement.where(parent.between(sa.bindparam("first", type_=RAW), sa.bindparam("last", type_=RAW)))
            return child.group(_fetch(connection, between, {"first": page[0][0], "last": page[-1][0]}))
        groups: dict[str, Children] = {}
        for start in range(0, len(page), _CHUNK):
            mothers = [row[0] for row in page[start : start + _CHUNK]]
            among = parent.in_(sa.bindparam("mothers", expanding=True, type_=RAW))
            groups.update(child.group(_fetch(connection, statement.where(among), {"mothers": mothers})))
        return groups

    # Numbers that must be unique -------------------------------------------------------------------------------------

    def _judged(
        self,
        connection: sa.Connection,
        reader: KindReader,
        pages: Iterable[tuple[Sequence[Row], Mapping[str, Children]]],
        asked: Sequence[Row] | None,
    ) -> Iterator[Seen]:
        """Build the records of ``pages``; hold live invoices that share a number, and their twins elsewhere.

        ``asked`` are the rows whose numbers are to be looked at; None: all of the table.
        """
        twins = self._twins(connection, reader, asked)
        for page, children in pages:
            for row in page:
                seen = reader.build(row, children)
                twin = twins.pop(_id(seen), None) if twins else None
                yield seen if twin is None else _held(seen, twin)
        for seen, problem in twins.values():
            if asked is not None:
                yield _held(seen, (seen, problem))

    def _twins(
        self, connection: sa.Connection, reader: KindReader, asked: Sequence[Row] | None
    ) -> dict[str, tuple[Seen, Problem]]:
        number = reader.number_column
        if number is None:
            return {}
        shared = (
            sa.select(sa.type_coerce(number, sa.types.NullType()))
            .where(number.is_not(None))
            .group_by(number)
            .having(sa.func.count() > 1)
        )
        if reader.where is not None:
            shared = shared.where(reader.where)
        raws: list[Any] = []
        if asked is None:
            raws = [row[0] for row in _fetch(connection, shared)]
        else:
            place = reader.fields.scope.place(number, reader.fields.targets["number"])
            numbers = sorted({row[place] for row in asked if row[place] is not None}, key=repr)
            for start in range(0, len(numbers), _CHUNK):
                some = number.in_(numbers[start : start + _CHUNK])
                raws += [row[0] for row in _fetch(connection, shared.where(some))]
        by_number: dict[str, list[Seen]] = {}
        for start in range(0, len(raws), _CHUNK):
            for page, children in self._pages(connection, reader, number.in_(raws[start : start + _CHUNK])):
                for row in page:
                    seen = reader.build(row, children)
                    record = seen.record if isinstance(seen, Present) else None
                    if isinstance(record, Invoice) and record.state not in {State.DRAFT, State.VOID} and record.number:
                        by_number.setdefault(str(record.number).strip(), []).append(seen)
        found: dict[str, tuple[Seen, Problem]] = {}
        for text, group in by_number.items():
            ids = [_id(seen) for seen in group]
            if text and len(ids) > 1:
                problem = rows.duplicate_number(text, ids)
                found.update({_id(seen): (seen, problem) for seen in group})
        return found

    # Keys ------------------------------------------------------------------------------------------------------------

    def _keys(self, connection: sa.Connection, reader: KindReader) -> frozenset[str]:
        statement = sa.select(sa.type_coerce(reader.id_column, sa.types.NullType())).select_from(reader.found.table)
        if reader.where is not None:
            statement = statement.where(reader.where)
        return frozenset(rows.key(row[0]) for row in _fetch(connection, statement) if row[0] is not None)

    def _tombstones(
        self, connection: sa.Connection, reader: KindReader, start: datetime, now: datetime
    ) -> frozenset[str]:
        if reader.tombstones is None or reader.removed_at is None:
            return frozenset()
        stamp = self.database.stamp(start, reader.removed_type, "timestamp", now)
        found = _fetch(connection, reader.tombstones.where(reader.removed_at >= stamp))
        return frozenset(rows.key(row[0]) for row in found)

    # Writing ---------------------------------------------------------------------------------------------------------

    def write(self, writes: Sequence[SourceWrite]) -> Sequence[Outcome]:
        """Apply writes: plain ones together in one transaction, all others each in its own."""
        return writer.Writer(self).apply(writes)

    def settled(self, journal_ids: Sequence[str]) -> Mapping[str, str]:
        """Journal ids found in the write log, with the id of the row each concerned."""
        if not journal_ids:
            return {}
        return self._patiently(lambda connection: self._settled(connection, journal_ids))

    def _settled(self, connection: sa.Connection, journal_ids: Sequence[str]) -> dict[str, str]:
        log = self.compiled(connection).write_log
        if log is None:
            return {}
        columns = log.table.c
        found: dict[str, str] = {}
        for start in range(0, len(journal_ids), _CHUNK):
            some = columns.journal_id.in_(list(journal_ids[start : start + _CHUNK]))
            for journal_id, record_id in _fetch(
                connection, sa.select(columns.journal_id, columns.record_id).where(some)
            ):
                found[journal_id] = rows.key(record_id)
        return found

    def one(self, connection: sa.Connection, kind: Kind, record_id: str) -> Seen | None:
        """One record inside a transaction that the writer holds; None when there is no such row."""
        return next(iter(self.several(connection, kind, [record_id]).values()), None)

    def several(self, connection: sa.Connection, kind: Kind, ids: Sequence[str]) -> dict[str, Seen]:
        """Records inside a transaction that the writer holds, by id; those that are there."""
        reader = self._reader(connection, kind)
        pages = self._pages(connection, reader, reader.matching(ids))
        return _by_id(reader.build(row, children) for page, children in pages for row in page)


class _BadTextError(Exception):
    """Stored text is no UTF-8 (SQLite): read once more, tolerantly, so that one row suffers and not all."""


def _fetch(connection: sa.Connection, statement: Any, parameters: dict[str, Any] | None = None) -> Sequence[Row]:
    return connection.execute(statement, parameters).fetchall()


def _id(seen: Seen) -> str:
    return seen.id if isinstance(seen, Flawed) else seen.record.id


def _by_id(found: Iterable[Seen]) -> dict[str, Seen]:
    return {_id(seen): seen for seen in found}


def _held(seen: Seen, twin: tuple[Seen, Problem]) -> Flawed:
    version = seen.version
    problems = seen.problems if isinstance(seen, Flawed) else ()
    return Flawed(_id(seen), version, (*problems, twin[1]))
