"""Several threads and processes at once, and one that is killed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, update
from state_world import COMPANY, REALM, answer, confirm, event, intent, settled, tokens, worker

from syncd.clock import ManualClock
from syncd.errors import LeaseHeld, LeaseLost
from syncd.state import tables
from syncd.state.journal import SlotBusy
from syncd.state.store import Store
from syncd.state.values import Cursors, JournalState, Lease

meter = tables.meter


def test_four_threads_count_to_200(store: Store) -> None:
    store.add_reads("counter", "2026-01", 0)

    def count(_: int) -> None:
        for _ in range(50):
            with store._db.write() as connection:
                asked = select(meter.c.reads).where(meter.c.company == "counter").with_for_update()
                now = connection.execute(asked).scalar_one()
                connection.execute(update(meter).where(meter.c.company == "counter").values(reads=now + 1))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(4)))
    assert store.reads("counter", "2026-01") == 200


def test_four_processes_count_to_200(url: str, store: Store) -> None:
    store.add_reads("counter", "2026-01", 0)
    for process in [worker(url, "count", "50") for _ in range(4)]:
        answer(process)
    assert store.reads("counter", "2026-01") == 200


def test_four_threads_meter_without_losing_reads(store: Store) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: store.add_reads(COMPANY, "2026-01", 3), range(80)))
    assert store.reads(COMPANY, "2026-01") == 240


@pytest.mark.failure("F-5")
def test_two_processes_race_for_a_lease(url: str, store: Store) -> None:
    racers = [worker(url, "race", f"runner-{n}") for n in range(2)]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    assert sorted(answer(racer) for racer in racers) == ["fence 1", "held"]
    with pytest.raises(LeaseHeld, match="runner-"):
        store.acquire(COMPANY, "third", 60)


def test_a_holder_that_wakes_up_late_cannot_write(
    open_store: Callable[[], Store], store: Store, clock: ManualClock
) -> None:
    paused = store.acquire(COMPANY, "paused", 60)
    entry = store.intend(paused, [intent()])[0]
    clock.advance(61)
    next_one = open_store()
    current = next_one.acquire(COMPANY, "next", 60)
    assert current.fence == paused.fence + 1
    for write in (
        lambda: confirm(store, paused, entry),
        lambda: store.intend(paused, [intent("S2")]),
        lambda: store.mark_sent(paused, [(entry.id, "", "", b"")]),
        lambda: store.renew(paused),
    ):
        with pytest.raises(LeaseLost, match="lease"):
            write()
    store.release(paused)  # no concern: it is not ours any more
    assert next_one.open_entries(COMPANY)[0].state is JournalState.INTENDED
    confirm(next_one, current, entry)


def test_the_fence_counts_and_not_the_name(store: Store, clock: ManualClock) -> None:
    """A restarted service may bear the name of the one that is still paused somewhere."""
    paused = store.acquire(COMPANY, "same name", 60)
    entry = store.intend(paused, [intent()])[0]
    clock.advance(61)
    current = store.acquire(COMPANY, "same name", 60)
    with pytest.raises(LeaseLost):
        confirm(store, paused, entry)
    confirm(store, current, entry)


@pytest.mark.failure("F-115")
def test_a_killed_runner_leaves_its_entry_open(url: str, store: Store, clock: ManualClock) -> None:
    doomed = worker(url, "intend_and_wait")
    assert doomed.stdout is not None
    journal_id = doomed.stdout.readline().strip()
    doomed.kill()
    doomed.communicate()
    entry = store.open_entries(COMPANY)[0]
    assert (entry.id, entry.state, entry.attempts) == (journal_id, JournalState.SENT, 1)
    assert entry.intent.body == b"the exact bytes"
    clock.advance(10 * 365 * 86400)
    lease = store.acquire(COMPANY, "successor", 60)
    with pytest.raises(SlotBusy):
        store.intend(lease, [intent("S-doomed")])
    store.mark_sent(lease, [(entry.id, "", "", b"the exact bytes")])
    confirm(store, lease, entry)
    assert store.intend(lease, [intent("S-doomed")])[0].generation == 2


def test_a_killed_holder_of_the_token_lock_does_not_block_for_ever(url: str, store: Store, clock: ManualClock) -> None:
    process = worker(url, "lock_and_wait")
    assert process.stdout is not None
    assert process.stdout.readline() == "locked\n"
    process.kill()
    process.communicate()
    clock.advance((datetime.now(UTC) - clock.now()).total_seconds())  # the other process has the machine's clock
    before = clock.monotonic()
    with store.tokens("sandbox", REALM).lock():
        assert 80 < clock.monotonic() - before < 110
    with store.tokens("sandbox", REALM).lock(wait_seconds=0):
        pass


def test_four_processes_rotate_a_grant_without_losing_one(url: str, store: Store) -> None:
    mine = store.tokens("sandbox", REALM)
    assert mine.save(tokens(), 0)
    for process in [worker(url, "rotate", f"p{n}", "10") for n in range(4)]:
        assert answer(process) == "10"
    grant = mine.load()
    assert grant is not None
    assert grant.version == 41


def test_settling_from_many_threads_keeps_one_chain(store: Store, lease: Lease) -> None:
    def settle(n: int) -> None:
        settled(store, lease, history=(event(f"S{n}"),), cursors=Cursors(source=str(n)))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(settle, range(24)))
    whole, rows, bad = store.verify_history(COMPANY)
    assert (whole, bad) == (True, None)
    assert rows == 25  # and the pin
