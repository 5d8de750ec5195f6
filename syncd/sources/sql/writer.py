"""Writing to the source: each write one transaction, checked against the version it was decided on, logged in it.

The journal's id goes into the write log together with the change. Whatever happens to the answer, ``settled`` tells
afterwards whether the write was done, and a repeat of the same id changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa

from syncd.errors import SourceUnavailable
from syncd.model.kinds import Kind, State
from syncd.model.observations import Absent, Flawed
from syncd.model.writes import EXTERNAL_ID, Conflict, Done, InDoubt, NotSent, Outcome, Refused, SourceWrite, Verb
from syncd.sources import rows
from syncd.sources.shapes import PARTS, SHAPES
from syncd.sources.sql import faults
from syncd.sources.sql import together as joint
from syncd.sources.sql.capability import child_tables
from syncd.sources.sql.engine import READ_FAULTS
from syncd.sources.sql.mapping import Compiled
from syncd.sources.sql.parts import PartShelf
from syncd.sources.sql.readers import KindReader
from syncd.sources.sql.tables import raw
from syncd.sources.sql.values import NotWritableError, Shelf

if TYPE_CHECKING:
    from syncd.sources.sql.source import SqlSource


_STATES = {Verb.VOID: State.VOID, Verb.WITHDRAW: State.DRAFT}


class StopError(Exception):
    """Ends a write with an outcome that changes nothing; the transaction is rolled back."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(type(outcome).__name__)
        self.outcome = outcome


class Writer:
    """Applies the writes of one call. Not shared between threads."""

    def __init__(self, source: SqlSource) -> None:
        self.source = source
        self.database = source.database
        self._down = ""
        self._compiled: Compiled | None = None

    def apply(self, writes: Sequence[SourceWrite]) -> list[Outcome]:
        """An answer for each write, in order. Raises ``SourceMisconfigured`` before anything is written."""
        try:
            with self.database.reading() as connection:
                self._compiled = self.source.compiled(connection)
        except SourceUnavailable as error:
            self._down = error.message
        together = None
        together = self._together(self._compiled, writes) if self._compiled is not None and len(writes) > 1 else None
        return together if together is not None else [self._guarded(write) for write in writes]

    def _together(self, compiled: Compiled, writes: Sequence[SourceWrite]) -> list[Outcome] | None:
        """All in one transaction, where all are plain; None: nothing was written, and each has to be tried alone."""
        try:
            with self.database.engine.connect() as connection:
                if self.database.dialect != "sqlite":
                    connection.execution_options(isolation_level="READ COMMITTED")
                transaction = self.database.begin_write(connection)
                done = joint.write(self.source, compiled, connection, writes)
                if done is None:
                    return None
                outcome = self._commit(connection, transaction, done[0])
                if outcome is done[0]:
                    return list(done)
        except NotWritableError:
            return None
        except READ_FAULTS as error:
            outcome = self._failed(error)
        return [outcome] * len(writes) if self._down or isinstance(outcome, InDoubt) else None

    def _guarded(self, write: SourceWrite) -> Outcome:
        # After a lost connection the rest is not tried: each attempt would wait for its own timeout.
        if self._down:
            return NotSent(self._down)
        refusal = self._forbidden(write)
        return refusal if refusal is not None else self._transact(write)

    def _forbidden(self, write: SourceWrite) -> Refused | None:
        able = self.source.capabilities().get(write.kind)
        if able is None or write.verb not in able.verbs:
            return Refused(
                "read_only",
                f"The configuration does not let syncd {write.verb} a {_noun(write.kind)} in the source.",
                remedy=f"Set read_only = false under mapping.{write.kind} if it should.",
            )
        only = SHAPES[write.kind].only
        if only is not None and (beyond := set(write.fields) - only):
            named = ", ".join(sorted(beyond))
            return Refused("not_writable", f"Of a {_noun(write.kind)} of the source syncd never writes {named}.")
        return None

    def _transact(self, write: SourceWrite) -> Outcome:
        try:
            connection = self.database.engine.connect()
        except READ_FAULTS as error:
            self._down = f"The source database cannot be reached: {self.database.explain(error)}."
            return NotSent(self._down)
        with connection:
            if self.database.dialect != "sqlite":
                connection = connection.execution_options(isolation_level="READ COMMITTED")
            try:
                transaction = self.database.begin_write(connection)
                done = self._do(connection, write)
            except StopError as stop:
                _roll_back(connection)
                return stop.outcome
            except NotWritableError as error:
                _roll_back(connection)
                return Refused("not_writable", str(error), remedy="Look at the mapping of this kind.")
            except READ_FAULTS as error:
                _roll_back(connection)
                return self._failed(error)
            return self._commit(connection, transaction, done)

    def _failed(self, error: Exception) -> Outcome:
        text = self.database.explain(error)
        if self.database.lost(error):
            self._down = f"The connection to the source was lost before anything was committed: {text}."
            return NotSent(self._down)
        if faults.transient(error):
            return NotSent(f"The source database could not do it now: {text}.")
        return faults.refusal(error, text)

    def _commit(self, connection: sa.Connection, transaction: sa.RootTransaction, done: Done) -> Outcome:
        try:
            transaction.commit()
        except READ_FAULTS as error:
            text = self.database.explain(error)
            if self.database.lost(error):
                connection.invalidate()  # else it might go on holding what it locked
                self._down = f"The connection to the source was lost: {text}."
                return InDoubt(f"The connection to the source was lost during the commit: {text}.")
            # The server answered: a rule checked at the end of the transaction, or a lock. Nothing was kept.
            if not _roll_back(connection):
                return InDoubt(f"The source did not confirm the commit: {text}.")
            if faults.transient(error):
                return NotSent(f"The source database could not commit now: {text}.")
            return faults.refusal(error, text)
        return done

    # Inside the transaction ------------------------------------------------------------------------------------------

    def _do(self, connection: sa.Connection, write: SourceWrite) -> Done:
        if self._compiled is None:
            raise StopError(NotSent("The source database cannot be reached."))
        reader = self._compiled.readers[write.kind]
        before = self._logged(connection, write)
        if before is not None:
            return self._again(connection, write, before)
        shelf = Shelf(connection, self.database, reader, self._compiled.configs[write.kind])
        if write.verb is Verb.CREATE:
            record_id = self._create(connection, shelf, write)
        else:
            record_id = write.id
            self._check_version(connection, reader, write)
            self._change(shelf, write)
        self._log(connection, write, record_id)
        if write.verb is Verb.DELETE:
            return Done(Absent(record_id, ("deleted by this write",)))
        after = self.source.one(connection, write.kind, record_id)
        if isinstance(after, Flawed):
            # Nothing is written that could not be read again as a record.
            said = " ".join(problem.text for problem in after.problems)
            raise StopError(Refused("would_be_flawed", f"After this write the row would be wrong: {said}"))
        return Done(after if after is not None else Absent(record_id, ("outside the mapping's where",)))

    def _again(self, connection: sa.Connection, write: SourceWrite, record_id: str) -> Done:
        after = self.source.one(connection, write.kind, record_id)
        if isinstance(after, Flawed):
            raise StopError(InDoubt("This write was done before; its row cannot be read as a record now."))
        return Done(after if after is not None else Absent(record_id, ("written before, and gone since",)))

    def _logged(self, connection: sa.Connection, write: SourceWrite) -> str | None:
        log = self._compiled.write_log if self._compiled else None
        if log is None:
            return None
        columns = log.table.c
        found = connection.execute(sa.select(columns.record_id).where(columns.journal_id == write.journal_id)).first()
        return None if found is None else rows.key(found[0])

    def _log(self, connection: sa.Connection, write: SourceWrite, record_id: str) -> None:
        log = self._compiled.write_log if self._compiled else None
        if log is None:
            return
        applied = self.database.stamp(self.database.now(connection), log.types["applied_at"], "timestamp")
        values = {
            "journal_id": write.journal_id,
            "kind": write.kind.value,
            "record_id": record_id,
            "applied_at": applied,
        }
        connection.execute(sa.insert(log.table).values({name: raw(value) for name, value in values.items()}))  # type: ignore[arg-type]

    def _check_version(self, connection: sa.Connection, reader: KindReader, write: SourceWrite) -> None:
        """Lock the row and compare: from here on nobody else changes it before we commit."""
        place = reader.version_place
        version = reader.id_column if place is None else reader.fields.scope.originals[place]
        lock = sa.select(sa.type_coerce(version, sa.types.NullType())).select_from(reader.found.table)
        found = connection.execute(lock.where(reader.matching([write.id])).with_for_update()).first()
        if found is None:
            raise StopError(Conflict(f"The row {write.id} of {reader.found.name} is not there any more."))
        if place is not None:
            current = str(found[0])
        else:
            for child in reader.children:
                mother = child.parent_column == raw(reader.native(write.id))
                held = sa.select(child.parent_column).where(mother).with_for_update()
                connection.execute(held).close()
            seen = self.source.one(connection, write.kind, write.id)
            current = "" if seen is None else seen.version
        if current != write.expected_version:
            raise StopError(Conflict(f"The row {write.id} of {reader.found.name} was changed since it was read."))

    def _change(self, shelf: Shelf, write: SourceWrite) -> None:
        if write.verb is Verb.DELETE:
            for _, part in self._parts(shelf, write.id):
                part.delete()
            shelf.delete(write.id)
            return
        if write.verb in _STATES:
            values = shelf.state(_STATES[write.verb])
        elif write.verb is Verb.DEACTIVATE:
            values = shelf.inactive()
        else:
            values = shelf.wished(write, [name for name in write.fields if name not in PARTS])
        if write.qbo_id or EXTERNAL_ID in write.fields:
            values.update(shelf.external(write.qbo_id))
        if not shelf.update(write.id, values, write.expected_version):
            raise StopError(Conflict(f"The row {write.id} was changed since it was read."))
        if write.verb is Verb.UPDATE and write.record is not None:
            for member, part in self._parts(shelf, write.id):
                if member in write.fields:
                    part.set(getattr(write.record, member, ()))

    def _parts(self, shelf: Shelf, record_id: str) -> Iterator[tuple[str, PartShelf]]:
        for child, (part, config) in zip(
            shelf.reader.children, child_tables(shelf.reader.kind, shelf.config), strict=True
        ):
            yield part.member, PartShelf(shelf, child, config, record_id)

    def _create(self, connection: sa.Connection, shelf: Shelf, write: SourceWrite) -> str:
        record = write.record
        if record is None:
            raise NotWritableError("There is no record to create.")
        if write.qbo_id and (holder := shelf.holder(write.qbo_id)) is not None:
            raise StopError(
                Refused(
                    "exists",
                    f"The source already has a {_noun(write.kind)} for QuickBooks' record {write.qbo_id}.",
                    remedy="Link the two instead.",
                    holder_id=holder,
                )
            )
        values = shelf.header(record, shelf.creatable(), create=True) | shelf.unit(self.source.config.business_units)
        if write.qbo_id:
            values.update(shelf.external(write.qbo_id))
        record_id = shelf.insert(values)
        for member, part in self._parts(shelf, record_id):
            part.set(getattr(record, member, ()), fresh=True)
        return record_id


def _noun(kind: Kind) -> str:
    return kind.replace("_", " ")


def _roll_back(connection: sa.Connection) -> bool:
    try:
        connection.rollback()
    except READ_FAULTS:
        connection.invalidate()
        return False
    return True
