"""The files of documents: in a column, or below one directory, out of which nothing leads.

A file is read in pieces to be measured, and whole only when it is sent. A path is never followed out of the directory:
neither by ``..`` nor by a link, and what is no plain file is not opened for reading.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import sqlalchemy as sa

from syncd.errors import SourceMisconfigured
from syncd.model.kinds import Kind
from syncd.model.observations import Flawed, Present, Problem
from syncd.sources import rows
from syncd.sources.base import Measured
from syncd.sources.expressions import Expression
from syncd.sources.kinds.files import AttachmentTable
from syncd.sources.sql.pages import CHUNK, fetch, in_pages
from syncd.sources.sql.readers import KindReader, matching

_PIECE = 1 << 20
_MISSING = (
    "file_missing",
    "The file is not there, or cannot be read.",
    "Attach it anew in the source, or delete its row.",
)
_OUTSIDE = (
    "file_outside",
    "The file's path leads out of the directory that files are kept in.",
    "Correct the path in the source; it is relative to files_directory, without '..' and without links.",
)
_NOWHERE = (
    "file_nowhere",
    "The file's row names a path, and no directory is configured.",
    "Set [company.source] files_directory to the directory that files are kept in.",
)


class _NoFileError(Exception):
    def __init__(self, problem: tuple[str, str, str]) -> None:
        super().__init__(problem[1])
        code, text, remedy = problem
        self.problem = Problem(code, text, remedy, "content")


class Vault:
    """The files of one source, inside one read transaction."""

    def __init__(self, connection: sa.Connection, reader: KindReader, table: AttachmentTable, directory: str) -> None:
        self._connection = connection
        self._reader = reader
        self._table = table
        self._directory = directory

    def of(self, owners: Collection[tuple[Kind, str]]) -> Iterator[Present | Flawed]:
        """The records of the files of these documents."""
        for kind in sorted({kind for kind, _ in owners}):
            ids = sorted(owner for of, owner in owners if of is kind)
            for start in range(0, len(ids), CHUNK):
                chosen = self._belongs(kind, ids[start : start + CHUNK])
                if chosen is not None:
                    for page, children in in_pages(self._connection, self._reader, chosen):
                        yield from (self._reader.build(row, children) for row in page)

    def _belongs(self, kind: Kind, ids: Sequence[str]) -> sa.ColumnElement[bool] | None:
        """The condition for files of these documents of a kind; None where there can be none."""
        of_kind, owner = self._table.fields.owner_kind, self._table.fields.owner
        among = self._column(owner)
        if among is None:
            return None
        mine = matching(among, self._reader.fields.scope.type_of(owner.column or ""), ids)
        if of_kind.constant is not None:
            return mine if str(of_kind.constant) == kind.value else None
        column = self._column(of_kind)
        names = [kind.value]
        if of_kind.values is not None:
            names = [name for name, meant in of_kind.values.items() if str(meant) == kind.value]
        return None if column is None else sa.and_(column.in_(names), mine)

    def _column(self, where: Expression) -> sa.ColumnElement[Any] | None:
        return None if where.column is None else self._reader.fields.scope.element("attachment", where.column)

    # ---- content

    def measured(self, record_id: str, limit: int) -> Measured | Problem:
        """Size and digest, or what is wrong."""
        try:
            content = self._in_column(record_id, limit)
            if content is None:
                with self._below(record_id) as (file, size):
                    return Measured(size) if size > limit else Measured(size, _digest(file))
        except (_NoFileError, OSError) as error:
            return error.problem if isinstance(error, _NoFileError) else Problem(*_MISSING, field="content")
        if isinstance(content, int):
            return Measured(content)
        return Measured(len(content), hashlib.sha256(content).hexdigest())

    def content(self, record_id: str) -> bytes | None:
        """All of it; None where it cannot be had."""
        try:
            content = self._in_column(record_id, None)
            if isinstance(content, bytes):
                return content
            with self._below(record_id) as (file, _):
                return file.read()
        except (_NoFileError, OSError):
            return None

    def _in_column(self, record_id: str, limit: int | None) -> bytes | int | None:
        """The content that the row holds; its size alone where that is over ``limit``; None where it holds none."""
        if self._table.content is None:
            return None
        found = self._reader.found
        if self._table.content not in found.types:
            raise SourceMisconfigured(
                f"mapping.attachment.content: found {self._table.content!r}, expected a column of {found.name}.",
                remedy="Name the column that holds the files' bytes.",
            )
        column = found.table.c[self._table.content]
        if limit is not None:
            # PostgreSQL and MySQL count bytes; so does SQLite, once it takes the value for bytes.
            sized: Any = sa.cast(column, sa.LargeBinary()) if self._connection.dialect.name == "sqlite" else column
            measure = (
                sa.func.length(sized) if self._connection.dialect.name == "sqlite" else sa.func.octet_length(sized)
            )
            ((size,),) = self._row(record_id, measure)
            if size is not None and size > limit:
                return int(size)
        ((raw,),) = self._row(record_id, sa.type_coerce(column, sa.types.NullType()))
        if raw is None:
            return None
        return raw.encode() if isinstance(raw, str) else bytes(raw)

    def _row(self, record_id: str, column: sa.ColumnElement[Any]) -> Sequence[Any]:
        asked: sa.Select[Any] = sa.select(column).select_from(self._reader.found.table)
        found = fetch(self._connection, asked.where(self._reader.matching([record_id])))
        if not found:
            raise _NoFileError(_MISSING)
        return found

    @contextmanager
    def _below(self, record_id: str) -> Iterator[tuple[BinaryIO, int]]:
        """The file that the row's path names, open for reading, and how large it is."""
        where = self._table.fields.path
        column = self._column(where) if where is not None else None
        ((raw,),) = self._row(record_id, column) if column is not None else ((None,),)
        path = rows.text(raw).strip()
        if not path:
            raise _NoFileError(_MISSING)
        if not self._directory:
            raise _NoFileError(_NOWHERE)
        root = Path(self._directory).resolve(strict=True)
        if "\0" in path or Path(path).is_absolute() or ".." in Path(path).parts:
            raise _NoFileError(_OUTSIDE)
        real = (root / path).resolve(strict=True)
        if not real.is_relative_to(root):
            raise _NoFileError(_OUTSIDE)
        with os.fdopen(_opened(root, real.relative_to(root).parts), "rb") as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode):
                raise _NoFileError(_MISSING)
            yield file, about.st_size


def _opened(root: Path, parts: Sequence[str]) -> int:
    """A file below ``root``, opened step by step: no part is followed that becomes a link at this very moment, and none
    is waited for that is a pipe."""
    here = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    for place, part in enumerate(parts, start=1):
        sort = os.O_DIRECTORY if place < len(parts) else os.O_NONBLOCK
        try:
            below = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | sort, dir_fd=here)
        finally:
            os.close(here)
        here = below
    return here


def _digest(file: BinaryIO) -> str:
    found = hashlib.sha256()
    while piece := file.read(_PIECE):
        found.update(piece)
    return found.hexdigest()
