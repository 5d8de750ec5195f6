"""The append-only history of a company: what was done to which record, by whom, why, before and after.

Each row holds the hash of the row before it, and the chain's length and last hash are kept apart, so that a row that
was changed, removed or cut off at the end shows. Triggers refuse changes; the chain is for those who can drop triggers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, or_, select, update

from syncd.model.kinds import Kind, Side
from syncd.model.writes import Verb
from syncd.state import codec, instants, tables
from syncd.state.database import Database, rows
from syncd.state.part import Part
from syncd.state.values import OPEN_JOURNAL_STATES, CompanyEvent, HistoryEvent, JournalState, RecentWrite

history = tables.history
chains = tables.chains

GENESIS = ""
"""What the first row holds as the hash of the row before it."""
PAGE = 1000

NOT_WRITTEN = {JournalState.REFUSED, JournalState.SUPERSEDED, JournalState.ABANDONED, *OPEN_JOURNAL_STATES}
"""Results of events that changed nothing on the other side: they are no writes for the churn brake."""
DONE = "done"
NOT_TAKEN = "not taken"
"""How the result of a write begins whose answer still shows what was there before; the fields follow."""

_HASHED = tuple(column.name for column in history.c if column.name not in {"hash", "previous_hash"})

_head = select(chains.c.length, chains.c.head).where(chains.c.company == bindparam("of")).with_for_update()
_move_head = (
    update(chains)
    .where(chains.c.company == bindparam("of"))
    .values(length=bindparam("new_length"), head=bindparam("new_head"))
)


def append(connection: Connection, database: Database, company: str, new: Sequence[dict[str, Any]]) -> None:
    """Add rows to the company's chain. The row of ``chains`` is locked meanwhile, so that the chain never forks."""
    if not new:
        return
    head = connection.execute(_head, {"of": company}).first()
    if head is None:
        connection.execute(
            database.insert(chains).on_conflict_do_nothing(), {"company": company, "length": 0, "head": GENESIS}
        )
        head = connection.execute(_head, {"of": company}).one()
    length: int = head.length
    last: str = head.head
    for row in new:
        length += 1
        row.update(company=company, seq=length, previous_hash=last)
        last = row["hash"] = _hash(last, row)
    connection.execute(history.insert(), list(new))
    connection.execute(_move_head, {"of": company, "new_length": length, "new_head": last})


def _hash(previous: str, row: dict[str, Any]) -> str:
    """Of everything the row says and of the hash before it; instants as text, so that every database agrees."""
    values = [row[name] if name != "at" else instants.instant_text(row[name]) for name in _HASHED]
    return hashlib.sha256(f"{previous}\n{codec.to_json(values)}".encode()).hexdigest()


def row_of(event: HistoryEvent, *, now: datetime, run_id: str) -> dict[str, Any]:
    """An event as a row of the table, without its place in the chain."""
    return {
        "kind": str(event.kind),
        "source_id": event.source_id,
        "qbo_id": event.qbo_id,
        "side": str(event.side),
        "verb": str(event.verb),
        "case": codec.shown(event.case),
        "reason": codec.shown(event.reason),
        "actor": codec.shown(event.actor),
        "result": codec.shown(event.result),
        "before": codec.to_json(event.before),
        "after": codec.to_json(event.after),
        "journal_id": event.journal_id,
        "request_id": event.request_id,
        "tid": event.tid,
        "run_id": event.run_id or run_id,
        "at": event.at or now,
    }


def company_row(action: str, *, actor: str, reason: str, at: datetime) -> dict[str, Any]:
    """A row about the company itself: its kind and ids are empty."""
    blank = dict.fromkeys(("kind", "source_id", "qbo_id", "case", "journal_id", "request_id", "tid", "run_id"), "")
    said = {"verb": action, "actor": codec.shown(actor), "reason": codec.shown(reason), "result": "done", "at": at}
    return {**blank, **said, "side": str(Side.STATE), "before": "{}", "after": "{}"}


class History(Part):
    """Reading the history and proving that it is whole."""

    def history(self, company: str, kind: Kind, record_id: str) -> list[HistoryEvent]:
        """Everything that happened to a record, oldest first, found by its id on either side."""
        mine = and_(history.c.company == company, history.c.kind == str(kind))
        either = or_(history.c.source_id == record_id, history.c.qbo_id == record_id)
        with self._db.read() as connection:
            found = connection.execute(select(history).where(mine, either).order_by(history.c.seq)).mappings().all()
        return [_event(row) for row in found]

    def company_events(self, company: str) -> list[CompanyEvent]:
        """What people and brakes did to the company as a whole, oldest first."""
        asked = select(history.c.verb, history.c.actor, history.c.reason, history.c.at)
        asked = asked.where(history.c.company == company, history.c.kind == "").order_by(history.c.seq)
        with self._db.read() as connection:
            return [CompanyEvent(*row) for row in rows(connection, asked)]

    def verify_history(self, company: str) -> tuple[bool, int, int | None]:
        """Recompute the chain: whether it is whole, how many rows were read, and the first row that is not right."""
        last, read = GENESIS, 0
        with self._db.read() as connection:
            head = connection.execute(_head_unlocked(company)).first()
            for row in _pages(connection, company):
                read += 1
                expected = _hash(last, row)
                if (row["seq"], row["previous_hash"], row["hash"]) != (read, last, expected):
                    return False, read, read
                last = expected
        if (read, last) != (tuple(head) if head is not None else (0, GENESIS)):
            return False, read, read + 1
        return True, read, None

    def recent_writes(
        self, company: str, since: datetime, keys: Collection[tuple[Kind, str, str]]
    ) -> dict[tuple[Kind, str, str], list[RecentWrite]]:
        """Confirmed creates and updates of the given records after ``since``, oldest first, for the churn brake.

        A write's fields are those of ``after`` that differ from ``before``. A record without writes has no entry.
        """
        found: dict[tuple[Kind, str, str], list[RecentWrite]] = {}
        with self._db.read() as connection:
            for kind in sorted({key[0] for key in keys}):
                mine = [key for key in keys if key[0] == kind]
                self._recent_of_kind(connection, company, since, kind, mine, found)
        return found

    @staticmethod
    def _recent_of_kind(
        connection: Connection,
        company: str,
        since: datetime,
        kind: Kind,
        keys: Sequence[tuple[Kind, str, str]],
        found: dict[tuple[Kind, str, str], list[RecentWrite]],
    ) -> None:
        for column, place in ((history.c.source_id, 1), (history.c.qbo_id, 2)):
            # A record is found by its source id where it has one: writes from before it was linked count too.
            named = {key[place]: key for key in keys if key[place] and (place == 1 or not key[1])}
            for chunk in codec.chunks(named):
                asked = select(column, history.c.side, history.c.verb, history.c.before, history.c.after, history.c.at)
                asked = asked.where(history.c.company == company, history.c.kind == str(kind), column.in_(chunk))
                asked = asked.where(history.c.at > since, history.c.result.not_in([str(r) for r in NOT_WRITTEN]))
                asked = asked.where(history.c.verb.in_([Verb.CREATE.value, Verb.UPDATE.value]))
                for record_id, side, verb, before, after, at in rows(connection, asked.order_by(history.c.seq)):
                    old = codec.to_projection(before)
                    new = codec.to_projection(after)
                    written = {name: value for name, value in new.items() if old.get(name) != value}
                    write = RecentWrite(side=Side(side), verb=Verb(verb), written=written, at=at)
                    found.setdefault(named[record_id], []).append(write)

    def not_taken(
        self, company: str, keys: Collection[tuple[Kind, str, str]]
    ) -> dict[tuple[Kind, str, str], dict[Side, int]]:
        """By side, how many of a record's latest updates that side answered and did not take: those since the last one
        that it took. A record without such an update has no entry."""
        found: dict[tuple[Kind, str, str], dict[Side, int]] = {}
        with self._db.read() as connection:
            for kind in sorted({key[0] for key in keys}):
                for column, place in ((history.c.source_id, 1), (history.c.qbo_id, 2)):
                    named = {k[place]: k for k in keys if k[0] is kind and k[place] and (place == 1 or not k[1])}
                    for chunk in codec.chunks(named):
                        mine = (history.c.company == company, history.c.kind == str(kind), column.in_(chunk))
                        kept = history.c.result.like(f"{NOT_TAKEN}%")
                        some = {name for (name,) in rows(connection, select(column).where(*mine, kept).distinct())}
                        if not some:
                            continue
                        asked = select(column, history.c.side, history.c.result).where(*mine, column.in_(some))
                        asked = asked.where(history.c.verb == Verb.UPDATE.value, or_(kept, history.c.result == DONE))
                        for name, side, result in rows(connection, asked.order_by(history.c.seq)):
                            counts = found.setdefault(named[name], {})
                            counts[Side(side)] = counts.get(Side(side), 0) + 1 if result != DONE else 0
        return found


def _head_unlocked(company: str) -> Any:
    return select(chains.c.length, chains.c.head).where(chains.c.company == company)


def _pages(connection: Connection, company: str) -> Iterator[dict[str, Any]]:
    last = 0
    while True:
        asked = select(history).where(history.c.company == company, history.c.seq > last)
        page = connection.execute(asked.order_by(history.c.seq).limit(PAGE)).mappings().all()
        for row in page:
            yield dict(row)
        if len(page) < PAGE:
            return
        last = page[-1]["seq"]


def _event(row: Any) -> HistoryEvent:
    return HistoryEvent(
        kind=codec.member(Kind, row["kind"]),
        source_id=row["source_id"],
        qbo_id=row["qbo_id"],
        side=codec.member(Side, row["side"]),
        verb=codec.member(Verb, row["verb"]),
        case=row["case"],
        reason=row["reason"],
        actor=row["actor"],
        result=row["result"],
        before=codec.to_projection(row["before"]),
        after=codec.to_projection(row["after"]),
        journal_id=row["journal_id"],
        request_id=row["request_id"],
        tid=row["tid"],
        run_id=row["run_id"],
        at=row["at"],
    )
