"""Leases: who may work on what, until when, under which fencing number.

The row of a lease is never removed, so its fence only rises: a holder that was paused while the lease passed on has a
lower fence than the row and is refused inside the very transaction in which it would write. Time limits only decide
who may try; the fence decides who may write, so clocks that differ a little between machines do no harm.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, or_, select, update

from syncd.errors import LeaseHeld, LeaseLost
from syncd.state import tables
from syncd.state.database import Database
from syncd.state.part import Part
from syncd.state.values import Lease

leases = tables.leases

_current = select(leases.c.holder, leases.c.fence).where(leases.c.name == bindparam("of")).with_for_update()


def lease_name(company: str) -> str:
    """How the lease of a company is called in the table."""
    return f"company:{company}"


def take(
    connection: Connection, database: Database, name: str, holder: str, ttl_seconds: float, now: datetime
) -> Lease | tuple[str, datetime]:
    """Take a lease that is free or has run out; else who holds it and until when. One atomic statement."""
    until = now + timedelta(seconds=ttl_seconds)
    row = {
        "name": name,
        "holder": holder,
        "fence": 1,
        "ttl_milliseconds": round(ttl_seconds * 1000),
        "acquired_at": now,
        "expires_at": until,
    }
    statement = database.insert(leases).values(row)
    taken = {
        column: statement.excluded[column] for column in ("holder", "ttl_milliseconds", "acquired_at", "expires_at")
    }
    fence = connection.execute(
        statement.on_conflict_do_update(
            index_elements=["name"],
            set_={**taken, "fence": leases.c.fence + 1},
            where=or_(leases.c.holder == "", leases.c.expires_at <= now),
        ).returning(leases.c.fence)
    ).scalar()
    if fence is not None:
        return Lease(company=name, holder=holder, fence=fence, expires_at=until)
    current = connection.execute(select(leases.c.holder, leases.c.expires_at).where(leases.c.name == name)).one()
    return current.holder, current.expires_at


def take_over(connection: Connection, name: str, holder: str, now: datetime) -> None:
    """End the lease of a holder that is known to live no more; whoever takes it next gets a higher fence."""
    dead = (leases.c.name == name, leases.c.holder == holder)
    connection.execute(update(leases).where(*dead).values(holder="", expires_at=now))


def give_back(connection: Connection, name: str, lease: Lease, now: datetime) -> None:
    """End a lease that is still ours; nothing where it is not."""
    ours = (leases.c.name == name, leases.c.fence == lease.fence, leases.c.holder == lease.holder)
    connection.execute(update(leases).where(*ours).values(holder="", expires_at=now))


def prolong(connection: Connection, name: str, lease: Lease, now: datetime) -> datetime | None:
    """Move the end of a lease that is still ours; None where it has passed on. Late is fine while nobody took it."""
    ours = (leases.c.name == name, leases.c.fence == lease.fence, leases.c.holder == lease.holder)
    ttl = connection.scalar(select(leases.c.ttl_milliseconds).where(*ours).with_for_update())
    if ttl is None:
        return None
    until = now + timedelta(milliseconds=ttl)
    connection.execute(update(leases).where(*ours).values(expires_at=until))
    return until


def check_fence(connection: Connection, lease: Lease) -> None:
    """Refuse to write when the lease has passed on; lock its row, so that it cannot pass on before our commit."""
    current = connection.execute(_current, {"of": lease_name(lease.company)}).first()
    if current is None or current.fence != lease.fence or current.holder != lease.holder:
        by = f" to {current.holder}" if current is not None and current.holder else ""
        raise LeaseLost(f"The lease of {lease.company} passed on{by}: this runner writes nothing more.")


class Leases(Part):
    """One runner per company."""

    def acquire(
        self, company: str, holder: str, ttl_seconds: float, *, gone: Callable[[str], bool] = lambda _: False
    ) -> Lease:
        """Become the runner of a company. ``LeaseHeld`` names who is, and until when.

        ``gone`` judges a holder that is in the way: one that certainly lives no more (killed on this machine) need not
        be waited for. Should it live after all, its fence is lower from now on, and it can store nothing.
        """
        name, now = lease_name(company), self._clock.now()
        with self._db.write() as connection:
            taken = take(connection, self._db, name, holder, ttl_seconds, now)
            if not isinstance(taken, Lease) and gone(taken[0]):
                take_over(connection, name, taken[0], now)
                taken = take(connection, self._db, name, holder, ttl_seconds, now)
        if isinstance(taken, Lease):
            return Lease(company=company, holder=holder, fence=taken.fence, expires_at=taken.expires_at)
        other, until = taken
        raise LeaseHeld(f"{other} works on {company} until {until:%Y-%m-%d %H:%M:%S} UTC.")

    def renew(self, lease: Lease) -> Lease:
        """Keep the lease for as long again as it was acquired for; ``LeaseLost`` when it passed on meanwhile."""
        with self._db.write() as connection:
            until = prolong(connection, lease_name(lease.company), lease, self._clock.now())
        if until is None:
            raise LeaseLost(f"The lease of {lease.company} passed on: this runner writes nothing more.")
        return Lease(company=lease.company, holder=lease.holder, fence=lease.fence, expires_at=until)

    def release(self, lease: Lease) -> None:
        """Let the next runner in at once."""
        with self._db.write() as connection:
            give_back(connection, lease_name(lease.company), lease, self._clock.now())
