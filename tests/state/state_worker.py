"""What another process does to the same state, by name: run as ``python state_worker.py URL JOB ...``."""

from __future__ import annotations

import sys
from collections.abc import Callable

from sqlalchemy import select, update
from state_world import COMPANY, KEY, REALM, intent, tokens

from syncd.clock import SystemClock
from syncd.errors import LeaseHeld
from syncd.state import tables
from syncd.state.store import Store


def count(store: Store, times: str) -> None:
    """Read, add one, write back: loses counts unless transactions really exclude each other."""
    meter = tables.meter
    mine = meter.c.company == "counter"
    for _ in range(int(times)):
        with store._db.write() as connection:
            now = connection.scalar(select(meter.c.reads).where(mine).with_for_update())
            connection.execute(update(meter).where(mine).values(reads=(now or 0) + 1))


def race(store: Store, holder: str) -> None:
    """Wait for the start, then try to become the runner."""
    store.schema_is_current()
    say("ready")
    sys.stdin.readline()
    try:
        say(f"fence {store.acquire(COMPANY, holder, 600).fence}")
    except LeaseHeld:
        say("held")


def intend_and_wait(store: Store) -> None:
    """Intend a write and be killed before anything is settled."""
    lease = store.acquire(COMPANY, "doomed", 1)
    entry = store.intend(lease, [intent("S-doomed")])[0]
    store.mark_sent(lease, [(entry.id, "", "", b"the exact bytes")])
    say(entry.id)
    sys.stdin.readline()


def lock_and_wait(store: Store) -> None:
    """Hold the token lock until killed."""
    with store.tokens("sandbox", REALM).lock():
        say("locked")
        sys.stdin.readline()


def rotate(store: Store, name: str, times: str) -> None:
    """Replace the grant by compare-and-set; how often this process won."""
    mine = store.tokens("sandbox", REALM)
    won = 0
    while won < int(times):
        grant = mine.load()
        assert grant is not None
        won += mine.save(tokens(access=f"{name}-{won}"), grant.version)
    say(str(won))


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


JOBS: dict[str, Callable[..., None]] = {
    job.__name__: job for job in (count, race, intend_and_wait, lock_and_wait, rotate)
}

if __name__ == "__main__":
    url, job, *arguments = sys.argv[1:]
    with Store.open(url, clock=SystemClock(), encryption_keys=[KEY]) as opened:
        JOBS[job](opened, *arguments)
