"""The ``Source`` over a SQL database: reading. Writing is in ``writer``, looking for faults in ``checks``."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa
from msgspec import UNSET

from syncd.errors import SourceMisconfigured, SourceUnavailable
from syncd.model.kinds import Kind
from syncd.model.observations import Absent, Flawed, Present, Problem
from syncd.model.spec import SPECS
from syncd.model.values import fingerprint
from syncd.model.writes import Outcome, SourceWrite
from syncd.sources import rows
from syncd.sources.base import Finding, KindCapability, LoggedWrite, Measured, SourceChanges
from syncd.sources.rows import BadValueError
from syncd.sources.settings import SqlSourceConfig
from syncd.sources.sql import capability, checks, feed, mapping, shipped, writer
from syncd.sources.sql.engine import Database, tolerate_bad_text
from syncd.sources.sql.files import Vault
from syncd.sources.sql.mapping import Compiled
from syncd.sources.sql.pages import CHUNK, Seen, by_id, fetch, in_pages, judged
from syncd.sources.sql.pages import keys as all_keys
from syncd.sources.sql.readers import Graves, KindReader, matching

_Answer = TypeVar("_Answer")
_KINDS = frozenset(kind.value for kind in Kind)


class SqlSource:
    """Clients, invoices, payments and all that belongs to them in PostgreSQL, MySQL or MariaDB, or SQLite."""

    def __init__(self, config: SqlSourceConfig) -> None:
        self.config = config
        mapped = shipped.reference_mapping() if config.mapping is None else config.mapping
        self.mapping = mapped.without_shared_ids() if config.business_units else mapped
        self._capabilities = capability.capabilities(self.mapping, config.read_only)
        self.database = Database(config, read_only=not any(c.verbs for c in self._capabilities.values()))
        # Another mapping means another view of everything: what was read under the old one counts for nothing.
        shape = self.mapping.model_dump(mode="json")
        units = list(config.business_units)
        self._meaning = fingerprint([config.time_zone, shape, units])
        self._scope = fingerprint([self.database.identity(), config.time_zone, shape, units])
        self._compiled: Compiled | None = None
        self._lock = threading.Lock()

    # What it is ------------------------------------------------------------------------------------------------------

    def identity(self) -> str:
        """Dialect, host and database; never user or password."""
        return self.database.identity()

    def scope(self) -> str:
        """The mapping with its filters, the business units and the time zone."""
        return self._meaning

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
                self._compiled = mapping.compile_mapping(
                    self.database, connection, self.mapping, self.config.business_units
                )
            return self._compiled

    def _reader(self, connection: sa.Connection, kind: Kind) -> KindReader:
        found = self.compiled(connection).readers.get(kind)
        if found is None:
            raise SourceMisconfigured(
                f"This source has no {SPECS[kind].plural}.", remedy=f"Add a table mapping.{kind}."
            )
        return found

    # Reading ---------------------------------------------------------------------------------------------------------

    def needs_keys(self, watermark: str) -> frozenset[Kind]:
        """Kinds whose row counts moved without an explanation, or that have no change feed."""
        return self._patiently(lambda connection: self._needs_keys(connection, watermark))

    def _needs_keys(self, connection: sa.Connection, watermark: str) -> frozenset[Kind]:
        mark = feed.parse(watermark, self._scope)
        if mark is None:
            return frozenset(self.compiled(connection).readers)
        readers = self.compiled(connection).readers
        counts = feed.count_all(connection, readers.values(), mark.kinds)
        return frozenset(
            kind
            for kind, reader in readers.items()
            if reader.changed is None or not feed.explained(reader, mark.kinds.get(kind.value), counts[kind])
        )

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
        before: Mapping[str, feed.Tally] = {} if mark is None else mark.kinds
        counts = feed.count_all(connection, compiled.readers.values(), before)
        # Every kind with a feed that was read before; the others are read whole.
        start = now if mark is None else feed.since(mark, self.config.overlap_seconds)
        fed = {kind: r for kind, r in compiled.readers.items() if r.changed is not None and kind.value in before}
        moved = feed.moved(connection, {kind: self._news(reader, start, now) for kind, reader in fed.items()})
        changed: dict[Kind, Mapping[str, Seen]] = {}
        suspects: dict[Kind, frozenset[str]] = {}
        tallies = {kind: count.tally() for kind, count in counts.items()}
        for kind, reader in compiled.readers.items():
            keys = known.get(kind)
            if kind not in fed:
                found = by_id(self._all(connection, reader, counts[kind].rows))
                suspects[kind] = frozenset() if keys is None else keys - found.keys()
            else:
                rows_moved, graves_moved = moved[kind]
                found = by_id(self._changed(connection, reader, start, now)) if rows_moved else {}
                gone = self._tombstones(connection, reader, start, now) if graves_moved else frozenset()
                gone -= found.keys()
                if keys is not None:
                    present = all_keys(connection, reader)
                    gone |= keys - present
                    # Rows that are neither known nor recent: entered late under an old stamp, or never of interest.
                    late = sorted(present - keys - found.keys())
                    found.update(by_id(self._some(connection, reader, late)))
                elif not feed.explained(reader, before[kind.value], counts[kind]):
                    tallies[kind] = before[kind.value]  # still unexplained the next time, until keys are compared
                suspects[kind] = gone
            changed[kind] = found
        return SourceChanges(
            changed=changed,
            suspects={kind: ids for kind, ids in suspects.items() if ids},
            counts={kind: count.rows for kind, count in counts.items()},
            watermark=feed.make(now, self._scope, tallies),
            whole=frozenset(compiled.readers.keys() - fed.keys()),
            swept=frozenset(known.keys() & compiled.readers.keys()),
        )

    def read(self, kind: Kind, ids: Sequence[str]) -> Mapping[str, Present | Flawed | Absent]:
        """Point reads in one transaction; every id asked for is in the answer."""
        if not ids:
            return {}
        return self._patiently(lambda connection: self._read(connection, kind, ids))

    def _read(self, connection: sa.Connection, kind: Kind, ids: Sequence[str]) -> dict[str, Present | Flawed | Absent]:
        reader = self._reader(connection, kind)
        found: dict[str, Present | Flawed | Absent] = dict(by_id(self._some(connection, reader, ids)))
        gone = [key for key in ids if key not in found]
        if gone:
            ticks = self._ticks(connection, reader, gone)
            witness = (f"no row with this id in {reader.found.name}",)
            found.update({key: Absent(key, witness, ticks.get(key, UNSET)) for key in gone})
        return {key: found[key] for key in ids}

    def _ticks(self, connection: sa.Connection, reader: KindReader, ids: Sequence[str]) -> dict[str, bool]:
        """What was ticked when these rows were deleted: whether QBO's record is to go, too. The last word counts."""
        graves = reader.graves
        if graves is None or graves.remove is None:
            return {}
        found: dict[str, bool] = {}
        for begin in range(0, len(ids), CHUNK):
            some = matching(graves.record, graves.record.type, ids[begin : begin + CHUNK])
            said = graves.select(graves.record, graves.remove).where(some).order_by(graves.removed)
            for key, raw in fetch(connection, said):
                try:
                    ticked = rows.optional_truth(raw)
                except BadValueError:
                    ticked = UNSET
                if ticked is UNSET:
                    found.pop(rows.key(key), None)
                else:
                    found[rows.key(key)] = ticked
        return found

    def scan(self, kind: Kind) -> Iterator[Present | Flawed]:
        """Every record, streamed in the order of its keys, in one consistent read."""
        lenient = False
        while True:
            begun = False
            try:
                with self._transaction(lenient) as connection:
                    reader = self._reader(connection, kind)
                    total = feed.count_all(connection, [reader], {})[kind].rows
                    for seen in self._all(connection, reader, total):
                        begun = True
                        yield seen
                return
            except _BadTextError:
                # Nothing may be answered twice: what comes after the first answers can only be a failure.
                if begun or lenient:
                    raise SourceUnavailable("The source holds text that cannot be read.") from None
                lenient = True

    # Files -----------------------------------------------------------------------------------------------------------

    def files_of(self, owners: Collection[tuple[Kind, str]]) -> Mapping[str, Present | Flawed]:
        """The records of the files of these documents."""
        return self._patiently(lambda connection: by_id(self._vault(connection).of(owners))) if owners else {}

    def measured(self, ids: Sequence[str], limit: int) -> Mapping[str, Measured | Problem]:
        """Size and digest of these files."""
        if not ids:
            return {}
        return self._patiently(lambda connection: self._measured(connection, ids, limit))

    def _measured(self, connection: sa.Connection, ids: Sequence[str], limit: int) -> dict[str, Measured | Problem]:
        vault = self._vault(connection)
        return {name: vault.measured(name, limit) for name in ids}

    def content(self, record_id: str) -> bytes | None:
        """The content of one file."""
        return self._patiently(lambda connection: self._vault(connection).content(record_id))

    def _vault(self, connection: sa.Connection) -> Vault:
        table = self.mapping.attachment
        if table is None:
            raise SourceMisconfigured("This source has no attachments.", remedy="Add a table mapping.attachment.")
        return Vault(connection, self._reader(connection, Kind.ATTACHMENT), table, self.config.files_directory or "")

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
        for record in judged(connection, reader, in_pages(connection, reader, None), None):
            seen += 1
            yield record
        if seen != expected:
            raise SourceMisconfigured(
                f"{reader.found.name} has {expected:,} rows, but {seen:,} records were read from it.",
                remedy=f"Each row needs its own {reader.id_name}, not NULL; a join must find one row at most.",
            )

    def _changed(self, connection: sa.Connection, reader: KindReader, start: datetime, now: datetime) -> Iterator[Seen]:
        condition = self._recent(reader, start, now)
        pages = list(in_pages(connection, reader, condition))
        return judged(connection, reader, pages, [row for page in pages for row in page[0]])

    def _recent(self, reader: KindReader, start: datetime, now: datetime) -> sa.ColumnElement[bool]:
        column = reader.changed
        if column is None:
            raise ValueError("this kind has no change feed")
        stamp = self.database.stamp(start, reader.changed_type, reader.changed_unit, now)
        condition: sa.ColumnElement[bool] = column >= stamp
        if column.name in reader.found.nullable:
            condition = condition | column.is_(None)
        for child in reader.children:
            if child.changed is not None:
                stamp = self.database.stamp(start, child.changed.type, reader.changed_unit, now)
                touched = sa.select(child.parent_column).where((child.changed >= stamp) | child.changed.is_(None))
                condition = condition | reader.id_column.in_(touched)
        return condition

    def _news(self, reader: KindReader, start: datetime, now: datetime) -> tuple[sa.Select[Any], sa.Select[Any] | None]:
        """What would find rows and tombstones since ``start``, to ask whether there are any."""
        found: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(reader.rows)
        found = found.where(self._recent(reader, start, now))
        found = found if reader.where is None else found.where(reader.where)
        return found, None if reader.graves is None else self._graves(reader.graves, start, now)

    def _graves(self, graves: Graves, start: datetime, now: datetime) -> sa.Select[Any]:
        stamp = self.database.stamp(start, graves.removed.type, "timestamp", now)
        return graves.select(graves.record).where(graves.removed >= stamp)

    def _some(self, connection: sa.Connection, reader: KindReader, ids: Sequence[str]) -> Iterator[Seen]:
        pages = [
            page
            for start in range(0, len(ids), CHUNK)
            for page in in_pages(connection, reader, reader.matching(ids[start : start + CHUNK]))
        ]
        return judged(connection, reader, pages, [row for page in pages for row in page[0]])

    def _tombstones(
        self, connection: sa.Connection, reader: KindReader, start: datetime, now: datetime
    ) -> frozenset[str]:
        if reader.graves is None:
            return frozenset()
        found = fetch(connection, self._graves(reader.graves, start, now))
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
        for start in range(0, len(journal_ids), CHUNK):
            some = columns.journal_id.in_(list(journal_ids[start : start + CHUNK]))
            for journal_id, record_id in fetch(
                connection, sa.select(columns.journal_id, columns.record_id).where(some)
            ):
                found[journal_id] = rows.key(record_id)
        return found

    def last_writes(self, limit: int) -> Sequence[LoggedWrite]:
        """The end of the write log."""
        return self._patiently(lambda connection: self._last_writes(connection, limit))

    def _last_writes(self, connection: sa.Connection, limit: int) -> list[LoggedWrite]:
        log = self.compiled(connection).write_log
        if log is None:
            return []
        columns = log.table.c
        asked = sa.select(columns.journal_id, columns.kind, columns.record_id)
        # By the stamp as it is stored: text of one form, or the database's own type; what it says is not needed here.
        latest = asked.order_by(columns.applied_at.desc()).limit(limit)
        return [
            LoggedWrite(str(journal_id), Kind(kind), rows.key(record_id))
            for journal_id, kind, record_id in fetch(connection, latest)
            if kind in _KINDS
        ]

    def one(self, connection: sa.Connection, kind: Kind, record_id: str) -> Seen | None:
        """One record inside a transaction that the writer holds; None when there is no such row."""
        return next(iter(self.several(connection, kind, [record_id]).values()), None)

    def several(self, connection: sa.Connection, kind: Kind, ids: Sequence[str]) -> dict[str, Seen]:
        """Records inside a transaction that the writer holds, by id; those that are there."""
        reader = self._reader(connection, kind)
        pages = in_pages(connection, reader, reader.matching(ids))
        return by_id(reader.build(row, children) for page, children in pages for row in page)


class _BadTextError(Exception):
    """Stored text is no UTF-8 (SQLite): read once more, tolerantly, so that one row suffers and not all."""
