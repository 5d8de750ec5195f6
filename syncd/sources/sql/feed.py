"""The memory of a change feed: what the watermark says, and whether row counts are explained by what was seen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from syncd.model.records import Kind
from syncd.sources.sql.readers import KindReader


class Tally(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a kind's keys came to: rows, tombstones, and for integer keys their maximum and sum (as text: exact)."""

    rows: int
    dead: int = 0
    top: str = ""
    sum: str = ""


class Watermark(msgspec.Struct, frozen=True):
    """How far the source has been read. ``scope`` stands for mapping and database; another one starts anew."""

    time: str
    scope: str
    kinds: dict[str, Tally]
    v: int = 1

    @property
    def moment(self) -> datetime:
        """The database's time when the read began, in UTC."""
        return datetime.fromisoformat(self.time)


_DECODER = msgspec.json.Decoder(Watermark)


def parse(text: str, scope: str) -> Watermark | None:
    """The watermark that ``text`` is; None where there is none, or none for this scope: then everything is read."""
    if not text:
        return None
    try:
        mark = _DECODER.decode(text)
        mark.moment.astimezone(UTC)
    except (msgspec.DecodeError, ValueError):
        return None
    return mark if mark.scope == scope and mark.v == 1 else None


def tally_statement(reader: KindReader, before: Tally | None) -> sa.Select[Any]:
    """One row: rows, tombstones, maximum and sum of keys, and number and sum of keys above the former maximum."""
    key = reader.id_column
    none: sa.ColumnElement[Any] = sa.literal_column("0")
    dead: sa.ColumnElement[Any] = none
    if reader.tombstones is not None:
        dead = sa.select(sa.func.count()).select_from(reader.tombstones.subquery()).scalar_subquery()
    parts: list[sa.ColumnElement[Any]] = [sa.func.count(), dead]
    if reader.id_is_integer:
        # Sums leave the range of a 64-bit integer only with ids no sequence hands out, yet SQLite would then fail.
        total = sa.func.total if reader.tombstones is not None else sa.func.sum
        parts.append(sa.func.max(key))
        parts.append(none if reader.tombstones is not None else total(key))
        if before is not None and before.top:
            newer = key > int(before.top)
            parts.append(sa.func.count(sa.case((newer, 1))))
            parts.append(none if reader.tombstones is not None else total(sa.case((newer, key), else_=0)))
    statement = sa.select(*parts).select_from(reader.found.table)
    return statement if reader.where is None else statement.where(reader.where)


def tally_of(row: Any) -> Tally:
    """What ``tally_statement`` answered, to be remembered."""
    top = str(row[2]) if len(row) > 2 and row[2] is not None else ""
    total = str(int(row[3])) if len(row) > 3 and row[3] is not None else ""
    return Tally(rows=int(row[0]), dead=int(row[1] or 0), top=top, sum=total)


def explained(reader: KindReader, before: Tally | None, row: Any) -> bool:
    """Whether the rows now are those of before, plus new ones, minus those that a tombstone names.

    If not, rows went without a trace (or came in late under old keys): the keys have to be compared.
    """
    if before is None:
        return False
    now = tally_of(row)
    fresh = int(row[4]) if len(row) > 4 else now.rows if reader.id_is_integer and not before.rows else 0
    if reader.tombstones is not None:
        return now.rows + now.dead == before.rows + before.dead + fresh
    if not reader.id_is_integer:
        return False  # equal counts may hide one row gone and another come
    fresh_sum = int(row[5] or 0) if len(row) > 5 else int(now.sum or 0)
    return now.rows == before.rows + fresh and int(now.sum or 0) == int(before.sum or 0) + fresh_sum


def since(mark: Watermark, overlap_seconds: int) -> datetime:
    """From which moment on rows are read again: transactions that were open then may have committed since."""
    return mark.moment - timedelta(seconds=overlap_seconds)


def make(time: datetime, scope: str, tallies: dict[Kind, Tally]) -> str:
    """The watermark to store."""
    kinds = {kind.value: tally for kind, tally in sorted(tallies.items())}
    return msgspec.json.encode(Watermark(time.isoformat(), scope, kinds)).decode()
