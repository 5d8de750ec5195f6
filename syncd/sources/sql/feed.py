"""The memory of a change feed: what the watermark says, and whether row counts are explained by what was seen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from syncd.model.kinds import Kind
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


class Count(NamedTuple):
    """What the database says of a kind now: rows, tombstones, and for integer keys their maximum and sum, and number
    and sum of the keys above the maximum of before (None: not asked for)."""

    rows: int
    dead: int
    top: int | None
    sum: int | None
    fresh: int | None
    fresh_sum: int | None

    def tally(self) -> Tally:
        """To be remembered."""
        top, total = ("" if number is None else str(number) for number in (self.top, self.sum))
        return Tally(rows=self.rows, dead=self.dead, top=top, sum=total)


def count_all(
    connection: sa.Connection, readers: Iterable[KindReader], tallies: Mapping[str, Tally]
) -> dict[Kind, Count]:
    """The counts of all these kinds, in one statement; ``tallies`` are those of the time before, by kind."""
    asked = list(readers)
    each = [_tally_statement(place, reader, tallies.get(reader.kind.value)) for place, reader in enumerate(asked)]
    found = connection.execute(sa.union_all(*each)).fetchall()
    return {asked[row[0]].kind: Count(int(row[1]), int(row[2]), *map(_number, row[3:])) for row in found}


def _number(value: Any) -> int | None:
    return None if value is None else int(value)


def _tally_statement(place: int, reader: KindReader, before: Tally | None) -> sa.Select[Any]:
    key = reader.id_column
    # NULL with a type of its own: PostgreSQL would take one without for text.
    none: sa.ColumnElement[Any] = sa.cast(sa.null(), sa.BigInteger())
    dead: sa.ColumnElement[Any] = sa.literal_column("0")
    if reader.graves is not None:
        graves = reader.graves.select(reader.graves.record)
        dead = sa.select(sa.func.count()).select_from(graves.subquery()).scalar_subquery()
    top, total, fresh, fresh_total = none, none, none, none
    if reader.id_is_integer:
        top = sa.func.max(key)
        if reader.graves is None:
            total = sa.func.sum(key)
        if before is not None and before.top:
            newer = key > int(before.top)
            fresh = sa.func.count(sa.case((newer, 1)))
            if reader.graves is None:
                fresh_total = sa.func.sum(sa.case((newer, key), else_=0))
    parts: tuple[sa.ColumnElement[Any], ...] = (
        sa.literal_column(str(place)),
        reader.count,
        dead,
        top,
        total,
        fresh,
        fresh_total,
    )
    statement = sa.select(*(part.label(f"n{number}") for number, part in enumerate(parts))).select_from(reader.rows)
    return statement if reader.where is None else statement.where(reader.where)


def explained(reader: KindReader, before: Tally | None, now: Count) -> bool:
    """Whether the rows now are those of before, plus new ones, minus those that a tombstone names.

    If not, rows went without a trace (or came in late under old keys): the keys have to be compared.
    """
    if before is None:
        return False
    fresh = now.fresh
    if fresh is None:
        fresh = now.rows if reader.id_is_integer and not before.rows else 0
    if reader.graves is not None:
        return now.rows + now.dead == before.rows + before.dead + fresh
    if not reader.id_is_integer:
        return False  # equal counts may hide one row gone and another come
    fresh_sum = now.sum if now.fresh is None else now.fresh_sum
    return now.rows == before.rows + fresh and (now.sum or 0) == int(before.sum or 0) + (fresh_sum or 0)


def moved(
    connection: sa.Connection, recent: Mapping[Kind, tuple[sa.Select[Any], sa.Select[Any] | None]]
) -> dict[Kind, tuple[bool, bool]]:
    """For each kind whether its two statements (changed rows, tombstones) would find anything, in one statement."""
    if not recent:
        return {}
    asked: list[sa.ColumnElement[Any]] = []
    for rows, graves in recent.values():
        asked += [rows.exists(), sa.false() if graves is None else graves.exists()]
    found = connection.execute(sa.select(*(part.label(f"m{place}") for place, part in enumerate(asked)))).one()
    return {kind: (bool(found[2 * place]), bool(found[2 * place + 1])) for place, kind in enumerate(recent)}


def since(mark: Watermark, overlap_seconds: int) -> datetime:
    """From which moment on rows are read again: transactions that were open then may have committed since."""
    return mark.moment - timedelta(seconds=overlap_seconds)


def make(time: datetime, scope: str, tallies: dict[Kind, Tally]) -> str:
    """The watermark to store."""
    kinds = {kind.value: tally for kind, tally in sorted(tallies.items())}
    return msgspec.json.encode(Watermark(time.isoformat(), scope, kinds)).decode()
