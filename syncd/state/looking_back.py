"""Looking back: one run and what it wrote, the history line by line, and whether every write has its line."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import Select, except_, func, select

from syncd.model.kinds import Kind
from syncd.state import codec, journal, runs, tables
from syncd.state.part import Part
from syncd.state.values import HistoryLine, JournalEntry, JournalState, Run

PAGE = 1000
TOLD = (JournalState.CONFIRMED, JournalState.REFUSED)
"""Outcomes of writes that the history tells. The others changed nothing and were decided anew."""

history = tables.history


class LookingBack(Part):
    """Questions about the past. Nothing here is on the way of a cycle."""

    def run(self, run_id: str) -> Run | None:
        """One run by its id, of whichever company; None where there is none."""
        number = runs.run_number(run_id)
        with self._db.read() as connection:
            row = connection.execute(select(tables.runs).where(tables.runs.c.seq == number)).mappings().first()
        return None if row is None else runs.decoded(row)

    def writes_of(self, company: str, run_id: str) -> list[JournalEntry]:
        """The journal's entries of one run, oldest first, whatever became of them."""
        mine = (tables.journal.c.company == company, tables.journal.c.run_id == run_id)
        with self._db.read() as connection:
            asked = select(tables.journal).where(*mine).order_by(tables.journal.c.seq)
            return [journal.decoded(row) for row in connection.execute(asked).mappings()]

    def entries(self, journal_ids: Collection[str]) -> dict[str, JournalEntry]:
        """Entries of the journal by their ids; one that is not known has no place in the answer."""
        with self._db.read() as connection:
            return {
                row["id"]: journal.decoded(row)
                for chunk in codec.chunks(sorted(journal_ids))
                for row in connection.execute(select(tables.journal).where(tables.journal.c.id.in_(chunk))).mappings()
            }

    def history_lines(
        self,
        company: str,
        *,
        kind: Kind | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[HistoryLine]:
        """The history line by line, oldest first, in constant memory; lines about the company itself have no kind.

        ``since`` is included, ``until`` is not. Each page is a short transaction of its own.
        """
        last = 0
        asked = select(history).where(history.c.company == company).order_by(history.c.seq).limit(PAGE)
        asked = asked.where(history.c.kind == kind.value) if kind is not None else asked
        asked = asked.where(history.c.at >= since) if since is not None else asked
        asked = asked.where(history.c.at < until) if until is not None else asked
        while True:
            with self._db.read() as connection:
                page = connection.execute(asked.where(history.c.seq > last)).mappings().all()
            for row in page:
                yield _line(row)
            if len(page) < PAGE:
                return
            last = page[-1]["seq"]

    def history_head(self, company: str) -> tuple[int, str]:
        """How many lines the history has and the hash of the last one; (0, "") for an empty one."""
        with self._db.read() as connection:
            asked = select(tables.chains.c.length, tables.chains.c.head).where(tables.chains.c.company == company)
            row = connection.execute(asked).first()
        return (0, "") if row is None else (row.length, row.head)

    def history_line(self, company: str, number: int) -> HistoryLine | None:
        """One line by its number; None where there is none."""
        asked = select(history).where(history.c.company == company, history.c.seq == number)
        with self._db.read() as connection:
            row = connection.execute(asked).mappings().first()
        return None if row is None else _line(row)

    def unrecorded(self, company: str) -> tuple[int, str]:
        """Writes that the journal knows as done or refused and that the history does not tell: how many, and one.

        The two are stored in one transaction, so that there is none unless somebody took lines away: a second witness
        for an end that was cut off together with the head of the chain.
        """
        told = _journal_ids(company)
        known = select(tables.journal.c.id).where(
            tables.journal.c.company == company, tables.journal.c.state.in_([state.value for state in TOLD])
        )
        missing = except_(known, told).subquery()
        with self._db.read() as connection:
            row = connection.execute(select(func.count(), func.min(missing.c.id))).one()
        return int(row[0]), row[1] or ""


def _journal_ids(company: str) -> Select[Any]:
    return select(history.c.journal_id).where(history.c.company == company, history.c.journal_id != "")


def _line(row: Any) -> HistoryLine:
    return HistoryLine(
        number=row["seq"],
        at=row["at"],
        kind=row["kind"],
        source_id=row["source_id"],
        qbo_id=row["qbo_id"],
        side=row["side"],
        verb=row["verb"],
        case=row["case"],
        reason=row["reason"],
        actor=row["actor"],
        result=row["result"],
        before=row["before"],
        after=row["after"],
        journal_id=row["journal_id"],
        request_id=row["request_id"],
        tid=row["tid"],
        run_id=row["run_id"],
        previous_hash=row["previous_hash"],
        hash=row["hash"],
    )
