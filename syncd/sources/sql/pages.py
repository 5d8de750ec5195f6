"""Rows of one kind a page at a time, each page with its children, and the numbers that must be unique."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from syncd.model.kinds import State
from syncd.model.observations import Flawed, Present, Problem
from syncd.model.records.forms import Form
from syncd.sources import rows, whole
from syncd.sources.sql.readers import ChildReader, Children, Groups, KindReader, Row
from syncd.sources.sql.tables import RAW

PAGE = 1000
CHUNK = 500
"""Ids per statement; SQLite before 3.32 takes 999 parameters."""

Seen = Present | Flawed
Page = tuple[Sequence[Row], Groups]


def in_pages(connection: sa.Connection, reader: KindReader, condition: sa.ColumnElement[bool] | None) -> Iterator[Page]:
    """Rows in the order of their keys, a page at a time, each page with its children: a statement for the rows, and one
    for each table of children.

    Pages by key and not a server-side cursor: MySQL allows one open cursor per connection, and lines have to be
    read beside invoices in the same transaction.
    """
    key = reader.id_column
    statement = reader.select if condition is None else reader.select.where(condition)
    statement = statement.order_by(key).limit(PAGE)
    later = statement.where(key > sa.bindparam("after", type_=RAW))
    page = fetch(connection, statement)
    while page:
        yield page, _children(connection, reader, page, dense=condition is None)
        if len(page) < PAGE:
            return
        page = fetch(connection, later, {"after": page[-1][0]})


def _children(connection: sa.Connection, reader: KindReader, page: Sequence[Row], *, dense: bool) -> Groups:
    dense = dense and reader.id_is_integer and reader.where is None
    return [_group(connection, child, page, dense=dense) for child in reader.children]


def _group(
    connection: sa.Connection, child: ChildReader, page: Sequence[Row], *, dense: bool
) -> Mapping[str, Children]:
    parent = child.parent_column
    statement = child.select.order_by(*child.order)
    if dense:
        between = statement.where(parent.between(sa.bindparam("first", type_=RAW), sa.bindparam("last", type_=RAW)))
        return child.group(fetch(connection, between, {"first": page[0][0], "last": page[-1][0]}))
    groups: dict[str, Children] = {}
    for start in range(0, len(page), CHUNK):
        mothers = [row[0] for row in page[start : start + CHUNK]]
        among = parent.in_(sa.bindparam("mothers", expanding=True, type_=RAW))
        groups.update(child.group(fetch(connection, statement.where(among), {"mothers": mothers})))
    return groups


def judged(
    connection: sa.Connection,
    reader: KindReader,
    pages: Iterable[Page],
    asked: Sequence[Row] | None,
) -> Iterator[Seen]:
    """Build the records of ``pages``; hold live documents that share a number, and their twins elsewhere.

    ``asked`` are the rows whose numbers are to be looked at; None: all of the table.
    """
    twins = _twins(connection, reader, asked)
    for page, children in pages:
        for row in page:
            seen = reader.build(row, children)
            twin = twins.pop(id_of(seen), None) if twins else None
            yield seen if twin is None else _held(seen, twin)
    for seen, problem in twins.values():
        if asked is not None:
            yield _held(seen, (seen, problem))


def _twins(
    connection: sa.Connection, reader: KindReader, asked: Sequence[Row] | None
) -> dict[str, tuple[Seen, Problem]]:
    number = reader.number_column
    if number is None:
        return {}
    shared = (
        sa.select(sa.type_coerce(number, sa.types.NullType()))
        .select_from(reader.rows)
        .where(number.is_not(None))
        .group_by(number)
        .having(reader.count > 1)
    )
    if reader.where is not None:
        shared = shared.where(reader.where)
    raws: list[Any] = []
    if asked is None:
        raws = [row[0] for row in fetch(connection, shared)]
    else:
        place = reader.fields.scope.place(number, reader.fields.targets["number"])
        numbers = sorted({row[place] for row in asked if row[place] is not None}, key=repr)
        for start in range(0, len(numbers), CHUNK):
            some = number.in_(numbers[start : start + CHUNK])
            raws += [row[0] for row in fetch(connection, shared.where(some))]
    by_number: dict[str, list[Seen]] = {}
    for start in range(0, len(raws), CHUNK):
        for page, children in in_pages(connection, reader, number.in_(raws[start : start + CHUNK])):
            for row in page:
                seen = reader.build(row, children)
                record = seen.record if isinstance(seen, Present) else None
                if isinstance(record, Form) and record.state not in {State.DRAFT, State.VOID} and record.number:
                    by_number.setdefault(str(record.number).strip(), []).append(seen)
    found: dict[str, tuple[Seen, Problem]] = {}
    for text, group in by_number.items():
        ids = [id_of(seen) for seen in group]
        if text and len(ids) > 1:
            problem = whole.duplicate_number(text, ids, reader.kind.replace("_", " "))
            found.update({id_of(seen): (seen, problem) for seen in group})
    return found


def keys(connection: sa.Connection, reader: KindReader) -> frozenset[str]:
    """The ids of all rows."""
    statement = sa.select(sa.type_coerce(reader.id_column, sa.types.NullType())).select_from(reader.rows)
    if reader.where is not None:
        statement = statement.where(reader.where)
    return frozenset(rows.key(row[0]) for row in fetch(connection, statement) if row[0] is not None)


def fetch(connection: sa.Connection, statement: Any, parameters: dict[str, Any] | None = None) -> Sequence[Row]:
    """All rows that a statement finds."""
    return connection.execute(statement, parameters).fetchall()


def id_of(seen: Seen) -> str:
    """The id of a record, readable or not."""
    return seen.id if isinstance(seen, Flawed) else seen.record.id


def by_id(found: Iterable[Seen]) -> dict[str, Seen]:
    """Records by their ids."""
    return {id_of(seen): seen for seen in found}


def _held(seen: Seen, twin: tuple[Seen, Problem]) -> Flawed:
    version = seen.version
    problems = seen.problems if isinstance(seen, Flawed) else ()
    return Flawed(id_of(seen), version, (*problems, twin[1]))
