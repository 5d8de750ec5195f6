"""How far a state has come, and what happens to one that turns out to be older than the world (F-113).

The fence of a company's lease and the length of its history only rise. Noted elsewhere, they tell a state that was
restored from a backup. An *epoch* is a number above every fence and every generation that may have been given out in
the time that was lost: after it no request id of that time can come again, and no notes of that time count any more.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, select, update

from syncd.errors import StateError
from syncd.state import codec, companies, history, leases, tables
from syncd.state.database import rows
from syncd.state.part import Part
from syncd.state.values import Standing

journal = tables.journal


class Epochs(Part):
    """Whether this state is the latest one, as far as it can tell itself."""

    def standing(self, company: str) -> Standing:
        """How far this state has come; all zero for a company it knows nothing of."""
        fence = select(tables.leases.c.fence).where(tables.leases.c.name == leases.lease_name(company))
        chain = select(tables.chains.c.length, tables.chains.c.head).where(tables.chains.c.company == company)
        with self._db.read() as connection:
            known = companies.find(connection, company)
            head = connection.execute(chain).first()
            return Standing(
                fence=connection.scalar(fence) or 0,
                length=head.length if head is not None else 0,
                head=head.head if head is not None else history.GENESIS,
                epoch=known.epoch if known is not None else 0,
            )

    def history_hash(self, company: str, length: int) -> str:
        """The last hash of the history when it had ``length`` rows; empty where it has fewer (or none)."""
        mine = (tables.history.c.company == company, tables.history.c.seq == length)
        with self._db.read() as connection:
            return connection.scalar(select(tables.history.c.hash).where(*mine)) or history.GENESIS

    def known_writes(self, journal_ids: Collection[str]) -> frozenset[str]:
        """Those of these ids that the journal knows."""
        with self._db.read() as connection:
            return frozenset(
                row.id
                for chunk in codec.chunks(sorted(journal_ids))
                for row in rows(connection, select(journal.c.id).where(journal.c.id.in_(chunk)))
            )

    def mark_restored(self, company: str, reason: str) -> None:
        """Halt a company because this state is older than the world. Only ``begin_epoch`` ends that."""
        now = self._clock.now()
        with self._db.write() as connection:
            known = companies.find(connection, company)
            if known is not None and known.restored_at is not None:
                return
            since = known.halted_since if known is not None and known.halted_since is not None else now
            values = {"restored_at": now, "halted_since": since, "halt_reason": reason}
            companies.put(connection, self._db, company, **values)
            self._event(connection, company, "restored", companies.BY_ITSELF, reason)

    def begin_epoch(self, company: str, epoch: int, *, actor: str, reason: str) -> None:
        """End the halt of a restored state: from here on it counts as the latest one, under a number of its own.

        Raises ``StateError`` where the company is not known to be restored, or where ``epoch`` is not above what was
        given out before: then it would keep nothing apart.
        """
        now = self._clock.now()
        name = leases.lease_name(company)
        with self._db.write() as connection:
            known = companies.find(connection, company)
            if known is None or known.restored_at is None:
                raise StateError(f"The state of {company} is not known to be restored from a backup.")
            fence = connection.scalar(select(tables.leases.c.fence).where(tables.leases.c.name == name)) or 0
            if epoch <= max(fence, known.epoch):
                raise StateError(f"The epoch {epoch} of {company} is not above fence {fence} and epoch {known.epoch}.")
            values = {"epoch": epoch, "restored_at": None, "halted_since": None, "halt_reason": ""}
            companies.put(connection, self._db, company, **values)
            # Whoever holds the lease at this moment loses it: what it decided, it decided before the links were right.
            row = {"name": name, "holder": "", "fence": epoch, "ttl_milliseconds": 0, "acquired_at": now}
            connection.execute(self._db.insert(tables.leases).on_conflict_do_nothing(), {**row, "expires_at": now})
            ended = update(tables.leases).where(tables.leases.c.name == name)
            connection.execute(ended.values(fence=epoch, holder="", expires_at=now))
            self._event(connection, company, "resume", actor, f"epoch {epoch}: {reason}")

    def _event(self, connection: Connection, company: str, action: str, actor: str, reason: str) -> None:
        row = history.company_row(action, actor=actor, reason=reason, at=self._clock.now())
        history.append(connection, self._db, company, [row])
