"""``syncd check`` for a SQL source: what is found, and what to do about it. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

import sqlalchemy as sa

from syncd.errors import SourceMisconfigured, SourceUnavailable
from syncd.model.kinds import Kind
from syncd.sources.base import Finding, KindCapability
from syncd.sources.kinds import SqlMapping
from syncd.sources.settings import SqlSourceConfig
from syncd.sources.sql import feed, mapping, reference
from syncd.sources.sql.engine import Database
from syncd.sources.sql.mapping import Compiled

_KEEP = "docs/source-sql.md says how to create or upgrade the reference schema."


def require_reference(connection: sa.Connection) -> None:
    """Raise ``SourceMisconfigured`` unless the reference schema is there, and of this version."""
    fault = _reference_fault(connection)
    if fault:
        raise SourceMisconfigured(fault, remedy=_KEEP)


def _reference_fault(connection: sa.Connection) -> str:
    found = reference.reference_revision(connection)
    if found is None:
        return "source.schema: found no reference schema in this database."
    newest = reference.newest_revision()
    return "" if found == newest else f"The reference schema is at revision {found}; this syncd needs {newest}."


def check(
    database: Database,
    described: SqlMapping,
    capabilities: Mapping[Kind, KindCapability],
    config: SqlSourceConfig,
) -> list[Finding]:
    """Connection, schema, mapping, permissions and row counts, worst news included."""
    try:
        with database.reading() as connection:
            return list(_check(database, connection, described, capabilities, config))
    except SourceUnavailable as error:
        return [
            Finding("error", "source connection", error.message, "Look at source.url, the password and the network.")
        ]


def _check(
    database: Database,
    connection: sa.Connection,
    described: SqlMapping,
    capabilities: Mapping[Kind, KindCapability],
    config: SqlSourceConfig,
) -> Iterator[Finding]:
    yield Finding("ok", "source connection", f"Connected to {database.identity()}.")
    if config.mapping is None:
        fault = _reference_fault(connection)
        if fault:
            yield Finding("error", "source schema", fault, _KEEP)
            return
        yield Finding("ok", "source schema", f"The reference schema is there, revision {reference.newest_revision()}.")
    compiled, problems = mapping.try_mapping(database, connection, described, config.business_units)
    for problem in problems:
        key, _, said = problem.partition(": ")
        yield Finding("error", f"source.{key}", said, f"Correct source.{key}.")
    if compiled is None:
        return
    for key, said, remedy in compiled.warnings:
        yield Finding("warning", f"source.{key}", said, remedy)
    yield from _kinds(connection, compiled, capabilities)
    yield from _rights(database, connection, compiled, capabilities)
    if compiled.write_log is None and any(c.verbs for c in capabilities.values()):
        yield Finding(
            "warning",
            "source.mapping.write_log",
            "There is no write log: after a crash syncd cannot prove which of its writes to the source were done.",
            "Create the table described in docs/source-sql.md and name it in mapping.write_log.",
        )


def _kinds(
    connection: sa.Connection, compiled: Compiled, capabilities: Mapping[Kind, KindCapability]
) -> Iterator[Finding]:
    counts = feed.count_all(connection, compiled.readers.values(), {})
    for kind, reader in compiled.readers.items():
        count = counts[kind].rows
        able = capabilities[kind]
        how = "changes are asked for" if able.feed else "every cycle reads all of them"
        may = ", ".join(sorted(able.verbs)) or "nothing"
        yield Finding("ok", f"source {kind}", f"{count:,} rows in {reader.found.name}; {how}; may be written: {may}.")
        if reader.id_name in reader.found.nullable:
            empty = sa.select(sa.func.count()).select_from(reader.found.table).where(reader.id_column.is_(None))
            without = connection.execute(empty).scalar_one()
            if without:
                yield Finding(
                    "error",
                    f"source.mapping.{kind}.id",
                    f"{without:,} rows of {reader.found.name} have no {reader.id_name}.",
                    "Give them one, or leave them out with where.",
                )
        if not able.feed and count > 10_000:
            yield Finding(
                "warning",
                f"source.mapping.{kind}.changed",
                f"Without a changed column each cycle reads {count:,} rows.",
                "Name a column that holds the time of the last change.",
            )


def _rights(
    database: Database,
    connection: sa.Connection,
    compiled: Compiled,
    capabilities: Mapping[Kind, KindCapability],
) -> Iterator[Finding]:
    for kind, reader in compiled.readers.items():
        if not capabilities[kind].verbs:
            continue
        key = reader.id_column
        nothing = (
            sa.update(cast(sa.TableClause, reader.found.table))
            .values({key.name: key})
            .where(sa.literal_column("1 = 0"))
        )
        statement = str(nothing.compile(dialect=connection.dialect))
        try:
            # EXPLAIN asks for the same rights as the statement and does nothing.
            with connection.begin_nested():
                connection.exec_driver_sql(f"EXPLAIN {statement}").close()
        except sa.exc.DBAPIError as error:
            if error.connection_invalidated:
                raise
            yield Finding(
                "error",
                f"source {kind}",
                f"{reader.found.name} may not be written: {database.explain(error)}.",
                "Grant the database user UPDATE, INSERT and DELETE, or set read_only = true.",
            )
