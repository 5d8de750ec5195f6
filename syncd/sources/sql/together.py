"""Many plain updates in one transaction: one commit for all, and one statement where each would have had its own.

A write that is anything but plain (its row was changed or is gone, it was done before, the database refuses it, the row
could not be read again) undoes the transaction, and nothing is answered: each write is then done by itself and gets
the answer that it alone deserves. So there is no outcome here that ``writer`` would not have given.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from syncd.model.observations import Absent, Flawed
from syncd.model.writes import EXTERNAL_ID, Done, SourceWrite, Verb
from syncd.sources import rows
from syncd.sources.shapes import PARTS, SHAPES
from syncd.sources.sql.mapping import Compiled
from syncd.sources.sql.readers import KindReader
from syncd.sources.sql.tables import Found, placeholder
from syncd.sources.sql.values import Shelf

if TYPE_CHECKING:
    from syncd.sources.sql.source import SqlSource


def write(
    source: SqlSource, compiled: Compiled, connection: sa.Connection, writes: Sequence[SourceWrite]
) -> list[Done] | None:
    """``Done`` for each, to be committed; or None: undo it, and try each by itself."""
    reader, log = compiled.readers.get(writes[0].kind), compiled.write_log
    if reader is None or log is None or reader.version_place is None or not _plain(source, writes):
        return None
    return _do(source, Shelf(connection, source.database, reader, compiled.configs[reader.kind]), log, writes)


def _plain(source: SqlSource, writes: Sequence[SourceWrite]) -> bool:
    """Updates of different rows of one kind, without their lines."""
    first = writes[0].kind
    able, only = source.capabilities().get(first), SHAPES[first].only
    return (
        able is not None
        and Verb.UPDATE in able.verbs
        and len({write.id for write in writes}) == len({write.journal_id for write in writes}) == len(writes)
        and all(
            write.kind is first
            and write.verb is Verb.UPDATE
            and (write.record is not None or not write.fields)
            and not PARTS & set(write.fields)
            and (only is None or only >= set(write.fields))
            for write in writes
        )
    )


def _do(source: SqlSource, shelf: Shelf, log: Found, writes: Sequence[SourceWrite]) -> list[Done] | None:
    connection, reader = shelf.connection, shelf.reader
    logged = log.table.c.journal_id.in_([write.journal_id for write in writes])
    if connection.execute(sa.select(log.table.c.journal_id).where(logged)).first() is not None:
        return None
    if _versions(shelf, writes) != {write.id: write.expected_version for write in writes}:
        return None
    if not shelf.update_all([(write.id, _values(shelf, write), write.expected_version) for write in writes]):
        return None
    _log(shelf, log, writes)
    after = source.several(connection, reader.kind, [write.id for write in writes])
    if any(isinstance(seen, Flawed) for seen in after.values()):
        return None
    gone = ("outside the mapping's where",)
    found = {identity: seen for identity, seen in after.items() if not isinstance(seen, Flawed)}
    return [Done(found.get(write.id) or Absent(write.id, gone)) for write in writes]


def _values(shelf: Shelf, write: SourceWrite) -> dict[str, Any]:
    values = shelf.wished(write, write.fields)
    return values | shelf.external(write.qbo_id) if write.qbo_id or EXTERNAL_ID in write.fields else values


def _versions(shelf: Shelf, writes: Sequence[SourceWrite]) -> dict[str, str]:
    """The versions of the rows, which are locked from here on; in the order of their keys, so that two writers wait
    for each other instead of blocking each other for good."""
    reader: KindReader = shelf.reader
    version = reader.fields.scope.originals[reader.version_place or 0]
    key = sa.type_coerce(reader.id_column, sa.types.NullType())
    asked = sa.select(key, sa.type_coerce(version, sa.types.NullType())).select_from(reader.found.table)
    asked = asked.where(reader.matching([write.id for write in writes])).order_by(reader.id_column)
    return {rows.key(row[0]): str(row[1]) for row in shelf.connection.execute(asked.with_for_update())}


def _log(shelf: Shelf, log: Found, writes: Sequence[SourceWrite]) -> None:
    database = shelf.database
    applied = database.stamp(database.now(shelf.connection), log.types["applied_at"], "timestamp")
    names = ("journal_id", "kind", "record_id", "applied_at")
    entries = [
        dict(zip(names, (write.journal_id, write.kind.value, write.id, applied), strict=True)) for write in writes
    ]
    bound = {name: placeholder(name) for name in names}
    shelf.connection.execute(sa.insert(log.table).values(bound), entries)  # type: ignore[arg-type]
