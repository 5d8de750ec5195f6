"""A first push that is killed again and again ends as if nothing had happened (I11; F-6, F-7, F-55)."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from syncd.report import CycleRequest
from syncd.sandbox.server import RunningSandbox
from tests.e2e.conftest import Make
from tests.e2e.helpers import (
    at_rest,
    command,
    configure,
    documents,
    mutations,
    once,
    same_books,
    snapshot,
    syncd,
)
from tests.e2e.killing import LEASE_SECONDS, kill_in_flight, runner, until
from tests.support.world import World
from tests.support.world import world as new_world

INVOICES = 60
SMALL = {"batch_size": 6}


def fill(world: World) -> None:
    """About sixty invoices of ten clients, half of them paid, one payment over two invoices."""
    rng = random.Random(7)
    with_items = [world.item("Hours"), world.item("Unknown")]
    clients = [world.client(f"Client {n}") for n in range(10)]
    for number in range(INVOICES):
        client = clients[number % 10]
        lines = [
            (f"{rng.randint(1, 900)}.{rng.randint(0, 99):02}", f"Part {k}", rng.choice(with_items)) for k in (1, 2)
        ]
        invoice = world.invoice(client, f"INV-{number:03}", *lines)
        if number % 2:
            world.payment(client, (invoice, lines[0][0]), reference=f"P-{number:03}")
    world.payment(clients[0], (1, "0.50"), (11, "0.25"), reference="P-BOTH")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, sandbox: RunningSandbox) -> Iterator[World]:
    """What it should come to: the same source, one run."""
    with new_world(tmp_path_factory.mktemp("undisturbed"), sandbox, name="undisturbed") as other:
        fill(other)
        other.run()
        yield other


def posts(world: World) -> int:
    """Writes of this company that the look-alike has seen so far, committed or not."""
    return len(mutations(world, 0))


def recovered(world: World, undisturbed: World) -> None:
    """Both books hold the same documents, nothing is open, nothing is twice, and the audit agrees."""
    once(world)
    same_books(world, undisturbed)
    assert world.store.open_entries(world.name) == []
    at_rest(world)
    ours, theirs = snapshot(world), snapshot(undisturbed)
    for table in ("invoice", "payment"):
        assert [r["qbo_id"] is not None for r in ours[table]] == [r["qbo_id"] is not None for r in theirs[table]]
        assert [r.get("number") for r in ours[table]] == [r.get("number") for r in theirs[table]]


@pytest.mark.failure("F-1", "F-6", "F-7")
@pytest.mark.parametrize(
    ("when", "numbers", "places"),
    [("before", True, (1, 4)), ("after", True, (1, 2, 4, 6)), ("after", False, (2, 5))],
    ids=["before the commit", "after the commit", "after the commit, QuickBooks numbers"],
)
def test_killed_while_each_kind_of_write_is_on_its_way(
    make: Make, undisturbed: World, when: str, numbers: bool, places: tuple[int, ...]
) -> None:
    """The answer is held back, so that the kill falls exactly between the commit in QuickBooks and our hearing of it,
    or exactly before the commit."""
    world = make(qbo=SMALL, custom_txn_numbers=numbers)
    fill(world)
    with runner(world) as running:
        for nth in places:
            kill_in_flight(world, running, when=when, endpoint="batch", nth=nth)
        running.finish()
    if numbers:
        recovered(world, undisturbed)
    else:
        assert len(world.books("Invoice")) == INVOICES
        kept = {r["number"] for r in world.rows("SELECT number FROM invoice")}
        assert kept == {i["DocNumber"] for i in world.books("Invoice")}
        at_rest(world)


@pytest.mark.failure("F-1", "F-6", "F-115")
@pytest.mark.parametrize("seed", [1])
def test_killed_at_any_time(make: Make, undisturbed: World, seed: int) -> None:
    rng = random.Random(seed)
    world = make(qbo=SMALL)
    fill(world)
    kills = 0
    with runner(world) as running:
        for _ in range(6):
            seen, wanted = posts(world), rng.randint(0, 5)
            child = running.start()
            pause = rng.random() * 0.08
            end = time.monotonic() + 3.0
            while posts(world) < seen + wanted and time.monotonic() < end:
                time.sleep(0.001)
            time.sleep(pause)
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            kills += running.wait() == -signal.SIGKILL
            time.sleep(LEASE_SECONDS + 0.01)
        running.finish()
    assert kills >= 2
    recovered(world, undisturbed)


def test_asked_to_stop_it_ends_the_write_in_hand(make: Make, undisturbed: World) -> None:
    world = make(qbo=SMALL)
    fill(world)
    with runner(world) as running:
        child = running.start()
        until(lambda: posts(world) >= 4)
        os.kill(child, signal.SIGTERM)
        assert running.wait() in {0, 3}
        assert world.store.open_entries(world.name) == []
        partly = len(world.books("Invoice"))
        assert partly < INVOICES
        running.start()
        assert running.wait() == 0
    recovered(world, undisturbed)


def test_the_stop_event_is_heard_between_two_writes(make: Make, undisturbed: World) -> None:
    world = make(qbo=SMALL)
    fill(world)
    done: list[int] = []

    def progress(number: int, _total: int, _what: str) -> None:
        done.append(number)
        if len(done) == 4:
            world.stop.set()

    report = world.engine.reconcile(CycleRequest(approve_first_run=True), progress)
    assert "next run goes on" in report.notes[0]
    assert world.store.open_entries(world.name) == []
    assert 0 < len(world.books("Invoice")) + len(world.books("Customer")) < INVOICES
    world.stop.clear()
    world.run()
    recovered(world, undisturbed)
    assert documents(world)["payments"]


@pytest.mark.failure("F-1", "F-7", "F-9")
def test_the_command_is_killed_and_typed_again(make: Make, undisturbed: World) -> None:
    world = make()
    fill(world)
    config = configure(world)
    world.sandbox.add_fault("stall", seconds=30.0, when="after", then="reset", endpoint="batch", nth=2, count=1)
    first = subprocess.Popen(
        command(config, "reconcile", "--approve-first-run"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    until(lambda: any(r["fault_rule"] for r in world.sandbox.requests(realm=world.realm, endpoint="batch")))
    first.kill()
    first.wait()
    world.sandbox.clear_faults()
    again = syncd(config, "reconcile")
    assert again.returncode == 0, again.stdout + again.stderr
    recovered(world, undisturbed)
