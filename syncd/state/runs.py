"""Runs and the read meter: what was done when, in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select, update

from syncd.errors import StateError
from syncd.state import codec, tables
from syncd.state.part import Part
from syncd.state.values import Run

runs = tables.runs
meter = tables.meter

_PREFIX = "run-"


def run_number(run_id: str) -> int | None:
    """The number behind a run's id; None for an id that ``begin_run`` did not give."""
    number = run_id.removeprefix(_PREFIX)
    return int(number) if run_id.startswith(_PREFIX) and number.isascii() and number.isdigit() else None


class Runs(Part):
    """The runs of each company, and its metered reads per month."""

    def begin_run(self, company: str, what: str) -> Run:
        """A run starts. Its id rises with time."""
        now = self._clock.now()
        row = {
            "company": company,
            "what": what,
            "started_at": now,
            "ended_at": None,
            "outcome": "",
            "counts": "{}",
            "note": "",
        }
        with self._db.write() as connection:
            number: int = connection.execute(runs.insert().returning(runs.c.seq), row).scalar_one()
        return Run(id=f"{_PREFIX}{number}", company=company, what=what, started_at=now)

    def end_run(self, run_id: str, outcome: str, counts: Mapping[str, int], note: str = "") -> None:
        """A run ends with ``outcome`` and what it did in numbers."""
        values = {
            "ended_at": self._clock.now(),
            "outcome": outcome,
            "counts": codec.to_json(dict(counts)),
            "note": codec.shown(note),
        }
        with self._db.write() as connection:
            if connection.execute(update(runs).where(runs.c.seq == run_number(run_id)).values(values)).rowcount != 1:
                raise StateError(f"There is no run {run_id}.")

    def runs(self, company: str, limit: int = 20) -> list[Run]:
        """The latest runs, newest first."""
        asked = select(runs).where(runs.c.company == company).order_by(runs.c.seq.desc()).limit(limit)
        with self._db.read() as connection:
            return [decoded(row) for row in connection.execute(asked).mappings()]

    def last_run(self, company: str, what: str) -> Run | None:
        """The latest run of one sort."""
        asked = select(runs).where(runs.c.company == company, runs.c.what == what).order_by(runs.c.seq.desc()).limit(1)
        with self._db.read() as connection:
            row = connection.execute(asked).mappings().first()
        return None if row is None else decoded(row)

    def add_reads(self, company: str, month: str, n: int) -> int:
        """Count metered reads of a month (``2026-01``); the month's new total."""
        statement = self._db.insert(meter).values(company=company, month=month, reads=n)
        statement = statement.on_conflict_do_update(
            index_elements=["company", "month"], set_={"reads": meter.c.reads + statement.excluded.reads}
        )
        with self._db.write() as connection:
            total: int = connection.execute(statement.returning(meter.c.reads)).scalar_one()
        return total

    def reads(self, company: str, month: str) -> int:
        """Metered reads of a month so far."""
        with self._db.read() as connection:
            asked = select(meter.c.reads).where(meter.c.company == company, meter.c.month == month)
            return connection.scalar(asked) or 0


def decoded(row: Any) -> Run:
    """A row of the table as a value."""
    return Run(
        id=f"{_PREFIX}{row['seq']}",
        company=row["company"],
        what=row["what"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        outcome=row["outcome"],
        counts=codec.from_json(row["counts"]),
        note=row["note"],
    )
