"""Settling: everything that becomes true at one moment, in one transaction or not at all."""

from __future__ import annotations

from sqlalchemy import select

from syncd.state import codec, history, holds, journal, leases, links, relink, tables
from syncd.state.part import Part
from syncd.state.values import Cursors, Lease, Settlement

cursors = tables.cursors


class Settling(Part):
    """The one door through which a cycle changes what is remembered."""

    def settle(self, lease: Lease, settlement: Settlement, *, run_id: str) -> None:
        """Store a settlement. ``LeaseLost``: another runner took over. ``StateError``: it contradicts what is stored.

        The order inside matters where one settlement says two things of a record: it is cleared before it is put into
        the dirty set or held, so saying both means "look at it again, as a new matter".
        """
        now = self._clock.now()
        company = lease.company
        with self._db.write() as connection:
            leases.check_fence(connection, lease)
            journal.close(connection, company, settlement.outcomes, now)
            relink.apply(connection, company, settlement.links)
            links.move_versions(connection, company, settlement.versions)
            holds.clean(connection, company, settlement.clean)
            holds.soil(connection, company, settlement.dirty, now)
            holds.unhold(connection, company, settlement.unheld, now)
            holds.hold(connection, company, settlement.held, now=now, run_id=run_id)
            rows = [history.row_of(event, now=now, run_id=run_id) for event in settlement.history]
            history.append(connection, self._db, company, rows)
            if settlement.cursors is not None:
                row = {
                    "company": company,
                    "qbo": settlement.cursors.qbo,
                    "source": settlement.cursors.source,
                    "counts": codec.to_json(settlement.cursors.counts),
                }
                connection.execute(self._db.upsert(cursors), row)

    def cursors(self, company: str) -> Cursors:
        """How far each side has been read; empty before the first settled cycle."""
        asked = select(cursors.c.qbo, cursors.c.source, cursors.c.counts).where(cursors.c.company == company)
        with self._db.read() as connection:
            row = connection.execute(asked).first()
        if row is None:
            return Cursors()
        return Cursors(qbo=row.qbo, source=row.source, counts=codec.from_json(row.counts))
