"""Held records and the dirty set: what waits for a person, and what has to be looked at again.

Both are about a record, and what is known of its ids grows: held as (source id, no QBO id) before it was created, it
is the same record afterwards. So a row is about a record when they share the source id; or, where the row has none, the
QBO id. A row that has one may name a look-alike in QBO that somebody has to judge: what becomes of that says nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Update, bindparam, delete, func, or_, select, update

from syncd.errors import StateError
from syncd.model.kinds import Kind, Side
from syncd.model.observations import Problem
from syncd.model.writes import Verb
from syncd.state import codec, history, runs, tables
from syncd.state.database import rows
from syncd.state.part import Part
from syncd.state.values import UNDONE, Dirty, Held, HistoryEvent

held = tables.held
dirty = tables.dirty

RESOLUTIONS = ("retry", "accept-source", "accept-qbo", "ignore")
"""What a person may say about a held record; each is read once, by the next cycle."""
CLEARED = "cleared"
"""The resolution of a held record that needed no person after all."""

Name = tuple[Kind, str, str]


def _split(names: Collection[Name]) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Names as parameters: by source id; by QBO id, where the row has no source id."""
    by_source, by_qbo = [], []
    for kind, source_id, qbo_id in names:
        if source_id:
            by_source.append({"of_kind": kind.value, "of_id": source_id})
        if qbo_id:
            by_qbo.append({"of_kind": kind.value, "of_id": qbo_id})
    return by_source, by_qbo


def _wheres(table: Any) -> tuple[tuple[Any, ...], ...]:
    mine = (table.c.company == bindparam("of_company"), table.c.kind == bindparam("of_kind"))
    return (
        (*mine, table.c.source_id == bindparam("of_id")),
        (*mine, table.c.qbo_id == bindparam("of_id"), table.c.source_id == ""),
    )


_clean = tuple(delete(dirty).where(*where) for where in _wheres(dirty))
_unhold: tuple[Update, ...] = tuple(
    update(held)
    .where(*where, held.c.resolved_at.is_(None))
    .values(
        resolved_at=bindparam("new_at"),
        resolution=func.coalesce(func.nullif(held.c.resolution, ""), CLEARED),
    )
    for where in _wheres(held)
)


_any_dirty = select(dirty.c.kind).where(dirty.c.company == bindparam("of_company")).limit(1)
_any_held = select(held.c.id).where(held.c.company == bindparam("of_company"), held.c.resolved_at.is_(None)).limit(1)


def clean(connection: Connection, company: str, names: Collection[Name]) -> None:
    """Take records out of the dirty set."""
    if not names or connection.execute(_any_dirty, {"of_company": company}).first() is None:
        return
    for statement, parameters in zip(_clean, _split(names), strict=True):
        if parameters:
            connection.execute(statement, [{"of_company": company, **p} for p in parameters])


def soil(connection: Connection, company: str, records: Sequence[Dirty], now: datetime) -> None:
    """Put records into the dirty set, replacing what it says of them but for how long they have been there, and for
    what a person asked for."""
    if not records:
        return
    since, asked = _standing(connection, company, records)
    clean(connection, company, [(record.kind, record.source_id, record.qbo_id) for record in records])
    rows = {
        (record.kind, record.source_id, record.qbo_id): {
            "company": company,
            "kind": record.kind.value,
            "source_id": record.source_id,
            "qbo_id": record.qbo_id,
            "reason": codec.shown(record.reason),
            "attempts": record.attempts,
            "not_before": record.not_before,
            "since": since.get((record.kind, record.source_id, record.qbo_id)) or record.since or now,
            "asked": record.asked or asked.get((record.kind, record.source_id, record.qbo_id), ""),
        }
        for record in records
    }
    connection.execute(dirty.insert(), list(rows.values()))


def _standing(
    connection: Connection, company: str, records: Sequence[Dirty]
) -> tuple[dict[Name, datetime], dict[Name, str]]:
    """Since when records are in the dirty set, and what was asked of them, whichever of their ids it knows them by."""
    if connection.execute(_any_dirty, {"of_company": company}).first() is None:
        return {}, {}
    columns = (dirty.c.kind, dirty.c.source_id, dirty.c.qbo_id, dirty.c.since, dirty.c.asked)
    known: dict[tuple[str, str, str], Any] = {}
    for place, column in ((1, dirty.c.source_id), (2, dirty.c.qbo_id)):
        ids = {(record.source_id, record.qbo_id)[place - 1] for record in records} - {""}
        for chunk in codec.chunks(sorted(ids)):
            wanted = select(*columns).where(dirty.c.company == company, column.in_(chunk))
            for row in connection.execute(wanted):
                known[row.kind, ("", "source", "qbo")[place], row[place]] = row
    since: dict[Name, datetime] = {}
    asked: dict[Name, str] = {}
    for record in records:
        name = (record.kind, record.source_id, record.qbo_id)
        keys = ((record.kind.value, "source", record.source_id), (record.kind.value, "qbo", record.qbo_id))
        found = [known[key] for key in keys if key in known]
        moments = [row.since for row in found if row.since is not None]
        if moments:
            since[name] = min(moments)
        mine = known.get(keys[0])
        asked[name] = mine.asked if mine is not None else ""
    return since, asked


def unhold(connection: Connection, company: str, names: Collection[Name], now: datetime) -> None:
    """Close the held rows of records; a person's resolution stays with the closed row."""
    if not names or connection.execute(_any_held, {"of_company": company}).first() is None:
        return
    for statement, parameters in zip(_unhold, _split(names), strict=True):
        if parameters:
            connection.execute(statement, [{"of_company": company, "new_at": now, **p} for p in parameters])


def hold(connection: Connection, company: str, records: Sequence[Held], *, now: datetime, run_id: str) -> None:
    """Hold records. A record that is held already keeps its row and its time; what is said of it is refreshed.

    A person's instruction from before this run began has been read by it, and is used up by holding again; one that
    came in while it ran is left for the next, with the row as that person saw it: it is an answer to that and nothing
    else.
    """
    if not records:
        return
    known = _unresolved(connection, company, records)
    began = _began(connection, run_id)
    for record in records:
        if record.company != company:
            raise StateError(f"A held record of {record.company} cannot be settled for {company}.")
        if not record.source_id and not record.qbo_id:
            raise StateError(f"A held {record.kind} names no record.")
        said = _said(record, now=now, run_id=run_id)
        same = [row for row in known if _about(row, record)]
        if not same:
            since = record.since or now
            blank = {"resolution": "", "resolution_actor": "", "resolution_at": None, "resolved_at": None}
            new = {"company": company, "kind": record.kind.value, "since": since, **said, **blank}
            number: int = connection.execute(held.insert().returning(held.c.id), new).scalar_one()
            known.append({**new, "id": number})
            continue
        first, *others = same
        answered = first["resolution_at"]
        if answered is not None and began is not None and answered < began:
            said |= {"resolution": "", "resolution_actor": "", "resolution_at": None}
        elif answered is not None:
            said = {"source_id": said["source_id"]}
        for other in others:  # two rows turn out to be one record, now that both its ids are known
            closed = {"resolved_at": now, "resolution": other["resolution"] or CLEARED}
            connection.execute(update(held).where(held.c.id == other["id"]).values(closed))
            known.remove(other)
        connection.execute(update(held).where(held.c.id == first["id"]).values(said))
        first.update(said)


def _said(record: Held, *, now: datetime, run_id: str) -> dict[str, Any]:
    return {
        "source_id": record.source_id,
        "qbo_id": record.qbo_id,
        "case": codec.shown(record.case),
        "reason": codec.shown(record.reason),
        "label": codec.shown(record.label),
        "problems": codec.to_json(record.problems),
        "source_value": codec.to_json(record.source_value),
        "qbo_value": codec.to_json(record.qbo_value),
        "base_value": codec.to_json(record.base_value),
        "actions": codec.to_json(record.actions),
        "refreshed_at": now,
        "run_id": run_id,
    }


def _unresolved(connection: Connection, company: str, records: Sequence[Held]) -> list[dict[str, Any]]:
    columns = (held.c.id, held.c.kind, held.c.source_id, held.c.qbo_id, held.c.resolution, held.c.resolution_at)
    found: dict[int, dict[str, Any]] = {}
    for column, ids in (
        (held.c.source_id, {record.source_id for record in records if record.source_id}),
        (held.c.qbo_id, {record.qbo_id for record in records if record.qbo_id}),
    ):
        for chunk in codec.chunks(sorted(ids)):
            asked = select(*columns).where(held.c.company == company, held.c.resolved_at.is_(None), column.in_(chunk))
            found.update((row["id"], dict(row)) for row in connection.execute(asked).mappings())
    return [found[number] for number in sorted(found)]


def _about(row: dict[str, Any], record: Held) -> bool:
    if row["kind"] != record.kind.value:
        return False
    if row["source_id"]:
        return bool(row["source_id"] == record.source_id)
    return bool(row["qbo_id"]) and bool(row["qbo_id"] == record.qbo_id)


def _began(connection: Connection, run_id: str) -> datetime | None:
    number = runs.run_number(run_id)
    if number is None:
        return None
    return connection.scalar(select(tables.runs.c.started_at).where(tables.runs.c.seq == number))


class Holds(Part):
    """Held records, what people say about them, and the dirty set."""

    def held(self, company: str, *, include_resolved: bool = False) -> list[Held]:
        """Records that wait for a person, oldest first."""
        asked = select(held).where(held.c.company == company).order_by(held.c.id)
        if not include_resolved:
            asked = asked.where(held.c.resolved_at.is_(None))
        with self._db.read() as connection:
            return [_decoded(row) for row in connection.execute(asked).mappings()]

    def held_by_id(self, company: str, held_id: int) -> Held | None:
        """One held record by its number, resolved or not."""
        asked = select(held).where(held.c.company == company, held.c.id == held_id)
        with self._db.read() as connection:
            row = connection.execute(asked).mappings().first()
        return None if row is None else _decoded(row)

    def resolve_held(self, company: str, held_id: int, resolution: str, actor: str, shown: str = "") -> None:
        """Say what is to be done about a held record. It is an instruction: the next cycle reads it and acts.

        ``shown``: the stamp of what the person saw (``Held.stamp``), where that is known. Raises ``StateError`` where
        no such record is held, the word is not offered, or the record is not as it was shown any more.
        """
        now = self._clock.now()
        with self._db.write() as connection:
            asked = select(held).where(held.c.company == company, held.c.id == held_id, held.c.resolved_at.is_(None))
            row = connection.execute(asked.with_for_update()).mappings().first()
            if row is None:
                raise StateError(f"No record is held under number {held_id} in {company}.")
            record = _decoded(row)
            _check(record, resolution)
            if shown not in {"", record.stamp}:
                raise StateError(
                    f"Record {held_id} is not as it was shown: it has changed since.",
                    remedy=f"Look at it again: syncd held show {held_id}",
                )
            said = {"resolution": resolution, "resolution_actor": codec.shown(actor), "resolution_at": now}
            connection.execute(update(held).where(held.c.id == held_id).values(said))
            event = HistoryEvent(
                kind=record.kind,
                source_id=record.source_id,
                qbo_id=record.qbo_id,
                side=Side.STATE,
                verb=Verb.HOLD,
                case=record.case,
                reason=f"a person chose {resolution}",
                actor=actor,
                result=resolution,
            )
            history.append(connection, self._db, company, [history.row_of(event, now=now, run_id="")])

    def instructions(self, company: str) -> dict[Name, str]:
        """What people said about held records and no cycle has acted on yet."""
        asked = select(held.c.kind, held.c.source_id, held.c.qbo_id, held.c.resolution)
        asked = asked.where(held.c.company == company, held.c.resolved_at.is_(None), held.c.resolution != "")
        with self._db.read() as connection:
            found = rows(connection, asked)
        return {(codec.member(Kind, kind), source_id, qbo_id): said for kind, source_id, qbo_id, said in found}

    def answered(self, company: str) -> dict[Name, str]:
        """Who said something about held records that no cycle has acted on yet: what follows is their doing."""
        asked = select(held.c.kind, held.c.source_id, held.c.qbo_id, held.c.resolution_actor)
        asked = asked.where(held.c.company == company, held.c.resolved_at.is_(None), held.c.resolution_actor != "")
        with self._db.read() as connection:
            found = rows(connection, asked)
        return {(codec.member(Kind, kind), source_id, qbo_id): who for kind, source_id, qbo_id, who in found}

    def undone(self, company: str) -> frozenset[Name]:
        """Records that an undo put here, and that nobody has said anything about since."""
        asked = select(held.c.kind, held.c.source_id, held.c.qbo_id)
        asked = asked.where(held.c.company == company, held.c.resolved_at.is_(None), held.c.case == UNDONE)
        with self._db.read() as connection:
            found = rows(connection, asked.where(held.c.resolution == ""))
        return frozenset((codec.member(Kind, kind), source_id, qbo_id) for kind, source_id, qbo_id in found)

    def held_counts(self, company: str) -> dict[Kind, int]:
        """How many records of each kind wait for a person."""
        asked = select(held.c.kind, func.count()).where(held.c.company == company, held.c.resolved_at.is_(None))
        with self._db.read() as connection:
            return {codec.member(Kind, kind): n for kind, n in rows(connection, asked.group_by(held.c.kind))}

    def withdraw_ask(self, company: str, kind: Kind, source_id: str, actor: str) -> str:
        """Take back that a record was asked for, and have it looked at once more; what was asked, or an empty string
        where nothing was. Where nobody knows whether it was mailed there is nothing left to take back."""
        now = self._clock.now()
        mine = (dirty.c.company == company, dirty.c.kind == kind.value, dirty.c.source_id == source_id)
        open_ask = (*mine, dirty.c.asked.not_in(("", "unclear")))
        with self._db.write() as connection:
            row = connection.execute(select(dirty).where(*open_ask).with_for_update()).mappings().first()
            if row is None:
                return ""
            connection.execute(update(dirty).where(*open_ask).values(asked="", not_before=now))
            event = HistoryEvent(
                kind=kind,
                source_id=source_id,
                qbo_id=row["qbo_id"],
                side=Side.STATE,
                verb=Verb.HOLD,
                case="",
                reason="a person took back what was asked for",
                actor=actor,
                result="withdrawn",
            )
            history.append(connection, self._db, company, [history.row_of(event, now=now, run_id="")])
        return str(row["asked"])

    def dirty(self, company: str, now: datetime) -> list[Dirty]:
        """Records whose time to be looked at again has come."""
        due = or_(dirty.c.not_before.is_(None), dirty.c.not_before <= now)
        asked = select(dirty).where(dirty.c.company == company, due)
        asked = asked.order_by(dirty.c.kind, dirty.c.source_id, dirty.c.qbo_id)
        with self._db.read() as connection:
            return [
                Dirty(
                    kind=codec.member(Kind, row.kind),
                    source_id=row.source_id,
                    qbo_id=row.qbo_id,
                    reason=row.reason,
                    attempts=row.attempts,
                    not_before=row.not_before,
                    since=row.since,
                    asked=row.asked,
                )
                for row in rows(connection, asked)
            ]

    def dirty_count(self, company: str) -> int:
        """How many records are in the dirty set, due or not."""
        with self._db.read() as connection:
            return connection.scalar(select(func.count()).where(dirty.c.company == company)) or 0


def _check(record: Held, resolution: str) -> None:
    if resolution not in RESOLUTIONS:
        raise StateError(f"{resolution!r} is no resolution.", remedy=f"Choose one of: {', '.join(RESOLUTIONS)}.")
    if resolution not in record.actions:
        allowed = ", ".join(record.actions) or "none"
        raise StateError(
            f"{resolution} is not possible for {record.case} {record.kind}.", remedy=f"Allowed: {allowed}."
        )


def _decoded(row: Any) -> Held:
    return Held(
        company=row["company"],
        kind=codec.member(Kind, row["kind"]),
        source_id=row["source_id"],
        qbo_id=row["qbo_id"],
        case=row["case"],
        reason=row["reason"],
        label=row["label"],
        problems=msgspec.convert(codec.from_json(row["problems"]), tuple[Problem, ...]),
        source_value=codec.to_projection(row["source_value"]),
        qbo_value=codec.to_projection(row["qbo_value"]),
        base_value=codec.to_projection(row["base_value"]),
        actions=tuple(codec.from_json(row["actions"])),
        id=row["id"],
        since=row["since"],
        resolution=row["resolution"],
    )
